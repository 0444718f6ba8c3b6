"""Clients that ask for more than they take, or more at once than is fair to others, or that end early."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.web.registry import Registry
from tests.web.serving import Held, Serve, Server, echo
from tests.web.sockets import SocketCase
from tests.web.wire import chunked, read_answers, request_bytes
from txregistry.web.channel import REQUESTS_IN_TURN
from txregistry.web.listing import LISTS_AT_ONCE
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest

GET = request_bytes("GET", "/a")
MIB = 1 << 20


def answering(size: int) -> Serve:
    """Serve every request with *size* bytes."""

    async def serve(request: RegistryRequest) -> None:
        request.answer(Reply(200, body=b"x" * size))

    return serve


class UnreadAnswersTests(SynchronousTestCase):
    """A client that sends one request after the other and takes none of the answers."""

    def setUp(self) -> None:
        async def serve(request: RegistryRequest) -> None:
            await echo(request)
            request.channel.pauseProducing()  # as the transport says it when its buffer is full

        self.server = Server(serve)
        self.connection = self.server.connect()

    def drained(self) -> None:
        """The client took all that was there."""
        self.connection.channel.resumeProducing()
        self.server.clock.advance(0)
        self.connection.deliver()

    def test_one_at_a_time(self) -> None:
        """The next request is served when the client has taken the answer to the last one."""
        self.connection.send(GET + request_bytes("PUT", "/b", body=b"x") + GET)
        for served in (["GET /a"], ["GET /a", "PUT /b"], ["GET /a", "PUT /b", "GET /a"]):
            self.assertEqual(self.server.served, served)
            self.assertEqual(len(self.connection.answers()), len(served))
            self.server.clock.advance(1000)
            self.drained()

    def test_not_read_meanwhile(self) -> None:
        """What it sends meanwhile stays in the network."""
        self.connection.send(GET + GET[:10])
        self.connection.send(GET[10:])
        self.assertEqual(self.connection.untaken, len(GET) - 10)
        self.drained()
        self.assertEqual(self.connection.untaken, 0)
        self.assertEqual(self.server.served, ["GET /a"] * 2)

    def test_kept_alive(self) -> None:
        """A client that takes its answers has a connection like any other afterwards."""
        self.connection.send(GET * 2)
        self.drained()
        self.drained()
        for _ in range(3):
            self.connection.send(GET)
            self.drained()
        self.assertEqual(len(self.connection.answers()), 5)
        self.assertFalse(self.connection.closing)

    def test_hang_up(self) -> None:
        """If it leaves, nothing is served any more, and nothing is left behind."""
        self.connection.send(GET * 3)
        self.connection.channel.resumeProducing()
        self.connection.hang_up()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        self.assertEqual(self.server.served, ["GET /a"])


class TurnTests(SynchronousTestCase):
    """Many requests that came at once."""

    def setUp(self) -> None:
        self.server = Server(echo)
        self.connection = self.server.connect()

    def test_turns(self) -> None:
        """Some are served, then others have their turn, then the next."""
        others: list[int] = []
        self.connection.send(GET * (3 * REQUESTS_IN_TURN))
        self.assertEqual(len(self.server.served), REQUESTS_IN_TURN)
        self.server.clock.callLater(0, lambda: others.append(len(self.server.served)))
        self.server.clock.pump([0] * 2)
        self.assertEqual(others, [2 * REQUESTS_IN_TURN])
        self.assertEqual(len(self.connection.answers()), 3 * REQUESTS_IN_TURN)

    def test_one_after_the_other(self) -> None:
        """A client that waits for each answer never waits for a turn."""
        for count in range(3 * REQUESTS_IN_TURN):
            self.connection.send(GET)
            self.assertEqual(len(self.server.served), count + 1)
            self.assertTrue(self.connection.takes)

    def test_behind_bodies(self) -> None:
        """Bodies between them, whole or in part, are not mixed up with requests."""
        put = request_bytes("PUT", "/a", [("Transfer-Encoding", "chunked")]) + chunked(GET, GET)
        self.connection.send(put * REQUESTS_IN_TURN + put[:-20])
        self.assertFalse(self.connection.takes)
        self.connection.send(put[-20:])
        self.server.clock.advance(0)
        self.connection.deliver()
        bodies = [answer.body for answer in self.connection.answers()]
        self.assertEqual(bodies, [GET + GET] * (REQUESTS_IN_TURN + 1))

    def test_malformed(self) -> None:
        """A request that is none is refused in its turn, and ends the connection."""
        self.connection.send(GET * REQUESTS_IN_TURN + b"nonsense\r\n\r\n" + GET)
        self.server.clock.advance(0)
        statuses = [answer.status for answer in self.connection.answers()]
        self.assertEqual(statuses, [200] * REQUESTS_IN_TURN + [400])
        self.assertTrue(self.connection.closing)

    def test_slow_head(self) -> None:
        """Half a request behind the others has its time, and no more."""
        self.connection.send(GET * REQUESTS_IN_TURN + GET[:10])
        self.server.clock.pump([1] * 61)
        self.assertEqual([answer.status for answer in self.connection.answers()][-1], 408)
        self.connection.hang_up()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])


class UnreadAnswersOverSocketsTests(SocketCase):
    """The same with a kernel in between."""

    async def test_memory(self) -> None:
        """A client that takes nothing gets a few answers prepared; when it reads it gets all, whole."""
        server = self.listen(answering(MIB))
        client = await self.connect(receive_buffer=4096)
        client.transport.pauseProducing()
        asked = 60
        client.transport.write(GET * asked + request_bytes("GET", "/a", [("Connection", "close")]))
        other = await self.connect()
        for _ in range(10):
            other.received.clear()
            other.transport.write(GET)
            await other.answer_of(MIB)
        self.assertLess(len(server.served) - 10, 20)
        client.transport.resumeProducing()
        await client.lost
        sizes = [len(answer.body) for answer in read_answers(bytes(client.received))]
        self.assertEqual(sizes, [MIB] * (asked + 1))


class ListingTests(SynchronousTestCase):
    """Many who want lists of tags at the same time."""

    def test_few_at_once(self) -> None:
        """A few lists are read at once, the others when it is their turn; who leaves gives its place up."""
        registry = Registry()
        registry.push_image("a", "v1")
        original = registry.driver.list
        turns: list[Deferred[None]] = []

        async def held(*arguments: Any) -> Any:
            turns.append(Deferred())
            await turns[-1]
            return await original(*arguments)

        self.patch(registry.driver, "list", held)
        clients = [registry.connect() for _ in range(2 * LISTS_AT_ONCE)]
        for client in clients:
            client.send(request_bytes("GET", "/v2/a/tags/list"))
        self.assertEqual(len(turns), LISTS_AT_ONCE)
        turns[0].callback(None)
        clients[1].hang_up()
        self.assertEqual(len(turns), LISTS_AT_ONCE + 2)
        for turn in turns[2:]:
            turn.callback(None)
        for turn in turns[LISTS_AT_ONCE + 2 :]:
            turn.callback(None)
        answers = [client.answer().json() for client in clients if client is not clients[1]]
        self.assertEqual(answers, [{"name": "a", "tags": ["v1"]}] * (2 * LISTS_AT_ONCE - 1))


class HalfClosedTests(SocketCase):
    """A client that sends its last byte, says so, and waits for its answers."""

    async def ask(self, server: Server, data: bytes) -> list[int]:
        """The statuses of the answers, until the server closes."""
        client = await self.connect()
        client.transport.write(data)
        client.transport.loseWriteConnection()
        await client.lost
        await self.until(lambda: not server.site.connections)
        return [answer.status for answer in read_answers(bytes(client.received))]

    async def test_answered(self) -> None:
        """It gets them, however many requests it has sent, and the connection is closed then."""
        server = self.listen(echo)
        for count in (1, 2, 3 * REQUESTS_IN_TURN):
            self.assertEqual(await self.ask(server, GET * count), [200] * count)

    async def test_large_answer(self) -> None:
        """An answer goes out to its end."""
        server = self.listen(answering(8 * MIB))
        self.assertEqual(await self.ask(server, GET * 2), [200] * 2)

    async def test_body(self) -> None:
        """A request with a body counts when its body is whole."""
        server = self.listen(echo)
        put = request_bytes("PUT", "/a", body=b"x" * 100_000)
        self.assertEqual(await self.ask(server, put), [200])
        self.assertEqual(await self.ask(server, put + put[:-1]), [200])
        self.assertEqual([status for _, status in server.ended], [200, 200, 499])

    async def test_nothing_asked(self) -> None:
        """Without a whole request there is nothing to wait for."""
        server = self.listen(echo)
        for data in (b"", GET[:10], b"\r\n", GET + GET[:10]):
            self.assertEqual(await self.ask(server, data), [200] * data.count(b"\r\n\r\n"))

    async def test_last_request(self) -> None:
        """After an answer that ends the connection anyway, nobody waits for anything."""
        server = self.listen(echo)
        self.assertEqual(await self.ask(server, b"GET /a HTTP/1.0\r\n\r\n"), [200])
        self.assertEqual(await self.ask(server, b"nonsense\r\n\r\n"), [400])

    async def test_slow_handler(self) -> None:
        """The answer may take its time."""
        held = Held()
        server = self.listen(held)
        asked: Deferred[list[int]] = Deferred.fromCoroutine(self.ask(server, GET * 2))
        for turn in range(2):
            await self.until(lambda wanted=turn + 1: len(held.turns) == wanted)  # type: ignore[misc]
            held.turns[turn].callback(None)
        statuses: Any = await asked
        self.assertEqual(statuses, [200, 200])
