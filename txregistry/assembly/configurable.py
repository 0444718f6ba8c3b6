"""The tables, as far as the configuration cares."""

from __future__ import annotations

from attrs import frozen

from txregistry.auth.table import ACCESS
from txregistry.config.auth import AUTH_OPTIONS
from txregistry.config.drivers import DRIVER_OPTIONS, OptionsReader
from txregistry.config.kinds import Kinds
from txregistry.drivers.table import DRIVERS
from txregistry.extensions import BUILT_IN, find_plugins


@frozen
class Configurable:
    """A row of a table as the configuration sees it: its *name* and the reader of its options."""

    name: str
    read_options: OptionsReader


#: What a configuration may choose from.
CONFIGURABLE = Kinds(
    {name: Configurable(name, DRIVER_OPTIONS[name]) for name in DRIVERS},
    {name: Configurable(name, AUTH_OPTIONS[name]) for name in ACCESS},
    BUILT_IN,
    find_plugins,
)
