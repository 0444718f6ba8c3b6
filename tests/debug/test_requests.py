"""What the page of requests says of each of them, whatever it is about."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase

from tests.web.registry import Registry
from tests.web.wire import Connection, request_bytes
from txregistry.debug import requests
from txregistry.debug.requests import requests_page
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IContentReader, IStorageDriver
from txregistry.model.access import Grant
from txregistry.web.body import CHUNK_OVERHEAD, UNWANTED_WATER

CONTENT = b"a layer" * 100_000


class Patient:
    """Lets nobody in before it is told to, and is in no hurry to end when a client leaves."""

    def __init__(self) -> None:
        self.open = True
        self.asked: list[Deferred[Grant]] = []
        self.leaving: Deferred[None] = Deferred()

    async def authorize(self, *_: Any) -> Grant:
        """Wait, unless everybody may come in."""
        if self.open:
            return Grant()
        self.asked.append(Deferred())
        try:
            return await self.asked[-1]
        except CancelledError:
            await self.leaving
            raise


class HeldReader(proxyForInterface(IContentReader, "_reader")):  # type: ignore[misc]
    """Gives nothing before it is told to."""

    def __init__(self, reader: IContentReader, held: Deferred[None]) -> None:
        super().__init__(reader)
        self._held = held

    async def read(self, offset: int, length: int) -> bytes:
        """Wait, and read."""
        await self._held
        content: bytes = await self._reader.read(offset, length)
        return content


class HeldDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """A disk that hangs until *held* has fired."""

    def __init__(self) -> None:
        super().__init__(InMemoryDriver())
        self.held: Deferred[None] = Deferred()

    async def open(self, path: str) -> IContentReader:
        """Open what can be read later."""
        return HeldReader(await self._driver.open(path), self.held)


class RequestStateTests(SynchronousTestCase):
    """One request after the other, in every state."""

    def setUp(self) -> None:
        self.access, self.driver = Patient(), HeldDriver()
        self.registry = Registry(self.driver, access=self.access)  # type: ignore[arg-type]

    def page(self) -> str:
        """The page."""
        return requests_page(self.registry.site, self.registry.clock)

    def states(self) -> list[str]:
        """The states on it."""
        return [line.partition("state: ")[2] for line in self.page().splitlines() if "state: " in line]

    def send(self, data: bytes) -> Connection:
        """Send *data* on a new connection."""
        connection = self.registry.connect()
        connection.send(data)
        return connection

    def test_answering(self) -> None:
        """An answer that has begun, and whether its client takes it."""
        digest = self.registry.push_blob("a", CONTENT)
        connection = self.send(request_bytes("GET", f"/v2/a/blobs/{digest}"))
        self.assertEqual(self.states(), ["answering"])
        channel = connection.channel
        channel.pauseProducing()  # as the transport does it when its buffer is full
        self.assertEqual(self.states(), ["answering, its client takes nothing"])
        channel.resumeProducing()
        self.assertEqual(self.states(), ["answering"])
        self.driver.held.callback(None)
        self.assertEqual(self.states(), [])

    def test_gone(self) -> None:
        """Work that goes on after its client has left is shown until it ends."""
        self.access.open = False
        connection = self.send(request_bytes("GET", "/v2/a/tags/list"))
        self.assertEqual(self.states(), ["working"])
        connection.hang_up()
        self.assertEqual(self.states(), ["its client has left, and its work goes on"])
        self.assertIn("0 connections, 0 of them idle\n", self.page())
        self.access.leaving.callback(None)
        self.assertEqual(self.states(), [])

    def test_body(self) -> None:
        """A body that is waited for, that is not asked for yet, and of which more has come than enough."""
        self.access.open = False
        head = b"PUT /v2/a/manifests/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
        size = 2 * UNWANTED_WATER
        connection = self.send(head % size)
        self.assertEqual(self.states(), ["working, its body is not asked for yet"])
        connection.send(b"x" * (size - 1))
        self.assertEqual(self.states(), ["working, more than enough of its body has come"])
        self.assertIn(f"\n{size - 1 + CHUNK_OVERHEAD} bytes of request bodies wait in memory\n", self.page())
        connection.hang_up()
        self.access.leaving.callback(None)
        self.access.open = True
        connection = self.send(head % 9)
        self.assertEqual(self.states(), ["waiting for its body"])
        self.access.open = False
        self.registry.clock.advance(1)  # the page is in the order of the times
        self.send(request_bytes("PUT", "/v2/a/manifests/x", body=b"whole"))
        self.assertEqual(self.states(), ["waiting for its body", "working"])

    def test_idle(self) -> None:
        """Connections on which nothing is asked are counted apart."""
        for _ in range(2):
            self.registry.connect()
        self.access.open = False
        self.send(request_bytes("GET", "/v2/a/tags/list"))
        self.assertIn("\n3 connections, 2 of them idle\n", self.page())

    def test_many(self) -> None:
        """No more rows than so many are shown, those of the requests that run for longest."""
        self.patch(requests, "SHOWN", 3)
        self.access.open = False
        for number in range(5):
            self.send(request_bytes("GET", f"/v2/a{number}/tags/list"))
            self.registry.clock.advance(1)
            self.assertEqual("the 3 that run for longest:" in self.page(), number >= 3)
        page = self.page()
        self.assertIn("5 requests run;", page)
        shown = [line.split()[-1] for line in page.splitlines() if "  GET " in line]
        self.assertEqual(shown, [f"/v2/a{number}/tags/list" for number in range(3)])
