"""Tests for repositories over drivers: the contracts, and what wraps what."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.task import Clock
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.blobs import BlobServerContract, BlobStoreContract
from tests.contracts.manifests import ManifestServiceContract
from tests.contracts.referrers import ReferrerServiceContract
from tests.contracts.repositories import HERE, NamespaceContract, RepositoriesCase, push_blob, push_image
from tests.contracts.tags import TagServiceContract
from tests.contracts.uploads import UploadContract
from tests.fakes.workers import InlineWorkers
from tests.storage.making import make_namespace
from txregistry.cache.caching import CachingBlobs, Generations
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import BlobUnknown, ReferencesUnknown, StorageError
from txregistry.interfaces import IBlobStore, INamespace
from txregistry.model.digest import Descriptor, Digest
from txregistry.model.names import RepositoryName
from txregistry.storage.namespace import Namespace, Rules, utc_now
from txregistry.storage.payloads import ManifestMemory


class _InMemory(RepositoriesCase):
    def make_namespace(self) -> INamespace:
        self.clock = Clock()
        return make_namespace(InMemoryDriver(), self.clock)


class _OnDisk(RepositoriesCase):
    def make_namespace(self) -> INamespace:
        self.clock = Clock()
        return make_namespace(FilesystemDriver(self.mktemp(), InlineWorkers()), self.clock)


class _Cached(RepositoriesCase):
    def make_namespace(self) -> INamespace:
        self.clock = Clock()
        cache, generations = InMemoryDescriptorCache(100), Generations()

        def wrap(name: RepositoryName, blobs: IBlobStore) -> IBlobStore:
            cached: IBlobStore = CachingBlobs(blobs, cache, name, generations)
            return cached

        return make_namespace(InMemoryDriver(), self.clock, wrap_blobs=wrap)


class InMemoryNamespaceTests(_InMemory, NamespaceContract, SynchronousTestCase):
    """The contract of namespaces, in memory."""


class FilesystemNamespaceTests(_OnDisk, NamespaceContract, SynchronousTestCase):
    """The contract of namespaces, on disk."""


class InMemoryBlobStoreTests(_InMemory, BlobStoreContract, SynchronousTestCase):
    """The contract of blob stores, in memory."""


class FilesystemBlobStoreTests(_OnDisk, BlobStoreContract, SynchronousTestCase):
    """The contract of blob stores, on disk."""


class InMemoryBlobServerTests(_InMemory, BlobServerContract, SynchronousTestCase):
    """The contract of blob servers, in memory."""


class FilesystemBlobServerTests(_OnDisk, BlobServerContract, SynchronousTestCase):
    """The contract of blob servers, on disk."""


class InMemoryUploadTests(_InMemory, UploadContract, SynchronousTestCase):
    """The contract of uploads, in memory."""


class FilesystemUploadTests(_OnDisk, UploadContract, SynchronousTestCase):
    """The contract of uploads, on disk."""


class InMemoryManifestServiceTests(_InMemory, ManifestServiceContract, SynchronousTestCase):
    """The contract of manifest services, in memory."""


class FilesystemManifestServiceTests(_OnDisk, ManifestServiceContract, SynchronousTestCase):
    """The contract of manifest services, on disk."""


class InMemoryTagServiceTests(_InMemory, TagServiceContract, SynchronousTestCase):
    """The contract of tag services, in memory."""


class FilesystemTagServiceTests(_OnDisk, TagServiceContract, SynchronousTestCase):
    """The contract of tag services, on disk."""


class InMemoryReferrerServiceTests(_InMemory, ReferrerServiceContract, SynchronousTestCase):
    """The contract of referrer services, in memory."""


class FilesystemReferrerServiceTests(_OnDisk, ReferrerServiceContract, SynchronousTestCase):
    """The contract of referrer services, on disk."""


class CachedNamespaceTests(_Cached, NamespaceContract, SynchronousTestCase):
    """The contract of namespaces, with a cache round the blobs."""


class CachedBlobStoreTests(_Cached, BlobStoreContract, SynchronousTestCase):
    """The contract of blob stores, with a cache round the blobs."""


class CachedBlobServerTests(_Cached, BlobServerContract, SynchronousTestCase):
    """The contract of blob servers, with a cache round the blobs."""


class CachedUploadTests(_Cached, UploadContract, SynchronousTestCase):
    """The contract of uploads, with a cache round the blobs."""


class CachedManifestServiceTests(_Cached, ManifestServiceContract, SynchronousTestCase):
    """The contract of manifest services, with a cache round the blobs."""


class CachedTagServiceTests(_Cached, TagServiceContract, SynchronousTestCase):
    """The contract of tag services, with a cache round the blobs."""


class RecordingBlobs(proxyForInterface(IBlobStore, "_blobs")):  # type: ignore[misc]
    """Notes what it is asked and told, and claims to have everything unless it has to look."""

    def __init__(self, blobs: IBlobStore) -> None:
        super().__init__(blobs)
        self.linked: list[Descriptor] = []
        self.asked: list[Digest] = []
        self.looked: list[Digest] = []
        self.deleted: list[Digest] = []

    async def stat(self, digest: Digest) -> Descriptor:
        self.asked.append(digest)
        return Descriptor("claimed", digest, 1)

    async def look(self, digest: Digest) -> Descriptor:
        self.looked.append(digest)
        found: Descriptor = await self._blobs.look(digest)
        return found

    async def link(self, descriptor: Descriptor) -> None:
        self.linked.append(descriptor)
        await self._blobs.link(descriptor)

    async def delete(self, digest: Digest) -> None:
        self.deleted.append(digest)
        await self._blobs.delete(digest)


class WrappedBlobsTests(SynchronousTestCase):
    """What goes through the wrapper round a repository's blobs, and what goes past it."""

    def setUp(self) -> None:
        self.wrappers: dict[RepositoryName, RecordingBlobs] = {}

        def wrap(name: RepositoryName, blobs: IBlobStore) -> IBlobStore:
            self.wrappers[name] = RecordingBlobs(blobs)
            return self.wrappers[name]

        namespace = Namespace(
            InMemoryDriver(),
            InlineWorkers(),
            Clock(),
            ManifestMemory(1 << 20),
            Rules(delete_enabled=True),
            wrap_blobs=wrap,
        )
        self.here = namespace.repository(HERE)

    def test_uploads_link_through_it(self) -> None:
        """A finished upload is linked through the wrapper, so that a cache learns of it."""
        pushed = self.successResultOf(push_blob(self.here, b"content"))
        self.assertEqual(self.wrappers[HERE].linked, [pushed])

    def test_server_asks_it(self) -> None:
        """What clients may have is what the wrapper says."""
        digest = Digest.of(b"content")
        served = self.successResultOf(self.here.server.serve(digest, "GET"))
        self.assertEqual(served.descriptor, Descriptor("claimed", digest, 1))

    def test_open_unknown(self) -> None:
        """A blob that cannot be opened is looked for, so that the wrapper learns that it is gone."""
        descriptor = Descriptor("claimed", Digest.of(b"content"), 7)
        self.failureResultOf(self.here.server.open(descriptor), BlobUnknown)
        self.assertEqual(self.wrappers[HERE].looked, [descriptor.digest])

    def test_open_other_size(self) -> None:
        """One that has another size than is claimed is looked for, so that one client suffers, not all."""
        descriptor = self.successResultOf(push_blob(self.here, b"content"))
        for size in (6, 8):
            self.wrappers[HERE].looked.clear()
            self.failureResultOf(self.here.server.open(evolve(descriptor, size=size)), StorageError)
            self.assertEqual(self.wrappers[HERE].looked, [descriptor.digest])

    def test_references_are_looked_for(self) -> None:
        """References are looked for in storage: what a cache believes does not let a manifest in."""
        manifest = self.successResultOf(push_image(self.here, b"layer"))
        self.successResultOf(self.here.blobs.delete(Digest.of(b"layer")))
        self.failureResultOf(self.here.manifests.put(manifest), ReferencesUnknown)
        self.assertEqual(self.wrappers[HERE].asked, [])
        self.assertIn(Digest.of(b"layer"), self.wrappers[HERE].looked)

    def test_manifests_delete_through_it(self) -> None:
        """The blob link that goes with a manifest is deleted through the wrapper."""
        manifest = self.successResultOf(push_image(self.here, b"layer"))
        self.successResultOf(push_blob(self.here, manifest.payload))
        self.successResultOf(self.here.manifests.delete(manifest.digest))
        self.assertEqual(self.wrappers[HERE].deleted, [manifest.digest])

    def test_made_once(self) -> None:
        """One repository has one wrapper, however often its parts are asked for."""
        self.assertIs(self.here.blobs, self.here.blobs)
        self.assertIs(self.here.uploads, self.here.uploads)
        self.assertIs(self.here.blobs, self.wrappers[HERE])


class UtcNowTests(SynchronousTestCase):
    """The clock of new sessions."""

    def test_utc(self) -> None:
        """It knows that it is UTC."""
        self.assertEqual(utc_now().tzname(), "UTC")
