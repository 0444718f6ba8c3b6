"""Entries for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

from txregistry.log import Entry

WHEN = datetime(2026, 5, 1, 10, 20, 30, 45000, tzinfo=UTC)


def entry(
    message: str = "it failed", level: str = "error", after: float = 0, fault: bool = False, **fields: object
) -> Entry:
    """An entry; two underscores in the name of a field are a dot."""
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return Entry(WHEN + timedelta(seconds=after), level, message, named, fault)


def parsed(mail: bytes) -> EmailMessage:
    """A mail as its reader has it."""
    return message_from_bytes(mail, policy=policy.default)
