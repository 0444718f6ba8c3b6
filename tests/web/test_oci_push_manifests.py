"""OCI distribution-spec, "Push": manifests, their subjects, and their tags."""

from __future__ import annotations

import json

from tests.web.oci import (
    CONFIG,
    EMPTY_TYPE,
    LAYER,
    LAYER_TYPE,
    NAME,
    NO_DIGESTS,
    NOBODYS,
    OnDisk,
    SpecCase,
    descriptor,
    each_algorithm,
    index,
    manifest,
)
from tests.web.registry import location
from tests.web.wire import Answer, chunked, request_bytes
from txregistry.model.digest import Digest
from txregistry.model.manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

#: The least size of a manifest that the specification wants to be taken, in bytes.
LARGEST = 4 * 1024 * 1024


class ManifestCase(SpecCase):
    """A repository with the blobs of an image."""

    def setUp(self) -> None:
        super().setUp()
        self.push_blob(CONFIG)
        self.push_blob(LAYER)
        self.payload = manifest(LAYER)
        self.digest = Digest.of(self.payload)

    def created(self, answer: Answer, payload: bytes, digest: Digest | None = None) -> None:
        """The manifest is there, byte by byte, where the answer says that it is."""
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.header("Docker-Content-Digest"), str(digest or Digest.of(payload)))
        pulled = self.ask("GET", location(answer))
        self.assertEqual((pulled.status, pulled.body), (200, payload))

    def absent(self, reference: object) -> None:
        self.assertEqual(self.status("HEAD", f"manifests/{reference}"), 404)


