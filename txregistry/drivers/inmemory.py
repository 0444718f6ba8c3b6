"""
Content in this process's memory, gone with it: for tests and for trying things.

It is also the reference for what the contract means: each path names a
:class:`_Content`, as a directory entry names a file, so that readers and
writers keep theirs when the path is given to something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from attrs import define
from zope.interface import implementer

from txregistry.drivers.paths import checked, checked_prefix
from txregistry.errors import ContentBusy, ContentTooLarge, ContentTruncated, PathNotFound, StorageError
from txregistry.interfaces import Entry, FileInfo, IContentReader, IFileWriter, IStorageDriver
from txregistry.model.names import Page


def _utcnow() -> datetime:
    return datetime.now(UTC)


@define(eq=False)
class _Content:
    """Stored bytes, whatever path they have now."""

    data: bytearray
    modified: datetime
    has_writer: bool = False


def _part(path: str, content: _Content, offset: int, length: int) -> bytes:
    data = bytes(content.data[offset : offset + length])
    if len(data) != length:
        raise ContentTruncated(path)
    return data


@implementer(IContentReader)
class _Reader:
    def __init__(self, path: str, content: _Content) -> None:
        self.size = len(content.data)
        self._path = path
        self._content: _Content | None = content

    async def read(self, offset: int, length: int) -> bytes:
        if self._content is None:
            raise StorageError(f"{self._path} was closed")
        return _part(self._path, self._content, offset, length)

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._content = None


@implementer(IFileWriter)
class _Writer:
    def __init__(self, driver: InMemoryDriver, path: str, content: _Content) -> None:
        self.size = len(content.data)
        self._driver, self._path, self._content = driver, path, content

    async def write(self, chunks: Sequence[bytes]) -> None:
        for chunk in chunks:
            self._content.data += chunk
        self._content.modified = self._driver.now()
        self.size = len(self._content.data)

    async def read(self, offset: int, length: int) -> bytes:
        return _part(self._path, self._content, offset, length)

    async def close(self) -> None:
        self._content.has_writer = False

    async def commit(self, target: str) -> None:
        self._content.has_writer = False
        self._driver.publish(self._path, self._content, target)

    async def cancel(self) -> None:
        self._content.has_writer = False
        self._driver.forget(self._path, self._content)


@implementer(IStorageDriver)
class InMemoryDriver:
    """
    :param now: tells the time, for :attr:`FileInfo.modified`.
    """

    name = "inmemory"

    def __init__(self, now: Callable[[], datetime] = _utcnow) -> None:
        self.now = now
        self._contents: dict[str, _Content] = {}
        self._below: dict[str, set[str]] = {}  # prefix -> the names directly below it

    async def get(self, path: str, limit: int) -> bytes:
        data = self._find(path).data
        if len(data) > limit:
            raise ContentTooLarge(path, limit)
        return bytes(data)

    async def put(self, path: str, content: bytes, durable: bool = True) -> None:
        self._store(checked(self.name, path), _Content(bytearray(content), self.now()))

    async def stat(self, path: str) -> FileInfo:
        found = self._find(path)
        return FileInfo(path, len(found.data), found.modified)

    async def open(self, path: str) -> IContentReader:
        return _Reader(path, self._find(path))

    async def writer(self, path: str) -> IFileWriter:
        content = self._find(path)
        if content.has_writer:
            raise ContentBusy(path)
        content.has_writer = True
        return _Writer(self, path, content)

    async def delete(self, path: str) -> None:
        found = self._paths_at(checked(self.name, path))
        if not found:
            raise PathNotFound(self.name, path)
        for each in found:
            self._drop(each)

    async def list(self, path: str, after: str = "", limit: int = 1000) -> Page[Entry]:
        prefix = checked_prefix(self.name, path)
        names = self._below.get(prefix)
        if names is None:
            raise PathNotFound(self.name, path)
        rest = sorted(name for name in names if name > after)
        entries = [Entry(name, prefix=f"{prefix}/{name}" in self._below) for name in rest[:limit]]
        return Page(entries, len(rest) > limit)

    async def redirect_url(self, path: str, method: str) -> str | None:
        return None

    def publish(self, path: str, content: _Content, target: str) -> None:
        """Store *content* at *target* instead of *path*, if that still names it."""
        checked(self.name, target)
        if self._find(path) is not content:
            raise PathNotFound(self.name, path)
        self._drop(path)
        self._store(target, content)

    def forget(self, path: str, content: _Content) -> None:
        """Drop *content*, unless *path* names something else by now."""
        if self._contents.get(path) is content:
            self._drop(path)

    def _find(self, path: str) -> _Content:
        content = self._contents.get(checked(self.name, path))
        if content is None:
            raise PathNotFound(self.name, path)
        return content

    def _store(self, path: str, content: _Content) -> None:
        self._contents[path] = content
        while path:
            path, _, name = path.rpartition("/")
            self._below.setdefault(path, set()).add(name)

    def _drop(self, path: str) -> None:
        del self._contents[path]
        while path and path not in self._contents and path not in self._below:
            path, _, name = path.rpartition("/")
            self._below[path].discard(name)
            if not self._below[path]:
                del self._below[path]

    def _paths_at(self, path: str) -> Sequence[str]:
        below = [each for name in self._below.get(path, ()) for each in self._paths_at(f"{path}/{name}")]
        return [path, *below] if path in self._contents else below
