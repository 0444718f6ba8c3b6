"""Tests for bcrypt hashes."""

from __future__ import annotations

import bcrypt
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.auth.bcrypted import COSTS, BcryptHash, check, hashed

SETTING = b"$2b$04$u/Zcu4QI3wjjshuGPjvLhe"


def parsed(text: bytes) -> BcryptHash:
    """The hash that *text* is, which it must be."""
    found = BcryptHash.parse(text)
    assert found is not None
    return found


class BcryptHashTests(SynchronousTestCase):
    """Which texts are hashes, and what matches them, as distribution has it."""

    def setUp(self) -> None:
        self.text = bcrypt.hashpw(b"pw", SETTING)

    def test_accepted(self) -> None:
        """Any letter may stand behind the 2, or none; what follows the hash counts for nothing."""
        rest = self.text[3:]
        for text in (
            self.text,
            *(b"$2" + letter + rest for letter in (b"", b"a", b"y", b"x", b"z", b"B")),
            self.text + b"x",
            self.text + b":comment",
            # The last character of the salt has four bits that belong to nothing.
            SETTING[:-1] + b"f" + self.text[29:],
        ):
            found = parsed(text)
            self.assertEqual(found.cost, 4)
            self.assertTrue(found.matches(b"pw"), text)
            self.assertFalse(found.matches(b"pW"), text)

    def test_refused(self) -> None:
        """Other hashes, mutilated ones, and those of impossible costs are no hashes."""
        rest = self.text[6:]
        for text in (
            b"",
            b"pw",
            b"$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
            b"{SHA}0nicBWJPK3oxmjkGSMr1SXCfu6U=",
            self.text[:-1],
            self.text[1:],
            b"x" + self.text,
            b"$3a$04" + rest,
            b"$2b$4" + rest,
            b"$2b$03" + rest,
            b"$2b$21" + rest,
            b"$2b$31" + rest,
            b"$2b$99" + rest,
            self.text[:20] + b"!" + self.text[21:],
        ):
            self.assertIsNone(BcryptHash.parse(text), text)

    @given(st.binary())
    @settings(max_examples=50)
    def test_hostile(self, junk: bytes) -> None:
        """Whatever parses can be compared with, too."""
        for text in (junk, SETTING + junk, SETTING[:7] + junk):
            found = BcryptHash.parse(text)
            if found is not None and found.cost == COSTS[0]:
                self.assertIn(found.matches(b"pw"), (True, False))

    def test_different_digest(self) -> None:
        """A digest that differs in its last character matches no more."""
        last = b"." if self.text[-1:] != b"." else b"/"
        self.assertFalse(parsed(self.text[:-1] + last).matches(b"pw"))

    def test_strange_passwords(self) -> None:
        """Passwords are bytes, NUL included; only the first 72 count."""
        for password in (b"", b"p\0w", b"\xff\xfe", b"q" * 71, b"q" * 72):
            found = parsed(bcrypt.hashpw(password, SETTING))
            self.assertTrue(found.matches(password), password)
            self.assertFalse(found.matches(b"x" + password), password)
        long = parsed(bcrypt.hashpw(b"q" * 72, SETTING))
        self.assertTrue(long.matches(b"q" * 72 + b"zzz"))
        self.assertTrue(long.matches(b"q" * 100_000))
        self.assertFalse(long.matches(b"q" * 71))

    def test_matching_nothing(self) -> None:
        """There is a hash of any cost that nothing matches."""
        found = BcryptHash.matching_nothing(4)
        self.assertEqual(found.cost, 4)
        self.assertFalse(found.matches(b""))
        self.assertFalse(found.matches(b"pw"))

    def test_secret(self) -> None:
        """A hash does not show itself."""
        self.assertNotIn(self.text[29:].decode(), repr(parsed(self.text)))

    def test_hashed(self) -> None:
        """A new hash fits its password, has the cost that was asked for, and never comes twice."""
        text = hashed(b"pw", 4)
        self.assertTrue(text.startswith(b"$2a$04$"))
        self.assertTrue(check(parsed(text), b"pw").matched)
        self.assertNotEqual(text, hashed(b"pw", 4))

    def test_check(self) -> None:
        """A check says how it came out, and how long it took."""
        right, wrong = check(parsed(self.text), b"pw"), check(parsed(self.text), b"no")
        self.assertEqual((right.matched, wrong.matched), (True, False))
        self.assertGreater(min(right.seconds, wrong.seconds), 0)
