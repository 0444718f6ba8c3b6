"""All repositories of a registry: listing them, and removing one."""

from __future__ import annotations

from contextlib import suppress

from zope.interface import implementer

from txregistry.errors import NameUnknown, PathNotFound
from txregistry.interfaces import Entry, IRepositoryEnumerator, IRepositoryRemover, IStorageDriver
from txregistry.model.names import NAME_LIMIT, InvalidName, Page, RepositoryName
from txregistry.storage import layout

_PAGE = 1000


@implementer(IRepositoryEnumerator)
class Catalog:
    """
    The repositories that have manifests, or had some, found by walking over storage.

    Parents come before their children and siblings in the order of their
    bytes, which together is the order of listing keys.  What sorts before
    the page is passed over without being entered.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        self._driver = driver

    async def repositories(self, after: str = "", limit: int = 100) -> Page[str]:
        """*after* may be any text."""
        found: list[str] = []
        await self._walk("", after.split("/"), found, limit + 1)
        return Page(found[:limit], len(found) > limit)

    async def _walk(self, name: str, after: list[str], found: list[str], enough: int) -> None:
        """
        Collect the repositories below *name*, until there are *enough*.

        :param after: the components, below *name*, of the name behind which to begin.
        """
        start = after[0]
        if len(after) > 1 or start:
            child = _below(name, start)
            if layout.is_repository_component(start) and len(child) <= NAME_LIMIT:
                await self._walk(child, after[1:] or [""], found, enough)
        await self._visit_each(name, await self._page(name, start), found, enough)

    async def _visit_each(self, name: str, page: Page[Entry], found: list[str], enough: int) -> None:
        """Visit what is below *name*: on *page* and on the pages behind it."""
        while True:
            for entry in page.items:
                if len(found) >= enough:
                    return
                child = _below(name, entry.name)
                if entry.prefix and layout.is_repository_component(entry.name) and len(child) <= NAME_LIMIT:
                    await self._visit(child, found, enough)
            if not page.more or len(found) >= enough:
                return
            page = await self._page(name, page.items[-1].name)

    async def _visit(self, name: str, found: list[str], enough: int) -> None:
        """Collect *name* if it is a repository, and then those below it."""
        page = await self._page(name, "")
        if await self._has_manifests(name, page):
            with suppress(InvalidName):
                found.append(RepositoryName.parse(name).text)
        await self._visit_each(name, page, found, enough)

    async def _has_manifests(self, name: str, page: Page[Entry]) -> bool:
        """Whether *name* is a repository; *page* has the first names below it, which nearly always tell."""
        if any(entry.name == layout.MANIFESTS and entry.prefix for entry in page.items):
            return True
        if not page.more or page.items[-1].name >= layout.MANIFESTS:
            return False
        try:
            await self._driver.list(layout.manifests(name), "", 1)
        except PathNotFound:
            return False
        return True

    async def _page(self, name: str, after: str) -> Page[Entry]:
        path = layout.repository(name) if name else layout.REPOSITORIES
        try:
            return await self._driver.list(path, after, _PAGE)
        except PathNotFound:
            return Page(())


def _below(name: str, component: str) -> str:
    return f"{name}/{component}" if name else component


@implementer(IRepositoryRemover)
class Remover:
    """Removes what a repository itself holds: tags first, so that none of them leads nowhere meanwhile."""

    def __init__(self, driver: IStorageDriver) -> None:
        self._driver = driver

    async def remove(self, name: RepositoryName) -> None:
        """Leave the content of blobs to the garbage collector."""
        held = False
        for path in (layout.tags(name), layout.manifests(name), layout.layers(name), layout.uploads(name)):
            try:
                await self._driver.delete(path)
                held = True
            except PathNotFound:
                continue
        if not held:
            raise NameUnknown(name.text)
