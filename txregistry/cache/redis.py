"""Descriptors remembered in Redis, for all instances, and for those of distribution."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from txregistry.cache import entries
from txregistry.cache.conversation import Reply, error_of
from txregistry.cache.link import RedisLink
from txregistry.errors import CacheFailed
from txregistry.interfaces import ICacheMeter, IDescriptorCache
from txregistry.model.digest import Descriptor, Digest
from txregistry.model.names import RepositoryName


@implementer(IDescriptorCache)
class RedisDescriptorCache:
    """
    What Redis remembers, asked over *link*.

    :param meter: hears how long answers take.  Distribution asks for the part of a repository and for that
        of the blob one after the other, and counts both; here they are one question, and take the same time.
    """

    def __init__(self, link: RedisLink, clock: IReactorTime, meter: ICacheMeter) -> None:
        self._link, self._clock, self._meter = link, clock, meter

    async def get(self, repository: RepositoryName, digest: Digest) -> Descriptor | None:
        """Ask Redis; no answer, or an error, is no knowledge."""
        began = self._clock.seconds()
        replies = await self._link.ask(entries.lookup(repository.text, str(digest)), entries.LOOKUP)
        self._took(began, "RepoStat", "Stat")
        error = error_of(replies)
        if error is not None:
            self._link.doubt(error)
            raise CacheFailed(f"Redis answers {error}")
        return entries.descriptor(digest, replies)

    async def set(self, repository: RepositoryName, digest: Digest, descriptor: Descriptor) -> None:
        """
        Tell Redis, and do not wait.

        Questions and answers keep their order, so that whoever asks next finds the entry, and whoever clears
        it next does so after it was written.
        """
        began = self._clock.seconds()
        written = self._link.tell(entries.write(repository.text, str(digest), descriptor), entries.WRITE)
        written.addCallback(self._wrote, began)

    async def forget(self, repository: RepositoryName, digest: Digest) -> None:
        """Have Redis forget, as soon as it can; until then nobody asks it."""
        await self._link.clear((repository, digest))

    def _wrote(self, replies: list[Reply] | None, began: float) -> None:
        if replies is not None:
            self._took(began, "RepoSetDescriptor", "SetDescriptor")

    def _took(self, began: float, *operations: str) -> None:
        seconds = self._clock.seconds() - began
        for operation in operations:
            self._meter.took(operation, seconds)
