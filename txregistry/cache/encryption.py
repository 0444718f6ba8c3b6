"""What connections to Redis are encrypted with: read from files, and again when somebody asks for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.errors import Misconfigured
from txregistry.files import read_file
from txregistry.interfaces import IReloadable, IWorkers

#: Keys, of which each generation has one, that say where Redis and its sentinels are.
_ADDRESSES = "redis.addr(s)"
#: What reading a key or a certificate ends with: it is none, it needs a password, or nobody knows its kind.
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


class Files(Protocol):
    """Where the files are."""

    @property
    def certificate(self) -> str:
        """The certificate to show, and behind it those that lead to its root; or empty."""

    @property
    def key(self) -> str:
        """Its private key."""

    @property
    def rootcas(self) -> Sequence[str]:
        """The authorities of servers; without any, those of the system."""


@frozen
class _Held:
    """
    What the files held when they were read.

    :ivar trusted: whose servers are good.
    :ivar shown: what :class:`~twisted.internet.ssl.CertificateOptions` is to show to them.
    """

    trusted: Any
    shown: dict[str, Any]
    _towards: dict[str, IOpenSSLClientConnectionCreator] = field(factory=dict)

    def towards(self, host: str) -> IOpenSSLClientConnectionCreator:
        """
        What makes OpenSSL's part of connections to *host*.

        :raises Misconfigured: docker may have given it that name, but no certificate can be good for it.
        """
        if host not in self._towards:
            try:
                made = optionsForClientTLS(host, self.trusted, extraCertificateOptions=self.shown)
            except ValueError:
                raise Misconfigured(f"{_ADDRESSES}: no certificate can be good for {host!r}") from None
            self._towards[host] = made
        return self._towards[host]


@implementer(IReloadable)
class Encryption:
    """
    Encrypts connections to Redis and its sentinels.

    Made with what the files hold now, which blocks; after that they are read
    in threads.  Connections that are open keep what they were made with.

    :raises Misconfigured: the files cannot be used.
    """

    _log = Logger()

    def __init__(self, files: Files, workers: IWorkers) -> None:
        self._files, self._workers = files, workers
        self._held = _read(files)

    def towards(self, host: str) -> IOpenSSLClientConnectionCreator:
        """
        What makes OpenSSL's part of connections to *host*, each of them of what was read last.

        :raises Misconfigured: no certificate can be good for *host*.
        """
        self.current(host)  # complains now
        return _Towards(self, host)

    def current(self, host: str) -> IOpenSSLClientConnectionCreator:
        """The same, of what was read last by now."""
        return self._held.towards(host)

    async def reload(self) -> bool:
        """Use what the files hold now for the next connection."""
        try:
            self._held = await self._workers.run(_read, self._files)
        except Misconfigured as error:
            for fault in error.faults:
                self._log.error("{fault}; what was read before stays in use", fault=fault)
            return False
        self._log.info("the next connection to Redis uses what the files of redis.tls hold now")
        return True


@implementer(IOpenSSLClientConnectionCreator)
class _Towards:
    def __init__(self, encryption: Encryption, host: str) -> None:
        self._encryption, self._host = encryption, host

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection: SSL.Connection = self._encryption.current(self._host).clientConnectionForTLS(tlsProtocol)
        return connection


def _read(files: Files) -> _Held:
    """:raises Misconfigured: something cannot be used."""
    return _Held(
        _authorities(files.rootcas),
        _credentials(files.certificate, files.key) if files.certificate else {},
    )


def _authorities(paths: Sequence[str]) -> Any:
    found = [
        Certificate(authority)
        for index, path in enumerate(paths)
        for authority in _certificates(path, f"redis.tls.rootcas[{index}]")
    ]
    return trustRootFromCertificates(found) if found else platformTrust()


def _credentials(certificate: str, key: str) -> dict[str, Any]:
    own, *chain = _certificates(certificate, "redis.tls.certificate")
    private = _key(key)
    try:
        public = own.to_cryptography().public_key()
    except _UNREADABLE:
        raise Misconfigured(
            f"redis.tls.certificate: {certificate}: is for a key of an unknown kind"
        ) from None
    if public != private.public_key():
        raise Misconfigured("redis.tls.key: does not belong to the certificate")
    try:
        shown = PKey.from_cryptography_key(private)
    except _UNREADABLE:
        raise Misconfigured(f"redis.tls.key: {key}: is of a kind that TLS does not know") from None
    try:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.use_certificate(own)
        context.use_privatekey(shown)
    except SSL.Error as error:
        queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
        reasons = ", ".join(entry[2] or entry[1] for entry in queue) or "no reason given"
        raise Misconfigured(f"redis.tls.certificate: OpenSSL does not take it: {reasons}") from None
    return {"certificate": own, "extraCertChain": chain, "privateKey": shown}


def _certificates(path: str, key: str) -> list[X509]:
    try:
        found = x509.load_pem_x509_certificates(_content(path, key))
    except _UNREADABLE:
        raise Misconfigured(f"{key}: {path}: holds no certificate in PEM form") from None
    return [X509.from_cryptography(each) for each in found]


def _key(path: str) -> Any:
    try:
        return load_pem_private_key(_content(path, "redis.tls.key"), None)
    except UnsupportedAlgorithm:
        raise Misconfigured(f"redis.tls.key: {path}: is of an unknown kind") from None
    except _UNREADABLE:
        raise Misconfigured(f"redis.tls.key: {path}: holds no unencrypted private key in PEM form") from None


def _content(path: str, key: str) -> bytes:
    try:
        return read_file(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Misconfigured(f"{key}: {path}: {reason}") from None
