"""Tests of :mod:`tests.fakes.failing`."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.contracts.drivers import StorageDriverContract
from tests.fakes.failing import FailingDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import ContentTruncated, PathNotFound, StorageError, StorageFull
from txregistry.interfaces import IStorageDriver

T = TypeVar("T")


class UnfailingDriverTests(StorageDriverContract, TestCase):
    """Until it is told to fail, it is a driver like the one it wraps."""

    def make_driver(self) -> IStorageDriver:
        return FailingDriver(InMemoryDriver())


class FailingDriverTests(SynchronousTestCase):
    """Each way to fail."""

    def setUp(self) -> None:
        self.driver = FailingDriver(InMemoryDriver())
        self.now(self.driver.put("/a", b"12345"))

    def now(self, call: Coroutine[Deferred[Any], Any, T]) -> T:
        """What *call* returns."""
        return self.successResultOf(Deferred.fromCoroutine(call))

    def refused(self, kind: type[Exception], call: Coroutine[Deferred[Any], Any, Any]) -> None:
        """*call* fails."""
        self.failureResultOf(Deferred.fromCoroutine(call), kind)

    def test_full(self) -> None:
        """When the space is used up, puts and writes fail and store nothing."""
        self.driver.space = 6
        self.now(self.driver.put("/w", b""))
        writer = self.now(self.driver.writer("/w"))
        self.now(writer.write([b"12", b"34"]))
        self.refused(StorageFull, writer.write([b"56", b"7"]))
        self.assertEqual(writer.size, 4)
        self.refused(StorageFull, self.driver.put("/a", b"123"))
        self.now(self.driver.put("/b", b"12"))
        self.assertEqual(self.now(self.driver.get("/a", 10)), b"12345")
        self.driver.space = None
        self.now(writer.write([b"567"]))

    def test_broken(self) -> None:
        """A broken path fails in every reading call, also when it was open already."""
        reader = self.now(self.driver.open("/a"))
        self.driver.broken.add("/a")
        self.refused(StorageError, reader.read(0, 1))
        for call in (self.driver.get("/a", 10), self.driver.stat("/a"), self.driver.open("/a")):
            self.refused(StorageError, call)

    def test_truncated(self) -> None:
        """Truncated content cannot be read to its stated end, not even by its writer."""
        writer = self.now(self.driver.writer("/a"))
        reader = self.now(self.driver.open("/a"))
        self.driver.truncated["/a"] = 3
        self.assertEqual(self.now(reader.read(0, 3)), b"123")
        self.refused(ContentTruncated, reader.read(2, 2))
        self.assertEqual(self.now(writer.read(0, 3)), b"123")
        self.refused(ContentTruncated, writer.read(2, 2))
        self.assertEqual(self.now(self.driver.get("/a", 10)), b"123")

    def test_vanished(self) -> None:
        """A vanished path is as if it had never been stored."""
        self.driver.vanished.add("/a")
        for call in (self.driver.get("/a", 10), self.driver.stat("/a"), self.driver.open("/a")):
            self.refused(PathNotFound, call)

    def test_failing(self) -> None:
        """A method that is named fails, the others do not."""
        self.driver.failing.add("delete")
        self.refused(StorageError, self.driver.delete("/a"))
        self.assertEqual(self.now(self.driver.get("/a", 10)), b"12345")

    def test_open_ends(self) -> None:
        """Readers and writers are counted until they are given up, once each."""
        reader, writer = self.now(self.driver.open("/a")), self.now(self.driver.writer("/a"))
        self.assertEqual((self.driver.open_readers, self.driver.open_writers), (1, 1))
        reader.close()
        reader.close()
        self.now(writer.cancel())
        self.assertEqual((self.driver.open_readers, self.driver.open_writers), (0, 0))
