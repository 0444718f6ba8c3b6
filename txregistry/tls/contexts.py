"""From an identity to what OpenSSL needs for a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from attrs import frozen
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509StoreFlags
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from txregistry.errors import Misconfigured
from txregistry.model.tls import (
    DEFAULT_SUITES,
    MODERN_SUITES,
    OLDER_SUITES,
    REQUEST,
    REQUIRE_ANY,
    VERIFY_IF_GIVEN,
)
from txregistry.tls.files import Identity

#: The one protocol that is spoken.
HTTP = b"http/1.1"

_VERSIONS = {
    "tls1.0": SSL.TLS1_VERSION,
    "tls1.1": SSL.TLS1_1_VERSION,
    "tls1.2": SSL.TLS1_2_VERSION,
    "tls1.3": SSL.TLS1_3_VERSION,
}
#: ``SSL_MODE_ENABLE_PARTIAL_WRITE``, which pyOpenSSL sets and does not name.
_PARTIAL_WRITE = 1
#: ``SSL_MODE_NO_AUTO_CHAIN``: authorities of clients have no place in the chain of the server.
_NO_AUTO_CHAIN = 8


class Terms(Protocol):
    """What connections must be like."""

    @property
    def minimum(self) -> str:
        """The oldest version."""

    @property
    def ciphersuites(self) -> Sequence[str]:
        """Go's names of the cipher suites, the best first; none for those that are good today."""

    @property
    def clientauth(self) -> str:
        """What is asked of clients, if there are authorities for them."""


@runtime_checkable
class ToldOfRefusal(Protocol):
    """Whoever owns a connection and wants to know why it fails."""

    def certificate_refused(self, error: int, subject: str) -> None:
        """The certificate of *subject*, the client or above it, is not good: *error* is OpenSSL's number."""


class NoCommonProtocol(SSL.Error):
    """The client speaks no HTTP/1.1."""


@frozen
class Suites:
    """
    The cipher suites that this OpenSSL can do, in its own words.

    :ivar missing: Go's names of those that were asked for, and which it cannot do.
    """

    older: tuple[str, ...]
    modern: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str]) -> Suites:
        """
        Find those called *names*.

        Lists that name none of TLS 1.3 do not speak of it: all of its suites
        stay.

        :raises Misconfigured: not one of them is left.
        """
        wanted = tuple(names) or DEFAULT_SUITES
        older = tuple(name for name in wanted if name in OLDER_SUITES and _available(OLDER_SUITES[name]))
        modern = tuple(name for name in wanted if name in MODERN_SUITES)
        missing = tuple(name for name in wanted if name not in older and name not in modern)
        if not older and not modern:
            raise Misconfigured(
                f"http.tls.ciphersuites: OpenSSL has none of them any more: {', '.join(missing)}"
            )
        return cls(tuple(OLDER_SUITES[name] for name in older), modern or MODERN_SUITES, missing)


def _available(name: str) -> bool:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    try:
        context.set_cipher_list(f"{name}:@SECLEVEL=0".encode())
    except SSL.Error:
        return False
    return True


def make_context(identity: Identity, terms: Terms) -> SSL.Context:
    """
    A context for connections of *identity* on *terms*.

    :raises Misconfigured: OpenSSL does not take them.
    """
    suites = Suites.of(terms.ciphersuites)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    # Whole writes, and no buffers for those who are silent.
    context.clear_mode(_PARTIAL_WRITE)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS | _NO_AUTO_CHAIN)
    context.set_min_proto_version(_VERSIONS[terms.minimum] if suites.older else SSL.TLS1_3_VERSION)
    if suites.older:
        # What TLS 1.0 and 1.1 sign with is too weak for any other level.
        level = ":@SECLEVEL=0" if terms.minimum in ("tls1.0", "tls1.1") else ""
        context.set_cipher_list((":".join(suites.older) + level).encode())
    context.set_tls13_ciphersuites(":".join(suites.modern).encode())
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # tickets do without
    context.set_session_id(b"txregistry")
    context.set_alpn_select_callback(_choose_protocol)
    _introduce(context, identity)
    if identity.authorities:
        _ask_clients(context, identity, terms.clientauth)
    return context


def _introduce(context: SSL.Context, identity: Identity) -> None:
    try:
        context.use_certificate(identity.chain[0])
        for certificate in identity.chain[1:]:
            context.add_extra_chain_cert(certificate)
    except SSL.Error as error:
        raise Misconfigured(f"http.tls.certificate: OpenSSL does not take it: {explained(error)}") from None
    try:
        context.use_privatekey(identity.key)
        context.check_privatekey()
    except SSL.Error as error:
        raise Misconfigured(f"http.tls.key: OpenSSL does not take it: {explained(error)}") from None


def _ask_clients(context: SSL.Context, identity: Identity, clientauth: str) -> None:
    store = context.get_cert_store()
    if store is None:
        raise RuntimeError("a context without a store of certificates")
    # As in Go, whatever stands in the files is trusted, be it a root or not.
    store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
    for authority in identity.authorities:
        store.add_cert(X509.from_cryptography(authority))
        context.add_client_ca(authority)
    mode = SSL.VERIFY_PEER
    if clientauth not in (REQUEST, VERIFY_IF_GIVEN):
        mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    if clientauth in (REQUEST, REQUIRE_ANY):
        context.set_verify(mode, _take_any)
    else:
        context.set_verify(mode, _judge_and_tell)
        # With a ticket OpenSSL asks nobody for a certificate, so one that has expired would last for ever.
        context.set_options(SSL.OP_NO_TICKET)


def _take_any(connection: SSL.Connection, certificate: X509, error: int, depth: int, good: int) -> bool:
    return True


def _judge_and_tell(connection: SSL.Connection, certificate: X509, error: int, depth: int, good: int) -> bool:
    """What OpenSSL finds counts; the connection, which Twisted keeps here, is told, for the log."""
    owner = connection.get_app_data()
    if not good and isinstance(owner, ToldOfRefusal):
        owner.certificate_refused(error, _subject(certificate))
    return bool(good)


def _subject(certificate: X509) -> str:
    try:
        return certificate.to_cryptography().subject.rfc4514_string()[:200]
    except ValueError:
        return "a name that cannot be read"


def _choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> bytes:
    if HTTP in offered:
        return HTTP
    raise NoCommonProtocol([("", "", "the client speaks no HTTP/1.1")])


def explained(error: SSL.Error) -> str:
    """OpenSSL's reasons, without where in its code they arose."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return ", ".join(entry[2] or entry[1] for entry in queue) or "no reason given"


@implementer(IOpenSSLServerConnectionCreator)
class CurrentContext:
    """
    Makes the server's end of each connection, with the context of the day.

    :ivar context: may be exchanged; connections that are made keep theirs.
    """

    def __init__(self, context: SSL.Context) -> None:
        self.context = context

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        return SSL.Connection(self.context, None)
