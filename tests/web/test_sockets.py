"""Clients that send on while they are answered, over real sockets: they must see the answer every time."""

from __future__ import annotations

import http.client
import select
import socket

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.web.serving import echo, refuse
from tests.web.sockets import SocketCase, reactor
from tests.web.wire import chunked, read_answers, request_bytes
from txregistry.web.body import CHUNK_OVERHEAD, HIGH_WATER
from txregistry.web.channel import READ_SIZE
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest

TRIES = 50
BODY = b"x" * (5 << 20)


def go_like(port: int, request: bytes) -> bytes:
    """Send *request* and read at the same time, as Go's client does, until the server ends its side."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.setblocking(False)
        rest = memoryview(request)
        while True:
            readable, writable, _ = select.select([connection], [connection] if rest else [], [], 20)
            if writable:
                rest = rest[connection.send(rest[:65536]) :]
            if readable:
                data = connection.recv(65536)
                if not data:
                    return received
                received += data
            if not (readable or writable):
                raise AssertionError("the server says nothing and takes nothing")


def http_client_like(port: int, chunks: bool) -> tuple[int, bytes]:
    """Send everything, and only then read, as Python's client does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        body = (BODY[at : at + 65536] for at in range(0, len(BODY), 65536)) if chunks else BODY
        connection.request("PUT", "/a", body=body, encode_chunked=chunks, headers=_framing(chunks))
        with connection.getresponse() as response:
            return response.status, response.read()
    finally:
        connection.close()


def _framing(chunks: bool) -> dict[str, str]:
    return {"Transfer-Encoding": "chunked"} if chunks else {"Content-Length": str(len(BODY))}


class RefusedUploadTests(SocketCase):
    """An answer to a body of megabytes that nobody wants."""

    async def test_go(self) -> None:
        """A client that reads while it writes sees the answer in every try, with a length and in chunks."""
        self.listen(refuse)
        whole = request_bytes("PUT", "/a", body=BODY)
        pieces = request_bytes("PUT", "/a", [("Transfer-Encoding", "chunked")]) + chunked(BODY[:-1], b"x")
        for request in (whole, pieces):
            seen = 0
            for _ in range(TRIES):
                received = await deferToThread(go_like, self.port, request)
                seen += [answer.status for answer in read_answers(received)] == [401]
            self.assertEqual(seen, TRIES)

    async def test_python(self) -> None:
        """So does one that reads only when it has written everything."""
        self.listen(refuse)
        for chunks in (False, True):
            seen = 0
            for _ in range(TRIES):
                seen += await deferToThread(http_client_like, self.port, chunks) == (401, b"no")
            self.assertEqual(seen, TRIES)

    async def test_slow_reader(self) -> None:
        """The answer waits for a client that is busy writing for longer than the server reads."""
        self.patch_drain(0.3)
        self.listen(refuse)
        client = await self.connect()
        client.transport.write(request_bytes("PUT", "/a", [("Content-Length", str(1 << 30))]))
        await client.at_least(1)
        await client.lost
        self.assertEqual([answer.status for answer in read_answers(bytes(client.received))], [401])

    def patch_drain(self, seconds: float) -> None:
        from txregistry.web import channel

        self.patch(channel, "DRAIN_SECONDS", seconds)

    async def test_small(self) -> None:
        """A small body that is refused costs no connection."""
        server = self.listen(refuse)
        client = await self.connect()
        for number in range(20):
            client.received.clear()
            client.transport.write(request_bytes("PUT", "/a", body=b"x" * 100_000))
            await client.answer_of(2)
            await self.until(lambda wanted=number + 1: len(server.ended) == wanted)  # type: ignore[misc]
        self.assertEqual(len(server.site.connections), 1)


class UploadTests(SocketCase):
    """Bodies that are read."""

    async def test_whole(self) -> None:
        """They arrive whole, in both framings, one after the other on one connection."""
        self.listen(echo)
        client = await self.connect()
        for request in (
            request_bytes("PUT", "/a", body=BODY),
            request_bytes("PUT", "/a", [("Transfer-Encoding", "chunked")])
            + chunked(BODY[:1000], BODY[1000:]),
        ):
            client.received.clear()
            client.transport.write(request)
            body = await client.answer_of(len(BODY))
            self.assertTrue(body == BODY)

    async def test_slow_handler(self) -> None:
        """However large a body is, and slow its reader, little of it is in memory, and all arrives."""
        held: list[int] = []
        size = 64 << 20

        async def serve(request: RegistryRequest) -> None:
            received = 0
            while chunks := await request.body.read():
                received += sum(map(len, chunks))
                await deferLater(reactor, 0.01)
                held.append(request.site.budget.held)
            request.answer(Reply(201, body=b"%d" % received))

        self.listen(serve)
        client = await self.connect()
        client.transport.write(request_bytes("PUT", "/a", body=b"x" * size))
        self.assertEqual(await client.answer_of(8), b"%d" % size)
        self.assertGreater(max(held), 0)
        self.assertLessEqual(max(held), HIGH_WATER + READ_SIZE + 100 * CHUNK_OVERHEAD)

    async def test_kept_alive(self) -> None:
        """The kernel watches over connections that are silent, and over clients that take nothing."""
        server = self.listen(echo)
        await self.connect()
        await self.until(lambda: server.site.connections)
        [channel] = server.site.connections
        handle = channel.transport.getHandle()
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        self.assertTrue(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        self.assertGreater(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT), 0)

    async def test_unix_socket(self) -> None:
        """All of it works over a UNIX socket as well."""
        server = self.listen(echo)
        path = self.mktemp()
        port = reactor.listenUNIX(path, server.site)
        try:
            for version in ("HTTP/1.1\r\nHost: h", "HTTP/1.0"):
                received = await deferToThread(_ask_unix, path, f"GET /a {version}\r\n\r\n".encode())
                self.assertIn(b" 200 OK\r\n", received)
            upload = request_bytes("PUT", "/a", [("Connection", "close")], b"x" * 100_000)
            [answer] = read_answers(await deferToThread(_ask_unix, path, upload))
            self.assertEqual(len(answer.body), 100_000)
        finally:
            await port.stopListening()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertTrue(all(line.startswith("- - - [") for line in server.access), server.access)


def _ask_unix(path: str, request: bytes) -> bytes:
    received = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(request)
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        if b"Connection: close" not in received:
            return received
        while data := connection.recv(65536):
            received += data
    return received
