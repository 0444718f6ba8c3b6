"""
The pages of the debug server, and who answers for each.

Every page is made when somebody asks for it; nothing is gathered before.  The
server shares the reactor with the registry: its answers wait their turn among
those of the registry, and come as long as the reactor turns at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from urllib.parse import unquote

from attrs import frozen

from txregistry.web.replies import Headers, Reply
from txregistry.web.request import RegistryRequest
from txregistry.web.sending import send_reply

TEXT = b"text/plain; charset=utf-8"
#: Where the list of all pages is, and what leads there.
INDEX = "/debug/"
LEADING_THERE = ("/debug", "/debug/pprof", "/debug/pprof/")
NOT_FOUND = Reply(
    404,
    ((b"Content-Type", TEXT), (b"X-Content-Type-Options", b"nosniff")),
    b"404 page not found\n",
)
NOT_ALLOWED = Reply(
    405,
    ((b"Allow", b"GET, HEAD"), (b"Content-Type", TEXT), (b"X-Content-Type-Options", b"nosniff")),
    b"Method Not Allowed\n",
)

Answering = Callable[[RegistryRequest], Awaitable[Reply]]


@frozen(slots=True)
class Page:
    """
    One page: what makes it, and what the list of all pages says of it.

    :ivar refusal: the answer to other methods than GET and HEAD.
    """

    answer: Answering
    about: str
    refusal: Reply = NOT_ALLOWED


def content(text: str | bytes, content_type: bytes = TEXT, status: int = 200, headers: Headers = ()) -> Reply:
    """A page of *text*, which nobody shall keep."""
    body = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
    return Reply(
        status,
        (
            (b"Content-Type", content_type),
            (b"Cache-Control", b"no-store"),
            (b"X-Content-Type-Options", b"nosniff"),
            *headers,
        ),
        body,
    )


class DebugRequest(RegistryRequest):
    """A request to the debug server, which has no API, no prefix, and no health to lose."""

    greeting = ()

    def process(self) -> None:
        self.site.shortcut(self)


class DebugPages:
    """
    Finds the page for a request.

    :param pages: by path; one that ends with a slash has all that is below it, too.
    """

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._below = tuple(path for path in pages if path.endswith("/"))

    def serve(self, request: RegistryRequest) -> bool:
        """Take *request* over."""
        request.run(self._serve(request))
        return True

    async def _serve(self, request: RegistryRequest) -> None:
        await send_reply(request, await self._answer(request))

    async def _answer(self, request: RegistryRequest) -> Reply:
        path = unquote(request.path.decode("latin-1"))
        if path == INDEX:
            return content(self._index(), b"text/html; charset=utf-8")
        if path in LEADING_THERE:
            return Reply(302, ((b"Location", INDEX.encode()),))
        page = self._pages.get(path) or self._above(path)
        if page is None:
            return NOT_FOUND
        if request.method not in (b"GET", b"HEAD"):
            return page.refusal
        return await page.answer(request)

    def _above(self, path: str) -> Page | None:
        return next((self._pages[above] for above in self._below if path.startswith(above)), None)

    def _index(self) -> str:
        rows = "".join(
            f'<dt><a href="{escape(path)}">{escape(path)}</a></dt><dd>{escape(page.about)}</dd>\n'
            for path, page in self._pages.items()
        )
        return f"<!DOCTYPE html>\n<title>txregistry: debug</title>\n<dl>\n{rows}</dl>\n"
