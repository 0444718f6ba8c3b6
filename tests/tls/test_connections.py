"""Encrypted connections, from the first byte to the last."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase

from tests.certificates import Authority
from tests.tls.making import Ends, Options, client_context, contexts_of
from tests.web.serving import Held, Serve, Server, echo, refuse
from tests.web.wire import PEER, request_bytes
from txregistry.tls.connections import (
    HANDSHAKE_TIMEOUT,
    LINGER,
    PIECE,
    PLAIN_HTTP,
    TlsFactory,
)
from txregistry.web.channel import DRAIN_SECONDS, SMALL_READ
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest
from txregistry.web.site import IDLE_TIMEOUT

WHERE = "192.0.2.7:40000"
NAMESPACE = "txregistry.tls.connections.TlsConnection"


class ConnectionCase(SynchronousTestCase):
    """A server with a certificate, and the log of its connections."""

    def setUp(self) -> None:
        self.authority = Authority.root()
        self.options = Options.of(self.authority.server(), self.mktemp())
        self.contexts = contexts_of(self.options)

    def connect(self, client: SSL.Context | None = None, serve: Serve = echo, **others: Any) -> Ends:
        """Connect, without a handshake."""
        return Ends(self.contexts, client, serve, **others)

    def shaken(self, client: SSL.Context | None = None, serve: Serve = echo, **others: Any) -> Ends:
        """Connect, and shake hands."""
        ends = self.connect(client, serve, **others)
        ends.shake()
        self.assertIsNone(ends.error)
        return ends

    def logged(self, events: Any) -> list[tuple[str, str]]:
        """Levels and texts of what was logged of connections, none of them a traceback."""
        mine = [event for event in events if event["log_namespace"] == NAMESPACE]
        self.assertEqual([], [event for event in mine if "log_failure" in event])
        return [(event["log_level"].name, event["log_format"].format(**event)) for event in mine]


class HandshakeTests(ConnectionCase):
    """How a connection begins, or does not."""

    def test_good(self) -> None:
        """A request is answered, nothing is logged, and no clock runs but the one for idle connections."""
        with capturedLogs() as events:
            ends = self.connect(client_context(self.authority))
            self.assertTrue(ends.works)
        self.assertEqual([], self.logged(events))
        [call] = ends.clock.getDelayedCalls()
        self.assertAlmostEqual(IDLE_TIMEOUT, call.getTime() - ends.clock.seconds())
        self.assertTrue(ends.wire.undelayed)

    def test_byte_by_byte(self) -> None:
        """How what comes is cut into pieces does not matter."""
        ends = self.connect()
        whole = ends.raw

        def each(data: bytes) -> None:
            for index in range(len(data)):
                whole(data[index : index + 1])

        self.patch(ends, "raw", each)
        self.assertTrue(ends.works)

    def test_secure(self) -> None:
        """The request knows that it came on an encrypted connection, so links begin with https."""
        seen: list[bool] = []

        async def serve(request: RegistryRequest) -> None:
            seen.append(request.isSecure())

        self.shaken(serve=serve).send(request_bytes("GET", "/a"))
        self.assertEqual([True], seen)

    def test_silence(self) -> None:
        """Who does not come to the end of the handshake in time is cut off."""
        for begin in (b"", b"\x16\x03\x01"):
            ends = self.connect()
            ends.raw(begin) if begin else None
            with capturedLogs() as events:
                ends.clock.advance(HANDSHAKE_TIMEOUT - 0.01)
                self.assertFalse(ends.wire.aborted)
                ends.clock.advance(0.01)
                self.assertTrue(ends.wire.aborted)
                ends.hang_up()
            self.assertEqual(
                [("info", f"TLS handshake with {WHERE} failed: it took longer than 30 s")],
                self.logged(events),
            )
            self.assertEqual([], ends.clock.getDelayedCalls())

    def test_leaves(self) -> None:
        """Who leaves in the middle is worth a line; who connects and leaves, as probes do, is not."""
        ends = self.connect()
        with capturedLogs() as events:
            ends.hang_up()
        self.assertEqual([], self.logged(events))
        ends = self.connect()
        ends.raw(b"\x16\x03\x01")
        with capturedLogs() as events:
            ends.hang_up()
        self.assertEqual(
            [("info", f"TLS handshake with {WHERE} failed: the client left")], self.logged(events)
        )
        self.assertEqual([], ends.clock.getDelayedCalls())

    def test_addresses(self) -> None:
        """The log names clients as they are known: one of IPv4 on a port of both kinds, too."""
        for peer, shown in (
            (IPv6Address("TCP", "::ffff:192.0.2.7", 40000), WHERE),
            (IPv6Address("TCP", "2001:db8::7", 40000), "[2001:db8::7]:40000"),
            (UNIXAddress(None), "a client on the socket"),
        ):
            ends = self.connect(peer=peer)
            ends.raw(b"\x16\x03\x01")
            with capturedLogs() as events:
                ends.hang_up()
            [(_, text)] = self.logged(events)
            self.assertEqual(f"TLS handshake with {shown} failed: the client left", text)

    def failure(self, ends: Ends) -> tuple[str, str]:
        """What the log says of a handshake that fails, whose client is told why before the end."""
        with capturedLogs() as events:
            ends.shake()
        self.assertIsNotNone(ends.error)
        self.assertTrue(ends.wire.half_closed)
        self.assertFalse(ends.wire.closed)
        ends.clock.advance(LINGER)
        self.assertTrue(ends.wire.aborted)
        ends.hang_up()
        self.assertEqual([], ends.clock.getDelayedCalls())
        self.assertEqual(set(), ends.server.site.connections)
        [line] = self.logged(events)
        return line

    def test_failures(self) -> None:
        """A handshake that fails is one line with who and why."""
        for client, reason in (
            (
                client_context(oldest=SSL.TLS1_VERSION, newest=SSL.TLS1_1_VERSION, suites=b"ALL:@SECLEVEL=0"),
                "unsupported protocol",
            ),
            (client_context(newest=SSL.TLS1_2_VERSION, suites=b"AES128-SHA"), "no shared cipher"),
            (client_context(protocols=(b"h2",)), "the client speaks no HTTP/1.1"),
        ):
            self.assertEqual(
                ("info", f"TLS handshake with {WHERE} failed: {reason}"), self.failure(self.connect(client))
            )

    def test_distrust(self) -> None:
        """So is a client that does not trust our certificate, which says so."""
        level, text = self.failure(self.connect(client_context(Authority.root("Other"))))
        self.assertEqual("info", level)
        self.assertIn("unknown ca", text)

    def test_rubbish(self) -> None:
        """So is what is no TLS at all."""
        ends = self.connect()
        with capturedLogs() as events:
            ends.raw(b"\x00\x01\x02\x03" * 16)
        [(level, _)] = self.logged(events)
        self.assertEqual("info", level)
        self.assertTrue(ends.wire.half_closed)
        ends.raw(b"\x00" * 100000)
        ends.hang_up()

    def test_client_certificates(self) -> None:
        """An operator is warned of clients without certificate, and of certificates that were refused."""
        clients = Authority.root("Clients")
        path = clients.write(self.mktemp())
        self.contexts = contexts_of(Options.of(self.authority.server(), self.mktemp(), clientcas=(path,)))
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            for credential, reason in (
                (None, "the client has no certificate"),
                (
                    clients.client("Late", days=(-2, -1)),
                    "the client's certificate 'CN=Late' is refused, it has expired",
                ),
                (
                    clients.client("Early", days=(1, 2)),
                    "the client's certificate 'CN=Early' is refused, it is not valid yet",
                ),
                (
                    Authority.root("Other").client("Foreign"),
                    "the client's certificate 'CN=Foreign' is refused, "
                    "its issuer is not among the client CAs",
                ),
                (
                    clients.server(("srv",)),
                    "the client's certificate 'CN=srv' is refused, it is not one for clients",
                ),
            ):
                ends = self.connect(client_context(credential=credential, newest=version))
                self.assertEqual(("warn", f"TLS handshake with {WHERE} failed: {reason}"), self.failure(ends))

    def test_nobody_serves(self) -> None:
        """While the service ends, new connections are turned away."""
        server = Server(echo)
        server.site.drain()
        self.assertIsNone(TlsFactory(self.contexts, server.site, Clock()).buildProtocol(PEER))

    def test_exchanged_context(self) -> None:
        """Connections that are made keep their context; new ones get the new one."""
        old = self.shaken(client_context(self.authority))
        other = Authority.root("Other")
        self.contexts.context = contexts_of(Options.of(other.server(), self.mktemp())).context
        self.assertTrue(old.works)
        self.assertTrue(self.connect(client_context(other)).works)
        self.assertFalse(self.connect(client_context(self.authority)).works)


class PlainTests(ConnectionCase):
    """Plain HTTP on a port for TLS."""

    def test_answer(self) -> None:
        """It is answered in plain words, and what still comes does not destroy the answer."""
        for method in ("GET", "PUT", "OPTIONS"):
            ends = self.connect()
            with capturedLogs() as events:
                ends.raw(request_bytes(method, "/v2/"))
                ends.raw(b"x" * 100000)
            self.assertEqual(PLAIN_HTTP, ends.wire.value())
            self.assertEqual(
                [("info", f"TLS handshake with {WHERE} failed: the client speaks plain HTTP")],
                self.logged(events),
            )
            self.assertTrue(ends.wire.half_closed)
            self.assertFalse(ends.wire.closed)
            self.assertEqual([], ends.server.served)
            ends.clock.advance(LINGER)
            self.assertTrue(ends.wire.aborted)
            ends.hang_up()
            self.assertEqual([], ends.clock.getDelayedCalls())

    def test_client_closes(self) -> None:
        """Nothing waits for a client that has left with its answer."""
        ends = self.connect()
        ends.raw(b"G")
        ends.hang_up()
        self.assertEqual(PLAIN_HTTP, ends.wire.value())
        self.assertEqual([], ends.clock.getDelayedCalls())


class BodyTests(ConnectionCase):
    """Bytes in both directions."""

    def test_large(self) -> None:
        """Bodies of all sizes around those of records and pieces come and go unchanged."""
        ends = self.shaken()
        for size in (0, 1, 16383, 16384, 16385, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 17):
            body = bytes(index * 31 % 251 for index in range(1000)) * (size // 1000 + 1)
            body = body[:size]
            ends.plain.clear()
            ends.send(request_bytes("PUT", "/a", body=body))
            [answer] = ends.answers()
            self.assertEqual((200, body), (answer.status, answer.body))

    def test_one_delivery(self) -> None:
        """What one read from the socket holds comes as one piece."""
        ends = self.shaken()
        pieces: list[int] = []
        self.patch(ends.channel, "dataReceived", lambda data: pieces.append(len(data)))
        ends.send(b"x" * 100000)
        self.assertEqual([100000], pieces)

    def test_pipelined(self) -> None:
        """Requests that come together are answered in their order."""
        ends = self.shaken()
        ends.send(b"".join(request_bytes("PUT", f"/{index}", body=b"%d" % index) for index in range(12)))
        self.assertEqual([b"%d" % index for index in range(12)], [one.body for one in ends.answers()])

    def test_continue(self) -> None:
        """A client that waits is told to go on, once somebody wants the body."""
        held = Held()
        ends = self.shaken(serve=held)
        ends.send(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(b"", ends.plain)
        held.turns[0].callback(None)
        ends.exchange()
        self.assertEqual(b"HTTP/1.1 100 Continue\r\n\r\n", ends.plain)
        ends.send(b"abc")
        [answer] = ends.answers()
        self.assertEqual((b"abc", 1), (answer.body, answer.continues))

    def test_read_size(self) -> None:
        """The size of reads is that of the socket below."""
        ends = self.shaken()
        self.assertEqual(SMALL_READ, ends.wire.bufferSize)
        ends.protocol.bufferSize = 4321
        self.assertEqual((4321, 4321), (ends.wire.bufferSize, ends.protocol.bufferSize))

    def test_pause(self) -> None:
        """A body that nobody reads stops the socket below."""
        held = Held()
        ends = self.shaken(serve=held)
        ends.send(request_bytes("PUT", "/a", [("Content-Length", "300000")]) + b"x" * 100000)
        self.assertEqual("paused", ends.wire.producerState)
        held.turns[0].callback(None)
        self.assertEqual("producing", ends.wire.producerState)
        ends.send(b"x" * 200000)
        [answer] = ends.answers()
        self.assertEqual(300000, len(answer.body))


class EndTests(ConnectionCase):
    """How connections end."""

    def closing(self, ends: Ends) -> bool:
        """The server closes behind what it has written, without waiting for the client."""
        return ends.ended and bool(ends.wire.disconnecting) and not ends.wire.aborted

    def test_idle(self) -> None:
        """An idle connection is closed after its time, at once and in order."""
        ends = self.shaken()
        ends.clock.advance(IDLE_TIMEOUT)
        ends.exchange()
        self.assertTrue(self.closing(ends))

    def test_drain(self) -> None:
        """So is one at the end of the service, whatever it is in."""
        idle, held = self.shaken(), Held()
        idle.server.site.drain()
        idle.exchange()
        self.assertTrue(self.closing(idle))
        begun = self.connect()
        begun.raw(b"\x16\x03")
        begun.server.site.drain()
        self.assertTrue(begun.wire.closed)
        plain = self.connect()
        plain.raw(b"GET")
        plain.server.site.drain()
        self.assertTrue(plain.wire.closed)
        busy = self.shaken(serve=held)
        busy.send(request_bytes("GET", "/a"))
        busy.server.site.drain()
        busy.exchange()
        self.assertFalse(busy.ended)
        held.turns[0].callback(None)
        busy.exchange()
        [answer] = busy.answers()
        self.assertEqual("close", answer.header("Connection"))
        self.assertTrue(busy.ended)

    def test_close_after_answer(self) -> None:
        """After a last answer the client is told the end, and may take its time: what comes is dropped."""
        ends = self.shaken(serve=refuse)
        ends.send(request_bytes("PUT", "/a", [("Content-Length", str(1 << 30))]))
        [answer] = ends.answers()
        self.assertEqual((401, "close"), (answer.status, answer.header("Connection")))
        self.assertTrue(ends.ended)
        self.assertFalse(ends.wire.closed)
        for _ in range(10):
            ends.send(b"x" * 100000)
        self.assertEqual("producing", ends.wire.producerState)
        self.assertEqual(0, ends.server.held())
        ends.clock.advance(DRAIN_SECONDS)
        self.assertTrue(ends.wire.disconnecting)
        self.assertFalse(ends.wire.aborted, "a slow client may still take the answer")

    def test_client_closes_after_answer(self) -> None:
        """A client that closes, too, is not waited for any longer."""
        ends = self.shaken(serve=refuse)
        ends.send(request_bytes("PUT", "/a", [("Content-Length", str(1 << 30))]))
        ends.end()
        self.assertTrue(ends.wire.disconnecting)
        ends.hang_up()
        self.assertEqual([], ends.clock.getDelayedCalls())

    def test_half_close(self) -> None:
        """A client that has sent its last byte gets the answers that it waits for."""
        held = Held()
        ends = self.shaken(serve=held)
        ends.send(request_bytes("GET", "/a"))
        ends.end()
        self.assertFalse(ends.wire.closed)
        self.assertEqual(0, held.cancelled)
        held.turns[0].callback(None)
        ends.exchange()
        self.assertEqual([200], [answer.status for answer in ends.answers()])
        self.assertTrue(self.closing(ends))

    def test_half_close_idle(self) -> None:
        """If it waits for none, that is the end."""
        ends = self.shaken()
        ends.end()
        self.assertTrue(self.closing(ends))

    def test_half_close_in_body(self) -> None:
        """In the middle of a body it is a client that broke off."""
        held = Held()
        ends = self.shaken(serve=held)
        ends.send(request_bytes("PUT", "/a", [("Content-Length", "10")]) + b"abc")
        ends.end()
        self.assertTrue(ends.wire.aborted)
        ends.hang_up()
        self.assertEqual(1, held.cancelled)

    def test_gone(self) -> None:
        """A client whose socket is gone is not served any longer, whether it said goodbye or not."""
        for goodbye in (False, True):
            held = Held()
            ends = self.shaken(serve=held)
            ends.send(request_bytes("GET", "/a"))
            if goodbye:
                ends.end()
            ends.hang_up()
            self.assertEqual(1, held.cancelled)
            self.assertEqual(set(), ends.server.site.connections)
            self.assertEqual([], ends.clock.getDelayedCalls())

    def test_cut_off(self) -> None:
        """An answer that is cut off has no end: nobody takes it for a whole one."""

        async def half(request: RegistryRequest) -> None:
            request.begin_answer(200, ((b"Content-Length", b"10"),), b"half")
            request.cut_off()

        ends = self.shaken(serve=half)
        ends.send(request_bytes("GET", "/a"))
        self.assertTrue(ends.wire.aborted)
        self.assertFalse(ends.ended)

    def test_damaged_record(self) -> None:
        """Bytes that were changed on the way end the connection; what came before them is served."""
        ends = self.shaken()
        ends.tls.send(request_bytes("GET", "/a"))
        good = ends.outgoing()
        ends.tls.send(b"x" * 100)
        bad = bytearray(ends.outgoing())
        bad[-1] ^= 1
        ends.raw(good + bytes(bad))
        self.assertEqual(["GET /a"], ends.server.served)
        self.assertTrue(ends.wire.disconnecting)

    def test_write_after_end(self) -> None:
        """What is written to a client that is gone goes nowhere."""
        ends = self.shaken()
        ends.protocol.abortConnection()
        written = len(ends.wire.value())
        ends.protocol.write(b"x")
        self.assertEqual(written, len(ends.wire.value()))

    def test_slow_client(self) -> None:
        """A client that takes nothing makes the writer wait, and goes on when it does."""

        async def serve(request: RegistryRequest) -> None:
            request.answer(Reply(200, body=b"x" * 300000))

        ends = self.shaken(serve=serve)
        producer: Any = ends.wire.producer
        producer.pauseProducing()
        self.assertEqual("paused", ends.wire.producerState, "nor are requests read that cannot be answered")
        producer.resumeProducing()
        ends.send(request_bytes("GET", "/a"))
        [answer] = ends.answers()
        self.assertEqual(300000, len(answer.body))


class PrivateNameTests(SynchronousTestCase):
    """What is relied on in Twisted."""

    def test_names(self) -> None:
        """The names that we override and call are there."""
        for name in (
            "_bufferedWrite",
            "_checkHandshakeStatus",
            "_flushReceiveBIO",
            "_flushSendBIO",
            "_shutdownTLS",
            "_tlsShutdownFinished",
            "_unbufferPendingWrites",
            "_write",
            "_handshakeDone",
            "_lostTLSConnection",
            "_aborted",
        ):
            self.assertTrue(hasattr(TLSMemoryBIOProtocol, name), name)
