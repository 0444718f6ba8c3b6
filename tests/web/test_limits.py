"""How large a head may be, and how long anything may take."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.web.serving import Held, Server, body_of, echo, refuse
from tests.web.wire import Connection, request_bytes
from txregistry.web.body import HIGH_WATER
from txregistry.web.channel import HEADER_LIMIT, HEADER_TIMEOUT, PROGRESS
from txregistry.web.request import RegistryRequest
from txregistry.web.site import IDLE_TIMEOUT


class HeaderSizeTests(SynchronousTestCase):
    """How much a client may say before the body."""

    def refused(self, data: bytes, status: int) -> None:
        for pieces in ([data], [data[at : at + 1000] for at in range(0, len(data), 1000)]):
            server = Server(echo)
            connection = server.connect()
            connection.send_each(pieces)
            answer = connection.answer()
            self.assertEqual((answer.status, len(answer.codes())), (status, 1))
            self.assertTrue(connection.closing)
            self.assertEqual(server.served, [])
            connection.hang_up()
            self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_long_token(self) -> None:
        """A header block of 64 KiB is served, whether in one line or in several."""
        for parts in (1, 8):
            lines = [(f"Authorization-{n}", "x" * (64 * 1024 // parts)) for n in range(parts)]
            connection = Server(echo).connect()
            connection.send(request_bytes("GET", "/a", lines))
            self.assertEqual(connection.answer().status, 200)

    def test_again(self) -> None:
        """The size is counted for each request, not for the connection."""
        connection = Server(echo).connect()
        request = request_bytes("GET", "/a", [("Authorization", "x" * 64 * 1024)])
        connection.send_each([request] * 3)
        self.assertEqual([answer.status for answer in connection.answers()], [200] * 3)

    def test_long_line(self) -> None:
        """A header line over the limit is a 431, complete or not."""
        whole = request_bytes("GET", "/a", [("Authorization", "x" * (HEADER_LIMIT + 1))])
        self.refused(whole, 431)
        self.refused(whole[:-4], 431)

    def test_many_lines(self) -> None:
        """So are many lines that exceed it together."""
        lines = [(f"X-{n}", "x" * 4096) for n in range(HEADER_LIMIT // 4096 + 1)]
        self.refused(request_bytes("GET", "/a", lines), 431)

    def test_number_of_lines(self) -> None:
        """So many tiny headers that each of them would cost more than it says are refused."""
        self.refused(request_bytes("GET", "/a", [(f"X-{n}", "") for n in range(600)]), 400)

    def test_folded_lines(self) -> None:
        """The limit counts folded lines too."""
        fold = "a" + "\r\n b" * HEADER_LIMIT
        self.refused(request_bytes("GET", "/a", [("X", fold)]), 431)

    def test_long_request_line(self) -> None:
        """A request line over the limit is a 414."""
        self.refused(request_bytes("GET", "/" + "a" * HEADER_LIMIT), 414)
        self.refused(b"GET /" + b"a" * (2 * HEADER_LIMIT), 414)


class HeaderTimeTests(SynchronousTestCase):
    """How long a head may take."""

    def test_silence(self) -> None:
        """A connection on which nothing was asked is closed without a word after the idle time."""
        server = Server(echo)
        connection = server.connect()
        server.clock.advance(IDLE_TIMEOUT - 1)
        self.assertFalse(connection.closing)
        server.clock.advance(2)
        self.assertTrue(connection.closing)
        self.assertEqual(connection.received(), b"")
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_idle(self) -> None:
        """So is one that has been used, counted from the last answer."""
        server = Server(echo)
        connection = server.connect()
        server.clock.advance(IDLE_TIMEOUT / 2)
        connection.send(request_bytes("PUT", "/a", body=b"x"))
        server.clock.advance(IDLE_TIMEOUT - 1)
        self.assertFalse(connection.closing)
        connection.send(request_bytes("GET", "/a"))
        server.clock.advance(IDLE_TIMEOUT - 1)
        self.assertFalse(connection.closing)
        server.clock.advance(2)
        self.assertTrue(connection.closing)
        self.assertEqual(len(connection.answers()), 2)

    def test_taking(self) -> None:
        """A connection whose client still takes an answer is not idle."""
        server = Server(echo)
        connection = server.connect()
        connection.send(request_bytes("GET", "/a"))
        connection.channel.pauseProducing()  # as the transport does it when its buffer is full
        server.clock.pump([IDLE_TIMEOUT] * 5)
        self.assertFalse(connection.closing)
        connection.channel.resumeProducing()
        server.clock.pump([IDLE_TIMEOUT] * 2)
        self.assertTrue(connection.closing)

    def test_idle_and_deaf(self) -> None:
        """A peer that does not take the close is cut off a while later."""
        server = Server(echo)
        connection = server.connect()
        server.clock.advance(IDLE_TIMEOUT + 1)
        server.clock.advance(60)
        self.assertTrue(connection.wire.aborted)

    def trickled(self, server: Server, connection: Connection, data: bytes) -> float:
        """Send *data* byte by byte, one a second; how many seconds it took until the server had enough."""
        for second, at in enumerate(range(len(data))):
            if connection.closing:
                return second
            connection.send(data[at : at + 1])
            server.clock.advance(1)
        raise AssertionError("the server had all the time in the world")

    def test_slow_head(self) -> None:
        """A head that trickles in has its time from its first byte, however steadily the bytes come."""
        server = Server(echo)
        connection = server.connect()
        server.clock.advance(IDLE_TIMEOUT - 1)
        seconds = self.trickled(server, connection, request_bytes("GET", "/" + "a" * 500))
        self.assertLessEqual(seconds, HEADER_TIMEOUT + 1)
        self.assertEqual(connection.answer().status, 408)
        self.assertEqual(server.served, [])
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_slow_second_head(self) -> None:
        """The next one too, also when it begins in the packet in which the first one ends."""
        for held in (None, Held()):
            server = Server(held or echo)
            connection = server.connect()
            request = request_bytes("PUT", "/a", body=b"x")
            connection.send(request + request[:10])
            if held is not None:
                held.turns[0].callback(None)
            seconds = self.trickled(server, connection, request[10:-20] + b"a" * 500)
            self.assertLessEqual(seconds, IDLE_TIMEOUT + 1)
            self.assertEqual([answer.status for answer in connection.answers()], [200, 408])

    def test_while_answering(self) -> None:
        """No clock runs against a client whose request is being served."""
        held = Held()
        server = Server(held)
        connection = server.connect()
        connection.send(request_bytes("GET", "/a"))
        server.clock.advance(10 * IDLE_TIMEOUT)
        held.turns[0].callback(None)
        self.assertEqual(connection.answer().status, 200)
        self.assertFalse(connection.closing)


class BodyTimeTests(SynchronousTestCase):
    """How slow a body may be."""

    def head(self, size: int) -> bytes:
        return request_bytes("PUT", "/a", [("Content-Length", str(size))])

    def test_silence(self) -> None:
        """A body that stops gets a 408, and the connection closes."""
        server = Server(echo)
        connection = server.connect()
        connection.send(self.head(1000) + b"x" * 10)
        server.clock.pump([1] * int(IDLE_TIMEOUT - 1))
        self.assertFalse(connection.closing)
        server.clock.pump([1] * 2)
        answer = connection.answer()
        self.assertEqual((answer.status, answer.header("Connection")), (408, "close"))
        self.assertTrue(connection.closing)
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])
        self.assertEqual(server.held(), 0)

    def test_trickle(self) -> None:
        """One that comes steadily, but below the least rate, too."""
        server = Server(echo)
        connection = server.connect()
        connection.send(self.head(1 << 30))
        for _ in range(int(IDLE_TIMEOUT) + 1):
            connection.send(b"x")
            server.clock.advance(1)
        self.assertEqual(connection.answer().status, 408)

    def test_slow_but_steady(self) -> None:
        """One above that rate is read for as long as it takes."""
        server = Server(echo)
        connection = server.connect()
        pieces = 50
        connection.send(self.head(pieces * PROGRESS))
        for _ in range(pieces):
            server.clock.advance(IDLE_TIMEOUT - 1)
            connection.send(b"x" * PROGRESS)
        server.clock.advance(1)
        self.assertEqual(len(connection.answer().body), pieces * PROGRESS)

    def test_slow_server(self) -> None:
        """While the server is the slow side, the client has all the time."""
        held = Held(echo)
        server = Server(held)
        connection = server.connect()
        connection.send(self.head(4 * HIGH_WATER))
        server.clock.advance(10 * IDLE_TIMEOUT)
        connection.send(b"x" * HIGH_WATER)
        server.clock.advance(10 * IDLE_TIMEOUT)
        self.assertFalse(connection.closing)
        held.turns[0].callback(None)
        for _ in range(3):
            connection.send(b"x" * HIGH_WATER)
            server.clock.advance(1)
        self.assertEqual(connection.answer().status, 200)

    def test_slow_disk(self) -> None:
        """The same when it has read, and is busy with that while the body is paused."""
        held = Held()

        async def serve(request: RegistryRequest) -> None:
            await request.body.read()
            await held(request)

        server = Server(serve)
        connection = server.connect()
        connection.send(self.head(8 * HIGH_WATER))
        for _ in range(4):
            connection.send(b"x" * HIGH_WATER)
        self.assertTrue(body_of(server.requests[0]).paused)
        server.clock.advance(10 * IDLE_TIMEOUT)
        self.assertFalse(connection.closing)
        held.turns[0].callback(None)
        connection.send(b"x" * (8 * HIGH_WATER - 4 * HIGH_WATER))
        server.clock.advance(1)
        self.assertEqual(connection.answer().status, 200)

    def test_after_the_answer_began(self) -> None:
        """A handler that has begun to answer is cut off, not told to answer again."""

        async def serve(request: RegistryRequest) -> None:
            request.begin_answer(200, ((b"Content-Length", b"10"),))
            await request.body.read_all(1000)
            request.write(b"never")

        server = Server(serve)
        connection = server.connect()
        connection.send(self.head(1000))
        server.clock.pump([IDLE_TIMEOUT + 1, 60])
        self.assertTrue(connection.closing)
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_dropped_rest(self) -> None:
        """The rest of a refused body must keep that rate as well."""
        server = Server(refuse)
        connection = server.connect()
        connection.send(self.head(1000))
        for _ in range(int(IDLE_TIMEOUT) + 1):
            connection.send(b"x")
            server.clock.advance(1)
        self.assertTrue(connection.closing)

    def test_reply(self) -> None:
        """The idle time of the connection is counted anew after such a request."""
        server = Server(refuse)
        connection = server.connect()
        connection.send(self.head(10))
        server.clock.advance(IDLE_TIMEOUT - 1)
        connection.send(b"x" * 10)
        server.clock.advance(IDLE_TIMEOUT - 1)
        connection.send(request_bytes("GET", "/b"))
        self.assertEqual([answer.status for answer in connection.answers()], [401, 401])
