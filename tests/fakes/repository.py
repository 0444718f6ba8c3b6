"""A repository in dictionaries: no bytes below it, no failures but those of its contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from zope.interface import implementer

from txregistry.errors import (
    BlobUnknown,
    DigestMismatch,
    ManifestUnknown,
    NameUnknown,
    TagUnknown,
    Unsupported,
    UploadDiffers,
    UploadUnknown,
)
from txregistry.interfaces import (
    IBlobServer,
    IBlobStore,
    IContentReader,
    IManifestService,
    IReferrerService,
    IRepository,
    IRepositoryRemover,
    ITagService,
    IUpload,
    IUploadStore,
    ServedBlob,
    UploadStatus,
)
from txregistry.model.digest import CANONICAL, OCTET_STREAM, Descriptor, Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import Page, RepositoryName, Tag, page_of
from txregistry.model.referrers import Referrer

#: What repositories share: each one's blobs, so that they can be mounted.
Links = dict[RepositoryName, dict[Digest, bytes]]

BEGAN = datetime(2024, 5, 1, 10, 20, 30, tzinfo=UTC)


@implementer(IContentReader)
class MemoryReader:
    """Content held in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    async def read(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._content = b""


@implementer(IBlobStore, IBlobServer)
class MemoryBlobs:
    """
    The blobs of the repository *name*, and their server.

    :ivar stats: how often :meth:`stat` was asked.
    :ivar delete_enabled: deletion is switched on.
    """

    def __init__(self, name: RepositoryName, links: Links) -> None:
        self._name, self._links = name, links
        self.stats = 0
        self.delete_enabled = True

    def _of(self, name: RepositoryName, digest: Digest) -> bytes:
        try:
            return self._links[name][digest]
        except KeyError:
            raise BlobUnknown(digest) from None

    def add(self, content: bytes) -> Descriptor:
        """Store *content* as a blob."""
        descriptor = Descriptor(OCTET_STREAM, Digest.of(content), len(content))
        self._links.setdefault(self._name, {})[descriptor.digest] = content
        return descriptor

    async def stat(self, digest: Digest) -> Descriptor:
        self.stats += 1
        content = self._of(self._name, digest)
        return Descriptor(OCTET_STREAM, Digest.of(content), len(content))

    async def look(self, digest: Digest) -> Descriptor:
        return await self.stat(digest)

    async def link(self, descriptor: Descriptor) -> None:
        contents = (blobs.get(descriptor.digest) for blobs in list(self._links.values()))
        content = next((content for content in contents if content is not None), None)
        if content is None:
            raise BlobUnknown(descriptor.digest)
        self._links.setdefault(self._name, {})[descriptor.digest] = content

    async def mount(self, digest: Digest, source: RepositoryName) -> Descriptor:
        return self.add(self._of(source, digest))

    async def deletable(self, digest: Digest) -> Descriptor:
        if not self.delete_enabled:
            raise Unsupported("deletion is disabled")
        content = self._of(self._name, digest)
        return Descriptor(OCTET_STREAM, Digest.of(content), len(content))

    async def delete(self, digest: Digest) -> None:
        await self.deletable(digest)
        del self._links[self._name][digest]

    async def serve(self, digest: Digest, method: str) -> ServedBlob:
        content = self._of(self._name, digest)
        return ServedBlob(Descriptor(OCTET_STREAM, digest, len(content)))

    async def open(self, descriptor: Descriptor) -> IContentReader:
        return MemoryReader(self._of(self._name, descriptor.digest))


@implementer(IUploadStore)
class MemoryUploads:
    """Upload sessions, numbered."""

    def __init__(self, blobs: MemoryBlobs) -> None:
        self._blobs = blobs
        self.sessions: dict[str, bytes] = {}

    async def start(self) -> UploadStatus:
        id = f"upload-{len(self.sessions)}"
        self.sessions[id] = b""
        return UploadStatus(id, 0, BEGAN)

    async def status(self, id: str) -> UploadStatus:
        if id not in self.sessions:
            raise UploadUnknown(id)
        return UploadStatus(id, len(self.sessions[id]), BEGAN)

    async def resume(self, id: str, algorithm: str = CANONICAL) -> IUpload:
        await self.status(id)
        return MemoryUpload(id, self.sessions, self._blobs)


@implementer(IUpload)
class MemoryUpload:
    """An open session."""

    started_at = BEGAN

    def __init__(self, id: str, sessions: dict[str, bytes], blobs: MemoryBlobs) -> None:
        self.id, self._sessions, self._blobs = id, sessions, blobs
        self._differs = False

    @property
    def size(self) -> int:
        return len(self._sessions.get(self.id, b""))

    async def write(self, chunks: Sequence[bytes], at: int | None = None) -> None:
        stored, added = self._sessions[self.id], b"".join(chunks)
        known = 0 if at is None else len(stored) - at
        if self._differs or known < 0 or not stored.startswith(added[:known], len(stored) - known):
            self._differs = True
            raise UploadDiffers(self.id)
        self._sessions[self.id] += added[known:]

    async def close(self) -> None:
        """Nothing is held."""

    async def commit(self, digest: Digest) -> Descriptor:
        if Digest.of(self._sessions[self.id], digest.algorithm) != digest:
            raise DigestMismatch(digest)
        return self._blobs.add(self._sessions.pop(self.id))

    async def cancel(self) -> None:
        del self._sessions[self.id]


@implementer(IManifestService)
class MemoryManifests:
    """The manifests of one repository, and the tags that a push moves."""

    def __init__(self, name: RepositoryName, tags: MemoryTags) -> None:
        self._name, self._tags = name, tags
        self.stored: dict[Digest, Manifest] = {}

    async def get(self, digest: Digest, tag: Tag | None = None) -> Manifest:
        try:
            return self.stored[digest]
        except KeyError:
            raise ManifestUnknown(str(self._name), digest) from None

    async def put(self, manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        self.stored[manifest.digest] = manifest
        for tag in tags:
            await self._tags.tag(tag, manifest.digest)

    async def delete(self, digest: Digest) -> None:
        await self.get(digest)
        del self.stored[digest]


@implementer(ITagService)
class MemoryTags:
    """The tags of one repository."""

    def __init__(self, name: RepositoryName) -> None:
        self._name = name
        self.pointers: dict[Tag, Digest] = {}

    async def get(self, tag: Tag) -> Digest:
        try:
            return self.pointers[tag]
        except KeyError:
            raise TagUnknown(str(self._name), str(tag)) from None

    async def list(self, after: str = "", limit: int | None = None) -> Page[str]:
        if not self.pointers:
            raise NameUnknown(str(self._name))
        return page_of(map(str, self.pointers), after, len(self.pointers) if limit is None else limit)

    async def tag(self, tag: Tag, digest: Digest) -> None:
        self.pointers[tag] = digest

    async def untag(self, tag: Tag) -> None:
        await self.get(tag)
        del self.pointers[tag]

    async def lookup(self, digest: Digest) -> Sequence[Tag]:
        return sorted((tag for tag, target in self.pointers.items() if target == digest), key=str)


@implementer(IReferrerService)
class MemoryReferrers:
    """What refers to what in one repository."""

    def __init__(self, manifests: MemoryManifests) -> None:
        self._manifests = manifests

    async def list(
        self, subject: Digest, artifact_type: str = "", after: str = "", limit: int = 1000
    ) -> Page[Referrer]:
        stored = sorted(self._manifests.stored.values(), key=lambda manifest: str(manifest.digest))
        found = [Referrer.of(manifest) for manifest in stored if manifest.subject == subject]
        rest = [
            each
            for each in found
            if str(each.descriptor.digest) > after and artifact_type in ("", each.artifact_type)
        ]
        return Page(rest[:limit], len(rest) > limit)


@implementer(IRepository, IRepositoryRemover)
class MemoryRepository:
    """One repository; it can also remove itself."""

    blobs: IBlobStore
    server: IBlobServer
    uploads: IUploadStore
    manifests: IManifestService
    tags: ITagService
    referrers: IReferrerService

    def __init__(self, name: RepositoryName, links: Links) -> None:
        self.name, self._links = name, links
        blobs, tags = MemoryBlobs(name, links), MemoryTags(name)
        self.blobs = self.server = self.memory = blobs
        self.uploads = MemoryUploads(blobs)
        self.tags = tags
        self.manifests = manifests = MemoryManifests(name, tags)
        self.referrers = MemoryReferrers(manifests)

    async def remove(self, name: RepositoryName) -> None:
        if self._links.pop(name, None) is None:
            raise NameUnknown(str(name))
