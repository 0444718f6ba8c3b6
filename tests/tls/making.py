"""What the tests of TLS are made of: files and options, and two ends of a connection in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.certificates import Authority, Credential
from tests.web.serving import Serve, Server, echo
from tests.web.wire import PEER, Answer, Wire, read_answers
from txregistry.model.tls import MINIMUM, REQUIRE_AND_VERIFY
from txregistry.tls.connections import TlsConnection, TlsFactory
from txregistry.tls.contexts import CurrentContext, make_context
from txregistry.tls.files import read_identity


@frozen
class Options:
    """What the configuration says."""

    certificate: str
    key: str
    clientcas: tuple[str, ...] = ()
    clientauth: str = REQUIRE_AND_VERIFY
    minimum: str = MINIMUM
    ciphersuites: tuple[str, ...] = ()

    @classmethod
    def of(cls, credential: Credential, directory: str, **others: Any) -> Options:
        """The files of *credential*, written into *directory*."""
        certificate, key = credential.write(directory)
        return evolve(cls(certificate, key), **others)


def client_context(
    authority: Authority | None = None,
    credential: Credential | None = None,
    oldest: int = SSL.TLS1_2_VERSION,
    newest: int = SSL.TLS1_3_VERSION,
    suites: bytes = b"",
    protocols: tuple[bytes, ...] = (b"http/1.1",),
) -> SSL.Context:
    """
    A client's context.

    :param authority: whom the client trusts; anybody if it is ``None``.
    :param credential: who the client is.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(oldest)
    context.set_max_proto_version(newest)
    if suites:
        context.set_cipher_list(suites)
    if protocols:
        context.set_alpn_protos(list(protocols))
    if authority is not None:
        path = Path(authority.write("authorities", f"ca-{id(authority)}"))
        context.load_verify_locations(str(path))
        context.set_verify(SSL.VERIFY_PEER)
    if credential is not None:
        context.use_certificate(credential.certificate)
        for above in credential.chain:
            context.add_extra_chain_cert(above)
        context.use_privatekey(credential.private_key)
    return context


class TlsWire(Wire):
    """
    The server's socket.

    :ivar undelayed: small writes go out at once.
    """

    undelayed = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.undelayed = enabled

    def getHandle(self) -> object:
        """No socket that anything could be said to."""
        return self

    @property
    def closed(self) -> bool:
        """The server closes, sooner or later."""
        return bool(self.disconnecting or self.aborted)


class Ends:
    """
    Two ends of an encrypted connection.

    :ivar server: the site.
    :ivar wire: the server's socket.
    :ivar tls: the client's part of OpenSSL.
    :ivar plain: what the client has received, decrypted.
    :ivar error: why the client could not go on.
    :ivar ended: the client was told that nothing more comes.
    """

    def __init__(
        self,
        contexts: CurrentContext,
        client: SSL.Context | None = None,
        serve: Serve = echo,
        server: Server | None = None,
        peer: IAddress = PEER,
    ) -> None:
        self.server = server or Server(serve)
        self.clock: Clock = self.server.clock
        factory = TlsFactory(contexts, self.server.site, self.clock)
        protocol = factory.buildProtocol(peer)
        if protocol is None:
            raise AssertionError("nobody serves")
        self.protocol: TlsConnection = protocol
        self.wire = TlsWire()
        self.wire.peerAddr = peer
        self.protocol.makeConnection(self.wire)
        self.tls = SSL.Connection(client or client_context(), None)
        self.tls.set_connect_state()
        self.plain = bytearray()
        self.error: SSL.Error | None = None
        self.ended = False
        self._sent = 0

    @property
    def channel(self) -> Any:
        """The server's channel."""
        return self.protocol.wrappedProtocol

    # --- the client ---

    def shake(self) -> None:
        """Exchange what a handshake needs, and whatever else waits on either side."""
        for _ in range(12):
            try:
                self.tls.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                self.error = self.error or error
            self.exchange()

    def send(self, data: bytes) -> None:
        """Send *data* when the handshake is done."""
        for start in range(0, len(data), 16384):
            self.tls.send(data[start : start + 16384])
        self.exchange()

    def end(self) -> None:
        """Say that nothing more will be sent."""
        self.tls.shutdown()
        self.exchange()

    def raw(self, data: bytes) -> None:
        """Send *data* as it is, if the server reads."""
        self.protocol.dataReceived(data)

    def outgoing(self) -> bytes:
        """What the client wants to send, encrypted."""
        pieces = []
        while True:
            try:
                pieces.append(self.tls.bio_read(1 << 16))
            except SSL.WantReadError:
                return b"".join(pieces)

    def exchange(self) -> None:
        """Carry both directions' bytes, until nothing moves."""
        while True:
            out = self.outgoing()
            if out and not self.wire.closed:
                self.raw(out)
            back = self.wire.value()[self._sent :]
            self._sent += len(back)
            if back:
                self.tls.bio_write(back)
                self._read()
            if not out and not back:
                return

    def _read(self) -> None:
        while True:
            try:
                self.plain += self.tls.recv(1 << 16)
            except SSL.WantReadError:
                return
            except SSL.ZeroReturnError:
                self.ended = True
                return
            except SSL.Error as error:
                self.error = self.error or error
                return

    def hang_up(self) -> None:
        """The socket is gone."""
        self.wire.connected = False
        self.protocol.connectionLost(Failure(ConnectionDone()))

    # --- what came of it ---

    @property
    def works(self) -> bool:
        """A request is answered."""
        self.shake()
        if self.error is not None or self.wire.closed:
            return False
        before = len(self.plain)
        self.send(b"GET /a HTTP/1.1\r\nHost: registry.test\r\n\r\n")
        return bytes(self.plain[before:]).startswith(b"HTTP/1.1 200 ")

    def answers(self) -> list[Answer]:
        """What was answered."""
        return read_answers(bytes(self.plain))


def contexts_of(options: Options) -> CurrentContext:
    """What connections are encrypted with, by what the files hold now."""
    return CurrentContext(make_context(read_identity(options), options))
