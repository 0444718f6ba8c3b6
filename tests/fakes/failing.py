"""A storage driver that fails on purpose."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.python.components import proxyForInterface

from txregistry.errors import ContentTruncated, PathNotFound, StorageError, StorageFull
from txregistry.interfaces import Entry, FileInfo, IContentReader, IFileWriter, IStorageDriver
from txregistry.model.names import Page


class FailingDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """
    The driver that it wraps, until something is set that makes it fail.  All
    may be set and taken back at any time, for readers and writers that are
    open, too.

    :ivar space: how many more bytes can be stored before the storage is full.
    :ivar broken: paths that cannot be read, or read on.
    :ivar truncated: how long what is read appears to be now, by path.
    :ivar vanished: paths at which nothing is stored any more.
    :ivar failing: names of driver methods that fail whatever they are asked.
    :ivar open_readers: how many readers were not closed.
    :ivar open_writers: how many writers were not ended.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.space: int | None = None
        self.broken: set[str] = set()
        self.truncated: dict[str, int] = {}
        self.vanished: set[str] = set()
        self.failing: set[str] = set()
        self.open_readers = 0
        self.open_writers = 0

    async def get(self, path: str, limit: int) -> bytes:
        self._check("get", path)
        content: bytes = await self._driver.get(path, limit)
        return content[: self.truncated.get(path)]

    async def put(self, path: str, content: bytes, durable: bool = True) -> None:
        self._check("put")
        self.take(len(content))
        await self._driver.put(path, content, durable)

    async def stat(self, path: str) -> FileInfo:
        self._check("stat", path)
        found: FileInfo = await self._driver.stat(path)
        return found

    async def open(self, path: str) -> IContentReader:
        self._check("open", path)
        return _Reader(self, path, await self._driver.open(path))

    async def writer(self, path: str) -> IFileWriter:
        self._check("writer")
        return _Writer(self, path, await self._driver.writer(path))

    async def delete(self, path: str) -> None:
        self._check("delete")
        await self._driver.delete(path)

    async def list(self, path: str, after: str = "", limit: int = 1000) -> Page[Entry]:
        self._check("list")
        page: Page[Entry] = await self._driver.list(path, after, limit)
        return page

    def take(self, size: int) -> None:
        """:raises StorageFull: there is no space for *size* more bytes."""
        if self.space is not None:
            if size > self.space:
                raise StorageFull(f"{self.name}: no space for {size} bytes")
            self.space -= size

    def check_range(self, path: str, end: int) -> None:
        """:raises StorageError: what is open at *path* cannot be read up to *end*."""
        self.check_readable(path)
        if end > self.truncated.get(path, end):
            raise ContentTruncated(path)

    def check_readable(self, path: str) -> None:
        """:raises StorageError: nothing can be read at *path*."""
        if path in self.broken:
            raise StorageError(f"{self.name}: {path}: cannot be read")

    def _check(self, call: str, path: str | None = None) -> None:
        if call in self.failing:
            raise StorageError(f"{self.name}: {call} fails")
        if path is not None:
            if path in self.vanished:
                raise PathNotFound(self.name, path)
            self.check_readable(path)


class _Reader(proxyForInterface(IContentReader, "_reader")):  # type: ignore[misc]
    def __init__(self, driver: FailingDriver, path: str, reader: IContentReader) -> None:
        super().__init__(reader)
        self._driver, self._path = driver, path
        self._closed = False
        driver.open_readers += 1

    async def read(self, offset: int, length: int) -> bytes:
        self._driver.check_range(self._path, offset + length)
        content: bytes = await self._reader.read(offset, length)
        return content

    def fileno(self) -> int | None:
        """None: what is read through a descriptor could not be made to fail."""
        return None

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._driver.open_readers -= 1
        self._reader.close()


class _Writer(proxyForInterface(IFileWriter, "_writer")):  # type: ignore[misc]
    def __init__(self, driver: FailingDriver, path: str, writer: IFileWriter) -> None:
        super().__init__(writer)
        self._driver, self._path = driver, path
        driver.open_writers += 1

    async def write(self, chunks: Sequence[bytes]) -> None:
        self._driver.take(sum(map(len, chunks)))
        await self._writer.write(chunks)

    async def read(self, offset: int, length: int) -> bytes:
        self._driver.check_range(self._path, offset + length)
        content: bytes = await self._writer.read(offset, length)
        return content

    async def close(self) -> None:
        self._driver.open_writers -= 1
        await self._writer.close()

    async def commit(self, target: str) -> None:
        self._driver.open_writers -= 1
        await self._writer.commit(target)

    async def cancel(self) -> None:
        self._driver.open_writers -= 1
        await self._writer.cancel()
