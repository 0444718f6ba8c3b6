"""Upload sessions that nobody goes on with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from txregistry.errors import ContentBusy, ContentTooLarge, PathNotFound, StorageError
from txregistry.interfaces import Entry, IStaleUploads, IStorageDriver, StaleUpload
from txregistry.model.names import NAME_LIMIT
from txregistry.storage import layout

#: Is told what cannot be looked at.
Unreadable = Callable[[Exception], object]

_PAGE = 1000
#: Of a session whose start nobody can tell, so many files are looked at.
_FILES = 100


@implementer(IStaleUploads)
class StaleUploads:
    """
    Walks over all of the storage, one directory after the other.

    What a session's ``startedat`` says counts.  One that has none, or none
    that can be read (distribution leaves some after a cancelled upload), is as old as the
    youngest of its files.

    :param clock: gives others their turn.
    """

    def __init__(self, driver: IStorageDriver, clock: IReactorTime) -> None:
        self._driver, self._clock = driver, clock

    async def find(self, before: datetime, unreadable: Unreadable) -> AsyncIterator[StaleUpload]:
        """In the order of the directories."""
        waiting = [""]
        while waiting:
            name = waiting.pop()
            await deferLater(self._clock, 0)
            below: list[str] = []
            path = layout.repository(name) if name else layout.REPOSITORIES
            async for entry in self._readable(path, unreadable):
                child = f"{name}/{entry.name}" if name else entry.name
                if not entry.prefix:
                    continue
                if name and entry.name == layout.UPLOADS:
                    async for upload in self._stale(name, before, unreadable):
                        yield upload
                elif layout.is_repository_component(entry.name) and len(child) <= NAME_LIMIT:
                    below.append(child)
            waiting += reversed(below)

    async def _stale(self, name: str, before: datetime, unreadable: Unreadable) -> AsyncIterator[StaleUpload]:
        async for entry in self._readable(layout.uploads(name), unreadable):
            if entry.prefix and layout.is_upload_id(entry.name):
                try:
                    upload = await self._examined(name, entry.name)
                except StorageError as error:
                    unreadable(error)
                    continue
                if upload is not None and upload[0].started_at < before and upload[1] < before:
                    yield upload[0]

    async def _examined(self, name: str, id: str) -> tuple[StaleUpload, datetime] | None:
        """A session, and when it was last written to; ``None`` if it is gone or cannot be judged."""
        size = 0
        touched: datetime | None = None
        with suppress(PathNotFound):
            data = await self._driver.stat(layout.upload_data(name, id))
            size, touched = data.size, data.modified
        began = await self._began(name, id)
        if began is None or touched is None:
            youngest = await self._youngest(layout.upload(name, id))
            if youngest is None:
                return None
            began, touched = began or youngest, touched or youngest
        return StaleUpload(name, id, began, size), touched

    async def _began(self, name: str, id: str) -> datetime | None:
        try:
            content = await self._driver.get(layout.upload_started(name, id), layout.STARTED_LIMIT)
            began = datetime.fromisoformat(content.decode("ascii"))
            # Years at the end of the calendar have zones in which they are none.
            return began.astimezone(UTC) if began.tzinfo else began.replace(tzinfo=UTC)
        except (PathNotFound, ContentTooLarge, ValueError, OverflowError):
            return None

    async def _youngest(self, path: str) -> datetime | None:
        """When the youngest file below *path* was written, if there is one."""
        found: datetime | None = None
        waiting, files = [path], 0
        while waiting and files < _FILES:
            below = waiting.pop()
            async for entry in self._entries(below):
                inner = f"{below}/{entry.name}"
                if entry.prefix:
                    waiting.append(inner)
                    continue
                files += 1
                with suppress(PathNotFound):
                    modified = (await self._driver.stat(inner)).modified
                    found = modified if found is None else max(found, modified)
                if files >= _FILES:
                    break
        return found

    async def _readable(self, path: str, unreadable: Unreadable) -> AsyncIterator[Entry]:
        """The entries of *path*; of a directory that cannot be read, those before that was found out."""
        try:
            async for entry in self._entries(path):
                yield entry
        except StorageError as error:
            unreadable(error)

    async def _entries(self, path: str) -> AsyncIterator[Entry]:
        after = ""
        while True:
            try:
                page = await self._driver.list(path, after, _PAGE)
            except PathNotFound:
                return
            for entry in page.items:
                yield entry
            if not page.more:
                return
            after = page.items[-1].name

    async def remove(self, upload: StaleUpload) -> bool:
        """Take the session as its writer would, so that nobody else has it, and end it."""
        name, id = upload.repository, upload.id
        examined = await self._examined(name, id)
        if examined is None or examined[0] != upload:
            return False
        try:
            writer = await self._driver.writer(layout.upload_data(name, id))
        except ContentBusy:
            return False
        except PathNotFound:
            pass  # only its other files are left
        else:
            if writer.size != upload.size:
                await writer.close()
                return False
            await writer.cancel()
        with suppress(PathNotFound):
            await self._driver.delete(layout.upload(name, id))
        return True
