"""The base route, the catalog, and the tags of a repository."""

from __future__ import annotations

import re

from attrs import define, field
from twisted.internet.defer import DeferredSemaphore

from txregistry.interfaces import IRepository, IRepositoryEnumerator
from txregistry.web.replies import Reply, json_reply, page_invalid, problem_reply
from txregistry.web.request import RegistryRequest
from txregistry.web.urls import Urls

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}\Z")

#: Entries of a catalog page when the client does not say how many.
CATALOG_PAGE = 100

#: Lists of tags that are read at the same time.
LISTS_AT_ONCE = 4

BASE = Reply(200, ((b"Content-Type", b"application/json"),), b"{}")


def _wanted(given: str | None) -> int | None:
    """The page size asked for; ``None`` without; -1 for what is no number."""
    if given is None or given == "":
        return None
    return int(given) if _NUMBER.match(given) else -1


@define(eq=False)
class CatalogRoutes:
    """The names of all repositories, in pages of at most *limit*."""

    repositories: IRepositoryEnumerator
    urls: Urls
    limit: int

    async def get(self, request: RegistryRequest) -> Reply:
        """One page (distribution's catalog API)."""
        given = request.query(b"n")
        count = _wanted(given)
        if count is None:
            count = min(CATALOG_PAGE, self.limit)
        elif count < 0 or count > self.limit:
            return problem_reply([page_invalid(count if count > 0 else given)])
        if count == 0:
            return json_reply(200, {"repositories": []})
        page = await self.repositories.repositories(request.query(b"last") or "", count)
        headers = []
        if page.more and page.items:
            headers.append((b"Link", self.urls.next_page(request, page.items[-1], count)))
        return json_reply(200, {"repositories": page.items}, headers)


@define(eq=False)
class TagListRoutes:
    """
    The tags of one repository; a page size over *limit* becomes *limit*.

    Reading a long list keeps the reactor from other work though most of it
    happens in threads, so few are read at the same time.
    """

    urls: Urls
    limit: int
    _turns: DeferredSemaphore = field(init=False, factory=lambda: DeferredSemaphore(LISTS_AT_ONCE))

    async def get(self, request: RegistryRequest, repository: IRepository) -> Reply:
        """All tags, or one page of them (OCI distribution-spec, "Listing Tags")."""
        given = request.query(b"n")
        count = _wanted(given)
        if count is not None and count < 0:
            return problem_reply([page_invalid(given)])
        if count is not None:
            count = min(count, self.limit)
        async with self._turns:
            page = await repository.tags.list(request.query(b"last") or "", count)
        headers = []
        if count and page.more and page.items:
            headers.append((b"Link", self.urls.next_page(request, page.items[-1], count)))
        return json_reply(200, {"name": str(repository.name), "tags": page.items}, headers)
