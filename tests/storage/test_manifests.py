"""Tests for manifests over storage, beyond the contract."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.contracts.repositories import descriptor_of, image, index, push_blob, push_image
from tests.fakes.workers import HeldWorkers, InlineWorkers
from tests.storage.faulty import FaultyDriver
from tests.storage.making import NAME, make_namespace, make_repository, tree
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import (
    ContentTooLarge,
    ManifestInvalid,
    ManifestUnknown,
    ReferencesUnknown,
    StorageFull,
    TagUnknown,
    Unsupported,
)
from txregistry.interfaces import IManifestEnumerator
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import RepositoryName, Tag
from txregistry.storage import layout
from txregistry.storage.manifests import CorruptManifest
from txregistry.storage.namespace import Namespace, Rules
from txregistry.storage.payloads import ManifestMemory

TAG = Tag("v1")


class _ManifestsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stored = InMemoryDriver()
        self.driver = FaultyDriver(self.stored)
        self.here = make_repository(self.driver)
        self.manifest: Manifest = self.successResultOf(push_image(self.here, b"layer", [TAG]))
        self.digest = self.manifest.digest
        self.driver.calls.clear()

    def put(self, path: str, content: bytes) -> None:
        self.successResultOf(self.stored.put(path, content))

    def leave(self, payload: bytes) -> Digest:
        """Leave *payload* as a manifest in storage, as another program may have done."""
        digest = Digest.of(payload)
        self.put(layout.blob_data(digest), payload)
        self.put(layout.revision_link(NAME, digest), str(digest).encode())
        return digest

    def afresh(self) -> None:
        """Go on as another process, which remembers nothing."""
        self.here = make_repository(self.driver)


class ReadingTests(_ManifestsCase):
    """Reading manifests, and remembering them."""

    def test_memory(self) -> None:
        """A manifest is read once; after that only its link is read, and that each time."""
        self.afresh()
        for _ in range(3):
            self.successResultOf(self.here.manifests.get(self.digest))
        link, data = layout.revision_link(NAME, self.digest), layout.blob_data(self.digest)
        self.assertEqual(self.driver.calls, [("get", link), ("get", data), ("get", link), ("get", link)])

    def test_pushed_is_remembered(self) -> None:
        """What was just pushed need not be read."""
        self.successResultOf(self.here.manifests.get(self.digest))
        self.assertNotIn(("get", layout.blob_data(self.digest)), self.driver.calls)

    def test_memory_is_shared(self) -> None:
        """Repositories share what is remembered, not what they have."""
        namespace = make_namespace(self.driver)
        other = namespace.repository(RepositoryName("other"))
        self.successResultOf(namespace.repository(NAME).manifests.get(self.digest))
        self.failureResultOf(other.manifests.get(self.digest), ManifestUnknown)

    def test_deleted_by_others(self) -> None:
        """What another process deleted is gone at once, remembered or not."""
        self.successResultOf(self.here.manifests.get(self.digest))
        self.successResultOf(self.stored.delete(layout.revision_link(NAME, self.digest)))
        self.failureResultOf(self.here.manifests.get(self.digest), ManifestUnknown)

    def test_dangling_link(self) -> None:
        """A link to content that a collector took away is no manifest."""
        self.afresh()
        self.successResultOf(self.stored.delete(layout.blob_directory(self.digest)))
        self.failureResultOf(self.here.manifests.get(self.digest), ManifestUnknown)

    def test_broken_link(self) -> None:
        """A link that holds no digest is none, until the manifest is pushed again."""
        self.put(layout.revision_link(NAME, self.digest), b"")
        self.failureResultOf(self.here.manifests.get(self.digest), ManifestUnknown)
        self.successResultOf(self.here.manifests.put(self.manifest))
        self.assertEqual(self.successResultOf(self.here.manifests.get(self.digest)), self.manifest)

    def test_corrupt(self) -> None:
        """Content that is not what its digest says is never handed out."""
        self.afresh()
        other = image(descriptor_of(b"other"), [])
        self.put(layout.blob_data(self.digest), other.payload)
        self.failureResultOf(self.here.manifests.get(self.digest), CorruptManifest)
        self.put(layout.blob_data(self.digest), self.manifest.payload[:-1])
        self.failureResultOf(self.here.manifests.get(self.digest), CorruptManifest)

    def test_no_manifest(self) -> None:
        """A link to something that is no manifest is refused with the reason."""
        digest = self.leave(b'{"schemaVersion": 1}')
        failure = self.failureResultOf(self.here.manifests.get(digest), ManifestInvalid)
        self.assertIn("schema 1", failure.value.reason)

    def test_too_large(self) -> None:
        """A manifest above the limit is not read into memory."""
        here = make_repository(self.driver, Rules(manifest_limit=len(self.manifest.payload)))
        self.successResultOf(here.manifests.get(self.digest))
        here = make_repository(self.driver, Rules(manifest_limit=len(self.manifest.payload) - 1))
        self.failureResultOf(here.manifests.get(self.digest), ContentTooLarge)

    def test_large_ones_are_for_workers(self) -> None:
        """Reading a large manifest does not keep the reactor."""
        workers = InlineWorkers()
        namespace = Namespace(self.driver, workers, Clock(), ManifestMemory(0), Rules())
        self.successResultOf(namespace.repository(NAME).manifests.get(self.digest))
        self.assertEqual(workers.calls, 0)
        digest = self.leave(image(descriptor_of(b"{}"), [], annotations={"a": "x" * 70_000}).payload)
        self.successResultOf(namespace.repository(NAME).manifests.get(digest))
        self.assertEqual(workers.calls, 1)

    def test_large_ones_one_by_one(self) -> None:
        """Many who ask for a large manifest have it read once; two manifests are read one after the other."""
        workers = HeldWorkers()
        namespace = Namespace(self.driver, workers, Clock(), ManifestMemory(1 << 20), Rules())
        here = namespace.repository(NAME).manifests
        first, second = (
            self.leave(image(descriptor_of(b"{}"), [], annotations={"a": letter * 70_000}).payload)
            for letter in "xy"
        )
        asked = [Deferred.fromCoroutine(here.get(digest)) for digest in (first, first, second, first)]
        for done in ([first, first], [second, first]):
            self.assertEqual(len(workers.waiting), 1)
            workers.step()
            for digest in done:
                self.assertEqual(self.successResultOf(asked.pop(0)).digest, digest)
        self.assertEqual(workers.waiting, [])

    def test_enumeration(self) -> None:
        """All revisions are listed, tagged or not, of each algorithm by itself."""
        other = self.successResultOf(push_image(self.here, b"other"))
        wide = image(self.successResultOf(push_blob(self.here, b"{}")), [], "sha512")
        self.successResultOf(self.here.manifests.put(wide))
        manifests = self.here.manifests
        self.assertTrue(verifyObject(IManifestEnumerator, manifests))
        assert IManifestEnumerator.providedBy(manifests)
        page = self.successResultOf(manifests.digests("sha256"))
        self.assertEqual(list(page.items), sorted((self.digest, other.digest), key=str))
        self.assertEqual(self.successResultOf(manifests.digests("sha512")).items, (wide.digest,))
        self.successResultOf(self.here.manifests.delete(wide.digest))
        self.assertEqual(self.successResultOf(manifests.digests("sha512")).items, ())


class LayerLinkTests(_ManifestsCase):
    """Manifests that a repository has by a blob link only, as distribution 2.8 allows."""

    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(push_blob(self.here, self.manifest.payload))
        self.successResultOf(self.stored.delete(layout.revision_link(NAME, self.digest)))

    def test_read(self) -> None:
        """Such a manifest is served."""
        for _ in range(2):
            self.assertEqual(
                self.successResultOf(self.here.manifests.get(self.digest)).payload, self.manifest.payload
            )
            self.afresh()

    def test_deleted(self) -> None:
        """Such a manifest can be deleted."""
        self.successResultOf(self.here.manifests.delete(self.digest))
        self.failureResultOf(self.here.manifests.get(self.digest), ManifestUnknown)
        self.assertNotIn(layout.layer_link(NAME, self.digest), tree(self.stored))

    def test_large_layers_are_not_read(self) -> None:
        """A layer above the size of manifests is not read to find out that it is none."""
        layer = self.successResultOf(push_blob(self.here, b"{" * 5_000_000))
        self.driver.calls.clear()
        self.failureResultOf(self.here.manifests.get(layer.digest), ManifestUnknown)
        self.assertNotIn(("get", layout.blob_data(layer.digest)), self.driver.calls)

    def test_both_links(self) -> None:
        """Deleting a manifest that is a blob, too, takes both links, or it could still be read."""
        self.successResultOf(self.here.manifests.put(self.manifest))
        self.successResultOf(self.here.manifests.delete(self.digest))
        self.failureResultOf(self.here.manifests.get(self.digest), ManifestUnknown)

    def test_child(self) -> None:
        """An index may have it as a child."""
        self.successResultOf(self.here.manifests.put(index(self.manifest)))


class WritingTests(_ManifestsCase):
    """Storing manifests."""

    def test_order(self) -> None:
        """Content comes before its link, the link before the tags, a tag's memory before the tag."""
        manifest = image(self.successResultOf(push_blob(self.here, b"{}")), [])
        self.driver.calls.clear()
        self.successResultOf(self.here.manifests.put(manifest, [TAG]))
        self.assertEqual(
            [path for call, path in self.driver.calls if call == "put"],
            [
                layout.blob_data(manifest.digest),
                layout.revision_link(NAME, manifest.digest),
                layout.tag_index(NAME, TAG, manifest.digest),
                layout.tag_current(NAME, TAG),
            ],
        )

    def test_refused_leaves_nothing(self) -> None:
        """A refused manifest leaves the storage as it was."""
        before = tree(self.stored)
        refused = image(descriptor_of(b"missing"), [])
        self.failureResultOf(self.here.manifests.put(refused, [TAG]), ReferencesUnknown)
        self.assertEqual(tree(self.stored), before)

    def test_full(self) -> None:
        """Wherever a push fails, no tag leads to what is not there, and pushing again succeeds."""
        new = image(self.successResultOf(push_blob(self.here, b"{}")), [])
        for part in ("/blobs/", "/revisions/", "/tags/new/index/", "/tags/new/current/"):
            self.driver.broken = {("put", part)}
            self.failureResultOf(self.here.manifests.put(new, [Tag("new")]), StorageFull)
            self.failureResultOf(self.here.tags.get(Tag("new")), TagUnknown)
        self.driver.broken.clear()
        self.successResultOf(self.here.manifests.put(new, [Tag("new")]))
        self.assertEqual(self.successResultOf(self.here.tags.get(Tag("new"))), new.digest)

    def test_not_remembered_before_stored(self) -> None:
        """A manifest that could not be stored is not served from memory."""
        new = image(self.successResultOf(push_blob(self.here, b"{}")), [])
        self.driver.broken = {("put", "/revisions/")}
        self.failureResultOf(self.here.manifests.put(new), StorageFull)
        self.failureResultOf(self.here.manifests.get(new.digest), ManifestUnknown)

    def test_dangling_child(self) -> None:
        """A child whose content is gone is missing, though its link is there."""
        self.successResultOf(self.stored.delete(layout.blob_directory(self.digest)))
        failure = self.failureResultOf(self.here.manifests.put(index(self.manifest)), ReferencesUnknown)
        self.assertEqual(failure.value.digests, (self.digest,))

    def test_bytes_are_kept(self) -> None:
        """Not a blank of what was pushed is changed."""
        config = self.successResultOf(push_blob(self.here, b"{}"))
        payload = json.dumps(json.loads(image(config, []).payload), indent=3).encode() + b"\n\n"
        digest = self.leave(payload)
        self.assertEqual(self.successResultOf(self.here.manifests.get(digest)).payload, payload)


class DeletingTests(_ManifestsCase):
    """Deleting manifests."""

    def test_removes_the_link_only(self) -> None:
        """Deleting takes one link away; content and tags stay."""
        before = tree(self.stored)
        self.successResultOf(self.here.manifests.delete(self.digest))
        gone = before.keys() - tree(self.stored).keys()
        self.assertEqual(gone, {layout.revision_link(NAME, self.digest)})

    def test_switched_off(self) -> None:
        """Where deletion is off, nothing is deleted, and nothing is told about what exists."""
        here = make_repository(self.driver, Rules())
        self.failureResultOf(here.manifests.delete(self.digest), Unsupported)
        self.failureResultOf(here.manifests.delete(Digest.of(b"")), Unsupported)
        self.successResultOf(here.manifests.get(self.digest))
