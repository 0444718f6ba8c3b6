"""
Keys, certificates and tokens, as a token server has them.

Nothing here is the daemon's: key ids are worked out once more, from their definitions.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

#: What :func:`make_key` can make, with the algorithm that it signs with by default.
KINDS: Mapping[str, str] = {
    "RSA": "RS256",
    "P-256": "ES256",
    "P-384": "ES384",
    "P-521": "ES512",
    "Ed25519": "EdDSA",
}
_CURVES: Mapping[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_CURVE_NAMES = {curve.name: name for name, curve in _CURVES.items()}

#: Who issues tokens, and for whom, unless a test says otherwise.
ISSUER, SERVICE = "auth.example", "registry.example"


def b64url(data: bytes) -> str:
    """*data* in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def libtrust_id(key: PublicKey) -> str:
    """The id of *key* for distribution 2.8."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode("ascii")
    return ":".join(text[at : at + 4] for at in range(0, len(text), 4))


def _number(value: int, width: int = 0) -> str:
    return b64url(value.to_bytes(width or (value.bit_length() + 7) // 8 or 1, "big"))


def jwk(key: PublicKey, **more: Any) -> dict[str, Any]:
    """*key* as a JSON Web Key, with the members *more* besides."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **more}
    if isinstance(key, ec.EllipticCurvePublicKey):
        point, width = key.public_numbers(), (key.key_size + 7) // 8
        x, y = _number(point.x, width), _number(point.y, width)
        return {"kty": "EC", "crv": _CURVE_NAMES[key.curve.name], "x": x, "y": y, **more}
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(key.public_bytes_raw()), **more}


def _digest_of(members: Mapping[str, Any]) -> str:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return b64url(hashlib.sha256(text.encode("ascii")).digest())


def thumbprint(key: PublicKey) -> str:
    """The id of *key* by RFC 7638."""
    return _digest_of(jwk(key))


def short_thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """The id of *key* for distribution 3.1, which leaves out zero bytes at the head of coordinates."""
    point = key.public_numbers()
    return _digest_of({**jwk(key), "x": _number(point.x), "y": _number(point.y)})


@frozen(eq=False)
class SigningKey:
    """A private key and a certificate for it."""

    private: PrivateKey
    certificate: x509.Certificate
    algorithm: str

    @property
    def public(self) -> PublicKey:
        """The public part."""
        return self.private.public_key()

    @property
    def libtrust_id(self) -> str:
        """As :func:`libtrust_id`."""
        return libtrust_id(self.public)

    @property
    def thumbprint(self) -> str:
        """As :func:`thumbprint`."""
        return thumbprint(self.public)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, for a ``rootcertbundle``."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def certificate_base64(self) -> str:
        """The certificate, for ``x5c``."""
        return base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode("ascii")

    @property
    def private_pem(self) -> bytes:
        """The private key, not encrypted."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_private(kind: str = "P-256", bits: int = 2048) -> PrivateKey:
    """A fresh private key of one of :data:`KINDS`; *bits* are those of RSA."""
    if kind == "RSA":
        return rsa.generate_private_key(65537, bits)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(_CURVES[kind])


def make_key(kind: str = "P-256", name: str = "token signing", **options: Any) -> SigningKey:
    """A fresh key of one of :data:`KINDS`; *options* as for :func:`make_certificate`."""
    private = make_private(kind)
    certificate = make_certificate(private.public_key(), name, signed_by=private, **options)
    return SigningKey(private, certificate, KINDS[kind])


def issue(parent: SigningKey, kind: str = "P-256", name: str = "leaf", **options: Any) -> SigningKey:
    """A fresh key whose certificate *parent* signed; *options* as for :func:`make_certificate`."""
    private = make_private(kind)
    certificate = make_certificate(
        private.public_key(), name, signed_by=parent.private, issuer=parent.certificate.subject, **options
    )
    return SigningKey(private, certificate, KINDS[kind])


def make_certificate(
    key: PublicKey,
    name: str,
    *,
    signed_by: PrivateKey,
    issuer: x509.Name | None = None,
    begins: datetime | None = None,
    ends: datetime | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    subject: x509.Name | None = None,
) -> x509.Certificate:
    """
    A certificate for *key*.

    :param issuer: the subject of whoever signs, by default the same as the certificate's own.
    :param begins: when it becomes valid, by default yesterday; *ends* by default in a month.
    :param extensions: each with whether it is critical; by default there are none.
    :param subject: by default made of *name*.
    """
    now = datetime.now(UTC)
    own = subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=issuer or own,
        subject_name=own,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=begins or now - timedelta(days=1),
        not_valid_after=ends or now + timedelta(days=30),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    algorithm = None if isinstance(signed_by, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(signed_by, algorithm)


#: The extension of a certificate that may sign others.
AUTHORITY = ((x509.BasicConstraints(ca=True, path_length=None), True),)


def access(name: str, *actions: str, type: str = "repository", **more: Any) -> dict[str, Any]:
    """One entry of the claim ``access``."""
    return {"type": type, "name": name, "actions": list(actions), **more}


def make_claims(now: float, *entries: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    """
    Claims that are good for five minutes from *now*.

    :param entries: those of ``access``, as :func:`access` makes them.
    :param changed: claims of another value; ``None`` leaves one out.
    """
    claims = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": SERVICE,
        "exp": int(now) + 300,
        "nbf": int(now) - 10,
        "iat": int(now) - 10,
        "jti": "x",
        "access": list(entries),
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def sign(
    key: SigningKey,
    claims: Mapping[str, Any],
    headers: Mapping[str, Any] | None = None,
    algorithm: str | None = None,
) -> str:
    """
    A token with *claims*, signed by PyJWT.

    :param headers: by default the ``kid`` of distribution 3.1.
    :param algorithm: by default the usual one for keys like *key*.
    """
    chosen = {"kid": key.thumbprint} if headers is None else dict(headers)
    return jwt.encode(dict(claims), key.private, algorithm=algorithm or key.algorithm, headers=chosen)


def forge(header: bytes | Mapping[str, Any], payload: bytes | Mapping[str, Any], signature: bytes) -> str:
    """A token of any three parts; mappings become JSON."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    return ".".join(map(b64url, (*parts, signature)))


def sign_raw(key: SigningKey, header: bytes | Mapping[str, Any], payload: bytes | Mapping[str, Any]) -> str:
    """A token whose *header* and *payload* PyJWT would not write, properly signed by *key*."""
    signed = forge(header, payload, b"").rpartition(".")[0]
    algorithm = jwt.get_algorithm_by_name(key.algorithm)
    return f"{signed}.{b64url(algorithm.sign(signed.encode('ascii'), key.private))}"
