"""Tests of :mod:`txregistry.drivers.filesystem`."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.contracts.drivers import StorageDriverContract
from tests.contracts.drivers_model import StorageDriverModel
from tests.contracts.stored import write_all
from tests.drivers.disk_calls import open_descriptors
from tests.fakes.lines import lines
from tests.fakes.workers import HeldWorkers, InlineWorkers
from txregistry.drivers import _directories, _disk, _files
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.errors import NotRunning
from txregistry.interfaces import IStorageDriver
from txregistry.threads import Workers


class FilesystemDriverTests(StorageDriverContract, TestCase):
    """The filesystem driver keeps the contract."""

    def make_driver(self) -> IStorageDriver:
        return FilesystemDriver(self.mktemp(), InlineWorkers(), sleep=lambda _: None)


class FilesystemModelTests(StorageDriverModel, SynchronousTestCase):
    """The filesystem driver is a dictionary."""

    def make_driver(self) -> IStorageDriver:
        return FilesystemDriver(self.mktemp(), InlineWorkers(), sleep=lambda _: None)


class Elsewhere:
    """A module whose functions may not be called in this thread; *called* counts what was."""

    def __init__(self, module: Any, called: list[str]) -> None:
        self._module, self._called = module, called
        self._here = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return self._guarded(name, found) if callable(found) else found

    def _guarded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._called.append(name)
            if threading.get_ident() == self._here:
                raise AssertionError(f"{name} was called in the reactor's thread")
            return function(*arguments, **named)

        return call


class ThreadedFilesystemDriverTests(StorageDriverContract, TestCase):
    """The filesystem driver keeps the contract when many threads work for it, and the reactor's does not."""

    def make_driver(self) -> IStorageDriver:
        from twisted.internet import reactor

        workers = Workers(reactor, 8)
        workers.startService()
        driver = FilesystemDriver(self.mktemp(), workers, max_threads=6)
        self.called: list[str] = []
        for module, name in ((_disk, "os"), (_files, "os"), (_directories, "os"), (_files, "fcntl")):
            self.patch(module, name, Elsewhere(getattr(module, name), self.called))
        self.addCleanup(self.check_left, open_descriptors())
        self.addCleanup(workers.stopService)
        return driver

    def check_left(self, before: dict[str, str]) -> None:
        """No file below the root is open after the test."""
        left = set(open_descriptors().values()) - set(before.values())
        self.assertEqual({path for path in left if os.getcwd() in path}, set())

    async def test_the_disk_is_watched(self) -> None:
        """The functions that touch the disk are the ones that are watched here."""
        await self.driver.put("/a/b", b"x")
        await write_all(self.driver, "/u/data", "/b/data", b"x")
        (await self.driver.open("/a/b")).close()
        self.assertLessEqual({"open", "write", "fsync", "replace", "flock", "writev"}, set(self.called))


