"""OCI distribution-spec, "Content Management": what is deleted, what stays, and who may switch it off."""

from __future__ import annotations

from tests.web.oci import LAYER, NO_DIGESTS, NOBODYS, OnDisk, SpecCase, descriptor, index, manifest
from tests.web.registry import Registry
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_INDEX, OCI_MANIFEST
from txregistry.storage.namespace import Rules


class ManagementCase(SpecCase):
    """A repository with an image that has two tags, and another image."""

    def setUp(self) -> None:
        super().setUp()
        self.payload = self.push_image("latest", "v1")
        self.other = self.push_image("other", annotations={"other": "yes"})
        self.digest, self.other_digest = Digest.of(self.payload), Digest.of(self.other)
        self.layer = Digest.of(LAYER)

    def deleted(self, path: str) -> None:
        """DELETE is a 202, and then there is nothing."""
        self.assertEqual(self.status("DELETE", path), 202)
        for method in ("GET", "HEAD"):
            self.assertEqual(self.status(method, path), 404)
        self.assertEqual(self.status("DELETE", path), 404)

    def there(self, *references: object) -> None:
        for reference in references:
            self.assertEqual(self.status("GET", f"manifests/{reference}"), 200, reference)

    def tags(self) -> list[str]:
        tags: list[str] = self.ask("GET", "tags/list").json()["tags"]
        return tags


class DeletingTagsTests(ManagementCase):
    """ "Deleting tags"."""

    def test_deleted(self) -> None:
        """MUST: a deleted tag is a 202, and a 404 afterwards; its manifest and other tags stay."""
        self.deleted("manifests/latest")
        self.there("v1", "other", self.digest, self.other_digest)
        self.assertEqual(self.tags(), ["other", "v1"])

    def test_last_tag(self) -> None:
        """MUST: that holds for the last tag of a manifest, too."""
        self.deleted("manifests/latest")
        self.deleted("manifests/v1")
        self.there(self.digest)

    def test_unknown(self) -> None:
        """MUST ("Endpoints"): a tag that is not there is a 404, also in a repository that is not."""
        for path in ("manifests/nothing", "/v2/oci/nobody/manifests/latest"):
            self.refused(self.ask("DELETE", path), 404, "MANIFEST_UNKNOWN", "NAME_UNKNOWN")

    def test_again(self) -> None:
        """MUST: the tag may be pushed again, to the same manifest or another one."""
        for payload in (self.payload, self.other):
            self.deleted("manifests/latest")
            self.push(payload, "latest")
            self.assertEqual(self.ask("GET", "manifests/latest").body, payload)


class DeletingTagsOnDiskTests(OnDisk, DeletingTagsTests):
    """The same with files."""


class DeletingManifestsTests(ManagementCase):
    """ "Deleting Manifests"."""

    def test_deleted(self) -> None:
        """MUST: a deleted manifest is a 202, and a 404 afterwards by its digest and by each of its tags."""
        self.deleted(f"manifests/{self.digest}")
        for tag in ("latest", "v1"):
            self.assertEqual(self.status("GET", f"manifests/{tag}"), 404)
        self.there("other", self.other_digest)
        self.assertEqual(self.tags(), ["other"])

    def test_untagged(self) -> None:
        """MUST: so is one without tags."""
        self.push(manifest(annotations={"tags": "none"}))
        self.deleted(f"manifests/{Digest.of(manifest(annotations={'tags': 'none'}))}")
        self.assertEqual(self.tags(), ["latest", "other", "v1"])

    def test_by_sha512(self) -> None:
        """MUST: so is one of another algorithm; what has the same bytes and another name stays."""
        digest = Digest.of(self.payload, "sha512")
        self.assertEqual(self.put(f"{digest}?tag=long", self.payload).status, 201)
        self.deleted(f"manifests/{digest}")
        self.assertEqual(self.status("GET", "manifests/long"), 404)
        self.there("latest", self.digest)

    def test_moved_tag(self) -> None:
        """MUST: a tag that had moved on before is not touched."""
        self.push(self.other, "latest")
        self.deleted(f"manifests/{self.digest}")
        self.assertEqual(self.ask("GET", "manifests/latest").body, self.other)
        self.assertEqual(self.status("GET", "manifests/v1"), 404)

    def test_unknown(self) -> None:
        """MUST: what is not there is a 404: neither in this repository nor in one that is not there."""
        for path in (
            f"manifests/{NOBODYS}",
            f"manifests/{self.layer}",
            f"/v2/oci/nobody/manifests/{self.digest}",
        ):
            self.refused(self.ask("DELETE", path), 404, "MANIFEST_UNKNOWN", "NAME_UNKNOWN")
        self.there(self.digest)

    def test_no_digest(self) -> None:
        """SHOULD: what is no digest is refused."""
        for digest in NO_DIGESTS:
            self.assertIn(self.status("DELETE", f"manifests/{digest}"), (400, 404))
        self.there("latest", "other")

    def test_parts_stay(self) -> None:
        """MUST: the parts of a deleted manifest stay, be they blobs or manifests."""
        listing = index(self.payload, self.other)
        self.push(listing, "all", media_type=OCI_INDEX)
        self.deleted(f"manifests/{Digest.of(listing)}")
        self.there(self.digest, self.other_digest)
        self.deleted(f"manifests/{self.digest}")
        self.assertEqual(self.ask("GET", f"blobs/{self.layer}").body, LAYER)

    def test_elsewhere(self) -> None:
        """MUST: the same manifest in another repository stays."""
        path = "/v2/oci/elsewhere/manifests/latest"
        content = index()
        self.push(content, "listing", media_type=OCI_INDEX)
        self.assertEqual(self.ask("PUT", path, [("Content-Type", OCI_INDEX)], content).status, 201)
        self.deleted(f"manifests/{Digest.of(content)}")
        self.assertEqual(self.ask("GET", path).body, content)

    def test_again(self) -> None:
        """MUST: it may be pushed again, and has only the tags that it is given then."""
        self.deleted(f"manifests/{self.digest}")
        self.push(self.payload, "v2")
        self.assertEqual(self.tags(), ["other", "v2"])
        self.there(self.digest)

    def test_with_subject(self) -> None:
        """MUST: a deleted referrer leaves its subject alone, and the other way round."""
        payload = manifest(LAYER, subject=descriptor(OCI_MANIFEST, self.payload))
        self.push(payload)
        self.deleted(f"manifests/{Digest.of(payload)}")
        self.there("latest")
        self.push(payload)
        self.deleted(f"manifests/{self.digest}")
        self.there(Digest.of(payload))


