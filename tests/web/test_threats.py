"""
Holes that registries, or what they stand on, once had: a test for each that the wire can show.

Tests are named after the advisory; what has no advisory stands at the end.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

import tests.web.registry
from tests.fakes.workers import InlineWorkers
from tests.storage.making import make_namespace, tree
from tests.web.oci import NAME, NOBODYS, OnDisk, SpecCase, descriptor, index, manifest
from tests.web.registry import MANIFEST_LIMIT, Registry
from tests.web.wire import Answer, Connection, request_bytes
from txregistry.cache.caching import CachingBlobs, Generations
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController, IBlobStore
from txregistry.model.access import Access, Grant
from txregistry.model.digest import Digest
from txregistry.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from txregistry.model.names import RepositoryName
from txregistry.storage.namespace import Rules
from txregistry.web.body import BATCH, LINGER
from txregistry.web.channel import HEADER_TIMEOUT, REQUESTS_IN_TURN
from txregistry.web.site import IDLE_TIMEOUT

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


# --- HTTP --------------------------------------------------------------------


class Cve202344487Tests(SpecCase):
    """CVE-2023-44487, as far as HTTP/1.1 has it: requests that were given up cost more than to send them."""

    def test_given_up(self) -> None:
        """A thousand uploads that are asked for in one packet, by a client that leaves, are not all begun."""
        connection = self.registry.connect()
        connection.send(request_bytes("POST", f"/v2/{NAME}/blobs/uploads/", body=b"") * 1000)
        connection.hang_up()
        self.registry.clock.pump([1.0] * 100)
        begun = [path for path in tree(self.registry.driver) if path.endswith("/startedat")]
        self.assertLessEqual(len(begun), REQUESTS_IN_TURN)
        self.assertLessEqual(len(self.registry.access), REQUESTS_IN_TURN)
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])

    def test_unread(self) -> None:
        """Of a client that takes no answers only a few requests are served."""
        digest = self.push_blob(b"x" * 100_000)
        served = len(self.registry.access)
        connection = self.registry.connect()
        opened = self.registry.driver.open

        async def filling(path: str) -> Any:
            connection.channel.pauseProducing()  # as the transport says it when its buffer is full
            return await opened(path)

        self.patch(self.registry.driver, "open", filling)
        connection.send(request_bytes("GET", f"/v2/{NAME}/blobs/{digest}") * 1000)
        self.registry.clock.pump([0.1] * 100)
        self.assertLessEqual(len(self.registry.access) - served, 1)
        connection.channel.resumeProducing()
        self.registry.clock.pump([0.1] * 100)
        self.assertIn(len(self.registry.access) - served, (1, 2))
        connection.hang_up()
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])


class Cve202441671Tests(SpecCase):
    """CVE-2024-41671, CVE-2023-46137 of Twisted: answers to pipelined requests changed places."""

    def test_order(self) -> None:
        """A slow answer is waited for by the fast ones behind it; nobody gets what another one asked for."""
        slow, fast = self.push_blob(b"the slow one"), self.push_blob(b"the fast one")
        held: list[Deferred[None]] = []
        original = self.registry.driver.open

        async def waiting(path: str) -> Any:
            if slow.encoded in path:
                held.append(Deferred())
                await held[-1]
            return await original(path)

        self.patch(self.registry.driver, "open", waiting)
        connection = self.registry.connect()
        asked = (slow, fast, slow, fast)
        connection.send(b"".join(request_bytes("GET", f"/v2/{NAME}/blobs/{digest}") for digest in asked))
        self.assertEqual((connection.received(), len(held)), (b"", 1))
        held[0].callback(None)
        self.registry.clock.advance(0)
        connection.deliver()
        self.assertEqual(len(held), 2)
        self.assertEqual([answer.body for answer in connection.answers()], [b"the slow one", b"the fast one"])
        held[1].callback(None)
        self.registry.clock.advance(0)
        connection.deliver()
        bodies = [answer.body for answer in connection.answers()]
        self.assertEqual(bodies, [b"the slow one", b"the fast one"] * 2)


class Cve202224801Tests(SpecCase):
    """CVE-2022-24801 of Twisted: a request was hidden in the body of another one."""

    def setUp(self) -> None:
        super().setUp()
        self.push_image("latest")
        self.hidden = request_bytes("DELETE", f"/v2/{NAME}/manifests/latest")

    def refused_whole(self, headers: str, body: bytes) -> None:
        """A push whose framing can be read in two ways is refused, and nothing behind it is looked at."""
        connection = self.registry.connect()
        head = f"PATCH {self.begin()} HTTP/1.1\r\nHost: registry.test\r\n{headers}\r\n\r\n"
        connection.send(head.encode("latin-1") + body)
        self.registry.clock.pump([LINGER[1]] * 3)
        connection.deliver()
        answers = connection.answers()
        self.assertEqual([answer.status for answer in answers], [400], headers)
        self.assertTrue(connection.closing)
        self.assertEqual(self.status("GET", "manifests/latest"), 200)
        connection.hang_up()

    def test_both_lengths(self) -> None:
        """A length and chunks at once."""
        for headers in (
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
        ):
            self.refused_whole(headers, b"0\r\n\r\n" + self.hidden)

    def test_lengths(self) -> None:
        """Two lengths, and one that is no number."""
        for headers in (
            "Content-Length: 0\r\nContent-Length: 5",
            "Content-Length: 0, 5",
            "Content-Length: +0",
            "Content-Length: -0",
            "Content-Length: 0x0",
            "Content-Length: 0_0",
            "Content-Length: ",
            "Content-Length: \xb2",
        ):
            self.refused_whole(headers, self.hidden)

    def test_codings(self) -> None:
        """Transfer codings that somebody may overlook."""
        for coding in (
            "xchunked",
            "chunked, identity",
            "gzip, chunked",
            "identity",
            "\x0bchunked",
            "chunked\x00",
        ):
            self.refused_whole(f"Transfer-Encoding: {coding}", b"0\r\n\r\n" + self.hidden)
        self.refused_whole("Transfer-Encoding : chunked", b"0\r\n\r\n" + self.hidden)

    def test_chunk_sizes(self) -> None:
        """Sizes of chunks that are none."""
        for size in (
            b"0x0",
            b"+0",
            b"-0",
            b"0_0",
            b" 0",
            b"",
            b"0 0",
            b"g",
            b"0\n\r\n",
            b"\xb2",
            b"f" * 17,
            b"0;\n",
        ):
            self.refused_whole("Transfer-Encoding: chunked", size + b"\r\n\r\n" + self.hidden)

    def test_line_ends(self) -> None:
        """Line ends that somebody may take for one."""
        for headers in ("X: a\nContent-Length: 5", "X: a\rContent-Length: 5", "X: a\n\n", "X\x00: a"):
            self.refused_whole(headers, self.hidden)


class Cve202557804Tests(SpecCase):
    """CVE-2025-57804 of h2, as far as HTTP/1.1 has it: line ends in what a client gave split an answer."""

    EVIL = "%0d%0aX-Evil:%20yes%0d%0a%0d%0a"

    def test_split(self) -> None:
        """Whatever a client says, no line of an answer begins with it."""
        self.push_image("latest", "next")
        session = self.begin().partition("?")[0]
        payload = manifest(annotations={"\r\nX-Evil": "yes"})
        typed = [("Content-Type", OCI_MANIFEST)]
        for method, path, body in (
            ("GET", f"tags/list?n=1&last={self.EVIL}", None),
            ("GET", f"manifests/{self.EVIL}", None),
            ("GET", f"/v2/{self.EVIL}/tags/list/", None),
            ("GET", f"/v2//{self.EVIL}", None),
            ("GET", f"/v2/_catalog?n=1&last={self.EVIL}", None),
            ("GET", f"referrers/{NOBODYS}?artifactType={self.EVIL}", None),
            ("GET", f"{session}?_state={self.EVIL}", None),
            ("PATCH", f"{session}{self.EVIL}", b"x"),
            ("PUT", f"{session}?digest={self.EVIL}", b"x"),
            ("POST", f"blobs/uploads/?mount={NOBODYS}&from={self.EVIL}", b""),
            ("POST", f"blobs/uploads?{self.EVIL}", b""),
            ("PUT", f"manifests/{Digest.of(payload)}?tag={self.EVIL}", payload),
            ("PUT", f"manifests/{Digest.of(payload)}?tag=good&tag=good{self.EVIL}", payload),
            ("PUT", f"manifests/latest?tag={self.EVIL}", payload),
            ("DELETE", f"manifests/{self.EVIL}", b""),
        ):
            with self.subTest(f"{method} {path}"):
                answer = self.ask(method, path, typed, body)
                self.assertLess(answer.status, 500)
                self.assertEqual(answer.all("X-Evil"), [])
                self.assertNotIn("OCI-Tag", dict(answer.headers))
                self.assertNotIn("\n", "".join(value for _, value in answer.headers))

    def test_link(self) -> None:
        """A page's address, in which what the client asked for stands again, is one word."""
        kind = 'a\r\nX-Evil: yes\r\n\r\n<>"; \u00e9'
        for number in range(2):
            subject = descriptor(OCI_MANIFEST, b"somebody")
            self.push_blob(b"{}")
            self.push(manifest(subject=subject, artifactType=kind, annotations={"number": str(number)}))
        self.registry = Registry(self.registry.driver, referrers=1)
        answer = self.ask("GET", f"referrers/{Digest.of(b'somebody')}?artifactType={quote(kind)}")
        self.assertEqual((answer.status, answer.all("X-Evil")), (200, []))
        found = re.match(r'<([!#-;=?-~]+)>; rel="next"\Z', answer.header("Link") or "")
        assert found is not None
        self.assertEqual(len(json.loads(self.ask("GET", found[1]).body)["manifests"]), 1)

    def test_forwarded(self) -> None:
        """Nor does what a proxy, or who says to be one, says of the host."""
        for name in ("Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"):
            for value in (
                'host="a\\\r\\\nX-Evil: yes"',
                "a X-Evil: yes",
                "a\tb",
                "javascript",
                "h\x85b",
                "a\\b",
            ):
                connection = self.registry.connect()
                head = f"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: h\r\n{name}: {value}\r\n\r\n"
                connection.send(head.encode("latin-1"))
                answer = connection.answer()
                self.assertEqual(answer.all("X-Evil"), [])
                target = answer.header("Location") or "/"
                self.assertRegex(target, r"\A(?:[a-z]+://[!-~]+)?/[!-~]*\Z")
                self.assertNotIn("\\", target)


