"""What every ``IManifestService`` of a repository promises."""

from __future__ import annotations

from tests.contracts.repositories import (
    HERE,
    THERE,
    RepositoriesCase,
    descriptor_of,
    image,
    index,
    push_blob,
    push_image,
)
from txregistry.errors import ManifestUnknown, ReferencesUnknown
from txregistry.interfaces import IRepository
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import Tag

TAG = Tag("v1")


class ManifestServiceContract(RepositoriesCase):
    """Mix in beside a ``SynchronousTestCase``."""

    def here(self) -> IRepository:
        """An empty repository."""
        return self.make_namespace().repository(HERE)

    def assertHolds(self, repository: IRepository, manifest: Manifest) -> None:
        """*repository* gives *manifest* back as it was pushed."""
        found = self.successResultOf(repository.manifests.get(manifest.digest))
        self.assertEqual(
            (found.payload, found.media_type, found.digest, found.references),
            (manifest.payload, manifest.media_type, manifest.digest, manifest.references),
        )

    def test_put(self) -> None:
        """A manifest comes back byte for byte, with what it says."""
        here = self.here()
        manifest = self.successResultOf(push_image(here, b"layer"))
        self.assertHolds(here, manifest)

    def test_put_again(self) -> None:
        """The same manifest may be pushed twice."""
        here = self.here()
        self.successResultOf(push_image(here, b"layer"))
        self.assertHolds(here, self.successResultOf(push_image(here, b"layer")))

    def test_put_tags(self) -> None:
        """A push moves the given tags, and no other."""
        here = self.here()
        old = self.successResultOf(push_image(here, b"old", [TAG, Tag("stays")]))
        new = self.successResultOf(push_image(here, b"new", [TAG, Tag("more"), TAG]))
        self.assertEqual(self.successResultOf(here.tags.get(TAG)), new.digest)
        self.assertEqual(self.successResultOf(here.tags.get(Tag("more"))), new.digest)
        self.assertEqual(self.successResultOf(here.tags.get(Tag("stays"))), old.digest)
        self.assertHolds(here, old)

    def test_put_sha512(self) -> None:
        """A manifest is stored under the digest by which it is pushed, and under no other."""
        here = self.here()
        config = self.successResultOf(push_blob(here, b"{}", "sha512"))
        manifest = image(config, [config], "sha512")
        self.successResultOf(here.manifests.put(manifest, [TAG]))
        self.assertHolds(here, manifest)
        self.assertEqual(self.successResultOf(here.tags.get(TAG)), manifest.digest)
        self.failureResultOf(here.manifests.get(Digest.of(manifest.payload)), ManifestUnknown)

    def test_unknown(self) -> None:
        """A manifest that nobody pushed is unknown, and the error says which of which repository."""
        failure = self.failureResultOf(self.here().manifests.get(Digest.of(b"")), ManifestUnknown)
        self.assertEqual((failure.value.name, failure.value.digest), (HERE.text, Digest.of(b"")))

    def test_of_one_repository(self) -> None:
        """What one repository has, another has not, though its content is stored."""
        namespace = self.make_namespace()
        manifest = self.successResultOf(push_image(namespace.repository(HERE), b"layer"))
        self.failureResultOf(namespace.repository(THERE).manifests.get(manifest.digest), ManifestUnknown)

    def test_missing_blobs(self) -> None:
        """A manifest whose blobs are not all in the repository is refused, and leaves nothing behind."""
        namespace = self.make_namespace()
        here = namespace.repository(HERE)
        missing = [descriptor_of(content) for content in (b"b", b"c", b"a")]
        self.successResultOf(push_blob(namespace.repository(THERE), b"c"))
        held = self.successResultOf(push_blob(here, b"held"))
        manifest = image(missing[0], [missing[1], held, missing[2], missing[1]])
        failure = self.failureResultOf(here.manifests.put(manifest, [TAG]), ReferencesUnknown)
        self.assertEqual(failure.value.digests, tuple(each.digest for each in missing))
        self.failureResultOf(here.manifests.get(manifest.digest), ManifestUnknown)
        self.assertNotIn(manifest.digest, self.successResultOf(here.tags.lookup(manifest.digest)))

    def test_deleted_blob_is_missing(self) -> None:
        """What a delete has taken away is missing at once."""
        here = self.here()
        config = self.successResultOf(push_blob(here, b"{}"))
        self.successResultOf(here.blobs.delete(config.digest))
        self.failureResultOf(here.manifests.put(image(config, [])), ReferencesUnknown)

    def test_many_layers(self) -> None:
        """The first and the last of many layers count alike."""
        here = self.here()
        layers = [self.successResultOf(push_blob(here, b"%d" % number)) for number in range(70)]
        manifest = image(layers[0], layers)
        self.successResultOf(here.manifests.put(manifest))
        self.assertHolds(here, manifest)
        wrong = image(layers[0], [*layers, descriptor_of(b"missing")])
        failure = self.failureResultOf(here.manifests.put(wrong), ReferencesUnknown)
        self.assertEqual(failure.value.digests, (Digest.of(b"missing"),))

    def test_index(self) -> None:
        """An index needs its children in the same repository, as manifests or as blobs."""
        namespace = self.make_namespace()
        here = namespace.repository(HERE)
        child = self.successResultOf(push_image(here, b"layer"))
        elsewhere = self.successResultOf(push_image(namespace.repository(THERE), b"other"))
        self.successResultOf(here.manifests.put(index(child), [TAG]))
        self.assertHolds(here, index(child))
        both = index(child, elsewhere)
        failure = self.failureResultOf(here.manifests.put(both), ReferencesUnknown)
        self.assertEqual(failure.value.digests, (elsewhere.digest,))
        self.successResultOf(push_blob(here, elsewhere.payload))
        self.successResultOf(here.manifests.put(both))

    def test_index_of_nothing(self) -> None:
        """An index without children is a manifest like any other."""
        here = self.here()
        self.successResultOf(here.manifests.put(index()))
        self.assertHolds(here, index())

    def test_subject(self) -> None:
        """What a manifest is about need not exist."""
        here = self.here()
        config = self.successResultOf(push_blob(here, b"{}"))
        subject = {"mediaType": "text/plain", "digest": str(Digest.of(b"nowhere")), "size": 7}
        manifest = image(config, [], subject=subject)
        self.successResultOf(here.manifests.put(manifest))
        self.assertHolds(here, manifest)

    def test_external_layer(self) -> None:
        """A layer that may stay where its URLs say need not be in the repository."""
        here = self.here()
        config = self.successResultOf(push_blob(here, b"{}"))
        layer = {
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "digest": str(Digest.of(b"elsewhere")),
            "size": 9,
            "urls": ["https://example.com/elsewhere"],
        }
        self.successResultOf(here.manifests.put(image(config, [], layers=[layer])))

    def test_delete(self) -> None:
        """A deleted manifest is unknown, until it is pushed again; its tags are somebody else's duty."""
        here = self.here()
        manifest = self.successResultOf(push_image(here, b"layer", [TAG]))
        self.successResultOf(here.manifests.get(manifest.digest))
        self.successResultOf(here.manifests.delete(manifest.digest))
        self.failureResultOf(here.manifests.get(manifest.digest), ManifestUnknown)
        self.failureResultOf(here.manifests.delete(manifest.digest), ManifestUnknown)
        self.assertEqual(self.successResultOf(here.tags.get(TAG)), manifest.digest)
        self.successResultOf(here.manifests.put(manifest))
        self.assertHolds(here, manifest)

    def test_delete_leaves_blobs(self) -> None:
        """A manifest's layers stay when it goes."""
        here = self.here()
        manifest = self.successResultOf(push_image(here, b"layer"))
        self.successResultOf(here.manifests.delete(manifest.digest))
        self.assertEqual(self.successResultOf(here.blobs.stat(Digest.of(b"layer"))), descriptor_of(b"layer"))

    def test_delete_what_is_no_manifest(self) -> None:
        """A layer cannot be deleted as a manifest."""
        here = self.here()
        layer = self.successResultOf(push_blob(here, b"layer"))
        self.failureResultOf(here.manifests.get(layer.digest), ManifestUnknown)
        self.failureResultOf(here.manifests.delete(layer.digest), ManifestUnknown)
        self.assertEqual(self.successResultOf(here.blobs.stat(layer.digest)), layer)
