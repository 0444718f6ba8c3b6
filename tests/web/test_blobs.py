"""Blobs, as clients pull and delete them."""

from __future__ import annotations

from email import message_from_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.fakes.failing import FailingDriver
from tests.fakes.lines import lines
from tests.web.registry import API_VERSION, EMPTY_LENGTH, OCTETS, Registry, expect
from tests.web.wire import Answer, request_bytes
from txregistry.cache.caching import CachingBlobs, Generations
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IBlobStore, IDescriptorCache, IStorageDriver
from txregistry.model.digest import EMPTY, Descriptor, Digest
from txregistry.model.names import RepositoryName
from txregistry.model.ranges import RANGE_LIMIT
from txregistry.storage.namespace import Rules

CONTENT = bytes(range(256)) * 40
DIGEST = Digest.of(CONTENT)
PATH = f"/v2/a/blobs/{DIGEST}"
UNKNOWN = Digest.of(b"nobody has this")
NAMED = (
    ("Accept-Ranges", "bytes"),
    ("Cache-Control", "max-age=31536000"),
    ("Docker-Content-Digest", str(DIGEST)),
    ("Etag", f'"{DIGEST}"'),
)


class BlobCase(SynchronousTestCase):
    """A registry with one blob."""

    def setUp(self) -> None:
        self.registry = Registry()
        self.registry.push_blob("a", CONTENT)

    def get(self, *headers: tuple[str, str], method: str = "GET", path: str = PATH) -> Answer:
        return self.registry.ask(method, path, headers)


