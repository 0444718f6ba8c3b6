"""Tests of :mod:`txregistry.drivers.filesystem`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.contracts.drivers import StorageDriverContract, StorageDriverModel
from tests.fakes.workers import InlineWorkers
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.interfaces import IStorageDriver
from txregistry.threads import Workers


class FilesystemDriverTests(StorageDriverContract, TestCase):
    """The filesystem driver keeps the contract."""

    def make_driver(self) -> IStorageDriver:
        return FilesystemDriver(self.mktemp(), InlineWorkers())


class FilesystemModelTests(StorageDriverModel, SynchronousTestCase):
    """The filesystem driver is a dictionary."""

    def make_driver(self) -> IStorageDriver:
        return FilesystemDriver(self.mktemp(), InlineWorkers())


class ThreadedFilesystemDriverTests(StorageDriverContract, TestCase):
    """The filesystem driver keeps the contract when many threads work for it."""

    def make_driver(self) -> IStorageDriver:
        from twisted.internet import reactor

        workers = Workers(reactor, 8)  # type: ignore[arg-type]
        workers.startService()
        self.addCleanup(workers.stopService)
        return FilesystemDriver(self.mktemp(), workers, max_threads=6)