class PushingManifestsTests(ManifestCase):
    """ "Pushing Manifests"."""

    def test_by_tag(self) -> None:
        """MUST: a push is a 201 with an address from which the manifest can be pulled."""
        answer = self.put("latest", self.payload)
        self.created(answer, self.payload)
        self.assertEqual(self.ask("GET", "manifests/latest").body, self.payload)

    def test_by_digest(self) -> None:
        """MUST: so is one by digest, which tags nothing."""
        self.push(manifest(), "latest")
        self.created(self.put(self.digest, self.payload), self.payload)
        self.assertEqual(self.ask("GET", "tags/list").json()["tags"], ["latest"])
        self.assertEqual(self.ask("GET", "manifests/latest").body, manifest())

    def test_exact_bytes(self) -> None:
        """MUST: what is stored is what came, not what it means."""
        for payload in (
            json.dumps(json.loads(self.payload), indent=3).encode(),
            json.dumps(json.loads(self.payload), sort_keys=True).encode() + b"\r\n\t ",
            self.payload.replace(b"schemaVersion", b"schema\\u0056ersion"),
            manifest(LAYER, annotations={"k": "\u00e9 \U0001f600 <&>", "": ""}, unknown=[1.0, 1e2, None, {}]),
        ):
            self.created(self.put("exact", payload), payload)
            self.assertEqual(self.ask("GET", "manifests/exact").body, payload)

    def test_digest_of_client(self) -> None:
        """MUST: the digest in the answer is that of the client, by whatever algorithm."""
        for digest in each_algorithm(self.payload):
            answer = self.put(digest, self.payload)
            self.created(answer, self.payload, digest)
            self.assertTrue(location(answer).endswith(f"/manifests/{digest}"))

    def test_wrong_digest(self) -> None:
        """SHOULD: content that is not what the digest names is a 400, and not stored."""
        for digest in each_algorithm(self.payload + b" "):
            self.refused(self.put(digest, self.payload), 400, "DIGEST_INVALID")
            self.absent(digest)
        self.absent(self.digest)

    def test_no_digest(self) -> None:
        """SHOULD: a digest that is none, or of an unsupported algorithm, is a 400."""
        for reference in NO_DIGESTS:
            self.refused(self.put(reference, self.payload), 400)

    def test_type(self) -> None:
        """SHOULD: parameters of the type are passed over; MUST: a document that states its type has that."""
        for given in (f"{OCI_MANIFEST}; charset=utf-8", f"{OCI_MANIFEST};a=b;c=d"):
            self.created(self.put("latest", self.payload, given), self.payload)
            answer = self.ask("GET", "manifests/latest")
            self.assertEqual(answer.header("Content-Type"), OCI_MANIFEST)
        for given in (OCI_INDEX, DOCKER_MANIFEST, "application/json", ""):
            self.refused(self.put("other", self.payload, given), 400, "MANIFEST_INVALID")
            self.absent("other")

    def test_streamed(self) -> None:
        """MUST (RFC 9112): a manifest may come in chunked coding."""
        path = f"/v2/{NAME}/manifests/latest"
        headers = [("Content-Type", OCI_MANIFEST), ("Transfer-Encoding", "chunked")]
        pieces = chunked(*(self.payload[at : at + 50] for at in range(0, len(self.payload), 50)))
        self.created(self.registry.send(request_bytes("PUT", path, headers) + pieces), self.payload)

    def test_moved_tag(self) -> None:
        """MUST: a tag that is pushed again is the new manifest; the old one stays where it is."""
        other = manifest(LAYER, annotations={"version": "2"})
        self.push(self.payload, "latest", "v1")
        self.push(other, "latest")
        self.assertEqual(self.ask("GET", "manifests/latest").body, other)
        self.assertEqual(self.ask("GET", "manifests/v1").body, self.payload)
        self.assertEqual(self.ask("GET", f"manifests/{self.digest}").body, self.payload)

    def test_kinds(self) -> None:
        """MUST: images, artifacts, indexes, indexes of indexes and empty ones are manifests."""
        self.push(self.payload)
        inner = index(self.payload)
        self.push(inner, media_type=OCI_INDEX)
        outer = index(manifests=[descriptor(OCI_INDEX, inner)], artifactType="application/x.index")
        artifact = manifest(LAYER, artifactType="application/x.artifact", config_type=EMPTY_TYPE)
        for payload, media_type in (
            (manifest(), OCI_MANIFEST),
            (manifest(LAYER, LAYER, LAYER), OCI_MANIFEST),
            (manifest(LAYER, config_type="application/vnd.cncf.helm.config.v1+json"), OCI_MANIFEST),
            (artifact, OCI_MANIFEST),
            (index(), OCI_INDEX),
            (outer, OCI_INDEX),
        ):
            self.created(self.put("kind", payload, media_type), payload)

    def test_missing_blobs(self) -> None:
        """MAY: an image that lacks parts is refused; MUST: with MANIFEST_BLOB_UNKNOWN, for each of them."""
        missing = (b"one that is missing", b"another one")
        answer = self.put("latest", manifest(LAYER, *missing, config=b"no such config"))
        self.assertEqual((answer.status, answer.codes()), (400, ["MANIFEST_BLOB_UNKNOWN"] * 3))
        self.absent("latest")
        for content in (*missing, b"no such config"):
            self.push_blob(content)
        self.push(manifest(LAYER, *missing, config=b"no such config"), "latest")

    def test_missing_children(self) -> None:
        """MAY: so is an index whose manifests are missing."""
        listing = index(self.payload, manifest())
        answer = self.put("all", listing, OCI_INDEX)
        self.assertEqual((answer.status, answer.codes()), (400, ["MANIFEST_BLOB_UNKNOWN"] * 2))
        self.push(self.payload)
        self.push(manifest())
        self.push(listing, "all", media_type=OCI_INDEX)

    def test_missing_here(self) -> None:
        """MAY: what only another repository has is missing, too."""
        path = "/v2/oci/other/manifests/latest"
        answer = self.ask("PUT", path, [("Content-Type", OCI_MANIFEST)], self.payload)
        self.assertEqual((answer.status, set(answer.codes())), (400, {"MANIFEST_BLOB_UNKNOWN"}))

    def test_not_distributable(self) -> None:
        """MAY: layers that are to be had elsewhere need not be pushed."""
        media_type = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        layer = descriptor(media_type, b"somebody else's", urls=["https://example.test/layer"])
        self.push(manifest(layers=[layer]), "latest")

    def test_no_manifest(self) -> None:
        """SHOULD: what is no manifest is a 400."""
        for payload in (
            b"",
            b"{}",
            b"[]",
            b"nonsense",
            b'{"schemaVersion": 2',
            b'{"schemaVersion": 1}',
            b"\xff",
        ):
            self.refused(self.put("latest", payload), 400, "MANIFEST_INVALID")
        self.absent("latest")

    def test_bad_reference(self) -> None:
        """SHOULD: a manifest that refers to something by what is no digest is a 400."""
        for digest in NO_DIGESTS:
            layer = {"mediaType": LAYER_TYPE, "digest": digest, "size": 1}
            self.refused(
                self.put("latest", manifest(layers=[layer])), 400, "DIGEST_INVALID", "MANIFEST_INVALID"
            )

    def test_large(self) -> None:
        """SHOULD: four megabytes are taken, and beyond the registry's limit a manifest is a 413."""
        self.registry.manifests.limit = LARGEST
        missing = LARGEST - len(manifest(LAYER, annotations={"a": ""}))
        payload = manifest(LAYER, annotations={"a": "x" * missing})
        self.assertEqual(len(payload), LARGEST)
        self.created(self.put("large", payload), payload)
        self.refused(self.put("larger", payload + b" "), 413)
        self.absent("larger")


class PushingManifestsToDiskTests(OnDisk, PushingManifestsTests):
    """The same to files."""


