"""Tests of :mod:`txregistry.drivers._instant`, and of the driver that uses it."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.contracts.drivers import StorageDriverContract
from tests.contracts.drivers_model import StorageDriverModel
from tests.drivers.disk_calls import open_descriptors
from tests.fakes.workers import HeldWorkers, InlineWorkers
from txregistry.drivers import _disk, _instant
from txregistry.drivers._instant import LIMIT, InstantReads
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.errors import ContentTooLarge, PathNotFound
from txregistry.interfaces import Entry, IStorageDriver

T = TypeVar("T")


def write(place: str, content: bytes) -> str:
    """Make a file, and return where it is."""
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as file:
        file.write(content)
    return place


def taught(root: str) -> InstantReads:
    """Reads that know the device of *root*."""
    reads = InstantReads()
    descriptor = os.open(root, os.O_RDONLY)
    try:
        reads.learn(descriptor)
    finally:
        os.close(descriptor)
    return reads


class InstantReadsTests(SynchronousTestCase):
    """
    What is read at once, and what is left to the threads.

    The directory of the tests must be on one of the local file systems that
    the module knows, and the kernel be one of Linux 5.12 or newer.
    """

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        self.reads = taught(self.root)
        before = open_descriptors()
        self.addCleanup(lambda: self.assertEqual(open_descriptors(), before))

    def place(self, name: str, content: bytes) -> str:
        """A new file."""
        return write(f"{self.root}/{name}", content)

    def test_read(self) -> None:
        """Small content that was written lately is in memory."""
        for size in (1, 71, LIMIT):
            content = os.urandom(size)
            self.assertEqual(self.reads.read(self.place("a/link", content), LIMIT), content)

    def test_too_much(self) -> None:
        """Content over the limit, the caller's or our own, is not read; nor is none."""
        place = self.place("a", b"x" * (LIMIT + 1))
        self.assertIsNone(self.reads.read(place, LIMIT * 2))
        self.assertIsNone(self.reads.read(self.place("b", b"xy"), 1))
        self.assertIsNone(self.reads.read(self.place("c", b""), 1))

    def test_absent(self) -> None:
        """What is missing, or no file, is for others to tell."""
        os.mkfifo(f"{self.root}/fifo")
        for name in ("none", "none/none", "fifo", "."):
            self.assertIsNone(self.reads.read(f"{self.root}/{name}", 100))
            self.assertIsNone(self.reads.open(f"{self.root}/{name}"))

    def test_forbidden(self) -> None:
        """What may not be read is for others to tell, too."""
        os.symlink("loop", f"{self.root}/loop")
        self.assertIsNone(self.reads.open(f"{self.root}/loop"))
        self.assertIsNone(self.reads.open(f"{self.root}/{'x' * 300}"))

    def test_open(self) -> None:
        """A file is opened with its status."""
        opened = self.reads.open(self.place("a", b"12345"))
        assert opened is not None
        descriptor, found = opened
        self.assertEqual((os.pread(descriptor, 9, 0), found.st_size), (b"12345", 5))
        self.assertFalse(os.get_inheritable(descriptor))
        os.close(descriptor)

    def test_status(self) -> None:
        """A directory has a status; a file is no directory."""
        found = self.reads.status(self.root)
        assert found is not None
        self.assertTrue(os.path.samestat(found, os.stat(self.root)))
        self.assertIsNone(self.reads.status(self.place("a", b"x")))

    def test_file_status(self) -> None:
        """A file has a status; a directory is no file."""
        place = self.place("a", b"12345")
        found = self.reads.file_status(place)
        assert found is not None
        self.assertTrue(os.path.samestat(found, os.stat(place)))
        self.assertIsNone(self.reads.file_status(self.root))

    def test_symbolic_link(self) -> None:
        """Links are followed."""
        self.place("a", b"x")
        os.symlink("a", f"{self.root}/b")
        self.assertEqual(self.reads.read(f"{self.root}/b", 10), b"x")

    def test_unlearned(self) -> None:
        """Nothing is even tried before the device is known."""
        reads = InstantReads()
        place = self.place("a", b"x")
        self.assertEqual((reads.read(place, 9), reads.open(place), reads.status(self.root)), (None,) * 3)

    def test_other_device(self) -> None:
        """A device that is not known is left alone, until it is."""
        place = self.place("a", b"x")
        self.reads._devices = frozenset((os.stat(place).st_dev + 1,))
        self.assertIsNone(self.reads.read(place, 9))
        with open(place, "rb") as file:
            self.reads.learn(file.fileno())
        self.assertEqual(self.reads.read(place, 9), b"x")

    def test_not_local(self) -> None:
        """After something turned up on a file system that may wait, nothing is tried, says the log."""
        place = self.place("a", b"x")
        with open("/proc/self/status", "rb") as file, capturedLogs() as events:
            self.reads.learn(file.fileno())
            self.reads.learn(file.fileno())
        self.assertIsNone(self.reads.read(place, 9))
        [line] = map(formatEvent, events)
        self.assertIn("(type 0x9fa0)", line)
        with open(place, "rb") as file:
            self.reads.learn(file.fileno())
        self.assertIsNone(self.reads.read(place, 9))

    def test_old_kernel(self) -> None:
        """A kernel, or a C library, that cannot do it costs nothing but speed."""

        def lacking() -> Any:
            raise AttributeError("openat2")

        for fault in (lacking, lambda: None):
            self.patch(_instant, "_Kernel" if fault is lacking else "_kernel", fault)
            reads = taught(self.root)
            self.assertIsNone(reads.read(self.place("a", b"x"), 9))

    def test_failing_read(self) -> None:
        """A read that would wait, fails, or finds less than there was is left to others."""
        place = self.place("a", b"xyz")

        def failing(_: int, buffers: Any, *__: int) -> int:
            raise BlockingIOError

        for preadv in (failing, lambda *_: 2):
            self.patch(os, "preadv", preadv)
            self.assertIsNone(self.reads.read(place, 9))


