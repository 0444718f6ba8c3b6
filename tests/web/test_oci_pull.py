"""
OCI distribution-spec, "Pull".

Each test says which section it is about, and how much it asks: a MUST, a
SHOULD or a MAY.
"""

from __future__ import annotations

from tests.web.oci import (
    CONFIG,
    LAYER,
    NO_DIGESTS,
    NOBODYS,
    OnDisk,
    Redirecting,
    SpecCase,
    each_algorithm,
    index,
    manifest,
)
from tests.web.registry import Registry, location
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.model.digest import Digest
from txregistry.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST


class SupportTests(SpecCase):
    """ "Determining Support"."""

    def test_base(self) -> None:
        """MUST: the base of the API is there, and says that this is a registry."""
        self.assertEqual(self.status("GET", "/v2/"), 200)

    def test_not_an_extension(self) -> None:
        """MAY: no extension is offered, so the address where they would be listed is not there."""
        self.assertEqual(self.status("GET", "/v2/_oci/ext/discover"), 404)


class PullingManifestsTests(SpecCase):
    """ "Pulling manifests"."""

    def setUp(self) -> None:
        super().setUp()
        self.payload = self.push_image("latest")
        self.digest = Digest.of(self.payload)
        self.references = ("latest", str(self.digest))

    def test_content(self) -> None:
        """MUST: a known manifest is a 200 with exactly the bytes that were pushed, by tag and by digest."""
        for reference in self.references:
            answer = self.ask("GET", f"manifests/{reference}")
            self.assertEqual((answer.status, answer.body), (200, self.payload))

    def test_digest(self) -> None:
        """MUST: the answer names the digest of those bytes."""
        for reference in self.references:
            answer = self.ask("GET", f"manifests/{reference}")
            self.assertEqual(answer.header("Docker-Content-Digest"), str(Digest.of(answer.body)))

    def test_type(self) -> None:
        """SHOULD: the type is the one that it was pushed with; SHOULD NOT: the type has parameters."""
        images = {
            media_type: manifest(LAYER, mediaType=media_type)
            for media_type in (OCI_MANIFEST, DOCKER_MANIFEST)
        }
        lists = {
            media_type: index(self.payload, mediaType=media_type) for media_type in (OCI_INDEX, DOCKER_LIST)
        }
        for media_type, payload in (images | lists).items():
            self.push(payload, "typed", media_type=media_type)
            answer = self.ask("GET", "manifests/typed", [("Accept", media_type)])
            self.assertEqual((answer.header("Content-Type"), answer.body), (media_type, payload))

    def test_type_unstated(self) -> None:
        """SHOULD: so it is when the document itself says nothing of its type."""
        image = manifest(LAYER).replace(
            b'"mediaType": "application/vnd.oci.image.manifest.v1+json", ', b"", 1
        )
        listing = index(self.payload).replace(
            b'"mediaType": "application/vnd.oci.image.index.v1+json", ', b"", 1
        )
        for payload, media_type in ((image, OCI_MANIFEST), (listing, OCI_INDEX)):
            self.assertNotIn(media_type.encode(), payload[:100])
            digest = self.push(payload, media_type=media_type)
            answer = self.ask("GET", f"manifests/{digest}")
            self.assertEqual((answer.header("Content-Type"), answer.body), (media_type, payload))

    def test_accept(self) -> None:
        """SHOULD: a client says what it takes, in one line or in several, and gets it."""
        for accept in (
            [("Accept", OCI_MANIFEST)],
            [("Accept", f"{OCI_INDEX}, {OCI_MANIFEST}")],
            [("Accept", OCI_INDEX), ("Accept", OCI_MANIFEST)],
            [("Accept", "*/*")],
            [],
        ):
            self.assertEqual(self.ask("GET", "manifests/latest", accept).status, 200, accept)

    def test_unknown(self) -> None:
        """MUST: what is not in the repository is a 404, be it elsewhere in the registry."""
        for path in (
            "manifests/other",
            f"manifests/{NOBODYS}",
            f"manifests/{Digest.of(self.payload, 'sha512')}",
            f"manifests/{Digest.of(LAYER)}",
            "/v2/oci/elsewhere/manifests/latest",
            f"/v2/oci/elsewhere/manifests/{self.digest}",
            f"/v2/oci/manifests/{self.digest}",
        ):
            self.refused(self.ask("GET", path), 404, "MANIFEST_UNKNOWN")

    def test_reference_as_tag(self) -> None:
        """MUST: a tag has at most 128 characters out of letters, digits, ``_``, ``.`` and ``-``."""
        for tag in ("a", "_", "A", "0", "a" * 128, "_.-" * 42, "V1.0_rc-2"):
            self.push(self.payload, tag)
            self.assertEqual(self.ask("GET", f"manifests/{tag}").body, self.payload)
        for tag in ("a" * 129, ".a", "-a", "a%2Bb", "a%20b", "%C3%A4", "a@b", "a,b"):
            self.refused(self.put(tag, self.payload), 400)
            self.assertEqual(self.status("GET", f"manifests/{tag}"), 404, tag)

    def test_reference_of_another_form(self) -> None:
        """MUST: a reference is a tag or a digest; what would be neither finds nothing."""
        for reference in NO_DIGESTS:
            self.assertIn(self.status("GET", f"manifests/{reference}"), (400, 404))
            self.assertIn(self.status("HEAD", f"manifests/{reference}"), (400, 404))

    def test_name(self) -> None:
        """MUST: names are components of lower-case letters and digits, with separators between them."""
        for name in ("a", "a/b/c/d", "a.b", "a_b", "a__b", "a---b", "0", "a-b.c_d/e"):
            answer = self.ask("POST", f"/v2/{name}/blobs/uploads/", body=b"")
            self.assertEqual(answer.status, 202, name)
        for name in ("A", "-a", "a-", "a..b", "a___b", "a._b", "_a", "a/-b", "a/B", "a%40b"):
            self.refused(self.ask("POST", f"/v2/{name}/blobs/uploads/", body=b""), 400, "NAME_INVALID")


