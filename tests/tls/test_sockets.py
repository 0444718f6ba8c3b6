"""Encrypted connections over real sockets, with clients that use another implementation of the protocol."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from tests.certificates import Authority
from tests.tls.making import Options, contexts_of
from tests.web.serving import Held, Serve, Server, echo, refuse
from tests.web.sockets import SocketCase, reactor
from tests.web.wire import read_answers, request_bytes
from txregistry.interfaces import IContentReader
from txregistry.listening import Listener
from txregistry.threads import Workers
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest
from txregistry.web.sending import PIECE, AtHand, Slice, send_content
from txregistry.web.sockets import KEEPALIVE, STALL_LIMIT

SIZE = 24 * 1024 * 1024 + 17


class TlsSocketCase(SocketCase):
    """A server that speaks TLS on a port, and blocking clients in threads."""

    def setUp(self) -> None:
        self.authority = Authority.root()
        self.contexts = contexts_of(Options.of(self.authority.server(), self.mktemp()))
        self.trusting(self.authority)

    def trusting(self, authority: Authority) -> None:
        """Have clients trust *authority* alone."""
        self.client = ssl.create_default_context(cadata=authority.pem.decode())

    def serve_tls(self, serve: Serve = echo, **settings: Any) -> Listener:
        """Serve by *serve*."""
        self.server = Server(serve, reactor)
        settings = settings or {"host": "127.0.0.1"}
        listener = Listener(reactor, self.server.site, contexts=self.contexts, **settings)
        listener.privilegedStartService()
        listener.startService()
        self.addCleanup(self.stop, listener)
        if "unix" not in settings:
            address: Any = listener.ports[0].getHost()
            self.port = address.port
        return listener

    async def stop(self, listener: Listener) -> None:
        if listener.running:
            await maybeDeferred(listener.stopService)

    def call(self, *work: Any) -> Deferred[Any]:
        """Do something that blocks."""
        return deferToThread(*work)

    def opened(self, receive_buffer: int = 0) -> ssl.SSLSocket:
        """A new connection; with a *receive_buffer*, the kernel takes not much more than that unasked."""
        plain = socket.socket()
        plain.settimeout(20)
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.connect(("127.0.0.1", self.port))
        connection = self.client.wrap_socket(
            plain,
            server_hostname="localhost",
            suppress_ragged_eofs=False,  # an end without goodbye is an error
        )
        self.addCleanup(connection.close)
        return connection

    def conversation(self) -> http.client.HTTPSConnection:
        """A client as Python's own library has it."""
        made = http.client.HTTPSConnection("localhost", self.port, context=self.client, timeout=20)
        self.addCleanup(made.close)
        return made


def read_all(connection: Any) -> bytes:
    """All that comes until the end, which must be told in order."""
    received = b""
    while data := connection.recv(1 << 16):
        received += data
    return received


def ask(connection: Any) -> bytes:
    """Ask one thing; the bytes of the answer."""
    connection.sendall(request_bytes("GET", "/a", [("Connection", "close")]))
    return read_all(connection)


