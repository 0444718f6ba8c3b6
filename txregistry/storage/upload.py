"""One upload session, open for writing."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from attrs import define, frozen
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.aftermath import tell_failure
from txregistry.errors import DigestMismatch, PathNotFound, StorageError, UploadDiffers, UploadUnknown
from txregistry.interfaces import IBlobStore, IFileWriter, IStorageDriver, IUpload, IWorkers
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.names import RepositoryName
from txregistry.model.upload import divide, repeats
from txregistry.storage import layout
from txregistry.storage.blobs import SharedBlobs
from txregistry.storage.concurrency import Shield, both
from txregistry.storage.hashing import RunningDigest
from txregistry.storage.linkfile import present
from txregistry.storage.streams import PIECE, content_digest

T = TypeVar("T")

#: From this many bytes on, a batch is hashed by a worker; below, handing it over costs more than hashing it.
WORKER_BATCH = 64 * 1024


@frozen
class UploadTools:
    """
    What the sessions of a repository work with.

    :ivar blobs: where a finished blob is linked; it may remember what it is told.
    """

    driver: IStorageDriver
    workers: IWorkers
    shared: SharedBlobs
    blobs: IBlobStore


@define
class Progress:
    """
    How far the digest of a session has come.

    :ivar digest: over all the data, or ``None`` when nobody can say any more
        (or could ever), so that the data must be read again.
    :ivar kept: the size for which a hash state is stored.
    """

    digest: RunningDigest | None
    kept: int | None = None


def _take_in(digest: RunningDigest, chunks: Sequence[bytes]) -> None:
    for chunk in chunks:
        digest.update(chunk)


@implementer(IUpload)
class Upload:
    """
    A session whose data this object alone writes.

    Whatever has been begun goes on to its end if the caller is cancelled,
    and what is called next waits for that.
    """

    _log = Logger()

    def __init__(
        self,
        name: RepositoryName,
        id: str,
        started_at: datetime,
        writer: IFileWriter,
        progress: Progress,
        tools: UploadTools,
    ) -> None:
        self.id = id
        self.started_at = started_at
        self._name, self._writer, self._progress, self._tools = name, writer, progress, tools
        self._lock = DeferredLock()
        self._shield = Shield()
        self._ended = self._differs = False

    @property
    def size(self) -> int:
        """Bytes received so far."""
        return self._writer.size

    async def write(self, chunks: Sequence[bytes], at: int | None = None) -> None:
        """Hash *chunks* while the driver stores them, but for those that are stored: these are compared."""
        await self._undisturbed(self._take(chunks, at))

    async def close(self) -> None:
        """Keep the data, and then the state of its digest.  Does nothing if the session was ended before."""
        await self._undisturbed(self._close())

    async def commit(self, digest: Digest) -> Descriptor:
        """Make the session a blob."""
        return await self._undisturbed(self._commit(digest))

    async def cancel(self) -> None:
        """Leave nothing of the session behind."""
        await self._undisturbed(self._cancel())

    async def _undisturbed(self, work: Coroutine[Any, Any, T]) -> T:
        async def in_turn() -> T:
            async with self._lock:
                return await work

        return await self._shield.run(in_turn(), None)

    # --- writing ---

    async def _take(self, chunks: Sequence[bytes], at: int | None) -> None:
        # What follows a difference, or a gap that a failed write left, must not be taken for a continuation.
        if self._differs or (at is not None and at > self.size):
            raise UploadDiffers(self.id)
        if at is not None and at < self.size:
            again, chunks = divide(chunks, self.size - at)
            if not await self._has(again, at):
                self._differs = True
                raise UploadDiffers(self.id)
        if chunks:
            await self._write(chunks)

    async def _has(self, chunks: Sequence[bytes], at: int) -> bool:
        """Whether *chunks* are stored at *at*."""
        while chunks:
            piece, chunks = divide(chunks, PIECE)
            length = sum(map(len, piece))
            stored = await self._writer.read(at, length)
            if length < WORKER_BATCH:
                same = repeats(stored, piece)
            else:
                same = await self._tools.workers.run(repeats, stored, piece)
            if not same:
                return False
            at += length
        return True

    async def _write(self, chunks: Sequence[bytes]) -> None:
        digest = self._progress.digest
        if digest is None:
            await self._writer.write(chunks)
            return
        # Until all of it has been both stored and hashed, the digest is of something else.
        self._progress.digest = None
        if sum(map(len, chunks)) < WORKER_BATCH:
            _take_in(digest, chunks)
            await self._writer.write(chunks)
        else:

            async def hash() -> None:
                await self._tools.workers.run(_take_in, digest, chunks)

            await both(self._writer.write(chunks), hash())
        self._progress.digest = digest

    # --- the three ends ---

    async def _close(self) -> None:
        if self._ended:
            return
        self._ended = True
        await self._writer.close()
        await self._keep_state()

    async def _keep_state(self) -> None:
        """Store the state of the digest: only now, when the data that it stands for is durable."""
        digest, size = self._trusted(), self.size
        state = digest.export() if digest is not None and size not in (0, self._progress.kept) else None
        if state is None:
            return
        driver = self._tools.driver
        try:
            await driver.put(layout.upload_state(self._name, self.id, size), state, durable=False)
            # Others may write since the data was closed; nothing may be left of a session that they ended.
            if not await present(driver, layout.upload_data(self._name, self.id)):
                await self._discard()
        except StorageError:
            tell_failure(self._log, "upload {id} goes on without a hash state", id=self.id)

    def _trusted(self) -> RunningDigest | None:
        digest = self._progress.digest
        return digest if digest is not None and digest.length == self.size else None

    async def _commit(self, digest: Digest) -> Descriptor:
        descriptor = Descriptor(OCTET_STREAM, digest, self.size)
        if await self._content_digest(digest.algorithm) != digest:
            await self._close()
            raise DigestMismatch(digest)
        self._ended = True
        try:
            await self._tools.shared.adopt(descriptor, self._writer)
        except PathNotFound:
            raise UploadUnknown(self.id) from None  # somebody removed the session
        try:
            await self._tools.blobs.link(descriptor)
        finally:
            await self._tidy()
        return descriptor

    async def _content_digest(self, algorithm: str) -> Digest:
        """The digest of the data, which is read again if need be; if that fails the session is closed."""
        running = self._trusted()
        if running is not None and algorithm == running.algorithm:
            return Digest(algorithm, running.hexdigest())
        try:
            return await content_digest(self._writer, algorithm, self._tools.workers)
        except Exception:
            with suppress(StorageError):
                await self._close()
            raise

    async def _cancel(self) -> None:
        self._ended = True
        await self._writer.cancel()
        await self._discard()

    async def _tidy(self) -> None:
        """Remove what is left of the session when its data is a blob; that must not fail any more."""
        try:
            await self._discard()
        except StorageError:
            tell_failure(self._log, "upload {id} is a blob, but its session could not be removed", id=self.id)

    async def _discard(self) -> None:
        with suppress(PathNotFound):
            await self._tools.driver.delete(layout.upload(self._name, self.id))
