"""Tests for the checks, with real files, ports and servers."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Sequence
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import NoResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

from tests.certificates import Authority
from tests.fakes.failing import FailingDriver
from tests.fakes.lines import lines
from tests.fakes.workers import InlineWorkers
from txregistry.config.addresses import NotAnAddress, parse_page
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.health.checks import Check, CheckFailed, file_check, http_check, storage_check, tcp_check
from txregistry.interfaces import Entry
from txregistry.model.names import Page

reactor: Any = _reactor


class StorageCheckTests(SynchronousTestCase):
    """A storage."""

    def test_empty(self) -> None:
        """One that holds nothing is well."""
        self.assertIsNone(self.successResultOf(_run(storage_check(InMemoryDriver()))))

    def test_failing(self) -> None:
        """One that fails is not."""
        driver = FailingDriver(InMemoryDriver())
        check = storage_check(driver)
        self.successResultOf(_run(check))
        driver.failing.add("list")
        failure = self.failureResultOf(_run(check), CheckFailed)
        self.assertIn("inmemory", str(failure.value))
        driver.failing.clear()
        self.successResultOf(_run(check))

    def test_little(self) -> None:
        """No more is asked for than what tells that there is something."""
        asked: list[tuple[str, int]] = []

        class Asked(FailingDriver):
            async def list(self, path: str, after: str = "", limit: int = 1000) -> Page[Entry]:
                asked.append((path, limit))
                return await super().list(path, after, limit)

        self.successResultOf(_run(storage_check(Asked(InMemoryDriver()))))
        self.assertEqual(asked, [("/", 1)])


class FileCheckTests(SynchronousTestCase):
    """A file that takes the registry out of service."""

    def test_file(self) -> None:
        """While it is there, directories included, all is not well; what cannot be looked at neither."""
        path = self.mktemp()
        check = file_check(path, InlineWorkers())
        self.successResultOf(_run(check))
        os.mkdir(path)
        self.assertEqual(str(self.failureResultOf(_run(check), CheckFailed).value), "file exists")
        os.rmdir(path)
        self.successResultOf(_run(check))
        for odd in ("/" + "x" * 300, "a\0b"):
            failure = self.failureResultOf(_run(file_check(odd, InlineWorkers())), CheckFailed)
            self.assertIn("stat", str(failure.value))


class PortCheckTests(SynchronousTestCase):
    """A port of a host with an odd name."""

    def test_underscore(self) -> None:
        """A name with an underscore is looked up like any other."""
        memory = MemoryReactorClock()
        checking = _run(tcp_check(memory, "my_redis", 6379, 5))
        self.assertNoResult(checking)
        self.assertEqual([client[:2] for client in memory.tcpClients], [("my_redis", 6379)])

    def test_server(self) -> None:
        """So is that of a web server, which is asked under the same name; others are written in ASCII."""
        for uri, port, asked, host in (
            ("http://my_auth:5001/a b", 5001, b"/a%20b", b"my_auth:5001"),
            ("http://my_auth/?x=1", 80, b"/?x=1", b"my_auth"),
            ("http://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.test/", 80, b"/", b"xn--bcher-kva.test"),
        ):
            memory = MemoryReactorClock()
            self.assertNoResult(_run(http_check(memory, uri, 200, (), 5)))
            [(_, connected, factory, *_)] = memory.tcpClients
            self.assertEqual(connected, port)
            protocol: Any = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", port))
            transport = StringTransport()
            protocol.makeConnection(transport)
            head = transport.value()
            self.assertTrue(head.startswith(b"HEAD %b HTTP/1.1\r\n" % asked), head)
            self.assertIn(b"Host: %b\r\n" % host, head)

    @given(st.text("ab-_.:/@%[]?#0 \N{SNOWMAN}\N{LATIN SMALL LETTER U WITH DIAERESIS}"))
    @example("a:")
    @example("[::1]:1/%zz")
    def test_any(self, rest: str) -> None:
        """What the configuration takes for a web server can be asked, one way or another."""
        for scheme in ("http", "https"):
            try:
                page = parse_page(f"{scheme}://{rest}")
            except NotAnAddress:
                continue
            checking = _run(http_check(MemoryReactorClock(), page.uri, 200, (), 5))
            self.assertNoResult(checking)
            checking.addErrback(lambda _: None).cancel()

    def test_no_name(self) -> None:
        """What is no name fails in one line, and does not break the check."""
        failure = self.failureResultOf(_run(tcp_check(MemoryReactorClock(), "a..b", 80, 5)), CheckFailed)
        self.assertIn("a..b:80: connection failed: ", str(failure.value))


class FloodTests(SynchronousTestCase):
    """Servers that do not stop."""

    def flood(self, begin: bytes, more: bytes) -> str:
        """What a check says of a server that goes on and on, of which the log has no line."""
        memory = MemoryReactorClock()
        checking = _run(http_check(memory, "http://127.0.0.1/", 200, (), 5))
        [(*_, factory, _, _)] = memory.tcpClients
        protocol: Any = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 80))
        transport = StringTransport()
        protocol.makeConnection(transport)
        with capturedLogs() as events:
            protocol.dataReceived(begin)
            for _ in range((64 * 1024 - len(begin)) // len(more)):
                protocol.dataReceived(more)
            self.assertFalse(transport.disconnecting)
            for _ in range(2):
                protocol.dataReceived(more)
                self.assertTrue(transport.disconnecting)
            protocol.connectionLost(Failure(ConnectionAborted()))
        self.assertEqual(events, [])
        return str(self.failureResultOf(checking, CheckFailed).value)

    def test_nonsense(self) -> None:
        """Of a first line that is none, the beginning is told."""
        memory = MemoryReactorClock()
        checking = _run(http_check(memory, "http://127.0.0.1/", 200, (), 5))
        [(*_, factory, _, _)] = memory.tcpClients
        protocol: Any = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 80))
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(b"\xff" * 9999 + b"\r\n")
        protocol.connectionLost(Failure(ConnectionAborted()))
        said = str(self.failureResultOf(checking, CheckFailed).value)
        self.assertTrue(said.startswith("http://127.0.0.1/: error while checking: ("), said)
        self.assertTrue(said.endswith("\\xff…"), said)
        self.assertLess(len(said), 400)

    def test_flood(self) -> None:
        """No more than the head of an answer can need is taken of them."""
        ok = b"HTTP/1.1 200 OK\r\n"
        for begin, more in (
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 64),
            (ok, b"X: aaaaaaaaaaa\r\n" * 64),
            (ok + b"X: a\r\n", b" folded folde\r\n" * 64),
        ):
            self.assertEqual(
                self.flood(begin, more),
                "http://127.0.0.1/: error while checking: more than 65536 bytes were received",
            )


@implementer(IHostnameResolver)
class SilentResolver:
    """Knows no name, and does not say so."""

    def resolveHostName(self, *_: Any, **__: Any) -> Any:
        """Look it up, and come to no end."""


class LateTests(SynchronousTestCase):
    """Servers that say nothing at all, as behind a firewall, or with a full backlog."""

    def late(self, memory: MemoryReactorClock, checks: Sequence[Check]) -> list[str]:
        """What the checks say, whose time is 5 seconds; then nothing goes on, and the log has no line."""
        with capturedLogs() as events:
            checking = [_run(check) for check in checks]
            memory.advance(4.9)
            for each in checking:
                self.assertNoResult(each)
            memory.advance(0.1)
            said = [str(self.failureResultOf(each, CheckFailed).value) for each in checking]
        self.assertEqual((events, memory.getDelayedCalls()), ([], []))
        return said

    def test_connecting(self) -> None:
        """Who connects in vain has failed when the time is over, and is no more to do with it."""
        memory, uri = MemoryReactorClock(), "http://host.test/"
        hosts = ("127.0.0.1", "host.test", "my_redis")
        checks = [tcp_check(memory, host, 80, 5) for host in hosts]
        said = self.late(memory, [*checks, http_check(memory, uri, 200, (), 5)])
        self.assertEqual(
            said,
            [
                *(f"{host}:80: connection failed: no answer within 5s" for host in hosts),
                f"{uri}: error while checking: no answer within 5s",
            ],
        )
        connectors: list[Any] = list(memory.connectors)
        self.assertEqual([connector.stoppedConnecting for connector in connectors], [True] * 4)

    def test_looking_up(self) -> None:
        """So has who waits for an address."""
        memory, uri = MemoryReactorClock(), "http://host.test/"
        memory.nameResolver = SilentResolver()
        said = self.late(memory, [tcp_check(memory, "host.test", 80, 5), http_check(memory, uri, 200, (), 5)])
        self.assertEqual([text.partition(": ")[2][-19:] for text in said], ["no answer within 5s"] * 2)


class Place(Resource):
    """Answers ``/STATUS`` with that status, ``/hang`` never, and leads from ``/moved`` to ``/200``."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bytes, str]] = []

    def render(self, request: Request) -> Any:
        self.seen.append((request.method, request.getHeader("X-Extra") or ""))
        word = request.path[1:]
        if word == b"hang":
            return NOT_DONE_YET
        if word == b"moved":
            request.redirect(b"/200")
        elif word.isdigit():
            request.setResponseCode(int(word))
        else:
            return NoResource().render(request)
        return b""


