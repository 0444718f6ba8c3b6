"""
Wrappers that tell a listener what happened in a repository.

Each provides the interface that it wraps, waits for the work, and tells only
what succeeded.  What nobody needs to hear of passes straight through.  A
listener that raises is logged; the request does not suffer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import Logger
from twisted.python.components import proxyForInterface
from zope.interface import implementer

from txregistry.interfaces import (
    IBlobServer,
    IBlobStore,
    IEventListener,
    IManifestService,
    IReferrerService,
    IRepository,
    IRepositoryRemover,
    ITagService,
    IUpload,
    IUploadStore,
    ServedBlob,
)
from txregistry.model.digest import CANONICAL, Descriptor, Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import RepositoryName, Tag

_log = Logger()


def _tell(method: Callable[..., None], *facts: Any) -> None:
    """Call a listener's *method*, and let no failure of it out."""
    try:
        method(*facts)
    except Exception:
        _log.failure("a listener failed in {method}", method=getattr(method, "__name__", method))


class ListeningBlobs(proxyForInterface(IBlobStore, "_blobs")):  # type: ignore[misc]
    """Tell of blobs mounted and deleted."""

    def __init__(self, blobs: IBlobStore, listener: IEventListener, name: RepositoryName) -> None:
        super().__init__(blobs)
        self._listener, self._name = listener, name

    async def mount(self, digest: Digest, source: RepositoryName) -> Descriptor:
        """Mount, then tell."""
        descriptor: Descriptor = await self._blobs.mount(digest, source)
        _tell(self._listener.blob_mounted, self._name, descriptor, source)
        return descriptor

    async def delete(self, digest: Digest) -> None:
        """Delete, then tell."""
        await self._blobs.delete(digest)
        _tell(self._listener.blob_deleted, self._name, digest)


class ListeningServer(proxyForInterface(IBlobServer, "_server")):  # type: ignore[misc]
    """Tell of blobs pulled: each that a client was answered about, whatever part of it was sent."""

    def __init__(self, server: IBlobServer, listener: IEventListener, name: RepositoryName) -> None:
        super().__init__(server)
        self._listener, self._name = listener, name

    async def serve(self, digest: Digest, method: str) -> ServedBlob:
        """Decide how to serve, then tell."""
        served: ServedBlob = await self._server.serve(digest, method)
        _tell(self._listener.blob_pulled, self._name, served.descriptor)
        return served


class ListeningUpload(proxyForInterface(IUpload, "_upload")):  # type: ignore[misc]
    """Tell when an upload has become a blob."""

    def __init__(self, upload: IUpload, listener: IEventListener, name: RepositoryName) -> None:
        super().__init__(upload)
        self._listener, self._name = listener, name

    async def commit(self, digest: Digest) -> Descriptor:
        """Commit, then tell."""
        descriptor: Descriptor = await self._upload.commit(digest)
        _tell(self._listener.blob_pushed, self._name, descriptor)
        return descriptor


class ListeningUploads(proxyForInterface(IUploadStore, "_uploads")):  # type: ignore[misc]
    """Hand out uploads that tell when they have become blobs."""

    def __init__(self, uploads: IUploadStore, listener: IEventListener, name: RepositoryName) -> None:
        super().__init__(uploads)
        self._listener, self._name = listener, name

    async def resume(self, id: str, algorithm: str = CANONICAL) -> IUpload:
        """Open a session, wrapped."""
        found = await self._uploads.resume(id, algorithm)
        upload: IUpload = ListeningUpload(found, self._listener, self._name)
        return upload


class ListeningManifests(proxyForInterface(IManifestService, "_manifests")):  # type: ignore[misc]
    """Tell of manifests pushed, pulled and deleted."""

    def __init__(self, manifests: IManifestService, listener: IEventListener, name: RepositoryName) -> None:
        super().__init__(manifests)
        self._listener, self._name = listener, name

    async def get(self, digest: Digest, tag: Tag | None = None) -> Manifest:
        """Read, then tell."""
        manifest: Manifest = await self._manifests.get(digest, tag)
        _tell(self._listener.manifest_pulled, self._name, manifest, tag)
        return manifest

    async def put(self, manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        """Store and tag, then tell."""
        await self._manifests.put(manifest, tags)
        _tell(self._listener.manifest_pushed, self._name, manifest, tuple(tags))

    async def delete(self, digest: Digest) -> None:
        """Delete, then tell."""
        await self._manifests.delete(digest)
        _tell(self._listener.manifest_deleted, self._name, digest)


class ListeningTags(proxyForInterface(ITagService, "_tags")):  # type: ignore[misc]
    """Tell of tags removed."""

    def __init__(self, tags: ITagService, listener: IEventListener, name: RepositoryName) -> None:
        super().__init__(tags)
        self._listener, self._name = listener, name

    async def untag(self, tag: Tag) -> None:
        """Remove, then tell."""
        await self._tags.untag(tag)
        _tell(self._listener.tag_deleted, self._name, tag)


@implementer(IRepository)
class ListeningRepository:
    """A repository with every part wrapped, for one listener."""

    blobs: IBlobStore
    server: IBlobServer
    uploads: IUploadStore
    manifests: IManifestService
    tags: ITagService
    referrers: IReferrerService

    def __init__(self, repository: IRepository, listener: IEventListener) -> None:
        self.name = repository.name
        self.blobs = ListeningBlobs(repository.blobs, listener, self.name)
        self.server = ListeningServer(repository.server, listener, self.name)
        self.uploads = ListeningUploads(repository.uploads, listener, self.name)
        self.manifests = ListeningManifests(repository.manifests, listener, self.name)
        self.tags = ListeningTags(repository.tags, listener, self.name)
        self.referrers = repository.referrers


class ListeningRemover(proxyForInterface(IRepositoryRemover, "_remover")):  # type: ignore[misc]
    """Tell of repositories removed."""

    def __init__(self, remover: IRepositoryRemover, listener: IEventListener) -> None:
        super().__init__(remover)
        self._listener = listener

    async def remove(self, name: RepositoryName) -> None:
        """Remove, then tell."""
        await self._remover.remove(name)
        _tell(self._listener.repository_deleted, name)
