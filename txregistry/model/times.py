"""Points in time as Go writes them: RFC 3339, trailing zeros of the fraction left out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

#: What Go takes for "no time".
NEVER = datetime(1, 1, 1, tzinfo=UTC)

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))\Z", re.ASCII
)


def format_time(time: datetime) -> str:
    """*time*, which knows its zone, in RFC 3339; with a fraction only if there is one."""
    text = time.replace(tzinfo=None, microsecond=0).isoformat()
    if time.microsecond:
        text += f".{time.microsecond:06}".rstrip("0")
    offset = time.utcoffset()
    assert offset is not None
    if not offset:
        return text + "Z"
    minutes = round(offset.total_seconds() / 60)
    return f"{text}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def parse_time(text: str) -> datetime:
    """
    Read RFC 3339; what is finer than a microsecond is cut off.

    :return: the time in UTC.
    :raises ValueError: *text* is nothing of the kind.
    """
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text[:60]!r}")
    time = datetime.fromisoformat(match[1])
    if match[2]:
        time = time.replace(microsecond=int(f"{match[2]:0<6}"[:6]))
    if match[3]:
        hours, minutes = int(match[4]), int(match[5])
        if hours > 23 or minutes > 59:
            raise ValueError(f"not an RFC 3339 time: {text[:60]!r}")
        offset = timedelta(hours=hours, minutes=minutes)
        zone = timezone(offset if match[3] == "+" else -offset)
        try:
            return time.replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:
            raise ValueError(f"not an RFC 3339 time: {text[:60]!r}") from None
    return time.replace(tzinfo=UTC)
