"""Tests of :mod:`txregistry.model.patterns`."""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from txregistry.model.patterns import InvalidPattern, Patterns

#: Expressions, a text in which each is found, and one in which it is not; where Python's would differ, too.
FOUND = (
    ("b", "abc", "ac"),
    ("^b", "bc", "abc"),
    ("b$", "ab", "b\n"),
    ("^\\d$", "5", "\u0665"),
    ("^a\\z", "a", "a\n"),
    ("(?i)^k", "K", "c"),
    ("x(?i)k", "xK", "XK"),
    ("^[[:alpha:]]+$", "ab", "a1"),
    ("^\\pL+$", "é", "7"),
    ("^\\Qa.b\\E$", "a.b", "axb"),
    (
        "^https?://([a-z0-9-]+\\.)*example\\.com(:\\d+)?/",
        "https://a.example.com:80/",
        "https://example.com.evil/",
    ),
)


class PatternsTests(SynchronousTestCase):
    """What is found, and what is no expression."""

    def test_found(self) -> None:
        """Each is found anywhere that it matches, and nowhere else."""
        for expression, found, other in FOUND:
            patterns = Patterns([expression])
            self.assertEqual((patterns.search(found), patterns.search(other)), (True, False), expression)

    def test_any(self) -> None:
        """Of several, one is enough; each stands for itself."""
        patterns = Patterns(["^a|b$", "^c"])
        for text, found in (("ax", True), ("xb", True), ("cx", True), ("xc", False)):
            self.assertIs(patterns.search(text), found)

    def test_invalid(self) -> None:
        """What RE2 does not know is refused, with the reason."""
        for expression in ("(", "a)", "(?=a)", "a{1001}", "\\1", "[z-a]", "*"):
            with self.assertRaises(InvalidPattern) as caught:
                Patterns(["a", expression])
            self.assertTrue(caught.exception.reason)

    def test_not_joined(self) -> None:
        """Two halves do not make one expression."""
        with self.assertRaises(InvalidPattern):
            Patterns(["(a", "b)"])

    def test_time(self) -> None:
        """An expression that drives others mad ends soon."""
        begin = time.perf_counter()
        self.assertFalse(Patterns(["^(a+)+$"]).search("a" * 100_000 + "b"))
        self.assertLess(time.perf_counter() - begin, 5)
