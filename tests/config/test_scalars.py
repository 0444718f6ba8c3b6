"""What unquoted words mean."""

from __future__ import annotations

from math import isnan

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.config.scalars import Plain, ScalarFault, resolve

INTEGER = "tag:yaml.org,2002:int"
FLOAT = "tag:yaml.org,2002:float"
TEXT = "tag:yaml.org,2002:str"


def plain(text: str) -> Plain:
    """Resolve an unquoted word."""
    return resolve(text, None, plain=True)


class ResolveTests(SynchronousTestCase):
    """YAML 1.1 as yaml.v2 applies it."""

    def test_booleans(self) -> None:
        """Yes, on and even a single letter are booleans, in the usual ways of writing only."""
        for word in ("y", "Y", "yes", "Yes", "YES", "on", "On", "true", "TRUE"):
            self.assertIs(True, plain(word))
        for word in ("n", "N", "no", "NO", "off", "OFF", "false", "False"):
            self.assertIs(False, plain(word))
        self.assertEqual("yEs", plain("yEs"))

    def test_nothing(self) -> None:
        """An empty word, a tilde and null are nothing."""
        for word in ("", "~", "null", "Null", "NULL"):
            self.assertIsNone(plain(word))

    def test_numbers(self) -> None:
        """Integers come in four bases and with underscores; base 60 does not exist."""
        for text, value in [
            ("0", 0),
            ("-7", -7),
            ("+7", 7),
            ("0777", 511),
            ("0o777", 511),
            ("0x1F", 31),
            ("-0x10", -16),
            ("0b101", 5),
            ("1_000", 1000),
            ("18446744073709551615", 2**64 - 1),
            ("1.5", 1.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("1e3", 1000.0),
            ("08", 8.0),
            ("99999999999999999999", 1e20),
        ]:
            self.assertEqual((type(value), value), (type(plain(text)), plain(text)), text)

    def test_text(self) -> None:
        """What is no number stays text: dates, times, addresses, versions, huge exponents."""
        for text in (
            "1:30",
            "2001-01-01",
            ":5000",
            "127.0.0.1",
            "1e999",
            "0x",
            "1__a",
            "-",
            "+",
            ".",
            "..5",
            "<<",
        ):
            self.assertEqual(text, plain(text))

    def test_special_floats(self) -> None:
        """Infinity and not-a-number have their own words."""
        self.assertEqual(float("-inf"), plain("-.inf"))
        value = plain(".nan")
        self.assertTrue(isinstance(value, float) and isnan(value))

    def test_quoted(self) -> None:
        """A quoted word is text, whatever it looks like."""
        self.assertEqual("true", resolve("true", None, plain=False))

    def test_tags(self) -> None:
        """A tag decides, even over quotes; one that nobody knows makes text."""
        self.assertEqual(5, resolve("5", INTEGER, plain=False))
        self.assertEqual(5.0, resolve("5", FLOAT, plain=True))
        self.assertEqual("5", resolve("5", TEXT, plain=True))
        self.assertEqual("5", resolve("5", "!mine", plain=True))

    def test_contradicting_tag(self) -> None:
        """A word that is not what its tag says is refused, and so is base64."""
        self.assertRaises(ScalarFault, resolve, "x", INTEGER, True)
        self.assertRaises(ScalarFault, resolve, "1.5", INTEGER, True)
        self.assertRaises(ScalarFault, resolve, "YWJj", "tag:yaml.org,2002:binary", True)

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Every text means something."""
        self.assertIsInstance(plain(text), bool | int | float | str | None)
