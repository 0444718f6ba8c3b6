"""Whoever signs the tokens of the scripts, and how."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.auth.making import AUTHORITY, SigningKey, access, issue, make_key, sign_raw

#: Where the tokens give rights.
NAME = "auth/a"
#: All of them.
ALL = access(NAME, "pull", "push", "delete")
#: Stands for a ``null`` in JSON.
NULL: Any = object()
_DAY = timedelta(days=1)


class Keys:
    """
    Who signs.

    :ivar key: stands in the bundle, as do ``rsa``, ``p384``, ``p521`` and ``root``.
    """

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.key, self.foreign = make_key(), make_key()
        self.rsa, self.p384, self.p521 = (make_key(kind) for kind in ("RSA", "P-384", "P-521"))
        self.root = make_key(name="root", extensions=AUTHORITY)
        self.between = issue(self.root, name="between", extensions=AUTHORITY)
        self.leaf = issue(self.between)
        self.rsa_leaf = issue(self.root, "RSA")
        self.expired = issue(self.root, begins=now - 2 * _DAY, ends=now - _DAY)
        self.early = issue(self.root, begins=now + _DAY, ends=now + 2 * _DAY)
        self.under_leaf = issue(self.rsa_leaf)
        self.strange_root = make_key(name="root", extensions=AUTHORITY)
        self.strange = issue(self.strange_root)
        self.ed25519 = make_key("Ed25519")

    @property
    def bundle(self) -> bytes:
        """What the daemons trust."""
        trusted = (self.key, self.rsa, self.p384, self.p521, self.root)
        return b"".join(each.certificate_pem for each in trusted)


@cache
def keys() -> Keys:
    """Those of this run."""
    return Keys()


def signed(claims: Mapping[str, Any] | bytes, key: SigningKey | None = None, **header: Any) -> str:
    """A token whose header has what *header* says instead of the usual; ``None`` leaves something out."""
    key = key or keys().key
    usual = {"typ": "JWT", "alg": key.algorithm, "kid": key.libtrust_id}
    full = {name: value for name, value in {**usual, **header}.items() if value is not None}
    return sign_raw(key, {name: None if value is NULL else value for name, value in full.items()}, claims)


def private_number(key: SigningKey) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """The private part of a key on P-256, and what is secret in it."""
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    return key.private, key.private.private_numbers().private_value.to_bytes(32, "big")
