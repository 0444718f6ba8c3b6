"""
Public keys that tokens are verified with, and the ids by which tokens name them.

Two generations of ids are about: libtrust's fingerprints (distribution 2.8)
and the thumbprints of RFC 7638 (distribution 3.1).  A key answers to both.
"""

from __future__ import annotations

import json
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from txregistry.auth.jose import decode_base64url

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

#: What makes a key the key that it is: two keys are the same if these are equal.
Numbers = tuple[str, int, int]

#: The curves whose keys can be used, by their names in JSON Web Keys, each with its only algorithm.
_CURVES: Mapping[str, tuple[EllipticCurve, str]] = {
    "P-256": (SECP256R1(), "ES256"),
    "P-384": (SECP384R1(), "ES384"),
    "P-521": (SECP521R1(), "ES512"),
}
_CURVE_NAMES = {curve.name: name for name, (curve, _) in _CURVES.items()}
_ED25519 = "Ed25519"
_ED25519_BYTES = 32

_RSA_ALGORITHMS = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))

#: Every algorithm that a public key can verify.  Those with a shared secret (``HS256``) are none of them.
ALGORITHMS = _RSA_ALGORITHMS | {"EdDSA"} | {algorithm for _, algorithm in _CURVES.values()}


class UnusableKey(ValueError):
    """No token can be verified with this key; the text says why."""


def algorithms_for(key: PublicKey) -> frozenset[str]:
    """What a token that is verified with *key* may have for its algorithm."""
    if isinstance(key, RSAPublicKey):
        return _RSA_ALGORITHMS
    if isinstance(key, Ed25519PublicKey):
        return frozenset(("EdDSA",))
    return frozenset((_CURVES[_CURVE_NAMES[key.curve.name]][1],))


def usable(key: object) -> PublicKey:
    """
    *key*, if tokens can be verified with it.

    :raises UnusableKey: they cannot.
    """
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name not in _CURVE_NAMES:
        raise UnusableKey(f"tokens cannot be signed with keys on the curve {key.curve.name}")
    if isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey):
        return key
    raise UnusableKey("tokens cannot be signed with a key of this type")


