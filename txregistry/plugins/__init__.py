"""
Where plug-ins stand: modules in a directory ``txregistry/plugins`` of any entry of ``sys.path``.

This directory's own ``__init__.py`` is the only one: those of others hold modules alone, so that they may be
installed beside it or elsewhere.
"""

from twisted.plugin import pluginPackagePaths

__path__.extend(pluginPackagePaths(__name__))
__all__: list[str] = []
