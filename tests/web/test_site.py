"""The access log, and the end of service."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import stringToDatetime

from tests.web.serving import Held, Server, echo
from tests.web.wire import Wire, request_bytes
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest
from txregistry.web.site import _quoted

LINE = (
    r'\A192\.0\.2\.7 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "PUT /a\?b=c HTTP/1\.1"'
    r' 200 3 "http://from\.test/" "a client/1\.0"\Z'
)


class AccessLineTests(SynchronousTestCase):
    """The lines of the access log."""

    def line(self, data: bytes, server: Server | None = None) -> str:
        server = server or Server(echo)
        server.connect().send(data)
        return server.access[-1]

    def test_form(self) -> None:
        """Apache's combined format, as distribution writes it."""
        headers = [("Referer", "http://from.test/"), ("User-Agent", "a client/1.0")]
        self.assertRegex(self.line(request_bytes("PUT", "/a?b=c", headers, b"abc")), LINE)

    def test_missing(self) -> None:
        """What the client did not say is empty."""
        self.assertTrue(self.line(request_bytes("GET", "/a")).endswith('" 200 0 "" ""'))

    def test_status(self) -> None:
        """Status and size are those of the answer."""

        async def serve(request: RegistryRequest) -> None:
            request.answer(Reply(404, body=b"12345"))

        self.assertIn('" 404 5 "', self.line(request_bytes("GET", "/a"), Server(serve)))
        self.assertIn('" 404 0 "', self.line(request_bytes("HEAD", "/a"), Server(serve)))

    def test_addresses(self) -> None:
        """Clients are named by their address; those that come over IPv6 as IPv4 by the shorter one."""
        for address, shown in (
            (IPv4Address("TCP", "203.0.113.5", 1), "203.0.113.5"),
            (IPv6Address("TCP", "2001:db8::1", 1), "2001:db8::1"),
            (IPv6Address("TCP", "::ffff:203.0.113.5", 1), "203.0.113.5"),
            (UNIXAddress(None), "-"),
        ):
            self.patch(Wire, "getPeer", lambda _, address=address: address)
            self.assertEqual(self.line(request_bytes("GET", "/a")).split(" ")[0], shown)

    def test_forged(self) -> None:
        """A client cannot end a field or a line, nor hide what it sent."""
        for value, shown in (
            (b'" 200 0 "', r"\" 200 0 \""),
            (b"a\\", r"a\\"),
            (b"\x1b[2J", r"\x1b[2J"),
            (b"\x85", r"\\x85"),
            ("\u2028".encode(), r"\u2028"),
            ("\x9b2J".encode(), r"\x9b2J"),
            (b"\xff", r"\\xff"),
            ("caf\u00e9".encode(), "caf\u00e9"),
            (b"\x7f\t", r"\x7f\t"),
        ):
            line = self.line(b"GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: x" + value + b"x\r\n\r\n")
            self.assertTrue(line.endswith(f'"x{shown}x"'), line)

    @given(st.binary(max_size=40).filter(lambda value: not set(value) & set(b"\r\n\0")))
    def test_any_agent(self, value: bytes) -> None:
        """Whatever the client calls itself, the line is one line of printable characters with four fields."""
        line = self.line(b"GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: " + value + b"\r\n\r\n")
        self.assertTrue(line.isprintable())
        self.assertRegex(line, r'\A192\.0\.2\.7 - - \[[^]]*\] "[^"]*" 200 0 "" "(?:[^"\\]|\\.)*"\Z')

    @given(st.text(st.sampled_from('a"\\\t\x1b\x7f\x85\xa0\xad\u00e9\u2028\U000e0001') | st.characters()))
    def test_each_escape(self, text: str) -> None:
        """What is unprintable is escaped as Python escapes it, and quotes and backslashes are."""
        value = text.encode("utf-8", "surrogatepass")
        shown = value.decode("utf-8", "backslashreplace").replace("\\", "\\\\").replace('"', '\\"')
        escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
        self.assertEqual(_quoted(value), escaped)

    def test_request_line(self) -> None:
        """The same holds for what was asked."""
        line = self.line(b'GET /a"b\\c HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assertIn(r'"GET /a\"b\\c HTTP/1.1" 200', line)

    def test_once(self) -> None:
        """Each request has one line, in the order in which they ended."""
        server = Server(echo)
        connection = server.connect()
        connection.send(b"".join(request_bytes("GET", f"/{n}") for n in range(3)))
        connection.hang_up()
        self.assertEqual([line.split()[6] for line in server.access], ["/0", "/1", "/2"])
        self.assertEqual(server.ended, [("/0", 200), ("/1", 200), ("/2", 200)])


class DateTests(SynchronousTestCase):
    """The Date of answers."""

    def test_now(self) -> None:
        """It is a date, and that of now."""
        connection = Server(echo).connect()
        connection.send(request_bytes("GET", "/a"))
        date = connection.answer().header("Date") or ""
        then = stringToDatetime(date.encode())
        self.assertGreater(then, 1_700_000_000)
        server = Server(echo)
        self.assertIs(server.site.http_date(), server.site.http_date())


class DrainTests(SynchronousTestCase):
    """The end of service."""

    def test_nothing(self) -> None:
        """Without connections it is over at once."""
        self.successResultOf(Server(echo).site.drain())

    def test_idle(self) -> None:
        """Idle connections are closed at once, those that were used and those that were not."""
        server = Server(echo)
        fresh, used = server.connect(), server.connect()
        used.send(request_bytes("GET", "/a"))
        draining = server.site.drain()
        self.assertTrue(fresh.closing and used.closing)
        self.assertNoResult(draining)
        fresh.hang_up()
        used.hang_up()
        self.successResultOf(draining)
        self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_under_way(self) -> None:
        """A request under way gets its answer, the last one on its connection; what follows does not."""
        held = Held()
        server = Server(held)
        connection = server.connect()
        connection.send(request_bytes("GET", "/a") + request_bytes("GET", "/b"))
        draining = server.site.drain()
        self.assertFalse(connection.closing)
        held.turns[0].callback(None)
        answer = connection.answer()
        self.assertEqual((answer.status, answer.header("Connection")), (200, "close"))
        self.assertTrue(connection.closing)
        self.assertEqual(server.served, ["GET /a"])
        connection.hang_up()
        self.successResultOf(draining)

    def test_body_under_way(self) -> None:
        """So does one whose body is still coming."""
        server = Server(echo)
        connection = server.connect()
        request = request_bytes("PUT", "/a", body=b"abc")
        connection.send(request[:-2])
        draining = server.site.drain()
        connection.send(request[-2:])
        answer = connection.answer()
        self.assertEqual((answer.body, answer.header("Connection")), (b"abc", "close"))
        self.assertTrue(connection.closing)
        connection.hang_up()
        self.successResultOf(draining)

    def test_head_under_way(self) -> None:
        """So does one whose head is still coming; it is the last one on its connection."""
        server = Server(echo)
        connection = server.connect()
        request = request_bytes("PUT", "/a", body=b"abc")
        connection.send(request[:20])
        draining = server.site.drain()
        connection.send(request[20:])
        answer = connection.answer()
        self.assertEqual((answer.body, answer.header("Connection")), (b"abc", "close"))
        self.assertTrue(connection.closing)
        connection.hang_up()
        self.successResultOf(draining)

    def test_refused_rest(self) -> None:
        """A connection that only drops the rest of a refused body ends with that."""

        async def refuse(request: RegistryRequest) -> None:
            request.answer(Reply(401))

        server = Server(refuse)
        connection = server.connect()
        request = request_bytes("PUT", "/a", body=b"x" * 100)
        connection.send(request[:-50])
        self.assertEqual(connection.answer().status, 401)
        draining = server.site.drain()
        connection.send(request[-50:])
        self.assertTrue(connection.closing)
        connection.hang_up()
        self.successResultOf(draining)

    def test_no_more(self) -> None:
        """New connections are not taken any more."""
        server = Server(echo)
        server.site.drain()
        self.assertIsNone(server.site.buildProtocol(None))

    def test_abort(self) -> None:
        """What is left can be broken."""
        server = Server(Held())
        connection = server.connect()
        connection.send(request_bytes("GET", "/a"))
        draining = server.site.drain()
        server.site.abort()
        self.assertTrue(connection.wire.aborted)
        connection.hang_up()
        self.successResultOf(draining)
        self.assertEqual(server.ended, [("/a", 499)])


class RequestTests(SynchronousTestCase):
    """What log lines say of a request."""

    def fields(self, data: bytes) -> dict[str, object]:
        server = Server(echo)
        server.connect().send(data)
        return dict(server.requests[0].log_fields())

    def test_fields(self) -> None:
        """The names are distribution's."""
        headers = [("User-Agent", "x/1"), ("Referer", "y"), ("Content-Type", "text/plain")]
        fields = self.fields(request_bytes("PUT", "/v2/a?b=c", headers, b"abc"))
        identity = fields.pop("http.request.id")
        self.assertRegex(str(identity), r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
        self.assertEqual(
            fields,
            {
                "http.request.method": "PUT",
                "http.request.host": "registry.test",
                "http.request.uri": "/v2/a?b=c",
                "http.request.remoteaddr": "192.0.2.7:40000",
                "http.request.useragent": "x/1",
                "http.request.referer": "y",
                "http.request.contenttype": "text/plain",
            },
        )

    def test_id(self) -> None:
        """Each request has an id of its own, and keeps it."""
        server = Server(echo)
        server.connect().send(request_bytes("GET", "/a") * 2)
        first, second = server.requests
        self.assertNotEqual(first.id, second.id)
        self.assertEqual(first.id, first.id)

    def test_unix(self) -> None:
        """A client without an address is shown as one."""
        self.patch(Wire, "getPeer", lambda _: UNIXAddress(None))
        self.assertEqual(self.fields(request_bytes("GET", "/a"))["http.request.remoteaddr"], "@")

    def test_ipv6(self) -> None:
        """IPv6 addresses stand in brackets."""
        address: Any = IPv6Address("TCP", "2001:db8::1", 7)
        self.patch(Wire, "getPeer", lambda _: address)
        self.assertEqual(
            self.fields(request_bytes("GET", "/a"))["http.request.remoteaddr"], "[2001:db8::1]:7"
        )
