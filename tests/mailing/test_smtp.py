"""Mails sent to a server in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import AccumulatingProtocol
from twisted.logger import capturedLogs
from twisted.protocols.basic import FileSender
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.fakes.smtp import PASSWORD, USER, MailServer
from tests.mailing.making import WHEN, parsed
from txregistry.log import Entry
from txregistry.mailing import smtp
from txregistry.mailing.batch import Batch
from txregistry.mailing.hook import NotSent
from txregistry.mailing.letter import letter
from txregistry.mailing.smtp import GOODBYE, TIMEOUT, SmtpSend, is_loopback

PEER = IPv4Address("TCP", "192.0.2.7", 40000)
MAIL = b"Subject: a\n\nbody\nlines\n"


@implementer(IStreamClientEndpoint)
@define(eq=False)
class Wires:
    """
    Leads to a server in memory, or nowhere if *server* is ``None``, or to a failure.

    :ivar pumps: the connections made.
    """

    server: Any
    pumps: list[IOPump] = field(factory=list)
    connecting: Deferred[IProtocol] | None = None

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        if self.server is None:
            self.connecting = Deferred(lambda ended: ended.errback(ConnectingCancelledError(PEER)))
            return self.connecting
        if isinstance(self.server, Exception):
            return fail(self.server)
        client: Any = factory.buildProtocol(PEER)
        server = self.server.protocol() if isinstance(self.server, MailServer) else self.server
        ends = (FakeTransport(server, True, peerAddress=PEER), FakeTransport(client, False))
        self.pumps.append(connect(server, ends[0], client, ends[1], greet=False))
        return succeed(client)


class Trust:
    """Stands for a TLS context: whether it trusts the other end's."""

    def __init__(self, trusts: bool) -> None:
        self.trusts = trusts

    def iosimVerify(self, other: object) -> bool:
        """What iosim asks in the place of a handshake."""
        return self.trusts


class Scripted(Protocol):
    """A server that says its lines, one for each line that it hears."""

    def __init__(self, *lines: bytes) -> None:
        self.lines = list(lines)
        self.heard = b""

    def connectionMade(self) -> None:
        self.say()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        for _ in range(data.count(b"\r\n")):
            self.say()

    def say(self) -> None:
        if self.lines:
            line = self.lines.pop(0)
            assert self.transport is not None
            if line:
                self.transport.write(line + b"\r\n")
            else:
                self.transport.loseConnection()


