"""
What the channel makes of Twisted's: order of calls, 100 Continue, pipelining.

Together with the modules beside it this pins what
:mod:`txregistry.web.channel` relies on in ``twisted.web.http``, private names
included; run it first when Twisted changes.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel

from tests.web.serving import Held, Server, body_of, echo, refuse
from tests.web.wire import chunked, request_bytes
from txregistry.web.channel import READ_SIZE, SMALL_READ, StreamingChannel
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest

EXPECT = (("Expect", "100-continue"),)
CHUNKED = (("Transfer-Encoding", "chunked"),)


class PrivateNameTests(SynchronousTestCase):
    """The names of twisted.web.http that the channel uses without a promise."""

    def test_overridden(self) -> None:
        """What the channel overrides exists in Twisted's channel, so that Twisted calls it."""
        names = (
            "_send100Continue",
            "_respondToBadRequestAndDisconnect",
            "_maybeChooseTransferDecoder",
            "_failChooseTransferDecoder",
            "allHeadersReceived",
            "allContentReceived",
            "lineReceived",
            "lineLengthExceeded",
            "rawDataReceived",
            "requestDone",
            "timeoutConnection",
            "writeHeaders",
        )
        self.assertEqual([name for name in names if not hasattr(HTTPChannel, name)], [])

    def test_read(self) -> None:
        """What the channel reads is there while a request is under way."""
        held = Held()
        connection = Server(held).connect()
        connection.send(request_bytes("PUT", "/a", body=b"abc")[:-1])
        channel: Any = connection.channel
        self.assertEqual(
            (channel._command, channel._path, channel._version, channel._handlingRequest),
            (b"PUT", b"/a", b"HTTP/1.1", False),
        )
        self.assertEqual(
            (channel._waitingForTransport, channel._busyReceiving, channel._buffer), (False, False, b"")
        )
        self.assertGreater(channel._receivedHeaderSize, 0)

    def test_read_size(self) -> None:
        """Large pieces are taken from the socket of bodies that fill small ones, and only of them."""
        connection = Server(echo).connect()
        self.assertEqual(connection.wire.bufferSize, SMALL_READ)
        connection.send(request_bytes("PUT", "/a", [("Content-Length", str(1 << 20))]))
        connection.send(b"x" * (SMALL_READ - 1))
        self.assertEqual(connection.wire.bufferSize, SMALL_READ)
        connection.send(b"x" * SMALL_READ)
        self.assertEqual(connection.wire.bufferSize, READ_SIZE)
        connection.send(b"x" * ((1 << 20) - 2 * SMALL_READ + 1))
        connection.send(request_bytes("GET", "/a"))
        self.assertEqual(connection.wire.bufferSize, SMALL_READ)

    def test_read_size_of_tiny_chunks(self) -> None:
        """Bodies in tiny chunks, which take their time, are read in small pieces, however much comes."""
        connection = Server(echo).connect()
        connection.send(request_bytes("PUT", "/a", [("Transfer-Encoding", "chunked")]))
        tiny = b"1\r\nx\r\n" * SMALL_READ
        connection.send(tiny[:SMALL_READ])
        self.assertEqual(connection.wire.bufferSize, SMALL_READ)
        connection.send(tiny[SMALL_READ : SMALL_READ + 6 - SMALL_READ % 6])  # the end of the last chunk
        large = b"%x\r\n" % (1 << 20)
        connection.send(large + b"x" * (SMALL_READ - len(large)))
        self.assertEqual(connection.wire.bufferSize, READ_SIZE)
        connection.send(b"x" * ((1 << 20) - SMALL_READ + len(large)) + b"\r\n")
        self.assertEqual(connection.wire.bufferSize, READ_SIZE)
        connection.send(tiny[: READ_SIZE // 6 * 6])
        self.assertEqual(connection.wire.bufferSize, SMALL_READ)


class OrderTests(SynchronousTestCase):
    """When a request is dispatched, and what it gets to see."""

    def test_calls(self) -> None:
        """Headers, dispatch (after the upcall for the headers), body, end, done: in this order."""
        calls: list[str] = []

        def noting(name: str) -> Any:
            original = getattr(StreamingChannel, name)

            def called(self: Any, *arguments: Any) -> Any:
                calls.append(name)
                result = original(self, *arguments)
                calls.append(f"/{name}")
                return result

            return called

        for name in ("allHeadersReceived", "allContentReceived", "requestDone"):
            self.patch(StreamingChannel, name, noting(name))

        async def serve(request: RegistryRequest) -> None:
            calls.append("dispatch")
            request.answer(Reply(200, body=await request.body.read_all(10)))

        server = Server(serve)
        connection = server.connect()
        connection.send(request_bytes("PUT", "/a", body=b"abc")[:-3])
        connection.send(b"abc")
        self.assertEqual(
            calls,
            [
                "allHeadersReceived",
                "/allHeadersReceived",
                "dispatch",
                "allContentReceived",
                "requestDone",
                "/requestDone",
                "/allContentReceived",
            ],
        )
        self.assertEqual(connection.answer().body, b"abc")

    def test_on_headers(self) -> None:
        """A request with a body is dispatched when its last header line is in, before any of the body."""
        server = Server(echo)
        connection = server.connect()
        head = request_bytes("PUT", "/a", body=b"abc")[:-3]
        connection.send(head[:-1])
        self.assertEqual(server.served, [])
        connection.send(head[-1:])
        self.assertEqual(server.served, ["PUT /a"])
        self.assertEqual(body_of(server.requests[0]).received, 0)

    def test_once(self) -> None:
        """The end of the body does not dispatch the request again."""
        server = Server(refuse)
        connection = server.connect()
        connection.send(request_bytes("PUT", "/a", body=b"abc"))
        self.assertEqual(server.served, ["PUT /a"])

    def test_without_body(self) -> None:
        """A request without a body, or with one of no bytes, is dispatched once and reads nothing."""
        for headers in ((), (("Content-Length", "0"),)):
            server = Server(echo)
            connection = server.connect()
            connection.send(request_bytes("POST", "/a", headers))
            self.assertEqual(server.served, ["POST /a"])
            self.assertEqual(connection.answer().body, b"")
            self.assertFalse(connection.closing)

    def test_chunked_without_content(self) -> None:
        """A chunked body of no chunks is a body of no bytes."""
        server = Server(echo)
        connection = server.connect()
        connection.send(request_bytes("PUT", "/a", CHUNKED) + chunked())
        self.assertEqual(connection.answer().body, b"")

    def test_forms(self) -> None:
        """Forms are bodies like any other: nothing of them gets into the arguments."""
        for content_type in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            server = Server(echo)
            connection = server.connect()
            body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n&a=b'
            connection.send(request_bytes("POST", "/a?c=d", [("Content-Type", content_type)], body))
            self.assertEqual(connection.answer().body, body)
            self.assertEqual(server.requests[0].args, {b"c": [b"d"]})

    def test_no_file(self) -> None:
        """A large body, or one of unknown length, makes no temporary file and no buffer of Twisted's."""
        for head in (
            request_bytes("PUT", "/a", [("Content-Length", "200000000")]),
            request_bytes("PUT", "/a", CHUNKED),
        ):
            server = Server(echo)
            server.connect().send(head)
            self.assertIsNone(server.requests[0].content)


class ContinueTests(SynchronousTestCase):
    """100 Continue comes when, and only when, somebody reads."""

    def test_on_read(self) -> None:
        """It is said when the handler first reads, not before."""
        held = Held()
        connection = Server(held).connect()
        request = request_bytes("PUT", "/a", EXPECT, b"abc")
        connection.send(request[:-3])
        self.assertEqual(connection.received(), b"")
        held.turns[0].callback(None)
        self.assertEqual(connection.received(), b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.send(request[-3:])
        answer = connection.answer()
        self.assertEqual((answer.status, answer.body, answer.continues), (200, b"abc", 1))

    def test_not_for_a_refusal(self) -> None:
        """A refused body is not asked for, and the connection closes: nobody can know what follows on it."""
        connection = Server(refuse).connect()
        connection.send(request_bytes("PUT", "/a", EXPECT, b"abc")[:-3])
        answer = connection.answer()
        self.assertEqual((answer.status, answer.continues), (401, 0))
        self.assertEqual(answer.header("Connection"), "close")
        self.assertTrue(connection.closing)

    def test_not_after_the_body(self) -> None:
        """A client that did not wait is not told to go on when all is there; the connection stays."""
        held = Held()
        connection = Server(held).connect()
        connection.send(request_bytes("PUT", "/a", EXPECT, b"abc"))
        held.turns[0].callback(None)
        answer = connection.answer()
        self.assertEqual((answer.body, answer.continues), (b"abc", 0))
        self.assertFalse(connection.closing)

    def test_not_unasked(self) -> None:
        """Without the header, and for other expectations, it is not said."""
        for headers in ((), (("Expect", "something"),)):
            connection = Server(echo).connect()
            connection.send(request_bytes("PUT", "/a", headers, b"abc"))
            self.assertEqual(connection.answer().continues, 0)

    def test_not_owed_by_the_next(self) -> None:
        """What one request did not take is not said to the next on the same connection."""
        connection = Server(echo).connect()
        connection.send(request_bytes("GET", "/a", EXPECT) + request_bytes("PUT", "/b", body=b"x"))
        self.assertEqual([answer.continues for answer in connection.answers()], [0, 0])


class PipelineTests(SynchronousTestCase):
    """Several requests on one connection."""

    def test_order(self) -> None:
        """Answers come in the order of the requests (CVE-2023-46137, CVE-2024-41671)."""
        held = Held(echo)
        server = Server(held)
        connection = server.connect()
        requests = [
            request_bytes("PUT", "/0", body=b"zero"),
            request_bytes("GET", "/1"),
            request_bytes("PUT", "/2", CHUNKED) + chunked(b"t", b"wo"),
            request_bytes("PUT", "/3", body=b"three"),
        ]
        connection.send(b"".join(requests))
        for number in range(4):
            self.assertEqual(len(held.turns), number + 1, "a request began before the last one was answered")
            held.turns[number].callback(None)
        self.assertEqual([answer.body for answer in connection.answers()], [b"zero", b"", b"two", b"three"])
        self.assertFalse(connection.closing)

    def test_after_close(self) -> None:
        """What follows a request that said ``Connection: close`` is not executed."""
        server = Server(echo)
        connection = server.connect()
        connection.send(request_bytes("GET", "/a", [("Connection", "close")]) + request_bytes("GET", "/b"))
        connection.send(request_bytes("GET", "/c"))
        self.assertEqual(server.served, ["GET /a"])
        self.assertEqual(connection.answer().header("Connection"), "close")
        self.assertTrue(connection.closing)

    def test_lists(self) -> None:
        """Connection is a list, in one line or in several."""
        for headers in (
            [("Connection", "close, TE")],
            [("Connection", "TE ,Close")],
            [("Connection", "TE"), ("Connection", "close")],
        ):
            connection = Server(echo).connect()
            connection.send(request_bytes("GET", "/a", headers))
            self.assertEqual(connection.answer().header("Connection"), "close")
        connection = Server(echo).connect()
        connection.send(request_bytes("GET", "/a", [("Connection", "keep-alive, not-close")]))
        self.assertFalse(connection.closing)

    def test_bounded(self) -> None:
        """A client that sends on and on while its first request is served is not read for ever."""
        held = Held()
        connection = Server(held).connect()
        connection.send(request_bytes("GET", "/a"))
        for _ in range(100):
            connection.send(request_bytes("GET", "/b") * 100)
        self.assertGreater(connection.untaken, 0)
        held.turns[0].callback(None)
        self.assertEqual(connection.answers()[0].status, 200)

    def test_http_10(self) -> None:
        """An HTTP/1.0 client gets its answer and a closed connection."""
        connection = Server(echo).connect()
        connection.send(b"GET /a HTTP/1.0\r\n\r\n")
        self.assertEqual(connection.answer().header("Connection"), "close")
        self.assertTrue(connection.closing)

    def test_many(self) -> None:
        """Thousands of pipelined requests do not exhaust the stack."""
        server = Server(echo)
        connection = server.connect()
        connection.send(request_bytes("PUT", "/a", body=b"x") * 5000)
        server.clock.pump([0] * 5000)
        connection.deliver()
        self.assertEqual(len(connection.answers()), 5000)


class PauseTests(SynchronousTestCase):
    """When the socket is read: not while a body waits for its reader, nor while the client takes nothing."""

    def setUp(self) -> None:
        self.held = Held()
        self.connection = Server(self.held).connect()
        self.connection.send(request_bytes("PUT", "/a", [("Content-Length", str(1 << 20))]))
        self.connection.send(b"x" * 100_000)
        self.assertFalse(self.connection.takes)

    def test_written(self) -> None:
        """That the client took what was written does not make a paused body go on."""
        self.connection.channel.pauseProducing()
        self.connection.channel.resumeProducing()
        self.assertFalse(self.connection.takes)
        self.held.turns[0].callback(None)
        self.assertTrue(self.connection.takes)

    def test_read(self) -> None:
        """That the body was read does not make a client go on that takes no answers."""
        self.connection.channel.pauseProducing()
        self.held.turns[0].callback(None)
        self.assertFalse(self.connection.takes)
        self.connection.channel.resumeProducing()
        self.assertTrue(self.connection.takes)

    def test_closing(self) -> None:
        """A connection that was paused for what was sent ahead is read to its end when it closes."""
        held = Held()
        connection = Server(held).connect()
        connection.send(request_bytes("GET", "/a", [("Connection", "close")]))
        connection.send(b"x" * 100_000)
        self.assertFalse(connection.takes)
        held.turns[0].callback(None)
        self.assertTrue(connection.takes)


class HeadTests(SynchronousTestCase):
    """The head of an answer."""

    def test_line_ends(self) -> None:
        """Whatever gets into a header's value, it ends no line (CVE-2022-24801 and its like)."""

        async def serve(request: RegistryRequest) -> None:
            request.answer(Reply(200, ((b"X-One", b"a\r\nX-Evil: b"), (b"X-Two", b"a\nb\rc"))))

        connection = Server(serve).connect()
        connection.send(request_bytes("GET", "/a"))
        answer = connection.answer()
        self.assertEqual(answer.header("X-One"), "aX-Evil: b")
        self.assertEqual(answer.header("X-Two"), "abc")
