"""What the log was told."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import LogEvent, formatEvent


def lines(events: Iterable[LogEvent]) -> list[tuple[str, str]]:
    """The level and the text of each of *events*; behind a text with a traceback stands the error's class."""
    return [(event["log_level"].name, formatEvent(event) + _kind(event)) for event in events]


def _kind(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return "" if failure is None else f" [{failure.type.__name__}]"