class AbandonedCallsTests(SynchronousTestCase):
    """What becomes of files whose caller went away while they were opened."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.mkdir(self.root)
        with open(f"{self.root}/here", "wb") as file:
            file.write(b"12345")
        self.held = HeldWorkers()
        self.driver = FilesystemDriver(self.root, self.held)
        self.before = open_descriptors()
        self.addCleanup(lambda: self.assertEqual(open_descriptors(), self.before))

    def test_open(self) -> None:
        """A file is closed again that was opened for nobody, whichever comes first."""
        for order in ((0, 0), (1, 0)):
            opening = Deferred.fromCoroutine(self.driver.open("/here"))
            opening.cancel()
            self.failureResultOf(opening, CancelledError)
            for index in order:
                self.held.step(index)
            self.assertEqual((self.held.waiting, open_descriptors()), ([], self.before))

    def test_writer(self) -> None:
        """A file that was locked for nobody is unlocked again, whichever comes first."""
        for order in ((0, 0), (1, 0)):
            opening = Deferred.fromCoroutine(self.driver.writer("/here"))
            opening.cancel()
            self.failureResultOf(opening, CancelledError)
            for index in order:
                self.held.step(index)
            opening = Deferred.fromCoroutine(self.driver.writer("/here"))
            self.held.step()
            closing = Deferred.fromCoroutine(self.successResultOf(opening).close())
            self.held.step()
            self.successResultOf(closing)

    def test_read(self) -> None:
        """A reader can be closed while an abandoned read waits; the read then touches nothing."""
        opening = Deferred.fromCoroutine(self.driver.open("/here"))
        self.held.step()
        reader = self.successResultOf(opening)
        reading = Deferred.fromCoroutine(reader.read(0, 5))
        reading.cancel()
        reader.close()
        self.failureResultOf(reading, CancelledError)
        self.held.step(1)
        self.held.step(0)
        self.assertEqual(open_descriptors(), self.before)


class TripsTests(SynchronousTestCase):
    """How often the threads are asked."""

    def setUp(self) -> None:
        self.workers = InlineWorkers()
        self.root = self.mktemp()
        self.driver = FilesystemDriver(self.root, self.workers)

    def test_one_trip_each(self) -> None:
        """Each call is one trip to a thread."""

        def trips(call: Any) -> Any:
            before = self.workers.calls
            result = self.successResultOf(Deferred.fromCoroutine(call))
            self.assertEqual(self.workers.calls - before, 1)
            return result

        trips(self.driver.put("/deep/down/link", b"x"))
        trips(self.driver.get("/deep/down/link", 10))
        trips(self.driver.stat("/deep/down/link"))
        trips(self.driver.list("/deep"))
        for path in ("/new/prefix/data", "/new/prefix/other"):
            trips(self.driver.put(path, b"", durable=False))
        writer = trips(self.driver.writer("/new/prefix/data"))
        trips(writer.write([b"a"] * 3000))
        trips(writer.read(0, 3000))
        trips(writer.close())
        trips(trips(self.driver.writer("/new/prefix/data")).commit("/blobs/ab/data"))
        trips(trips(self.driver.writer("/new/prefix/other")).cancel())
        reader = trips(self.driver.open("/blobs/ab/data"))
        trips(reader.read(0, 3000))
        before = self.workers.calls
        reader.close()
        self.assertEqual(self.workers.calls - before, 1)
        trips(self.driver.delete("/blobs"))

    def test_no_trip(self) -> None:
        """Making a driver, and asking where clients may read, touches nothing."""
        self.successResultOf(Deferred.fromCoroutine(self.driver.redirect_url("/a", "GET")))
        self.assertEqual((self.workers.calls, os.path.exists(self.root)), (0, False))

    def test_max_threads(self) -> None:
        """The driver has no more calls under way than it may; those who wait come in turn."""
        held = HeldWorkers()
        driver = FilesystemDriver(self.root, held, max_threads=3)
        puts = [Deferred.fromCoroutine(driver.put(f"/a/{number}", b"")) for number in range(5)]
        self.assertEqual(len(held.waiting), 3)
        for put in puts:
            self.assertNoResult(put)
            held.step()
            self.successResultOf(put)

    def test_no_threads_any_more(self) -> None:
        """A reader that is closed when the threads have ended is closed all the same."""
        self.successResultOf(Deferred.fromCoroutine(self.driver.put("/a", b"x")))
        before = open_descriptors()
        reader = self.successResultOf(Deferred.fromCoroutine(self.driver.open("/a")))
        self.patch(self.workers, "run", lambda work: fail(NotRunning()))
        self.assertNotEqual(open_descriptors(), before)
        reader.close()
        self.assertEqual(open_descriptors(), before)

    def test_closing_fails(self) -> None:
        """What the disk says when a file is closed is one line, and a fault of ours has its traceback."""
        self.successResultOf(Deferred.fromCoroutine(self.driver.put("/a", b"x")))
        run = self.workers.run
        for error, line in (
            (OSError(errno.EIO, "broken"), "a file was not closed well: filesystem: /a: broken"),
            (ZeroDivisionError(), "a file was not closed well [ZeroDivisionError]"),
        ):
            self.patch(self.workers, "run", run)
            reader = self.successResultOf(Deferred.fromCoroutine(self.driver.open("/a")))
            closing: Deferred[None] = Deferred()
            self.patch(self.workers, "run", lambda _, closing=closing: closing)
            with capturedLogs() as events:
                reader.close()
                closing.errback(error)
            self.assertEqual(lines(events), [("error", line)])
        self.flushLoggedErrors(ZeroDivisionError)
