"""How a mail is written."""

from __future__ import annotations

import quopri
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, make_msgid

from txregistry.log import Entry, shown
from txregistry.mailing.batch import Batch, Told

#: Characters of a message that stand in a subject.
SUBJECT = 200
#: Characters of a value that are mailed.
LONGEST = 4096
#: Characters of all values together, more or less.
ROOM = 256 * 1024


def letter(batch: Batch, host: str, sender: str, to: Sequence[str], now: datetime) -> bytes:
    """
    The mail about *batch*, its lines ending in a line feed, none of them beginning with a dot.

    Nothing that an entry says can become a header, or a line that looks like another entry's.

    :param host: stands in the subject.
    """
    first, *_ = batch
    domain = sender.rpartition("@")[2] or "localhost"
    headers = (
        ("From", sender),
        ("To", ",\n ".join(to)),
        ("Subject", _subject(first.entry, host, batch.total - 1)),
        ("Date", format_datetime(now)),
        ("Message-ID", make_msgid(domain=domain.strip("[]"))),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "quoted-printable"),
    )
    head = "".join(f"{name}: {value}\n" for name, value in headers)
    body = quopri.encodestring(_body(batch).encode("utf-8", "backslashreplace"))
    # What sends it looks for dots that begin a line in each piece by itself, and misses some.
    return head.encode("ascii") + (b"\n" + body).replace(b"\n.", b"\n=2E")


def _subject(entry: Entry, host: str, others: int) -> str:
    text = " ".join("".join(each if each.isprintable() else " " for each in entry.message).split())
    if len(text) > SUBJECT:
        text = f"{text[:SUBJECT]}…"
    more = f" (and {others} more)" if others else ""
    subject = f"[{entry.level}] {host}: {text}{more}"
    if subject.isascii() and "=?" not in subject:
        return subject
    return Header(subject, "utf-8", header_name="Subject").encode()


def _body(batch: Batch) -> str:
    parts: list[str] = []
    room, more = ROOM, batch.more
    for told in batch:
        if room > 0:
            text = "\n".join(_lines(told))
            room -= len(text)
            parts.append(text)
        else:
            more += told.times
    if more:
        parts.append(f"and {more} more")
    return "\n\n".join(parts) + "\n"


def _lines(told: Told) -> Iterator[str]:
    entry = told.entry
    yield _indented(entry.message)
    yield f"time: {entry.when.isoformat(timespec='milliseconds')}"
    if told.times > 1:
        yield f"times: {told.times}, the last one at {told.last.isoformat(timespec='milliseconds')}"
    yield f"level: {entry.level}"
    for name in sorted(entry.fields):
        yield f"{_indented(name)}: {_indented(shown(entry.fields[name]))}"


def _indented(text: str) -> str:
    """*text* without anything that is no print, its second line and all after it indented."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text) - LONGEST} characters more)"
    if text.isprintable():
        return text
    lines = text.split("\n")
    return "\n    ".join(
        line if line.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in line)
        for line in lines
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