class GetTests(BlobCase):
    """GET and HEAD."""

    def test_whole(self) -> None:
        """The blob, with everything that a client wants to know of it."""
        answer = self.get()
        self.assertEqual((answer.status, answer.body), (200, CONTENT))
        for header in (*NAMED, OCTETS, API_VERSION, ("Content-Length", str(len(CONTENT)))):
            self.assertIn(header, answer.headers)

    def test_head(self) -> None:
        """HEAD has the same headers, the length included, and no body."""
        get, head = self.get(), self.get(method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        ignored = ("Date",)
        self.assertEqual(
            [pair for pair in head.headers if pair[0] not in ignored],
            [pair for pair in get.headers if pair[0] not in ignored],
        )

    def test_empty(self) -> None:
        """A blob of no bytes is one, whatever range of it is asked for."""
        self.registry.push_blob("a", b"")
        for headers in ((), (("Range", "bytes=0-"),)):
            answer = self.get(*headers, path=f"/v2/a/blobs/{EMPTY}")
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assertIn(EMPTY_LENGTH, answer.headers)

    def test_not_encoded(self) -> None:
        """Blobs are never compressed on the way, whatever the client takes."""
        answer = self.get(("Accept-Encoding", "gzip, zstd, deflate"))
        self.assertEqual((answer.body, answer.header("Content-Encoding")), (CONTENT, None))

    def test_unknown(self) -> None:
        """What a repository does not have is unknown there, though another has it."""
        for path, digest in ((f"/v2/a/blobs/{UNKNOWN}", UNKNOWN), (f"/v2/b/blobs/{DIGEST}", DIGEST)):
            answer = self.get(path=path)
            self.assertEqual((answer.status, answer.codes()), (404, ["BLOB_UNKNOWN"]))
            self.assertEqual(answer.json()["errors"][0]["detail"], str(digest))
            head = self.get(method="HEAD", path=path)
            self.assertEqual((head.status, head.body), (404, b""))

    def test_invalid_digest(self) -> None:
        """What is no digest is said to be none."""
        for text in (
            "sha256:abc",
            f"sha256:{DIGEST.encoded.upper()}",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "sha256:",
            ":",
            "latest",
            f"sha512:{DIGEST.encoded}",
        ):
            answer = self.get(path=f"/v2/a/blobs/{text}")
            self.assertEqual((answer.status, answer.codes()), (400, ["DIGEST_INVALID"]), text)

    def test_redirect(self) -> None:
        """A driver that can be asked directly is, if the configuration allows; only for blobs that exist."""

        class Redirecting(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
            async def redirect_url(self, path: str, method: str) -> str | None:
                return f"https://storage.test{path}?method={method}"

        registry = Registry(Redirecting(InMemoryDriver()))
        registry.push_blob("a", CONTENT)
        for method in ("GET", "HEAD"):
            answer = registry.ask(method, PATH)
            self.assertEqual(answer.status, 307)
            self.assertRegex(answer.header("Location") or "", rf"^https://storage\.test/.*\?method={method}$")
            self.assertIsNone(answer.header("Docker-Content-Digest"))
        self.assertEqual(registry.ask("GET", f"/v2/a/blobs/{UNKNOWN}").status, 404)
        registry = Registry(Redirecting(InMemoryDriver()), rules=Rules(redirect_enabled=False))
        registry.push_blob("a", CONTENT)
        self.assertEqual(registry.ask("GET", PATH).body, CONTENT)

    def test_odd_redirects(self) -> None:
        """Nobody is sent to what a browser may take for another host than the driver meant, or is no URL."""

        class Redirecting(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
            url = ""

            async def redirect_url(self, path: str, method: str) -> str | None:
                return self.url

        driver = Redirecting(InMemoryDriver())
        registry = Registry(driver)
        registry.push_blob("a", CONTENT)
        for url in (
            "",
            "/a",
            "//evil.test/a",
            "\\\\evil.test/a",
            "https:\\\\evil.test/a",
            "https://storage.test\\@evil.test/",
            "https://storage.test/a b",
            "https://storage.test/\r\nX-A: b",
            "https://storage.test/é",
            "ftp://storage.test/",
            "javascript:alert(1)",
        ):
            driver.url = url
            answer = registry.ask("GET", PATH)
            self.assertEqual((answer.status, answer.header("Location")), (500, None), url)
        driver.url = "HTTPS://storage.test:8443/a%5Cb?c=d;e&f=~"
        self.assertEqual(registry.ask("GET", PATH).header("Location"), driver.url)


class ConditionTests(BlobCase):
    """Conditional requests."""

    def test_none_match(self) -> None:
        """A client that has the blob is told so, without a body or its length."""
        for value in (f'"{DIGEST}"', "*", f'"x", "{DIGEST}"', f'W/"{DIGEST}"'):
            for method in ("GET", "HEAD"):
                answer = self.get(("If-None-Match", value), method=method)
                self.assertEqual((answer.status, answer.body), (304, b""), value)
                self.assertIn(("Etag", f'"{DIGEST}"'), answer.headers)
                self.assertIn(("Docker-Content-Digest", str(DIGEST)), answer.headers)
                self.assertIsNone(answer.header("Content-Type"))
        for value in (str(DIGEST), '"x"'):
            self.assertEqual(self.get(("If-None-Match", value)).status, 200, value)

    def test_match(self) -> None:
        """One that wants this very blob gets it; one that wants another does not."""
        self.assertEqual(self.get(("If-Match", f'"{DIGEST}"')).status, 200)
        self.assertEqual(self.get(("If-Match", "*")).status, 200)
        answer = self.get(("If-Match", '"another"'))
        self.assertEqual((answer.status, len(answer.codes())), (412, 1))

    def test_lines(self) -> None:
        """Several header lines count as one list."""
        answer = self.get(("If-None-Match", '"x"'), ("If-None-Match", f'"{DIGEST}"'))
        self.assertEqual(answer.status, 304)

    def test_if_range(self) -> None:
        """A range counts only for the blob that the client began with."""
        for value, status in ((f'"{DIGEST}"', 206), ('"another"', 200), (f'W/"{DIGEST}"', 200)):
            self.assertEqual(self.get(("If-Range", value), ("Range", "bytes=0-5")).status, status)

    def test_keeps_the_connection(self) -> None:
        """A client can go on after a 304."""
        connection = self.registry.connect()
        condition = [("If-None-Match", f'"{DIGEST}"')]
        connection.send(request_bytes("GET", PATH, condition) + request_bytes("GET", PATH))
        self.assertEqual([answer.status for answer in connection.answers()], [304, 200])


class RangeTests(BlobCase):
    """Parts of a blob."""

    def test_one(self) -> None:
        """One range is the answer's body."""
        last = len(CONTENT) - 1
        for header, start, end in (
            ("bytes=0-0", 0, 0),
            ("bytes=5-9", 5, 9),
            (f"bytes={last}-", last, last),
            ("bytes=100-", 100, last),
            ("bytes=-7", last - 6, last),
            ("bytes=0-999999999999", 0, last),
            (f"bytes=-{10 * last}", 0, last),
        ):
            for method in ("GET", "HEAD"):
                answer = self.get(("Range", header), method=method)
                self.assertEqual(answer.status, 206, header)
                self.assertEqual(answer.header("Content-Range"), f"bytes {start}-{end}/{len(CONTENT)}")
                self.assertEqual(answer.header("Content-Length"), str(end - start + 1))
                self.assertEqual(answer.body, CONTENT[start : end + 1] if method == "GET" else b"")
                for pair in (*NAMED, OCTETS):
                    self.assertIn(pair, answer.headers)

    def test_several(self) -> None:
        """Several are a multipart body, whose length is announced exactly."""
        answer = self.get(("Range", "bytes=0-4, 100-199,-1"))
        self.assertEqual(answer.status, 206)
        self.assertIsNone(answer.header("Content-Range"))
        kind = answer.header("Content-Type") or ""
        self.assertRegex(kind, r"\Amultipart/byteranges; boundary=[A-Za-z0-9:-]+\Z")
        message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + answer.body)
        parts = [
            (part["Content-Range"], part["Content-Type"], part.get_payload(decode=True))
            for part in message.walk()
            if not part.is_multipart()
        ]
        size = len(CONTENT)
        self.assertEqual(
            parts,
            [
                (f"bytes 0-4/{size}", OCTETS[1], CONTENT[:5]),
                (f"bytes 100-199/{size}", OCTETS[1], CONTENT[100:200]),
                (f"bytes {size - 1}-{size - 1}/{size}", OCTETS[1], CONTENT[-1:]),
            ],
        )
        head = self.get(("Range", "bytes=0-4, 100-199,-1"), method="HEAD")
        self.assertEqual(head.header("Content-Length"), str(len(answer.body)))

    def test_unsatisfiable(self) -> None:
        """A range outside of the blob is a 416 that says how long the blob is, in its own length."""
        for method in ("GET", "HEAD"):
            answer = self.get(("Range", f"bytes={len(CONTENT)}-"), method=method)
            self.assertEqual(answer.status, 416)
            self.assertEqual(answer.header("Content-Range"), f"bytes */{len(CONTENT)}")
            self.assertLess(int(answer.header("Content-Length") or "0"), 1000)

    def test_malformed(self) -> None:
        """What is no range is a 416 without that."""
        for header in ("bytes=a-b", "bytes=5-4", "bytes=--1", "bytes"):
            answer = self.get(("Range", header))
            self.assertEqual((answer.status, answer.header("Content-Range")), (416, None), header)

    def test_other_units(self) -> None:
        """Units that nobody knows are ignored."""
        self.assertEqual(self.get(("Range", "pages=1-2")).body, CONTENT)

    def test_too_many(self) -> None:
        """Absurdly many ranges are refused."""
        header = "bytes=" + ",".join(["0-0"] * (RANGE_LIMIT + 1))
        self.assertEqual(self.get(("Range", header)).status, 400)
        header = "bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(RANGE_LIMIT))
        self.assertEqual(self.get(("Range", header)).status, 206)

    @settings(max_examples=50)
    @given(st.integers(0, len(CONTENT) - 1), st.integers(0, 2 * len(CONTENT)))
    def test_any(self, start: int, length: int) -> None:
        """Any range is the slice."""
        answer = self.get(("Range", f"bytes={start}-{start + length}"))
        self.assertEqual(answer.body, CONTENT[start : start + length + 1])


class DeleteTests(BlobCase):
    """DELETE."""

    def test_deleted(self) -> None:
        """The blob is gone from its repository, and only there."""
        self.registry.push_blob("b", CONTENT)
        answer = self.get(method="DELETE")
        self.assertEqual((answer.status, answer.body), (202, b""))
        self.assertIn(EMPTY_LENGTH, answer.headers)
        self.assertEqual(self.get().status, 404)
        self.assertEqual(self.get(path=f"/v2/b/blobs/{DIGEST}").status, 200)
        again = self.get(method="DELETE")
        self.assertEqual((again.status, again.codes()), (404, ["BLOB_UNKNOWN"]))
        self.assertNotIn(b"detail", again.body)

    def test_switched_off(self) -> None:
        """Where deletion is off, it is off."""
        registry = Registry(rules=Rules(delete_enabled=False))
        registry.push_blob("a", CONTENT)
        answer = registry.ask("DELETE", PATH)
        self.assertEqual((answer.status, answer.codes()), (405, ["UNSUPPORTED"]))
        self.assertEqual(registry.ask("GET", PATH).status, 200)


@implementer(IDescriptorCache)
class SlowCacheTests(SynchronousTestCase):
    """Deletions behind a cache that takes its time."""

    def setUp(self) -> None:
        self.waiting: list[Deferred[None]] = []
        self.asked = InMemoryDescriptorCache()
        self.generations = Generations()

    async def get(self, name: RepositoryName, digest: Digest) -> Descriptor | None:
        await self._turn()
        return await self.asked.get(name, digest)

    async def set(self, name: RepositoryName, digest: Digest, descriptor: Descriptor) -> None:
        await self.asked.set(name, digest, descriptor)

    async def forget(self, name: RepositoryName, digest: Digest) -> None:
        await self._turn()
        await self.asked.forget(name, digest)

    async def _turn(self) -> None:
        self.waiting.append(Deferred())
        await self.waiting[-1]

    def wrapped(self, name: RepositoryName, blobs: IBlobStore) -> IBlobStore:
        cached: IBlobStore = CachingBlobs(blobs, self, name, self.generations)
        return cached

    def test_client_left(self) -> None:
        """A client that leaves during the DELETE of what is not there leaves no line in the log."""
        registry = Registry(rules=Rules(delete_enabled=True), wrap_blobs=self.wrapped)
        connection = registry.connect()
        connection.send(request_bytes("DELETE", f"/v2/a/blobs/{EMPTY}"))
        self.assertEqual(len(self.waiting), 1)
        connection.hang_up()
        with capturedLogs() as events:
            for each in self.waiting:
                each.callback(None)
        self.assertEqual(lines(events), [])

    def test_refused(self) -> None:
        """Where deletion is off, nobody waits for the cache to hear so."""
        registry = Registry(rules=Rules(delete_enabled=False), wrap_blobs=self.wrapped)
        digest = registry.push_blob("a", CONTENT)
        self.assertEqual(registry.ask("DELETE", f"/v2/a/blobs/{digest}").status, 405)
        self.assertEqual((self.waiting, len(self.asked)), ([], 1))


class ReaderTests(SynchronousTestCase):
    """What becomes of the reader behind an answer."""

    def setUp(self) -> None:
        self.driver = FailingDriver(InMemoryDriver())
        self.registry = Registry(self.driver)

    def test_closed(self) -> None:
        """It is closed after whatever was answered."""
        for name in ("a", "Example.COM/a"):  # names with capitals go by another way
            self.registry.push_blob(name, CONTENT)
            for headers in ((), (("Range", "bytes=1-5"),), (("Range", "bytes=1-5,7-9"),)):
                for method in ("GET", "HEAD"):
                    expect_some = self.registry.ask(method, f"/v2/{name}/blobs/{DIGEST}", headers)
                    self.assertIn(expect_some.status, (200, 206))
                    self.assertEqual(self.driver.open_readers, 0)

    def test_hang_up(self) -> None:
        """It is closed when the client leaves in the middle, and nobody calls that an error."""
        for name in ("a", "Example.COM/a"):
            content = CONTENT * 200
            digest = self.registry.push_blob(name, content)
            connection = self.registry.connect()
            channel = connection.channel
            # As the transport does it when its buffer is full.
            self.patch(channel, "write", lambda data, channel=channel: channel.pauseProducing())
            connection.send(request_bytes("GET", f"/v2/{name}/blobs/{digest}"))
            self.assertEqual(self.driver.open_readers, 1)
            connection.hang_up()
            self.assertEqual(self.driver.open_readers, 0)
            self.assertEqual(self.flushLoggedErrors(), [])
            self.assertEqual(self.registry.clock.getDelayedCalls(), [])
        self.assertIn('" 200 ', self.registry.access[-1])

    def test_truncated(self) -> None:
        """Content that ends too early cuts the answer off; it is said to the log, not to the client."""
        for name in ("a", "Example.COM/a"):
            content = CONTENT * 200
            digest = self.registry.push_blob(name, content)
            [path] = [
                path for path in self.driver._driver._contents if path.endswith(f"{digest.encoded}/data")
            ]
            self.driver.truncated[path] = len(content) - 5
            connection = self.registry.connect()
            connection.send(request_bytes("GET", f"/v2/{name}/blobs/{digest}") * 2)
            self.assertTrue(connection.wire.aborted)
            self.assertLess(len(connection.received()), len(content))
            self.assertEqual(connection.received().count(b"HTTP/1.1 "), 1)
            self.assertEqual(self.driver.open_readers, 0)
            connection.hang_up()
            self.driver.truncated.clear()

    def test_vanished(self) -> None:
        """Content that is gone before the answer begins is a clean error."""
        self.registry.push_blob("a", CONTENT)
        self.driver.failing.add("open")
        answer = self.registry.ask("GET", PATH)
        self.assertEqual((answer.status, answer.codes()), (500, ["UNKNOWN"]))
        self.assertNotIn(b"inmemory", answer.body)
        expect(self.registry.ask("HEAD", PATH), 200)
