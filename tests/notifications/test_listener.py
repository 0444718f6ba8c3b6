"""Tests for the listening wrappers."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.contracts.listener import EventListenerContract
from tests.fakes.listener import RecordingListener
from tests.fakes.repository import Links, MemoryRepository
from txregistry.errors import (
    BlobUnknown,
    DigestMismatch,
    ManifestUnknown,
    NameUnknown,
    TagUnknown,
    UploadUnknown,
)
from txregistry.interfaces import (
    IBlobServer,
    IBlobStore,
    IEventListener,
    IManifestService,
    IRepository,
    IRepositoryRemover,
    ITagService,
    IUpload,
    IUploadStore,
)
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.manifest import OCI_INDEX, parse_manifest
from txregistry.model.names import RepositoryName, Tag
from txregistry.notifications.listener import ListeningRemover, ListeningRepository

NAME, OTHER = RepositoryName("here"), RepositoryName("there")
MANIFEST = parse_manifest(OCI_INDEX, b'{"schemaVersion":2,"manifests":[]}')
UNKNOWN = Digest.of(b"nobody has this")
V1, V2 = Tag("v1"), Tag("v2")


class RecordingListenerTests(EventListenerContract, SynchronousTestCase):
    """The recording fake keeps the contract."""

    def make_listener(self) -> IEventListener:
        return RecordingListener()


class ListeningRepositoryTests(SynchronousTestCase):
    """What is told, and when."""

    def setUp(self) -> None:
        self.links: Links = {}
        self.inner = MemoryRepository(NAME, self.links)
        self.source = MemoryRepository(OTHER, self.links)
        self.listener = RecordingListener()
        self.repository = ListeningRepository(self.inner, self.listener)

    def did(self, work: Awaitable[Any]) -> Any:
        """What *work* answers."""
        return self.successResultOf(work)  # type: ignore[arg-type]

    def test_provides(self) -> None:
        """The wrapper and each of its parts provide what they wrap."""
        self.assertTrue(verifyObject(IRepository, self.repository))
        self.assertEqual(self.repository.name, NAME)
        for interface, part in (
            (IBlobStore, self.repository.blobs),
            (IBlobServer, self.repository.server),
            (IUploadStore, self.repository.uploads),
            (IManifestService, self.repository.manifests),
            (ITagService, self.repository.tags),
            (IRepositoryRemover, ListeningRemover(self.inner, self.listener)),
        ):
            self.assertTrue(verifyObject(interface, part))

    def test_upload(self) -> None:
        """A blob is told of when its upload is committed, and not before."""
        status = self.did(self.repository.uploads.start())
        upload = self.did(self.repository.uploads.resume(status.id))
        self.assertTrue(verifyObject(IUpload, upload))
        self.did(upload.write([b"con", b"tent"]))
        self.assertEqual((upload.id, upload.size, upload.started_at), (status.id, 7, status.started_at))
        self.did(upload.close())
        self.assertEqual(self.did(self.repository.uploads.status(status.id)).size, 7)
        upload = self.did(self.repository.uploads.resume(status.id))
        self.assertEqual(self.listener.heard, [])
        descriptor = self.did(upload.commit(Digest.of(b"content")))
        self.assertEqual(self.listener.heard, [("blob_pushed", NAME, descriptor)])

    def test_upload_without_blob(self) -> None:
        """Uploads that are cancelled, refused or unknown are not told of."""
        status = self.did(self.repository.uploads.start())
        upload = self.did(self.repository.uploads.resume(status.id))
        self.failureResultOf(upload.commit(UNKNOWN), DigestMismatch)
        upload = self.did(self.repository.uploads.resume(status.id))
        self.did(upload.cancel())
        self.failureResultOf(self.repository.uploads.resume(status.id), UploadUnknown)
        self.assertEqual(self.listener.heard, [])

    def test_pull_blob(self) -> None:
        """A blob that is served is told of; asking for it or reading it says no more."""
        descriptor = self.inner.memory.add(b"content")
        self.did(self.repository.blobs.stat(descriptor.digest))
        served = self.did(self.repository.server.serve(descriptor.digest, "GET"))
        reader = self.did(self.repository.server.open(served.descriptor))
        self.assertEqual(self.did(reader.read(0, 7)), b"content")
        self.assertEqual(self.listener.heard, [("blob_pulled", NAME, descriptor)])

    def test_mount(self) -> None:
        """A mount is told of with its source; a bare link is not told of."""
        descriptor = self.source.memory.add(b"content")
        self.did(self.repository.blobs.link(descriptor))
        self.assertEqual(self.did(self.repository.blobs.mount(descriptor.digest, OTHER)), descriptor)
        self.assertEqual(self.listener.heard, [("blob_mounted", NAME, descriptor, OTHER)])

    def test_delete_blob(self) -> None:
        """A deleted blob is told of."""
        digest = self.inner.memory.add(b"content").digest
        self.did(self.repository.blobs.delete(digest))
        self.assertEqual(self.listener.heard, [("blob_deleted", NAME, digest)])

    def test_manifests(self) -> None:
        """A push is told of with its tags, a pull with the tag that was asked for, then the end of each."""
        manifests, tags = self.repository.manifests, self.repository.tags
        self.did(manifests.put(MANIFEST, [V1, V2]))
        self.did(manifests.put(MANIFEST))
        self.assertIs(self.did(manifests.get(MANIFEST.digest, V1)), MANIFEST)
        self.assertIs(self.did(manifests.get(MANIFEST.digest)), MANIFEST)
        self.did(manifests.delete(MANIFEST.digest))
        self.did(tags.untag(V1))
        self.assertEqual(
            self.listener.heard,
            [
                ("manifest_pushed", NAME, MANIFEST, (V1, V2)),
                ("manifest_pushed", NAME, MANIFEST, ()),
                ("manifest_pulled", NAME, MANIFEST, V1),
                ("manifest_pulled", NAME, MANIFEST, None),
                ("manifest_deleted", NAME, MANIFEST.digest),
                ("tag_deleted", NAME, V1),
            ],
        )

    def test_silent(self) -> None:
        """Reading and moving tags is not told of."""
        tags = self.repository.tags
        self.did(tags.tag(V1, MANIFEST.digest))
        self.assertEqual(self.did(tags.get(V1)), MANIFEST.digest)
        self.assertEqual(self.did(tags.list()).items, ("v1",))
        self.assertEqual(self.did(tags.lookup(MANIFEST.digest)), [V1])
        self.assertEqual(self.listener.heard, [])

    def test_failures(self) -> None:
        """What fails is not told of, and fails as it did before."""
        repository = self.repository
        self.failureResultOf(repository.blobs.mount(UNKNOWN, OTHER), BlobUnknown)
        self.failureResultOf(repository.blobs.delete(UNKNOWN), BlobUnknown)
        self.failureResultOf(repository.server.serve(UNKNOWN, "GET"), BlobUnknown)
        self.failureResultOf(repository.manifests.get(UNKNOWN), ManifestUnknown)
        self.failureResultOf(repository.manifests.delete(UNKNOWN), ManifestUnknown)
        self.failureResultOf(repository.tags.untag(V1), TagUnknown)
        remover = ListeningRemover(self.inner, self.listener)
        self.failureResultOf(remover.remove(NAME), NameUnknown)
        self.assertEqual(self.listener.heard, [])

    def test_remove(self) -> None:
        """A removed repository is told of."""
        self.inner.memory.add(b"content")
        self.did(ListeningRemover(self.inner, self.listener).remove(NAME))
        self.assertEqual(self.listener.heard, [("repository_deleted", NAME)])

    def test_waits(self) -> None:
        """Nothing is told before it is done."""
        gate: Deferred[Descriptor] = Deferred()
        descriptor = Descriptor(OCTET_STREAM, UNKNOWN, 1)

        async def mount(digest: Digest, source: RepositoryName) -> Descriptor:
            return await gate

        self.patch(self.inner.memory, "mount", mount)
        mounting = Deferred.fromCoroutine(self.repository.blobs.mount(UNKNOWN, OTHER))
        self.assertEqual(self.listener.heard, [])
        gate.callback(descriptor)
        self.successResultOf(mounting)
        self.assertEqual(self.listener.heard, [("blob_mounted", NAME, descriptor, OTHER)])

    def test_raising_listener(self) -> None:
        """A listener that raises is logged, and the request does not suffer."""

        def fail(*facts: object) -> None:
            raise ZeroDivisionError

        self.patch(self.listener, "blob_deleted", fail)
        digest = self.inner.memory.add(b"content").digest
        self.did(self.repository.blobs.delete(digest))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.failureResultOf(self.inner.blobs.stat(digest), BlobUnknown)
