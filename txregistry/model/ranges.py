"""
Byte ranges: what a client asked for, what it gets, and how several parts are framed.

RFC 9110 section 14.  Where it leaves a choice, this serves what Go's file
server serves, which is what the clients of registries were written against.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

#: How many ranges one request may name; zstd:chunked pulls ask for up to this many at once.
RANGE_LIMIT = 1024

_RANGE = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)\Z")
_BOUNDARY = re.compile(r"[A-Za-z0-9]{1,70}\Z")
_BEYOND = 10**20


@frozen(slots=True)
class Whole:
    """Serve all of it, as if no range had been asked for."""


@frozen(slots=True)
class Partial:
    """Serve these parts, as pairs of start and exclusive end, in this order; none is empty."""

    ranges: tuple[tuple[int, int], ...]


@frozen(slots=True)
class Unsatisfiable:
    """Nothing that was asked for lies inside the content, which has *size* bytes."""

    size: int


@frozen(slots=True)
class Malformed:
    """The header is no list of byte ranges."""


@frozen(slots=True)
class TooMany:
    """The header names more than *limit* ranges."""

    limit: int


def choose(
    header: str | None, size: int, limit: int = RANGE_LIMIT
) -> Whole | Partial | Unsatisfiable | Malformed | TooMany:
    """
    What to serve of *size* bytes to a request with this ``Range`` header.

    Other units than bytes, an empty list, content of no bytes, and ranges
    that add up to more than the content all mean the whole.
    """
    if header is None or not header.strip():
        return Whole()
    unit, equals, items = header.strip(" \t").partition("=")
    if not equals:
        return Malformed()
    if unit.lower() != "bytes":
        return Whole()
    named = [item for item in (item.strip(" \t") for item in items.split(",")) if item]
    if len(named) > limit:
        return TooMany(limit)
    found: list[tuple[int, int]] = []
    for item in named:
        match = _RANGE.match(item)
        if match is None or match.groups() == ("", ""):
            return Malformed()
        first, last = match.groups()
        if not first:
            start, end = max(size - _number(last), 0), size
        else:
            start, end = _number(first), _number(last) + 1 if last else _BEYOND + 1
            # What begins beyond the end is passed over before its own end is looked at.
            if end <= start < size:
                return Malformed()
        if start < size:
            found.append((start, min(end, size)))
    if size == 0 or not named or sum(end - start for start, end in found) > size:
        return Whole()
    return Partial(tuple(found)) if found else Unsatisfiable(size)


def _number(digits: str) -> int:
    """*digits* as a number, or as one beyond any content when there are too many of them."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= 20 else _BEYOND


def content_range(start: int, end: int, size: int) -> str:
    """The value of ``Content-Range`` for the bytes from *start* up to but without *end*."""
    return f"bytes {start}-{end - 1}/{size}"


def unsatisfied_range(size: int) -> str:
    """The value of ``Content-Range`` that goes with a 416."""
    return f"bytes */{size}"


@frozen(slots=True)
class Part:
    """One part of a multipart body: write *head*, then the content from *start* up to but without *end*."""

    head: bytes
    start: int
    end: int


@frozen(slots=True)
class Multipart:
    """
    The frame of a ``multipart/byteranges`` body.

    :ivar content_type: the response's ``Content-Type``.
    :ivar tail: what follows the last part.
    :ivar length: the bytes of the whole body.
    """

    content_type: str
    parts: tuple[Part, ...]
    tail: bytes
    length: int


def multipart(ranges: Sequence[tuple[int, int]], size: int, media_type: str, boundary: str) -> Multipart:
    """
    Frame *ranges* of content of *size* bytes and *media_type*.

    :param boundary: letters and digits that do not occur in the content (be random and long).
    :raises ValueError: *boundary* has other characters, or too many.
    """
    if not _BOUNDARY.match(boundary):
        raise ValueError(f"unusable multipart boundary {boundary!r}")
    parts: list[Part] = []
    for start, end in ranges:
        before = "\r\n" if parts else ""
        head = (
            f"{before}--{boundary}\r\n"
            f"Content-Range: {content_range(start, end, size)}\r\n"
            f"Content-Type: {media_type}\r\n\r\n"
        )
        parts.append(Part(head.encode("ascii"), start, end))
    tail = f"\r\n--{boundary}--\r\n".encode("ascii")
    length = sum(len(part.head) + part.end - part.start for part in parts) + len(tail)
    return Multipart(f"multipart/byteranges; boundary={boundary}", tuple(parts), tail, length)
