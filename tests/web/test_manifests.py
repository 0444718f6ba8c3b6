"""Manifests, as clients push, pull and delete them."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.web.registry import (
    API_VERSION,
    EMPTY_LENGTH,
    MANIFEST_LIMIT,
    Registry,
    expect,
    image,
    location,
)
from tests.web.wire import Answer, chunked, request_bytes
from txregistry.model.digest import Digest
from txregistry.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from txregistry.storage.namespace import Rules
from txregistry.web.body import LINGER
from txregistry.web.manifests import SMALL, accepted_types, accepts

LAYER, CONFIG = b"a layer", b"{}"
PAYLOAD = image((Digest.of(CONFIG), len(CONFIG)), (Digest.of(LAYER), len(LAYER)))
DIGEST = Digest.of(PAYLOAD)
UNKNOWN = Digest.of(b"nobody has this")


def index(*children: tuple[Digest, int, str], media_type: str = OCI_INDEX) -> bytes:
    """The bytes of an index of *children*: digest, size and architecture."""
    manifests = [
        {
            "mediaType": OCI_MANIFEST if media_type == OCI_INDEX else DOCKER_MANIFEST,
            "digest": str(digest),
            "size": size,
            "platform": {"architecture": architecture, "os": "linux"},
        }
        for digest, size, architecture in children
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}).encode()


def docker_image(layer: bytes = LAYER) -> bytes:
    """The bytes of a docker schema 2 manifest."""
    document = json.loads(image((Digest.of(CONFIG), len(CONFIG)), (Digest.of(layer), len(layer))))
    document["mediaType"] = DOCKER_MANIFEST
    document["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
    document["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    return json.dumps(document).encode()


class ManifestCase(SynchronousTestCase):
    """A registry with the blobs of an image."""

    def setUp(self) -> None:
        self.registry = self.make()

    def make(self, rules: Rules | None = None) -> Registry:
        registry = Registry(rules=rules)
        registry.push_blob("a", LAYER)
        registry.push_blob("a", CONFIG)
        return registry

    def get(self, reference: object, *headers: tuple[str, str], method: str = "GET") -> Answer:
        return self.registry.ask(method, f"/v2/a/manifests/{reference}", headers)

    def put(self, reference: object, payload: bytes = PAYLOAD, media_type: str = OCI_MANIFEST) -> Answer:
        headers = [("Content-Type", media_type)]
        return self.registry.ask("PUT", f"/v2/a/manifests/{reference}", headers, payload)

    def refused(self, answer: Answer, status: int, *codes: str) -> None:
        self.assertEqual((answer.status, answer.codes()), (status, list(codes)))


class PutTests(ManifestCase):
    """PUT."""

    def test_by_tag_and_digest(self) -> None:
        """The answer names the manifest by its digest, however it was pushed; the bytes are kept."""
        for reference in ("latest", DIGEST, "v1"):
            answer = self.put(reference)
            self.assertEqual((answer.status, answer.body), (201, b""))
            self.assertEqual(location(answer), f"http://registry.test/v2/a/manifests/{DIGEST}")
            self.assertIn(("Docker-Content-Digest", str(DIGEST)), answer.headers)
            self.assertIn(EMPTY_LENGTH, answer.headers)
            self.assertEqual(self.get(reference).body, PAYLOAD)

    def test_chunked(self) -> None:
        """A manifest may come without a length."""
        head = request_bytes(
            "PUT",
            "/v2/a/manifests/latest",
            [("Content-Type", OCI_MANIFEST), ("Transfer-Encoding", "chunked")],
        )
        pieces = [PAYLOAD[at : at + 7] for at in range(0, len(PAYLOAD), 7)]
        self.assertEqual(self.registry.send(head + chunked(*pieces)).status, 201)

    def test_type(self) -> None:
        """Parameters of the type do not count; the type must be known, and that of the document."""
        self.assertEqual(self.put("latest", media_type=f"{OCI_MANIFEST}; charset=utf-8").status, 201)
        self.assertIn(("Content-Type", OCI_MANIFEST), self.get("latest").headers)
        for media_type in ("text/plain", "application/json", OCI_INDEX, DOCKER_MANIFEST):
            self.refused(self.put("latest", media_type=media_type), 400, "MANIFEST_INVALID")

    def test_ambiguous(self) -> None:
        """A document that is an image and an index at once is refused (CVE-2021-41190)."""
        document = json.loads(PAYLOAD) | {"manifests": []}
        self.refused(self.put("latest", json.dumps(document).encode()), 400, "MANIFEST_INVALID")

    def test_nonsense(self) -> None:
        """What is no manifest is refused, whatever it is."""
        for payload in (
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff",
            b"{" * 5000,
            b"1" * 5000,
        ):
            self.refused(self.put("latest", payload), 400, "MANIFEST_INVALID")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_large(self) -> None:
        """One that is too large to be parsed on the spot is parsed elsewhere, with the same end."""
        digests = (Digest.of(CONFIG), len(CONFIG)), (Digest.of(LAYER), len(LAYER))
        payload = image(*digests, annotations={"a": "x" * SMALL})
        self.assertGreater(len(payload), SMALL)
        self.assertEqual(self.put("large", payload).status, 201)
        self.assertEqual(self.get("large").body, payload)
        self.refused(self.put("large", b"[" + b" " * SMALL), 400, "MANIFEST_INVALID")

    def test_too_large(self) -> None:
        """One over the limit is refused before any of it was taken (CVE-2017-11468)."""
        connection = self.registry.connect()
        headers = [("Content-Type", OCI_MANIFEST), ("Content-Length", str(MANIFEST_LIMIT + 1))]
        connection.send(
            request_bytes("PUT", "/v2/a/manifests/latest", [*headers, ("Expect", "100-continue")])
        )
        answer = connection.answer()
        self.assertEqual((answer.status, answer.continues), (413, 0))
        self.assertEqual(answer.codes(), ["SIZE_INVALID"])
        self.assertEqual(self.put("latest", b" " * MANIFEST_LIMIT).status, 400)

    def test_too_large_in_chunks(self) -> None:
        """Without a length, it is refused as soon as it is too large."""
        connection = self.registry.connect()
        headers = [("Content-Type", OCI_MANIFEST), ("Transfer-Encoding", "chunked")]
        connection.send(request_bytes("PUT", "/v2/a/manifests/latest", headers))
        piece = b"%x\r\n%s\r\n" % (1000, b" " * 1000)
        sent = 0
        while not connection.received():
            connection.send(piece)
            self.registry.clock.advance(LINGER[1])
            sent += 1000
        self.assertEqual(connection.answer().status, 413)
        self.assertLessEqual(sent, MANIFEST_LIMIT + 600 * 1024)
        self.assertEqual(self.registry.site.budget.held, 0)

    def test_references(self) -> None:
        """Every blob that is missing is named."""
        payload = image((UNKNOWN, 2), (Digest.of(LAYER), len(LAYER)), (Digest.of(b"no"), 3))
        answer = self.put("latest", payload)
        self.refused(answer, 400, "MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN")
        details = [error["detail"] for error in answer.json()["errors"]]
        self.assertEqual(details, [str(UNKNOWN), str(Digest.of(b"no"))])

    def test_other_digest(self) -> None:
        """A manifest that is not what the path says is refused, and not stored."""
        self.refused(self.put(UNKNOWN), 400, "DIGEST_INVALID")
        self.assertEqual(self.get(DIGEST).status, 404)

    def test_reference(self) -> None:
        """What is neither a tag nor a digest is refused before the body was read."""
        for reference in ("-a", ".a", "a" * 129, "a%20b", "a%2Bb"):
            self.refused(self.put(reference), 400, "TAG_INVALID")
        for reference in ("sha256:abc", "md5:" + "0" * 32, f"sha256:{DIGEST.encoded.upper()}", "a:b"):
            self.refused(self.put(reference), 400, "DIGEST_INVALID")

    def test_moved_tag(self) -> None:
        """A tag that is pushed again points to the new manifest."""
        other = image((Digest.of(CONFIG), len(CONFIG)))
        self.put("latest")
        self.put("latest", other)
        self.assertEqual(self.get("latest").body, other)
        self.assertEqual(self.get(DIGEST).body, PAYLOAD)

    def test_sha512(self) -> None:
        """A manifest may be pushed by another algorithm, and is found under it."""
        digest = Digest.of(PAYLOAD, "sha512")
        self.assertEqual(self.put(digest).status, 201)
        answer = self.get(digest)
        self.assertEqual((answer.status, answer.body), (200, PAYLOAD))
        self.assertIn(("Docker-Content-Digest", str(digest)), answer.headers)


class GetTests(ManifestCase):
    """GET and HEAD."""

    def test_headers(self) -> None:
        """By tag and by digest, a manifest comes with type, length, digest and entity tag; HEAD the same."""
        self.put("latest")
        for reference in ("latest", DIGEST):
            for method in ("GET", "HEAD"):
                answer = self.get(reference, method=method)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.body, PAYLOAD if method == "GET" else b"")
                for pair in (
                    ("Content-Type", OCI_MANIFEST),
                    ("Content-Length", str(len(PAYLOAD))),
                    ("Docker-Content-Digest", str(DIGEST)),
                    ("Etag", f'"{DIGEST}"'),
                    API_VERSION,
                ):
                    self.assertIn(pair, answer.headers)

    def test_unknown(self) -> None:
        """Tags and digests that are not there are unknown, and so is what cannot be a tag."""
        self.put("latest")
        for reference in ("other", UNKNOWN, "-x", "a" * 129):
            self.refused(self.get(reference), 404, "MANIFEST_UNKNOWN")
        self.assertEqual(self.get("other").json()["errors"][0]["detail"], "unknown tag=other")
        detail = f"unknown manifest name=a revision={UNKNOWN}"
        self.assertEqual(self.get(UNKNOWN).json()["errors"][0]["detail"], detail)
        head = self.get("other", method="HEAD")
        self.assertEqual((head.status, head.body), (404, b""))

    def test_invalid_digest(self) -> None:
        """What wants to be a digest and is none is a 400."""
        for text in ("sha256:baddigeststring", f"sha256:{DIGEST.encoded.upper()}", "md5:" + "0" * 32):
            self.refused(self.get(text), 400, "DIGEST_INVALID")

    def test_not_a_manifest(self) -> None:
        """A blob is no manifest, and a manifest is no blob."""
        self.put("latest")
        self.refused(self.get(Digest.of(LAYER)), 404, "MANIFEST_UNKNOWN")
        self.assertEqual(self.registry.ask("GET", f"/v2/a/blobs/{DIGEST}").status, 404)

    def test_other_repository(self) -> None:
        """What one repository has, another does not."""
        self.put("latest")
        for reference in ("latest", DIGEST):
            answer = self.registry.ask("GET", f"/v2/b/manifests/{reference}")
            self.refused(answer, 404, "MANIFEST_UNKNOWN")

    def test_none_match(self) -> None:
        """A client that has the manifest is told so; a manifest that is not there is not."""
        self.put("latest")
        for reference in ("latest", DIGEST):
            for value in (f'"{DIGEST}"', str(DIGEST)):
                answer = self.get(reference, ("If-None-Match", value))
                self.assertEqual((answer.status, answer.body), (304, b""))
            for value in ("*", f'W/"{DIGEST}"', f'"x", "{DIGEST}"', '"x"'):
                self.assertEqual(self.get(reference, ("If-None-Match", value)).status, 200, value)
        self.assertEqual(self.get(UNKNOWN, ("If-None-Match", str(UNKNOWN))).status, 404)

    def test_accept(self) -> None:
        """An OCI image is not given to a client that wants something else; wildcards and silence want all."""
        self.put("latest")
        for accept in (
            (),
            ((OCI_MANIFEST),),
            (f"{DOCKER_MANIFEST}, {OCI_MANIFEST};q=0.5",),
            (DOCKER_MANIFEST, OCI_MANIFEST.upper()),
            ("*/*",),
            ("application/*",),
        ):
            headers = [("Accept", line) for line in accept]
            self.assertEqual(self.get("latest", *headers).status, 200, accept)
        for reference in ("latest", DIGEST):
            self.refused(self.get(reference, ("Accept", DOCKER_MANIFEST)), 404, "MANIFEST_UNKNOWN")

    def test_index(self) -> None:
        """An index is served as it is."""
        self.put(DIGEST)
        payload = index((DIGEST, len(PAYLOAD), "amd64"))
        self.assertEqual(self.put("multi", payload, OCI_INDEX).status, 201)
        for accept in (OCI_INDEX, OCI_MANIFEST):
            answer = self.get("multi", ("Accept", accept))
            self.assertEqual((answer.body, answer.header("Content-Type")), (payload, OCI_INDEX))

    def test_list(self) -> None:
        """A client that knows no lists gets, for a tag, the image for amd64; by digest the list itself."""
        arm, amd = docker_image(), docker_image() + b"\n"
        for child in (arm, amd):
            expect(self.put(Digest.of(child), child, DOCKER_MANIFEST), 201)
        payload = index(
            (Digest.of(arm), len(arm), "arm64"),
            (Digest.of(amd), len(amd), "amd64"),
            media_type=DOCKER_LIST,
        )
        expect(self.put("multi", payload, DOCKER_LIST), 201)
        self.assertEqual(self.get("multi", ("Accept", DOCKER_LIST)).body, payload)
        self.assertEqual(self.get("multi").body, payload)
        answer = self.get("multi", ("Accept", DOCKER_MANIFEST))
        self.assertEqual((answer.body, answer.header("Content-Type")), (amd, DOCKER_MANIFEST))
        self.assertEqual(answer.header("Docker-Content-Digest"), str(Digest.of(amd)))
        self.assertEqual(self.get(Digest.of(payload), ("Accept", DOCKER_MANIFEST)).body, payload)

    def test_list_without(self) -> None:
        """If there is none for amd64, there is nothing for such a client."""
        arm = docker_image()
        expect(self.put(Digest.of(arm), arm, DOCKER_MANIFEST), 201)
        payload = index((Digest.of(arm), len(arm), "arm64"), media_type=DOCKER_LIST)
        expect(self.put("multi", payload, DOCKER_LIST), 201)
        self.refused(self.get("multi", ("Accept", DOCKER_MANIFEST)), 404, "MANIFEST_UNKNOWN")


class DeleteTests(ManifestCase):
    """DELETE."""

    def delete(self, reference: object) -> Answer:
        return self.get(reference, method="DELETE")

    def test_tag(self) -> None:
        """A tag goes alone."""
        self.put("one")
        self.put("two")
        answer = self.delete("one")
        self.assertEqual((answer.status, answer.body), (202, b""))
        self.assertIn(EMPTY_LENGTH, answer.headers)
        self.assertEqual([self.get(each).status for each in ("one", "two", DIGEST)], [404, 200, 200])
        self.refused(self.delete("one"), 404, "MANIFEST_UNKNOWN")

    def test_digest(self) -> None:
        """A manifest goes with every tag that points to it, and no other."""
        other = image((Digest.of(CONFIG), len(CONFIG)))
        for tag in ("one", "two"):
            self.put(tag)
        self.put("other", other)
        self.assertEqual(self.delete(DIGEST).status, 202)
        self.assertEqual([self.get(each).status for each in ("one", "two", DIGEST)], [404, 404, 404])
        self.assertEqual(self.get("other").status, 200)
        tags = self.registry.ask("GET", "/v2/a/tags/list").json()
        self.assertEqual(tags["tags"], ["other"])
        self.refused(self.delete(DIGEST), 404, "MANIFEST_UNKNOWN")

    def test_invalid(self) -> None:
        """What is neither cannot be deleted."""
        self.refused(self.delete("-x"), 404, "MANIFEST_UNKNOWN")
        self.refused(self.delete("sha256:abc"), 400, "DIGEST_INVALID")

    def test_switched_off(self) -> None:
        """Where deletion is off, neither tags nor manifests go (CVE-2026-41888)."""
        self.registry = self.make(Rules(delete_enabled=False))
        self.put("latest")
        for reference in ("latest", DIGEST):
            self.refused(self.delete(reference), 405, "UNSUPPORTED")
        self.assertEqual(self.get("latest").status, 200)


class AcceptTests(SynchronousTestCase):
    """The Accept header."""

    def test_types(self) -> None:
        """Lines and commas separate types; parameters, case and empty items do not count."""
        self.assertEqual(accepted_types(["a/b, C/d;q=0.1", "", ",e/f;x=y;z"]), {"a/b", "c/d", "e/f"})

    def test_wildcards(self) -> None:
        """Nothing and wildcards accept everything."""
        for lines in ([], [""], ["*/*"], ["text/html, */*;q=0.1"], ["application/*"]):
            self.assertTrue(accepts(accepted_types(lines), OCI_MANIFEST), lines)
        self.assertFalse(accepts(accepted_types(["text/*"]), OCI_MANIFEST))
