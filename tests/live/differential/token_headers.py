"""Tokens of other algorithms, whose keys are named in other ways; and such as are no tokens at all."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.auth.making import SigningKey, b64url, forge, jwk, libtrust_id, make_claims, sign
from tests.live.differential.token_keys import ALL, NULL, keys, private_number, signed


def _public_pem(key: SigningKey) -> bytes:
    return key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _hmac(claims: Mapping[str, Any], algorithm: str, secret: bytes) -> str:
    header = {"typ": "JWT", "alg": algorithm, "kid": keys().key.libtrust_id}
    signed = forge(header, claims, b"").rpartition(".")[0]
    return f"{signed}.{b64url(hmac.digest(secret, signed.encode(), 'sha' + algorithm[2:]))}"


def headers(now: int) -> dict[str, str]:
    """Tokens with odd headers: other algorithms, and keys that are named in other ways."""
    good, known = make_claims(now, ALL), keys()
    key, leaf, rsa_key = known.key, known.leaf, known.rsa
    own, chain = key.certificate_base64, [leaf.certificate_base64, known.between.certificate_base64]
    public = jwk(key.public)
    private = public | {"d": b64url(private_number(key)[1])}

    def by_chain(signer: SigningKey, certificates: Any, **more: Any) -> str:
        return signed(good, signer, **{"kid": None, "x5c": certificates, **more})

    def by_jwk(value: Any, signer: SigningKey = key, **more: Any) -> str:
        return signed(good, signer, **{"kid": None, "jwk": value, **more})

    def by_algorithm(signer: SigningKey, algorithm: str) -> str:
        return sign(signer, good, {"kid": signer.libtrust_id}, algorithm)

    der = base64.b64decode(own)
    return {
        "alg-RS256": by_algorithm(rsa_key, "RS256"),
        "alg-RS384": by_algorithm(rsa_key, "RS384"),
        "alg-RS512": by_algorithm(rsa_key, "RS512"),
        "alg-PS256": by_algorithm(rsa_key, "PS256"),
        "alg-ES384": by_algorithm(known.p384, "ES384"),
        "alg-ES512": by_algorithm(known.p521, "ES512"),
        "alg-EdDSA": by_algorithm(known.ed25519, "EdDSA"),
        "alg-of-other-hash": signed(good, alg="ES512"),
        "alg-of-other-kind": signed(good, alg="RS256"),
        "alg-of-RSA-for-EC": signed(good, rsa_key, kid=key.libtrust_id),
        "alg-missing": signed(good, alg=None),
        "alg-null": signed(good, alg=NULL),
        "alg-empty": signed(good, alg=""),
        "alg-number": signed(good, alg=7),
        "alg-small": signed(good, alg="es256"),
        "alg-none": forge({"alg": "none", "kid": key.libtrust_id}, good, b""),
        "alg-none-signed": signed(good, alg="none"),
        "alg-HS256-PEM": _hmac(good, "HS256", _public_pem(key)),
        "alg-HS256-certificate": _hmac(good, "HS256", key.certificate_pem),
        "alg-HS256-DER": _hmac(good, "HS256", der),
        "alg-HS256-empty": _hmac(good, "HS256", b""),
        "alg-HS512-PEM": _hmac(good, "HS512", _public_pem(key)),
        "kid-thumbprint": signed(good, kid=key.thumbprint),
        "kid-unknown": signed(good, known.foreign),
        "kid-of-another": signed(good, kid=known.rsa.libtrust_id),
        "kid-stolen": signed(good, known.foreign, kid=key.libtrust_id),
        "kid-missing": signed(good, kid=None),
        "kid-empty": signed(good, kid=""),
        "kid-null": signed(good, kid=NULL),
        "kid-number": signed(good, kid=7),
        "kid-small": signed(good, kid=key.libtrust_id.lower()),
        "kid-root": signed(good, known.root),
        "kid-leaf": signed(good, leaf),
        "typ-missing": signed(good, typ=None),
        "typ-odd": signed(good, typ="x"),
        "typ-number": signed(good, typ=7),
        "header-more": signed(good, cty="x", more={"a": 1.5}),
        "header-crit": signed(good, crit=["exp"], exp=1),
        "header-b64": signed(good, crit=["b64"], b64=False),
        "x5c-own": by_chain(key, [own]),
        "x5c-own-RSA": by_chain(rsa_key, [rsa_key.certificate_base64]),
        "x5c-chain": by_chain(leaf, chain),
        "x5c-chain-with-root": by_chain(leaf, [*chain, known.root.certificate_base64]),
        "x5c-chain-with-others": by_chain(leaf, [chain[0], own, chain[1], known.strange.certificate_base64]),
        "x5c-chain-reversed": by_chain(leaf, chain[::-1]),
        "x5c-chain-broken": by_chain(leaf, chain[:1]),
        "x5c-one": by_chain(known.rsa_leaf, [known.rsa_leaf.certificate_base64]),
        "x5c-between": by_chain(known.between, [known.between.certificate_base64]),
        "x5c-root": by_chain(known.root, [known.root.certificate_base64]),
        "x5c-expired": by_chain(known.expired, [known.expired.certificate_base64]),
        "x5c-early": by_chain(known.early, [known.early.certificate_base64]),
        "x5c-under-leaf": by_chain(
            known.under_leaf, [known.under_leaf.certificate_base64, known.rsa_leaf.certificate_base64]
        ),
        "x5c-foreign": by_chain(known.foreign, [known.foreign.certificate_base64]),
        "x5c-foreign-kid": by_chain(known.foreign, [known.foreign.certificate_base64], kid=key.libtrust_id),
        "x5c-foreign-chain": by_chain(
            known.strange, [known.strange.certificate_base64, known.strange_root.certificate_base64]
        ),
        "x5c-foreign-then-own": by_chain(known.foreign, [known.foreign.certificate_base64, own]),
        "x5c-own-then-foreign": by_chain(known.foreign, [own, known.foreign.certificate_base64]),
        "x5c-of-another": by_chain(rsa_key, [own]),
        "x5c-and-unknown-kid": by_chain(leaf, chain, kid="x"),
        "x5c-and-foreign-jwk": by_chain(leaf, chain, jwk=jwk(known.foreign.public)),
        "x5c-foreign-and-jwk": by_chain(key, [known.foreign.certificate_base64], jwk=public),
        "x5c-empty": by_chain(key, []),
        "x5c-empty-and-kid": by_chain(key, [], kid=key.libtrust_id),
        "x5c-null": by_chain(key, NULL),
        "x5c-null-and-kid": by_chain(key, NULL, kid=key.libtrust_id),
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
        "jwk-P-384": by_jwk(jwk(known.p384.public), known.p384),
        "jwk-P-521": by_jwk(jwk(known.p521.public), known.p521),
        "jwk-libtrust": by_jwk(public | {"kid": key.libtrust_id}),
        "jwk-thumbprint": by_jwk(public | {"kid": key.thumbprint}),
        "jwk-other-kid": by_jwk(public | {"kid": known.rsa.libtrust_id}),
        "jwk-empty-kid": by_jwk(public | {"kid": ""}),
        "jwk-null-kid": by_jwk(public | {"kid": None}),
        "jwk-number-kid": by_jwk(public | {"kid": 7}),
        "jwk-foreign": by_jwk(jwk(known.foreign.public), known.foreign),
        "jwk-foreign-trusted-kid": by_jwk(jwk(known.foreign.public, kid=key.libtrust_id), known.foreign),
        "jwk-foreign-header-kid": by_jwk(jwk(known.foreign.public), known.foreign, kid=key.libtrust_id),
        "jwk-of-another": by_jwk(public, rsa_key),
        "jwk-unknown-header-kid": by_jwk(public, kid="x"),
        "jwk-private": by_jwk(private),
        "jwk-more": by_jwk(public | {"use": "enc", "alg": "x", "key_ops": ["sign"]}),
        "jwk-leaf": by_jwk(jwk(leaf.public), leaf),
        "jwk-x5c": by_jwk(public | {"x5c": [own]}),
        "jwk-x5c-chain": by_jwk(jwk(leaf.public) | {"x5c": chain}, leaf),
        "jwk-x5c-chain-kid": by_jwk(jwk(leaf.public, kid=libtrust_id(leaf.public)) | {"x5c": chain}, leaf),
        "jwk-x5c-of-another": by_jwk(jwk(known.foreign.public) | {"x5c": chain}, known.foreign),
        "jwk-x5c-foreign": by_jwk(
            jwk(known.foreign.public) | {"x5c": [known.foreign.certificate_base64]}, known.foreign
        ),
        "jwk-x5c-foreign-of-trusted": by_jwk(public | {"x5c": [known.foreign.certificate_base64]}),
        "jwk-x5c-empty": by_jwk(public | {"x5c": []}),
        "jwk-x5c-text": by_jwk(public | {"x5c": own}),
        "jwk-null": by_jwk(NULL),
        "jwk-null-and-kid": by_jwk(NULL, kid=key.libtrust_id),
        "jwk-empty": by_jwk({}),
        "jwk-text": by_jwk("x"),
        "jwk-list": by_jwk([public]),
        "jwk-oct": by_jwk({"kty": "oct", "k": "AAAA"}),
        "jwk-kty-missing": by_jwk({name: value for name, value in public.items() if name != "kty"}),
        "jwk-off-the-curve": by_jwk(public | {"y": public["x"]}),
        "jwk-wrong-curve": by_jwk(public | {"crv": "P-384"}),
    }


def _padded(part: str) -> str:
    return part + "=" * (-len(part) % 4)


def forms(now: int) -> dict[str, str]:
    """Tokens of an odd form."""
    key = keys().key
    private, _ = private_number(key)
    claims = make_claims(now, ALL)
    good = _ending_oddly(claims)
    head, payload, signature = good.split(".")
    raw = base64.urlsafe_b64decode(_padded(signature))
    der = private.sign(f"{head}.{payload}".encode(), ec.ECDSA(SHA256()))
    other = signed(make_claims(now, ALL, sub="bob"))
    header = json.dumps({"typ": "JWT", "alg": "ES256", "kid": key.libtrust_id}).encode()

    def signed_as(head: str, payload: str) -> str:
        """Sign two parts as they are."""
        text = f"{head}.{payload}"
        r, s = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(SHA256())))
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
    return signed(claims)
