"""
Open files, each shared by threads that work with it and a reactor that may
give it up at any moment.  Blocking code, for threads.

A descriptor belongs to the thread that uses it: giving a file up while a call
runs only marks it, and the call closes it when it ends.  So no call ever
touches a descriptor that has become somebody else's.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from txregistry.errors import ContentBusy, ContentTruncated, StorageError

#: Opening something that is no regular file, a FIFO say, must not wait for anybody.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_RDWR | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
_PIECES = 1024  # that one writev takes
_ATTEMPTS = 16  # to win against others who remove or replace what we open

#: After this many bytes of a file the disk is set to work on them, so that little is left to do at the end.
WRITE_BACK_EVERY = 8 << 20
#: So much of a file stays in the page cache.  What lies behind that is given up when it is on disk: a huge
#: blob would push out everything else, and for each of its pages the kernel would have to find a new one.
KEPT = 64 << 20
#: By so many bytes later, the disk should have done its work.
LATE = 2 * WRITE_BACK_EVERY


def start_write_back(descriptor: int, start: int, end: int) -> None:
    """
    Have the kernel begin to bring the bytes from *start* up to before *end* to disk, without waiting for it.

    Linux does so when it is told that dirty pages will not be needed; being
    dirty, they are not dropped, while those already on disk are.  The promise
    is the later sync's: this only makes it short, and may fail in silence.
    """
    with suppress(OSError):
        os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)


def open_regular(place: str, flags: int = _READ) -> tuple[int, os.stat_result]:
    """
    Open the regular file at *place*.

    :raises FileNotFoundError: something else is there, or nothing.
    """
    descriptor = os.open(place, flags)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(f"not a regular file: {place}")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found


def lock_regular(place: str, path: str) -> tuple[int, os.stat_result]:
    """
    Open the regular file at *place* for appending, alone among all processes.

    :param path: its driver path, for errors.
    :raises ContentBusy: somebody else has it.
    :raises FileNotFoundError: as :func:`open_regular`.
    """
    for _ in range(_ATTEMPTS):
        descriptor, _status = open_regular(place, _APPEND)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before may have appended, or made it a blob
            # at another place, between our open and our lock.
            locked = os.fstat(descriptor)
            if is_at(place, locked):
                return descriptor, locked
        except BlockingIOError:
            os.close(descriptor)
            raise ContentBusy(path) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise ContentBusy(path)


def read_exactly(descriptor: int, path: str, offset: int, length: int) -> bytes:
    """
    :param path: the file's driver path, for errors.
    :raises ContentTruncated: there are fewer bytes.
    """
    data = os.pread(descriptor, length, offset)
    if len(data) == length:
        return data
    parts = [data]
    missing = length - len(data)
    while missing:
        part = os.pread(descriptor, missing, offset + length - missing)
        if not part:
            raise ContentTruncated(path)
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def is_at(place: str, file: os.stat_result) -> bool:
    """Whether *place* still is the file that *file* was read from."""
    try:
        return os.path.samestat(os.stat(place), file)
    except FileNotFoundError:
        return False


class ReadFile:
    """
    A file open for reading, once :meth:`open` was called.

    :param path: its driver path, for errors.
    :param opened: told of the descriptor that :meth:`open` opened, before anybody else has it.
    """

    def __init__(self, place: str, path: str, opened: Callable[[int], object]) -> None:
        self._place, self._path, self._opened = place, path, opened
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._users = 0
        self._closed = False
        self.size = 0

    def open(self) -> None:
        """Do nothing if :meth:`close` was called already."""
        descriptor, found = open_regular(self._place)
        try:
            self._opened(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        with self._lock:
            if not self._closed:
                self.size = found.st_size
                self._descriptor = descriptor
                return
        os.close(descriptor)

    def open_by(self, opening: Callable[[str], tuple[int, os.stat_result] | None]) -> bool:
        """Open the file, instead of by :meth:`open`, by *opening*, if that can do it."""
        opened = opening(self._place)
        if opened is None:
            return False
        self._descriptor, found = opened
        self.size = found.st_size
        return True

    def fileno(self) -> int | None:
        """The descriptor, while the file is open."""
        return self._descriptor

    def read(self, offset: int, length: int) -> bytes:
        """
        Exactly *length* bytes.

        :raises ContentTruncated: there are fewer.
        """
        descriptor = self._begin()
        try:
            return read_exactly(descriptor, self._path, offset, length)
        finally:
            self._end()

    def close(self) -> None:
        """Close now or, while a read runs, when that ends.  More calls do nothing."""
        with self._lock:
            self._closed = True
        self._close_if_unused()

    def _begin(self) -> int:
        with self._lock:
            if self._descriptor is None or self._closed:
                raise StorageError(f"{self._path} was closed")
            self._users += 1
            return self._descriptor

    def _end(self) -> None:
        with self._lock:
            self._users -= 1
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        with self._lock:
            if not self._closed or self._users or self._descriptor is None:
                return
            descriptor, self._descriptor = self._descriptor, None
        os.close(descriptor)


class AppendFile:
    """
    A file to append to, open and locked once :meth:`open` was called.

    Its calls exclude each other, since one whose caller went away may still
    run when the file is closed.

    :param path: its driver path, for errors.
    """

    def __init__(self, place: str, path: str) -> None:
        self._place, self._path = place, path
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._ended = False
        self._synced = self._written_back = 0
        self.size = 0

    def open(self) -> None:
        """
        Do nothing if :meth:`abandon` was called already.

        :raises ContentBusy: somebody else, here or in another process, writes to the file.
        :raises FileNotFoundError: as :func:`open_regular`.
        """
        with self._lock:
            if not self._ended:
                self._descriptor, found = lock_regular(self._place, self._path)
                self.size = self._synced = self._written_back = found.st_size

    def read(self, offset: int, length: int) -> bytes:
        """
        Exactly *length* bytes.

        :raises ContentTruncated: there are fewer.
        """
        with self._lock:
            return read_exactly(self._open_descriptor(), self._path, offset, length)

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append *chunks*, all or (when it fails) none of them."""
        with self._lock:
            descriptor = self._open_descriptor()
            try:
                written = _write_all(descriptor, chunks)
            except OSError:
                self._cut(descriptor, self.size)
                raise
            self.size += written
            if self.size - self._written_back >= WRITE_BACK_EVERY:
                # Once more for what the last times began with, and is clean by now.
                begin = self._written_back
                start_write_back(descriptor, min(begin, max(KEPT, begin - LATE)), self.size)
                self._written_back = self.size

    def close(self) -> None:
        """Bring what was written to disk, and let others write."""
        with self._lock:
            descriptor = self._open_descriptor()
            try:
                if self.size != self._synced:
                    self._sync(descriptor, os.fdatasync)
            finally:
                self._release(descriptor)

    def commit(self, publish: Callable[[str], None]) -> None:
        """
        Bring everything to disk, that of earlier writers and the metadata
        included, and call *publish* with the file's place while nobody else
        can write.

        :raises FileNotFoundError: its place was given to another meanwhile.
        """
        with self._lock:
            descriptor = self._open_descriptor()
            try:
                self._sync(descriptor, os.fsync)
                if not is_at(self._place, os.fstat(descriptor)):
                    raise FileNotFoundError(f"not there any more: {self._place}")
                publish(self._place)
            finally:
                self._release(descriptor)

    def cancel(self) -> None:
        """Remove the file, unless its place was given to another meanwhile."""
        with self._lock:
            descriptor = self._open_descriptor()
            try:
                if is_at(self._place, os.fstat(descriptor)):
                    with suppress(FileNotFoundError):
                        os.unlink(self._place)
            finally:
                self._release(descriptor)

    def abandon(self) -> None:
        """Let others write, now or as soon as a running call ends; sync nothing.  More calls do nothing."""
        with self._lock:
            if self._descriptor is not None:
                self._release(self._descriptor)
            self._ended = True

    def _sync(self, descriptor: int, sync: Callable[[int], None]) -> None:
        try:
            sync(descriptor)
        except OSError:
            # What was written since the last time may be anything now.
            self._cut(descriptor, self._synced)
            raise
        self._synced = self.size

    def _cut(self, descriptor: int, size: int) -> None:
        """Shorten the file to *size* bytes; :attr:`size` says what came of it."""
        try:
            os.ftruncate(descriptor, size)
        except OSError:
            size = os.fstat(descriptor).st_size
        self.size = size

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise StorageError(f"{self._path} was closed")
        return self._descriptor

    def _release(self, descriptor: int) -> None:
        self._ended = True
        self._descriptor = None
        os.close(descriptor)


def _write_all(descriptor: int, chunks: Sequence[bytes]) -> int:
    """Write *chunks*, however many calls that takes, and return how many bytes they are."""
    written = 0
    for begin in range(0, len(chunks), _PIECES):
        pieces: list[bytes | memoryview] = list(chunks[begin : begin + _PIECES])
        left = sum(map(len, pieces))
        written += left
        while left:
            done = os.writev(descriptor, pieces)
            left -= done
            if left:
                pieces = _behind(pieces, done)
    return written


def _behind(pieces: Sequence[bytes | memoryview], done: int) -> list[bytes | memoryview]:
    """What is left of *pieces* behind their first *done* bytes."""
    for index, piece in enumerate(pieces):
        if done < len(piece):
            return [memoryview(piece)[done:], *pieces[index + 1 :]]
        done -= len(piece)
    return []
