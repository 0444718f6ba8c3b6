"""The port: where the daemon listens, and how it stops."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs

from tests.web.serving import Held, Serve, Server, echo
from tests.web.sockets import SocketCase, reactor
from tests.web.wire import read_answers, request_bytes
from txregistry.listening import Listener

ADDRESSES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def ask(family: socket.AddressFamily, address: Any) -> bytes:
    """Ask one thing at *address*; the bytes of the answer."""
    received = b""
    with socket.socket(family) as connection:
        connection.settimeout(10)
        connection.connect(address)
        connection.sendall(request_bytes("GET", "/a", [("Connection", "close")]))
        while data := connection.recv(65536):
            received += data
    return received


def port_numbers(listener: Listener) -> set[int]:
    """The ports on which *listener* listens."""
    addresses: list[Any] = [port.getHost() for port in listener.ports]
    return {address.port for address in addresses}


class ListenerCase(SocketCase):
    """Listeners that are stopped in the end."""

    def serve(self, serve: Serve = echo, **settings: Any) -> Listener:
        """A listener that listens."""
        self.server = Server(serve, reactor)
        listener = Listener(reactor, self.server.site, **settings)
        listener.privilegedStartService()
        listener.startService()
        self.addCleanup(self.stop, listener)
        if listener.ports and not settings.get("unix"):
            [self.port] = port_numbers(listener)
        return listener

    async def stop(self, listener: Listener) -> None:
        if listener.running:
            await maybeDeferred(listener.stopService)

    def refused(self, **settings: Any) -> str:
        """Fail to listen; the one line that the log has of it."""
        listener = Listener(reactor, Server(echo, reactor).site, **settings)
        with capturedLogs() as events, self.assertRaises(SystemExit) as raised:
            listener.privilegedStartService()
        self.assertEqual(raised.exception.code, 1)
        self.assertIsInstance(raised.exception, Exception, "twistd would keep its parent waiting")
        [event] = [event for event in events if event["log_namespace"] == "txregistry.listening.Listener"]
        self.assertEqual(event["log_level"].name, "critical")
        self.assertNotIn("log_failure", event)
        return str(event["log_format"].format(**event))

    def assert_serves(self, received: bytes) -> None:
        self.assertEqual([answer.status for answer in read_answers(received)], [200])


class HandedOverTests(ListenerCase):
    """Sockets that somebody else has opened."""

    def socket(
        self, family: socket.AddressFamily = socket.AF_INET, *, listening: bool = True
    ) -> socket.socket:
        """A socket at a port of its own."""
        opened = socket.socket(family)
        self.addCleanup(opened.close)
        opened.bind((ADDRESSES[family], 0))
        if listening:
            opened.listen()
        return opened

    async def test_taken(self) -> None:
        """Connections to it are served, and it stays open for whoever handed it over."""
        for family in ADDRESSES:
            opened = self.socket(family)
            listener = self.serve(handed_over=[opened.fileno()], host="192.0.2.1", port=1)
            address = opened.getsockname()
            self.assertEqual(self.port, address[1])
            self.assert_serves(await deferToThread(ask, family, address))
            await self.stop(listener)
            self.assertTrue(opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    def test_unusable(self) -> None:
        """More than one, one that does not listen, a UNIX socket, and none at all are refused in one line."""
        one, silent = self.socket(), self.socket(listening=False)
        directory = Path(self.mktemp())
        directory.mkdir()
        local = socket.socket(socket.AF_UNIX)
        self.addCleanup(local.close)
        name = os.path.relpath(directory / "s")
        local.bind(name)
        local.listen()
        closed = self.socket()
        number = closed.detach()
        os.close(number)
        for descriptors, reason in (
            ([one.fileno(), silent.fileno()], "there are 2 of them"),
            ([silent.fileno()], "does not listen"),
            ([local.fileno()], "UNIX socket"),
            ([number], "Bad file descriptor"),
        ):
            text = self.refused(handed_over=descriptors)
            self.assertIn("cannot listen on the socket of systemd: ", text)
            self.assertIn(reason, text)
        self.assertTrue(os.path.exists(name))

    def test_other_families(self) -> None:
        """A socket of virtual machines, say, is refused in one line, too."""

        class Foreign(socket.socket):
            family = socket.AF_VSOCK

        opened = self.socket()
        self.patch(socket, "socket", Foreign)
        text = self.refused(handed_over=[opened.fileno()])
        self.assertIn("cannot listen on the socket of systemd: it is for neither IPv4 nor IPv6", text)


class AddressTests(ListenerCase):
    """Where it listens."""

    async def test_everywhere(self) -> None:
        """Without a host, it listens on IPv4 and IPv6, on one port."""
        self.serve()
        for family, address in ADDRESSES.items():
            self.assert_serves(await deferToThread(ask, family, (address, self.port)))

    async def test_client_address(self) -> None:
        """Clients over IPv4 are seen with the address that they know."""
        self.serve()
        await deferToThread(ask, socket.AF_INET, ("127.0.0.1", self.port))
        self.assertTrue(self.server.access[0].startswith("127.0.0.1 - "), self.server.access)

    async def test_two_sockets(self) -> None:
        """Where the kernel keeps IPv6 sockets to IPv6, a second one listens on IPv4."""
        listener = Listener(_V6Only(reactor), Server(echo, reactor).site)
        listener.privilegedStartService()
        listener.startService()
        self.addCleanup(self.stop, listener)
        self.assertEqual(len(listener.ports), 2)
        [port] = port_numbers(listener)
        for family, address in ADDRESSES.items():
            self.assert_serves(await deferToThread(ask, family, (address, port)))

    async def test_without_ipv6(self) -> None:
        """Where there is no IPv6, it listens on IPv4."""
        for code in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            listener = Listener(_NoV6(reactor, code), Server(echo, reactor).site)
            listener.privilegedStartService()
            listener.startService()
            self.addCleanup(self.stop, listener)
            [port] = port_numbers(listener)
            self.assert_serves(await deferToThread(ask, socket.AF_INET, ("127.0.0.1", port)))

    async def test_one_host(self) -> None:
        """With a host, it listens there alone."""
        self.serve(host="127.0.0.1")
        self.assert_serves(await deferToThread(ask, socket.AF_INET, ("127.0.0.1", self.port)))
        with self.assertRaises(ConnectionRefusedError):
            await deferToThread(ask, socket.AF_INET6, ("::1", self.port))
        self.serve(host="::1")
        self.assert_serves(await deferToThread(ask, socket.AF_INET6, ("::1", self.port)))
        with self.assertRaises(ConnectionRefusedError):
            await deferToThread(ask, socket.AF_INET, ("127.0.0.1", self.port))

    def test_says_where(self) -> None:
        """The log says where it listens."""
        with capturedLogs() as events:
            self.serve(host="127.0.0.1")
        shown = [event["log_format"].format(**event) for event in events if "where" in event]
        self.assertEqual(shown, [f"listening on 127.0.0.1:{self.port}"])
        with capturedLogs() as events:
            self.serve()
        shown = [event["log_format"].format(**event) for event in events if "where" in event]
        self.assertEqual(shown, [f"listening on [::]:{self.port}"])

    def test_in_use(self) -> None:
        """A port that somebody has ends the process with one line that says so."""
        self.serve()
        self.assertIn("in use", self.refused(port=self.port))
        listener = Listener(_NoV6(reactor, errno.EACCES), Server(echo, reactor).site)
        self.assertRaises(SystemExit, listener.privilegedStartService)
        self.serve(host="127.0.0.1")
        line = self.refused(host="127.0.0.1", port=self.port)
        self.assertIn("in use", line)
        self.assertIn(f"127.0.0.1:{self.port}", line)

    def test_nobodys_address(self) -> None:
        """So does an address that is not ours, and a host that nobody knows."""
        self.assertIn("203.0.113.1", self.refused(host="203.0.113.1", port=0))
        self.assertIn("no such host", self.refused(host="no such host", port=0))


class _V6Only:
    """A reactor on a machine with ``net.ipv6.bindv6only``."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if interface != "::":
            return self._reactor.listenTCP(port, factory, backlog, interface)
        listening = socket.socket(socket.AF_INET6)
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(("::", port))
        listening.listen(backlog)
        listening.setblocking(False)
        try:
            return self._reactor.adoptStreamPort(listening.fileno(), socket.AF_INET6, factory)
        finally:
            listening.close()


