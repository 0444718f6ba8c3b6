"""The manifests of a repository."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger
from zope.interface import implementer

from txregistry.errors import (
    BlobUnknown,
    ContentTooLarge,
    ManifestDenied,
    ManifestInvalid,
    ManifestUnknown,
    PathNotFound,
    ReferencesUnknown,
    StorageError,
    Unsupported,
)
from txregistry.interfaces import (
    IBlobStore,
    IManifestEnumerator,
    IManifestService,
    IStorageDriver,
    ITagService,
    IWorkers,
)
from txregistry.model.digest import Digest
from txregistry.model.manifest import InvalidManifest, Kind, Manifest, Reference, recognise
from txregistry.model.names import Page, RepositoryName, Tag
from txregistry.model.policy import ClassPolicy
from txregistry.model.validation import Validation
from txregistry.storage import layout
from txregistry.storage.blobs import SharedBlobs
from txregistry.storage.concurrency import concurrently
from txregistry.storage.linkfile import read_link, stored_digests, write_link
from txregistry.storage.payloads import ManifestMemory

#: A manifest of more bytes is read by a worker, one at a time.
WORKER_PAYLOAD = 64 * 1024

#: URLs of more characters are compared with the rules by a worker, those of one manifest at a time.
_WORKER_URLS = 4096

#: How many references of a manifest are looked up at the same time.
_WIDTH = 16


class CorruptManifest(StorageError):
    """The content stored as *digest* is something else."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"the content stored as {digest} is something else")
        self.digest = digest


def read_manifest(payload: bytes, digest: Digest) -> Manifest:
    """
    Read what was stored as *digest*.

    :raises CorruptManifest: *payload* has another digest.
    :raises InvalidManifest: it is no manifest.
    """
    if Digest.of(payload, digest.algorithm) != digest:
        raise CorruptManifest(digest)
    return recognise(payload, digest)


