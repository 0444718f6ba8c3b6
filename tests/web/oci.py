"""What the tests of the OCI distribution specification share: content, and a client that trusts nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import InlineWorkers
from tests.web.registry import Registry, location
from tests.web.wire import Answer
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IStorageDriver
from txregistry.model.digest import ALGORITHMS, Digest
from txregistry.model.manifest import OCI_INDEX, OCI_MANIFEST

NAME = "oci/spec"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
CONFIG = b"{}"
LAYER = b"the content of a layer"
#: Well formed, and the digest of nothing that is ever pushed.
NOBODYS = Digest.of(b"nobody pushes this")
#: Each of these is no digest that a registry could know.
NO_DIGESTS = (
    "sha256:baddigeststring",
    "sha256:" + "0" * 63,
    "sha256:" + "0" * 65,
    "sha256:" + "G" * 64,
    "sha256:" + "A" * 64,
    "sha512:" + "0" * 64,
    "sha384:" + "0" * 64,
    "md5:" + "0" * 32,
    "sha1:" + "0" * 40,
    "blake3:" + "0" * 64,
)

_CODE = re.compile(r"[A-Z_]+\Z")
_WARNING = re.compile(r'299 - "(?:[^"\\]|\\.)*"\Z')
WARNING_BYTES = 4096


def descriptor(
    media_type: str, content: bytes, algorithm: str = "sha256", **members: object
) -> dict[str, Any]:
    """The descriptor of *content*."""
    named = {"mediaType": media_type, "digest": str(Digest.of(content, algorithm)), "size": len(content)}
    return named | members


def manifest(
    *layers: bytes, config: bytes = CONFIG, config_type: str = CONFIG_TYPE, **members: object
) -> bytes:
    """The bytes of an image manifest; *members* are added, or replace its own."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config_type, config),
        "layers": [descriptor(LAYER_TYPE, layer) for layer in layers],
    }
    return json.dumps(document | members).encode()


def index(*children: bytes, **members: object) -> bytes:
    """The bytes of an image index of image manifests."""
    described = [descriptor(OCI_MANIFEST, child) for child in children]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described}
    return json.dumps(document | members).encode()


def check_warnings(answer: Answer) -> None:
    """Warnings have the one form that there is for them ("Warnings")."""
    warnings = answer.all("Warning")
    for warning in warnings:
        if not _WARNING.match(warning):
            raise AssertionError(f"no warning in the form of the specification: {warning}")
    if sum(map(len, warnings)) > WARNING_BYTES:
        raise AssertionError("too many warnings")


def check_problems(answer: Answer, method: str) -> None:
    """A refusal has the one form that there is for it ("Error Codes")."""
    if answer.status < 400 or method == "HEAD":
        return
    document = answer.json()
    if list(document) != ["errors"] or not document["errors"]:
        raise AssertionError(f"not the form of errors: {document}")
    for problem in document["errors"]:
        if not _CODE.match(problem["code"]) or not problem.keys() <= {"code", "message", "detail"}:
            raise AssertionError(f"not an error: {problem}")
        if not isinstance(problem.get("message", ""), str):
            raise AssertionError(f"no message: {problem}")


class SpecCase(SynchronousTestCase):
    """A registry, empty at first; every answer is checked for what the specification says of all of them."""

    def setUp(self) -> None:
        self.registry = Registry(self.make_driver())

    def make_driver(self) -> IStorageDriver:
        """The storage."""
        return InMemoryDriver()

    def ask(
        self, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None
    ) -> Answer:
        """Ask for *path*: an address, or what comes behind the repository's name."""
        if not path.startswith(("/", "http:")):
            path = f"/v2/{NAME}/{path}"
        answer = self.registry.ask(method, path, headers, body)
        check_problems(answer, method)
        check_warnings(answer)
        return answer

    def status(self, method: str, path: str, body: bytes | None = None) -> int:
        """The status of the answer."""
        return self.ask(method, path, body=body).status

    def refused(self, answer: Answer, status: int, *codes: str) -> None:
        """*answer* is a refusal with one of *codes*, if any are given."""
        self.assertEqual(answer.status, status, answer)
        if codes:
            self.assertIn(answer.codes()[0], codes)

    def begin(self) -> str:
        """Begin an upload."""
        answer = self.ask("POST", "blobs/uploads/", body=b"")
        self.assertEqual(answer.status, 202)
        return location(answer)

    def finish(
        self, address: str, digest: object, body: bytes | None = b"", *headers: tuple[str, str]
    ) -> Answer:
        """The closing PUT; the digest is added to whatever query the address has."""
        query = "&" if "?" in address else "?"
        return self.ask("PUT", f"{address}{query}digest={digest}", headers, body)

    def push_blob(self, content: bytes, algorithm: str = "sha256") -> Digest:
        """Push a blob."""
        digest = Digest.of(content, algorithm)
        self.assertEqual(self.finish(self.begin(), digest, content).status, 201)
        return digest

    def put(self, reference: object, payload: bytes, media_type: str = OCI_MANIFEST) -> Answer:
        """PUT a manifest."""
        return self.ask("PUT", f"manifests/{reference}", [("Content-Type", media_type)], payload)

    def push(self, payload: bytes, *tags: str, media_type: str = OCI_MANIFEST) -> Digest:
        """Push a manifest under *tags*, or without any by its digest."""
        digest = Digest.of(payload)
        for reference in tags or (digest,):
            answer = self.put(reference, payload, media_type)
            self.assertEqual(answer.status, 201, answer)
        return digest

    def push_image(self, *tags: str, **members: object) -> bytes:
        """Push an image with a config and a layer; its manifest."""
        self.push_blob(CONFIG)
        self.push_blob(LAYER)
        payload = manifest(LAYER, **members)  # type: ignore[arg-type]
        self.push(payload, *tags)
        return payload


class OnDisk:
    """Mix in before a :class:`SpecCase`: the same with files."""

    def make_driver(self) -> IStorageDriver:
        case: Any = self
        return FilesystemDriver(case.mktemp(), InlineWorkers())


class Redirecting(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """A driver whose content clients may fetch elsewhere."""

    async def redirect_url(self, path: str, method: str) -> str | None:
        return f"https://storage.test{path}"


def each_algorithm(content: bytes) -> list[Digest]:
    """The digests of *content* by every algorithm that is supported."""
    return [Digest.of(content, algorithm) for algorithm in ALGORITHMS]
