"""
The files of a server's identity: read and checked, so that what is left is usable.

All of it blocks, and belongs into a thread once the daemon runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from txregistry.errors import Misconfigured
from txregistry.files import read_file

#: Kinds of keys that a TLS server can have.
PrivateKey = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"
_BEGIN_KEY = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{1,20} ){0,5}PRIVATE KEY)-----")


class Paths(Protocol):
    """Where the files are."""

    @property
    def certificate(self) -> str:
        """The server's certificate, and behind it those that lead to its root."""

    @property
    def key(self) -> str:
        """Its private key."""

    @property
    def clientcas(self) -> Sequence[str]:
        """The authorities of clients."""


@frozen
class Identity:
    """
    Who the server is, and whom it takes for the issuer of its clients' certificates.

    :ivar chain: the server's certificate, and behind it those that lead to its root.
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey
    authorities: tuple[x509.Certificate, ...] = ()

    @property
    def ends(self) -> datetime:
        """When the certificate expires, or the one above it if that is sooner."""
        return min(self.chain[0].not_valid_after_utc, self._issuers_end())

    def _issuers_end(self) -> datetime:
        """Of several certificates of one issuer, which are cross-signed, one good one is enough."""
        issuers = [one for one in self.chain[1:] if _issued(one, self.chain[0])]
        return max((one.not_valid_after_utc for one in issuers), default=datetime.max.replace(tzinfo=UTC))

    def expired(self, now: datetime) -> str:
        """What is over at *now* and makes the chain worthless, in words; empty if it is good."""
        leaf = self.chain[0].not_valid_after_utc
        if leaf <= now:
            return f"expired on {shown(leaf)}"
        above = self._issuers_end()
        if above <= now:
            return f"the certificate of its issuer, in the same file, expired on {shown(above)}"
        return ""

    def oddities(self, now: datetime) -> Iterator[str]:
        """What may become trouble for clients, in words."""
        begins = self.chain[0].not_valid_before_utc
        if begins > now:
            yield f"not valid before {shown(begins)}, or the clock is wrong"
        for number, one in enumerate(self.chain[1:], 2):
            if one.not_valid_after_utc <= now and not self.expired(now):
                yield f"certificate {number} of the file expired on {shown(one.not_valid_after_utc)}"


def shown(moment: datetime) -> str:
    """*moment* for an operator."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def read_identity(paths: Paths) -> Identity:
    """
    Read and check the files.

    Whether they are still good is another question: see :meth:`Identity.expired`.

    :raises Misconfigured: they cannot be used; with all reasons, each behind the path of its key.
    """
    faults: list[str] = []
    chain = _certificates("http.tls.certificate", paths.certificate, faults)
    key = _private_key("http.tls.key", paths.key, faults)
    authorities: list[x509.Certificate] = []
    for index, path in enumerate(paths.clientcas):
        authorities += _certificates(f"http.tls.clientcas[{index}]", path, faults)
    if chain and key is not None:
        problem = _mismatch(chain, key)
        if problem:
            faults.append(f"http.tls.key: {paths.key} {problem} {paths.certificate}")
    if faults or key is None:
        raise Misconfigured(*faults)
    return Identity(tuple(chain), key, tuple(authorities))


def fingerprint(paths: Paths) -> tuple[object, ...]:
    """What changes when one of the files does; symbolic links are followed."""
    return tuple(_state(path) for path in (paths.certificate, paths.key, *paths.clientcas))


def _state(path: str) -> object:
    try:
        found = os.stat(path)
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_size, found.st_dev, found.st_ino


def _read(where: str, path: str, faults: list[str]) -> bytes | None:
    try:
        return read_file(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        faults.append(f"{where}: {path} cannot be read: {reason}")
        return None


def _certificates(where: str, path: str, faults: list[str]) -> list[x509.Certificate]:
    content = _read(where, path, faults)
    if content is None:
        return []
    found = []
    for number, block in enumerate(content.split(_BEGIN)[1:], 1):
        try:
            body, end, _ = block.partition(_END)
            certificate = x509.load_pem_x509_certificate(_BEGIN + body + end)
            # Looked at here, since not all of it is parsed before somebody asks.
            _ = certificate.extensions, certificate.not_valid_after_utc
            certificate.public_key()
        except (ValueError, UnsupportedAlgorithm):
            faults.append(f"{where}: {path} is damaged, certificate {number} cannot be understood")
            return []
        found.append(certificate)
    if not found:
        faults.append(f"{where}: {path} holds no certificate in PEM form")
    return found


def _private_key(where: str, path: str, faults: list[str]) -> PrivateKey | None:
    content = _read(where, path, faults)
    if content is None:
        return None
    begin = _BEGIN_KEY.search(content)
    if begin is None:
        faults.append(f"{where}: {path} holds no private key in PEM form")
        return None
    body, end, _ = content[begin.start() :].partition(b"-----END %b-----" % begin[1])
    try:
        key = load_pem_private_key(body + end, password=None)
    except TypeError:
        faults.append(f"{where}: {path} is encrypted, and nobody is there to be asked for the password")
        return None
    except (ValueError, UnsupportedAlgorithm):
        faults.append(f"{where}: {path} is damaged, its private key cannot be understood")
        return None
    if not isinstance(key, PrivateKey):
        faults.append(f"{where}: {path} is not a key that a TLS server can have")
        return None
    return key


def _mismatch(chain: Sequence[x509.Certificate], key: PrivateKey) -> str:
    """What is wrong between *key* and the first certificate: words that the name of a file follows."""
    own = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for number, certificate in enumerate(chain, 1):
        theirs = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if own == theirs:
            return "" if number == 1 else f"belongs to certificate {number}, which must stand first, of"
    return "does not belong to the certificate in"


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether *issuer* issued *certificate*."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
