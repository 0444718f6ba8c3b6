"""Real connections on the loopback, for what only a kernel does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.web.serving import Serve, Server

reactor: Any = _reactor


class Client(Protocol):
    """
    A client's end of a connection.

    :ivar received: all that came.
    :ivar lost: fires when the connection is gone.
    """

    transport: Any

    def __init__(self) -> None:
        self.received = bytearray()
        self.made: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()
        self._waiting: list[tuple[int, Deferred[bytes]]] = []

    def connectionMade(self) -> None:
        self.made.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        for size, waiting in self._waiting[:]:
            if len(self.received) >= size:
                self._waiting.remove((size, waiting))
                waiting.callback(bytes(self.received))

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        for _, waiting in self._waiting:
            waiting.errback(reason)
        self.lost.callback(None)

    def at_least(self, size: int) -> Deferred[bytes]:
        """What came, once it is at least *size* bytes; fails if that never happens."""
        waiting: Deferred[bytes] = Deferred()
        self._waiting.append((size, waiting))
        self.dataReceived(b"")
        return waiting

    async def answer_of(self, size: int) -> bytes:
        """The body of an answer of *size* bytes."""
        received = await self.at_least(1)
        while b"\r\n\r\n" not in received:
            received = await self.at_least(len(received) + 1)
        head = received.index(b"\r\n\r\n") + 4
        return (await self.at_least(head + size))[head:]


class _Clients(ClientFactory):
    noisy = False

    def __init__(self, client: Client) -> None:
        self.client = client

    def buildProtocol(self, addr: object) -> Client:
        return self.client


class SocketCase(TestCase):
    """Tests with a real port."""

    timeout = 60

    def listen(self, serve: Serve, **settings: Any) -> Server:
        """Serve by *serve* on a port of the kernel's choice, :attr:`port`."""
        server = Server(serve, reactor, **settings)
        port = reactor.listenTCP(0, server.site, interface="127.0.0.1")
        self.port = port.getHost().port

        async def close() -> None:
            await port.stopListening()
            server.site.abort()
            await self.until(lambda: not server.site.connections)

        self.addCleanup(lambda: Deferred.fromCoroutine(close()))
        return server

    async def connect(self, receive_buffer: int = 0) -> Client:
        """A new connection; with a *receive_buffer*, the kernel takes not much more than that unasked."""
        client = Client()
        connector = reactor.connectTCP("127.0.0.1", self.port, _Clients(client))
        if receive_buffer:
            connector.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await client.made
        self.addCleanup(self._close, client)
        return client

    async def _close(self, client: Client) -> None:
        if not client.lost.called:
            client.transport.abortConnection()
            await client.lost

    async def until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        """Wait until *condition* holds."""
        deadline = reactor.seconds() + seconds
        while not condition():
            self.assertLess(reactor.seconds(), deadline, "it never happened")
            await deferLater(reactor, 0.005)