class SmtpSendTests(SynchronousTestCase):
    """What is said to servers, and what they say."""

    def setUp(self) -> None:
        self.clock = Clock()

    def sending(self, server: Any, mail: bytes = MAIL, **settings: Any) -> Deferred[Any]:
        """Send a mail to two."""
        self.wires = Wires(server)
        to = ["a@example.com", "b@example.com"]
        settings = {"host": "mail.example.com", "sender": "r@example.com", "to": to, **settings}
        done: Deferred[Any] = Deferred.fromCoroutine(SmtpSend(self.clock, self.wires, **settings)(mail))
        done.addErrback(self.noted)
        for pump in self.wires.pumps:
            pump.flush()
        return done

    def noted(self, failure: Any) -> Sequence[str]:
        failure.trap(NotSent)
        return [f"{'never' if failure.value.final else 'later'}: {failure.value.reason}"]

    def outcome(self, server: Any, **settings: Any) -> list[str]:
        """What became of it, with nothing left behind."""
        done = self.sending(server, **settings)
        if self.wires.pumps and not done.called:
            self.clock.advance(GOODBYE)
        result: list[str] = list(self.successResultOf(done))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for pump in self.wires.pumps:
            pump.flush()
            self.assertTrue(pump.clientIO.disconnected)
        return result

    def test_sent(self) -> None:
        """One mail to all of them, its lines as they were."""
        server = MailServer()
        self.assertEqual(self.outcome(server), [])
        [mail] = server.mails
        self.assertEqual((mail.sender, mail.to), ("r@example.com", ["a@example.com", "b@example.com"]))
        self.assertEqual(mail.content.replace(b"\r", b""), MAIL)

    def test_large(self) -> None:
        """A large one arrives whole."""
        server = MailServer()
        text = b"Subject: a\n\n" + b"".join(b"line %d\n" % number for number in range(40_000))
        self.assertEqual(self.outcome(server, mail=text), [])
        self.assertEqual(server.mails[0].content, text)

    def test_dots(self) -> None:
        """Dots arrive, also one that begins a line where the sender takes up its next piece of the mail."""
        batch, fields = Batch(), dict.fromkeys("abcde", "." * 4000)
        batch.add(Entry(WHEN, "error", ".", fields))
        mail = letter(batch, "host", "r@example.com", ["a@example.com"], WHEN)
        begin = next(each.end() for each in re.finditer(rb"\n(?=\.|=2E)", mail) if each.end() > 12_000)
        mail = b"X-Long: ".ljust(FileSender.CHUNK_SIZE - begin - 1, b"x") + b"\n" + mail
        self.assertIn(mail[FileSender.CHUNK_SIZE - 1 :][:2], (b"\n.", b"\n="))
        server = MailServer()
        self.assertEqual(self.outcome(server, mail=mail), [])
        self.assertEqual(parsed(server.mails[0].content).get_content(), parsed(mail).get_content())

    def test_some_refused(self) -> None:
        """Who is unknown to the server is told of, the others get their mail."""
        server = MailServer(refused=frozenset(("b@example.com",)))
        [line] = self.outcome(server)
        self.assertTrue(line.startswith("b@example.com: 550 "), line)
        self.assertEqual(server.mails[0].to, ["a@example.com"])

    def test_all_refused(self) -> None:
        """If all are, it is not tried again."""
        server = MailServer(refused=frozenset(("a@example.com", "b@example.com")))
        [line] = self.outcome(server)
        self.assertTrue(line.startswith("never: 550 "), line)

    def test_encrypted(self) -> None:
        """The connection is encrypted where the server offers it."""
        server = MailServer(tls=Trust(True))
        self.assertEqual(self.outcome(server, tls=Trust(True)), [])
        self.assertTrue(server.mails[0].secure)
        server = MailServer()
        self.assertEqual(self.outcome(server, tls=Trust(True)), [])
        self.assertFalse(server.mails[0].secure)

    def test_login(self) -> None:
        """User and password are shown over an encrypted connection."""
        server = MailServer(tls=Trust(True), login=True)
        self.assertEqual(self.outcome(server, tls=Trust(True), username=USER, password=PASSWORD), [])
        self.assertEqual((server.mails[0].user, server.mails[0].secure), (USER, True))

    def test_certificate(self) -> None:
        """A server whose certificate is not good gets neither the password nor the mail."""
        for settings in ({}, {"username": USER, "password": PASSWORD}):
            server = MailServer(tls=Trust(True), login=bool(settings))
            [line] = self.outcome(server, tls=Trust(False), **settings)
            self.assertTrue(line.startswith("later: Unable to connect to SMTP server:"), line)
            self.assertEqual(server.mails, [])

    def test_whose_certificate(self) -> None:
        """It has to be the server's, unless any will do; without a name for one nothing is encrypted."""

        def verifying(host: str) -> Trust:
            if "_" in host:
                raise ValueError("no such name")
            return Trust(host == "mail.example.com")

        self.patch(smtp, "optionsForClientTLS", verifying)
        self.patch(smtp, "CertificateOptions", lambda: Trust(True))
        for host, insecure, sent in (
            ("mail.example.com", False, [True]),
            ("other.example.com", False, []),
            ("other.example.com", True, [True]),
            ("my_mail", False, [False]),
        ):
            server = MailServer(tls=Trust(True))
            self.outcome(server, host=host, insecure=insecure)
            self.assertEqual([mail.secure for mail in server.mails], sent, host)

    def test_no_password_in_the_clear(self) -> None:
        """Nobody hears a password on a connection that is not encrypted, but for this machine itself."""
        server = Scripted(b"220 x", b"250-x\r\n250 AUTH PLAIN LOGIN", b"221 bye")
        [line] = self.outcome(server, username=USER, password=PASSWORD)
        self.assertEqual(line, "never: 502 Server does not support secure communication via TLS / SSL")
        self.assertEqual(server.heard, b"EHLO localhost\r\nQUIT\r\n")
        for host in ("localhost", "127.0.0.1", "::1"):
            local = MailServer(login=True)
            self.assertEqual(self.outcome(local, host=host, username=USER, password=PASSWORD), [])
            self.assertEqual(local.mails[0].user, USER)

    def test_wrong_password(self) -> None:
        """A wrong password is told of, and not told."""
        with capturedLogs() as events:
            server = MailServer(login=True)
            [line] = self.outcome(server, host="localhost", username=USER, password="wr0ng")
        self.assertTrue(line.startswith("never: 535 "), line)
        self.assertNotIn("wr0ng", line + repr(events))
        self.assertEqual(server.mails, [])

    def test_no_login(self) -> None:
        """A server that asks for no password does not get the mail of who has one."""
        [line] = self.outcome(MailServer(), host="localhost", username=USER, password=PASSWORD)
        self.assertTrue(line.startswith("never: 502 "), line)

    def test_answers(self) -> None:
        """What a server says decides whether it is tried again; it is told in one short line."""
        hello = (b"220 x", b"250 x")
        for lines, told in (
            ((b"421 too busy", b"221 x"), "later: 421 too busy"),
            ((b"554 go away", b"221 x"), "never: 554 go away"),
            ((*hello, b"451 later", b"221 x"), "later: 451 later"),
            (
                (*hello, b"250 x", b"450 not now", b"450 not now", b"221 x"),
                "later: 450 No recipients accepted",
            ),
            ((*hello, *[b"250 x"] * 3, b"552 too large", b"221 x"), "never: 552 too large"),
            (
                (*hello, *[b"250 x"] * 3, b"354 go", b"554-spam\r\n554 \x1b[2Jspam", b"221 x"),
                "never: 554 spam [2Jspam",
            ),
            ((b"220 x", b"250 x", b"552 " + b"no! " * 400, b"221 x"), f"never: {'552 ' + 'no! ' * 49}…"),
            ((b"hello?",), "later: Invalid response from SMTP server: b'hello?'"),
            (
                (b"220 x", b""),
                "later: Unable to connect to SMTP server: Connection was closed cleanly: Connection done.",
            ),
            (
                (b"220 " + b"x" * 100_000,),
                "later: Unable to connect to SMTP server: Connection was closed cleanly: Connection done.",
            ),
        ):
            [line] = self.outcome(Scripted(*lines))
            self.assertEqual(line, told)

    def test_unreachable(self) -> None:
        """A server that is not there is tried again."""
        for error, told in (
            (ConnectionRefusedError(), "later: Connection was refused by other side."),
            (DNSLookupError("no name"), "later: DNS lookup failed: no name."),
        ):
            self.assertEqual(self.outcome(error), [told])

    def test_silent(self) -> None:
        """A server that says nothing is left after a while, and so is one that cannot be reached."""
        for server in (AccumulatingProtocol(), None):
            if server is not None:
                server.factory = type("F", (), {"protocolConnectionMade": None})  # type: ignore[assignment]
            done = self.sending(server)
            self.clock.advance(TIMEOUT - 1)
            self.assertNoResult(done)
            self.clock.advance(1)
            self.assertEqual(self.successResultOf(done), ["later: it took longer than 60s"])
            self.assertEqual(self.clock.getDelayedCalls(), [])
            for pump in self.wires.pumps:
                pump.flush()
                self.assertTrue(pump.clientIO.disconnected)

    def test_no_goodbye(self) -> None:
        """A server that took the mail, and does not say goodbye, is left after a moment."""
        server = Scripted(b"220 x", *[b"250 x"] * 4, b"354 go", b"250 taken")
        done = self.sending(server, mail=b"Subject: a\n")
        self.assertNoResult(done)
        self.clock.advance(GOODBYE)
        self.assertEqual(self.successResultOf(done), [])

    def test_names(self) -> None:
        """Any name of a server will do, also one that no certificate can have."""
        server = MailServer()
        self.assertEqual(self.outcome(server, host="my_mail"), [])
        self.assertEqual(len(server.mails), 1)

    def test_loopback(self) -> None:
        """What is on this machine."""
        for host, local in (
            ("localhost", True),
            ("LocalHost", True),
            ("127.9.9.9", True),
            ("::1", True),
            ("10.0.0.1", False),
            ("localhost.example.com", False),
            ("127.0.0.1.example.com", False),
        ):
            self.assertEqual(is_loopback(host), local, host)