def key_of(certificate: x509.Certificate) -> PublicKey:
    """
    The key that *certificate* is for.

    :raises UnusableKey: tokens cannot be verified with it.
    """
    try:
        return usable(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(str(error) or "the key cannot be read") from None


# --- what keys are ----------------------------------------------------------


def numbers_of(key: PublicKey) -> Numbers:
    """What makes *key* the key that it is."""
    if isinstance(key, RSAPublicKey):
        rsa = key.public_numbers()
        return ("RSA", rsa.n, rsa.e)
    if isinstance(key, EllipticCurvePublicKey):
        point = key.public_numbers()
        return (_CURVE_NAMES[key.curve.name], point.x, point.y)
    return (_ED25519, int.from_bytes(key.public_bytes_raw(), "big"), 0)


def numbers_in(jwk: Mapping[str, Any]) -> Numbers:
    """
    What makes the key in *jwk*, a JSON Web Key, the key that it is.

    Only public parts are looked at.  That there is a key of these numbers is not said.

    :raises UnusableKey: it is of no kind that can be used, or something is missing.
    """
    kind = jwk.get("kty")
    if kind == "RSA":
        return ("RSA", _number(jwk, "n"), _number(jwk, "e"))
    curve = jwk.get("crv")
    if kind == "EC" and isinstance(curve, str) and curve in _CURVES:
        return (curve, _number(jwk, "x"), _number(jwk, "y"))
    if kind == "OKP" and curve == _ED25519:
        if len(_bytes(jwk, "x")) != _ED25519_BYTES:
            raise UnusableKey(f'"x" is not of {_ED25519_BYTES} bytes')
        return (_ED25519, _number(jwk, "x"), 0)
    raise UnusableKey("tokens cannot be verified with a key of this type")


def key_in(jwk: Mapping[str, Any]) -> PublicKey:
    """
    The key in *jwk*, of which private parts are ignored.

    :raises UnusableKey: as :func:`numbers_in`; or there is no such key.
    """
    kind, first, second = numbers_in(jwk)
    try:
        if kind == "RSA":
            return RSAPublicNumbers(second, first).public_key()
        if kind == _ED25519:
            return Ed25519PublicKey.from_public_bytes(first.to_bytes(_ED25519_BYTES, "big"))
        return EllipticCurvePublicNumbers(first, second, _CURVES[kind][0]).public_key()
    except ValueError as error:
        raise UnusableKey(str(error)) from None


def _bytes(jwk: Mapping[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not value:
        raise UnusableKey(f'"{name}" is missing, or no text')
    try:
        return decode_base64url(value)
    except ValueError as error:
        raise UnusableKey(f'"{name}" is {error}') from None


def _number(jwk: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_bytes(jwk, name), "big")


# --- what keys are called ---------------------------------------------------


def libtrust_id(key: PublicKey) -> str:
    """The id of *key* for distribution 2.8: 48 characters of base32 in groups of four."""
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = b32encode(sha256(encoded).digest()[:30]).decode("ascii")
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def thumbprints(key: PublicKey) -> tuple[str, ...]:
    """
    The ids of *key* by RFC 7638.

    There are two of a key on a curve one of whose coordinates begins with a
    zero byte: distribution 3.1 leaves that out.
    """
    kind, first, second = numbers_of(key)
    if kind == "RSA":
        return (_thumbprint({"e": _encoded(second), "kty": "RSA", "n": _encoded(first)}),)
    if kind == _ED25519:
        return (_thumbprint({"crv": kind, "kty": "OKP", "x": _encoded(first, _ED25519_BYTES)}),)
    width = (_CURVES[kind][0].key_size + 7) // 8
    ids = (
        _thumbprint({"crv": kind, "kty": "EC", "x": _encoded(first, size), "y": _encoded(second, size)})
        for size in (width, 0)
    )
    return tuple(dict.fromkeys(ids))


def _encoded(number: int, width: int = 0) -> str:
    """*number* in base64url, in *width* bytes or as few as it takes."""
    data = number.to_bytes(width or (number.bit_length() + 7) // 8, "big")
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _thumbprint(members: Mapping[str, str]) -> str:
    text = json.dumps(members, separators=(",", ":"))
    return urlsafe_b64encode(sha256(text.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


# --- the keys that are trusted ----------------------------------------------


@frozen(eq=False)
class TrustedKeys:
    """
    The keys whose tokens are taken.

    :ivar by_id: each of them by each of its ids.
    :ivar roots: certificates that chains in tokens must lead to.
    """

    by_id: Mapping[str, PublicKey]
    ids: Mapping[Numbers, frozenset[str]]
    roots: tuple[x509.Certificate, ...] = ()

    @classmethod
    def of(
        cls, named: Iterable[tuple[str, PublicKey]], roots: Iterable[x509.Certificate] = ()
    ) -> TrustedKeys:
        """
        Trust the keys that *named* has, each with one of its ids.

        Of two keys with one id the later has it.
        """
        by_id = dict(named)
        ids: dict[Numbers, set[str]] = {}
        for id, key in by_id.items():
            ids.setdefault(numbers_of(key), set()).add(id)
        return cls(by_id, {numbers: frozenset(found) for numbers, found in ids.items()}, tuple(roots))

    def embedded(self, jwk: Mapping[str, Any]) -> PublicKey | None:
        """
        The trusted key that *jwk* is, if it is one and calls itself by one of that key's ids or by none.

        What is compared is the key itself.  To go by its id alone was CVE-2025-24976.

        :raises UnusableKey: as :func:`numbers_in`.
        """
        ids = self.ids.get(numbers_in(jwk))
        own = jwk.get("kid")
        if ids is None or (own not in (None, "") and not (isinstance(own, str) and own in ids)):
            return None
        return self.by_id[next(iter(ids))]
