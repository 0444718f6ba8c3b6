"""Tests for the cache in Redis."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.contracts.cache import DESCRIPTOR, DIGEST, HERE, THERE, DescriptorCacheContract
from tests.fakes.lines import lines
from tests.fakes.redis import FakeRedis
from tests.fakes.repository import Links, MemoryBlobs
from txregistry.cache.caching import CachingBlobs, Generations
from txregistry.cache.link import LONGEST_PAUSE, Login, RedisLink
from txregistry.cache.metering import Unmetered
from txregistry.cache.redis import RedisDescriptorCache
from txregistry.errors import BlobUnknown, CacheFailed, Unsupported
from txregistry.interfaces import ICacheMeter, IDescriptorCache


@implementer(ICacheMeter)
class NotingMeter:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def hit(self) -> None:
        self.heard.append("hit")

    def missed(self) -> None:
        self.heard.append("missed")

    def failed(self) -> None:
        self.heard.append("failed")

    def took(self, operation: str, seconds: float) -> None:
        self.heard.append(operation)


class RedisContractTests(DescriptorCacheContract, SynchronousTestCase):
    """The contract, with a Redis that works."""

    def make_cache(self) -> IDescriptorCache:
        clock = Clock()
        link = RedisLink(clock, FakeRedis(), Login(), 1.0)
        link.startService()
        self.addCleanup(link.stopService)
        return RedisDescriptorCache(link, clock, Unmetered())


class RedisDescriptorCacheTests(SynchronousTestCase):
    """What a failing Redis does to those who ask."""

    def setUp(self) -> None:
        self.clock, self.server, self.meter = Clock(), FakeRedis(), NotingMeter()
        self.link = RedisLink(self.clock, self.server, Login(), 1.0)
        self.link.startService()
        self.addCleanup(self.link.stopService)
        self.cache = RedisDescriptorCache(self.link, self.clock, self.meter)
        links: Links = {}
        self.blobs, self.others = MemoryBlobs(HERE, links), MemoryBlobs(THERE, links)
        generations = Generations()
        self.here = CachingBlobs(self.blobs, self.cache, HERE, generations, self.meter)
        self.there = CachingBlobs(self.others, self.cache, THERE, generations, self.meter)

    def test_meters(self) -> None:
        """Both meters keep the interface."""
        self.assertTrue(verifyObject(ICacheMeter, self.meter))
        self.assertTrue(verifyObject(ICacheMeter, Unmetered()))

    def test_counts(self) -> None:
        """A miss, a hit and a failure are told apart, and answers are timed under distribution's names."""
        descriptor = self.blobs.add(b"content")
        for _ in range(2):
            self.assertEqual(self.successResultOf(self.here.stat(descriptor.digest)), descriptor)
        self.server.stop()
        self.assertEqual(self.successResultOf(self.here.stat(descriptor.digest)), descriptor)
        reads, writes = ["RepoStat", "Stat"], ["RepoSetDescriptor", "SetDescriptor"]
        self.assertEqual(self.meter.heard, [*reads, "missed", *writes, *reads, "hit", "failed"])

    def test_failure_is_not_remembered(self) -> None:
        """What was asked of the storage because Redis failed is not written to it."""
        descriptor = self.blobs.add(b"content")
        self.server.refused["SISMEMBER"] = "LOADING Redis is loading the dataset in memory"
        self.assertEqual(self.successResultOf(self.here.stat(descriptor.digest)), descriptor)
        self.assertNotIn("SADD", self.server.log)
        self.assertEqual(self.blobs.stats, 1)

    def test_refused_question(self) -> None:
        """A Redis that refuses a question is asked no more; one line of the log says why."""
        for error in ("NOAUTH Authentication required.", "LOADING Redis is loading the dataset in memory"):
            self.server.refused["SISMEMBER"] = error
            with capturedLogs() as events:
                self.failureResultOf(self.cache.get(HERE, DIGEST), CacheFailed)
            self.assertFalse(self.link.usable)
            [(level, line)] = lines(events)
            self.assertEqual(level, "warn")
            self.assertTrue(line.endswith(f"Redis answers {error}"), line)
            self.server.refused.clear()
            self.clock.advance(LONGEST_PAUSE)
            self.assertTrue(self.link.usable)

    def test_unknown_stays_unknown(self) -> None:
        """Without Redis, a blob that does not exist is as unknown as ever."""
        self.server.stop()
        self.failureResultOf(self.here.stat(DIGEST), BlobUnknown)

    def test_wrong_type(self) -> None:
        """A key that somebody else used for something else is no reason to leave Redis."""
        self.server.data[b"repository::here::blobs"] = {b"a": b"b"}
        self.failureResultOf(self.cache.get(HERE, DIGEST), CacheFailed)
        self.successResultOf(self.cache.set(HERE, DIGEST, DESCRIPTOR))
        self.successResultOf(self.cache.forget(HERE, DIGEST))
        self.assertTrue(self.link.usable)

    def test_out_of_memory(self) -> None:
        """A Redis without memory still answers, and still forgets."""
        self.successResultOf(self.cache.set(HERE, DIGEST, DESCRIPTOR))
        for command in ("SADD", "HMSET", "HSETNX", "HSET"):
            self.server.refused[command] = "OOM command not allowed when used memory > 'maxmemory'."
        self.successResultOf(self.cache.set(THERE, DIGEST, DESCRIPTOR))
        self.assertTrue(self.link.usable)
        self.assertEqual(self.successResultOf(self.cache.get(HERE, DIGEST)), DESCRIPTOR)
        self.successResultOf(self.cache.forget(HERE, DIGEST))
        self.assertIsNone(self.successResultOf(self.cache.get(HERE, DIGEST)))

    def test_delete_without_redis(self) -> None:
        """A deletion succeeds without Redis, and Redis says nothing else when it is back."""
        descriptor = self.blobs.add(b"content")
        self.successResultOf(self.here.stat(descriptor.digest))
        self.server.stop()
        self.successResultOf(self.here.delete(descriptor.digest))
        self.server.down = False
        self.clock.advance(10)
        self.assertTrue(self.link.usable)
        self.failureResultOf(self.here.stat(descriptor.digest), BlobUnknown)
        self.assertEqual(self.meter.heard[-1], "missed")

    def test_refused_delete(self) -> None:
        """A deletion that is switched off costs no question, and leaves nothing to be told later."""
        descriptor = self.blobs.add(b"content")
        self.successResultOf(self.here.stat(descriptor.digest))
        self.blobs.delete_enabled = self.others.delete_enabled = False
        del self.server.log[:]
        for blobs in (self.here, self.there):
            self.failureResultOf(blobs.delete(descriptor.digest), Unsupported)
        self.assertEqual(self.server.log, [])
        self.assertEqual(self.successResultOf(self.cache.get(HERE, descriptor.digest)), descriptor)
        self.server.stop()
        self.failureResultOf(self.here.delete(descriptor.digest), Unsupported)
        self.assertEqual(self.link.used, 0)

    def test_unknown_elsewhere(self) -> None:
        """Who deletes or looks for what is not in a repository takes nothing from those that have it."""
        descriptor = self.blobs.add(b"content")
        self.successResultOf(self.here.stat(descriptor.digest))
        self.failureResultOf(self.there.delete(descriptor.digest), BlobUnknown)
        self.failureResultOf(self.there.look(descriptor.digest), BlobUnknown)
        self.assertEqual(self.successResultOf(self.cache.get(HERE, descriptor.digest)), descriptor)
        self.server.stop()
        self.failureResultOf(self.there.look(descriptor.digest), BlobUnknown)
        self.assertEqual(self.link.used, 0)

    def test_taken_away(self) -> None:
        """What others took from the storage is forgotten by whoever wants to delete it."""
        descriptor = self.blobs.add(b"content")
        self.successResultOf(self.here.stat(descriptor.digest))
        del self.blobs._links[HERE][descriptor.digest]
        self.failureResultOf(self.here.delete(descriptor.digest), BlobUnknown)
        self.failureResultOf(self.here.stat(descriptor.digest), BlobUnknown)

    def test_cve_2026_35172(self) -> None:
        """A blob deleted in one repository stays deleted there after another warms the cache."""
        descriptor = self.blobs.add(b"content")
        self.others.add(b"content")
        self.successResultOf(self.here.stat(descriptor.digest))
        self.successResultOf(self.here.delete(descriptor.digest))
        self.assertEqual(self.successResultOf(self.there.stat(descriptor.digest)), descriptor)
        self.failureResultOf(self.here.stat(descriptor.digest), BlobUnknown)

    def test_deleted_by_half(self) -> None:
        """What docker-registry 2.8 leaves of an entry that it deletes is no entry."""
        self.successResultOf(self.cache.set(HERE, DIGEST, DESCRIPTOR))
        del self.server.data[f"blobs::{DIGEST}".encode()]
        self.assertIsNone(self.successResultOf(self.cache.get(HERE, DIGEST)))