# --- and in general ----------------------------------------------------------


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


class SlowLorisTests(SpecCase):
    """Clients that hold connections by being slow."""

    def trickled(self, connection: Connection, data: bytes, seconds: float) -> float:
        """Send a byte of *data* each second; when the registry had enough of it."""
        clock = self.registry.clock
        began: float = clock.seconds()
        for at in range(len(data)):
            if connection.closing or clock.seconds() - began > seconds:
                break
            connection.send(data[at : at + 1])
            clock.advance(1)
        self.assertTrue(connection.closing, "the registry waits for ever")
        connection.hang_up()
        self.assertEqual(clock.getDelayedCalls(), [])
        taken: float = clock.seconds() - began
        return taken

    def test_head(self) -> None:
        """A head that comes a byte a second is given up in its time, be it steady."""
        data = request_bytes("GET", "/v2/", [("X", "x" * 1000)])
        connection = self.registry.connect()
        self.assertLessEqual(self.trickled(connection, data, 1000), HEADER_TIMEOUT + 1)
        self.assertEqual(connection.answer().status, 408)

    def test_body(self) -> None:
        """So is a body, of a blob and of a manifest, with a length and in chunks."""
        blob = self.begin().removeprefix("http://registry.test")
        for path in (blob, f"/v2/{NAME}/manifests/latest"):
            framings = (
                (("Content-Length", "60000"), b"x"),
                (("Transfer-Encoding", "chunked"), b"1\r\nx\r\n"),
            )
            for framing, piece in framings:
                connection = self.registry.connect()
                connection.send(request_bytes("PUT", path, [("Content-Type", OCI_MANIFEST), framing]))
                seconds = self.trickled(connection, piece * 1000, 1000)
                self.assertLessEqual(seconds, IDLE_TIMEOUT + 2, path)
                self.assertEqual(self.registry.site.budget.held, 0)

    def test_silence(self) -> None:
        """One that connects, and says nothing, is sent away."""
        connection = self.registry.connect()
        self.registry.clock.pump([1.0] * int(IDLE_TIMEOUT + 1))
        self.assertTrue(connection.closing)
        connection.hang_up()
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])

    def test_others(self) -> None:
        """Meanwhile everybody else is served."""
        slow = [self.registry.connect() for _ in range(100)]
        for connection in slow:
            connection.send(
                request_bytes("PUT", f"/v2/{NAME}/manifests/x", [("Content-Length", "60000")]) + b"x"
            )
        self.push_image("latest")
        self.assertEqual(self.status("GET", "manifests/latest"), 200)
        for connection in slow:
            connection.hang_up()


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