@implementer(IManifestService, IManifestEnumerator)
class Manifests:
    """
    The manifests of the repository *name*.

    A manifest is here if its revision link is.  distribution 2.8 takes a
    blob link for one, too; so do we, provided that the blob is a manifest.

    :param blobs: the repository's blobs, through whatever remembers them.
    :param memory: saves reading content again; the link is read each time.
    :param limit: the largest manifest that is read, in bytes.
    :param validation: what is demanded of manifests that are pushed.
    :param policy: which of them are taken.
    """

    _log = Logger()

    def __init__(
        self,
        name: RepositoryName,
        driver: IStorageDriver,
        workers: IWorkers,
        shared: SharedBlobs,
        blobs: IBlobStore,
        tags: ITagService,
        memory: ManifestMemory,
        delete_enabled: bool,
        limit: int,
        validation: Validation,
        policy: ClassPolicy,
    ) -> None:
        self._name, self._driver, self._workers = name, driver, workers
        self._shared, self._blobs, self._tags = shared, blobs, tags
        self._memory, self._delete_enabled, self._limit = memory, delete_enabled, limit
        self._validation, self._policy = validation, policy

    async def get(self, digest: Digest, tag: Tag | None = None) -> Manifest:
        """Read the link, then the content unless it is remembered."""
        target = await self._revision(digest)
        if target is None:
            return await self._blob_manifest(digest)
        try:
            return await self._load(target)
        except BlobUnknown:
            raise ManifestUnknown(self._name.text, digest) from None
        except InvalidManifest as e:
            raise ManifestInvalid(e.reason) from e

    async def put(self, manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        """Store the content, then the revision link, then the tags, so that no tag leads nowhere."""
        refusal = self._policy.refusal(manifest)
        if refusal is not None:
            raise ManifestDenied(refusal)
        await self._check_urls(manifest)
        await self._verify(manifest)
        digest = manifest.digest
        await self._shared.put(digest, manifest.payload)
        await write_link(self._driver, layout.revision_link(self._name, digest), digest)
        self._memory.add(manifest)
        for tag in dict.fromkeys(tags):
            await self._tags.tag(tag, digest)

    async def delete(self, digest: Digest) -> None:
        """Remove the revision link, and a blob link of the same digest: the manifest could be read by it."""
        if not self._delete_enabled:
            raise Unsupported("deletion is disabled")
        try:
            await self._driver.delete(layout.revision_link(self._name, digest))
        except PathNotFound:
            await self._blob_manifest(digest)
        try:
            await self._blobs.delete(digest)
        except BlobUnknown:
            return

    async def digests(self, algorithm: str, after: str = "", limit: int = 1000) -> Page[Digest]:
        """The digests for which there are revision links."""
        return await stored_digests(
            self._driver,
            layout.revisions_of(self._name, algorithm),
            algorithm,
            lambda digest: layout.revision_link(self._name, digest),
            after,
            limit,
        )

    async def _revision(self, digest: Digest) -> Digest | None:
        try:
            return await read_link(self._driver, layout.revision_link(self._name, digest))
        except PathNotFound:
            return None

    async def _blob_manifest(self, digest: Digest) -> Manifest:
        """A manifest that the repository has as a blob only."""
        try:
            descriptor = await self._blobs.look(digest)
            if descriptor.size > self._limit:
                raise ManifestUnknown(self._name.text, digest)
            return await self._load(descriptor.digest)
        except (BlobUnknown, InvalidManifest):
            raise ManifestUnknown(self._name.text, digest) from None

    async def _load(self, digest: Digest) -> Manifest:
        manifest = self._memory.get(digest)
        if manifest is not None:
            return manifest
        try:
            try:
                payload = await self._shared.get(digest, min(WORKER_PAYLOAD, self._limit))
            except ContentTooLarge:
                async with self._memory.reading:
                    return await self._load_large(digest)
            manifest = read_manifest(payload, digest)
        except CorruptManifest:
            self._log.critical("the content stored as {digest} is something else", digest=str(digest))
            raise
        self._memory.add(manifest)
        return manifest

    async def _load_large(self, digest: Digest) -> Manifest:
        remembered = self._memory.get(digest)  # somebody may have read it meanwhile
        if remembered is not None:
            return remembered
        try:
            payload = await self._shared.get(digest, self._limit)
        except ContentTooLarge:
            self._log.error("{digest} is too large for a manifest", digest=str(digest))
            raise
        manifest: Manifest = await self._workers.run(read_manifest, payload, digest)
        self._memory.add(manifest)
        return manifest

    # --- references ---

    async def _check_urls(self, manifest: Manifest) -> None:
        """:raises ManifestInvalid: content may not come from where *manifest* says."""
        try:
            urls = self._validation.urls_to_check(manifest)
            if sum(map(len, urls)) <= _WORKER_URLS:
                self._validation.check_urls(urls)
            else:
                async with self._memory.reading:
                    await self._workers.run(self._validation.check_urls, urls)
        except InvalidManifest as e:
            raise ManifestInvalid(e.reason) from e

    async def _verify(self, manifest: Manifest) -> None:
        """:raises ReferencesUnknown: storage lacks something that *manifest* needs."""
        required = self._validation.required(manifest)
        wanted = list({(each.digest, each.kind is Kind.CHILD): each for each in required}.values())
        found = await concurrently(self._has, wanted, _WIDTH)
        missing = [each.digest for each, there in zip(wanted, found, strict=True) if not there]
        if missing:
            raise ReferencesUnknown(list(dict.fromkeys(missing)))

    async def _has(self, reference: Reference) -> bool:
        try:
            if reference.kind is Kind.CHILD and await self._has_revision(reference.digest):
                return True
            await self._blobs.look(reference.digest)
        except BlobUnknown:
            return False
        return True

    async def _has_revision(self, digest: Digest) -> bool:
        target = await self._revision(digest)
        if target is None:
            return False
        await self._shared.stat(target)
        return True
