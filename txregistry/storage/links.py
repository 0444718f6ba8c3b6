"""Which repository may see which blob, and how clients get at them."""

from __future__ import annotations

from zope.interface import implementer

from txregistry.errors import BlobUnknown, PathNotFound, StorageError, Unsupported
from txregistry.interfaces import (
    IBlobEnumerator,
    IBlobServer,
    IBlobStore,
    IContentReader,
    IStorageDriver,
    ServedBlob,
)
from txregistry.model.digest import Descriptor, Digest
from txregistry.model.names import Page, RepositoryName
from txregistry.storage import layout
from txregistry.storage.blobs import SharedBlobs
from txregistry.storage.linkfile import read_link, stored_digests, write_link


@implementer(IBlobStore, IBlobEnumerator)
class LinkedBlobs:
    """The blobs of the repository *name*: those that it has a link to."""

    def __init__(
        self, name: RepositoryName, driver: IStorageDriver, shared: SharedBlobs, delete_enabled: bool
    ) -> None:
        self._name, self._driver, self._shared = name, driver, shared
        self._delete_enabled = delete_enabled

    async def stat(self, digest: Digest) -> Descriptor:
        """Follow the link for *digest* to where the content is."""
        return await self._follow(self._name, digest)

    async def look(self, digest: Digest) -> Descriptor:
        """The same as :meth:`stat`: nothing is remembered here."""
        return await self.stat(digest)

    async def link(self, descriptor: Descriptor) -> None:
        """Write the link, whether or not there is one."""
        await write_link(self._driver, layout.layer_link(self._name, descriptor.digest), descriptor.digest)

    async def mount(self, digest: Digest, source: RepositoryName) -> Descriptor:
        """Link what the link in *source* leads to; an alias is carried over with it."""
        descriptor = await self._follow(source, digest)
        await self.link(descriptor)
        if descriptor.digest != digest:
            await write_link(self._driver, layout.layer_link(self._name, digest), descriptor.digest)
        return descriptor

    async def deletable(self, digest: Digest) -> Descriptor:
        """What the link leads to, if links may be removed."""
        if not self._delete_enabled:
            raise Unsupported("deletion is disabled")
        return await self.stat(digest)

    async def delete(self, digest: Digest) -> None:
        """Remove the link."""
        await self.deletable(digest)
        try:
            await self._driver.delete(layout.layer_link(self._name, digest))
        except PathNotFound:
            raise BlobUnknown(digest) from None

    async def digests(self, algorithm: str, after: str = "", limit: int = 1000) -> Page[Digest]:
        """The digests for which there are links, wherever these lead."""
        return await stored_digests(
            self._driver,
            layout.layers_of(self._name, algorithm),
            algorithm,
            lambda digest: layout.layer_link(self._name, digest),
            after,
            limit,
        )

    async def _follow(self, name: RepositoryName, digest: Digest) -> Descriptor:
        try:
            target = await read_link(self._driver, layout.layer_link(name, digest))
        except PathNotFound:
            raise BlobUnknown(digest) from None
        try:
            return await self._shared.stat(target)
        except BlobUnknown:
            raise BlobUnknown(digest) from None


@implementer(IBlobServer)
class BlobServer:
    """
    Hands out what a blob store says is there.

    :param blobs: decides what clients may see; it may remember.
    :param redirect_enabled: whether clients may be sent to the storage behind the driver.
    """

    def __init__(
        self, blobs: IBlobStore, driver: IStorageDriver, shared: SharedBlobs, redirect_enabled: bool
    ) -> None:
        self._blobs, self._driver, self._shared = blobs, driver, shared
        self._redirect_enabled = redirect_enabled

    async def serve(self, digest: Digest, method: str) -> ServedBlob:
        """Ask the driver for a URL if redirects are on."""
        descriptor = await self._blobs.stat(digest)
        if not self._redirect_enabled:
            return ServedBlob(descriptor)
        path = layout.blob_data(descriptor.digest)
        return ServedBlob(descriptor, await self._driver.redirect_url(path, method))

    async def open(self, descriptor: Descriptor) -> IContentReader:
        """
        The blob's content.

        :raises StorageError: it is stored with another size than *descriptor* says.
        """
        try:
            return await self._shared.open(descriptor)
        except (BlobUnknown, StorageError):
            await self._blobs.look(descriptor.digest)  # so that nobody goes on saying what is not so
            raise
