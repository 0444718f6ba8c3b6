"""Tests for keys and their ids."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448
from twisted.trial.unittest import SynchronousTestCase

from tests.auth import making
from tests.auth.controllers import key
from tests.auth.making import KINDS, jwk
from txregistry.auth.keys import (
    ALGORITHMS,
    PublicKey,
    TrustedKeys,
    UnusableKey,
    algorithms_for,
    key_in,
    libtrust_id,
    numbers_in,
    numbers_of,
    thumbprints,
    usable,
)

RFC7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
    "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
    "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
    "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
}
RFC8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
P256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "IynAXWaj3_2OE4JzXBb-Ubo5XSfiTtxILfU7t42OVCU",
    "y": "z43i2P3WsjenBrkp4b0HVGgsDfbj_9lhmVkn4pwXVsQ",
}


def short_coordinate() -> ec.EllipticCurvePublicKey:
    """A key on P-256 whose x begins with a zero byte."""
    for number in range(1, 5000):
        public = ec.derive_private_key(number, ec.SECP256R1()).public_key()
        if public.public_numbers().x.bit_length() <= 31 * 8:
            return public
    raise AssertionError("there is one among so many")


class KeyIdTests(SynchronousTestCase):
    """What keys are called."""

    def test_known(self) -> None:
        """The ids of known keys are those that their specifications, and distribution, give."""
        for member, expected in (
            (RFC7638, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            (RFC8037, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
            (P256, "PdBryqNLbUZvG0wORZX0kzA3Rll-wDmTOJVzsQU3LnQ"),
        ):
            self.assertEqual(thumbprints(key_in(member)), (expected,))
        self.assertEqual(
            libtrust_id(key_in(P256)), "MYHI:DOP6:3WFD:6FRX:L4WR:AS7V:XISM:3NWA:B4IE:DDV6:DEND:QNOS"
        )

    def test_every_kind(self) -> None:
        """Keys of every kind have the ids of both generations."""
        for kind in KINDS:
            public = key(kind).public
            self.assertEqual(libtrust_id(public), making.libtrust_id(public))
            self.assertEqual(thumbprints(public)[0], making.thumbprint(public))

    def test_short_coordinate(self) -> None:
        """A key on a curve with a short coordinate has distribution's thumbprint, too."""
        public = short_coordinate()
        found = thumbprints(public)
        self.assertEqual(found, (making.thumbprint(public), making.short_thumbprint(public)))
        self.assertEqual(len(set(found)), 2)


class JsonWebKeyTests(SynchronousTestCase):
    """Keys in JSON."""

    def test_there_and_back(self) -> None:
        """A key of every kind comes out as it went in; private parts and other members are ignored."""
        for kind in KINDS:
            public = key(kind).public
            member = jwk(public, kid="x", d="AAAA", use="enc", alg="none", x5c=None)
            self.assertEqual(numbers_in(member), numbers_of(public))
            self.assertEqual(numbers_of(key_in(member)), numbers_of(public))

    def test_unusable(self) -> None:
        """What is no key that tokens are signed with is refused with a reason, whatever stands there."""
        changes: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
            (P256, {"kty": "oct", "k": "AAAA"}),
            (P256, {"kty": None}),
            (P256, {"kty": ["EC"]}),
            (P256, {"crv": "secp256k1"}),
            (P256, {"crv": ["P-256"]}),
            (P256, {"crv": "P-384"}),
            (P256, {"x": ""}),
            (P256, {"x": None}),
            (P256, {"x": 7}),
            (P256, {"x": "AAA="}),
            (P256, {"x": "AA"}),
            (P256, {"x": "AB"}),
            (RFC7638, {"n": "AQ"}),
            (RFC7638, {"e": "AA"}),
            (RFC7638, {"e": "é"}),
            (RFC8037, {"crv": "Ed448"}),
            (RFC8037, {"crv": "X25519"}),
            (RFC8037, {"x": "AAAA"}),
        )
        for member, change in changes:
            self.assertRaises(UnusableKey, key_in, {**member, **change})

    def test_other_kinds(self) -> None:
        """Only the kinds that have algorithms are usable."""
        for unusable in (
            dsa.generate_private_key(1024).public_key(),
            ed448.Ed448PrivateKey.generate().public_key(),
            ec.generate_private_key(ec.SECP256K1()).public_key(),
            ec.generate_private_key(ec.SECP224R1()).public_key(),
            None,
        ):
            self.assertRaises(UnusableKey, usable, unusable)


class AlgorithmTests(SynchronousTestCase):
    """Which keys go with which algorithms."""

    def test_fit(self) -> None:
        """An algorithm belongs to one kind of key, on curves to one curve."""
        for kind, expected in (
            ("RSA", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
            ("P-256", {"ES256"}),
            ("P-384", {"ES384"}),
            ("P-521", {"ES512"}),
            ("Ed25519", {"EdDSA"}),
        ):
            self.assertEqual(algorithms_for(key(kind).public), expected)

    def test_no_secrets(self) -> None:
        """No algorithm of shared secrets, and not that of no signature at all, is among them."""
        self.assertEqual([name for name in ALGORITHMS if name.startswith("HS") or name == "none"], [])


class TrustedKeysTests(SynchronousTestCase):
    """Keys that tokens bring along."""

    def setUp(self) -> None:
        self.known: PublicKey = key("P-256").public
        self.other: PublicKey = key("P-256", 1).public
        self.trusted = TrustedKeys.of((("one", self.known), ("two", self.known), ("other", self.other)))

    def test_same_key(self) -> None:
        """It is trusted if it is a trusted key, under no id or any of that key's."""
        for kid in ({}, {"kid": ""}, {"kid": None}, {"kid": "one"}, {"kid": "two"}):
            self.assertIs(self.trusted.embedded(jwk(self.known, **kid)), self.known)

    def test_leading_zeros(self) -> None:
        """Zero bytes before a number make no other key."""
        numbers = jwk(self.known)
        numbers["x"] = making.b64url(b"\0" * 3 + self.known.public_numbers().x.to_bytes(32, "big"))  # type: ignore[union-attr]
        self.assertIs(self.trusted.embedded(numbers), self.known)

    def test_CVE_2025_24976(self) -> None:
        """Another key under a trusted id is not trusted; nor is a trusted one under another's id."""
        stranger = key("P-256", 2).public
        for kid in ("one", "two", "other"):
            self.assertIsNone(self.trusted.embedded(jwk(stranger, kid=kid)))
        wrong: tuple[Any, ...] = ("other", "nobody", 7, ["one"], {})
        for own in wrong:
            self.assertIsNone(self.trusted.embedded(jwk(self.known, kid=own)))

    def test_later_counts(self) -> None:
        """Of two keys with one id the later has it, and the other is not trusted."""
        trusted = TrustedKeys.of((("one", self.known), ("one", self.other)))
        self.assertIs(trusted.by_id["one"], self.other)
        self.assertIsNone(trusted.embedded(jwk(self.known)))
