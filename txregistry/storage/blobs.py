"""Blobs by digest, shared by all repositories."""

from __future__ import annotations

from contextlib import suppress

from twisted.logger import Logger
from zope.interface import implementer

from txregistry.errors import BlobUnknown, ContentTruncated, PathNotFound, StorageError
from txregistry.interfaces import IBlobEnumerator, IBlobStatter, IContentReader, IFileWriter, IStorageDriver
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.names import Page
from txregistry.storage import layout
from txregistry.storage.concurrency import KeyedLock
from txregistry.storage.linkfile import stored_digests


@implementer(IBlobStatter, IBlobEnumerator)
class SharedBlobs:
    """
    The contents of a registry, whoever may see them.

    A blob is stored once and never written to again.  Two who bring the same
    blob take turns, so that neither answers before the first has made it
    durable.

    A file without content is no blob, but for the one that is empty: it is
    what a power failure leaves of content that was never synced, and clients
    can push that again once they are told that it is missing.
    """

    _log = Logger()

    def __init__(self, driver: IStorageDriver) -> None:
        self._driver = driver
        self._places = KeyedLock()

    async def stat(self, digest: Digest) -> Descriptor:
        """:raises BlobUnknown: no such content is stored."""
        try:
            info = await self._driver.stat(layout.blob_data(digest))
        except PathNotFound:
            raise BlobUnknown(digest) from None
        self._check_content(digest, info.size)
        return Descriptor(OCTET_STREAM, digest, info.size)

    async def open(self, descriptor: Descriptor) -> IContentReader:
        """
        The content that *descriptor* tells of.

        :raises BlobUnknown: it is not stored.
        :raises StorageError: it is stored with another size.
        """
        path = layout.blob_data(descriptor.digest)
        try:
            reader = await self._driver.open(path)
        except PathNotFound:
            raise BlobUnknown(descriptor.digest) from None
        if reader.size == descriptor.size:
            return reader
        size = reader.size
        reader.close()
        self._check_content(descriptor.digest, size)
        if size < descriptor.size:
            raise ContentTruncated(path)
        raise StorageError(f"{path} has {size} bytes, not {descriptor.size}")

    async def get(self, digest: Digest, limit: int) -> bytes:
        """
        The whole of a small blob.

        :raises BlobUnknown: no such content is stored.
        :raises ContentTooLarge: it has more than *limit* bytes.
        """
        try:
            content = await self._driver.get(layout.blob_data(digest), limit)
        except PathNotFound:
            raise BlobUnknown(digest) from None
        self._check_content(digest, len(content))
        return content

    async def put(self, digest: Digest, content: bytes) -> Descriptor:
        """Store *content*, which is what *digest* names, unless it is there."""
        descriptor = Descriptor(OCTET_STREAM, digest, len(content))

        async def store() -> None:
            if not await self._holds(descriptor):
                await self._driver.put(layout.blob_data(digest), content)

        await self._places.run(digest, store)
        return descriptor

    async def adopt(self, descriptor: Descriptor, writer: IFileWriter) -> None:
        """
        Take what *writer* has written, which is what *descriptor* names, and end the writer.

        If the blob is there already, it stays, and what was written is dropped.

        :raises PathNotFound: what was written has been deleted meanwhile.
        """

        async def store() -> None:
            try:
                held = await self._holds(descriptor)
            except BaseException:
                with suppress(StorageError):
                    await writer.close()
                raise
            if held:
                await writer.cancel()
            else:
                await writer.commit(layout.blob_data(descriptor.digest))

        await self._places.run(descriptor.digest, store)

    async def digests(self, algorithm: str, after: str = "", limit: int = 1000) -> Page[Digest]:
        """The stored blobs of *algorithm*."""
        found: list[Digest] = []
        shelf = after[:2]
        while len(found) <= limit:
            if layout.is_shelf(shelf):
                found += await self._shelved(algorithm, shelf, after, limit + 1 - len(found))
            if len(found) > limit:
                break
            try:
                page = await self._driver.list(layout.blobs_of(algorithm), shelf, 1)
            except PathNotFound:
                break
            if not page.items:
                break
            shelf = page.items[0].name
        return Page(found[:limit], len(found) > limit)

    async def _shelved(self, algorithm: str, shelf: str, after: str, limit: int) -> list[Digest]:
        """Up to *limit* digests that begin with the characters of *shelf*."""
        page = await stored_digests(
            self._driver, layout.blobs_shelf(algorithm, shelf), algorithm, layout.blob_data, after, limit
        )
        return [digest for digest in page.items if digest.encoded.startswith(shelf)]

    def _check_content(self, digest: Digest, size: int) -> None:
        """:raises BlobUnknown: the file of *size* bytes that is stored as *digest* lost its content."""
        if size == 0 and Digest.of(b"", digest.algorithm) != digest:
            self._log.error(
                "blob {digest} is stored without its content: it counts as missing", digest=str(digest)
            )
            raise BlobUnknown(digest)

    async def _holds(self, descriptor: Descriptor) -> bool:
        """Whether the blob is there, and whole as far as its size can tell."""
        try:
            found = await self.stat(descriptor.digest)
        except BlobUnknown:
            return False
        if found.size == descriptor.size:
            return True
        self._log.error(
            "blob {digest} was stored with {found} bytes instead of {size}; it is replaced",
            digest=str(descriptor.digest),
            found=found.size,
            size=descriptor.size,
        )
        return False
