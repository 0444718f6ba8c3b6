"""
The tokens that the scripts show, made anew for each run, since they are soon too old.

A step names one as ``{t.NAME}``; what it is good for does not change from run to run.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.auth.making import (
    AUTHORITY,
    ISSUER,
    SERVICE,
    SigningKey,
    access,
    b64url,
    forge,
    issue,
    jwk,
    libtrust_id,
    make_claims,
    make_key,
    sign,
    sign_raw,
)
from tests.live.differential.settings import FILES, Provision

#: Where the tokens give rights.
NAME = "auth/a"
_ALL = access(NAME, "pull", "push", "delete")
_DAY = timedelta(days=1)


class _Keys:
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
def _keys() -> _Keys:
    return _Keys()


def options(**more: object) -> Mapping[str, Mapping[str, object]]:
    """The section ``auth`` that believes the tokens."""
    given = {"realm": "https://auth.example/token?a=b", "issuer": ISSUER, "service": SERVICE}
    return {"auth": {"token": {**given, "rootcertbundle": FILES + "/bundle.pem", **more}}}


def provide() -> Provision:
    """The file of certificates, and the tokens."""
    now = int(time.time())
    found: dict[str, str] = {}
    for make in _GROUPS.values():
        made = {f"t.{name}": token for name, token in make(now).items()}
        assert not found.keys() & made.keys(), "two tokens of one name"
        found |= made
    return Provision({"bundle.pem": _keys().bundle}, found)


def names(group: str) -> tuple[str, ...]:
    """The names of the tokens of one group: ``rights``, ``claims``, ``headers`` or ``forms``."""
    return tuple(_GROUPS[group](0))


def _signed(claims: Mapping[str, Any] | bytes, key: SigningKey | None = None, **header: Any) -> str:
    """A token whose header has what *header* says instead of the usual; ``None`` leaves something out."""
    key = key or _keys().key
    usual = {"typ": "JWT", "alg": key.algorithm, "kid": key.libtrust_id}
    full = {name: value for name, value in {**usual, **header}.items() if value is not None}
    return sign_raw(key, {name: None if value is _NULL else value for name, value in full.items()}, claims)


#: Stands for a ``null`` in JSON.
_NULL: Any = object()

#: By name of a token, the entries of its claim ``access``.
RIGHTS: Mapping[str, list[Any]] = {
    "none": [],
    "pull": [access(NAME, "pull")],
    "push": [access(NAME, "push")],
    "delete": [access(NAME, "delete")],
    "pull,push": [access(NAME, "pull", "push")],
    "pull,delete": [access(NAME, "pull", "delete")],
    "pull,push,delete": [_ALL],
    "star": [access(NAME, "*")],
    "no-actions": [access(NAME)],
    "unknown-action": [access(NAME, "read", "")],
    "capitals": [access(NAME, "PULL", "PUSH", "DELETE")],
    "joined": [access(NAME, "pull,push,delete")],
    "apart": [access(NAME, "pull"), access(NAME, "push"), access(NAME, "delete")],
    "apart-again": [access(NAME, "pull", "push", "delete"), access(NAME)],
    "among-others": [access("x", "pull"), _ALL, access("auth/b", "push")],
    "type": [access(NAME, "pull", "push", "delete", type="registry")],
    "type-class": [access(NAME, "pull", "push", "delete", type="repository(image)")],
    "type-capitals": [access(NAME, "pull", "push", "delete", type="Repository")],
    "type-empty": [access(NAME, "pull", "push", "delete", type="")],
    "class": [access(NAME, "pull", "push", "delete", **{"class": "plugin"})],
    "prefix": [access("auth", "*"), access("auth/", "*"), access("auth/a/", "*"), access("auth/*", "*")],
    "longer": [access("auth/a/b", "*"), access("auth/aa", "*"), access("*", "*"), access("", "*")],
    "other-case": [access("Auth/A", "*"), access(" auth/a", "*"), access("auth/a ", "*")],
    "catalog": [access("catalog", "*", type="registry")],
    "catalog-pull": [access("catalog", "pull", type="registry")],
    "catalog-wrong": [access("catalog", "*"), access("_catalog", "*", type="registry")],
    "a+b": [_ALL, access("auth/b", "pull")],
    "a-push+b": [access(NAME, "push"), access("auth/b", "pull")],
    "b": [access("auth/b", "pull")],
    "both": [_ALL, access("auth/b", "pull", "push", "delete"), access("catalog", "*", type="registry")],
    "image": [access(NAME, "pull", "push", **{"class": "image"})],
    "plugin": [access(NAME, "pull", "push", **{"class": "plugin"})],
    "unclassed": [access(NAME, "pull", "push")],
    "other-class": [access(NAME, "pull", "push", **{"class": "thing"})],
    "two-classes": [
        access(NAME, "pull", "push", **{"class": "image"}),
        access(NAME, "pull", **{"class": "plugin"}),
    ],
    "class-of-other-type": [
        access(NAME, "pull", "push", **{"class": "thing"}),
        access(NAME, "pull", type="thing", **{"class": "plugin"}),
    ],
}


def _rights(now: int) -> dict[str, str]:
    return {name: _signed(make_claims(now, *entries)) for name, entries in RIGHTS.items()}


def _claims(now: int) -> dict[str, str]:
    """Tokens with odd claims."""
    good = make_claims(now, _ALL)
    far = 1 << 62
    changed: dict[str, dict[str, Any]] = {
        "": {},
        "exp": {
            "past-30": now - 30,
            "past-90": now - 90,
            "now": now,
            "zero": 0,
            "negative": -1,
            "null": _NULL,
            "missing": None,
            "text": str(now + 300),
            "fraction": now + 300.5,
            "whole-fraction": float(now + 300),
            "far": far,
            "too-far": 1 << 64,
            "true": True,
        },
        "nbf": {
            "future-30": now + 30,
            "future-90": now + 90,
            "zero": 0,
            "negative": -(1 << 62),
            "null": _NULL,
            "missing": None,
            "text": str(now),
            "fraction": now - 10.5,
            "far": far,
        },
        "iat": {
            "future": now + 9000,
            "null": _NULL,
            "missing": None,
            "text": str(now),
            "fraction": now - 10.5,
            "list": [],
        },
        "jti": {"null": _NULL, "missing": None, "number": 7, "empty": ""},
        "iss": {
            "wrong": "other.example",
            "capitals": ISSUER.upper(),
            "longer": ISSUER + "/",
            "empty": "",
            "null": _NULL,
            "missing": None,
            "number": 7,
            "list": [ISSUER],
        },
        "aud": {
            "wrong": "other.example",
            "capitals": SERVICE.upper(),
            "empty": "",
            "null": _NULL,
            "missing": None,
            "number": 7,
            "list": [SERVICE],
            "list-of-two": ["other.example", SERVICE],
            "list-without": ["other.example"],
            "list-empty": [],
            "list-of-numbers": [SERVICE, 7],
            "object": {SERVICE: SERVICE},
        },
        "sub": {"empty": "", "null": _NULL, "missing": None, "number": 7, "odd": '"\n\u00e9'},
        "access": {
            "null": _NULL,
            "missing": None,
            "text": "pull",
            "object": _ALL,
            "with-null": [None, _ALL],
            "with-text": ["x", _ALL],
            "with-empty": [{}, _ALL],
            "with-list": [[], _ALL],
            "actions-null": [_ALL | {"actions": None}],
            "actions-text": [_ALL | {"actions": "pull"}],
            "actions-numbers": [_ALL | {"actions": ["pull", 7]}],
            "actions-with-null": [_ALL | {"actions": ["pull", None]}],
            "actions-missing": [{"type": "repository", "name": NAME}],
            "type-missing": [{"name": NAME, "actions": ["pull"]}],
            "type-null": [_ALL | {"type": None}],
            "name-missing": [{"type": "repository", "actions": ["pull"]}],
            "name-number": [_ALL | {"name": 7}],
            "class-number": [_ALL | {"class": 7}],
            "class-null": [_ALL | {"class": None}],
            "more-members": [_ALL | {"more": [1, {}]}],
            "members-in-capitals": [{name.upper(): value for name, value in _ALL.items()}],
        },
        "more": {"object": {"a": [1.5, None]}},
    }
    tokens = {}
    for claim, values in changed.items():
        for name, value in values.items():
            claims = {**good, claim: value}
            made = {key: None if each is _NULL else each for key, each in claims.items() if each is not None}
            tokens[f"{claim}-{name}"] = _signed(made)
    text = json.dumps(good).encode()
    payloads = {
        "capitals": json.dumps({name.upper(): value for name, value in good.items()}).encode(),
        "twice": text[:-1] + b',"iss":"other.example"}',
        "twice-right": b'{"iss":"other.example",' + text[1:],
        "twice-in-capitals": text[:-1] + b',"ISS":"other.example"}',
        "exp-exponent": text.replace(str(now + 300).encode(), b"1e15"),
        "exp-NaN": text.replace(str(now + 300).encode(), b"NaN"),
        "list": b"[]",
        "null": b"null",
        "text": b'"x"',
        "empty": b"",
        "words": b"words",
        "half": text[:-1],
        "more": text + b"{}",
        "spaced": b" \n" + text + b"\n ",
        "BOM": b"\xef\xbb\xbf" + text,
        "UTF-16": text.decode().encode("utf-16"),
        "not-UTF-8": text.replace(b"alice", b"\xff\xfe"),
        "surrogate": text.replace(b"alice", b"\\ud800"),
        "empty-object": b"{}",
        "deep": text[:-1] + b',"deep":' + b"[" * 500 + b"]" * 500 + b"}",
    }
    return tokens | {f"payload-{name}": _signed(payload) for name, payload in payloads.items()}


def _public_pem(key: SigningKey) -> bytes:
    return key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _hmac(claims: Mapping[str, Any], algorithm: str, secret: bytes) -> str:
    header = {"typ": "JWT", "alg": algorithm, "kid": _keys().key.libtrust_id}
    signed = forge(header, claims, b"").rpartition(".")[0]
    return f"{signed}.{b64url(hmac.digest(secret, signed.encode(), 'sha' + algorithm[2:]))}"


def _headers(now: int) -> dict[str, str]:
    """Tokens with odd headers: other algorithms, and keys that are named in other ways."""
    good, keys = make_claims(now, _ALL), _keys()
    key, leaf, rsa_key = keys.key, keys.leaf, keys.rsa
    own, chain = key.certificate_base64, [leaf.certificate_base64, keys.between.certificate_base64]
    public = jwk(key.public)
    private = public | {"d": b64url(_number_of(key))}

    def by_chain(signer: SigningKey, certificates: Any, **more: Any) -> str:
        return _signed(good, signer, **{"kid": None, "x5c": certificates, **more})

    def by_jwk(value: Any, signer: SigningKey = key, **more: Any) -> str:
        return _signed(good, signer, **{"kid": None, "jwk": value, **more})

    def by_algorithm(signer: SigningKey, algorithm: str) -> str:
        return sign(signer, good, {"kid": signer.libtrust_id}, algorithm)

    der = base64.b64decode(own)
    return {
        "alg-RS256": by_algorithm(rsa_key, "RS256"),
        "alg-RS384": by_algorithm(rsa_key, "RS384"),
        "alg-RS512": by_algorithm(rsa_key, "RS512"),
        "alg-PS256": by_algorithm(rsa_key, "PS256"),
        "alg-ES384": by_algorithm(keys.p384, "ES384"),
        "alg-ES512": by_algorithm(keys.p521, "ES512"),
        "alg-EdDSA": by_algorithm(keys.ed25519, "EdDSA"),
        "alg-of-other-hash": _signed(good, alg="ES512"),
        "alg-of-other-kind": _signed(good, alg="RS256"),
        "alg-of-RSA-for-EC": _signed(good, rsa_key, kid=key.libtrust_id),
        "alg-missing": _signed(good, alg=None),
        "alg-null": _signed(good, alg=_NULL),
        "alg-empty": _signed(good, alg=""),
        "alg-number": _signed(good, alg=7),
        "alg-small": _signed(good, alg="es256"),
        "alg-none": forge({"alg": "none", "kid": key.libtrust_id}, good, b""),
        "alg-none-signed": _signed(good, alg="none"),
        "alg-HS256-PEM": _hmac(good, "HS256", _public_pem(key)),
        "alg-HS256-certificate": _hmac(good, "HS256", key.certificate_pem),
        "alg-HS256-DER": _hmac(good, "HS256", der),
        "alg-HS256-empty": _hmac(good, "HS256", b""),
        "alg-HS512-PEM": _hmac(good, "HS512", _public_pem(key)),
        "kid-thumbprint": _signed(good, kid=key.thumbprint),
        "kid-unknown": _signed(good, keys.foreign),
        "kid-of-another": _signed(good, kid=keys.rsa.libtrust_id),
        "kid-stolen": _signed(good, keys.foreign, kid=key.libtrust_id),
        "kid-missing": _signed(good, kid=None),
        "kid-empty": _signed(good, kid=""),
        "kid-null": _signed(good, kid=_NULL),
        "kid-number": _signed(good, kid=7),
        "kid-small": _signed(good, kid=key.libtrust_id.lower()),
        "kid-root": _signed(good, keys.root),
        "kid-leaf": _signed(good, leaf),
        "typ-missing": _signed(good, typ=None),
        "typ-odd": _signed(good, typ="x"),
        "typ-number": _signed(good, typ=7),
        "header-more": _signed(good, cty="x", more={"a": 1.5}),
        "header-crit": _signed(good, crit=["exp"], exp=1),
        "header-b64": _signed(good, crit=["b64"], b64=False),
        "x5c-own": by_chain(key, [own]),
        "x5c-own-RSA": by_chain(rsa_key, [rsa_key.certificate_base64]),
        "x5c-chain": by_chain(leaf, chain),
        "x5c-chain-with-root": by_chain(leaf, [*chain, keys.root.certificate_base64]),
        "x5c-chain-with-others": by_chain(leaf, [chain[0], own, chain[1], keys.strange.certificate_base64]),
        "x5c-chain-reversed": by_chain(leaf, chain[::-1]),
        "x5c-chain-broken": by_chain(leaf, chain[:1]),
        "x5c-one": by_chain(keys.rsa_leaf, [keys.rsa_leaf.certificate_base64]),
        "x5c-between": by_chain(keys.between, [keys.between.certificate_base64]),
        "x5c-root": by_chain(keys.root, [keys.root.certificate_base64]),
        "x5c-expired": by_chain(keys.expired, [keys.expired.certificate_base64]),
        "x5c-early": by_chain(keys.early, [keys.early.certificate_base64]),
        "x5c-under-leaf": by_chain(
            keys.under_leaf, [keys.under_leaf.certificate_base64, keys.rsa_leaf.certificate_base64]
        ),
        "x5c-foreign": by_chain(keys.foreign, [keys.foreign.certificate_base64]),
        "x5c-foreign-kid": by_chain(keys.foreign, [keys.foreign.certificate_base64], kid=key.libtrust_id),
        "x5c-foreign-chain": by_chain(
            keys.strange, [keys.strange.certificate_base64, keys.strange_root.certificate_base64]
        ),
        "x5c-foreign-then-own": by_chain(keys.foreign, [keys.foreign.certificate_base64, own]),
        "x5c-own-then-foreign": by_chain(keys.foreign, [own, keys.foreign.certificate_base64]),
        "x5c-of-another": by_chain(rsa_key, [own]),
        "x5c-and-unknown-kid": by_chain(leaf, chain, kid="x"),
        "x5c-and-foreign-jwk": by_chain(leaf, chain, jwk=jwk(keys.foreign.public)),
        "x5c-foreign-and-jwk": by_chain(key, [keys.foreign.certificate_base64], jwk=public),
        "x5c-empty": by_chain(key, []),
        "x5c-empty-and-kid": by_chain(key, [], kid=key.libtrust_id),
        "x5c-null": by_chain(key, _NULL),
        "x5c-null-and-kid": by_chain(key, _NULL, kid=key.libtrust_id),
        "x5c-text": by_chain(key, own),
        "x5c-number": by_chain(key, [7]),
        "x5c-word": by_chain(key, ["words"]),
        "x5c-not-base64": by_chain(key, ["!!!!"]),
        "x5c-junk-behind": by_chain(key, [own, "AAAA"]),
        "x5c-base64url": by_chain(key, [base64.urlsafe_b64encode(der).decode()]),
        "x5c-lines": by_chain(key, [base64.encodebytes(der).decode()]),
        "x5c-PEM": by_chain(key, [key.certificate_pem.decode()]),
        "x5c-bytes-behind": by_chain(key, [base64.b64encode(der + b"xxx").decode()]),
        "jwk": by_jwk(public),
        "jwk-RSA": by_jwk(jwk(rsa_key.public), rsa_key),
        "jwk-P-384": by_jwk(jwk(keys.p384.public), keys.p384),
        "jwk-P-521": by_jwk(jwk(keys.p521.public), keys.p521),
        "jwk-libtrust": by_jwk(public | {"kid": key.libtrust_id}),
        "jwk-thumbprint": by_jwk(public | {"kid": key.thumbprint}),
        "jwk-other-kid": by_jwk(public | {"kid": keys.rsa.libtrust_id}),
        "jwk-empty-kid": by_jwk(public | {"kid": ""}),
        "jwk-null-kid": by_jwk(public | {"kid": None}),
        "jwk-number-kid": by_jwk(public | {"kid": 7}),
        "jwk-foreign": by_jwk(jwk(keys.foreign.public), keys.foreign),
        "jwk-foreign-trusted-kid": by_jwk(jwk(keys.foreign.public, kid=key.libtrust_id), keys.foreign),
        "jwk-foreign-header-kid": by_jwk(jwk(keys.foreign.public), keys.foreign, kid=key.libtrust_id),
        "jwk-of-another": by_jwk(public, rsa_key),
        "jwk-unknown-header-kid": by_jwk(public, kid="x"),
        "jwk-private": by_jwk(private),
        "jwk-more": by_jwk(public | {"use": "enc", "alg": "x", "key_ops": ["sign"]}),
        "jwk-leaf": by_jwk(jwk(leaf.public), leaf),
        "jwk-x5c": by_jwk(public | {"x5c": [own]}),
        "jwk-x5c-chain": by_jwk(jwk(leaf.public) | {"x5c": chain}, leaf),
        "jwk-x5c-chain-kid": by_jwk(jwk(leaf.public, kid=libtrust_id(leaf.public)) | {"x5c": chain}, leaf),
        "jwk-x5c-of-another": by_jwk(jwk(keys.foreign.public) | {"x5c": chain}, keys.foreign),
        "jwk-x5c-foreign": by_jwk(
            jwk(keys.foreign.public) | {"x5c": [keys.foreign.certificate_base64]}, keys.foreign
        ),
        "jwk-x5c-foreign-of-trusted": by_jwk(public | {"x5c": [keys.foreign.certificate_base64]}),
        "jwk-x5c-empty": by_jwk(public | {"x5c": []}),
        "jwk-x5c-text": by_jwk(public | {"x5c": own}),
        "jwk-null": by_jwk(_NULL),
        "jwk-null-and-kid": by_jwk(_NULL, kid=key.libtrust_id),
        "jwk-empty": by_jwk({}),
        "jwk-text": by_jwk("x"),
        "jwk-list": by_jwk([public]),
        "jwk-oct": by_jwk({"kty": "oct", "k": "AAAA"}),
        "jwk-kty-missing": by_jwk({name: value for name, value in public.items() if name != "kty"}),
        "jwk-off-the-curve": by_jwk(public | {"y": public["x"]}),
        "jwk-wrong-curve": by_jwk(public | {"crv": "P-384"}),
    }


def _number_of(key: SigningKey) -> bytes:
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    return key.private.private_numbers().private_value.to_bytes(32, "big")


def _padded(part: str) -> str:
    return part + "=" * (-len(part) % 4)


def _forms(now: int) -> dict[str, str]:
    """Tokens of an odd form."""
    key = _keys().key
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    claims = make_claims(now, _ALL)
    good = _ending_oddly(claims)
    head, payload, signature = good.split(".")
    raw = base64.urlsafe_b64decode(_padded(signature))
    der = key.private.sign(f"{head}.{payload}".encode(), ec.ECDSA(SHA256()))
    other = _signed(make_claims(now, _ALL, sub="bob"))
    header = json.dumps({"typ": "JWT", "alg": "ES256", "kid": key.libtrust_id}).encode()

    def signed_as(head: str, payload: str) -> str:
        """Sign two parts as they are."""
        text = f"{head}.{payload}"
        r, s = decode_dss_signature(key.private.sign(text.encode(), ec.ECDSA(SHA256())))
        return f"{text}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    return {
        "good": good,
        "two-parts": f"{head}.{payload}",
        "four-parts": f"{good}.x",
        "four-parts-empty": f"{good}.",
        "empty-header": f".{payload}.{signature}",
        "empty-payload": f"{head}..{signature}",
        "empty-signature": f"{head}.{payload}.",
        "dots": "..",
        "word": "x",
        "other-signature": f"{head}.{payload}.{other.split('.')[2]}",
        "other-payload": f"{head}.{other.split('.')[1]}.{signature}",
        "changed-signature": f"{head}.{payload}.{b64url(raw[:-1] + bytes([raw[-1] ^ 1]))}",
        "short-signature": f"{head}.{payload}.{b64url(raw[:-1])}",
        "long-signature": f"{head}.{payload}.{b64url(raw + bytes(1))}",
        "zero-signature": f"{head}.{payload}.{b64url(bytes(64))}",
        "DER-signature": f"{head}.{payload}.{b64url(der)}",
        "padded-signature": f"{head}.{payload}.{_padded(signature)}",
        "padded-parts": signed_as(_padded(head), _padded(payload)),
        "padded-later": f"{_padded(head)}.{_padded(payload)}.{signature}",
        "padded-too-much": f"{head}.{payload}.{signature}==========",
        "padded-too-little": signed_as(head, payload + "="),
        "odd-last-bits": f"{head}.{payload}.{_odd_last_bits(signature)}",
        "plain-base64": signed_as(*(base64.b64encode(part).decode() for part in (header, _slashes(claims)))),
        "signature-not-base64": f"{head}.{payload}.!{signature[1:]}",
        "part-list": signed_as(b64url(b"[]"), payload),
        "part-null": signed_as(b64url(b"null"), payload),
        "part-words": signed_as(b64url(b"words"), payload),
        "part-more": signed_as(b64url(header + b"{}"), payload),
        "part-spaced": signed_as(b64url(b" " + header + b"\n"), payload),
        "part-twice": signed_as(b64url(header[:-1] + b',"kid":"x"}'), payload),
        "part-capitals": signed_as(b64url(header.replace(b"kid", b"KID").replace(b"alg", b"ALG")), payload),
    }


def _slashes(claims: Mapping[str, Any]) -> bytes:
    """The claims, in such bytes that base64 and base64url of them differ, and need no padding."""
    text = json.dumps({**claims, "sub": "\u00ff\u00fe??>>"}, ensure_ascii=False).encode()
    return text + b" " * (-len(text) % 3)


def _odd_last_bits(part: str) -> str:
    """The same bytes, with other bits behind them in the last sign."""
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + signs[signs.index(part[-1]) ^ 1]


def _ending_oddly(claims: Mapping[str, Any]) -> str:
    """A token whose payload needs padding in base64."""
    while len(json.dumps(claims)) % 3 != 1:
        claims = {**claims, "jti": claims["jti"] + "x"}
    return _signed(claims)


_GROUPS: Mapping[str, Callable[[int], dict[str, str]]] = {
    "rights": _rights,
    "claims": _claims,
    "headers": _headers,
    "forms": _forms,
}
