"""
Holes that registries, or what they stand on, once had: a test for each that the wire can show.

Tests are named after the advisory.  Those of HTTP servers are in
:mod:`tests.web.test_threats_http`; what has none is in :mod:`tests.web.test_threats_content`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

import tests.web.registry
from tests.storage.making import make_namespace, tree
from tests.web.oci import NAME, NOBODYS, SpecCase, descriptor, index, manifest
from tests.web.registry import MANIFEST_LIMIT, Registry
from tests.web.wire import Answer, request_bytes
from txregistry.cache.caching import CachingBlobs, Generations
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController, IBlobStore
from txregistry.model.access import Access, Grant
from txregistry.model.digest import Digest
from txregistry.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from txregistry.model.names import RepositoryName
from txregistry.storage.namespace import Rules
from txregistry.web.body import BATCH, LINGER

SECRET_LAYER = b"what nobody else may know"
SECRET = Digest.of(SECRET_LAYER)


def same(answer: Answer) -> object:
    """What a client can tell two answers apart by, but for names that it gave itself and session ids."""
    text = re.sub(r"[0-9a-f]{64}|[0-9a-f-]{36}\?_state=[^\"]*|[0-9a-f-]{36}", "X", repr(answer))
    return re.sub(r"\('Date', '[^']*'\), ", "", text)


# --- distribution ------------------------------------------------------------


class Cve201711468Tests(SpecCase):
    """CVE-2017-11468: manifests of any size were read into memory."""

    HEAD = (("Content-Type", OCI_MANIFEST),)

    def test_announced(self) -> None:
        """A manifest that says that it is too large is a 413 before anything of it was taken."""
        connection = self.registry.connect()
        headers = [*self.HEAD, ("Content-Length", str(MANIFEST_LIMIT + 1)), ("Expect", "100-continue")]
        connection.send(request_bytes("PUT", f"/v2/{NAME}/manifests/latest", headers))
        answer = connection.answer()
        self.assertEqual((answer.status, answer.continues), (413, 0))
        self.assertEqual(answer.header("Connection"), "close")

    def test_unannounced(self) -> None:
        """One that just goes on and on is a 413 soon after the limit, and is not kept."""
        connection = self.registry.connect()
        headers = [*self.HEAD, ("Transfer-Encoding", "chunked")]
        connection.send(request_bytes("PUT", f"/v2/{NAME}/manifests/latest", headers))
        piece = b"1000\r\n" + b" " * 4096 + b"\r\n"
        sent, most = 0, 0
        while not connection.received():
            connection.send(piece)
            self.registry.clock.advance(LINGER[1])
            sent += 4096
            most = max(most, self.registry.site.budget.held)
            self.assertLess(sent, MANIFEST_LIMIT + 2 * BATCH)
        self.assertEqual(connection.answer().status, 413)
        self.assertLess(most, MANIFEST_LIMIT + 2 * BATCH)
        connection.hang_up()
        self.assertEqual(self.registry.site.budget.held, 0)


class Cve202141190Tests(SpecCase):
    """CVE-2021-41190 (GHSA-qq97-vm5h-rrhg): a document was an image to one reader and an index to another."""

    def setUp(self) -> None:
        super().setUp()
        self.image = self.push_image("latest")

    def ambiguous(self, document: dict[str, Any], *media_types: str) -> None:
        """*document* is refused by whatever type it is pushed, with and without stating it."""
        for media_type in media_types:
            for stated in ({"mediaType": media_type}, {}):
                members = {key: value for key, value in document.items() if key != "mediaType"}
                payload = json.dumps(members | stated).encode()
                self.refused(self.put("evil", payload, media_type), 400, "MANIFEST_INVALID")
                self.assertEqual(self.status("GET", f"manifests/{Digest.of(payload)}"), 404)
        self.assertEqual(self.status("GET", "manifests/evil"), 404)

    def test_both(self) -> None:
        """A document with layers or a config, and with manifests, is none of both."""
        image, listing = json.loads(self.image), json.loads(index(self.image))
        everything = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
        self.ambiguous(image | listing, *everything)
        self.ambiguous(image | {"manifests": []}, *everything)
        self.ambiguous(image | {"Manifests": listing["manifests"]}, *everything)
        self.ambiguous(listing | {"layers": image["layers"]}, *everything)
        self.ambiguous(listing | {"config": image["config"]}, *everything)
        self.ambiguous(listing | {"LAYERS": image["layers"]}, *everything)

    def test_stated_type(self) -> None:
        """A document that states another type than the request is refused."""
        for payload, media_type, others in (
            (self.image, OCI_MANIFEST, (OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)),
            (index(self.image), OCI_INDEX, (OCI_MANIFEST, DOCKER_MANIFEST, DOCKER_LIST)),
        ):
            for other in others:
                self.refused(self.put("evil", payload, other), 400, "MANIFEST_INVALID")
            self.assertEqual(self.put("good", payload, media_type).status, 201)

    def test_stated_twice(self) -> None:
        """One that states it twice, in whatever letter case, is refused."""
        for spelled in ("mediaType", "MediaType", "mediatype"):
            for first, second in ((OCI_MANIFEST, OCI_INDEX), (OCI_INDEX, OCI_MANIFEST)):
                stated = self.image.replace(OCI_MANIFEST.encode(), first.encode(), 1)
                payload = stated[:-1] + f', "{spelled}": "{second}"}}'.encode()
                for media_type in (OCI_MANIFEST, OCI_INDEX):
                    self.refused(self.put("evil", payload, media_type), 400, "MANIFEST_INVALID")


class Cve20232253Tests(SpecCase):
    """CVE-2023-2253 (GHSA-hqxw-f8mx-cpmw): memory was set aside for as many entries as a client asked for."""

    HUGE = (10**6, 2**31, 10**12, 10**17)
    #: Beyond any number that there could be.
    ABSURD = (2**63 - 1, 2**63, 2**64, 10**200)

    def setUp(self) -> None:
        super().setUp()
        self.push_image("a", "b", "c", "d", "e")
        self.registry = Registry(self.registry.driver, maxentries=1000, maxtags=3)
        self.limits: list[int] = []
        original = self.registry.driver.list

        async def watched(path: str, after: str = "", limit: int = 1000) -> Any:
            self.limits.append(limit)
            return await original(path, after, limit)

        self.patch(self.registry.driver, "list", watched)

    def test_catalog(self) -> None:
        """More repositories than are allowed are a 400, and nothing is looked for."""
        for count in (1001, *self.HUGE, *self.ABSURD):
            self.refused(self.ask("GET", f"/v2/_catalog?n={count}"), 400, "PAGINATION_NUMBER_INVALID")
        self.assertEqual(self.limits, [])
        self.assertEqual(self.status("GET", "/v2/_catalog?n=1000"), 200)

    def test_tags(self) -> None:
        """More tags than are allowed are as many as are allowed: clients ask for 10000, and go on by Link."""
        for count in (4, 10_000, *self.HUGE):
            answer = self.ask("GET", f"tags/list?n={count}")
            self.assertEqual((answer.status, answer.json()["tags"]), (200, ["a", "b", "c"]), count)
            self.assertRegex(answer.header("Link") or "", "last=c&n=3>")
        for count in self.ABSURD:
            self.assertIn(self.status("GET", f"tags/list?n={count}"), (200, 400))
        self.assertLess(max(self.limits), 20_000)


class Cve202635172Tests(SpecCase):
    """CVE-2026-35172: a blob came back in one repository when another one made the cache remember it."""

    def setUp(self) -> None:
        cache, generations = InMemoryDescriptorCache(), Generations()

        def cached(name: RepositoryName, blobs: IBlobStore) -> IBlobStore:
            return CachingBlobs(blobs, cache, name, generations)

        self.patch(tests.web.registry, "make_namespace", partial(make_namespace, wrap_blobs=cached))
        super().setUp()

    def test_deleted(self) -> None:
        """A blob that was deleted in one repository stays so, whatever others do with theirs."""
        digest = self.push_blob(SECRET_LAYER)
        here, there = f"blobs/{digest}", f"/v2/oci/other/blobs/{digest}"
        mount = f"/v2/oci/other/blobs/uploads/?mount={digest}&from={NAME}"
        self.assertEqual(self.status("POST", mount, b""), 201)
        for path in (here, there):
            self.assertEqual(self.status("GET", path), 200)
        self.assertEqual(self.status("DELETE", here), 202)
        self.registry.push_blob("oci/third", SECRET_LAYER)
        for _ in range(2):
            self.assertEqual(self.status("HEAD", here), 404)
            self.assertEqual(self.ask("GET", here).codes(), ["BLOB_UNKNOWN"])
            self.assertEqual(self.status("GET", there), 200)
        self.refused(self.put("latest", manifest(SECRET_LAYER)), 400, "MANIFEST_BLOB_UNKNOWN")
        stolen = f"/v2/oci/thief/blobs/uploads/?mount={digest}&from={NAME}"
        self.assertEqual(self.status("POST", stolen, b""), 202)

    def test_never_there(self) -> None:
        """One that was never pushed to a repository isn't there either."""
        digest = self.push_blob(SECRET_LAYER)
        for _ in range(2):
            self.assertEqual(self.status("GET", f"blobs/{digest}"), 200)
            self.assertEqual(self.status("GET", f"/v2/oci/other/blobs/{digest}"), 404)


