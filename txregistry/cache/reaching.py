"""How a configured Redis is reached: addresses, sentinels and encryption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL.crypto import X509, PKey
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates

from txregistry.cache.link import Login, RedisLink
from txregistry.cache.sentinel import MakeEndpoint, MasterEndpoint
from txregistry.errors import Misconfigured
from txregistry.files import read_file


def redis_link(options: Any, reactor: Any) -> RedisLink:
    """
    Make the way to the Redis that *options* describe; nothing is opened yet.

    :param options: of the configuration: an object with the attributes read here.
    :raises Misconfigured: a file of certificates cannot be used.
    """
    make = _endpoints(options, reactor)
    patience = options.readtimeout + options.writetimeout
    endpoints = [make(address.host, address.port) for address in options.addrs]
    endpoint = endpoints[0]
    if options.mastername:
        credentials = (options.sentinelusername, options.sentinelpassword)
        endpoint = MasterEndpoint(reactor, endpoints, options.mastername, credentials, patience, make)
    login = Login(options.username, options.password, options.db, options.clientname)
    return RedisLink(reactor, endpoint, login, patience, options.underway)


def _endpoints(options: Any, reactor: Any) -> MakeEndpoint:
    tls = options.tls
    trusted = None if tls is None else _authorities(tls.rootcas)
    shown = _credentials(tls.certificate, tls.key) if tls is not None and tls.certificate else {}

    def make(host: str, port: int) -> IStreamClientEndpoint:
        plain = HostnameEndpoint(reactor, host, port, timeout=options.dialtimeout)
        if trusted is None:
            return plain
        return wrapClientTLS(optionsForClientTLS(host, trusted, extraCertificateOptions=shown), plain)

    return make


def _authorities(paths: Sequence[str]) -> Any:
    found = [
        Certificate(authority)
        for index, path in enumerate(paths)
        for authority in _certificates(path, f"redis.tls.rootcas[{index}]")
    ]
    return trustRootFromCertificates(found) if found else platformTrust()


def _credentials(certificate: str, key: str) -> dict[str, Any]:
    """What :class:`~twisted.internet.ssl.CertificateOptions` is to show to Redis."""
    own, *chain = _certificates(certificate, "redis.tls.certificate")
    private = _key(key)
    if own.to_cryptography().public_key() != private.public_key():
        raise Misconfigured("redis.tls.key: does not belong to the certificate")
    return {
        "certificate": own,
        "extraCertChain": chain,
        "privateKey": PKey.from_cryptography_key(private),
    }


def _certificates(path: str, key: str) -> list[X509]:
    try:
        found = x509.load_pem_x509_certificates(_content(path, key))
    except ValueError:
        raise Misconfigured(f"{key}: {path}: holds no certificate in PEM form") from None
    return [X509.from_cryptography(each) for each in found]


def _key(path: str) -> Any:
    try:
        return load_pem_private_key(_content(path, "redis.tls.key"), None)
    except (ValueError, TypeError):
        raise Misconfigured(f"redis.tls.key: {path}: holds no unencrypted private key in PEM form") from None


def _content(path: str, key: str) -> bytes:
    try:
        return read_file(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Misconfigured(f"{key}: {path}: {reason}") from None