class ServingTests(TlsSocketCase):
    """Requests and answers."""

    async def test_serves(self) -> None:
        """A client that trusts the authority is served, with a version and a protocol of ours."""
        self.serve_tls()
        self.client.set_alpn_protocols(["h2", "http/1.1"])
        connection = await self.call(self.opened)
        self.assertEqual(("TLSv1.3", "http/1.1"), (connection.version(), connection.selected_alpn_protocol()))
        [answer] = read_answers(await self.call(ask, connection))
        self.assertEqual(200, answer.status)
        self.assertTrue(self.server.access[0].startswith("127.0.0.1 - "), self.server.access)

    async def test_unix(self) -> None:
        """So is one on a unix socket."""
        directory = tempfile.TemporaryDirectory(prefix="tls-")  # short enough for a socket's name
        self.addCleanup(directory.cleanup)
        path = str(Path(directory.name) / "socket")
        self.serve_tls(unix=path)

        def ask_there() -> bytes:
            plain = socket.socket(socket.AF_UNIX)
            plain.settimeout(20)
            plain.connect(path)
            with self.client.wrap_socket(plain, server_hostname="localhost") as connection:
                return ask(connection)

        [answer] = read_answers(await self.call(ask_there))
        self.assertEqual(200, answer.status)

    async def test_socket_options(self) -> None:
        """The kernel minds clients that vanish, as on a plain connection."""
        self.serve_tls()
        connection = await self.call(self.opened)
        await self.until(lambda: self.server.site.connections)
        [channel] = self.server.site.connections
        transport: Any = channel.transport
        handle = transport.transport.socket
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        self.assertEqual(KEEPALIVE, handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
        self.assertEqual(STALL_LIMIT, handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
        self.assertTrue(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        connection.close()

    async def test_plain_client(self) -> None:
        """A client that speaks plain HTTP, and goes on sending, can read why it is not served."""
        self.serve_tls()

        def plainly() -> bytes:
            with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
                connection.sendall(request_bytes("PUT", "/a", [("Content-Length", "1000000")]))
                connection.sendall(b"x" * 1000000)
                return read_all(connection)

        self.assertEqual(
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            await self.call(plainly),
        )

    async def test_early_answer(self) -> None:
        """A client that still sends sees the answer that was given early."""
        self.serve_tls(refuse)

        def put() -> int:
            client = self.conversation()
            client.request(
                "PUT", "/a", body=iter([b"x" * 65536] * 200), headers={"Content-Length": "13107200"}
            )
            return client.getresponse().status

        for _ in range(5):
            self.assertEqual(401, await self.call(put))

    async def test_cut_off(self) -> None:
        """Half an answer is an error, never a short one: not even without a length would it look whole."""

        async def half(request: RegistryRequest) -> None:
            request.begin_answer(200, (), b"half")
            reactor.callLater(0.05, request.cut_off)
            await Deferred()

        self.serve_tls(half)
        connection = await self.call(self.opened)
        with self.assertRaises(OSError):
            await self.call(ask, connection)

    async def test_hang_up(self) -> None:
        """A client that leaves is not served any longer, however it leaves."""
        held = Held()
        self.serve_tls(held)
        for leave in (_close, _say_goodbye, _reset):
            held.turns.clear()
            held.cancelled = 0
            connection = await self.call(self.opened)
            await self.call(connection.sendall, request_bytes("GET", "/a"))
            await self.until(lambda: held.turns)
            await self.call(leave, connection)
            await self.until(lambda: held.cancelled)
        await self.until(lambda: not self.server.site.connections)


def _close(connection: ssl.SSLSocket) -> None:
    connection.close()


def _say_goodbye(connection: ssl.SSLSocket) -> None:
    connection.settimeout(0.1)
    try:
        connection.unwrap()  # which waits for our goodbye in vain: the request is under way
    except OSError:
        connection.close()


def _reset(connection: ssl.SSLSocket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


class StopTests(TlsSocketCase):
    """The end of the service."""

    async def test_under_way(self) -> None:
        """A request under way is answered; idle connections and unfinished handshakes hold nothing up."""
        held = Held()
        listener = self.serve_tls(held, host="127.0.0.1", drain=30)
        idle, busy = await self.call(self.opened), await self.call(self.opened)
        silent = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(silent.close)
        await self.call(busy.sendall, request_bytes("GET", "/a"))
        await self.until(lambda: held.turns and len(self.server.site.connections) == 3)
        began = reactor.seconds()
        stopped = Deferred.fromCoroutine(self.stop(listener))
        self.assertEqual(b"", await self.call(read_all, idle))
        await self.until(lambda: len(self.server.site.connections) == 1)
        self.assertFalse(stopped.called)
        held.turns[0].callback(None)
        [answer] = read_answers(await self.call(read_all, busy))
        self.assertEqual((200, "close"), (answer.status, answer.header("Connection")))
        busy.close()
        await stopped
        self.assertLess(reactor.seconds() - began, 5)

    async def test_cut_off(self) -> None:
        """What is still under way in the end is cut off, and seen as such."""
        held = Held()
        listener = self.serve_tls(held)
        connection = await self.call(self.opened)
        await self.call(connection.sendall, request_bytes("GET", "/a"))
        await self.until(lambda: held.turns)
        await self.stop(listener)
        self.assertEqual(1, held.cancelled)
        with self.assertRaises(OSError):
            await self.call(read_all, connection)


class StreamTests(TlsSocketCase):
    """Content that is larger than any buffer."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.mktemp()
        block = os.urandom(1 << 16)
        content = b"".join(index.to_bytes(4, "big") + block for index in range(SIZE // (1 << 16)))
        Path(self.path).write_bytes(content[:SIZE].ljust(SIZE, b"x"))
        self.digest = sha256(Path(self.path).read_bytes()).hexdigest()
        self.workers = Workers(reactor, 2)
        self.workers.startService()
        self.addCleanup(self.workers.stopService)
        self.reader: Any = None

    async def download(self, request: RegistryRequest) -> None:
        """Send the file."""
        self.reader = _File(self.path, self.workers)
        try:
            request.begin_answer(200, ((b"Content-Length", b"%d" % SIZE),))
            await send_content(request, self.reader, [Slice(0, SIZE)], self.workers)
        finally:
            self.reader.close()

    async def read(self, connection: ssl.SSLSocket) -> str:
        """Read an answer to its end; the digest of its body."""

        def work() -> str:
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            hashed = sha256()
            while data := answer.read(1 << 16):
                hashed.update(data)
            return hashed.hexdigest()

        digest: str = await self.call(work)
        return digest

    async def stalled(self) -> tuple[ssl.SSLSocket, Any]:
        """A client that has asked for the file, and takes nothing; and the server's end of its connection."""
        connection = await self.call(self.opened, 65536)
        await self.call(connection.sendall, request_bytes("GET", "/a"))
        await self.until(lambda: self.reader is not None)
        [channel] = self.server.site.connections
        transport: Any = channel.transport
        await self.until(lambda: transport.transport.producerPaused)
        return connection, transport

    async def test_slow_client(self) -> None:
        """A client that takes nothing for a while costs some buffers, and gets everything in the end."""
        self.serve_tls(self.download)
        connection, transport = await self.stalled()
        below = transport.transport
        waiting = len(below.dataBuffer) - below.offset + below._tempDataLen
        self.assertLess(waiting, 2 * PIECE)
        self.assertEqual([], transport._appSendBuffer)
        self.assertEqual(self.digest, await self.read(connection))

    async def test_exchanged_certificate(self) -> None:
        """A download goes on when the certificate is exchanged, which new connections get."""
        self.serve_tls(self.download)
        connection, _ = await self.stalled()
        other = Authority.root("Other")
        self.contexts.context = contexts_of(Options.of(other.server(), self.mktemp())).context
        with self.assertRaises(ssl.SSLCertVerificationError):
            await self.call(self.opened)
        self.assertEqual(self.digest, await self.read(connection))
        self.trusting(other)
        await self.call(self.opened)

    async def test_cold_file(self) -> None:
        """What is not in memory is read by a thread, and arrives all the same."""
        self.patch(AtHand, "read", lambda *_: b"")
        self.serve_tls(self.download)
        connection = await self.call(self.opened)
        await self.call(connection.sendall, request_bytes("GET", "/a"))
        self.assertEqual(self.digest, await self.read(connection))
        self.assertGreater(self.reader.reads, SIZE // PIECE)

    async def test_warm_file(self) -> None:
        """What is in memory needs no thread."""
        self.serve_tls(self.download)
        connection = await self.call(self.opened)
        await self.call(connection.sendall, request_bytes("GET", "/a"))
        self.assertEqual(self.digest, await self.read(connection))
        if _has_nowait(self.path):
            self.assertEqual(0, self.reader.reads)

    async def test_slow_storage(self) -> None:
        """An upload into storage that is slower than the client waits in the client, not here."""
        turn: Deferred[None] = Deferred()
        held: list[int] = []

        async def store(request: RegistryRequest) -> None:
            first = await request.body.read()
            await turn
            hashed = sha256(b"".join(first))
            while chunks := await request.body.read():
                held.append(self.server.held())
                hashed.update(b"".join(chunks))
            request.answer(Reply(201, body=hashed.hexdigest().encode()))

        self.serve_tls(store)
        connection = await self.call(self.opened)

        def upload() -> None:
            connection.sendall(request_bytes("PUT", "/a", [("Content-Length", str(SIZE))]))
            connection.sendall(Path(self.path).read_bytes())

        sent = self.call(upload)
        await self.until(lambda: self.server.held() > 1 << 20)
        [channel] = self.server.site.connections
        await self.until(lambda: channel._body is not None and channel._body.paused)
        self.assertFalse(sent.called)
        self.assertLess(self.server.held(), 4 << 20)
        turn.callback(None)
        await sent
        answer = http.client.HTTPResponse(connection)
        await self.call(answer.begin)
        self.assertEqual(self.digest, (await self.call(answer.read)).decode())
        self.assertLess(max(held), 4 << 20)


def _has_nowait(path: str) -> bool:
    """Whether the kernel reads this file only if it has it in memory."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(fd, [bytearray(10)], 0, os.RWF_NOWAIT) == 10
    except OSError:
        return False
    finally:
        os.close(fd)


@implementer(IContentReader)
class _File:
    """A local file, which counts what threads read of it."""

    def __init__(self, path: str, workers: Workers) -> None:
        self._fd, self._workers = os.open(path, os.O_RDONLY), workers
        self.size = SIZE
        self.reads = 0

    async def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        data: bytes = await self._workers.run(os.pread, self._fd, length, offset)
        return data

    def fileno(self) -> int | None:
        return self._fd

    def close(self) -> None:
        os.close(self._fd)


class AtHandTests(TlsSocketCase):
    """Reads that need no disk."""

    def read(self, size: int, preadv: Callable[..., int] | None = None) -> tuple[bytes, AtHand]:
        path = self.mktemp()
        Path(path).write_bytes(b"abcdef")
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        if preadv is not None:
            self.patch(os, "preadv", preadv)
        reads = AtHand(fd)
        return bytes(reads.read(2, size)), reads

    def test_ends(self) -> None:
        """What is there is given, as far as it goes; nothing is what there is no descriptor of."""
        if not _has_nowait(__file__):
            return
        self.assertEqual(b"cde", self.read(3)[0])
        self.assertEqual(b"cdef", self.read(100)[0])
        self.assertEqual(b"", AtHand(None).read(0, 10))

    def test_cold(self) -> None:
        """What is not in memory is nothing now, and may be something later: the kernel does not wait."""
        flags: list[object] = []

        def preadv(*arguments: object) -> int:
            flags.append(arguments[3])
            raise BlockingIOError

        original = os.preadv
        data, reads = self.read(3, preadv)
        self.assertEqual((b"", [os.RWF_NOWAIT]), (data, flags))
        self.patch(os, "preadv", original)
        self.assertEqual(b"cde" if _has_nowait(__file__) else b"", bytes(reads.read(2, 3)))

    def test_warm(self) -> None:
        """What the kernel gives is given on, as much as it is."""

        def preadv(_: int, buffers: Sequence[bytearray], position: int, __: int) -> int:
            buffers[0][:2] = b"abcdef"[position : position + 2]
            return 2

        self.assertEqual(b"cd", self.read(3, preadv)[0])
        self.assertEqual(b"cd", self.read(2, preadv)[0])

    def test_not_there(self) -> None:
        """Where the kernel cannot do that, it is asked once."""
        asked: list[int] = []

        def preadv(*_: object) -> int:
            asked.append(1)
            raise OSError(95, "not supported")

        data, reads = self.read(3, preadv)
        self.assertEqual((b"", b""), (data, reads.read(0, 3)))
        self.assertEqual([1], asked)
