"""What no advisory names: paths that lead elsewhere, documents that hurt, symbolic links."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import InlineWorkers
from tests.web.oci import NAME, OnDisk, SpecCase, manifest
from tests.web.registry import Registry
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_INDEX, OCI_MANIFEST

SECRET_LAYER = b"what nobody else may know"
SECRET = Digest.of(SECRET_LAYER)


class TraversalTests(SynchronousTestCase):
    """Paths that lead somewhere else."""

    TRICKS = (
        "..",
        "%2e%2e",
        ".%2e",
        "..%2f..%2f..",
        "%2e%2e%2f%2e%2e%2f",
        "..%5c..",
        "%252e%252e%252f",
        "....//",
        "..;/",
        "..%c0%af..",
        "%c0%ae%c0%ae",
        "..%00",
        "%00",
        "a%00/../..",
        "..%0a",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "~root",
        "_uploads",
        "_manifests",
        "_layers",
    )

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.makedirs(f"{self.root}/storage")
        self.registry = Registry(FilesystemDriver(f"{self.root}/storage", InlineWorkers()))
        self.registry.push_image("a", "latest", content=SECRET_LAYER)
        for path in ("treasure", "storage/treasure", "storage/docker/treasure"):
            with open(f"{self.root}/{path}", "wb") as file:
                file.write(b"treasure")

    def everything(self) -> set[str]:
        return {os.path.join(where, name) for where, _, names in os.walk(self.root) for name in names}

    def tried(self, shapes: Sequence[str], methods: Sequence[str], body: bytes = b"") -> None:
        before = self.everything()
        for trick in self.TRICKS:
            for shape in shapes:
                for method in methods:
                    with self.subTest(f"{method} {shape} {trick}"):
                        answer = self.registry.ask(method, shape.replace("*", trick), body=body)
                        self.assertNotIn(b"treasure", answer.body)
                        self.assertNotIn(SECRET_LAYER, answer.body)
                        self.assertIn(answer.status, (301, 400, 404, 405), answer)
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_names(self) -> None:
        """Names of repositories."""
        shapes = (
            "/v2/*/treasure/blobs/uploads/",
            "/v2/a/*/tags/list",
            "/v2/*/manifests/latest",
            f"/v2/*/a/blobs/{SECRET}",
        )
        self.tried(shapes, ("GET", "PUT", "DELETE"))
        self.tried(("/v2/a/*/blobs/uploads/", "/v2/*/b/blobs/uploads/"), ("POST",))

    def test_references(self) -> None:
        """Tags and digests."""
        hexadecimal = SECRET.encoded
        shapes = (
            "/v2/a/manifests/*",
            "/v2/a/manifests/latest/*",
            "/v2/a/manifests/latest%2f*",
            "/v2/a/manifests/sha256:*",
            "/v2/a/blobs/*",
            "/v2/a/blobs/sha256:*",
            f"/v2/a/blobs/*:{hexadecimal}",
            f"/v2/a/blobs/sha256:{hexadecimal[:-3]}*",
            "/v2/a/referrers/*",
            "/v2/a/referrers/sha256:*",
        )
        self.tried(shapes, ("GET", "HEAD", "PUT", "DELETE"))

    def test_sessions(self) -> None:
        """Ids of upload sessions, and what the parameters say."""
        id = self.registry.begin("a").split("/")[-1].partition("?")[0]
        shapes = (
            "/v2/a/blobs/uploads/*",
            "/v2/a/blobs/uploads/*/data",
            f"/v2/a/blobs/uploads/{id}/*",
            f"/v2/a/blobs/uploads/{id}%2f*",
            f"/v2/a/blobs/uploads/*%2f{id}",
        )
        self.tried(shapes, ("GET", "PATCH", "DELETE"), b"x")
        self.tried((*shapes, f"/v2/a/blobs/uploads/{id}?digest=sha256:*"), ("PUT",), b"x")

    def test_parameters(self) -> None:
        """Names in the query: a mount begins an upload instead, a page begins somewhere."""
        for trick in self.TRICKS:
            mount = f"/v2/b/blobs/uploads/?mount={SECRET}&from=b/{trick}/a"
            self.assertEqual(self.registry.ask("POST", mount, body=b"").status, 202, trick)
            self.assertEqual(self.registry.ask("HEAD", f"/v2/b/blobs/{SECRET}").status, 404)
            for path in ("/v2/_catalog?n=5&last=", "/v2/a/tags/list?n=5&last="):
                answer = self.registry.ask("GET", path + trick)
                self.assertEqual(answer.status, 200)
                self.assertNotIn(b"treasure", answer.body)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_documents(self) -> None:
        """Digests inside of manifests."""
        self.registry.push_blob("a", b"{}")
        for trick in self.TRICKS:
            for layer in (f"sha256:{trick}", trick, f"{trick}:{SECRET.encoded}"):
                descriptors = [{"mediaType": "a/b", "digest": layer, "size": 8}]
                for members in ({"layers": descriptors}, {"subject": descriptors[0]}):
                    headers = [("Content-Type", OCI_MANIFEST)]
                    payload = json.dumps(json.loads(manifest()) | members).encode()
                    answer = self.registry.ask("PUT", "/v2/a/manifests/b", headers, payload)
                    self.assertEqual(answer.status, 400, layer)


class HostileDocumentTests(SpecCase):
    """JSON that is made to hurt its reader."""

    def setUp(self) -> None:
        super().setUp()
        self.registry.manifests.limit = 4 * 1024 * 1024

    def test_deep(self) -> None:
        """However deep lists and objects nest, and wherever, the answer is a 400."""
        for depth in (100, 10_000, 1_000_000):
            for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
                value = f"{opening * depth}1{closing * depth}"
                for document in (value, f'{{"schemaVersion":2,"annotations":{value}}}', opening * depth):
                    if len(document) <= 4 * 1024 * 1024:
                        self.refused(self.put("deep", document.encode()), 400, "MANIFEST_INVALID")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_many(self) -> None:
        """However many parts it has, too."""
        for part in ("[]", "{}", "0", '""', '{"digest":"x"}'):
            listing = ",".join([part] * (4_000_000 // (len(part) + 1)))
            payload = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{listing}]}}'
            answer = self.put("many", payload.encode(), OCI_INDEX)
            self.refused(answer, 400, "MANIFEST_INVALID")
            self.assertRegex(
                answer.json()["errors"][0]["detail"], "^more than [0-9]+ (objects|strings|commas)"
            )  # and not read

    def test_long_numbers(self) -> None:
        """A number of a million digits is a 400, and takes no time that grows with its square."""
        for number in (
            "9" * 1_000_000,
            "-" + "9" * 5000,
            "1e999999999",
            "1" + "0" * 400,
            "0." + "9" * 100_000,
        ):
            for name in ("schemaVersion", "size"):
                payload = manifest(unknown=0).replace(b'"schemaVersion": 2', b'"schemaVersion": 2', 1)
                pattern = rf'"{name}": \d+'.encode()
                payload = re.sub(pattern, f'"{name}": {number}'.encode(), payload, count=1)
                self.refused(self.put("number", payload), 400, "MANIFEST_INVALID")

    def test_twice(self) -> None:
        """A name that is given twice in one object is a 400, wherever that is, and however it is written."""
        self.push_image("latest")
        good = manifest(b"the content of a layer").decode()
        self.push(good.encode(), "good")
        for name, value in (("schemaVersion", "2"), ("layers", "[]"), ("config", "{}"), ("digest", '"x"')):
            for spelled in (name, name.capitalize(), name.upper(), f"\\u{ord(name[0]):04x}{name[1:]}"):
                at = good.index(f'"{name}"')
                payload = f'{good[:at]}"{spelled}": {value}, {good[at:]}'
                self.refused(self.put("twice", payload.encode()), 400, "MANIFEST_INVALID", "DIGEST_INVALID")
        self.assertEqual(self.status("GET", "manifests/twice"), 404)

    def test_nul(self) -> None:
        """A NUL, or bytes that are no text, are a 400."""
        for evil in (b"\0", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
            for payload in (evil + manifest(), manifest().replace(b"mediaType", b"media" + evil)):
                self.refused(self.put("nul", payload), 400, "MANIFEST_INVALID")


class SymlinkTests(OnDisk, SpecCase):
    """Symbolic links below the storage's root."""

    def setUp(self) -> None:
        self.root, self.outside = self.mktemp(), self.mktemp()
        super().setUp()
        self.registry = Registry(FilesystemDriver(self.root, InlineWorkers()))
        self.repositories = f"{self.root}/docker/registry/v2/repositories"
        os.makedirs(f"{self.outside}/inner")
        for name in ("data", "startedat", "link", "inner/link"):
            with open(f"{self.outside}/{name}", "wb") as file:
                file.write(b"treasure")
        self.outside = os.path.abspath(self.outside)

    def untouched(self) -> None:
        """All that is outside is as it was."""
        found = {}
        for where, _, names in os.walk(self.outside):
            for name in names:
                with open(f"{where}/{name}", "rb") as file:
                    found[os.path.relpath(f"{where}/{name}", self.outside)] = file.read()
        self.assertEqual(found, dict.fromkeys(("data", "startedat", "link", "inner/link"), b"treasure"))

    def led_out(self, path: str) -> None:
        """Put a link to the outside in the place of the directory *path* of the repository."""
        place = f"{self.repositories}/{NAME}/{path}"
        os.rename(place, self.mktemp())
        os.symlink(self.outside, place)

    def test_cancelled_upload(self) -> None:
        """An upload that is given up takes nothing with it that a link leads to."""
        address = self.begin()
        id = address.split("/")[-1].partition("?")[0]
        os.symlink(self.outside, f"{self.repositories}/{NAME}/_uploads/{id}/hashstates")
        self.assertEqual(self.status("DELETE", address), 204)
        self.assertFalse(os.path.lexists(f"{self.repositories}/{NAME}/_uploads/{id}"))
        self.untouched()

    def test_deleted_tag(self) -> None:
        """Nor does a tag that is deleted."""
        self.push_image("latest")
        self.led_out("_manifests/tags/latest/index")
        self.assertEqual(self.status("DELETE", "manifests/latest"), 202)
        self.assertFalse(os.path.lexists(f"{self.repositories}/{NAME}/_manifests/tags/latest"))
        self.untouched()

    def test_link_to_nothing_of_ours(self) -> None:
        """A link file that leads to a file of another kind opens nothing of it to anybody."""
        digest = self.push_blob(SECRET_LAYER)
        self.led_out(f"_layers/sha256/{digest.encoded}")
        for method, path, status in (
            ("GET", f"blobs/{digest}", 404),
            ("POST", f"/v2/oci/other/blobs/uploads/?mount={digest}&from={NAME}", 202),
            ("DELETE", f"blobs/{digest}", 404),
        ):
            answer = self.ask(method, path, body=b"")
            self.assertEqual(answer.status, status)
            self.assertNotIn(b"treasure", answer.body)
        self.untouched()
