"""Stored content on its way through real sockets."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any
from weakref import ref

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.fakes.repository import MemoryReader
from tests.web.serving import Server
from tests.web.sockets import Client, SocketCase, reactor
from tests.web.wire import read_answers, request_bytes
from txregistry.errors import StorageError
from txregistry.interfaces import IContentReader
from txregistry.threads import Workers
from txregistry.web import channel, sending
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest
from txregistry.web.sending import QUANTUM, FileSender, Slice, send_content

SIZE = 24 * 1024 * 1024 + 17


@implementer(IContentReader)
class FileReader:
    """A local file."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._fd).st_size
        self.closed = 0

    async def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def fileno(self) -> int | None:
        return self._fd

    def close(self) -> None:
        self.closed += 1
        os.close(self._fd)


class SendingCase(SocketCase):
    """
    A server of one file: its path is which parts of it are asked for, as in ``/0-5,7-9``.

    :ivar failures: what sending raised.
    """

    memory = False

    def setUp(self) -> None:
        self.path = self.mktemp()
        block = os.urandom(1 << 20)
        self.content = b"".join(bytes([n]) + block for n in range(SIZE // (1 << 20)))[:SIZE]
        self.content += b"x" * (SIZE - len(self.content))
        with open(self.path, "wb") as file:
            file.write(self.content)
        self.readers: list[Any] = []
        self.failures: list[BaseException] = []
        self.paused: Deferred[None] = Deferred()
        self.workers = Workers(reactor, 2)
        self.workers.startService()
        self.addCleanup(self.workers.stopService)
        self.descriptors = self.open_descriptors()
        self.server: Server = self.listen(self.serve)
        self.addCleanup(self.check_descriptors)

    def open_descriptors(self) -> int:
        """How many descriptors of the served file are open in this process."""
        found = 0
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):  # the directory's own
                found += os.readlink(f"/proc/self/fd/{number}").endswith(self.path)
        return found

    def check_descriptors(self) -> None:
        self.assertEqual(self.open_descriptors(), self.descriptors)
        self.assertTrue(all(reader.closed == 1 for reader in self.readers if isinstance(reader, FileReader)))

    async def serve(self, request: RegistryRequest) -> None:
        path = request.path.decode()
        if request.method == b"PUT":
            await self.paused
            request.answer(Reply(201, body=b"%d" % len(await request.body.read_all(1 << 30))))
            return
        if path == "/large":
            request.answer(Reply(200, body=self.content[: 8 << 20]))
            return
        parts: list[bytes | Slice] = []
        length = 0
        for item in path[1:].split(","):
            start, dash, end = item.partition("-")
            if dash:
                parts.append(Slice(int(start), int(end)))
                length += int(end) - int(start)
            else:
                parts.append(item.encode())
                length += len(item)
        reader: Any = MemoryReader(self.content) if self.memory else FileReader(self.path)
        self.readers.append(reader)
        try:
            request.begin_answer(200, ((b"Content-Length", b"%d" % length),))
            await send_content(request, reader, parts, self.workers)
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            reader.close()

    async def got(self, client: Client, path: str, size: int) -> bytes:
        """Ask for *path*, and nothing else; its *size* bytes."""
        client.received.clear()
        client.transport.write(request_bytes("GET", path))
        await client.answer_of(size)
        [answer] = read_answers(bytes(client.received))
        return answer.body


class FileSenderTests(SendingCase):
    """A local file, sent by the kernel."""

    async def test_whole(self) -> None:
        """The whole file arrives, and is counted for the log."""
        client = await self.connect()
        self.assertTrue(await self.got(client, f"/0-{SIZE}", SIZE) == self.content)
        await self.until(lambda: self.server.requests[0].finished)
        self.assertEqual(self.server.requests[0].sentLength, SIZE)

    async def test_again(self) -> None:
        """The connection serves on, requests sent meanwhile included."""
        client = await self.connect()
        client.transport.write(
            request_bytes("GET", f"/0-{SIZE}") + request_bytes("GET", "/5-9") + request_bytes("GET", "/7-300")
        )
        head = 300
        await client.at_least(SIZE + 4 + 293 + head)
        await self.until(lambda: len(self.server.ended) == 3)
        answers = read_answers(bytes(client.received))
        bodies = [answer.body for answer in answers]
        self.assertTrue(bodies == [self.content, self.content[5:9], self.content[7:300]])
        self.assertTrue(await self.got(client, f"/0-{SIZE}", SIZE) == self.content)

    async def test_part(self) -> None:
        """Any part of it arrives: its begin, its middle, its end, a byte, and nothing."""
        client = await self.connect()
        for start, end in (
            (0, 1),
            (0, QUANTUM),
            (1, QUANTUM + 2),
            (SIZE - 1, SIZE),
            (4095, 4097),
            (SIZE // 2, SIZE),
            (7, 7),
        ):
            body = await self.got(client, f"/{start}-{end}", end - start)
            self.assertTrue(body == self.content[start:end], f"{start}-{end}")

    async def test_several(self) -> None:
        """Several parts with text between them arrive in order."""
        client = await self.connect()
        first, second = self.content[10:2000000], self.content[5:20]
        expected = b"head" + first + b"middle" + second + b"tail"
        body = await self.got(client, "/head,10-2000000,middle,5-20,tail", len(expected))
        self.assertTrue(body == expected)

    async def test_slow_client(self) -> None:
        """A client that takes nothing is not sent into memory, and gets the rest when it reads on."""
        client = await self.connect(receive_buffer=4096)
        client.transport.write(request_bytes("GET", f"/0-{SIZE}"))
        await client.at_least(1)
        client.transport.pauseProducing()
        sent = -1
        while sent != self.server.requests[0].sentLength:
            sent = self.server.requests[0].sentLength
            await deferLater(reactor, 0.2)
        self.assertLess(sent, SIZE)
        [serving] = self.server.site.connections
        self.assertEqual(len(serving.transport.dataBuffer) + serving.transport._tempDataLen, 0)
        client.transport.resumeProducing()
        self.assertTrue(await client.answer_of(SIZE) == self.content)

    async def test_slow_client_of_a_last_answer(self) -> None:
        """A slow client gets the whole of an answer that ends its connection, however long it takes."""
        self.patch(channel, "DRAIN_SECONDS", 0.1)
        for path, expected in ((f"/0-{8 << 20}", 8 << 20), ("/large", 8 << 20)):
            client = await self.connect(receive_buffer=4096)
            client.transport.write(request_bytes("GET", path, [("Connection", "close")]))
            await client.at_least(1)
            for _ in range(10):
                client.transport.pauseProducing()
                await deferLater(reactor, 0.05)
                client.transport.resumeProducing()
                await client.at_least(len(client.received) + 1)
            await client.lost
            [answer] = read_answers(bytes(client.received))
            self.assertTrue(answer.body == self.content[:expected])

    async def test_hang_up(self) -> None:
        """A client that leaves, by FIN or by RST, reading or not, ends it: no error, file closed."""
        for leave in ("loseConnection", "abortConnection"):
            for paused in (False, True):
                for pipelined in (0, 40000):
                    client = await self.connect(receive_buffer=4096)
                    client.transport.write(request_bytes("GET", f"/0-{SIZE}") + b"x" * pipelined)
                    await client.at_least(1)
                    if paused:
                        client.transport.pauseProducing()
                        await deferLater(reactor, 0.05)
                    getattr(client.transport, leave)()
                    await self.until(lambda: not self.server.site.connections)
                    self.assertEqual(self.readers[-1].closed, 1)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual([status for _, status in self.server.ended], [200] * 8)
        self.assertEqual(self.open_descriptors(), 0)

    async def test_truncated(self) -> None:
        """A file that becomes shorter meanwhile cuts the connection: the answer cannot look whole."""
        client = await self.connect(receive_buffer=4096)
        client.transport.write(request_bytes("GET", f"/0-{SIZE}") + request_bytes("GET", "/0-5"))
        await client.at_least(1)
        os.truncate(self.path, 1000)
        await client.lost
        self.assertLess(len(client.received), SIZE)
        self.assertIsInstance(self.failures[0], StorageError)
        self.assertEqual(len(self.server.served), 1)
        self.flushLoggedErrors(StorageError)

    async def test_gone(self) -> None:
        """What the kernel says of a client that is gone is no error of ours."""
        for code in (errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT):

            def sendfile(*_: int, code: int = code) -> int:
                raise OSError(code, os.strerror(code))

            self.patch(os, "sendfile", sendfile)
            client = await self.connect()
            client.transport.write(request_bytes("GET", f"/0-{SIZE}"))
            await client.lost
            await self.until(lambda: not self.server.site.connections)
            self.assertEqual(self.readers[-1].closed, 1)
            self.assertEqual(self.flushLoggedErrors(), [])

    async def test_unreadable(self) -> None:
        """A disk that fails cuts the connection, and is a failure of the storage."""

        def sendfile(*_: int) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        self.patch(os, "sendfile", sendfile)
        client = await self.connect()
        client.transport.write(request_bytes("GET", f"/0-{SIZE}"))
        await client.lost
        self.assertIsInstance(self.failures[0], StorageError)
        self.assertEqual(len(self.flushLoggedErrors(StorageError)), 1)

    async def test_cold(self) -> None:
        """What is not in memory is fetched in a thread before it is sent, each time one more piece."""
        probes: list[int] = []

        def cold(sender: Any, size: int) -> bool:
            if sender._position + size <= sender._warm_until:
                return True
            probes.append(sender._position)
            return False

        self.patch(FileSender, "_in_memory", cold)
        client = await self.connect()
        self.assertTrue(await self.got(client, f"/3-{SIZE}", SIZE - 3) == self.content[3:])
        self.assertGreaterEqual(len(probes), SIZE // QUANTUM)

    async def test_cold_hang_up(self) -> None:
        """A client that leaves while a thread fetches leaves no descriptor behind."""
        begun: list[int] = []
        release: list[bool] = []

        def slow(fd: int, *_: int) -> None:
            begun.append(fd)
            while not release:
                os.sched_yield()
            os.close(fd)

        self.patch(sending, "_read_ahead", slow)
        self.patch(FileSender, "_in_memory", lambda *_: False)
        client = await self.connect()
        client.transport.write(request_bytes("GET", f"/0-{SIZE}"))
        await self.until(lambda: begun)
        client.transport.abortConnection()
        await self.until(lambda: not self.server.site.connections)
        self.assertEqual(self.readers[0].closed, 1)
        release.append(True)
        await self.until(lambda: self.open_descriptors() == 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_probe(self) -> None:
        """A file that was just written is in memory, and no thread is asked."""
        fetched: list[object] = []
        self.patch(FileSender, "_fetch", lambda *arguments: fetched.append(arguments))
        client = await self.connect()
        self.assertTrue(await self.got(client, f"/0-{SIZE}", SIZE) == self.content)
        self.assertEqual(fetched, [])

    async def test_probe_cold(self) -> None:
        """Whether it is in memory is asked of the kernel, which is told not to wait for it."""
        fetched, flags = [], set()
        read_ahead = sending._read_ahead

        def ahead(fd: int, position: int, *sizes: int) -> None:
            fetched.append(position)
            read_ahead(fd, position, *sizes)

        def preadv(_: int, __: object, position: int, flag: int) -> int:
            flags.add(flag)
            raise BlockingIOError

        self.patch(sending, "_read_ahead", ahead)
        self.patch(os, "preadv", preadv)
        client = await self.connect()
        self.assertTrue(await self.got(client, f"/0-{SIZE}", SIZE) == self.content)
        self.assertEqual(flags, {os.RWF_NOWAIT})
        self.assertGreaterEqual(len(fetched), SIZE // QUANTUM)

    async def test_no_probe(self) -> None:
        """A kernel that cannot tell is asked once, and no thread is."""
        fetched: list[object] = []
        asked: list[int] = []

        def preadv(*_: object) -> int:
            asked.append(1)
            raise OSError(errno.EOPNOTSUPP, "not supported")

        self.patch(FileSender, "_fetch", lambda *arguments: fetched.append(arguments))
        self.patch(os, "preadv", preadv)
        client = await self.connect()
        self.assertTrue(await self.got(client, f"/0-{SIZE}", SIZE) == self.content)
        self.assertEqual((fetched, asked), ([], [1]))

    async def test_upload_behind(self) -> None:
        """An upload behind a large answer and a file on one connection is paused and read on as any other."""
        client = await self.connect(receive_buffer=4096)
        client.transport.write(request_bytes("GET", "/large") + request_bytes("GET", f"/0-{SIZE}"))
        await client.at_least(SIZE + (8 << 20))
        size = 8 << 20
        client.transport.write(request_bytes("PUT", "/a", body=b"x" * size))
        await self.until(lambda: len(self.server.requests) == 3)
        await self.until(lambda: getattr(self.server.requests[2].body, "paused", False))
        self.paused.callback(None)
        await self.until(lambda: bytes(client.received).endswith(b"%d" % size))


class PumpTests(SendingCase):
    """Content that is no local file."""

    memory = True

    async def test_whole(self) -> None:
        """It arrives, and the connection serves on."""
        client = await self.connect()
        for _ in range(2):
            self.assertTrue(await self.got(client, f"/0-{SIZE}", SIZE) == self.content)

    async def test_parts(self) -> None:
        """So do parts of it."""
        client = await self.connect()
        expected = b"a" + self.content[10:3000000] + b"b"
        self.assertTrue(await self.got(client, "/a,10-3000000,b", len(expected)) == expected)

    async def test_slow_client(self) -> None:
        """A client that takes nothing is not read ahead of without end."""
        reads: list[int] = []
        read = MemoryReader.read

        async def counted(reader: MemoryReader, offset: int, length: int) -> bytes:
            reads.append(length)
            return await read(reader, offset, length)

        self.patch(MemoryReader, "read", counted)
        client = await self.connect(receive_buffer=4096)
        client.transport.write(request_bytes("GET", f"/0-{SIZE}"))
        await client.at_least(1)
        client.transport.pauseProducing()
        before = -1
        while before != len(reads):
            before = len(reads)
            await deferLater(reactor, 0.2)
        self.assertLess(sum(reads), SIZE)
        client.transport.resumeProducing()
        self.assertTrue(await client.answer_of(SIZE) == self.content)

    async def test_hang_up(self) -> None:
        """A client that leaves in the middle ends it without an error."""
        for leave in ("loseConnection", "abortConnection"):
            for paused in (False, True):
                client = await self.connect(receive_buffer=4096)
                client.transport.write(request_bytes("GET", f"/0-{SIZE}"))
                await client.at_least(1)
                if paused:
                    client.transport.pauseProducing()
                    await deferLater(reactor, 0.05)
                getattr(client.transport, leave)()
                await self.until(lambda: not self.server.site.connections)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual([status for _, status in self.server.ended], [200] * 4)

    async def test_unreadable(self) -> None:
        """Content that cannot be read on cuts the connection."""

        async def broken(reader: MemoryReader, offset: int, length: int) -> bytes:
            if offset:
                raise StorageError("gone")
            return b"x" * length

        self.patch(MemoryReader, "read", broken)
        client = await self.connect()
        client.transport.write(request_bytes("GET", f"/0-{SIZE}"))
        await client.lost
        self.assertLess(len(client.received), SIZE)
        self.assertEqual(len(self.flushLoggedErrors(StorageError)), 1)


class Traced(bytearray):
    """Content whose end can be seen."""


@implementer(IContentReader)
class TracedReader:
    """Content in memory, of which it is known what is still held by others."""

    size = 1 << 30

    def __init__(self) -> None:
        self.given: list[ref[Traced]] = []

    async def read(self, offset: int, length: int) -> bytes:
        piece: Any = Traced(length)
        self.given.append(ref(piece))
        return piece  # type: ignore[no-any-return]

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        """Nothing is open."""


class FullRequest:
    """An encrypted answer whose client takes nothing; what it is given is encrypted, and not kept."""

    _disconnected = False

    def __init__(self) -> None:
        self.channel: Any = self
        self.transport = None
        self.written = 0
        self.producer: Any = None

    def isSecure(self) -> bool:
        return True

    def registerProducer(self, producer: object, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self.producer.pauseProducing()


class WaitingTests(SynchronousTestCase):
    """Clients that take nothing."""

    def test_held_once(self) -> None:
        """What was encrypted for a client that takes no more is not kept as it was, too."""
        request: Any = FullRequest()
        reader = TracedReader()
        workers: Any = None
        sending = Deferred.fromCoroutine(send_content(request, reader, [Slice(0, reader.size)], workers))
        self.assertNoResult(sending)
        self.assertEqual([piece() for piece in reader.given], [None])
        request.producer.resumeProducing()
        self.assertEqual([piece() for piece in reader.given], [None] * 2)
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