class Cve202641888Tests(SpecCase):
    """CVE-2026-41888 (GHSA-6pjf): tags could be deleted although deletion was switched off."""

    def test_tag(self) -> None:
        """DELETE of a tag, and of a manifest, is refused when deletion is off; all is there still."""
        self.push_image("latest")
        before = tree(self.registry.driver)
        self.registry = Registry(self.registry.driver, rules=Rules(delete_enabled=False))
        for path in ("manifests/latest", "manifests/%6catest", f"manifests/{Digest.of(manifest())}"):
            self.refused(self.ask("DELETE", path), 405, "UNSUPPORTED")
        self.assertEqual(tree(self.registry.driver), before)


# --- other registries --------------------------------------------------------


@implementer(IAccessController)
class Everything:
    """Lets everybody do everything, but in the repository ``secret`` only who knows the word."""

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """Look at the names that are asked for."""
        if any(access.name == "secret" for access in wanted) and credentials.authorization != "the word":
            raise Unauthorized('Basic realm="tests"')
        return Grant()


class Cve202439897Tests(SynchronousTestCase):
    """CVE-2024-39897 of zot: who could not read a repository could find out, and take, what it had."""

    def setUp(self) -> None:
        driver = InMemoryDriver()
        Registry(driver).push_image("secret", "latest", content=SECRET_LAYER)
        self.registry = Registry(driver, access=Everything())

    def alike(self, method: str, *paths: str) -> list[int]:
        """The statuses of the answers for *paths*, which must not differ in anything."""
        answers = [self.registry.ask(method, path, body=b"") for path in paths]
        self.assertEqual(len({same(answer) for answer in answers}), 1, answers)
        return [answer.status for answer in answers]

    def test_head(self) -> None:
        """HEAD and GET of what is there, and of what is not, are answered alike, there and elsewhere."""
        for method in ("HEAD", "GET"):
            for name, status in (("secret", 401), ("mine", 404)):
                paths = [f"/v2/{name}/blobs/{digest}" for digest in (SECRET, NOBODYS)]
                self.assertEqual(self.alike(method, *paths), [status] * 2)
        tags = [f"/v2/secret/manifests/{tag}" for tag in ("latest", "another")]
        self.assertEqual(self.alike("GET", *tags), [401, 401])

    def test_mount(self) -> None:
        """A mount from it begins an upload, as from a repository that is not there; nothing is mounted."""
        for query in (
            "mount={}&from=secret",
            "mount={}&from=nowhere",
            "mount={}",
            "mount={}&from=",
            "mount={}&from=mine",
            "from=secret&mount={}&from=mine",
            "from=mine&mount={}&from=secret",
        ):
            with self.subTest(query):
                paths = [f"/v2/mine/blobs/uploads/?{query.format(digest)}" for digest in (SECRET, NOBODYS)]
                self.assertEqual(self.alike("POST", *paths), [202, 202])
                self.assertEqual(self.registry.ask("HEAD", f"/v2/mine/blobs/{SECRET}").status, 404)

    def test_reader(self) -> None:
        """Who may read it mounts from it."""
        path = f"/v2/mine/blobs/uploads/?mount={SECRET}&from=secret"
        answer = self.registry.ask("POST", path, [("Authorization", "the word")], b"")
        self.assertEqual(answer.status, 201)

    def test_manifest(self) -> None:
        """A manifest cannot name what only that repository has, and so bring it here."""
        self.registry.push_blob("mine", b"{}")
        for payload, media_type in (
            (manifest(SECRET_LAYER), OCI_MANIFEST),
            (index(manifests=[descriptor("application/octet-stream", SECRET_LAYER)]), OCI_INDEX),
        ):
            headers = [("Content-Type", media_type)]
            answer = self.registry.ask("PUT", "/v2/mine/manifests/latest", headers, payload)
            self.assertEqual((answer.status, answer.codes()), (400, ["MANIFEST_BLOB_UNKNOWN"]))


