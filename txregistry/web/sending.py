"""
Content on its way to a client.

Two ways: :class:`FileSender` lets the kernel copy a local file to a plain
socket; :class:`Pump` takes pieces that are read, in threads unless they are
in memory, for everything else (TLS, content that is no local file, several ranges).  Both
stop for a client that takes no more, and end at once for one that leaves.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from errno import EAGAIN, ECONNRESET, EOPNOTSUPP, EPIPE, ETIMEDOUT
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.errors import StorageError
from txregistry.interfaces import IContentReader, IWorkers
from txregistry.web.replies import Reply, framed
from txregistry.web.request import RegistryRequest

#: Bytes that one turn of the reactor gives to one client.
QUANTUM = 256 * 1024
#: Bytes of stored content written at a time where the kernel cannot send them.
PIECE = 512 * 1024
#: A reply whose body is larger is written in bits, of so many bytes.
LARGE = 256 * 1024
BIT = 64 * 1024
#: How far ahead of the client a cold file is read.
AHEAD = 4 * 1024 * 1024

#: What ``sendfile`` says of a socket whose client is gone.
_GONE = frozenset((EPIPE, ECONNRESET, ETIMEDOUT))


@frozen(slots=True)
class Slice:
    """The bytes of the content from *start* up to before *end*."""

    start: int
    end: int


async def send_content(
    request: RegistryRequest, reader: IContentReader, parts: Iterable[bytes | Slice], workers: IWorkers
) -> None:
    """
    Write *parts* behind the head that :meth:`RegistryRequest.begin_answer` wrote.

    Returns when the last byte has been handed to the transport.  Cancelling
    it (the client left) stops the reading.  *reader* stays the caller's.

    :raises StorageError: the content could not be read to its end; part of
        it may have been sent, so the connection has to be cut.
    """
    listed = list(parts)
    transport = request.channel.transport
    fd = reader.fileno()
    if len(listed) == 1 and fd is not None and not request.isSecure() and hasattr(transport, "getHandle"):
        part = listed[0]
        if isinstance(part, Slice) and part.start < part.end:
            sender = FileSender(request, transport, fd, part, workers)
            sender.begin()
            await sender.done
            return
    # Encryption takes any bytes, and copies them at once; a plain socket wants ``bytes``.
    at_hand = AtHand(fd if request.isSecure() else None)
    pump = Pump(request)
    request.registerProducer(pump, True)
    try:
        for part in listed:
            if isinstance(part, bytes):
                await pump.write(part)
                continue
            position = part.start
            while position < part.end:
                size = min(PIECE, part.end - position)
                await pump.room()
                data = at_hand.read(position, size) or await reader.read(position, size)
                position += len(data)
                await pump.write(data)
                del data  # a client that takes nothing shall not keep it twice, as it is and encrypted
    finally:
        if not request._disconnected:
            request.unregisterProducer()


class AtHand:
    """
    Reads of a file that need no disk, for which no thread is asked.

    :param fd: the file, if there is one.
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def read(self, position: int, size: int) -> bytes | bytearray:
        """What the kernel has in memory, from *position* on, at most *size* bytes; perhaps nothing."""
        if self._fd is None:
            return b""
        piece = bytearray(size)
        try:
            count = os.preadv(self._fd, [piece], position, os.RWF_NOWAIT)
        except BlockingIOError:
            return b""
        except OSError:
            self._fd = None  # the thread's read tells what is wrong, if it is anything
            return b""
        if count < size:
            del piece[count:]
        return piece


async def send_reply(request: RegistryRequest, reply: Reply) -> None:
    """
    Write *reply*; a large one bit by bit, as the client takes it.

    Otherwise each client that takes nothing would keep a copy of it in memory.
    """
    if len(reply.body) <= LARGE or request.method == b"HEAD" or request.gone:
        request.answer(reply)
        return
    request.begin_answer(reply.status, framed(reply))
    pump = Pump(request)
    request.registerProducer(pump, True)
    try:
        for start in range(0, len(reply.body), BIT):
            await pump.write(reply.body[start : start + BIT])
    finally:
        if not request._disconnected:
            request.unregisterProducer()


