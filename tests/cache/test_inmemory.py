"""Tests for the cache in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.cache import DescriptorCacheContract
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.interfaces import IDescriptorCache
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.names import RepositoryName

NAME = RepositoryName("here")
DESCRIPTORS = tuple(
    Descriptor(OCTET_STREAM, Digest.of(content), len(content)) for content in (b"a", b"bb", b"ccc", b"dddd")
)


class BoundedContractTests(DescriptorCacheContract, SynchronousTestCase):
    """The contract, with a bound."""

    def make_cache(self) -> IDescriptorCache:
        return InMemoryDescriptorCache(12)


class UnboundedContractTests(DescriptorCacheContract, SynchronousTestCase):
    """The contract, without a bound."""

    def make_cache(self) -> IDescriptorCache:
        return InMemoryDescriptorCache(0)


class InMemoryDescriptorCacheTests(SynchronousTestCase):
    """What goes when there are too many."""

    def test_others_forget_nothing(self) -> None:
        """What one repository forgets, another keeps."""
        cache, other = InMemoryDescriptorCache(), RepositoryName("there")
        self.fill(cache, DESCRIPTORS[0])
        self.successResultOf(cache.forget(other, DESCRIPTORS[0].digest))
        self.assertEqual(self.successResultOf(cache.get(NAME, DESCRIPTORS[0].digest)), DESCRIPTORS[0])

    def fill(self, cache: InMemoryDescriptorCache, *descriptors: Descriptor) -> None:
        for descriptor in descriptors:
            self.successResultOf(cache.set(NAME, descriptor.digest, descriptor))

    def kept(self, cache: InMemoryDescriptorCache) -> list[int]:
        """The sizes of the descriptors that are still known; each is asked for, in order."""
        return [
            descriptor.size
            for descriptor in DESCRIPTORS
            if self.successResultOf(cache.get(NAME, descriptor.digest)) is not None
        ]

    def test_oldest_goes(self) -> None:
        """Beyond its size, the cache forgets what was set first."""
        cache = InMemoryDescriptorCache(2)
        self.fill(cache, *DESCRIPTORS)
        self.assertEqual(self.kept(cache), [3, 4])

    def test_asking_keeps(self) -> None:
        """What was asked for since stays longer than what was not."""
        cache = InMemoryDescriptorCache(2)
        self.fill(cache, *DESCRIPTORS[:2])
        self.successResultOf(cache.get(NAME, DESCRIPTORS[0].digest))
        self.fill(cache, DESCRIPTORS[2])
        self.assertEqual(self.kept(cache), [1, 3])

    def test_setting_again_keeps(self) -> None:
        """Setting an entry again costs no room, and keeps it longer."""
        cache = InMemoryDescriptorCache(2)
        self.fill(cache, *DESCRIPTORS[:2], DESCRIPTORS[0], DESCRIPTORS[2])
        self.assertEqual(self.kept(cache), [1, 3])

    def test_unbounded(self) -> None:
        """A size of 0 or less bounds nothing."""
        for size in (0, -1):
            cache = InMemoryDescriptorCache(size)
            self.fill(cache, *DESCRIPTORS)
            self.assertEqual(self.kept(cache), [1, 2, 3, 4])
