"""
The wrapper that spares the storage most questions about which blobs exist.

Only what exists is remembered, and only for the repository that was asked,
so that nothing becomes visible where it is not linked.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure

from txregistry.aftermath import tell_failure
from txregistry.cache.metering import Unmetered
from txregistry.errors import BlobUnknown, CacheFailed
from txregistry.interfaces import IBlobStore, ICacheMeter, IDescriptorCache
from txregistry.model.digest import Descriptor, Digest
from txregistry.model.names import RepositoryName

#: Seconds from the first look at the storage within which what was seen may be remembered.
FRESH = 1.0
#: The number of a deletion, and a time.
Mark = tuple[int, float]


class Generations:
    """
    Counts deletions, so that whoever looked before one does not remember after it.

    One for each cache, shared by all wrappers.  Keys share a fixed number of
    counters; when two meet in one, something is not remembered that could be.

    Deletions by other instances are not counted.  They have the cache forget
    once more some time after, so that what was seen just before is gone, too;
    what was seen more than :data:`FRESH` seconds ago comes too late for that.

    :param seconds: tells the time, which goes on while the process does not.
    """

    def __init__(self, counters: int = 1024, seconds: Callable[[], float] = monotonic) -> None:
        self._counters, self._seconds = [0] * counters, seconds

    def mark(self, repository: RepositoryName, digest: Digest) -> Mark:
        """Note when somebody begins to look at the storage."""
        return self._counters[hash((repository, digest)) % len(self._counters)], self._seconds()

    def undisturbed(self, mark: Mark, repository: RepositoryName, digest: Digest) -> bool:
        """Whether no deletion began or ended since *mark*."""
        return self._counters[hash((repository, digest)) % len(self._counters)] == mark[0]

    def fresh(self, mark: Mark) -> bool:
        """Whether what was seen since *mark* may still be remembered."""
        return self._seconds() - mark[1] <= FRESH

    def advance(self, repository: RepositoryName, digest: Digest) -> None:
        """Say that a deletion begins or has ended."""
        self._counters[hash((repository, digest)) % len(self._counters)] += 1


class CachingBlobs(proxyForInterface(IBlobStore, "_blobs")):  # type: ignore[misc]
    """
    Answer :meth:`stat` from a cache where it can.

    The cache is written after the storage, and told before and after a
    deletion, unless the storage refuses it: then nothing is deleted, and what
    the cache remembers, of other repositories too, is as true as before.  A
    deletion goes on to its end even if its caller is cancelled: nobody else
    would make the cache forget.

    A cache that fails costs its help, and nothing else: the storage is asked,
    and its answer is not remembered, since nobody knows what the cache holds.

    :param generations: shared by all wrappers that share *cache*.
    :param meter: hears how the cache does.
    """

    _log = Logger()

    def __init__(
        self,
        blobs: IBlobStore,
        cache: IDescriptorCache,
        name: RepositoryName,
        generations: Generations,
        meter: ICacheMeter | None = None,
    ) -> None:
        super().__init__(blobs)
        self._cache, self._name, self._generations = cache, name, generations
        self._meter: ICacheMeter = Unmetered() if meter is None else meter

    async def stat(self, digest: Digest) -> Descriptor:
        """From the cache, or else from the storage; remembered under the digest that was asked for."""
        mark = self._generations.mark(self._name, digest)
        descriptor: Descriptor
        try:
            remembered = await self._cache.get(self._name, digest)
        except CacheFailed:
            self._meter.failed()
            descriptor = await self._blobs.stat(digest)
            return descriptor
        if remembered is not None:
            self._meter.hit()
            return remembered
        self._meter.missed()
        descriptor = await self._blobs.stat(digest)
        await self._remember(digest, descriptor, mark)
        return descriptor

    async def look(self, digest: Digest) -> Descriptor:
        """From the storage; what others took away there is forgotten."""
        mark = self._generations.mark(self._name, digest)
        try:
            descriptor: Descriptor = await self._blobs.look(digest)
        except BlobUnknown:
            await self._correct(digest)
            raise
        await self._remember(digest, descriptor, mark)
        return descriptor

    async def link(self, descriptor: Descriptor) -> None:
        """Make content visible, and remember that it is."""
        mark = self._generations.mark(self._name, descriptor.digest)
        await self._blobs.link(descriptor)
        await self._remember(descriptor.digest, descriptor, mark)

    async def mount(self, digest: Digest, source: RepositoryName) -> Descriptor:
        """Make another repository's blob visible, and remember it under the digest that it is stored as."""
        mark = self._generations.mark(self._name, digest)
        descriptor: Descriptor = await self._blobs.mount(digest, source)
        if descriptor.digest == digest:
            await self._remember(digest, descriptor, mark)
        return descriptor

    async def delete(self, digest: Digest) -> None:
        """Make a blob invisible, here and in the cache."""
        await self._to_the_end(self._delete(digest))

    async def _delete(self, digest: Digest) -> None:
        try:
            await self._blobs.deletable(digest)
        except BlobUnknown:
            # Who asks once more, not having had an answer, may know better than a cache that cannot tell.
            self._generations.advance(self._name, digest)
            await self._correct(digest, in_doubt=True)
            raise
        await self._forget(digest)
        try:
            await self._blobs.delete(digest)
        finally:
            await self._forget(digest)

    async def _forget(self, digest: Digest) -> None:
        self._generations.advance(self._name, digest)
        await self._cache.forget(self._name, digest)

    async def _correct(self, digest: Digest, in_doubt: bool = False) -> None:
        """
        Forget what the storage does not have, if it is remembered.

        Most often it is not.  To have the cache forget it all the same would
        cost what other repositories' entries share with it, and, while the cache is
        away, a place among what it is to forget: anybody could ask for that.

        :param in_doubt: forget it, too, if the cache cannot tell.
        """
        try:
            if await self._cache.get(self._name, digest) is None:
                return
        except CacheFailed:
            if not in_doubt:
                return
        await self._cache.forget(self._name, digest)

    async def _remember(self, digest: Digest, descriptor: Descriptor, mark: Mark) -> None:
        """Remember what was seen since *mark*, if no deletion came between, and it is not long ago."""
        generations = self._generations
        if not generations.undisturbed(mark, self._name, digest) or not generations.fresh(mark):
            return
        await self._cache.set(self._name, digest, descriptor)
        if not generations.undisturbed(mark, self._name, digest):
            await self._cache.forget(self._name, digest)

    def _to_the_end(self, work: Coroutine[Deferred[Any], Any, None]) -> Deferred[None]:
        """Do *work* whether or not somebody still waits for the answer."""
        answer: Deferred[None] = Deferred()

        def failed(failure: Failure) -> None:
            if answer.called:
                tell_failure(self._log, "a deletion failed after its caller had left", failure)
            else:
                answer.errback(failure)

        Deferred.fromCoroutine(work).addCallbacks(answer.callback, failed)
        return answer