class DeletingManifestsOnDiskTests(OnDisk, DeletingManifestsTests):
    """The same with files."""


class DeletingBlobsTests(ManagementCase):
    """ "Deleting Blobs"."""

    def test_deleted(self) -> None:
        """MUST: a deleted blob is a 202, and a 404 afterwards, in every algorithm."""
        for algorithm in ("sha256", "sha384", "sha512"):
            self.deleted(f"blobs/{self.push_blob(b'to be deleted', algorithm)}")

    def test_unknown(self) -> None:
        """MUST: what is not there is a 404."""
        for path in (
            f"blobs/{NOBODYS}",
            f"/v2/oci/nobody/blobs/{self.layer}",
            f"blobs/{Digest.of(LAYER, 'sha512')}",
        ):
            self.refused(self.ask("DELETE", path), 404, "BLOB_UNKNOWN", "NAME_UNKNOWN")
        self.assertEqual(self.status("HEAD", f"blobs/{self.layer}"), 200)

    def test_no_digest(self) -> None:
        """SHOULD: what is no digest is a 400."""
        for digest in NO_DIGESTS:
            self.refused(self.ask("DELETE", f"blobs/{digest}"), 400, "DIGEST_INVALID")

    def test_again(self) -> None:
        """MUST: it may be pushed again, and is there then."""
        self.deleted(f"blobs/{self.layer}")
        self.push_blob(LAYER)
        self.assertEqual(self.ask("GET", f"blobs/{self.layer}").body, LAYER)

    def test_needed(self) -> None:
        """MAY ("Push"): a manifest that needs a deleted blob is refused, until it is pushed again."""
        self.deleted(f"blobs/{self.layer}")
        payload = manifest(LAYER, annotations={"new": "yes"})
        self.refused(self.put("new", payload), 400, "MANIFEST_BLOB_UNKNOWN")
        self.push_blob(LAYER)
        self.push(payload, "new")

    def test_elsewhere(self) -> None:
        """MUST: the same blob in another repository stays."""
        query = f"mount={self.layer}&from=oci/spec"
        self.assertEqual(self.status("POST", f"/v2/oci/other/blobs/uploads/?{query}", b""), 201)
        self.deleted(f"blobs/{self.layer}")
        self.assertEqual(self.ask("GET", f"/v2/oci/other/blobs/{self.layer}").body, LAYER)


class DeletingBlobsOnDiskTests(OnDisk, DeletingBlobsTests):
    """The same with files."""


class DisabledTests(ManagementCase):
    """Registries that allow no deletion ("Content Management")."""

    def test_refused(self) -> None:
        """MUST: where it is disabled, it is a 400 or a 405; nothing is gone."""
        for registry in (
            Registry(self.registry.driver, rules=Rules(delete_enabled=False)),
            Registry(self.registry.driver, readonly=True),
        ):
            self.registry = registry
            for path in ("manifests/latest", f"manifests/{self.digest}", f"blobs/{self.layer}"):
                self.refused(self.ask("DELETE", path), 405, "UNSUPPORTED")
                self.assertEqual(self.status("GET", path), 200)
            self.assertEqual(self.tags(), ["latest", "other", "v1"])

    def test_uploads(self) -> None:
        """SHOULD ("Cancelling"): an upload can be given up all the same."""
        self.registry = Registry(self.registry.driver, rules=Rules(delete_enabled=False))
        self.assertEqual(self.status("DELETE", self.begin()), 204)
