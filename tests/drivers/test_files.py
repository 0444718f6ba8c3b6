"""Tests of :mod:`txregistry.drivers._files`."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.drivers.disk_calls import DiskCalls, open_descriptors
from txregistry.drivers import _files
from txregistry.drivers._files import WRITE_BACK_EVERY, AppendFile, ReadFile
from txregistry.errors import ContentBusy, ContentTruncated, StorageError

_OTHER_PROCESS = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def commit(file: AppendFile) -> None:
    """Commit *file* where it is."""
    file.commit(lambda place: None)


class FileCase(SynchronousTestCase):
    """A directory to work in, at whose end no descriptor may be left."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        self.place = self.root + "/data"
        before = open_descriptors()
        self.addCleanup(lambda: self.assertEqual(open_descriptors(), before))

    def in_thread(self, work: Callable[[], Any]) -> threading.Thread:
        """Begin *work* in a thread."""
        thread = threading.Thread(target=work)
        thread.start()
        return thread


class ReadFileTests(FileCase):
    """Reading, and giving up at any time."""

    def opened(self, content: bytes = b"0123456789") -> ReadFile:
        """A file with *content*, open."""
        with open(self.place, "wb") as file:
            file.write(content)
        reader = ReadFile(self.place, "/data", id)
        reader.open()
        self.addCleanup(reader.close)
        return reader

    def test_truncated(self) -> None:
        """When the file has become shorter, a read fails rather than hand out less."""
        file = self.opened()
        os.truncate(self.place, 4)
        self.assertEqual((file.size, file.read(0, 4)), (10, b"0123"))
        with self.assertRaises(ContentTruncated):
            file.read(2, 3)

    def test_short_reads(self) -> None:
        """The system may return less than was asked for: the rest is read, too."""
        file = self.opened()
        real = os.pread
        self.patch(os, "pread", lambda fd, length, offset: real(fd, min(length, 3), offset))
        self.assertEqual(file.read(1, 8), b"12345678")
        with self.assertRaises(ContentTruncated):
            file.read(1, 10)

    def test_fileno(self) -> None:
        """The descriptor is the file's, until it is closed."""
        file = self.opened()
        descriptor = file.fileno()
        assert descriptor is not None
        self.assertEqual(os.pread(descriptor, 3, 5), b"567")
        file.close()
        self.assertIsNone(file.fileno())

    def test_closed_before_open(self) -> None:
        """Who gave up before it was opened leaves nothing open."""
        file = self.opened()
        file.close()
        file = ReadFile(self.place, "/data", id)
        file.close()
        file.open()
        self.assertIsNone(file.fileno())
        with self.assertRaises(StorageError):
            file.read(0, 1)

    def test_closed_while_reading(self) -> None:
        """A read that runs keeps its descriptor to its end, which then closes it."""
        file = self.opened()
        descriptor = file.fileno()
        assert descriptor is not None
        entered, free = threading.Event(), threading.Event()
        real, results = os.pread, []

        def pread(*arguments: int) -> bytes:
            entered.set()
            free.wait(30)
            return real(*arguments)

        self.patch(os, "pread", pread)
        thread = self.in_thread(lambda: results.append(file.read(0, 10)))
        entered.wait(30)
        file.close()
        file.close()
        os.fstat(descriptor)  # still open
        free.set()
        thread.join()
        self.assertEqual(results, [b"0123456789"])
        with self.assertRaises(OSError):
            os.fstat(descriptor)

    def test_fifo(self) -> None:
        """A FIFO is no content, and nobody waits for its other end."""
        os.mkfifo(self.place)
        with self.assertRaises(FileNotFoundError):
            ReadFile(self.place, "/data", id).open()


