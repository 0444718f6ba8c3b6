"""Durations."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.config.durations import NotADuration, parse_duration, print_duration


class DurationTests(SynchronousTestCase):
    """Go's notation, both ways."""

    def test_notation(self) -> None:
        """Numbers with units add up; fractions, signs and a bare zero are good."""
        for text, nanoseconds in [
            ("0", 0),
            ("-0", 0),
            ("5ns", 5),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("3μs", 3_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("2.s", 2_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("-1m1s", -61_000_000_000),
            ("+1ms", 1_000_000),
            ("1s1s", 2_000_000_000),
            ("0.3ns", 0),
        ]:
            self.assertEqual(nanoseconds, parse_duration(text), text)

    def test_not_a_duration(self) -> None:
        """Anything else is refused, and so is what takes more than 63 bits."""
        for text in ("", "5", "1h1", "s", ".s", "1 s", "--1s", "1S", "1d", "1e3s", "٣s", "2562048h", "5\n"):
            self.assertRaises(NotADuration, parse_duration, text)

    @given(st.integers(-(2**63) + 1, 2**63 - 1))
    def test_print_and_parse(self, nanoseconds: int) -> None:
        """What is printed reads as the same duration."""
        self.assertEqual(nanoseconds, parse_duration(print_duration(nanoseconds)))

    def test_print(self) -> None:
        """Printed durations are short and usual."""
        for nanoseconds, text in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5us"),
            (20_000_000, "20ms"),
            (1_500_000_000, "1.5s"),
            (-90_000_000_000, "-1m30s"),
            (3_600_000_000_000, "1h0m0s"),
        ]:
            self.assertEqual(text, print_duration(nanoseconds))
