"""No token passes but those that a trusted key signed, for us, for now."""

from __future__ import annotations

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.auth.controllers import TokenTestCase, key
from tests.auth.making import ISSUER, SERVICE, access, b64url, forge, jwk, sign
from txregistry.auth.claims import LEEWAY
from txregistry.errors import Unauthorized
from txregistry.model.access import needed

PULL = needed("GET", "a/b")
KINDS = ("RSA", "P-256", "P-384", "Ed25519")

kinds = st.sampled_from(KINDS)
#: What may stand in a header's value, and some of what may not.
characters = st.sampled_from([chr(code) for code in (*range(0x00, 0x100), 0x130, 0x2024, 0xFF0E, 0xFFFD)])


class ForgeryTests(TokenTestCase):
    """Keys of four kinds are trusted."""

    def setUp(self) -> None:
        super().setUp()
        self.access = self.controller(*(key(kind) for kind in KINDS))
        self.now = int(self.clock.seconds())
        self.good = {kind: sign(key(kind), self.claims(access("a/b", "pull"))) for kind in KINDS}
        for token in self.good.values():
            self.passes(self.access, token, *PULL)

    def rejected(self, token: str) -> None:
        refusal = self.refused(self.access, token, *PULL)
        assert isinstance(refusal, Unauthorized)
        self.assertEqual(self.refused(self.access, token).reason, refusal.reason)

    @given(kinds, st.integers(0), characters)
    def test_changed(self, kind: str, at: int, other: str) -> None:
        """No token with one character replaced by any other passes."""
        good = self.good[kind]
        at %= len(good)
        if good[at] != other:
            self.rejected(good[:at] + other + good[at + 1 :])

    @given(kinds, st.integers(0), characters)
    def test_inserted(self, kind: str, at: int, more: str) -> None:
        """No token with one character more passes."""
        good = self.good[kind]
        at %= len(good) + 1
        if at in (0, len(good)) and more in " \t":
            return  # a header's value does not begin or end with a blank
        self.rejected(good[:at] + more + good[at:])

    def test_every_place(self) -> None:
        """No token passes with a character missing, doubled, or replaced by its neighbour, at any place."""
        for good in self.good.values():
            for at, found in enumerate(good):
                other = "A" if found != "A" else "B"
                near = chr(ord(found) ^ 1)
                for token in (
                    good[:at] + good[at + 1 :],
                    good[:at] + found + good[at:],
                    good[:at] + other + good[at + 1 :],
                    good[:at] + near + good[at + 1 :],
                    good[:at] + "=" + good[at:],
                    good[:at],
                ):
                    self.rejected(token)
            for padding in ("=", "==", "===", "====", "\n", "\r\n", "\0"):
                self.rejected(good + padding)

    def test_every_bit(self) -> None:
        """No token passes with another bit in what its parts stand for."""
        for kind, good in self.good.items():
            header, payload, signature = (jwt.utils.base64url_decode(part) for part in good.split("."))
            for index, part in enumerate((header, payload, signature)):
                for at in range(0, len(part) * 8, 5):
                    changed = bytearray(part)
                    changed[at // 8] ^= 1 << at % 8
                    parts = [header, payload, signature]
                    parts[index] = bytes(changed)
                    self.rejected(forge(parts[0], parts[1], parts[2]))
            self.rejected(forge(header, payload, signature[::-1]))
            self.rejected(forge(header, payload, bytes(len(signature))))
            self.rejected(forge(header, payload, b"\0" + signature))
            self.assertEqual(forge(header, payload, signature), good, kind)

    @given(kinds, kinds)
    def test_parts_of_others(self, one: str, other: str) -> None:
        """No part of one token is good in another."""
        more = sign(key(other), self.claims(access("a/b", "pull", "push"), sub="bob"))
        for index in range(3):
            parts = self.good[one].split(".")
            parts[index] = more.split(".")[index]
            if ".".join(parts) != self.good[one]:  # headers may be the same
                self.rejected(".".join(parts))

    @given(
        kinds,
        st.sampled_from(("none", "None", "HS256", "HS384", "HS512", "", "RS1", "ES256K", "dir", "A128KW")),
        st.sampled_from((Encoding.PEM, Encoding.DER)),
        st.sampled_from(("HS256", "HS384", "HS512")),
    )
    def test_algorithms(self, kind: str, name: str, form: Encoding, hmac: str) -> None:
        """No other algorithm passes: not none, and not one whose secret is a public key."""
        public = key(kind).public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
        certificate = key(kind).certificate.public_bytes(form)
        head = {"alg": name, "kid": key(kind).thumbprint}
        signed = forge(head, self.claims(access("a/b", "pull")), b"").rpartition(".")[0]
        algorithm: Any = jwt.get_algorithm_by_name(hmac)
        for secret in (public, certificate, public.strip(), key(kind).thumbprint.encode()):
            self.rejected(f"{signed}.{b64url(algorithm.sign(signed.encode(), secret))}")
        self.rejected(f"{signed}.")
        self.rejected(f"{signed}.{self.good[kind].rpartition('.')[2]}")

    @given(kinds, st.sampled_from(("RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA")))
    def test_algorithm_of_another_kind(self, kind: str, name: str) -> None:
        """A signature is not good under another name than that of its algorithm."""
        own = key(kind).algorithm
        if name == own:
            return
        head = {"alg": name, "kid": key(kind).thumbprint}
        signed = forge(head, self.claims(access("a/b", "pull")), b"").rpartition(".")[0]
        algorithm: Any = jwt.get_algorithm_by_name(own)
        self.rejected(f"{signed}.{b64url(algorithm.sign(signed.encode(), key(kind).private))}")

    @given(kinds, kinds, st.booleans())
    def test_keys(self, kind: str, named: str, embedded: bool) -> None:
        """No key that is not trusted signs anything, whatever trusted one it says it is."""
        stranger = key(kind, 1)
        for kid in (key(named).thumbprint, key(named).libtrust_id, stranger.thumbprint):
            headers = {"jwk": jwk(stranger.public, kid=kid)} if embedded else {"kid": kid}
            self.rejected(sign(stranger, self.claims(access("a/b", "pull")), headers))
        self.rejected(
            sign(stranger, self.claims(access("a/b", "pull")), {"x5c": [stranger.certificate_base64]})
        )

    @settings(max_examples=50)
    @given(st.text(max_size=12) | st.sampled_from((ISSUER + "/", ISSUER[:-1], ISSUER.title())))
    def test_issuer(self, issuer: str) -> None:
        """No other issuer's token passes."""
        if issuer != ISSUER:
            self.rejected(self.token(access("a/b", "pull"), iss=issuer))

    @settings(max_examples=50)
    @given(st.text(max_size=12) | st.lists(st.text(max_size=4), max_size=4) | st.just(SERVICE + "/"))
    def test_audience(self, audience: str | list[str]) -> None:
        """No token for others passes."""
        if SERVICE not in ([audience] if isinstance(audience, str) else audience):
            self.rejected(self.token(access("a/b", "pull"), aud=audience))

    @settings(max_examples=50)
    @given(st.integers(-(1 << 63), 1 << 62), st.integers(-(1 << 62), (1 << 63) - 1))
    def test_times(self, expires: int, begins: int) -> None:
        """A token passes exactly from its begin to its end, with the leeway."""
        for exp, nbf in ((expires, begins), (self.now + expires % 200 - 100, self.now + begins % 200 - 100)):
            token = self.token(access("a/b", "pull"), exp=exp, nbf=nbf)
            if exp + LEEWAY >= self.now >= nbf - LEEWAY and exp:
                self.passes(self.access, token, *PULL)
            else:
                self.rejected(token)

    @settings(max_examples=50)
    @given(st.floats() | st.booleans() | st.text(max_size=3) | st.lists(st.integers(), max_size=2))
    def test_times_of_other_types(self, value: object) -> None:
        """A time that is not an integer is none."""
        for name in ("exp", "nbf", "iat"):
            claims = {**self.claims(access("a/b", "pull")), name: value}
            header = {"alg": "ES256", "kid": key().thumbprint}
            signed = forge(header, json.dumps(claims).encode(), b"").rpartition(".")[0]
            algorithm: Any = jwt.get_algorithm_by_name("ES256")
            self.rejected(f"{signed}.{b64url(algorithm.sign(signed.encode(), key().private))}")