class AppendFileTests(FileCase):
    """Appending, alone."""

    def setUp(self) -> None:
        super().setUp()
        self.calls = DiskCalls(self, self.root)

    def opened(self) -> AppendFile:
        """The file, open; it begins empty."""
        with open(self.place, "ab"):
            pass
        file = AppendFile(self.place, "/data")
        file.open()
        self.addCleanup(file.abandon)
        return file

    def content(self) -> bytes:
        """What is in the file."""
        with open(self.place, "rb") as file:
            return file.read()

    def test_syncs(self) -> None:
        """Closing brings what was written to disk, committing all of it, abandoning nothing."""
        for end, pieces, calls in (
            (AppendFile.close, [b"123"], ["fdatasync /data"]),
            (AppendFile.close, [], []),
            (commit, [b"123"], ["fsync /data"]),
            (commit, [], ["fsync /data"]),
            (AppendFile.abandon, [b"123"], []),
        ):
            file = self.opened()
            file.write(pieces)
            self.assertEqual(self.calls.take(), [])
            end(file)
            self.assertEqual(self.calls.take(), calls)

    def test_publish(self) -> None:
        """A file is published when it is on the disk, by its place, and still locked."""
        file = self.opened()
        seen: list[str] = []

        def publish(place: str) -> None:
            seen.append(place)
            self.assertEqual(self.calls.take(), ["fsync /data"])
            with self.assertRaises(ContentBusy):
                self.opened()

        file.commit(publish)
        self.assertEqual(seen, [self.place])
        self.opened().close()

    def test_nothing_to_publish(self) -> None:
        """A file that was not synced, or lost its place, is not published, but let go."""
        for number in (errno.EIO, 0):
            file = self.opened()
            if number:
                failing = self.calls.fail("fsync", number)
            else:
                failing.restore()
                os.unlink(self.place)
            with self.assertRaises(OSError) as caught:
                file.commit(self.fail)
            self.assertEqual(isinstance(caught.exception, FileNotFoundError), not number)
            self.opened().close()

    def test_write_back_on_the_way(self) -> None:
        """The disk is set to work every so many bytes, each of them once; a refusal is no failure."""
        started: list[tuple[int, int]] = []

        def posix_fadvise(descriptor: int, start: int, length: int, advice: int) -> None:
            self.assertEqual(advice, os.POSIX_FADV_DONTNEED)
            started.append((start, length))
            raise OSError(errno.EINVAL, "Invalid argument")

        self.patch(os, "posix_fadvise", posix_fadvise)
        file = self.opened()
        piece = bytes(1 << 20)
        for _ in range(2 * (WRITE_BACK_EVERY >> 20) + 1):
            file.write([piece])
        self.assertEqual(started, [(0, WRITE_BACK_EVERY), (WRITE_BACK_EVERY, WRITE_BACK_EVERY)])
        self.assertEqual(self.calls.take(), [])
        file.close()
        self.assertEqual(self.calls.take(), ["fdatasync /data"])

    def test_given_up_on_the_way(self) -> None:
        """What lies behind the first part of a large file is spoken of until it is clean, and so given up."""
        self.patch(_files, "WRITE_BACK_EVERY", 4)
        self.patch(_files, "KEPT", 10)
        self.patch(_files, "LATE", 8)
        given: list[tuple[int, int]] = []
        self.patch(_files, "start_write_back", lambda _, start, end: given.append((start, end)))
        file = self.opened()
        for _ in range(7):
            file.write([b"1234"])
        self.assertEqual(given, [(0, 4), (4, 8), (8, 12), (10, 16), (10, 20), (12, 24), (16, 28)])
        file.close()

    def test_partial_writes(self) -> None:
        """The system may take less than it was given: the rest follows."""
        real = os.writev

        def writev(descriptor: int, pieces: Sequence[Any]) -> int:
            self.assertLessEqual(len(pieces), 1024)
            return real(descriptor, [memoryview(pieces[0])[:3]] if len(pieces[0]) > 3 else pieces[:2])

        self.patch(os, "writev", writev)
        file = self.opened()
        pieces = [b"", b"a", b"bc", b"", b"defghijk", b"l" * 10, b""] * 300
        file.write(pieces)
        file.close()
        self.assertEqual(self.content(), b"".join(pieces))
        self.assertEqual(file.size, len(self.content()))

    def test_full(self) -> None:
        """What does not fit is taken back in full; what was there stays, and can be gone on with."""
        file = self.opened()
        file.write([b"kept"])
        real, left = os.writev, [6]

        def writev(descriptor: int, pieces: Sequence[Any]) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            done = real(descriptor, [memoryview(b"".join(pieces))[: left[0]]])
            left[0] -= done
            return done

        self.patch(os, "writev", writev)
        with self.assertRaises(OSError):
            file.write([b"12345", b"678"])
        self.assertEqual((file.size, self.content()), (4, b"kept"))
        self.patch(os, "writev", real)
        file.write([b"!"])
        file.close()
        self.assertEqual(self.content(), b"kept!")

    def test_too_big(self) -> None:
        """The same holds when the system refuses for real: here by a limit on the size of files."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
        self.addCleanup(signal.signal, signal.SIGXFSZ, signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        file = self.opened()
        file.write([b"x" * 600])
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with self.assertRaises(OSError) as caught:
            file.write([b"y" * 300, b"z" * 300])
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertEqual(caught.exception.errno, errno.EFBIG)
        self.assertEqual((file.size, self.content()), (600, b"x" * 600))

    def test_sync_fails(self) -> None:
        """When data cannot be brought to disk, what was not there before is taken back."""
        file = self.opened()
        file.write([b"safe"])
        file.close()
        file = self.opened()
        file.write([b" lost"])
        self.calls.fail("fdatasync", errno.EIO)
        with self.assertRaises(OSError):
            file.close()
        self.assertEqual((file.size, self.content()), (4, b"safe"))
        self.opened().abandon()  # it is not locked any more

    def test_nothing_can_be_taken_back(self) -> None:
        """When even that fails, the size still is the file's."""
        file = self.opened()
        file.write([b"kept"])
        real = os.writev

        def writev(descriptor: int, pieces: Sequence[bytes]) -> int:
            if len(pieces[0]) > 1:
                return real(descriptor, [pieces[0][:1]])
            raise OSError(errno.EIO, "Input/output error")

        self.patch(os, "writev", writev)
        self.calls.fail("ftruncate", errno.EIO)
        with self.assertRaises(OSError):
            file.write([b"ab", b"c"])
        self.assertEqual((file.size, self.content()), (5, b"kepta"))

    def test_another_process(self) -> None:
        """A writer in another process excludes ours, until it ends; even when it is killed."""
        other = subprocess.Popen(
            [sys.executable, "-c", _OTHER_PROCESS, self.place], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with other:
            assert other.stdout is not None
            self.assertEqual(other.stdout.readline(), b"locked\n")
            with self.assertRaises(ContentBusy):
                self.opened()
            other.kill()
        self.opened().close()

    def test_moved_away_before_the_lock(self) -> None:
        """A file that became a blob before we had the lock is let go, and what has its place now is taken."""
        with open(self.place, "wb") as file:
            file.write(b"a blob by now")
        real, moves = fcntl.flock, [self.root + "/blob", self.root + "/blob2"]

        def flock(descriptor: int, operation: int) -> None:
            if moves:
                os.rename(self.place, moves.pop(0))
                if moves:
                    with open(self.place, "wb") as file:
                        file.write(b"another")
            real(descriptor, operation)

        self.patch(fcntl, "flock", flock)
        with self.assertRaises(FileNotFoundError):
            AppendFile(self.place, "/data").open()
        for name, content in (("/blob", b"a blob by now"), ("/blob2", b"another")):
            self.place = self.root + name
            self.assertEqual(self.content(), content)

    def test_missing(self) -> None:
        """What is not there is not made."""
        with self.assertRaises(FileNotFoundError):
            AppendFile(self.place, "/data").open()
        self.assertEqual(os.listdir(self.root), [])

    def test_abandoned_before_open(self) -> None:
        """Who gave up before it was opened locks nothing."""
        self.opened().close()
        file = AppendFile(self.place, "/data")
        file.abandon()
        file.open()
        self.opened().close()
        with self.assertRaises(StorageError):
            file.write([b"x"])

    def test_abandoned_while_writing(self) -> None:
        """A write that runs goes on to its end; only then may others write."""
        file = self.opened()
        entered, free = threading.Event(), threading.Event()
        real = os.writev

        def writev(descriptor: int, pieces: Sequence[bytes]) -> int:
            entered.set()
            free.wait(30)
            return real(descriptor, pieces)

        self.patch(os, "writev", writev)
        writing = self.in_thread(lambda: file.write([b"whole"]))
        entered.wait(30)
        closing = self.in_thread(file.close)
        with self.assertRaises(ContentBusy):
            self.opened()
        free.set()
        writing.join()
        closing.join()
        self.assertEqual((file.size, self.content()), (5, b"whole"))
        self.opened().close()

    def test_ended(self) -> None:
        """After its end a writer refuses everything."""
        ends = (AppendFile.close, commit, AppendFile.cancel, AppendFile.abandon)
        for end in ends:
            file = self.opened()
            end(file)
            for call in (lambda: file.write([b"x"]), lambda: file.read(0, 0)):  # noqa: B023
                with self.assertRaises(StorageError):
                    call()
            for again in ends[:-1]:
                with self.assertRaises(StorageError):
                    again(file)

    def test_fifo(self) -> None:
        """Where a FIFO is, nothing can be written, and nobody waits."""
        os.mkfifo(self.place)
        with self.assertRaises(FileNotFoundError):
            AppendFile(self.place, "/data").open()
