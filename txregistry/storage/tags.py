"""The tags of a repository."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from txregistry.errors import NameUnknown, PathNotFound, TagUnknown, Unsupported
from txregistry.interfaces import IStorageDriver, ITagService
from txregistry.model.digest import Digest
from txregistry.model.names import Page, RepositoryName, Tag, is_tag
from txregistry.storage import layout
from txregistry.storage.concurrency import concurrently
from txregistry.storage.linkfile import read_link, write_link

_PAGE = 1000
#: Each page is so many times larger than all before it: file systems read the whole directory for each.
_GROWTH = 8


@implementer(ITagService)
class Tags:
    """
    The tags of the repository *name*, read from storage at each call: others may move them.

    :param lookups: how many tags :meth:`lookup` reads at the same time.
    """

    def __init__(
        self, name: RepositoryName, driver: IStorageDriver, delete_enabled: bool, lookups: int
    ) -> None:
        self._name, self._driver = name, driver
        self._delete_enabled, self._lookups = delete_enabled, lookups

    async def get(self, tag: Tag) -> Digest:
        """What the tag's current link says."""
        try:
            return await read_link(self._driver, layout.tag_current(self._name, tag))
        except PathNotFound:
            raise TagUnknown(self._name.text, tag.text) from None

    async def list(self, after: str = "", limit: int | None = None) -> Page[str]:
        """The names for which anything is stored, even if the current link is missing."""
        names: list[str] = []
        more = True
        while more and (limit is None or len(names) <= limit):
            wanted = max(_PAGE, _GROWTH * len(names))
            if limit is not None:
                wanted = min(wanted, limit + 1 - len(names))
            try:
                page = await self._driver.list(layout.tags(self._name), after, wanted)
            except PathNotFound:
                if names or await self._has_manifests():
                    break
                raise NameUnknown(self._name.text) from None
            names += [entry.name for entry in page.items if entry.prefix and is_tag(entry.name)]
            more = page.more
            if page.items:
                after = page.items[-1].name
        if limit is None:
            return Page(names)
        return Page(names[:limit], len(names) > limit)

    async def _has_manifests(self) -> bool:
        """Whether the repository is there without any tag: then it is in the catalog, too."""
        try:
            return bool((await self._driver.list(layout.manifests(self._name), limit=1)).items)
        except PathNotFound:
            return False

    async def tag(self, tag: Tag, digest: Digest) -> None:
        """Note the digest in the tag's index, then make it current."""
        await write_link(self._driver, layout.tag_index(self._name, tag, digest), digest)
        await write_link(self._driver, layout.tag_current(self._name, tag), digest)

    async def untag(self, tag: Tag) -> None:
        """Remove the tag with its index."""
        if not self._delete_enabled:
            raise Unsupported("deletion is disabled")
        try:
            await self._driver.delete(layout.tag(self._name, tag))
        except PathNotFound:
            raise TagUnknown(self._name.text, tag.text) from None

    async def lookup(self, digest: Digest) -> Sequence[Tag]:
        """Compare the current link of every tag."""
        try:
            names = (await self.list()).items
        except NameUnknown:
            return ()
        tags = [tag for tag in map(layout.tag_named, names) if tag is not None]
        found = await concurrently(self._peek, tags, self._lookups)
        return tuple(tag for tag, current in zip(tags, found, strict=True) if current == digest)

    async def _peek(self, tag: Tag) -> Digest | None:
        try:
            return await self.get(tag)
        except TagUnknown:
            return None