class _NoV6:
    """A reactor that cannot listen on IPv6, with the error *code*."""

    def __init__(self, reactor: Any, code: int) -> None:
        self._reactor, self._code = reactor, code

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if ":" in interface:
            raise CannotListenError(interface, port, OSError(self._code, os.strerror(self._code)))
        return self._reactor.listenTCP(port, factory, backlog, interface)


class UnixTests(ListenerCase):
    """UNIX sockets."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="listening-")  # short enough for a socket's name
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "socket"

    async def test_serves(self) -> None:
        """It serves there, and removes the socket at the stop."""
        with capturedLogs() as events:
            listener = self.serve(unix=str(self.path))
        self.assertIn(str(self.path), [event.get("where") for event in events])
        self.assert_serves(await deferToThread(ask, socket.AF_UNIX, str(self.path)))
        await self.stop(listener)
        self.assertFalse(self.path.exists())

    def test_mode(self) -> None:
        """Who may connect is what the process lets others do with its files."""
        for mask, mode in ((0o022, 0o755), (0o007, 0o770)):
            self.addCleanup(os.umask, os.umask(mask))
            path = self.path.with_suffix(f".{mask}")
            self.serve(unix=str(path))
            self.assertEqual(path.stat().st_mode & 0o777, mode)

    async def test_stale(self) -> None:
        """A socket that a killed daemon left behind is replaced."""
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(self.path))
        self.serve(unix=str(self.path))
        self.assert_serves(await deferToThread(ask, socket.AF_UNIX, str(self.path)))

    async def test_in_use(self) -> None:
        """One on which somebody listens is left alone."""
        self.serve(unix=str(self.path))
        line = self.refused(unix=str(self.path))
        self.assertIn(str(self.path), line)
        self.assert_serves(await deferToThread(ask, socket.AF_UNIX, str(self.path)))

    def test_busy(self) -> None:
        """Nor is one whose owner has no room for another connection, or lets nobody in."""
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(self.path))
            other.listen(0)
            for code in (errno.EAGAIN, errno.EACCES, errno.ETIMEDOUT):

                def connect(*_: object, code: int = code) -> None:
                    raise OSError(code, os.strerror(code))

                self.patch(socket.socket, "connect", connect)
                self.refused(unix=str(self.path))
                self.assertTrue(self.path.is_socket(), os.strerror(code))

    def test_no_socket(self) -> None:
        """A file of another kind is left alone."""
        self.path.write_text("precious")
        self.assertIn("not a socket", self.refused(unix=str(self.path)))
        self.assertEqual(self.path.read_text(), "precious")

    def test_no_directory(self) -> None:
        """A place that is not there cannot be listened on."""
        self.refused(unix=str(self.path / "below"))


class StopTests(ListenerCase):
    """How it stops."""

    def ended(self, listener: Listener) -> Deferred[None]:
        return Deferred.fromCoroutine(self.stop(listener))

    async def test_port_closes(self) -> None:
        """Nobody can connect any more."""
        listener = self.serve(host="127.0.0.1", drain=10)
        await self.stop(listener)
        with self.assertRaises(ConnectionRefusedError):
            await deferToThread(ask, socket.AF_INET, ("127.0.0.1", self.port))

    async def test_idle(self) -> None:
        """Idle connections do not hold it up."""
        listener = self.serve(host="127.0.0.1", drain=30)
        fresh, used = await self.connect(), await self.connect()
        used.transport.write(request_bytes("GET", "/a"))
        await used.answer_of(0)
        began = reactor.seconds()
        await self.stop(listener)
        self.assertLess(reactor.seconds() - began, 5)
        await fresh.lost
        await used.lost

    async def test_under_way(self) -> None:
        """It waits for a request under way, whose client gets the answer."""
        held = Held()
        listener = self.serve(held, host="127.0.0.1", drain=30)
        client = await self.connect()
        client.transport.write(request_bytes("GET", "/a"))
        await self.until(lambda: held.turns)
        ended = self.ended(listener)
        await self.until(lambda: not self.accepts())
        self.assertFalse(ended.called)
        held.turns[0].callback(None)
        await ended
        await client.lost
        [answer] = read_answers(bytes(client.received))
        self.assertEqual((answer.status, answer.header("Connection")), (200, "close"))

    async def test_time_runs_out(self) -> None:
        """It does not wait for longer than that, and says so."""
        held = Held()
        listener = self.serve(held, host="127.0.0.1", drain=0.1)
        client = await self.connect()
        client.transport.write(request_bytes("GET", "/a"))
        await self.until(lambda: held.turns)
        with capturedLogs() as events:
            await self.stop(listener)
        self.assertIn("error", [event["log_level"].name for event in events])
        await client.lost
        self.assertEqual((held.cancelled, bytes(client.received)), (1, b""))

    async def test_hurry(self) -> None:
        """Who is told once more to stop waits no longer."""
        held = Held()
        listener = self.serve(held, host="127.0.0.1", drain=30)
        client = await self.connect()
        client.transport.write(request_bytes("GET", "/a"))
        await self.until(lambda: held.turns)
        began = reactor.seconds()
        ended = self.ended(listener)
        with capturedLogs() as events:
            listener.hurry()
            await ended
        self.assertLess(reactor.seconds() - began, 5)
        self.assertEqual({event["log_level"].name for event in events}, {"info", "warn"})
        await client.lost
        self.assertEqual((held.cancelled, bytes(client.received)), (1, b""))

    async def test_without_drain(self) -> None:
        """Without a time to drain, requests under way are cut off."""
        held = Held()
        listener = self.serve(held, host="127.0.0.1")
        client = await self.connect()
        client.transport.write(request_bytes("GET", "/a"))
        await self.until(lambda: held.turns)
        await self.stop(listener)
        await client.lost
        self.assertEqual(held.cancelled, 1)
        self.assertEqual(self.server.site.connections, set())

    async def test_silent_reader(self) -> None:
        """A client that takes nothing of its answer cannot hold it up for ever."""

        async def serve(request: Any) -> None:
            from txregistry.web.replies import Reply

            request.answer(Reply(200, body=b"x" * (32 << 20)))

        listener = self.serve(serve, host="127.0.0.1", drain=0.2)
        client = await self.connect(receive_buffer=4096)
        client.transport.write(request_bytes("GET", "/a"))
        await client.at_least(1)
        client.transport.pauseProducing()
        await self.stop(listener)
        self.assertEqual(self.server.site.connections, set())

    def accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
