"""In which repository a blob is, for clients that do not know."""

from __future__ import annotations

from contextlib import suppress

from zope.interface import implementer

from txregistry.errors import PathNotFound
from txregistry.interfaces import IBlobFinder, IStorageDriver
from txregistry.model.digest import Digest
from txregistry.model.names import NAME_LIMIT, InvalidName, RepositoryName
from txregistry.storage import layout
from txregistry.storage.linkfile import present

#: How many directories of repositories are looked into before a search is given up.
PATIENCE = 1000


@implementer(IBlobFinder)
class BlobFinder:
    """
    Looks for a link to a blob, repository after repository.

    Content alone does not count: what was deleted from every repository
    waits to be collected, and is not to come back to who knows its digest.

    :param patience: see :data:`PATIENCE`.
    """

    def __init__(self, driver: IStorageDriver, patience: int = PATIENCE) -> None:
        self._driver, self._patience = driver, patience

    async def repository_with(self, digest: Digest) -> RepositoryName | None:
        """The first that comes along."""
        if not await present(self._driver, layout.blob_data(digest)):
            return None  # nearly always: who asks is about to push something new
        waiting = await self._below("")
        for _ in range(self._patience):
            if not waiting:
                break
            path = waiting.pop()
            with suppress(InvalidName):  # no repository, but there may be some below
                name = RepositoryName.parse(path)
                if await present(self._driver, layout.layer_link(name, digest)):
                    return name
            waiting += await self._below(path)
        return None

    async def _below(self, path: str) -> list[str]:
        """What may be repositories or lead to some, one level below *path*; not all, if they are many."""
        directory = layout.repository(path) if path else layout.REPOSITORIES
        try:
            page = await self._driver.list(directory, limit=self._patience)
        except PathNotFound:
            return []
        names = [entry.name for entry in page.items if entry.prefix]
        found = [f"{path}/{name}" if path else name for name in names if layout.is_repository_component(name)]
        return [name for name in found if len(name) <= NAME_LIMIT]
