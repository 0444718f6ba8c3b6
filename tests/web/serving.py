"""A site whose requests are served by one function of the test."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource

from tests.web.wire import Connection
from txregistry.web.body import Body, BodyMalformed, BodyTooLarge, BodyTooSlow
from txregistry.web.replies import Reply, problems_of
from txregistry.web.request import RegistryRequest
from txregistry.web.site import RegistrySite

Serve = Callable[[RegistryRequest], Coroutine[Any, Any, None]]


class Server:
    """
    A site in memory; or with *reactor*, one that can listen.

    :ivar served: method and path of each request that was dispatched, in order.
    :ivar requests: the same requests.
    :ivar access: the lines of the access log.
    :ivar ended: the requests that ended, with their status.
    """

    def __init__(self, serve: Serve, reactor: Any = None, **settings: Any) -> None:
        self.clock: Any = Clock() if reactor is None else reactor
        self.served: list[str] = []
        self.requests: list[RegistryRequest] = []
        self.access: list[str] = []
        self.ended: list[tuple[str, int]] = []
        self._serve = serve
        self.site = RegistrySite(
            Resource(),
            self.clock,
            shortcut=self._dispatched,
            access_log=self.access.append,
            completed=lambda request, status: self.ended.append((request.uri.decode(), status)),
            **settings,
        )

    def _dispatched(self, request: RegistryRequest) -> bool:
        self.served.append(f"{request.method.decode()} {request.path.decode()}")
        self.requests.append(request)
        request.run(self._answered(request))
        return True

    async def _answered(self, request: RegistryRequest) -> None:
        try:
            await self._serve(request)
        except (BodyMalformed, BodyTooLarge, BodyTooSlow) as error:
            request.fail(problems_of(error) or [])

    def connect(self) -> Connection:
        """A new connection of a client."""
        channel: Any = self.site.buildProtocol(None)
        return Connection(channel)

    def held(self) -> int:
        """Bytes of bodies that are in memory, as the budget counts them."""
        return self.site.budget.held


async def echo(request: RegistryRequest) -> None:
    """Read the whole body and send it back."""
    request.answer(Reply(200, body=await request.body.read_all(1 << 30)))


async def refuse(request: RegistryRequest) -> None:
    """Answer without a look at the body."""
    request.answer(Reply(401, body=b"no"))


class Held:
    """
    Serves requests when the test says so.

    :ivar turns: one for each request that waits, in order; fire it to have the request served.
    :ivar cancelled: how many were given up while they waited.
    """

    def __init__(self, then: Serve = echo) -> None:
        self.turns: list[Deferred[None]] = []
        self.cancelled = 0
        self._then = then

    async def __call__(self, request: RegistryRequest) -> None:
        turn: Deferred[None] = Deferred(self._count)
        self.turns.append(turn)
        await turn
        await self._then(request)

    def _count(self, _: Deferred[None]) -> None:
        self.cancelled += 1


def body_of(request: RegistryRequest) -> Body:
    """The body of a request that has one."""
    if not isinstance(request.body, Body):
        raise AssertionError("the request has no body")
    return request.body
