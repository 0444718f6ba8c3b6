"""
Encrypted connections between a port and the protocol that a site makes.

Twisted's own transport moves every record by itself; this one moves many at a
time.  It closes as a plain connection does: at once, or, for a client that may
still be sending, behind its last words while it goes on reading.  A handshake
that fails is one line in the log.

This is the one module that touches private names of ``twisted.protocols.tls``
(it reads ``_tlsConnection``, ``_handshakeDone`` and ``_lostTLSConnection``, sets the
latter and ``_aborted``, calls ``_bufferedWrite``, and overrides
``_checkHandshakeStatus``, ``_flushReceiveBIO``, ``_flushSendBIO``, ``_shutdownTLS``,
``_tlsShutdownFinished`` and ``_write``); ``tests/tls/test_connections.py`` pins what it
relies on.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from txregistry.tls.contexts import explained

#: Seconds for a handshake.
HANDSHAKE_TIMEOUT = 30.0
#: Seconds that are left to a client for reading why it was refused.
LINGER = 5.0
#: Bytes that are encrypted or decrypted at a time.  OpenSSL's buffers grow to this size, and never shrink.
PIECE = 128 * 1024
#: The most that one record holds.
RECORD = 16 * 1024

#: What Go's servers say to plain HTTP, and clients know.
PLAIN_HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

#: OpenSSL's numbers of what can be wrong with a certificate, in words.
_WRONG = {
    7: "its signature is wrong",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it was issued by itself",
    19: "its root is not among the client CAs",
    20: "its issuer is not among the client CAs",
    21: "its issuer is not among the client CAs",
    24: "its issuer may not issue certificates",
    26: "it is not one for clients",
    66: "its key is too weak",
    67: "its issuer's key is too weak",
    68: "it is signed with too weak an algorithm",
}


class TlsConnection(TLSMemoryBIOProtocol):
    """The server's end of one connection, and the transport of the protocol inside."""

    _log = Logger()

    factory: TlsFactory
    transport: Any
    wrappedProtocol: Any
    connected: Any

    _begun = False
    _deaf = False
    _lingering = False
    _refusal = ""
    _deadline: IDelayedCall | None = None

    @property
    def bufferSize(self) -> int:
        """Bytes taken from the socket at a time, and the mark over which writes pause their producer."""
        size: int = self.transport.bufferSize
        return size

    @bufferSize.setter
    def bufferSize(self, size: int) -> None:
        self.transport.bufferSize = size

    # --- the handshake ---

    def makeConnection(self, transport: Any) -> None:
        self._deadline = self.factory.clock.callLater(HANDSHAKE_TIMEOUT, self._too_late)
        super().makeConnection(transport)

    def _checkHandshakeStatus(self) -> None:
        super()._checkHandshakeStatus()
        if self._handshakeDone:
            self._stop_clock()

    def _too_late(self) -> None:
        self._deadline = None
        self._say(f"it took longer than {HANDSHAKE_TIMEOUT:g} s")
        self.abortConnection()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _say(self, reason: str, refused: bool = False) -> None:
        """Log that there will be no connection; operators may want to know of a *refused* certificate."""
        peer = _shown(self.transport.getPeer())
        log = self._log.warn if refused else self._log.info
        log("TLS handshake with {peer} failed: {reason}", peer=peer, reason=reason)

    def _failed(self, error: BaseException | None) -> None:
        reason = explained(error) if isinstance(error, SSL.Error) else str(error)
        if self._refusal:
            self._say(self._refusal, refused=True)
        elif "did not return a certificate" in reason:
            self._say("the client has no certificate", refused=True)
        else:
            self._say(reason)

    def certificate_refused(self, error: int, subject: str) -> None:
        """Keep the first reason for the log: others follow from it."""
        what = _WRONG.get(error, f"OpenSSL's reason {error}")
        self._refusal = self._refusal or f"the client's certificate {subject!r} is refused, {what}"

    def _refuse_plain(self) -> None:
        self._say("the client speaks plain HTTP")
        self.transport.write(PLAIN_HTTP)
        self._linger()

    def _linger(self) -> None:
        """Close behind what was written; take for a while what comes, which would else destroy it."""
        self._stop_clock()
        self._deaf = self._lostTLSConnection = True
        self.unregisterProducer()
        self.transport.resumeProducing()
        self.transport.loseWriteConnection()
        self._deadline = self.factory.clock.callLater(LINGER, self._lingered)

    def _lingered(self) -> None:
        self._deadline = None
        self.transport.abortConnection()

    # --- receiving ---

    def dataReceived(self, data: bytes) -> None:
        if self._deaf:
            return
        if not self._begun:
            self._begun = True
            if b"A" <= data[:1] <= b"Z":  # no TLS, in any version, begins so
                self._refuse_plain()
                return
        view = memoryview(data)
        received: list[bytes] = []
        more = True
        for start in range(0, len(data), PIECE):
            if not more or self._lostTLSConnection:
                break
            self._tlsConnection.bio_write(view[start : start + PIECE])
            if not self._handshakeDone:
                self._checkHandshakeStatus()
            if self._handshakeDone:
                if self._appSendBuffer:
                    self._unbufferPendingWrites()
                more = self._decrypt(received)
        self._deliver(received)
        if not more:
            self._end_reached()
        if not self._lostTLSConnection:
            self._flushSendBIO()

    def _decrypt(self, received: list[bytes]) -> bool:
        """Add what can be read now to *received*; whether the client may send more."""
        read, take = self._tlsConnection.recv, received.append
        while not self._lostTLSConnection:
            try:
                take(read(RECORD))
            except SSL.WantReadError:
                return True
            except SSL.ZeroReturnError:
                return False
            except SSL.Error:
                self._deliver(received)
                self._tlsShutdownFinished(Failure())
        return True

    def _deliver(self, received: list[bytes]) -> None:
        if received and not self._aborted:
            self.wrappedProtocol.dataReceived(received[0] if len(received) == 1 else b"".join(received))
        received.clear()

    def _flushReceiveBIO(self) -> None:
        """Nothing: what came was read when it came."""

    def _end_reached(self) -> None:
        """The client has said that it will send nothing more.  It may wait for its answers."""
        inside = self.wrappedProtocol
        if self.disconnecting or not IHalfCloseableProtocol.providedBy(inside):
            self._lingering = False
            self._shutdownTLS()
            self._tlsShutdownFinished(None)
        elif not self._aborted:
            inside.readConnectionLost()

    # --- sending ---

    def _write(self, data: bytes) -> None:
        if self._lostTLSConnection:
            return
        view = memoryview(data)
        for start in range(0, len(data), PIECE):
            try:
                self._tlsConnection.send(view[start : start + PIECE])
            except SSL.WantReadError:
                self._bufferedWrite(bytes(view[start:]))
                return
            except SSL.Error:
                self._tlsShutdownFinished(Failure())
                return
            self._flushSendBIO()

    def _flushSendBIO(self) -> None:
        size = PIECE + PIECE // 64
        while True:
            try:
                data = self._tlsConnection.bio_read(size)
            except SSL.WantReadError:
                return
            self.transport.write(data)
            if len(data) < size:
                return

    # --- ends ---

    def loseConnection(self) -> None:
        """Close behind what was written, without waiting for the client."""
        if self._lingering:
            self._lingering = False
            self.transport.loseConnection()
        else:
            super().loseConnection()

    def loseWriteConnection(self) -> None:
        """Say that nothing more will be written, and go on reading until the client closes."""
        if not self.disconnecting:
            self._lingering = True
            super().loseConnection()

    def abortConnection(self) -> None:
        """Break the connection, so that the client sees that something is missing."""
        self._aborted = self.disconnecting = True
        self.transport.abortConnection()

    def _shutdownTLS(self) -> None:
        super()._shutdownTLS()
        if not self._lingering:
            self.transport.loseConnection()

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        if reason is None or self._handshakeDone or self._lostTLSConnection:
            super()._tlsShutdownFinished(reason)
            return
        self._failed(reason.value)
        self._flushSendBIO()
        self._linger()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_clock()
        if self._begun and not (self._handshakeDone or self._lostTLSConnection or self._aborted):
            self._say("the client left")
        self._lostTLSConnection = True  # nothing is left to be read
        super().connectionLost(reason)


class TlsFactory(TLSMemoryBIOFactory):
    """
    Encrypts the connections of *inside*.

    :param contexts: makes OpenSSL's part of each.
    """

    protocol = TlsConnection

    def __init__(
        self, contexts: IOpenSSLServerConnectionCreator, inside: IProtocolFactory, clock: IReactorTime
    ) -> None:
        super().__init__(contexts, False, inside, clock)
        self.clock = clock

    def buildProtocol(self, addr: IAddress | None) -> TlsConnection | None:  # type: ignore[override]
        """A connection, or none if nobody would serve it."""
        inside = self.wrappedFactory.buildProtocol(addr)
        return None if inside is None else self.protocol(self, inside)


def _shown(address: Any) -> str:
    host = getattr(address, "host", "")
    if not host:
        return "a client on the socket"
    host = host.removeprefix("::ffff:")
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"
