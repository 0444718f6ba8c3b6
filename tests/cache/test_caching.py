"""Tests for the caching wrapper."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes.lines import lines
from tests.fakes.repository import Links, MemoryBlobs
from txregistry.cache.caching import FRESH, CachingBlobs, Generations
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.errors import BlobUnknown, CacheFailed, StorageError, Unsupported
from txregistry.interfaces import IBlobStore, IDescriptorCache
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.names import RepositoryName

NAME, OTHER = RepositoryName("here"), RepositoryName("there")


class SlowBlobs(proxyForInterface(IBlobStore, "_blobs")):  # type: ignore[misc]
    """Does its work at once and answers later: each call in :ivar:`pending` waits to be fired."""

    def __init__(self, blobs: IBlobStore) -> None:
        super().__init__(blobs)
        self.pending: list[Deferred[None]] = []

    async def _later(self) -> None:
        self.pending.append(Deferred())
        await self.pending[-1]

    async def stat(self, digest: Digest) -> Descriptor:
        descriptor: Descriptor = await self._blobs.stat(digest)
        await self._later()
        return descriptor

    async def look(self, digest: Digest) -> Descriptor:
        descriptor: Descriptor = await self._blobs.look(digest)
        await self._later()
        return descriptor

    async def link(self, descriptor: Descriptor) -> None:
        await self._blobs.link(descriptor)
        await self._later()

    async def mount(self, digest: Digest, source: RepositoryName) -> Descriptor:
        descriptor: Descriptor = await self._blobs.mount(digest, source)
        await self._later()
        return descriptor

    async def delete(self, digest: Digest) -> None:
        await self._later()
        await self._blobs.delete(digest)


class SlowCache(proxyForInterface(IDescriptorCache, "_cache")):  # type: ignore[misc]
    """Takes its time before it sets anything."""

    def __init__(self, cache: IDescriptorCache) -> None:
        super().__init__(cache)
        self.pending: list[Deferred[None]] = []

    async def set(self, repository: RepositoryName, digest: Digest, descriptor: Descriptor) -> None:
        self.pending.append(Deferred())
        await self.pending[-1]
        await self._cache.set(repository, digest, descriptor)


class WatchedCache(proxyForInterface(IDescriptorCache, "_cache")):  # type: ignore[misc]
    """
    Notes what it is to forget.

    :ivar away: it cannot be asked.
    """

    def __init__(self, cache: IDescriptorCache) -> None:
        super().__init__(cache)
        self.forgotten: list[tuple[RepositoryName, Digest]] = []
        self.away = False

    async def get(self, repository: RepositoryName, digest: Digest) -> Descriptor | None:
        if self.away:
            raise CacheFailed("away")
        descriptor: Descriptor | None = await self._cache.get(repository, digest)
        return descriptor

    async def forget(self, repository: RepositoryName, digest: Digest) -> None:
        self.forgotten.append((repository, digest))
        await self._cache.forget(repository, digest)


class CachingBlobsTests(SynchronousTestCase):
    """What is remembered, and what is not."""

    def setUp(self) -> None:
        links: Links = {}
        self.blobs, self.others = MemoryBlobs(NAME, links), MemoryBlobs(OTHER, links)
        self.cache, self.generations = InMemoryDescriptorCache(), Generations()
        self.caching = CachingBlobs(self.blobs, self.cache, NAME, self.generations)

    def remembered(self, digest: Digest, name: RepositoryName = NAME) -> Descriptor | None:
        descriptor: Descriptor | None = self.successResultOf(self.cache.get(name, digest))
        return descriptor

    def test_provides(self) -> None:
        """The wrapper provides what it wraps."""
        self.assertTrue(verifyObject(IBlobStore, self.caching))

    def test_asks_once(self) -> None:
        """The storage is asked the first time only."""
        descriptor = self.blobs.add(b"content")
        for _ in range(3):
            self.assertEqual(self.successResultOf(self.caching.stat(descriptor.digest)), descriptor)
        self.assertEqual(self.blobs.stats, 1)

    def test_absence_is_not_remembered(self) -> None:
        """What was missing is found as soon as it is there."""
        digest = Digest.of(b"content")
        self.failureResultOf(self.caching.stat(digest), BlobUnknown)
        descriptor = self.blobs.add(b"content")
        self.assertEqual(self.successResultOf(self.caching.stat(digest)), descriptor)

    def test_look(self) -> None:
        """A look asks the storage each time, and puts right what is remembered: what came, and what went."""
        descriptor = self.blobs.add(b"content")
        for _ in range(2):
            self.assertEqual(self.successResultOf(self.caching.look(descriptor.digest)), descriptor)
        self.assertEqual((self.blobs.stats, self.remembered(descriptor.digest)), (2, descriptor))
        del self.blobs._links[NAME][descriptor.digest]  # by somebody else
        self.failureResultOf(self.caching.look(descriptor.digest), BlobUnknown)
        self.failureResultOf(self.caching.stat(descriptor.digest), BlobUnknown)

    def test_alias(self) -> None:
        """A blob found by an alias is remembered by it, with its real digest."""
        alias = Digest.of(b"content", "sha512")
        descriptor = self.blobs.add(b"content")
        self.blobs._links[NAME][alias] = b"content"
        for _ in range(2):
            self.assertEqual(self.successResultOf(self.caching.stat(alias)), descriptor)
        self.assertEqual((self.blobs.stats, self.remembered(descriptor.digest)), (1, None))

    def test_link(self) -> None:
        """What was linked need not be asked for."""
        descriptor = self.others.add(b"content")
        self.successResultOf(self.caching.link(descriptor))
        self.assertEqual(self.successResultOf(self.caching.stat(descriptor.digest)), descriptor)
        self.assertEqual(self.blobs.stats, 0)

    def test_failed_link(self) -> None:
        """What could not be linked is not remembered."""
        descriptor = Descriptor(OCTET_STREAM, Digest.of(b"nowhere"), 7)
        self.failureResultOf(self.caching.link(descriptor), BlobUnknown)
        self.assertIsNone(self.remembered(descriptor.digest))

    def test_mount(self) -> None:
        """What was mounted need not be asked for; the source's entry is not touched."""
        descriptor = self.others.add(b"content")
        self.assertEqual(self.successResultOf(self.caching.mount(descriptor.digest, OTHER)), descriptor)
        self.assertEqual(self.remembered(descriptor.digest), descriptor)
        self.assertIsNone(self.remembered(descriptor.digest, OTHER))

    def test_mount_by_alias(self) -> None:
        """What was mounted by an alias is not remembered by it: the repository has no such link."""
        alias = Digest.of(b"content", "sha512")
        descriptor = self.others.add(b"content")
        self.others._links[OTHER][alias] = b"content"
        self.assertEqual(self.successResultOf(self.caching.mount(alias, OTHER)), descriptor)
        self.assertIsNone(self.remembered(alias))

    def test_failed_mount(self) -> None:
        """What could not be mounted is not remembered."""
        digest = Digest.of(b"nowhere")
        self.failureResultOf(self.caching.mount(digest, OTHER), BlobUnknown)
        self.assertIsNone(self.remembered(digest))

    def test_delete(self) -> None:
        """What was deleted is unknown at once."""
        descriptor = self.blobs.add(b"content")
        self.successResultOf(self.caching.stat(descriptor.digest))
        self.successResultOf(self.caching.delete(descriptor.digest))
        self.failureResultOf(self.caching.stat(descriptor.digest), BlobUnknown)

    def test_failed_delete(self) -> None:
        """A deletion that fails leaves nothing remembered either, and says so."""
        descriptor = Descriptor(OCTET_STREAM, Digest.of(b"gone"), 4)
        self.successResultOf(self.cache.set(NAME, descriptor.digest, descriptor))
        self.failureResultOf(self.caching.delete(descriptor.digest), BlobUnknown)
        self.assertIsNone(self.remembered(descriptor.digest))

    def watched(self) -> tuple[CachingBlobs, WatchedCache]:
        """A wrapper round the same blobs, and its cache."""
        cache = WatchedCache(self.cache)
        return CachingBlobs(self.blobs, cache, NAME, self.generations), cache

    def test_refused_delete(self) -> None:
        """A deletion that the storage refuses does not reach the cache: not even one that cannot be asked."""
        caching, cache = self.watched()
        descriptor = self.blobs.add(b"content")
        self.successResultOf(caching.stat(descriptor.digest))
        self.blobs.delete_enabled = False
        for cache.away in (False, True):
            for digest in (descriptor.digest, Digest.of(b"unknown")):
                self.failureResultOf(caching.delete(digest), Unsupported)
        self.assertEqual((cache.forgotten, self.remembered(descriptor.digest)), ([], descriptor))

    def test_unasked_delete(self) -> None:
        """A deletion that fails before the storage has decided changes nothing."""
        caching, cache = self.watched()

        async def fails(digest: Digest) -> Descriptor:
            raise StorageError("broken")

        self.patch(self.blobs, "deletable", fails)
        self.failureResultOf(caching.delete(Digest.of(b"content")), StorageError)
        self.assertEqual(cache.forgotten, [])

    def test_unknown(self) -> None:
        """What is neither stored nor remembered need not be forgotten."""
        caching, cache = self.watched()
        digest = Digest.of(b"unknown")
        self.failureResultOf(caching.delete(digest), BlobUnknown)
        self.failureResultOf(caching.look(digest), BlobUnknown)
        self.assertEqual(cache.forgotten, [])

    def test_unknown_in_doubt(self) -> None:
        """If the cache cannot tell, who may delete has it forget, and who only looks has not."""
        caching, cache = self.watched()
        cache.away = True
        digest = Digest.of(b"unknown")
        self.failureResultOf(caching.look(digest), BlobUnknown)
        self.assertEqual(cache.forgotten, [])
        self.failureResultOf(caching.delete(digest), BlobUnknown)
        self.assertEqual(cache.forgotten, [(NAME, digest)])

    def test_cve_2026_35172(self) -> None:
        """A blob deleted in one repository stays deleted there after another warms the cache."""
        descriptor = self.blobs.add(b"content")
        self.others.add(b"content")
        others = CachingBlobs(self.others, self.cache, OTHER, self.generations)
        self.successResultOf(self.caching.stat(descriptor.digest))
        self.successResultOf(self.caching.delete(descriptor.digest))
        self.assertEqual(self.successResultOf(others.stat(descriptor.digest)), descriptor)
        self.failureResultOf(self.caching.stat(descriptor.digest), BlobUnknown)


