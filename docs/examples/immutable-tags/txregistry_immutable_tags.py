"""
A repository middleware for txregistry: a tag that exists is neither moved nor removed.

An example of a plug-in, small but whole: options with their faults, state that all requests share, and
wrappers that change a few methods and leave the others alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase
from weakref import WeakValueDictionary

from attrs import frozen
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger
from twisted.plugin import IPlugin
from twisted.python.components import proxyForInterface
from zope.interface import implementer

from txregistry.errors import BadOption, ManifestDenied, TagUnknown, Unsupported
from txregistry.interfaces import (
    Caller,
    IManifestService,
    IRepository,
    IRepositoryMiddleware,
    IRepositoryMiddlewareFactory,
    ITagService,
    MiddlewareMeans,
)
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import Tag


@frozen
class ImmutableTagsOptions:
    """Tags that match one of the patterns *movable* may be moved and removed, like any tag without this."""

    movable: tuple[str, ...] = ()


@implementer(IPlugin, IRepositoryMiddlewareFactory)
class ImmutableTagsFactory:
    """What a configuration chooses by ``name: immutabletags``."""

    name = "immutabletags"

    def read_options(self, options: Mapping[str, object]) -> ImmutableTagsOptions:
        """Read ``movable``, a list of patterns as the shell knows them."""
        movable = options.get("movable")
        if movable is None:
            return ImmutableTagsOptions()
        if not isinstance(movable, list) or not all(isinstance(pattern, str) for pattern in movable):
            raise BadOption("movable", "must be a list of patterns such as [latest, 'nightly-*']")
        return ImmutableTagsOptions(tuple(movable))

    def build(self, options: ImmutableTagsOptions, means: MiddlewareMeans) -> IRepositoryMiddleware:
        """One for all requests."""
        return ImmutableTags(options.movable)


@implementer(IRepositoryMiddleware)
class ImmutableTags:
    """
    Keeps tags where they are, of all repositories.

    Of two clients that push a new tag at the same time, the first one wins; that holds within one process.

    :param movable: patterns of tags that are left alone.
    """

    def __init__(self, movable: Sequence[str]) -> None:
        self._movable = movable
        self._locks: WeakValueDictionary[str, DeferredLock] = WeakValueDictionary()

    def wrap(self, inner: IRepository, caller: Caller) -> IRepository:
        """Watch over *inner* for *caller*."""
        repository: IRepository = _Repository(inner, self, caller)
        return repository

    def stays(self, tag: Tag) -> bool:
        """Whether *tag*, once there, must stay."""
        return not any(fnmatchcase(str(tag), pattern) for pattern in self._movable)

    def lock(self, name: str, tag: Tag) -> DeferredLock:
        """Held by whoever gives *tag*, of the repository *name*, its place."""
        return self._locks.setdefault(f"{name}:{tag}", DeferredLock())


class _Repository(proxyForInterface(IRepository, "_inner")):  # type: ignore[misc]
    def __init__(self, inner: IRepository, rule: ImmutableTags, caller: Caller) -> None:
        super().__init__(inner)
        self._rule, self._caller = rule, caller

    @property
    def manifests(self) -> IManifestService:
        manifests: IManifestService = _Manifests(self._inner, self._rule, self._caller)
        return manifests

    @property
    def tags(self) -> ITagService:
        tags: ITagService = _Tags(self._inner.tags, self._rule)
        return tags


class _Manifests(proxyForInterface(IManifestService, "_manifests")):  # type: ignore[misc]
    _log = Logger()

    def __init__(self, repository: IRepository, rule: ImmutableTags, caller: Caller) -> None:
        super().__init__(repository.manifests)
        self._name, self._tags = str(repository.name), repository.tags
        self._rule, self._caller = rule, caller

    async def put(self, manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        """Refuse it before anything is stored if one of *tags* would move."""
        async with AsyncExitStack() as held:
            for tag in sorted(set(tags), key=str):  # all in the same order, so that none wait in a circle
                if self._rule.stays(tag):
                    lock = self._rule.lock(self._name, tag)
                    await lock.acquire()
                    held.callback(lock.release)
                    await self._check(tag, manifest.digest)
            await self._manifests.put(manifest, tags)

    async def delete(self, digest: Digest) -> None:
        """Refuse it while a tag that stays points there."""
        for tag in await self._tags.lookup(digest):
            if self._rule.stays(tag):
                raise Unsupported(f"the tag {tag} stays, and so does its manifest")
        await self._manifests.delete(digest)

    async def _check(self, tag: Tag, digest: Digest) -> None:
        try:
            held = await self._tags.get(tag)
        except TagUnknown:
            return
        if held != digest:
            self._log.warn(
                "{user}, at {client}, tried to move the tag {tag} of {name}",
                user=self._caller.user or "somebody",
                client=self._caller.client,
                tag=str(tag),
                name=self._name,
            )
            raise ManifestDenied(f"the tag {tag} exists, and stays where it is")


class _Tags(proxyForInterface(ITagService, "_tags")):  # type: ignore[misc]
    def __init__(self, tags: ITagService, rule: ImmutableTags) -> None:
        super().__init__(tags)
        self._rule = rule

    async def untag(self, tag: Tag) -> None:
        """Refuse it for tags that stay."""
        if self._rule.stays(tag):
            raise Unsupported(f"the tag {tag} stays")
        await self._tags.untag(tag)
