"""The storage drivers that exist, by the name that a configuration gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from txregistry.drivers._instant import InstantReads
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IStorageDriver, IWorkers


@frozen
class DriverKind:
    """
    One kind of driver.

    :ivar name: the key below ``storage`` that chooses it.
    :ivar build: makes a driver from its options and the threads that it may
        use.  What the options are is the configuration's affair: an object
        with the attributes that the row below names.
    :ivar remembers: asking it costs no more than asking this process's
        memory, and it hears of what other programs did: a cache in memory
        before it would only be wrong more often.
    """

    name: str
    build: Callable[[Any, IWorkers], IStorageDriver]
    remembers: bool = False


def _filesystem(options: Any, workers: IWorkers) -> IStorageDriver:
    return FilesystemDriver(options.root_directory, workers, options.max_threads, InstantReads())


def _inmemory(options: Any, workers: IWorkers) -> IStorageDriver:
    return InMemoryDriver()


#: Every kind by its name.
DRIVERS: Mapping[str, DriverKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            DriverKind("filesystem", _filesystem, remembers=True),  # the kernel does
            DriverKind("inmemory", _inmemory),
        )
    }
)