class Z4202Tests(SpecCase):
    """zot 4202: a signature of one image passed for that of another."""

    def test_bound(self) -> None:
        """A referrer is listed for the one digest that it names, whatever else says so."""
        image, other = self.push_image("latest"), self.push_image("other", annotations={"a": "b"})
        signature = manifest(subject=descriptor(OCI_MANIFEST, image), artifactType="application/x.signature")
        self.push(signature)
        digest = Digest.of(other)
        self.push(index(signature), f"sha256-{digest.encoded}", media_type=OCI_INDEX)
        for subject, count in ((Digest.of(image), 1), (digest, 0), (Digest.of(image, "sha512"), 0)):
            listed = json.loads(self.ask("GET", f"referrers/{subject}").body)["manifests"]
            self.assertEqual(len(listed), count)


class Z4238Tests(SynchronousTestCase):
    """zot 4238: browsers take a backslash for a slash, and were led to other hosts."""

    def test_backslash(self) -> None:
        """No address in an answer has a backslash in its path, or two slashes in front."""
        for path in (
            "/\\evil.test",
            "/\\evil.test/",
            "/\\/evil.test/v2/",
            "//\\evil.test//",
            "/v2/..//\\evil.test/",
            "/.//\\evil.test",
            "/%5C%5Cevil.test//",
            "/v2//\\evil.test/blobs/uploads",
            "/v2/\\evil.test/blobs/uploads",
            "/\\evil.test/v2/a/tags/list/",
            "/v2\\/",
        ):
            for method in ("GET", "POST"):
                answer = Registry().ask(method, path, body=b"")
                target = answer.header("Location")
                if target is not None:
                    self.assertNotIn("\\", target, path)
                    self.assertNotRegex(target, r"\A//|\A[a-z]+:(?!//registry\.test/)", path)
                else:
                    self.assertIn(answer.status, (200, 400, 404), path)


