"""Ways to configure a server that a workload may want: passwords, tokens, TLS, Redis, or none of them."""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import bcrypt
import jwt
from attrs import Factory, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.redis import NOWHERE

__all__ = ["LATECOMERS", "OPEN", "USER", "Variant", "basic", "libtrust_id", "make_variants"]

USER = "bench"
"""Whose password the file has, and whom the token names."""

LATECOMERS = 64
"""So many more users, ``late-0`` and on, have the same password: each can be met for the first time once."""

_COST = 10
_PASSWORD = "correct horse battery staple"
_REALM = "http://127.0.0.1/token"
_ISSUER = "bench-issuer"
_SERVICE = "bench-registry"
_LIFETIME = timedelta(days=2)


@frozen
class Variant:
    """
    One way to configure both servers.

    :ivar auth: the section ``auth`` of the configuration, in YAML, or nothing.
    :ivar tls: the section ``http.tls``, as one line of YAML, or nothing.
    :ivar headers: what requests must carry to be let in.
    :ivar redis: where the Redis is that remembers descriptors, if it is not memory that does.
    """

    name: str
    auth: str = ""
    tls: str = ""
    headers: Mapping[str, str] = Factory(dict)
    redis: str = ""


OPEN = Variant("open")
"""Everybody may do everything."""


def basic(user: str, password: str = _PASSWORD) -> str:
    """The ``Authorization`` of a user, whose password is the right one unless another is given."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def libtrust_id(key: ec.EllipticCurvePublicKey) -> str:
    """The name that distribution 2.8 gives a key: 240 bits of a hash, in twelve groups of four letters."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    letters = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def make_variants(directory: Path, repository: str, redis: str = NOWHERE) -> Mapping[str, Variant]:
    """
    Write the files that the variants need to *directory*, and give the variants by their names.

    :param repository: what the token lets its bearer pull.
    :param redis: where there is a Redis.
    """
    directory.mkdir(parents=True, exist_ok=True)
    made = (
        OPEN,
        _passwords(directory),
        _tokens(directory, repository),
        _encrypted(directory),
        Variant("redis", redis=redis),
        Variant("redis-away", redis=NOWHERE),
    )
    return {variant.name: variant for variant in made}


def _passwords(directory: Path) -> Variant:
    file = directory / "htpasswd"
    hashed = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(_COST)).decode()
    users = [USER, *(f"late-{number}" for number in range(LATECOMERS))]
    file.write_text("".join(f"{user}:{hashed}\n" for user in users), encoding="ascii")
    auth = _section("htpasswd", realm="bench", path=str(file))
    return Variant("htpasswd", auth=auth, headers={"Authorization": basic(USER)})


def _tokens(directory: Path, repository: str) -> Variant:
    key = ec.generate_private_key(ec.SECP256R1())
    bundle = directory / "bundle.pem"
    bundle.write_bytes(_certificate(key))
    now = int(time.time())
    claims = {
        "iss": _ISSUER,
        "aud": _SERVICE,
        "sub": USER,
        "nbf": now - 60,
        "iat": now,
        "exp": now + int(_LIFETIME.total_seconds()),
        "access": [{"type": "repository", "name": repository, "actions": ["pull"]}],
    }
    token = jwt.encode(claims, key, "ES256", {"kid": libtrust_id(key.public_key())})
    auth = _section("token", realm=_REALM, service=_SERVICE, issuer=_ISSUER, rootcertbundle=str(bundle))
    return Variant("token", auth=auth, headers={"Authorization": f"Bearer {token}"})


def _encrypted(directory: Path) -> Variant:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, secret = directory / "tls.pem", directory / "tls.key"
    certificate.write_bytes(_certificate(key))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Variant("tls", tls=json.dumps({"certificate": str(certificate), "key": str(secret)}))


def _section(kind: str, **options: str) -> str:
    """A section ``auth``, whose values are in JSON, which is YAML too."""
    return f"auth:\n  {kind}: {json.dumps(options)}\n"


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate that *key* signed for itself, for this machine's loopback address."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