class SubjectTests(ManifestCase):
    """ "Pushing Manifests with Subject"."""

    def test_header(self) -> None:
        """MUST: the answer to a manifest with a subject says that it was seen, and which one."""
        self.push(self.payload)
        subject = descriptor(OCI_MANIFEST, self.payload)
        for payload, media_type in (
            (manifest(LAYER, subject=subject), OCI_MANIFEST),
            (manifest(subject=subject, artifactType="application/x.signature"), OCI_MANIFEST),
            (index(self.payload, subject=subject), OCI_INDEX),
        ):
            for reference in ("tag", Digest.of(payload)):
                answer = self.put(reference, payload, media_type)
                self.created(answer, payload)
                self.assertEqual(answer.header("OCI-Subject"), str(self.digest))

    def test_no_subject(self) -> None:
        """MUST: the answer to one without says nothing of the kind."""
        for payload in (self.payload, manifest(LAYER, annotations={"subject": str(self.digest)})):
            answer = self.put("latest", payload)
            self.created(answer, payload)
            self.assertIsNone(answer.header("OCI-Subject"))

    def test_missing_subject(self) -> None:
        """MUST ("Push"): the subject need not exist, and may come later."""
        payload = manifest(LAYER, subject=descriptor(OCI_MANIFEST, self.payload))
        answer = self.put("signature", payload)
        self.created(answer, payload)
        self.assertEqual(answer.header("OCI-Subject"), str(self.digest))
        self.push(self.payload, "latest")

    def test_algorithms(self) -> None:
        """MUST: the subject is named as the manifest names it."""
        for algorithm in ("sha384", "sha512"):
            subject = descriptor(OCI_MANIFEST, self.payload, algorithm)
            answer = self.put("signature", manifest(LAYER, subject=subject))
            self.assertEqual(answer.header("OCI-Subject"), subject["digest"])

    def test_bad_subject(self) -> None:
        """SHOULD: a subject that is no descriptor makes no manifest."""
        bad: tuple[object, ...] = ("sha256:x", [], {"digest": "sha256:x"}, {"digest": 1}, {})
        for subject in bad:
            self.refused(
                self.put("bad", manifest(LAYER, subject=subject)), 400, "MANIFEST_INVALID", "DIGEST_INVALID"
            )


class SubjectsOnDiskTests(OnDisk, SubjectTests):
    """The same with files."""


class TagParameterTests(ManifestCase):
    """Tags in the query of a push by digest ("Pushing Manifests", end-7b)."""

    def tagged(self, tags: list[str], digest: Digest | None = None) -> Answer:
        query = "&".join(f"tag={tag}" for tag in tags)
        return self.put(f"{digest or self.digest}?{query}", self.payload)

    def test_tags(self) -> None:
        """MAY: the query may tag what is pushed; MUST: then the answer names each tag that was set."""
        tags = ["v1.2.3", "v1.2", "v1", "latest"]
        answer = self.tagged(tags)
        self.created(answer, self.payload)
        self.assertCountEqual(answer.all("OCI-Tag"), tags)
        for tag in tags:
            self.assertEqual(self.ask("GET", f"manifests/{tag}").body, self.payload)
        self.assertEqual(self.ask("GET", "tags/list").json()["tags"], sorted(tags))

    def test_number(self) -> None:
        """SHOULD: ten tags at once are taken; MAY: a thousand are a 414, and none of them is set."""
        tags = [f"t{number}" for number in range(1000)]
        answer = self.tagged(tags[:10])
        self.assertCountEqual(answer.all("OCI-Tag"), tags[:10])
        answer = self.tagged(tags)
        self.refused(answer, 414)
        self.assertEqual(self.ask("GET", "tags/list").json()["tags"], sorted(tags[:10]))

    def test_moved(self) -> None:
        """MUST: tags that exist are moved, others left alone."""
        other = manifest()
        self.push(other, "a", "b")
        self.tagged(["b", "c"])
        bodies = [self.ask("GET", f"manifests/{tag}").body for tag in "abc"]
        self.assertEqual(bodies, [other, self.payload, self.payload])

    def test_sha512(self) -> None:
        """MUST: the tags lead to the manifest by the digest that the client chose."""
        digest = Digest.of(self.payload, "sha512")
        self.created(self.tagged(["long"], digest), self.payload, digest)
        answer = self.ask("HEAD", "manifests/long")
        self.assertEqual(answer.header("Docker-Content-Digest"), str(digest))

    def test_encoded(self) -> None:
        """MUST (RFC 3986): a tag may be percent-encoded."""
        self.assertEqual(self.tagged(["%76%31"]).all("OCI-Tag"), ["v1"])

    def test_no_tag(self) -> None:
        """MUST: what is no tag is not said to be one; nothing is stored of such a push."""
        for tag in ("", "-a", "a/b", "a" * 129, "a%0D%0AX-Evil:1", "sha256:" + "0" * 64):
            answer = self.tagged(["good", tag])
            self.refused(answer, 400)
            self.assertEqual(answer.all("OCI-Tag"), [])
            self.absent("good")
            self.absent(self.digest)

    def test_wrong_digest(self) -> None:
        """MUST: a push that fails tags nothing."""
        self.refused(self.tagged(["v1"], NOBODYS), 400, "DIGEST_INVALID")
        self.absent("v1")

    def test_by_tag(self) -> None:
        """MUST: no OCI-Tag is sent for tags that were not set, as in the query of a push by tag."""
        answer = self.put("one?tag=two", self.payload)
        self.assertNotIn("two", answer.all("OCI-Tag"))
        self.absent("two")


class TagParametersOnDiskTests(OnDisk, TagParameterTests):
    """The same with files."""
