"""Descriptors remembered in this process's memory."""

from __future__ import annotations

from collections import OrderedDict

from zope.interface import implementer

from txregistry.interfaces import IDescriptorCache
from txregistry.model.digest import Descriptor, Digest
from txregistry.model.names import RepositoryName


@implementer(IDescriptorCache)
class InMemoryDescriptorCache:
    """
    The descriptors that were used last.

    :param size: how many to keep; 0 or less for as many as come.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._entries: OrderedDict[tuple[RepositoryName, Digest], Descriptor] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._entries)

    async def get(self, repository: RepositoryName, digest: Digest) -> Descriptor | None:
        """What was remembered; being asked for keeps it longer."""
        descriptor = self._entries.get((repository, digest))
        if descriptor is not None:
            self._entries.move_to_end((repository, digest))
        return descriptor

    async def set(self, repository: RepositoryName, digest: Digest, descriptor: Descriptor) -> None:
        """Remember *descriptor*, and forget the one that nobody used for longest if there are too many."""
        self._entries[repository, digest] = descriptor
        self._entries.move_to_end((repository, digest))
        if 0 < self._size < len(self._entries):
            self._entries.popitem(last=False)

    async def forget(self, repository: RepositoryName, digest: Digest) -> None:
        """Forget at once."""
        self._entries.pop((repository, digest), None)
