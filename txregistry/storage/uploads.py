"""The upload sessions of a repository: beginning them, and opening them again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.errors import (
    ContentBusy,
    ContentTooLarge,
    PathNotFound,
    StorageError,
    UploadBusy,
    UploadUnknown,
)
from txregistry.interfaces import IFileWriter, IUpload, IUploadStore, UploadStatus
from txregistry.model.names import RepositoryName
from txregistry.storage import layout
from txregistry.storage.concurrency import Shield, both
from txregistry.storage.hashing import RunningDigest
from txregistry.storage.hashstate import SIZE
from txregistry.storage.linkfile import present
from txregistry.storage.upload import Progress, Upload, UploadTools

#: Seconds for which an upload that somebody else has open is waited for.
PATIENCE = 5.0

_FIRST_DELAY = 0.02
_LONGEST_DELAY = 0.5


@implementer(IUploadStore)
class UploadStore:
    """
    The sessions of the repository *name*.

    :param clock: times the attempts to open what another writer has open.
    :param now: tells the date and time at which sessions begin, UTC.
    :param new_digest: makes a running SHA-256.
    """

    _log = Logger()

    def __init__(
        self,
        name: RepositoryName,
        tools: UploadTools,
        clock: IReactorTime,
        now: Callable[[], datetime],
        new_digest: Callable[[], RunningDigest],
    ) -> None:
        self._name, self._tools, self._clock, self._now = name, tools, clock, now
        self._driver, self._new_digest = tools.driver, new_digest
        self._shield = Shield()

    async def start(self) -> UploadStatus:
        """Begin a session; its ``startedat`` is all that it needs."""
        id = str(uuid.uuid4())
        began = self._now().astimezone(UTC).replace(microsecond=0)
        text = began.strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")
        # A session need not survive a power failure; what is made of it will.
        await self._driver.put(layout.upload_started(self._name, id), text, durable=False)
        return UploadStatus(id, 0, began)

    async def status(self, id: str) -> UploadStatus:
        """What storage says of a session, whoever writes to it now."""
        began, size = await both(self._began(id), self._size(id))
        return UploadStatus(id, size, began)

    async def resume(self, id: str) -> IUpload:
        """Open a session, waiting for some seconds if somebody else has it open."""
        await self._began(id)
        delay, waited = _FIRST_DELAY, 0.0
        while True:
            try:
                return await self._shield.run(self._open(id), Upload.close)
            except ContentBusy:
                if waited >= PATIENCE:
                    raise UploadBusy(id) from None
            await deferLater(self._clock, delay)
            waited += delay
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _open(self, id: str) -> Upload:
        """:raises ContentBusy: another writer has it open, or is making it a blob."""
        writer = await self._driver.writer(layout.upload_data(self._name, id))
        try:
            # Only what is seen after the data was opened is sure: it may have ended before.
            (began, _), progress = await both(
                both(self._began(id), self._check_open(id)), self._progress(id, writer.size)
            )
        except UploadUnknown:
            await self._undo(id, writer)
            raise
        except Exception:
            with suppress(StorageError):
                await (writer.close() if writer.size else writer.cancel())
            raise
        return Upload(self._name, id, began, writer, progress, self._tools)

    async def _undo(self, id: str, writer: IFileWriter) -> None:
        """Remove what opening the data of an ended session has made anew."""
        await writer.cancel()
        with suppress(PathNotFound):
            await self._driver.delete(layout.upload(self._name, id))

    async def _check_open(self, id: str) -> None:
        """:raises ContentBusy: whoever had the data open before is still making it a blob."""
        path = layout.upload_closing(self._name, id)
        if await present(self._driver, path):
            # A process that died left it behind, unless it cannot be had.
            closing = await self._driver.writer(path)
            await closing.cancel()

    async def _progress(self, id: str, size: int) -> Progress:
        digest = self._new_digest()
        if size == 0:
            return Progress(digest)
        try:
            state = await self._driver.get(layout.upload_state(self._name, id, size), SIZE)
        except (PathNotFound, ContentTooLarge):
            return Progress(None)
        if digest.resume(state) and digest.length == size:
            return Progress(digest, kept=size)
        return Progress(None)

    async def _began(self, id: str) -> datetime:
        if not layout.is_upload_id(id):
            raise UploadUnknown(id)
        try:
            content = await self._driver.get(layout.upload_started(self._name, id), layout.STARTED_LIMIT)
            began = datetime.fromisoformat(content.decode("ascii"))
        except PathNotFound:
            raise UploadUnknown(id) from None
        except (ContentTooLarge, ValueError):
            self._log.warn("upload {id} of {name} has an unreadable start time", id=id, name=str(self._name))
            raise UploadUnknown(id) from None
        return began.astimezone(UTC) if began.tzinfo else began.replace(tzinfo=UTC)

    async def _size(self, id: str) -> int:
        if not layout.is_upload_id(id):
            return 0
        try:
            return (await self._driver.stat(layout.upload_data(self._name, id))).size
        except PathNotFound:
            return 0
