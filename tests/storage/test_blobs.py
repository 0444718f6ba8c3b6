"""Tests for the blobs that all repositories share."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.storage.faulty import FaultyDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import (
    BlobUnknown,
    ContentTooLarge,
    ContentTruncated,
    PathNotFound,
    StorageError,
    StorageFull,
)
from txregistry.interfaces import IBlobEnumerator, IBlobStatter, IFileWriter, IStorageDriver
from txregistry.model.digest import ALGORITHMS, OCTET_STREAM, Descriptor, Digest
from txregistry.storage import layout
from txregistry.storage.blobs import SharedBlobs

CONTENT = b"some content"
DIGEST = Digest.of(CONTENT)
DESCRIPTOR = Descriptor(OCTET_STREAM, DIGEST, len(CONTENT))


class SlowDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """Stores nothing before it is told to."""

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.gates: list[Deferred[None]] = []

    async def put(self, path: str, content: bytes, durable: bool = True) -> None:
        gate: Deferred[None] = Deferred()
        self.gates.append(gate)
        await gate
        await self._driver.put(path, content, durable)


class SharedBlobsTests(SynchronousTestCase):
    """Storing once, and reading what is stored."""

    def setUp(self) -> None:
        self.driver = InMemoryDriver()
        self.blobs = SharedBlobs(self.driver)

    def writer(self, content: bytes) -> IFileWriter:
        """A writer that has written *content*."""
        self.successResultOf(self.driver.put("/brought", b""))
        writer: IFileWriter = self.successResultOf(self.driver.writer("/brought"))
        self.successResultOf(writer.write([content]))
        return writer

    def bring(self, content: bytes) -> None:
        """Let the blob be adopted."""
        self.successResultOf(self.blobs.adopt(DESCRIPTOR, self.writer(content)))

    def test_provides(self) -> None:
        """They can be asked for one and for all."""
        self.assertTrue(verifyObject(IBlobStatter, self.blobs))
        self.assertTrue(verifyObject(IBlobEnumerator, self.blobs))

    def test_put(self) -> None:
        """A blob is described, opened and read by its digest."""
        self.assertEqual(self.successResultOf(self.blobs.put(DIGEST, CONTENT)), DESCRIPTOR)
        self.assertEqual(self.successResultOf(self.blobs.stat(DIGEST)), DESCRIPTOR)
        self.assertEqual(self.successResultOf(self.blobs.get(DIGEST, len(CONTENT))), CONTENT)
        reader = self.successResultOf(self.blobs.open(DESCRIPTOR))
        self.assertEqual(self.successResultOf(reader.read(0, reader.size)), CONTENT)

    def test_unknown(self) -> None:
        """What is not stored is unknown to every question."""
        for question in (self.blobs.stat(DIGEST), self.blobs.get(DIGEST, 1), self.blobs.open(DESCRIPTOR)):
            self.failureResultOf(question, BlobUnknown)

    def test_too_large(self) -> None:
        """What is larger than wanted is not read."""
        self.successResultOf(self.blobs.put(DIGEST, CONTENT))
        self.failureResultOf(self.blobs.get(DIGEST, len(CONTENT) - 1), ContentTooLarge)

    def test_kept(self) -> None:
        """A blob that is there is not written again; what was brought for it is dropped."""
        path = layout.blob_data(DIGEST)
        self.successResultOf(self.blobs.put(DIGEST, CONTENT))
        before = self.successResultOf(self.driver.stat(path)).modified
        self.bring(CONTENT)
        self.successResultOf(self.blobs.put(DIGEST, CONTENT))
        self.assertEqual(self.successResultOf(self.driver.stat(path)).modified, before)
        self.failureResultOf(self.driver.stat("/brought"), PathNotFound)

    def test_adopted(self) -> None:
        """A new blob is moved, not copied."""
        self.bring(CONTENT)
        self.assertEqual(self.successResultOf(self.blobs.get(DIGEST, 100)), CONTENT)
        self.failureResultOf(self.driver.stat("/brought"), PathNotFound)

    def test_truncated_is_replaced(self) -> None:
        """A stored blob of the wrong size, left by a crash, gives way to a verified one."""
        for bring in (self.bring, lambda content: self.successResultOf(self.blobs.put(DIGEST, content))):
            self.successResultOf(self.driver.put(layout.blob_data(DIGEST), CONTENT[:5]))
            bring(CONTENT)
            self.assertEqual(self.successResultOf(self.blobs.get(DIGEST, 100)), CONTENT)

    def test_adopting_fails(self) -> None:
        """When nobody can tell whether the blob is there, what was brought stays, and can be had again."""
        driver = FaultyDriver(self.driver)
        driver.broken.add(("stat", "/blobs/"))
        writer = self.writer(CONTENT)
        self.failureResultOf(SharedBlobs(driver).adopt(DESCRIPTOR, writer), StorageFull)
        self.assertEqual(self.successResultOf(self.driver.writer("/brought")).size, len(CONTENT))

    def test_content_lost(self) -> None:
        """A file without content is not the blob that it should be, until somebody brings that again."""
        for digest in (DIGEST, Digest.of(CONTENT, "sha512")):
            descriptor = Descriptor(OCTET_STREAM, digest, len(CONTENT))
            self.successResultOf(self.driver.put(layout.blob_data(digest), b""))
            self.failureResultOf(self.blobs.stat(digest), BlobUnknown)
            self.failureResultOf(self.blobs.get(digest, 100), BlobUnknown)
            self.failureResultOf(self.blobs.open(descriptor), BlobUnknown)
            self.successResultOf(self.blobs.put(digest, CONTENT))
            self.assertEqual(self.successResultOf(self.blobs.stat(digest)), descriptor)

    def test_content_of_nothing(self) -> None:
        """The blob without content is one under any algorithm."""
        for algorithm in ALGORITHMS:
            empty = Digest.of(b"", algorithm)
            self.successResultOf(self.blobs.put(empty, b""))
            self.assertEqual(self.successResultOf(self.blobs.stat(empty)).size, 0)
            self.assertEqual(self.successResultOf(self.blobs.get(empty, 100)), b"")

    def test_open_other_size(self) -> None:
        """Content that is not as long as was promised is not opened."""
        self.successResultOf(self.driver.put(layout.blob_data(DIGEST), CONTENT[:5]))
        self.failureResultOf(self.blobs.open(DESCRIPTOR), ContentTruncated)
        self.successResultOf(self.driver.put(layout.blob_data(DIGEST), CONTENT + b"!"))
        self.failureResultOf(self.blobs.open(DESCRIPTOR), StorageError)

    def test_waits_for_the_first(self) -> None:
        """Who brings a blob that somebody else is just storing does not answer before it is stored."""
        slow = SlowDriver(self.driver)
        blobs = SharedBlobs(slow)
        first = Deferred.fromCoroutine(blobs.put(DIGEST, CONTENT))
        second = Deferred.fromCoroutine(blobs.put(DIGEST, CONTENT))
        self.assertNoResult(second)
        [gate] = slow.gates
        gate.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(len(slow.gates), 1)


class EnumerationTests(SynchronousTestCase):
    """Listing all blobs."""

    def setUp(self) -> None:
        self.driver = InMemoryDriver()
        self.blobs = SharedBlobs(self.driver)
        contents = [b"%d" % number for number in range(300)]
        for content in contents:
            self.successResultOf(self.blobs.put(Digest.of(content), content))
        self.known = sorted((Digest.of(content) for content in contents), key=str)

    def test_all(self) -> None:
        """All of one algorithm are listed in the order of their digests."""
        self.successResultOf(self.blobs.put(Digest.of(b"", "sha512"), b""))
        page = self.successResultOf(self.blobs.digests("sha256"))
        self.assertEqual((list(page.items), page.more), (self.known, False))
        page = self.successResultOf(self.blobs.digests("sha512"))
        self.assertEqual(page.items, (Digest.of(b"", "sha512"),))

    def test_pages(self) -> None:
        """Pages of any size visit each once, and the last says that it is the last."""
        for size in (1, 7, 299, 300, 301):
            seen: list[Digest] = []
            more = True
            while more:
                page = self.successResultOf(
                    self.blobs.digests("sha256", seen[-1].encoded if seen else "", size)
                )
                seen += page.items
                more = page.more
            self.assertEqual(seen, self.known)

    def test_behind_anything(self) -> None:
        """A listing may begin behind any text."""
        for after in ("0", "8", "80", "8f0", "zz", "~", "Z", "\0", "../.."):
            page = self.successResultOf(self.blobs.digests("sha256", after))
            self.assertEqual(list(page.items), [digest for digest in self.known if digest.encoded > after])

    def test_strangers(self) -> None:
        """What is no blob, or lies on the wrong shelf, is passed over."""
        stray = Digest.of(b"0")
        for path in (
            "/docker/registry/v2/blobs/sha256/zz/x/data",
            "/docker/registry/v2/blobs/sha256/00/short/data",
            f"/docker/registry/v2/blobs/sha256/00/{'1' * 64}/data",
            f"/docker/registry/v2/blobs/sha256/{stray.encoded[:2]}/{stray.encoded[:2]}{'0' * 62}/other",
        ):
            self.successResultOf(self.driver.put(path, b""))
        page = self.successResultOf(self.blobs.digests("sha256"))
        self.assertEqual(list(page.items), self.known)

    def test_nothing(self) -> None:
        """An empty storage has no blobs."""
        page = self.successResultOf(SharedBlobs(InMemoryDriver()).digests("sha256"))
        self.assertEqual((page.items, page.more), ((), False))
