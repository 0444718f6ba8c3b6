"""txregistry: a container image registry daemon on Twisted."""

from txregistry._version import __version__

__all__ = ["__version__"]
