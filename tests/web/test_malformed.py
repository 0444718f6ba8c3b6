"""Requests that two readers could understand differently: refused, and nothing behind them is executed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.web.serving import Held, Server, echo
from tests.web.wire import request_bytes
from txregistry.web.body import LINGER
from txregistry.web.channel import HEADER_LIMIT

INNER = request_bytes("DELETE", "/smuggled")

_LENGTHS = {
    "length and chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "chunks and length": "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "two equal lengths": "Content-Length: 4\r\nContent-Length: 4",
    "two lengths": "Content-Length: 4\r\nContent-Length: 5",
    "a list of lengths": "Content-Length: 5, 5",
    "a sign": "Content-Length: +5",
    "a negative length": "Content-Length: -1",
    "a hexadecimal length": "Content-Length: 0x5",
    "a length with an underscore": "Content-Length: 1_0",
    "a length in other digits": "Content-Length: \xb2",
    "an empty length": "Content-Length:",
    "a length of 5000 digits": "Content-Length: " + "1" * 5000,
    "a length beyond any storage": "Content-Length: " + "9" * 19,
    "compressed chunks": "Transfer-Encoding: gzip, chunked",
    "chunks, compressed": "Transfer-Encoding: chunked, gzip",
    "two transfer codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "an unknown coding": "Transfer-Encoding: xchunked",
    "a coding of the past": "Transfer-Encoding: identity",
    "a coding of the past, and a length": "Content-Length: 4\r\nTransfer-Encoding: Identity",
    "a vertical tab": "Transfer-Encoding: \x0bchunked",
    "a space before the colon": "Content-Length : 4",
    "a space in the name": "Content Length: 4",
    "no name": ": 4",
    "no colon": "Content-Length 4",
    "a NUL in a value": "X-Thing: a\0b",
    "a bare CR in a value": "X-Thing: a\rTransfer-Encoding: chunked",
    "a bare LF in a value": "X-Thing: a\nTransfer-Encoding: chunked",
}

_REQUEST_LINES = {
    "no version": b"GET /",
    "another version": b"GET / HTTP/2.0",
    "no such version": b"GET / HTTP/1.7",
    "another protocol": b"GET / SPDY/1.1",
    "two spaces": b"GET  / HTTP/1.1",
    "a space in the path": b"GET /a b HTTP/1.1",
    "a tab": b"GET\t/\tHTTP/1.1",
    "no method": b" / HTTP/1.1",
    "a method that is no token": b"GE(T / HTTP/1.1",
    "a NUL": b"GET /\0 HTTP/1.1",
    "a bare CR": b"GET /\rX HTTP/1.1",
    "a bare LF": b"GET /\nX: HTTP/1.1",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
}

_CHUNKS = {
    "a hexadecimal prefix": b"0x5\r\nhello\r\n",
    "a sign": b"+5\r\nhello\r\n",
    "a negative size": b"-5\r\nhello\r\n",
    "an underscore": b"1_0\r\n0123456789abcdef\r\n",
    "a space": b"5 \r\nhello\r\n",
    "no size": b"\r\nhello\r\n",
    "no number": b"five\r\nhello\r\n",
    "a size that is too small": b"4\r\nhello\r\n",
    "a size line without end": b"0" * 5000,
    "a line end in an extension": b"5;a\nb\r\nhello\r\n",
    "an endless trailer": b"0\r\n" + b"X: " + b"y" * 70000,
}


class MalformedTests(SynchronousTestCase):
    """One answer of ours, closed, and nothing else happens."""

    def refused(self, data: bytes, served: list[str], status: int = 400) -> None:
        """*data* gets one error envelope, and only *served* is dispatched, whatever comes behind it."""
        for pieces in ([data + INNER], [data, INNER], [data[at : at + 1] for at in range(len(data))]):
            if len(pieces) > 8000:
                continue  # byte by byte is for the short ones
            server = Server(echo)
            connection = server.connect()
            connection.send_each(pieces)
            connection.send(INNER)
            server.clock.advance(LINGER[1])
            answer = connection.answer()
            self.assertEqual(answer.status, status)
            self.assertEqual(len(answer.codes()), 1)
            self.assertEqual(answer.header("Connection"), "close")
            self.assertEqual(answer.header("Docker-Distribution-Api-Version"), "registry/2.0")
            self.assertTrue(connection.closing)
            self.assertEqual(server.served, served)
            connection.hang_up()
            self.assertEqual(server.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_lengths(self) -> None:
        """Headers that leave in doubt where the request ends."""
        for why, headers in _LENGTHS.items():
            for order in (f"Host: h\r\n{headers}", f"{headers}\r\nHost: h"):
                with self.subTest(why):
                    self.refused(f"PUT /a HTTP/1.1\r\n{order}\r\n\r\n".encode("latin-1"), [])

    def test_request_lines(self) -> None:
        """Request lines that are none."""
        for why, line in _REQUEST_LINES.items():
            with self.subTest(why):
                self.refused(line + b"\r\nHost: h\r\n\r\n", [])

    def test_chunks(self) -> None:
        """Chunks that are none, while the handler reads: it is told, and its answer is the only one."""
        head = request_bytes("PUT", "/a", [("Transfer-Encoding", "chunked")])
        for why, chunks in _CHUNKS.items():
            for start in (b"", b"3\r\nabc\r\n"):
                with self.subTest(why):
                    self.refused(head + start + chunks, ["PUT /a"])

    def test_folded(self) -> None:
        """A folded header is one header: it hides no second length."""
        self.refused(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n 5\r\n\r\n", [])
        self.refused(
            b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n\r\n", []
        )

    def test_before_the_handler_reads(self) -> None:
        """A handler that has not read yet when the framing breaks hears of it when it does."""
        held = Held()
        server = Server(held)
        connection = server.connect()
        connection.send(request_bytes("PUT", "/a", [("Transfer-Encoding", "chunked")]) + b"zz\r\n" + INNER)
        self.assertEqual(connection.received(), b"")
        held.turns[0].callback(None)
        self.assertEqual(connection.answer().status, 400)
        self.assertTrue(connection.closing)
        self.assertEqual(server.served, ["PUT /a"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_head(self) -> None:
        """The refusal of a HEAD has the length of the body that a GET would get, and no body."""
        heads = (
            b"HEAD /a HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
            b"HEAD /\xff HTTP/1.1\r\nHost: h\r\n\r\n",
            b"HEAD /" + b"a" * HEADER_LIMIT,
            b"HEAD /a HTTP/1.1\r\nX: " + b"a" * HEADER_LIMIT,
        )
        for head in heads:
            connection = Server(echo).connect()
            connection.send(head)
            refused = connection.answer("HEAD")
            self.assertEqual(refused.body, b"")
            self.assertGreater(int(refused.header("Content-Length") or 0), 0)
            connection = Server(echo).connect()
            connection.send(b"GET" + head[4:])
            self.assertEqual(connection.answer().status, refused.status)
            self.assertNotEqual(connection.answer().body, b"")

    def test_second_request(self) -> None:
        """The request before the malformed one gets its answer."""
        server = Server(echo)
        connection = server.connect()
        connection.send(request_bytes("PUT", "/a", body=b"one") + b"nonsense\r\n\r\n" + INNER)
        answers = connection.answers()
        self.assertEqual([answer.status for answer in answers], [200, 400])
        self.assertEqual(server.served, ["PUT /a"])

    def test_empty_lines(self) -> None:
        """One empty line before a request is forgiven, as RFC 9112 section 2.2 asks for; not a second."""
        server = Server(echo)
        connection = server.connect()
        connection.send(b"\r\n" + request_bytes("GET", "/a"))
        self.assertEqual(connection.answer().status, 200)
        self.refused(b"\r\n\r\n", [])