class ServerCheckTests(TestCase):
    """Other servers."""

    def setUp(self) -> None:
        self.place = Place()
        site = Site(self.place)
        site.displayTracebacks = False
        self.port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.base = f"http://127.0.0.1:{self.port.getHost().port}"

    def check(self, path: str, status: int = 200, timeout: float = 5) -> Check:
        return http_check(reactor, self.base + path, status, [("X-Extra", ["one"])], timeout)

    async def failure(self, awaited: Awaitable[None]) -> str:
        try:
            await awaited
        except CheckFailed as failed:
            return str(failed)
        self.fail("it did not fail")

    async def test_status(self) -> None:
        """The status must be the one that was asked for; redirects are followed; it is a HEAD."""
        await self.check("/200")()
        await self.check("/503", 503)()
        await self.check("/moved")()
        self.assertEqual(set(self.place.seen), {(b"HEAD", "one")})
        uri = f"{self.base}/404"
        expected = f"{uri}: downstream service returned unexpected status: 404"
        self.assertEqual(await self.failure(self.check("/404")()), expected)

    async def test_no_answer(self) -> None:
        """A server that does not answer in time, or that is not there, is not well."""
        expected = f"{self.base}/hang: error while checking: no answer within 0.2s"
        self.assertEqual(await self.failure(self.check("/hang", timeout=0.2)()), expected)
        await self.port.stopListening()
        text = await self.failure(self.check("/200")())
        self.assertIn("/200: error while checking: ", text)
        self.assertNotIn("\n", text)

    async def test_nothing_told(self) -> None:
        """A check that passes leaves no line in the log, however often it does."""
        port = self.port.getHost().port
        with capturedLogs() as events:
            for check in (self.check("/200"), tcp_check(reactor, "127.0.0.1", port, 5)):
                await check()
                await deferLater(reactor, 0)  # the connection has ended then
        self.assertEqual([line for line in lines(events) if "HEAD /200" not in line[1]], [])

    async def test_untrusted(self) -> None:
        """A server whose certificate this machine does not trust is not well, if it is asked by https."""
        certificate, key = Authority.root().server().write(self.mktemp())
        context = DefaultOpenSSLContextFactory(key, certificate)
        port = reactor.listenSSL(0, Site(self.place), context, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        check = http_check(reactor, f"https://localhost:{port.getHost().port}/200", 200, (), 5)
        self.assertIn("certificate verify failed", await self.failure(check()))
        self.assertEqual(self.place.seen, [])

    async def test_port(self) -> None:
        """A port is well while somebody accepts connections; none is left open."""
        closed: Deferred[None] = Deferred()

        class Noticing(Protocol):
            def connectionLost(self, reason: Any = None) -> None:
                closed.callback(None)

        port = reactor.listenTCP(0, Factory.forProtocol(Noticing), interface="127.0.0.1")
        number = port.getHost().port
        check = tcp_check(reactor, "127.0.0.1", number, 5)
        await check()
        await closed
        await port.stopListening()
        self.assertIn(f"127.0.0.1:{number}: connection failed: ", await self.failure(check()))
        check = tcp_check(reactor, "no-such-host.invalid", 1, 5)
        self.assertIn("no-such-host.invalid:1: connection failed: ", await self.failure(check()))


def _run(check: Check) -> Deferred[None]:
    async def run() -> None:
        await check()

    return Deferred.fromCoroutine(run())