class Cve202231667Tests(SpecCase):
    """CVE-2022-31667, GHSA-hw28 of Harbor: things of one repository were reached by the name of another."""

    def setUp(self) -> None:
        super().setUp()
        self.registry.push_image("secret", "latest", content=SECRET_LAYER)
        self.session = self.registry.begin("secret")
        self.push_image("mine")
        self.before = tree(self.registry.driver, "/docker/registry/v2/repositories/secret")
        documents = [document for path, document in tree(self.registry.driver).items() if "/blobs/" in path]
        [self.image] = [document for document in documents if SECRET.encoded.encode() in document]

    def test_reading(self) -> None:
        """Nothing that one repository holds is to be had by another name."""
        id = self.session.split("/")[-1]
        for path in (
            f"blobs/{SECRET}",
            "manifests/latest",
            f"manifests/{Digest.of(self.image)}",
            f"blobs/{Digest.of(self.image)}",
            f"blobs/uploads/{id}",
            f"blobs/uploads/{id.partition('?')[0]}",
        ):
            for name in (NAME, "nobody/at/all", "secret/below", "secre", "secret.x"):
                answer = self.ask("GET", f"/v2/{name}/{path}")
                self.assertEqual(answer.status, 404, f"{name} {path}")
        self.assertEqual(self.ask("GET", "tags/list").json()["tags"], ["mine"])

    def test_changing(self) -> None:
        """Nothing of it is changed or deleted by another name."""
        id = self.session.split("/")[-1]
        for method, path in (
            ("DELETE", f"blobs/{SECRET}"),
            ("DELETE", "manifests/latest"),
            ("DELETE", f"manifests/{Digest.of(self.image)}"),
            ("DELETE", f"blobs/uploads/{id}"),
            ("DELETE", f"blobs/uploads/{id.partition('?')[0]}"),
            ("PATCH", f"blobs/uploads/{id}"),
            ("PATCH", f"blobs/uploads/{id.partition('?')[0]}"),
            ("PUT", f"blobs/uploads/{id}&digest={Digest.of(b'x')}"),
        ):
            self.assertEqual(self.status(method, path, b"x"), 404, f"{method} {path}")
        self.assertEqual(tree(self.registry.driver, "/docker/registry/v2/repositories/secret"), self.before)

    def test_same_digest(self) -> None:
        """Who pushes the same manifest elsewhere gets its own: deleting it there deletes nothing here."""
        self.registry.push_image("thief", "latest", content=SECRET_LAYER)
        digest = Digest.of(self.image)
        for path in (f"manifests/{digest}", f"blobs/{SECRET}"):
            self.assertEqual(self.status("DELETE", f"/v2/thief/{path}"), 202)
        self.assertEqual(tree(self.registry.driver, "/docker/registry/v2/repositories/secret"), self.before)