class PullingManifestsFromDiskTests(OnDisk, PullingManifestsTests):
    """The same from files."""


class PullingBlobsTests(SpecCase):
    """ "Pulling blobs"."""

    def setUp(self) -> None:
        super().setUp()
        self.digest = self.push_blob(LAYER)
        self.path = f"blobs/{self.digest}"

    def test_content(self) -> None:
        """MUST: a known blob is a 200 with its bytes."""
        answer = self.ask("GET", self.path)
        self.assertEqual((answer.status, answer.body), (200, LAYER))

    def test_empty(self) -> None:
        """MUST: so is one without any."""
        answer = self.ask("GET", f"blobs/{self.push_blob(b'')}")
        self.assertEqual((answer.status, answer.header("Content-Length")), (200, "0"))

    def test_digest(self) -> None:
        """MUST: the answer names the digest of its body."""
        answer = self.ask("GET", self.path)
        self.assertEqual(answer.header("Docker-Content-Digest"), str(Digest.of(answer.body)))

    def test_unknown(self) -> None:
        """MUST: what is not in this repository is a 404, be it in another one."""
        for path in (
            f"blobs/{NOBODYS}",
            f"blobs/{Digest.of(LAYER, 'sha512')}",
            f"/v2/oci/elsewhere/{self.path}",
            f"/v2/oci/{self.path}",
        ):
            self.refused(self.ask("GET", path), 404, "BLOB_UNKNOWN")

    def test_no_digest(self) -> None:
        """SHOULD: what is no digest, or one of an unsupported algorithm, is a 400."""
        for digest in NO_DIGESTS:
            self.refused(self.ask("GET", f"blobs/{digest}"), 400, "DIGEST_INVALID")

    def test_range(self) -> None:
        """SHOULD: parts are served, as RFC 9110 has it."""
        for asked, start, end in (
            ("0-0", 0, 1),
            ("4-9", 4, 10),
            ("4-", 4, len(LAYER)),
            ("-5", len(LAYER) - 5, len(LAYER)),
            ("4-9999", 4, len(LAYER)),
            ("-9999", 0, len(LAYER)),
        ):
            answer = self.ask("GET", self.path, [("Range", f"bytes={asked}")])
            self.assertEqual((answer.status, answer.body), (206, LAYER[start:end]), asked)
            self.assertEqual(answer.header("Content-Range"), f"bytes {start}-{end - 1}/{len(LAYER)}")
        self.assertEqual(self.ask("GET", self.path).header("Accept-Ranges"), "bytes")

    def test_range_beyond(self) -> None:
        """SHOULD: a range that begins behind the end is a 416 that says how long the blob is."""
        answer = self.ask("GET", self.path, [("Range", f"bytes={len(LAYER)}-")])
        self.assertEqual((answer.status, answer.header("Content-Range")), (416, f"bytes */{len(LAYER)}"))

    def test_range_of_another_kind(self) -> None:
        """SHOULD: a range in units that nobody knows is passed over."""
        self.assertEqual(self.ask("GET", self.path, [("Range", "lines=1-2")]).body, LAYER)

    def test_whole_by_parts(self) -> None:
        """SHOULD: a pull that broke off goes on where it was; the parts make the whole."""
        got = b""
        while len(got) < len(LAYER):
            got += self.ask("GET", self.path, [("Range", f"bytes={len(got)}-{len(got) + 6}")]).body
        self.assertEqual(got, LAYER)

    def test_redirect(self) -> None:
        """MAY ("API"): a blob may be somewhere else, which the answer says."""
        self.registry = Registry(Redirecting(InMemoryDriver()))
        self.push_blob(LAYER)
        answer = self.ask("GET", self.path)
        self.assertEqual(answer.status, 307)
        self.assertTrue(location(answer).startswith("http"))
        self.assertEqual(self.status("GET", f"blobs/{NOBODYS}"), 404)


