"""Manifests of which many at once would be too much: pushed one after the other, sent bit by bit."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import HeldWorkers
from tests.web.registry import MANIFEST_LIMIT, Registry, expect, image
from tests.web.serving import Server
from tests.web.sockets import SocketCase
from tests.web.wire import Connection, chunked, read_answers, request_bytes
from txregistry.model.digest import EMPTY
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.web import body, manifests
from txregistry.web.body import LINGER
from txregistry.web.manifests import LARGE_AT_ONCE, LARGE_TIME
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest
from txregistry.web.sending import LARGE, send_reply

TYPE = ("Content-Type", OCI_MANIFEST)
MODEST = 1000


class PushTests(SynchronousTestCase):
    """Large manifests on their way in."""

    def setUp(self) -> None:
        self.patch(body, "MODEST", MODEST)
        self.registry = Registry()
        self.clock: Clock = self.registry.clock
        self.registry.push_blob("a", b"")
        self.payload = self.manifest(4 * MODEST)

    def manifest(self, size: int) -> bytes:
        """A manifest of *size* bytes or some more."""
        return image((EMPTY, 0), annotations={"a": "x" * size})

    def begun(self, payload: bytes, *, pieces: bool = False, missing: int = 1) -> Connection:
        """A client that has pushed *payload* but for its end."""
        connection = self.registry.connect()
        if pieces:
            data = request_bytes("PUT", "/v2/a/manifests/t", [TYPE, ("Transfer-Encoding", "chunked")])
            data += chunked(payload)
            missing += len(b"\r\n0\r\n\r\n")
        else:
            data = request_bytes("PUT", "/v2/a/manifests/t", [TYPE], payload)
        connection.send(data[:-missing])
        connection.rest = data[-missing:]  # type: ignore[attr-defined]
        self.clock.advance(LINGER[1])
        return connection

    def ended(self, connection: Connection) -> int:
        """The status that this client gets when it sends the rest; 0 if it has to wait."""
        rest: Any = connection.rest  # type: ignore[attr-defined]
        connection.send(rest)
        self.clock.advance(LINGER[1])
        answers = connection.answers()
        return answers[0].status if answers else 0

    def test_queue(self) -> None:
        """So many are taken in at a time; the others wait, and have their turn."""
        for pieces in (False, True):
            clients = [self.begun(self.payload, pieces=pieces) for _ in range(LARGE_AT_ONCE + 1)]
            self.assertEqual(self.ended(clients[-1]), 0)
            self.assertEqual(self.ended(clients[0]), 201)
            self.assertEqual(clients[-1].answer().status, 201)
            self.assertEqual([self.ended(client) for client in clients[1:-1]], [201] * (LARGE_AT_ONCE - 1))

    def test_small_ones_pass(self) -> None:
        """Who pushes a manifest of the usual size need not queue."""
        for _ in range(LARGE_AT_ONCE):
            self.begun(self.payload)
        for pieces in (False, True):
            self.assertEqual(self.ended(self.begun(self.manifest(10), pieces=pieces)), 201)

    def test_refused_and_gone(self) -> None:
        """Room is given up whatever comes of a push."""
        for _ in range(2):
            clients = [self.begun(self.payload) for _ in range(LARGE_AT_ONCE)]
            for client in clients[1:]:
                client.hang_up()
            bad = self.begun(b"{" * 2 * MODEST)
            self.assertEqual(self.ended(bad), 400)
            self.assertEqual(self.ended(clients[0]), 201)

    def test_waiting_and_gone(self) -> None:
        """So is a place in the queue."""
        clients = [self.begun(self.payload) for _ in range(LARGE_AT_ONCE + 2)]
        clients[-2].hang_up()
        self.assertEqual(self.ended(clients[-1]), 0)
        clients[0].hang_up()
        self.assertEqual(clients[-1].answer().status, 201)

    def test_late(self) -> None:
        """Who has room and does not use it loses it."""
        clients = [self.begun(self.payload, missing=2 * MODEST) for _ in range(LARGE_AT_ONCE)]
        waiting = self.begun(self.payload)
        self.assertEqual(self.ended(waiting), 0)
        for _ in range(int(LARGE_TIME)):
            for client in clients:
                client.send(b"x")
            self.clock.advance(1)
        self.assertEqual([client.answer().status for client in clients], [408] * LARGE_AT_ONCE)
        self.assertEqual(waiting.answer().status, 201)
        for client in [*clients, waiting]:
            client.hang_up()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_parsed_one_at_a_time(self) -> None:
        """Threads that parse hold up the reactor, so there is one at a time."""
        workers = HeldWorkers()
        self.patch(manifests, "SMALL", MODEST)
        self.patch(self.registry.manifests, "workers", workers)
        clients = [self.begun(self.payload) for _ in range(3)]
        self.assertEqual([self.ended(client) for client in clients], [0] * 3)
        for client in clients:
            self.assertEqual(len(workers.waiting), 1)
            self.assertEqual(client.received(), b"")
            workers.step()
            self.assertEqual(client.answer().status, 201)

    def test_limit(self) -> None:
        """The limit of size holds, announced or not."""
        for pieces in (False, True):
            client = self.begun(self.manifest(MANIFEST_LIMIT), pieces=pieces, missing=100)
            self.assertEqual(expect(client.answer(), 413).codes(), ["SIZE_INVALID"])


class SendTests(SocketCase):
    """Large answers that are in memory, on their way out."""

    async def test_whole(self) -> None:
        """They come whole and in order; an answer to HEAD has the same head."""
        content = b"".join(b"%08d" % number for number in range(LARGE))

        async def serve(request: RegistryRequest) -> None:
            await send_reply(request, Reply(200, body=content[: int(request.path[1:])]))

        self.listen(serve)
        for size in (0, LARGE, LARGE + 1, len(content)):
            client = await self.connect()
            path = f"/{size}"
            client.transport.write(
                request_bytes("GET", path) + request_bytes("HEAD", path, [("Connection", "close")])
            )
            await client.lost
            got, head = read_answers(bytes(client.received), ("GET", "HEAD"))
            self.assertTrue(got.body == content[:size])
            self.assertEqual(head.header("Content-Length"), str(size))

    async def test_unread(self) -> None:
        """Of what a client does not take, no more than a bit is kept for it; if it leaves, nothing."""
        content = b"x" * (32 << 20)

        async def serve(request: RegistryRequest) -> None:
            await send_reply(request, Reply(200, body=content))

        server: Server = self.listen(serve)
        client = await self.connect(receive_buffer=4096)
        client.transport.pauseProducing()
        client.transport.write(request_bytes("GET", "/a"))
        await self.until(lambda: server.requests and server.requests[0].startedWriting)
        request = server.requests[0]
        sent = -1
        while sent != request.sentLength:
            sent = request.sentLength
            other = await self.connect()
            other.transport.write(request_bytes("HEAD", "/a"))
            await other.at_least(1)
        transport: Any = request.channel.transport
        self.assertLess(sent, len(content))
        self.assertLess(len(transport.dataBuffer) + transport._tempDataLen, 2 * LARGE)
        client.transport.abortConnection()
        await self.until(lambda: ("/a", 200) in server.ended)
        self.assertEqual(self.flushLoggedErrors(), [])
