"""Tests for the text of tokens."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.auth.making import b64url, forge, make_claims
from txregistry.auth.jose import TOKEN_LIMIT, decode_base64url, read_claims, read_token
from txregistry.auth.refused import TokenRefused

HEADER: dict[str, Any] = {"alg": "ES256", "kid": "x", "typ": "JWT"}
CLAIMS = make_claims(1_700_000_000)


class Base64UrlTests(SynchronousTestCase):
    """One text for each sequence of bytes."""

    @given(st.binary(max_size=40))
    def test_there_and_back(self, data: bytes) -> None:
        """What an encoder makes is decoded; with padding it is refused."""
        self.assertEqual(decode_base64url(b64url(data)), data)
        padded = base64.urlsafe_b64encode(data).decode()
        if padded.endswith("="):
            self.assertRaises(ValueError, decode_base64url, padded)

    @given(st.text(st.sampled_from("AQgwBZaz09-_+/= \n.é\0"), max_size=9))
    def test_no_other_text(self, text: str) -> None:
        """A text is refused, or it is the one that an encoder makes of what it stands for."""
        try:
            data = decode_base64url(text)
        except ValueError:
            return
        self.assertEqual(b64url(data), text)

    def test_lax(self) -> None:
        """What lenient decoders pass over is refused."""
        for lax in (
            "AB",
            "AAB",
            "A",
            "AA==",
            "AAA=",
            "AA=A",
            "A A",
            "AA\n",
            "AA.",
            "+/AA",
            "\uff21\uff21",
            "AA\0A",
        ):
            self.assertRaises(ValueError, decode_base64url, lax)


class ReadTokenTests(SynchronousTestCase):
    """From text to its parts."""

    def refused(self, text: str, reason: str) -> None:
        self.assertIn(reason, self.assertRaises(TokenRefused, read_token, text).reason)

    def test_parts(self) -> None:
        """A token says its algorithm, its keys, its claims, what was signed, and the signature."""
        text = forge({**HEADER, "x5c": ["A", "B"], "jwk": {"kty": "EC"}, "more": 1}, CLAIMS, b"signature")
        token = read_token(text)
        self.assertEqual(token.algorithm, "ES256")
        self.assertEqual(token.chain, ("A", "B"))
        self.assertEqual(token.jwk, {"kty": "EC"})
        self.assertEqual(token.key_id, "x")
        self.assertEqual(read_claims(token.payload).grant.user, "alice")
        self.assertEqual(token.signed.decode(), text.rpartition(".")[0])
        self.assertEqual(token.signature, b"signature")

    def test_absent(self) -> None:
        """What the header does not say, or says with null, is empty."""
        for header in ({}, dict.fromkeys(("alg", "kid", "x5c", "jwk")), {"ALG": "ES256", "Kid": "x"}):
            token = read_token(forge(header, CLAIMS, b""))
            self.assertEqual((token.algorithm, token.chain, token.jwk, token.key_id), ("", (), None, ""))

    def test_wrong_types(self) -> None:
        """Members of the header have types, too."""
        cases: tuple[tuple[str, tuple[Any, ...]], ...] = (
            ("alg", (1, ["ES256"], {}, True)),
            ("kid", (1, ["x"], {})),
            ("x5c", ("x", {}, [1], [None], [["x"]])),
            ("jwk", ("x", [], 1, True)),
        )
        for name, wrong in cases:
            for value in wrong:
                self.refused(forge({**HEADER, name: value}, CLAIMS, b"x"), f"{name} in the header")

    def test_critical(self) -> None:
        """A header with critical extensions is refused, whichever they are."""
        for value in (["b64"], ["exp"], [], None, "x"):
            self.refused(forge({**HEADER, "crit": value, "b64": False}, CLAIMS, b"x"), "critical")

    def test_not_three_parts(self) -> None:
        """There are three parts."""
        good = forge(HEADER, CLAIMS, b"x")
        for text in ("", "x", "x.y", good + ".", good + ".AAAA", "." + good, good.rpartition(".")[0]):
            self.refused(text, "three parts")

    def test_lax_parts(self) -> None:
        """Each part is canonical base64url."""
        parts = forge(HEADER, CLAIMS, b"xx").split(".")
        for index in range(3):
            for lax in (parts[index] + "=", parts[index] + "\n", parts[index][:-1] + "+", "A", "é"):
                self.refused(".".join([*parts[:index], lax, *parts[index + 1 :]]), "base64url")

    def test_long(self) -> None:
        """A token has a limited length."""
        self.refused("A" * (TOKEN_LIMIT + 1), "longer than")
        room = TOKEN_LIMIT - len(forge(HEADER, {**CLAIMS, "more": ""}, b"xx"))
        read_token(forge(HEADER, {**CLAIMS, "more": "x" * (room * 3 // 4 - 3)}, b"xx"))

    def test_hostile_json(self) -> None:
        """Header and claims that no two readers agree about are refused; claims, once they are read."""
        for document in (
            b"",
            b"null",
            b"[]",
            b"7",
            b'"x"',
            b"{",
            b"{} x",
            b"\xef\xbb\xbf{}",
            b"\xff",
            b'{"alg": NaN}',
            b'{"alg":"ES256","alg":"none"}',
            b'{"x":{"a":1,"a":2}}',
            b'{"x":' + b"9" * 9000 + b"}",
            b'{"x":' + b"[" * 100 + b"]" * 100 + b"}",
            b"[" * 9000,
            b'{"x":' * 1500 + b"1" + b"}" * 1500,
            b'{"x":"\\ud800"}',
        ):
            self.refused(forge(document, CLAIMS, b"x"), "malformed token: the header: ")
            read_token(forge(HEADER, document, b"x"))
            refusal = self.assertRaises(TokenRefused, read_claims, document)
            self.assertTrue(refusal.reason.startswith("malformed token: the claims: "))

    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
    def test_anything(self, value: object) -> None:
        """Whatever stands in a member, the token is read or refused."""
        for name in ("alg", "kid", "x5c", "jwk", "iss", "sub", "aud", "exp", "nbf", "access", "crit"):
            for header, payload in (({**HEADER, name: value}, CLAIMS), (HEADER, {**CLAIMS, name: value})):
                try:
                    text = forge(json.dumps(header).encode(), json.dumps(payload).encode(), b"x")
                    read_claims(read_token(text).payload)
                except TokenRefused as refusal:
                    self.assertTrue(refusal.reason)
