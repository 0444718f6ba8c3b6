"""What a configuration may choose from."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from txregistry.config.auth import AccessKind
from txregistry.config.drivers import DriverKind


@frozen
class Kinds:
    """By name, the storage drivers that ``storage`` may choose, and the access controllers of ``auth``."""

    drivers: Mapping[str, DriverKind]
    access: Mapping[str, AccessKind]
