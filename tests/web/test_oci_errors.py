"""
OCI distribution-spec, "Error Codes" and "Warnings".

That every refusal has the one form is checked for each answer of the other
tests as well (:mod:`tests.web.oci`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from tests.web.oci import LAYER, NAME, NOBODYS, SpecCase, check_problems, check_warnings, manifest
from tests.web.registry import Registry
from tests.web.wire import Answer
from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import Access, Grant
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.storage.namespace import Rules

#: The codes of the specification.  Others that we send are distribution's.
CODES = {
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
}
_SESSION = "7d9a9dbc-6f0b-4a4c-9c3e-0f3f2f0f4a10"


@implementer(IAccessController)
class Nobody:
    """Lets nobody in."""

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """Ask for a password."""
        raise Unauthorized('Basic realm="tests"')


class CodesTests(SpecCase):
    """Which code a client gets for what."""

    def codes(self, answer: Answer, status: int) -> set[str]:
        self.assertEqual(answer.status, status, answer)
        codes = set(answer.codes())
        self.assertLessEqual(codes, CODES)
        return codes

    def test_not_there(self) -> None:
        """MUST: what is not there has a code of its own for each kind of thing."""
        for path, code in (
            (f"blobs/{NOBODYS}", "BLOB_UNKNOWN"),
            (f"manifests/{NOBODYS}", "MANIFEST_UNKNOWN"),
            ("manifests/latest", "MANIFEST_UNKNOWN"),
            ("tags/list", "NAME_UNKNOWN"),
            (f"blobs/uploads/{_SESSION}", "BLOB_UPLOAD_UNKNOWN"),
        ):
            self.assertEqual(self.codes(self.ask("GET", path), 404), {code})

    def test_not_right(self) -> None:
        """MUST: so has what is wrong with a request."""
        for method, path, body, code in (
            ("GET", "/v2/NOT/A/NAME/tags/list", None, "NAME_INVALID"),
            ("GET", "blobs/sha256:x", None, "DIGEST_INVALID"),
            ("POST", f"blobs/uploads/?digest={NOBODYS}", b"something", "DIGEST_INVALID"),
            ("PUT", f"{self.begin()}&digest={NOBODYS}", b"something", "DIGEST_INVALID"),
            ("PUT", f"{self.begin()}", b"something", "DIGEST_INVALID"),
        ):
            self.assertEqual(self.codes(self.ask(method, path, body=body), 400), {code})
        for payload, code in (
            (b"nonsense", "MANIFEST_INVALID"),
            (manifest(LAYER), "MANIFEST_BLOB_UNKNOWN"),
            (manifest(layers=[{"mediaType": "a/b", "digest": "x", "size": 1}]), "DIGEST_INVALID"),
        ):
            self.assertEqual(self.codes(self.put("latest", payload), 400), {code})

    def test_state(self) -> None:
        """MUST: an address of a session that was tampered with is refused as such."""
        address = self.begin()
        answer = self.ask("PATCH", address.replace("_state=", "_state=AAAA"), body=b"x")
        self.assertEqual(self.codes(answer, 404), {"BLOB_UPLOAD_INVALID"})

    def test_size(self) -> None:
        """MUST: a length that does not fit has its code."""
        answer = self.ask("PATCH", self.begin(), [("Content-Range", "0-9")], b"12345")
        self.assertEqual(self.codes(answer, 400), {"SIZE_INVALID"})
        self.registry.manifests.limit = 100
        self.assertEqual(self.codes(self.put("latest", b"x" * 101), 413), {"SIZE_INVALID"})

    def test_not_allowed(self) -> None:
        """MUST: so has what this registry does not do."""
        self.registry = Registry(rules=Rules(delete_enabled=False))
        self.push_image("latest")
        for method, path in (
            ("DELETE", "manifests/latest"),
            ("DELETE", f"blobs/{Digest.of(LAYER)}"),
            ("POST", "tags/list"),
            ("PATCH", "manifests/latest"),
        ):
            self.assertEqual(self.codes(self.ask(method, path, body=b""), 405), {"UNSUPPORTED"})

    def test_nobody(self) -> None:
        """MUST: who is not let in is told so, and how to come in (RFC 9110)."""
        self.registry = Registry(access=Nobody())
        for method, path in (
            ("GET", "/v2/"),
            ("GET", f"blobs/{NOBODYS}"),
            ("PUT", "manifests/latest"),
            ("GET", f"referrers/{NOBODYS}"),
        ):
            answer = self.ask(method, path)
            self.assertEqual(self.codes(answer, 401), {"UNAUTHORIZED"})
            self.assertEqual(answer.header("WWW-Authenticate"), 'Basic realm="tests"')

    def test_several(self) -> None:
        """MUST: several things that are wrong are several entries in one answer, each unlike the others."""
        answer = self.put("latest", manifest(LAYER, b"another", b"a third"))
        self.assertEqual(answer.codes(), ["MANIFEST_BLOB_UNKNOWN"] * 4)
        details = {json.dumps(error["detail"]) for error in answer.json()["errors"]}
        self.assertEqual(len(details), 4)

    def test_strange_requests(self) -> None:
        """MUST: whatever is refused, if the answer is JSON it has the one form; ours all are."""
        for head in (
            "NONSENSE",
            "GET / HTTP/9.9\r\nHost: h",
            "GET /v2/ HTTP/1.1",
            "GET /nothing HTTP/1.1\r\nHost: h",
            "POST /v2/a/manifests/b HTTP/1.1\r\nHost: h",
            "GET /v2/%ff/tags/list HTTP/1.1\r\nHost: h",
            "PUT /v2/a/manifests/b HTTP/1.1\r\nHost: h\r\nContent-Length: x",
            "GET /v2/a/blobs/sha256:x HTTP/1.1\r\nHost: h",
            f"GET /{'a' * 200_000} HTTP/1.1\r\nHost: h",
            f"GET /v2/ HTTP/1.1\r\nHost: h\r\nX: {'a' * 200_000}",
        ):
            answer = self.registry.send(f"{head}\r\n\r\n".encode())
            self.assertGreaterEqual(answer.status, 400, head[:50])
            check_problems(answer, "GET")

    def test_head(self) -> None:
        """MUST (RFC 9110): a refused HEAD has no body, and the length of the one that GET has."""
        for path in (f"blobs/{NOBODYS}", "manifests/latest", "blobs/x", "tags/list"):
            head, get = self.ask("HEAD", path), self.ask("GET", path)
            self.assertEqual((head.status, head.body), (get.status, b""))
            self.assertEqual(head.header("Content-Length"), str(len(get.body)))

    def test_faults_of_ours(self) -> None:
        """SHOULD: the form is the same when the fault is ours."""
        self.registry.push_image(NAME, "latest")

        def broken(*_: object) -> Deferred[None]:
            raise RuntimeError("on purpose")

        self.patch(self.registry.driver, "get", broken)
        answer = self.registry.ask("GET", f"/v2/{NAME}/manifests/latest")
        self.assertEqual((answer.status, answer.codes()), (500, ["UNKNOWN"]))
        check_problems(answer, "GET")
        self.assertNotIn(b"on purpose", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class WarningsTests(SpecCase):
    """ "Warnings"."""

    def test_form(self) -> None:
        """MAY: a client that asks for something odd is warned; MUST: in the form that warnings have."""
        self.push_image("latest")
        path = f"/v2/{NAME}/manifests/one?tag=two"
        answer = self.registry.ask("PUT", path, [("Content-Type", OCI_MANIFEST)], manifest(LAYER))
        self.assertEqual((answer.status, len(answer.all("Warning"))), (201, 1))
        check_warnings(answer)

    def test_none(self) -> None:
        """SHOULD: nothing is said to who does as the specification has it."""
        payload = self.push_image("latest")
        for answer in (
            self.ask("GET", "/v2/"),
            self.put("latest", payload),
            self.put(f"{Digest.of(payload)}?tag=a&tag=b", payload),
            self.ask("GET", "manifests/latest"),
            self.ask("GET", f"referrers/{Digest.of(payload)}"),
            self.ask("GET", "tags/list"),
        ):
            self.assertEqual(answer.all("Warning"), [])
