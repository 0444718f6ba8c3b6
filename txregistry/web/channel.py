"""
The HTTP/1.1 connection, with bodies that are handed on as they arrive.

Twisted's own channel keeps a request's whole body before anything sees the
request.  :class:`StreamingChannel` dispatches a request when its headers are
complete, and gives it a :class:`~txregistry.web.body.Body` to read from.

This is the one module that touches private names of ``twisted.web.http``
(it reads ``_command``, ``_path``, ``_version``, ``_handlingRequest``,
``_waitingForTransport``, ``_receivedHeaderSize``, ``_buffer`` and
``_busyReceiving``, sets ``_savedTimeOut`` and ``_transferDecoder``, calls
``_failChooseTransferDecoder`` and ``_finishRequestBody``, and overrides ``_send100Continue``,
``_respondToBadRequestAndDisconnect`` and ``_maybeChooseTransferDecoder``);
``tests/web/test_channel.py`` pins what it relies on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, ITCPTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from zope.interface import implementer

from txregistry.web.body import Body, BodyLost, BodyMalformed, BodyTooSlow
from txregistry.web.chunked import ChunkedDecoder
from txregistry.web.sockets import notice_the_gone
from txregistry.web.turns import Turns

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest
    from txregistry.web.site import RegistrySite

#: Bytes of a large body taken from the socket at a time, and the mark over which writes pause their producer.
READ_SIZE = 256 * 1024
#: The same for everything else, whose parsing costs more the more there is at a time.
SMALL_READ = 64 * 1024
#: So many pipelined requests are served before other connections have their turn.
REQUESTS_IN_TURN = 16
#: Largest header block, and largest line in it, in bytes.
HEADER_LIMIT = 96 * 1024
#: The first byte of a TLS ClientHello.
TLS_HANDSHAKE = b"\x16"
#: Seconds for a whole header block.
HEADER_TIMEOUT = 30.0
#: The idle timer starts anew when this many bytes of a body have come: the least rate is this per time-out.
PROGRESS = 4 * 1024
#: A rest of a refused body up to this many bytes is read and dropped, to keep the connection.
SMALL_REST = 256 * 1024
#: What is read and dropped of a refused body before the connection is cut: time to see the answer.
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 10.0
#: Longest Content-Length in digits; more than any storage holds.
LENGTH_DIGITS = 18


@implementer(IHalfCloseableProtocol)
class StreamingChannel(HTTPChannel):
    """
    One connection.

    The life of a request with a body: headers complete, request dispatched,
    body handed on; then, in either order, the body ends and the response is
    finished.  :meth:`requestDone` tells the two orders apart.

    Requests that came together have their turns (:mod:`txregistry.web.turns`):
    until then ``paused`` makes the line receiver keep them.
    """

    site: RegistrySite
    requests: list[RegistryRequest]
    transport: Any

    MAX_LENGTH = HEADER_LIMIT
    totalHeadersSize = 2 * HEADER_LIMIT  # ours is checked first
    maxHeaders = 500

    _body: Body | None = None
    _early = False
    _answered = False
    _continue_owed = False
    _header_begun = False
    _last = False
    _progress = 0
    _deaf = False
    _closing = False
    _drained = 0
    _drain_call: IDelayedCall | None = None
    _at_end = False
    _head_only = False

    # --- the connection ---

    def connectionMade(self) -> None:
        self.transport.bufferSize = SMALL_READ
        self._turns = Turns(self, self.site.clock, REQUESTS_IN_TURN)
        super().connectionMade()
        if ITCPTransport.providedBy(self.transport):
            notice_the_gone(self.transport)
        self.site.connections.add(self)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        if self._drain_call is not None:
            self._drain_call.cancel()
            self._drain_call = None
        self._turns.end()
        self._body = None
        # The request first: its handler is cancelled, and must not see a broken body before that.
        super().connectionLost(reason)
        for request in self.requests:
            request.body.break_off(BodyLost())
        self.site.connections.discard(self)
        self.site.request_ended()

    def readConnectionLost(self) -> None:
        """The client has sent its last byte.  It may be gone, or wait for its answers."""
        self._at_end = True
        if self._body is not None and not self._answered:
            if self.isSecure():
                self.transport.abortConnection()
            else:
                self.transport.connectionLost(Failure(ConnectionDone()))
        else:
            self._end_reached()

    def writeConnectionLost(self) -> None:
        """Our last byte is out."""

    def _end_reached(self) -> None:
        """Close if the last answer has been given, since no request can come any more."""
        if self._closing or not (self._handlingRequest or self.paused or self._busyReceiving):
            self.loseConnection()

    @property
    def idle(self) -> bool:
        """Nothing is being asked or answered on this connection."""
        return not self.requests and not self._closing

    def close_when_idle(self) -> None:
        """Close now, or after the answer that is under way."""
        self._last = True
        self.persistent = False
        if self.idle:
            self.loseConnection()

    # --- receiving ---

    def dataReceived(self, data: bytes) -> None:
        if self._deaf:
            self._drained += len(data)
            if self._drained > DRAIN_BYTES:
                self.transport.abortConnection()
            return
        body = None if self.paused else self._body
        received = 0 if body is None else body.received
        if self.paused:
            pass
        elif body is not None:
            self._progress += len(data)
            if self._progress >= PROGRESS:
                self._progress = 0
                self.resetTimeout()
        elif not self._header_begun and not self._handlingRequest:
            if data[:1] == TLS_HANDSHAKE:
                # Clients that may speak plain HTTP try TLS first, and go on when they are refused at once.
                self.refuse(400, "a TLS handshake on a plain HTTP port")
                return
            self._header_begun = True
            self.setTimeout(HEADER_TIMEOUT)
        # Not HTTPChannel's: it would start the idle timer anew with every byte.
        super(HTTPChannel, self).dataReceived(data)
        if body is not None and body is self._body:
            self._fit_reads(len(data), body.received - received)

    def _fit_reads(self, size: int, content: int) -> None:
        """Choose the size of the next read after one of *size* bytes, of which *content* were the body's."""
        if content * 2 < size:  # tiny chunks, which take their time
            self.transport.bufferSize = SMALL_READ
        elif size == SMALL_READ:  # there was more, and will be
            self.transport.bufferSize = READ_SIZE

    def lineReceived(self, line: bytes) -> None:
        if self._deaf:
            return
        if not self.requests:
            self._head_only = line.startswith(b"HEAD ")
        if self._receivedHeaderSize + len(line) > HEADER_LIMIT:
            self.refuse(431, "the request's header block is too large")
            return
        super().lineReceived(line)
        if self._body is not None and not self._early and not self.line_mode:
            # Only here the parser's own state is settled: a handler may well end at once.
            self._early = True
            self.setTimeout(None)
            self.requests[-1].begin(self._command, self._path, self._version)

    def lineLengthExceeded(self, line: bytes) -> None:
        if self.requests:
            self.refuse(431, "a header line of the request is too long")
        else:
            self._head_only = line.startswith(b"HEAD ")
            self.refuse(414, "the request line is too long")

    def _maybeChooseTransferDecoder(self, header: bytes, data: bytes) -> bool:
        unusable = header == b"Content-Length" and len(data) > LENGTH_DIGITS
        # "identity" is no coding any more, and some readers take it for one that makes lengths invalid.
        if unusable or (header == b"Transfer-Encoding" and data.lower() != b"chunked"):
            return bool(self._failChooseTransferDecoder())
        if not super()._maybeChooseTransferDecoder(header, data):
            return False
        if header == b"Transfer-Encoding":
            self._transferDecoder = ChunkedDecoder(
                self.requests[-1].handleContentChunk, self._finishRequestBody
            )
        return True

    def allHeadersReceived(self) -> None:
        self._header_begun = self._early = self._answered = self._continue_owed = False
        if self.length != 0:
            self._progress = 0
            self._body = Body(self, self.length, self.site.budget, self.site.clock)
            self.requests[-1].body = self._body
        self.transport.bufferSize = SMALL_READ
        super().allHeadersReceived()

    def checkPersistence(self, request: RegistryRequest, version: bytes) -> bool:
        # Not HTTPChannel's, which cannot read lists.
        lines = request.requestHeaders.getRawHeaders(b"Connection") or ()
        close = any(b"close" in map(bytes.strip, line.lower().split(b",")) for line in lines)
        return version == b"HTTP/1.1" and not close and not self._last

    def rawDataReceived(self, data: bytes) -> None:
        if not self._deaf:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        if self._deaf:
            return
        answered = self._answered
        self._body, self._continue_owed = None, False
        super().allContentReceived()  # ends with the request's requestReceived
        if answered:
            self.requestDone(self.requests[0])

    def timeoutConnection(self) -> None:
        body = self._body
        if body is not None and self._early and not self._answered and not self.requests[0].startedWriting:
            self.persistent = False
            self._deaf = True
            body.break_off(BodyTooSlow())
        elif self._header_begun and not self._closing:
            self.refuse(408, "the request did not come in time")
        elif self._waitingForTransport:
            self.setTimeout(self.site.timeOut)  # it is not idle: it takes its last answer
        else:
            super().timeoutConnection()

    # --- the body's flow ---

    def _send100Continue(self) -> None:
        self._continue_owed = True

    def body_wanted(self) -> None:
        if self._continue_owed:
            self._continue_owed = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.setTimeout(self.site.timeOut)

    def pause_body(self) -> None:
        self.setTimeout(None)
        self.transport.pauseProducing()

    def resume_body(self) -> None:
        if self._body is None or self._deaf:
            return
        if self._body.wanted:
            self.setTimeout(self.site.timeOut)
        if not self._waitingForTransport:
            self.transport.resumeProducing()

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self.paused or (self._body is not None and self._body.paused):
            self.transport.pauseProducing()
        self._turns.taken()

    # --- pipelined requests ---

    def takes_nothing(self) -> bool:
        return bool(self._waitingForTransport)

    def holds_more(self) -> bool:
        return bool(self._buffer)

    def hold(self) -> None:
        self.setTimeout(None)
        self.transport.pauseProducing()

    def go_on(self) -> None:
        if self._deaf:
            return
        self.transport.resumeProducing()
        self.dataReceived(b"")
        if self._at_end:
            self._end_reached()

    # --- answering ---

    def keeps_open(self) -> bool:
        """
        Whether the connection can serve another request after the answer that is about to begin.

        While a body is still on its way, it can if what is left is known to
        be little, and the client does not wait for a 100 Continue.
        """
        if not self.persistent or self._deaf:
            return False
        body = self._body
        if body is None:
            return True
        if self._continue_owed or body.length is None:
            return False
        return body.length - body.received <= SMALL_REST

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        if not self.keeps_open():
            self.persistent = False
            headers.setRawHeaders(b"Connection", [b"close"])
        super().writeHeaders(version, code, reason, headers)

    def requestDone(self, request: RegistryRequest) -> None:
        body = self._body
        # Of a body that came whole, too: the handler need not have read it.
        request.body.discard()
        if body is not None and self.persistent:
            # Answered early; the rest of the body is small, and allContentReceived comes back here.
            self._answered = True
            self.setTimeout(self.site.timeOut)
            return
        self.site.request_ended()
        if self.persistent:
            self._savedTimeOut = self.site.timeOut
            self._turns.answered()
            super().requestDone(request)
            self._turns.settle()
            if self._at_end:
                self._end_reached()
            return
        self._body = None
        del self.requests[0]
        self._close_seen()

    def _close_seen(self) -> None:
        """
        Close so that the client sees what was written, though it may still be sending.

        After a plain close the kernel answers the client's next bytes with a
        reset, and the reset destroys an answer that was not read yet.
        """
        if self._closing:
            return
        self.setTimeout(None)
        self._deaf = self._closing = True
        self.transport.unregisterProducer()
        self.transport.resumeProducing()
        self.transport.loseWriteConnection()
        self._drain_call = self.site.clock.callLater(DRAIN_SECONDS, self._drained_long_enough)

    def cut(self) -> None:
        """Break the connection; whatever else came or comes on it is not looked at."""
        self.persistent = False
        self._deaf = self._closing = True
        self.transport.abortConnection()

    def _drained_long_enough(self) -> None:
        self._drain_call = None
        # Not at once: a slow client may still be taking the answer.  Clients that take
        # nothing are the kernel's business (see :mod:`txregistry.web.sockets`).
        self.transport.loseConnection()

    def refuse(self, status: int, message: str) -> None:
        """Answer something that cannot be dispatched, or not be gone on with, and close."""
        if self._deaf:
            return
        self.persistent = False
        self._deaf = True
        if any(request.startedWriting for request in self.requests):
            self.cut()
        elif self._early and self._body is not None:
            self._body.break_off(BodyMalformed(message))  # its handler answers
        else:
            self.transport.write(self.site.refusal(status, message, self._head_only))
            self._close_seen()

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(400, "malformed request")