class CachingRaceTests(SynchronousTestCase):
    """Nothing that overlaps a deletion brings the deleted back."""

    def setUp(self) -> None:
        links: Links = {}
        self.blobs, self.others = MemoryBlobs(NAME, links), MemoryBlobs(OTHER, links)
        self.slow = SlowBlobs(self.blobs)
        self.cache, generations = InMemoryDescriptorCache(), Generations()
        # two wrappers, as two requests have
        self.first = CachingBlobs(self.slow, self.cache, NAME, generations)
        self.second = CachingBlobs(self.blobs, self.cache, NAME, generations)
        self.descriptor = self.others.add(b"content")
        self.digest = self.descriptor.digest

    def assertGone(self) -> None:
        """Neither the storage nor the cache has the blob."""
        self.failureResultOf(self.blobs.stat(self.digest), BlobUnknown)
        self.assertIsNone(self.successResultOf(self.cache.get(NAME, self.digest)))

    def test_stat_then_delete(self) -> None:
        """A question that began before a deletion does not remember after it."""
        self.blobs.add(b"content")
        asking = Deferred.fromCoroutine(self.first.stat(self.digest))
        self.successResultOf(self.second.delete(self.digest))
        self.slow.pending[0].callback(None)
        self.assertEqual(self.successResultOf(asking), self.descriptor)
        self.assertGone()

    def test_late(self) -> None:
        """What was seen long ago is not remembered: another instance may have deleted it since."""
        clock = Clock()
        generations = Generations(seconds=clock.seconds)
        first = CachingBlobs(self.slow, self.cache, NAME, generations)
        self.blobs.add(b"content")
        for late in (True, False):
            for work in (
                lambda: first.stat(self.digest),
                lambda: first.look(self.digest),
                lambda: first.link(self.descriptor),
                lambda: first.mount(self.digest, OTHER),
            ):
                doing: Deferred[Any] = Deferred.fromCoroutine(work())
                clock.advance(FRESH + 0.1 * late)
                self.slow.pending.pop().callback(None)
                self.successResultOf(doing)
                remembered = self.successResultOf(self.cache.get(NAME, self.digest))
                self.assertEqual(remembered, None if late else self.descriptor)
                self.successResultOf(self.cache.forget(NAME, self.digest))

    def test_look_then_delete(self) -> None:
        """The same with a question that is never answered from the cache."""
        self.blobs.add(b"content")
        looking = Deferred.fromCoroutine(self.first.look(self.digest))
        self.successResultOf(self.second.delete(self.digest))
        self.slow.pending[0].callback(None)
        self.assertEqual(self.successResultOf(looking), self.descriptor)
        self.assertGone()

    def test_stat_then_unknown(self) -> None:
        """Nor does one that began before a deletion which found that others were faster."""
        self.blobs.add(b"content")
        asking = Deferred.fromCoroutine(self.first.stat(self.digest))
        del self.blobs._links[NAME][self.digest]
        self.failureResultOf(self.second.delete(self.digest), BlobUnknown)
        self.slow.pending[0].callback(None)
        self.assertEqual(self.successResultOf(asking), self.descriptor)
        self.assertGone()

    def test_not_even_for_a_moment(self) -> None:
        """What a deletion overtook is not written to the cache at all."""
        self.blobs.add(b"content")
        cache, generations = SlowCache(self.cache), Generations()
        asking = Deferred.fromCoroutine(CachingBlobs(self.slow, cache, NAME, generations).stat(self.digest))
        self.successResultOf(CachingBlobs(self.blobs, cache, NAME, generations).delete(self.digest))
        self.slow.pending[0].callback(None)
        self.assertEqual(self.successResultOf(asking), self.descriptor)
        self.assertEqual(cache.pending, [])

    def test_asked_during_delete(self) -> None:
        """While a deletion runs, the cache has no answer, so that the storage is asked."""
        self.blobs.add(b"content")
        self.successResultOf(self.second.stat(self.digest))
        deleting = Deferred.fromCoroutine(self.first.delete(self.digest))
        self.assertIsNone(self.successResultOf(self.cache.get(NAME, self.digest)))
        self.slow.pending[0].callback(None)
        self.successResultOf(deleting)

    def test_link_then_delete(self) -> None:
        """A link that was made before a deletion is not remembered after it."""
        linking = Deferred.fromCoroutine(self.first.link(self.descriptor))
        self.successResultOf(self.second.delete(self.digest))
        self.slow.pending[0].callback(None)
        self.successResultOf(linking)
        self.assertGone()

    def test_mount_then_delete(self) -> None:
        """A mount that was made before a deletion is not remembered after it."""
        mounting = Deferred.fromCoroutine(self.first.mount(self.digest, OTHER))
        self.successResultOf(self.second.delete(self.digest))
        self.slow.pending[0].callback(None)
        self.successResultOf(mounting)
        self.assertGone()

    def test_stat_during_delete(self) -> None:
        """What was asked and remembered while a deletion ran is forgotten when it ends."""
        self.blobs.add(b"content")
        deleting = Deferred.fromCoroutine(self.first.delete(self.digest))
        self.assertEqual(self.successResultOf(self.second.stat(self.digest)), self.descriptor)
        self.assertNoResult(deleting)
        self.slow.pending[0].callback(None)
        self.successResultOf(deleting)
        self.assertGone()

    def test_stat_during_failing_delete(self) -> None:
        """So it is when the deletion fails: nobody knows how far it came."""
        self.blobs.add(b"content")
        deleting = Deferred.fromCoroutine(self.first.delete(self.digest))
        self.successResultOf(self.second.stat(self.digest))
        self.slow.pending[0].errback(StorageError("broken"))
        self.failureResultOf(deleting, StorageError)
        self.assertIsNone(self.successResultOf(self.cache.get(NAME, self.digest)))

    def test_slow_set(self) -> None:
        """A deletion that overtakes the writing of an entry still wins."""
        self.blobs.add(b"content")
        slow, generations = SlowCache(self.cache), Generations()
        caching = CachingBlobs(self.blobs, slow, NAME, generations)
        asking = Deferred.fromCoroutine(caching.stat(self.digest))
        self.successResultOf(caching.delete(self.digest))
        slow.pending[0].callback(None)
        self.successResultOf(asking)
        self.assertGone()

    def test_unrelated_delete(self) -> None:
        """With a counter of its own, a question about another blob is still remembered."""
        self.blobs.add(b"content")
        generations = Generations(1 << 16)
        first = CachingBlobs(self.slow, self.cache, NAME, generations)
        others = (self.blobs.add(b"other %d" % number).digest for number in range(100))
        other = next(
            digest
            for digest in others
            if hash((NAME, digest)) % (1 << 16) != hash((NAME, self.digest)) % (1 << 16)
        )
        asking = Deferred.fromCoroutine(first.stat(self.digest))
        self.successResultOf(CachingBlobs(self.blobs, self.cache, NAME, generations).delete(other))
        self.slow.pending[0].callback(None)
        self.successResultOf(asking)
        self.assertEqual(self.successResultOf(self.cache.get(NAME, self.digest)), self.descriptor)

    def test_cancelled_delete(self) -> None:
        """A deletion whose caller leaves goes on, and the cache forgets when it ends."""
        self.blobs.add(b"content")
        deleting = Deferred.fromCoroutine(self.first.delete(self.digest))
        deleting.cancel()
        self.failureResultOf(deleting, CancelledError)
        self.successResultOf(self.second.stat(self.digest))
        self.slow.pending[0].callback(None)
        self.assertGone()

    def left(self, error: Exception) -> list[tuple[str, str]]:
        """What the log has of a deletion that failed with *error* after its caller left."""
        self.blobs.add(b"content")
        deleting = Deferred.fromCoroutine(self.first.delete(self.digest))
        deleting.cancel()
        self.failureResultOf(deleting, CancelledError)
        with capturedLogs() as events:
            self.slow.pending.pop().errback(error)
        return lines(events)

    def test_cancelled_delete_fails(self) -> None:
        """When a deletion fails after its caller left, the log tells, unless there was nothing to delete."""
        text = "a deletion failed after its caller had left"
        self.assertEqual(self.left(StorageError("broken")), [("error", f"{text}: broken")])
        self.assertEqual(self.left(BlobUnknown(self.digest)), [])
        self.assertEqual(self.left(ZeroDivisionError()), [("error", f"{text} [ZeroDivisionError]")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
