"""Tests of :mod:`txregistry.drivers.inmemory`."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.contracts.drivers import StorageDriverContract
from tests.contracts.drivers_model import StorageDriverModel
from tests.contracts.stored import begin
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IStorageDriver


class InMemoryDriverTests(StorageDriverContract, TestCase):
    """The in-memory driver keeps the contract."""

    def make_driver(self) -> IStorageDriver:
        return InMemoryDriver()


class InMemoryModelTests(StorageDriverModel, SynchronousTestCase):
    """The in-memory driver is a dictionary."""

    def make_driver(self) -> IStorageDriver:
        return InMemoryDriver()


class InMemoryTimeTests(TestCase):
    """The time that is told is the one that was handed in."""

    async def test_modified(self) -> None:
        """Each write sets the time of the last change; a commit does not."""
        now = datetime(2024, 5, 1, tzinfo=UTC)
        driver = InMemoryDriver(lambda: now)
        await driver.put("/a", b"")
        writer = await begin(driver, "/b")
        now = datetime(2024, 5, 2, tzinfo=UTC)
        await writer.write([b"x"])
        await writer.close()
        await (await driver.writer("/a")).commit("/c")
        self.assertEqual((await driver.stat("/c")).modified, datetime(2024, 5, 1, tzinfo=UTC))
        self.assertEqual((await driver.stat("/b")).modified, datetime(2024, 5, 2, tzinfo=UTC))