@implementer(IPushProducer)
class Pump:
    """Says when the client can take more."""

    def __init__(self, request: RegistryRequest) -> None:
        self._request = request
        self._paused: Deferred[None] | None = None
        self._stopped = False

    async def room(self) -> None:
        """Wait until the client has taken enough of what was written before."""
        if self._paused is not None:
            await self._paused
        if self._stopped:
            raise CancelledError

    async def write(self, data: bytes | bytearray) -> None:
        """Write *data*, when there is room for it."""
        await self.room()
        self._request.write(data)

    def pauseProducing(self) -> None:
        if self._paused is None:
            self._paused = Deferred()

    def resumeProducing(self) -> None:
        paused, self._paused = self._paused, None
        if paused is not None and not paused.called:
            paused.callback(None)

    def stopProducing(self) -> None:
        """The client left; the request, which hears of it next, cancels whoever waits."""
        self._stopped = True


@implementer(IPullProducer)
class FileSender:
    """
    Sends part of a file with ``sendfile``, a quantum per turn of the reactor.

    It takes the channel's place as the raw transport's producer.  A pull
    producer is asked whenever the transport's own buffer is empty, so the
    head of the answer goes first.

    Pages that are not in memory are read by a thread before the kernel is
    asked to send them: ``sendfile`` would wait for the disk, and with it
    every other client.

    :ivar done: fires when the last byte is in the socket; its cancelling
        stops the sending.
    """

    _log = Logger()

    def __init__(
        self, request: RegistryRequest, transport: Any, fd: int, part: Slice, workers: IWorkers
    ) -> None:
        self.done: Deferred[None] = Deferred(self._cancelled)
        self._request, self._transport, self._workers = request, transport, workers
        self._fd, self._position, self._end = fd, part.start, part.end
        self._started = False
        self._fetching: Deferred[Any] | None = None
        self._warm_until = part.start
        self._probing = True

    def begin(self) -> None:
        """Take the transport over."""
        self._transport.unregisterProducer()
        self._transport.registerProducer(self, False)
        self._started = True
        self._transport.startWriting()

    def resumeProducing(self) -> None:
        """The transport has room."""
        if not self._started or self._fetching is not None or self._transport is None:
            return
        size = min(QUANTUM, self._end - self._position)
        if not self._in_memory(size):
            self._fetch(size)
            return
        try:
            sent = os.sendfile(self._transport.fileno(), self._fd, self._position, size)
        except OSError as error:
            if error.errno == EAGAIN:
                self._transport.startWriting()
            elif error.errno in _GONE:
                self._request.cut_off()
            else:
                self._finish(StorageError(f"a file could not be read: {error}"))
            return
        if not sent:
            self._finish(StorageError("a file became shorter while it was sent"))
            return
        self._position += sent
        self._request.sentLength += sent
        if self._position < self._end:
            self._transport.startWriting()
        else:
            self._finish(None)

    def stopProducing(self) -> None:
        """The client left; the request, which hears of it next, cancels whoever waits for :attr:`done`."""
        self._transport = None

    # --- cold files ---

    def _in_memory(self, size: int) -> bool:
        """Whether *size* more bytes can be sent without waiting for a disk, as far as that can be known."""
        if not self._probing or self._position + size <= self._warm_until:
            return True
        try:
            for offset in (self._position, self._position + size - 1):
                os.preadv(self._fd, [bytearray(1)], offset, os.RWF_NOWAIT)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == EOPNOTSUPP:
                self._probing = False
        return True

    def _fetch(self, size: int) -> None:
        ahead = min(AHEAD, self._end - self._position)
        # The sender's own descriptor may be closed while the thread still reads.
        self._fetching = self._workers.run(_read_ahead, os.dup(self._fd), self._position, size, ahead)
        self._fetching.addBoth(self._fetched, self._position + size)

    def _fetched(self, _: object, until: int) -> None:
        self._fetching = None
        self._warm_until = until
        if self._transport is not None:
            self._transport.startWriting()

    # --- ends ---

    def _cancelled(self, _: Deferred[None]) -> None:
        self._release()

    def _finish(self, error: Exception | None) -> None:
        self._release()
        if self.done.called:
            return
        if error is None:
            self.done.callback(None)
        else:
            self.done.errback(error)

    def _release(self) -> None:
        transport, self._transport = self._transport, None
        channel = self._request.channel
        if transport is not None and transport.connected:
            transport.unregisterProducer()
            if channel is not None:
                transport.registerProducer(channel, True)
                # It may have been told to wait before; the transport's buffer is empty since then.
                channel.resumeProducing()


def _read_ahead(fd: int, position: int, size: int, ahead: int) -> None:
    try:
        os.posix_fadvise(fd, position, ahead, os.POSIX_FADV_WILLNEED)
        for offset in range(position, position + size, 4096):
            os.pread(fd, 1, offset)
    finally:
        os.close(fd)
