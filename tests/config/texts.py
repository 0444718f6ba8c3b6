"""Reading configuration texts in tests."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from txregistry.config.auth import AUTH_OPTIONS
from txregistry.config.drivers import DRIVER_OPTIONS, OptionsReader
from txregistry.config.kinds import Kinds
from txregistry.config.middleware import MIDDLEWARE_OPTIONS
from txregistry.config.reading import Reading, read_config


@frozen
class Kind:
    """A driver, an access controller or a middleware as the configuration sees it."""

    name: str
    read_options: OptionsReader


#: The drivers, access controllers and middlewares that exist.
KINDS = Kinds(
    {name: Kind(name, reader) for name, reader in DRIVER_OPTIONS.items()},
    {name: Kind(name, reader) for name, reader in AUTH_OPTIONS.items()},
    {(layer, name): Kind(name, reader) for (layer, name), reader in MIDDLEWARE_OPTIONS.items()},
)

#: The least that a file must say.
LEAST = "version: 0.1\nstorage: inmemory\nhttp: {addr: ':5000'}\n"


def read(text: str, environ: Mapping[str, str] | None = None) -> Reading:
    """Read *text* with the drivers that exist."""
    return read_config(text, environ or {}, KINDS)
