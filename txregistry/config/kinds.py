"""What a configuration may choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

from txregistry.config.auth import AccessKind
from txregistry.config.drivers import DriverKind
from txregistry.config.middleware import MiddlewareKinds, Plugins


@frozen
class Kinds:
    """
    By name, the storage drivers that ``storage`` may choose, the access controllers of ``auth``, and the
    middlewares of ``middleware``.

    :ivar find_plugins: looks for more middlewares.
    """

    drivers: Mapping[str, DriverKind]
    access: Mapping[str, AccessKind]
    middleware: MiddlewareKinds = field(factory=dict)
    find_plugins: Callable[[], Plugins] = Plugins
