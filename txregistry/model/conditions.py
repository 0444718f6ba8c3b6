"""
Conditional requests: whether a client already has what it asks for.

Blobs follow RFC 9110 section 13, as Go's file server does.  Manifests have a
narrower rule of distribution's own, which clients know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum

from txregistry.model.digest import Digest

_SEPARATORS = re.compile(r"[ \t,]*")
_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\U0010ffff]*")')


class Outcome(Enum):
    """What the preconditions of a request for a blob come to."""

    PROCEED = "serve it"
    NOT_MODIFIED = "304"
    FAILED = "412"


def etag(digest: Digest) -> str:
    """The entity tag of content: its digest in quotes."""
    return f'"{digest}"'


def check(current: str, if_match: str | None, if_none_match: str | None) -> Outcome:
    """
    Weigh the preconditions of a GET or HEAD of a blob whose entity tag is *current*.

    A list ends at its first element that is no entity tag (one without
    quotes, say); those before it count.
    """
    if if_match and not any(
        tag == "*" or (tag == current and not weak) for weak, tag in _entity_tags(if_match)
    ):
        return Outcome.FAILED
    if if_none_match and any(tag in ("*", current) for _, tag in _entity_tags(if_none_match)):
        return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


def range_applies(current: str, if_range: str | None) -> bool:
    """
    Whether a ``Range`` header counts, given ``If-Range``.

    A weak tag or a date never confirms anything: blobs have no dates.
    """
    return not if_range or if_range.strip(" \t") == current


def has_manifest(digest: Digest, if_none_match: Sequence[str]) -> bool:
    """
    Whether one of the ``If-None-Match`` lines is exactly *digest*, with or without quotes.

    Lists, weak tags and ``*`` never match.
    """
    text = str(digest)
    return any(line.strip(" \t") in (text, etag(digest)) for line in if_none_match)


def _entity_tags(header: str) -> Iterator[tuple[bool, str]]:
    """The leading entity tags of a list, each as whether it is weak, and its text; ``*`` ends the list."""
    position = 0
    while True:
        separators = _SEPARATORS.match(header, position)
        assert separators is not None  # it may be empty
        position = separators.end()
        if header.startswith("*", position):
            yield False, "*"
            return
        match = _ENTITY_TAG.match(header, position)
        if match is None:
            return
        yield match[1] is not None, match[2]
        position = match.end()
