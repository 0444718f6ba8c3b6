"""Repository names, tags and references, and the order in which names are listed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

from attrs import field, frozen

from txregistry.model.digest import Digest

_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"{_HOST_LABEL}(?:\.{_HOST_LABEL})*"
_NAME = re.compile(rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}\Z")

#: Longest repository name, in characters.
NAME_LIMIT = 255


class InvalidName(ValueError):
    """*text* is no repository name; *reason* says why."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{reason}: {text[:300]!r}")
        self.text, self.reason = text, reason


class InvalidTag(ValueError):
    """*text* is no tag."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid tag: {text[:200]!r}")
        self.text = text


@frozen(slots=True)
class RepositoryName:
    """
    The name of a repository, such as ``library/alpine``.

    The grammar is distribution's: OCI's, plus an optional leading domain
    (``Example.com/a``) that may hold upper case.  A port or an IPv6 address
    in it is refused: no storage path can hold them, there or here.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> RepositoryName:
        """:raises InvalidName: too long, or not of the grammar."""
        if len(text) > NAME_LIMIT:
            raise InvalidName(text, f"repository name must not be more than {NAME_LIMIT} characters")
        if not _NAME.match(text):
            raise InvalidName(text, "invalid repository name")
        return cls(text)

    def __str__(self) -> str:
        return self.text


@frozen(slots=True)
class Tag:
    """A name that points to a manifest and may be moved."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Tag:
        """:raises InvalidTag: not of the grammar ``[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}``."""
        if not _TAG.match(text):
            raise InvalidTag(text)
        return cls(text)

    def __str__(self) -> str:
        return self.text


def is_tag(text: str) -> bool:
    """Whether *text* is a tag; for many of them, cheaper than :meth:`Tag.parse`."""
    return _TAG.match(text) is not None


def parse_reference(text: str) -> Tag | Digest:
    """
    Read what stands behind ``/manifests/``.

    :raises InvalidTag: it has no colon and is no tag.
    :raises InvalidDigest: it has a colon and is no digest.
    """
    return Digest.parse(text) if ":" in text else Tag.parse(text)


def listing_key(name: str) -> str:
    """The order of the catalog: ``/`` sorts below all other characters; children follow their parent."""
    return name.replace("/", "\0")


T = TypeVar("T")


@frozen
class Page(Generic[T]):
    """Some of a listing: its *items* in order, and whether *more* follow after the last of them."""

    items: tuple[T, ...] = field(converter=tuple)
    more: bool = False


def page_of(names: Iterable[str], after: str, limit: int) -> Page[str]:
    """The first *limit* of *names* (in any order) that sort byte-wise behind *after*."""
    rest = sorted(name for name in names if name > after)
    return Page(rest[:limit], len(rest) > limit)