class InstantFilesystemDriverTests(StorageDriverContract, TestCase):
    """The filesystem driver keeps the contract when it reads past the threads."""

    def make_driver(self) -> IStorageDriver:
        return FilesystemDriver(self.mktemp(), InlineWorkers(), instant=taught("."), sleep=lambda _: None)


class InstantFilesystemModelTests(StorageDriverModel, SynchronousTestCase):
    """The filesystem driver that reads past the threads is a dictionary."""

    def make_driver(self) -> IStorageDriver:
        return FilesystemDriver(self.mktemp(), InlineWorkers(), instant=taught("."), sleep=lambda _: None)


class PastTheThreadsTests(SynchronousTestCase):
    """What the driver does without a trip."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        self.held = HeldWorkers()
        write(f"{self.root}/a/link", b"12345")
        self.driver = FilesystemDriver(self.root, self.held, instant=taught(self.root))

    def begin(self, call: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
        """Begin *call*."""
        return Deferred.fromCoroutine(call)

    def finish(self, call: Coroutine[Deferred[Any], Any, T]) -> T:
        """What *call* returns after one trip."""
        begun = self.begin(call)
        self.assertNoResult(begun)
        self.held.step()
        return self.successResultOf(begun)

    def test_get(self) -> None:
        """Content in memory is read at once; what is wrong with other content, a thread finds out."""
        self.assertEqual(self.successResultOf(self.begin(self.driver.get("/a/link", 5))), b"12345")
        for path, limit, kind in (("/a/link", 4, ContentTooLarge), ("/none", 4, PathNotFound)):
            begun = self.begin(self.driver.get(path, limit))
            self.held.step()
            self.failureResultOf(begun, kind)

    def test_stat(self) -> None:
        """What the kernel knows of a file is told at once, and is what a thread would find."""
        expected = self.finish(FilesystemDriver(self.root, self.held).stat("/a/link"))
        self.assertEqual(self.successResultOf(self.begin(self.driver.stat("/a/link"))), expected)
        begun = self.begin(self.driver.stat("/a/none"))
        self.held.step()
        self.failureResultOf(begun, PathNotFound)

    def test_open(self) -> None:
        """A file is opened at once, and closed in a thread."""
        before = open_descriptors()
        reader = self.successResultOf(self.begin(self.driver.open("/a/link")))
        self.assertEqual(reader.size, 5)
        self.assertEqual(os.pread(reader.fileno() or 0, 9, 0), b"12345")
        reader.close()
        self.held.step()
        self.assertEqual((open_descriptors(), self.held.waiting), (before, []))

    def test_taught_by_use(self) -> None:
        """The first read is a thread's; it teaches the ones that follow."""
        self.driver = FilesystemDriver(self.root, self.held, instant=InstantReads())
        self.assertEqual(self.finish(self.driver.get("/a/link", 5)), b"12345")
        self.assertEqual(self.successResultOf(self.begin(self.driver.get("/a/link", 5))), b"12345")

    def test_taught_by_opening(self) -> None:
        """A file that a thread opened teaches, too."""
        self.driver = FilesystemDriver(self.root, self.held, instant=InstantReads())
        self.finish(self.driver.open("/a/link")).close()
        self.held.step()
        self.successResultOf(self.begin(self.driver.open("/a/link"))).close()
        self.held.step()

    def test_list(self) -> None:
        """A directory that was left alone for some time is read once; any change makes it be read again."""
        write(f"{self.root}/a/x/y", b"")
        self.settle()
        whole = [Entry("link", False), Entry("x", True)]
        self.assertEqual(list(self.finish(self.driver.list("/a")).items), whole)
        again = self.successResultOf(self.begin(self.driver.list("/a")))
        self.assertEqual((list(again.items), again.more), (whole, False))
        first = self.successResultOf(self.begin(self.driver.list("/a", limit=1)))
        self.assertEqual((list(first.items), first.more), (whole[:1], True))
        behind = self.successResultOf(self.begin(self.driver.list("/a", "link")))
        self.assertEqual(list(behind.items), whole[1:])
        changes: list[Callable[[], object]] = [
            lambda: write(f"{self.root}/a/z", b""),
            lambda: os.unlink(f"{self.root}/a/z"),
            lambda: os.rename(f"{self.root}/a/x", f"{self.root}/a/w"),
        ]
        for change in changes:
            change()
            found = self.finish(self.driver.list("/a"))
            self.assertEqual([entry.name for entry in found.items], sorted(os.listdir(f"{self.root}/a")))
            self.assertEqual(self.successResultOf(self.begin(self.driver.list("/a"))), found)

    def test_list_of_late(self) -> None:
        """A directory that changed a moment ago is read each time."""
        for _ in range(3):
            self.assertEqual(len(self.finish(self.driver.list("/a")).items), 1)

    def test_list_with_links(self) -> None:
        """One that holds symbolic links is, too: what they lead to may come and go."""
        os.mkdir(f"{self.root}/target")
        os.symlink("../target", f"{self.root}/a/x")
        self.settle()
        self.assertEqual(list(self.finish(self.driver.list("/a")).items)[1:], [Entry("x", True)])
        os.rmdir(f"{self.root}/target")
        self.assertEqual(list(self.finish(self.driver.list("/a")).items)[1:], [Entry("x", False)])

    def test_list_of_nothing(self) -> None:
        """A directory that is gone is gone."""
        self.settle()
        self.finish(self.driver.list("/a"))
        os.unlink(f"{self.root}/a/link")
        os.rmdir(f"{self.root}/a")
        begun = self.begin(self.driver.list("/a"))
        self.held.step()
        self.failureResultOf(begun, PathNotFound)

    def settle(self) -> None:
        """Let some time go by: for the driver's clock."""
        later = os.stat(f"{self.root}/a").st_ctime_ns + 10_000_000_000

        class Later:
            @staticmethod
            def time_ns() -> int:
                return later

        self.patch(_disk, "time", Later)
