"""
Chains of certificates that tokens bring along (``x5c``).

OpenSSL judges them, through pyOpenSSL.  The verifier in cryptography is
made for the certificates of web servers: it refuses Ed25519, RSA keys below
2048 bits, and certificates of token servers made with a simple
``openssl req -x509``, which distribution takes.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from OpenSSL import crypto

from txregistry.auth.keys import PublicKey, UnusableKey, key_of
from txregistry.auth.refused import TokenRefused

#: How many certificates a chain may have.
CHAIN_LIMIT = 10
#: Largest RSA key in a chain, and its largest exponent: more makes signatures slow to verify.
RSA_BITS_LIMIT = 8192
RSA_EXPONENT_LIMIT = 1 << 31

#: A base64 text may be broken into lines; anything else that does not belong is refused.
_LINE_BREAKS = re.compile(r"[\r\n]")


@frozen(slots=True)
class Leaf:
    """
    A key that a chain of certificates vouches for.

    :ivar begins: seconds since 1970, when all the certificates have become valid.
    :ivar ends: when the first of them ceases to be.
    """

    key: PublicKey
    begins: float
    ends: float


def verified_leaf(chain: Sequence[str], roots: Sequence[x509.Certificate], now: float) -> Leaf:
    """
    The key of the first certificate of *chain*, if the others lead from it to one of *roots*.

    What the certificates are meant for is not asked.  This takes some
    milliseconds at worst.

    :param chain: certificates, each DER in base64.
    :param now: when all of them have to be valid, in seconds since 1970.
    :raises TokenRefused: they do not.
    """
    if not roots:
        raise TokenRefused("x5c: there are no root certificates")
    if len(chain) > CHAIN_LIMIT:
        raise TokenRefused(f"x5c: more than {CHAIN_LIMIT} certificates")
    certificates = [_certificate(text) for text in chain]
    leaf, *others = certificates
    # A certificate that is itself trusted needs nobody to vouch for it.
    path = _verified(leaf, others, [leaf] if leaf in roots else roots, now)
    return Leaf(
        key_of(leaf),
        max(each.not_valid_before_utc.timestamp() for each in path),
        min(each.not_valid_after_utc.timestamp() for each in path),
    )


def _certificate(text: str) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(b64decode(_LINE_BREAKS.sub("", text), validate=True))
        key = key_of(certificate)
    except UnusableKey as error:
        raise TokenRefused(f"x5c: a key cannot be used: {error}") from None
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise TokenRefused("x5c: something is no certificate") from None
    if isinstance(key, RSAPublicKey) and _slow(key):
        raise TokenRefused("x5c: an RSA key is too large")
    return certificate


def _slow(key: RSAPublicKey) -> bool:
    return key.key_size > RSA_BITS_LIMIT or key.public_numbers().e >= RSA_EXPONENT_LIMIT


def _verified(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: float
) -> list[x509.Certificate]:
    """The certificates from *leaf* to one of *roots*, if there is such a way."""
    store = crypto.X509Store()
    # Whatever is among the roots is trusted, whoever signed it.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(datetime.fromtimestamp(now, UTC))
    for root in roots:
        store.add_cert(crypto.X509.from_cryptography(root))
    try:
        untrusted = [crypto.X509.from_cryptography(other) for other in others]
        context = crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), untrusted)
        path = [each.to_cryptography() for each in context.get_verified_chain()]
    except crypto.X509StoreContextError as error:
        raise TokenRefused(f"x5c: {error}") from None
    except crypto.Error:  # the two libraries do not agree on what a certificate is
        raise TokenRefused("x5c: something is no certificate") from None
    for certificate in path[:-1]:
        _check_hash(certificate)
    for certificate in path[1:]:
        _check_authority(certificate)
    return path


def _check_hash(certificate: x509.Certificate) -> None:
    """Refuse what was signed with a hash that can be broken."""
    if isinstance(certificate.signature_hash_algorithm, MD5 | SHA1):
        raise TokenRefused("x5c: a certificate is signed with MD5 or SHA-1")


def _check_authority(certificate: x509.Certificate) -> None:
    """
    Refuse one that signed another, and does not say that it may.

    OpenSSL forgives that if its key is said to be for signing.  Roots of
    version 1, which had no extensions to say it with, are forgiven here, too.
    """
    if certificate.version is x509.Version.v1:
        return
    try:
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        pass
    raise TokenRefused("x5c: a certificate is signed by one that is not an authority")
