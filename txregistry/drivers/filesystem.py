"""
Content in files below a directory, as distribution lays them out.

This is the reactor's side: every call is one trip to a thread, where
:mod:`txregistry.drivers._disk` does the work; nothing here waits for the disk.
What :mod:`txregistry.drivers._instant` can read without a trip is read by it.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txregistry.aftermath import tell_failure
from txregistry.drivers._disk import Disk, file_info
from txregistry.drivers._files import AppendFile, ReadFile
from txregistry.drivers._instant import InstantReads
from txregistry.drivers._listings import Listings, page
from txregistry.drivers.limited import LimitedWorkers
from txregistry.errors import NotRunning, PathNotFound, StorageError, StorageFull
from txregistry.interfaces import Entry, FileInfo, IContentReader, IFileWriter, IStorageDriver, IWorkers
from txregistry.model.names import Page

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP))


def _ignore(_: int) -> None:
    """Nobody wants to know what was opened."""


class _Trip:
    """The way to the threads, and what a failed system call is called on the way back."""

    _log = Logger()

    def __init__(self, driver: str, workers: IWorkers, limit: int) -> None:
        self._driver = driver
        self._unlimited = workers
        self._limited = LimitedWorkers(workers, limit)

    async def find(self, path: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do *work* on what is stored at *path*: a missing file means that nothing is."""
        try:
            return await self._limited.run(work, *arguments)
        except OSError as error:
            if error.errno in _ABSENT or isinstance(error, FileNotFoundError):
                raise PathNotFound(self._driver, path) from error
            raise self._named(path, error) from error

    async def make(self, path: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do *work* that stores something at *path*: whatever fails is a failure of the storage."""
        try:
            return await self._limited.run(work, *arguments)
        except OSError as error:
            raise self._named(path, error) from error

    def release(self, path: str, work: Callable[[], None]) -> None:
        """
        Give something of *path* up, without waiting.  When there are no
        threads any more the process is about to end, and it happens here.
        """

        def here(failure: Failure) -> None:
            failure.trap(NotRunning)
            work()

        def failed(failure: Failure) -> None:
            error = failure.value
            if isinstance(error, OSError):
                failure = Failure(self._named(path, error))
            tell_failure(self._log, "a file was not closed well", failure)

        self._unlimited.run(work).addErrback(here).addErrback(failed)

    def _named(self, path: str, error: OSError) -> StorageError:
        kind = StorageFull if error.errno in _FULL else StorageError
        return kind(f"{self._driver}: {path}: {error.strerror or error}")


@implementer(IContentReader)
class _Reader:
    def __init__(self, trip: _Trip, path: str, file: ReadFile) -> None:
        self.size = file.size
        self._trip, self._path, self._file = trip, path, file
        self._closed = False

    async def read(self, offset: int, length: int) -> bytes:
        data: bytes = await self._trip.make(self._path, self._file.read, offset, length)
        return data

    def fileno(self) -> int | None:
        return None if self._closed else self._file.fileno()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._trip.release(self._path, self._file.close)


@implementer(IFileWriter)
class _Writer:
    def __init__(self, trip: _Trip, disk: Disk, path: str, file: AppendFile) -> None:
        self._trip, self._disk, self._path, self._file = trip, disk, path, file

    @property
    def size(self) -> int:
        return self._file.size

    async def write(self, chunks: Sequence[bytes]) -> None:
        await self._trip.make(self._path, self._file.write, chunks)

    async def read(self, offset: int, length: int) -> bytes:
        data: bytes = await self._trip.make(self._path, self._file.read, offset, length)
        return data

    async def close(self) -> None:
        await self._trip.make(self._path, self._file.close)

    async def commit(self, target: str) -> None:
        await self._trip.make(target, self._disk.commit, self._file, self._path, target)

    async def cancel(self) -> None:
        await self._trip.make(self._path, self._file.cancel)


@implementer(IStorageDriver)
class FilesystemDriver:
    """
    :param root: the directory below which everything is kept.
    :param workers: the threads in which that happens.
    :param max_threads: how many of them it may take at a time.
    :param instant: what may be read past them.
    :param sleep: lets a thread wait for so many seconds.
    """

    name = "filesystem"

    def __init__(
        self,
        root: str,
        workers: IWorkers,
        max_threads: int = 100,
        instant: InstantReads | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._listings = Listings()
        self._instant = instant
        self._disk = Disk(self.name, root, self._listings, instant.learn if instant else _ignore, sleep)
        self._trip = _Trip(self.name, workers, max_threads)

    async def get(self, path: str, limit: int) -> bytes:
        content = None if self._instant is None else self._instant.read(self._disk.place(path), limit)
        if content is None:
            content = await self._trip.find(path, self._disk.get, path, limit)
        return content

    async def put(self, path: str, content: bytes, durable: bool = True) -> None:
        await self._trip.make(path, self._disk.put, path, content, durable)

    async def stat(self, path: str) -> FileInfo:
        status = None if self._instant is None else self._instant.file_status(self._disk.place(path))
        if status is not None:
            return file_info(path, status)
        found: FileInfo = await self._trip.find(path, self._disk.stat, path)
        return found

    async def open(self, path: str) -> IContentReader:
        file = self._disk.reader(path)
        if self._instant is not None and file.open_by(self._instant.open):
            return _Reader(self._trip, path, file)
        try:
            await self._trip.find(path, file.open)
        except BaseException:
            self._trip.release(path, file.close)
            raise
        return _Reader(self._trip, path, file)

    async def writer(self, path: str) -> IFileWriter:
        file = self._disk.writer(path)
        try:
            await self._trip.find(path, file.open)
        except BaseException:
            self._trip.release(path, file.abandon)
            raise
        return _Writer(self._trip, self._disk, path, file)

    async def delete(self, path: str) -> None:
        await self._trip.find(path, self._disk.delete, path)

    async def list(self, path: str, after: str = "", limit: int = 1000) -> Page[Entry]:
        if self._instant is not None:
            place = self._disk.directory(path)
            status = self._instant.status(place)
            known = None if status is None else self._listings.proven(place, status)
            if known is not None:
                return page(known, after, limit)
        found: Page[Entry] = await self._trip.find(path, self._disk.list, path, after, limit)
        return found

    async def redirect_url(self, path: str, method: str) -> str | None:
        return None
