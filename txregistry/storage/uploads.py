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
from txregistry.interfaces import IUpload, IUploadStore, UploadStatus
from txregistry.model.digest import CANONICAL
from txregistry.model.names import RepositoryName
from txregistry.storage import layout
from txregistry.storage.concurrency import Shield, both
from txregistry.storage.hashing import PlainDigest, RunningDigest
from txregistry.storage.hashstate import SIZE
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
        """Begin a session: its data, still empty, and its ``startedat``."""
        id = str(uuid.uuid4())
        began = self._now().astimezone(UTC).replace(microsecond=0)
        text = began.strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")
        # A session need not survive a power failure; what is made of it will.
        try:
            await both(
                self._driver.put(layout.upload_started(self._name, id), text, durable=False),
                self._driver.put(layout.upload_data(self._name, id), b"", durable=False),
            )
        except StorageError:
            with suppress(StorageError):
                await self._driver.delete(layout.upload(self._name, id))
            raise
        return UploadStatus(id, 0, began)

    async def status(self, id: str) -> UploadStatus:
        """What storage says of a session, whoever writes to it now."""
        self._check_id(id)
        began, size = await both(self._began(id), self._size(id))
        return UploadStatus(id, size, began)

    async def resume(self, id: str, algorithm: str = CANONICAL) -> IUpload:
        """Open a session, waiting for some seconds if somebody else has it open."""
        self._check_id(id)
        delay, waited = _FIRST_DELAY, 0.0
        while True:
            try:
                return await self._shield.run(self._open(id, algorithm), Upload.close)
            except ContentBusy:
                if waited >= PATIENCE:
                    raise UploadBusy(id) from None
            await deferLater(self._clock, delay)
            waited += delay
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _open(self, id: str, algorithm: str) -> Upload:
        """:raises ContentBusy: another writer has it open, or is making it a blob."""
        try:
            writer = await self._driver.writer(layout.upload_data(self._name, id))
        except PathNotFound:
            raise UploadUnknown(id) from None
        try:
            began, progress = await both(self._began(id), self._progress(id, writer.size, algorithm))
        except Exception:
            with suppress(StorageError):
                await writer.close()
            raise
        return Upload(self._name, id, began, writer, progress, self._tools)

    async def _progress(self, id: str, size: int, algorithm: str) -> Progress:
        if size == 0 and algorithm != CANONICAL:
            return Progress(PlainDigest(algorithm))
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
        try:
            content = await self._driver.get(layout.upload_started(self._name, id), layout.STARTED_LIMIT)
            began = datetime.fromisoformat(content.decode("ascii"))
            # Years at the end of the calendar have zones in which they are none.
            return began.astimezone(UTC) if began.tzinfo else began.replace(tzinfo=UTC)
        except PathNotFound:
            raise UploadUnknown(id) from None
        except (ContentTooLarge, ValueError, OverflowError):
            self._log.warn("upload {id} of {name} has an unreadable start time", id=id, name=str(self._name))
            raise UploadUnknown(id) from None

    async def _size(self, id: str) -> int:
        # A session ends when its data becomes a blob, some moments before its other files are gone.
        try:
            return (await self._driver.stat(layout.upload_data(self._name, id))).size
        except PathNotFound:
            raise UploadUnknown(id) from None

    def _check_id(self, id: str) -> None:
        """:raises UploadUnknown: nothing can be stored under such an id."""
        if not layout.is_upload_id(id):
            raise UploadUnknown(id)
