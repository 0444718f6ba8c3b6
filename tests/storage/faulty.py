"""A driver in which single calls fail, chosen by name and path."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.python.components import proxyForInterface

from txregistry.errors import StorageFull
from txregistry.interfaces import Entry, FileInfo, IContentReader, IFileWriter, IStorageDriver
from txregistry.model.names import Page


class FaultyWriter(proxyForInterface(IFileWriter, "_writer")):  # type: ignore[misc]
    """Fails as its driver is told to; of a failing write, the first *kept* bytes are stored."""

    def __init__(self, writer: IFileWriter, driver: FaultyDriver, path: str) -> None:
        super().__init__(writer)
        self._driver, self._path = driver, path

    async def write(self, chunks: Sequence[bytes]) -> None:
        try:
            self._driver.check("write", self._path)
        except StorageFull:
            await self._writer.write([b"".join(chunks)[: self._driver.kept]])
            raise
        await self._writer.write(chunks)

    async def read(self, offset: int, length: int) -> bytes:
        self._driver.check("read", self._path)
        content: bytes = await self._writer.read(offset, length)
        return content

    async def close(self) -> None:
        await self._writer.close()
        self._driver.check("close", self._path)

    async def commit(self, target: str) -> None:
        try:
            self._driver.check("commit", target)
        except StorageFull:
            await self._writer.close()
            raise
        await self._writer.commit(target)

    async def cancel(self) -> None:
        await self._writer.cancel()
        self._driver.check("cancel", self._path)


class FaultyDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """
    Behaves like *driver*, but reports a full disk for the chosen calls.

    :ivar broken: what fails: the call's name, and a part of its path.
    :ivar kept: bytes that a failing write stores all the same.
    :ivar calls: every call that was made, with its path.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.broken: set[tuple[str, str]] = set()
        self.kept = 0
        self.calls: list[tuple[str, str]] = []

    def check(self, call: str, path: str) -> None:
        """:raises StorageFull: it has been chosen to."""
        self.calls.append((call, path))
        if any(call == name and part in path for name, part in self.broken):
            raise StorageFull(f"{call} {path}")

    async def get(self, path: str, limit: int) -> bytes:
        self.check("get", path)
        content: bytes = await self._driver.get(path, limit)
        return content

    async def put(self, path: str, content: bytes, durable: bool = True) -> None:
        self.check("put", path)
        await self._driver.put(path, content, durable)

    async def stat(self, path: str) -> FileInfo:
        self.check("stat", path)
        info: FileInfo = await self._driver.stat(path)
        return info

    async def open(self, path: str) -> IContentReader:
        self.check("open", path)
        reader: IContentReader = await self._driver.open(path)
        return reader

    async def list(self, path: str, after: str = "", limit: int = 1000) -> Page[Entry]:
        self.check("list", path)
        page: Page[Entry] = await self._driver.list(path, after, limit)
        return page

    async def writer(self, path: str) -> IFileWriter:
        self.check("writer", path)
        return FaultyWriter(await self._driver.writer(path), self, path)

    async def delete(self, path: str) -> None:
        self.check("delete", path)
        await self._driver.delete(path)
