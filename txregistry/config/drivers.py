"""
What each storage driver can be told: one frozen class and one pure reader per driver.

The driver table (:mod:`txregistry.drivers.table`) names them; this module knows no driver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from attrs import frozen

from txregistry.config.cursor import Cursor
from txregistry.config.decoding import describe
from txregistry.config.scalars import resolve

#: How an options reader looks: parameters to a frozen options object, faults noted on the cursor.
OptionsReader = Callable[[Cursor], object]

#: Fewer than these are raised to it.
FEWEST_THREADS = 25


class DriverKind(Protocol):
    """A row of the driver table, as far as the configuration cares."""

    @property
    def name(self) -> str:
        """The key under ``storage`` that chooses this driver."""

    @property
    def read_options(self) -> OptionsReader:
        """Makes the options object out of what stands below that key."""


@frozen
class FilesystemOptions:
    """Content in files below *root_directory*, with at most *max_threads* calls at the same time."""

    root_directory: str = "/var/lib/registry"
    max_threads: int = 100


@frozen
class InMemoryOptions:
    """Content in memory, gone at the end: nothing to choose."""


def read_filesystem_options(cursor: Cursor) -> FilesystemOptions:
    """Read ``storage.filesystem``."""
    defaults = FilesystemOptions()
    root = cursor.printed("rootdirectory", "" if "rootdirectory" in cursor else defaults.root_directory)
    if not root:
        # distribution goes on with "<nil>" or with the root of the system: nobody can want that.
        cursor.fault("rootdirectory", "must name a directory")
    return FilesystemOptions(root, _max_threads(cursor, defaults.max_threads))


def read_inmemory_options(cursor: Cursor) -> InMemoryOptions:
    """Read ``storage.inmemory``."""
    return InMemoryOptions()


#: The reader of each driver's options.
DRIVER_OPTIONS: Mapping[str, OptionsReader] = MappingProxyType(
    {"filesystem": read_filesystem_options, "inmemory": read_inmemory_options}
)

#: Drivers of distribution that do not exist here, and why.
MISSING: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("s3", "s3aws", "gcs", "azure"), "not supported yet"),
        **dict.fromkeys(("swift", "oss"), "not supported, distribution 3 has dropped it"),
    }
)


def _max_threads(cursor: Cursor, default: int) -> int:
    value = cursor.raw("maxthreads")
    if not isinstance(value, str):
        return max(FEWEST_THREADS, cursor.integer("maxthreads", default))
    # A quoted number is good here, and only here, if it has no sign.
    number = resolve(value, None, plain=True)
    if type(number) is not int or not value[0].isdigit():
        cursor.fault("maxthreads", f"must be an integer, not {describe(value)}")
        return default
    return max(FEWEST_THREADS, number)