class PullingBlobsFromDiskTests(OnDisk, PullingBlobsTests):
    """The same from files."""


class ExistenceTests(SpecCase):
    """ "Checking if content exists in the registry"."""

    def setUp(self) -> None:
        super().setUp()
        self.payload = self.push_image("latest")
        self.content = {
            "manifests/latest": self.payload,
            f"manifests/{Digest.of(self.payload)}": self.payload,
            f"blobs/{Digest.of(LAYER)}": LAYER,
            f"blobs/{Digest.of(CONFIG)}": CONFIG,
        }

    def test_there(self) -> None:
        """MUST: HEAD is a 200 with the digest and the size of what GET would send, and without a body."""
        for path, content in self.content.items():
            answer = self.ask("HEAD", path)
            self.assertEqual((answer.status, answer.body), (200, b""), path)
            self.assertEqual(answer.header("Content-Length"), str(len(content)))
            self.assertEqual(answer.header("Docker-Content-Digest"), str(Digest.of(content)))

    def test_like_get(self) -> None:
        """MUST (RFC 9110): HEAD says what GET says, header by header."""
        for path in self.content:
            head, get = self.ask("HEAD", path), self.ask("GET", path)
            self.assertEqual(dict(head.headers) | {"Date": ""}, dict(get.headers) | {"Date": ""}, path)

    def test_empty(self) -> None:
        """MUST: a blob of no bytes has the size 0."""
        answer = self.ask("HEAD", f"blobs/{self.push_blob(b'')}")
        self.assertEqual((answer.status, answer.header("Content-Length")), (200, "0"))

    def test_missing(self) -> None:
        """MUST: what is not there is a 404."""
        for path in (
            "manifests/other",
            f"manifests/{NOBODYS}",
            f"blobs/{NOBODYS}",
            "/v2/oci/elsewhere/manifests/latest",
            f"/v2/oci/elsewhere/blobs/{Digest.of(LAYER)}",
        ):
            answer = self.ask("HEAD", path)
            self.assertEqual((answer.status, answer.body), (404, b""), path)


class ExistenceOnDiskTests(OnDisk, ExistenceTests):
    """The same with files."""


class AlgorithmTests(SpecCase):
    """Digests of other algorithms than sha256 ("Digests" of the image specification)."""

    def test_blobs(self) -> None:
        """SHOULD: a blob is pulled by the digest that it was pushed by, and the answer has that one."""
        for digest in each_algorithm(LAYER):
            self.push_blob(LAYER, digest.algorithm)
            for method in ("GET", "HEAD"):
                answer = self.ask(method, f"blobs/{digest}")
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.header("Docker-Content-Digest"), str(digest))
                self.assertEqual(answer.header("Content-Length"), str(len(LAYER)))

    def test_manifests(self) -> None:
        """SHOULD: so is a manifest."""
        payload = self.push_image()
        for digest in each_algorithm(payload):
            self.assertEqual(self.put(digest, payload).status, 201)
            for method in ("GET", "HEAD"):
                answer = self.ask(method, f"manifests/{digest}")
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.header("Docker-Content-Digest"), str(digest))
                self.assertEqual(answer.header("Content-Length"), str(len(payload)))

    def test_images(self) -> None:
        """SHOULD: an image may refer to its parts by any of them."""
        for algorithm in ("sha384", "sha512"):
            self.push_blob(CONFIG)
            self.push_blob(LAYER, algorithm)
            layer = {"mediaType": "a/b", "digest": str(Digest.of(LAYER, algorithm)), "size": len(LAYER)}
            self.push(manifest(layers=[layer]), algorithm)
            self.assertEqual(self.status("GET", f"manifests/{algorithm}"), 200)


class AlgorithmsOnDiskTests(OnDisk, AlgorithmTests):
    """The same with files."""


class ProxyTests(SpecCase):
    """ "Registry Proxying"."""

    def test_unknown_namespace(self) -> None:
        """SHOULD: who serves no other registry's content does not say so, whatever ``ns`` asks for."""
        self.push_image("latest")
        for path in ("manifests/latest", f"blobs/{Digest.of(LAYER)}", "tags/list"):
            answer = self.ask("GET", f"{path}?ns=docker.io")
            self.assertEqual((answer.status, answer.header("OCI-Namespace")), (200, None))
