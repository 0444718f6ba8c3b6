"""Tests for Go's way of writing time."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.model.times import NEVER, format_time, parse_time

TIME = datetime(2024, 5, 1, 10, 20, 30, tzinfo=UTC)


class FormatTimeTests(SynchronousTestCase):
    """From time to text."""

    def test_seconds(self) -> None:
        """Whole seconds have no fraction."""
        self.assertEqual(format_time(TIME), "2024-05-01T10:20:30Z")

    def test_fraction(self) -> None:
        """A fraction ends with its last digit that is not 0."""
        self.assertEqual(format_time(TIME.replace(microsecond=120)), "2024-05-01T10:20:30.00012Z")
        self.assertEqual(format_time(TIME.replace(microsecond=500000)), "2024-05-01T10:20:30.5Z")

    def test_zone(self) -> None:
        """Other zones than UTC are given by their offset."""
        for offset, text in ((timedelta(hours=2), "+02:00"), (-timedelta(hours=3, minutes=30), "-03:30")):
            time = datetime(2024, 5, 1, 10, 20, 30, tzinfo=timezone(offset))
            self.assertEqual(format_time(time), "2024-05-01T10:20:30" + text)

    def test_never(self) -> None:
        """No time is Go's zero time."""
        self.assertEqual(format_time(NEVER), "0001-01-01T00:00:00Z")


class ParseTimeTests(SynchronousTestCase):
    """From text to time."""

    def test_forms(self) -> None:
        """Fractions are cut at the microsecond, and zones turned to UTC."""
        for text, expected in (
            ("2024-05-01T10:20:30Z", TIME),
            ("2024-05-01T10:20:30.123456789Z", TIME.replace(microsecond=123456)),
            ("2024-05-01T10:20:30.5Z", TIME.replace(microsecond=500000)),
            ("2024-05-01T12:20:30+02:00", TIME),
            ("2024-05-01T06:50:30-03:30", TIME),
        ):
            time = parse_time(text)
            self.assertEqual((time, time.utcoffset()), (expected, timedelta(0)), text)

    def test_refused(self) -> None:
        """Everything else is a ``ValueError``."""
        for text in (
            "",
            "2024-05-01",
            "2024-05-01T10:20:30",
            "2024-05-01 10:20:30Z",
            "2024-13-01T10:20:30Z",
            "2024-05-01T10:20:30Z\n",
            "2024-05-01T10:20:30.Z",
            "2024-05-01T10:20:30+99:00",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+05:00",
            "9999-12-31T23:59:59-05:00",
            "\u0662024-05-01T10:20:30Z",
        ):
            self.assertRaises(ValueError, parse_time, text)

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_round_trip(self, time: datetime) -> None:
        """What was formatted reads back as the same time."""
        self.assertEqual(parse_time(format_time(time)), time)

    @given(st.text() | st.text("0123456789-:TZ.+", max_size=40))
    def test_any_text(self, text: str) -> None:
        """Any text is a time in UTC or a ``ValueError``."""
        with contextlib.suppress(ValueError):
            self.assertEqual(parse_time(text).utcoffset(), timedelta(0))
