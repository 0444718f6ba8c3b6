"""Answers that are given before the body has come: the client must see them, whatever it does."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.web.serving import Held, Server, body_of, echo, refuse
from tests.web.wire import Connection, chunked, request_bytes
from txregistry.web.body import LINGER
from txregistry.web.channel import DRAIN_BYTES, DRAIN_SECONDS, SMALL_REST
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest
from txregistry.web.site import IDLE_TIMEOUT

CHUNKED = (("Transfer-Encoding", "chunked"),)


def put(path: str, size: int) -> bytes:
    """The head of a PUT with *size* bytes to come."""
    return request_bytes("PUT", path, [("Content-Length", str(size))])


class SmallRestTests(SynchronousTestCase):
    """What is left of the body is known and little: it is read, and the connection lives on."""

    def test_kept(self) -> None:
        """The rest is dropped, the connection stays open, and a pipelined request is answered."""
        server = Server(refuse)
        connection = server.connect()
        connection.send(put("/a", SMALL_REST))
        first = connection.answer()
        self.assertEqual((first.status, first.header("Connection")), (401, None))
        connection.send(b"x" * SMALL_REST + request_bytes("GET", "/b"))
        self.assertEqual([answer.status for answer in connection.answers()], [401, 401])
        self.assertEqual(server.served, ["PUT /a", "GET /b"])
        self.assertFalse(connection.closing)
        self.assertEqual(server.held(), 0)

    def test_body_is_no_request(self) -> None:
        """What looks like a request inside the dropped body is not one."""
        server = Server(refuse)
        connection = server.connect()
        inner = request_bytes("DELETE", "/inner")
        connection.send(put("/a", len(inner)) + inner[:10])
        connection.send(inner[10:])
        connection.send(request_bytes("GET", "/b"))
        self.assertEqual(server.served, ["PUT /a", "GET /b"])

    def test_counted_from_what_came(self) -> None:
        """What matters is what is left, not how long the body was."""

        async def read_some(request: RegistryRequest) -> None:
            await request.body.read()
            request.answer(Reply(400))

        server = Server(read_some)
        connection = server.connect()
        connection.send(put("/a", 3 * SMALL_REST))
        connection.send_each([b"x" * SMALL_REST] * 2)
        server.clock.advance(LINGER[1])
        self.assertIsNone(connection.answer().header("Connection"))
        connection.send(b"x" * SMALL_REST + request_bytes("GET", "/b"))
        self.assertEqual(len(connection.answers()), 2)

    def test_rest_never_comes(self) -> None:
        """A client that then falls silent is not waited for without end."""
        server = Server(refuse)
        connection = server.connect()
        connection.send(put("/a", 100))
        connection.send(b"x" * 50)
        server.clock.advance(IDLE_TIMEOUT + 1)
        self.assertTrue(connection.closing)
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_client_leaves(self) -> None:
        """A client that leaves in the middle of the rest leaves nothing behind, and is logged once."""
        server = Server(refuse)
        connection = server.connect()
        connection.send(put("/a", 100) + b"x" * 50)
        connection.hang_up()
        self.assertEqual(server.ended, [("/a", 401)])
        self.assertEqual(server.clock.getDelayedCalls(), [])
        self.assertEqual(server.held(), 0)


class LargeRestTests(SynchronousTestCase):
    """What is left is much, or unknown: the connection ends behind the answer, without hurting it."""

    def refused(self, head: bytes) -> tuple[Server, Connection]:
        server = Server(refuse)
        connection = server.connect()
        connection.send(head)
        answer = connection.answer()
        self.assertEqual((answer.status, answer.header("Connection")), (401, "close"))
        return server, connection

    def test_half_closed(self) -> None:
        """The server ends its side only, and goes on reading, so that no reset destroys the answer."""
        for head in (put("/a", SMALL_REST + 1), request_bytes("PUT", "/a", CHUNKED)):
            _, connection = self.refused(head)
            self.assertTrue(connection.wire.half_closed)
            self.assertFalse(connection.wire.disconnecting)
            connection.send(b"x" * 1000)
            self.assertEqual(connection.untaken, 0)

    def test_bytes(self) -> None:
        """It reads so many bytes and no more."""
        _, connection = self.refused(put("/a", 1 << 40))
        piece = b"x" * (1 << 20)
        for _ in range(DRAIN_BYTES // len(piece)):
            connection.send(piece)
        self.assertFalse(connection.wire.aborted)
        connection.send(b"x")
        self.assertTrue(connection.wire.aborted)

    def test_seconds(self) -> None:
        """It reads for so long and no longer; what a slow client has not taken yet is still sent."""
        server, connection = self.refused(put("/a", 1 << 40))
        server.clock.advance(DRAIN_SECONDS - 0.1)
        connection.send(b"x")
        self.assertFalse(connection.wire.disconnecting)
        server.clock.advance(0.2)
        self.assertTrue(connection.wire.disconnecting)
        self.assertFalse(connection.wire.aborted)
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_hang_up(self) -> None:
        """A client that leaves after the answer ends the reading, and is logged as answered."""
        server, connection = self.refused(put("/a", 1 << 40))
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])
        self.assertEqual(server.ended, [("/a", 401)])

    def test_nothing_more(self) -> None:
        """Whatever comes behind the answer is not executed, even if it would fit."""
        server, connection = self.refused(request_bytes("PUT", "/a", CHUNKED))
        connection.send(chunked(b"abc") + request_bytes("DELETE", "/b"))
        self.assertEqual(server.served, ["PUT /a"])
        self.assertEqual(len(connection.answers()), 1)

    def test_paused_body(self) -> None:
        """A body that was paused because nobody asked for it is read again for the draining."""
        held = Held(refuse)
        server = Server(held)
        connection = server.connect()
        connection.send(put("/a", 1 << 30))
        connection.send_each([b"x" * 65536] * 10)
        self.assertGreater(connection.untaken, 0)
        held.turns[0].callback(None)
        connection.deliver()
        self.assertEqual(connection.untaken, 0)
        self.assertEqual(server.held(), 0)


class ReleaseTests(SynchronousTestCase):
    """Whatever becomes of a request, its body is out of the budget in the end."""

    def test_unread(self) -> None:
        """A body that came whole and was never read is given up when the request has its answer."""
        held = Held(refuse)
        server = Server(held)
        connection = server.connect()
        connection.send(request_bytes("POST", "/a", body=b"{}"))
        self.assertGreater(server.held(), 0)
        held.turns[0].callback(None)
        self.assertEqual(connection.answer().status, 401)
        self.assertEqual(server.held(), 0)

    def test_unread_and_gone(self) -> None:
        """So is one whose client left before the answer."""
        server = Server(Held())
        for body in (b"{}", b"x" * 40000):
            connection = server.connect()
            connection.send(request_bytes("POST", "/a", body=body))
            connection.hang_up()
            self.assertEqual(server.held(), 0)

    def test_half_and_gone(self) -> None:
        """So is one that was only half there."""
        server = Server(echo)
        connection = server.connect()
        connection.send(put("/a", 100) + b"x" * 50)
        self.assertGreater(server.held(), 0)
        connection.hang_up()
        self.assertEqual(server.held(), 0)
        self.assertTrue(body_of(server.requests[0]).received, 50)
