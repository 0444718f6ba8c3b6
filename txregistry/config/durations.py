"""Durations as Go writes them: ``1h30m``, ``1.5s``, ``-5s``, ``0``."""

from __future__ import annotations

import re
from fractions import Fraction

NANOSECONDS_PER_SECOND = 1_000_000_000

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek letter mu
    "ms": 1_000_000,
    "s": NANOSECONDS_PER_SECOND,
    "m": 60 * NANOSECONDS_PER_SECOND,
    "h": 3600 * NANOSECONDS_PER_SECOND,
}
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_PIECE = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)")
_WHOLE = re.compile(rf"[-+]?(?:0|(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+)")
_LONGEST = 2**63 - 1


class NotADuration(ValueError):
    """The text is no duration, or one beyond 292 years."""


def parse_duration(text: str) -> int:
    """
    Read a duration.

    :return: nanoseconds.
    :raises NotADuration: Go's ``time.ParseDuration`` would refuse it as well.
    """
    if not _WHOLE.fullmatch(text):
        raise NotADuration(text)
    total = sum(int(Fraction(number) * _UNITS[unit]) for number, unit in _PIECE.findall(text))
    if total > _LONGEST:
        raise NotADuration(text)
    return -total if text.startswith("-") else total


def print_duration(nanoseconds: int) -> str:
    """Write a duration so that :func:`parse_duration` reads the same again."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest == 0:
        return "0s"
    if rest < NANOSECONDS_PER_SECOND:
        unit = "ms" if rest >= 1_000_000 else "us" if rest >= 1_000 else "ns"
        return f"{sign}{_decimal(rest, _UNITS[unit])}{unit}"
    minutes, below = divmod(rest, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h" if hours else ""
    if hours or minutes:
        text += f"{minutes}m"
    return f"{sign}{text}{_decimal(below, NANOSECONDS_PER_SECOND)}s"


def _decimal(value: int, unit: int) -> str:
    """Print value/unit, where unit is a power of ten, exactly and without needless zeros."""
    whole, below = divmod(value, unit)
    if not below:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}." + f"{below:0{digits}}".rstrip("0")
