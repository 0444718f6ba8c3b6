"""
JSON objects from strangers, read so that no two readers can disagree about them.

Registries and many clients are written in Go, whose JSON reader matches
member names without regard to case and lets the last of several equal names
win; other readers do neither.  A document on which that makes a difference
means one thing here and another thing there (GHSA-qq97-vm5h-rrhg), so the
careful reading refuses it.  The lenient reading takes whatever distribution
took, for content that it left in storage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from attrs import frozen

#: How deep objects and lists may nest in a document that is read carefully.
DEPTH_LIMIT = 64

#: How many objects and lists a document may hold, all in all: each costs some twenty times its two bytes.
SIZE_LIMIT = 200_000

#: How many strings it may hold, member names included, and how many commas: there is one to each number.
STRING_LIMIT = 300_000
COMMA_LIMIT = 500_000

_INT64 = 1 << 63
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class InvalidDocument(ValueError):
    """The text is no document that can be relied on; *reason* says why, in words fit for a client."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def fold(name: str) -> str:
    """The form in which Go's JSON reader compares member names (ASCII, with its two Unicode look-alikes)."""
    return name.lower().replace("\u017f", "s")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidDocument("a member name is given twice in one object")
    return members


def _latest(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of equal names the last, in its own place among the others."""
    members = dict(pairs)
    if len(members) != len(pairs):
        members.clear()
        for name, value in pairs:
            members.pop(name, None)
            members[name] = value
    return members


def _no_constant(text: str) -> NoReturn:
    raise InvalidDocument(f"{text} is not a JSON value")


def _check_depth(document: Mapping[str, Any]) -> None:
    level: list[Any] = [document]
    for _ in range(DEPTH_LIMIT):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise InvalidDocument(f"objects and lists nest deeper than {DEPTH_LIMIT} levels")


def _settle_surrogates(document: dict[str, Any], careful: bool) -> dict[str, Any]:
    """Halves of surrogate pairs stand for no character: refuse them, or put ``?`` in their place."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        if careful:
            raise InvalidDocument("a string holds half of a surrogate pair") from None
        settled: dict[str, Any] = json.loads(text.encode(errors="replace"))
        return settled
    return document


def _check_size(payload: bytes) -> None:
    """Refuse what would take long to read, and much memory, from the number of its parts alone."""
    if payload.count(b"{") + payload.count(b"[") > SIZE_LIMIT:
        raise InvalidDocument(f"more than {SIZE_LIMIT} objects and lists")
    if payload.count(b'"') - payload.count(b'\\"') > 2 * STRING_LIMIT:
        raise InvalidDocument(f"more than {STRING_LIMIT} strings")
    if payload.count(b",") > COMMA_LIMIT:
        raise InvalidDocument(f"more than {COMMA_LIMIT} commas")


def read_document(payload: bytes, careful: bool = True) -> dict[str, Any]:
    """
    Read *payload* as one JSON object, in UTF-8.

    :param careful: also refuse equal member names in any object, nesting
        beyond :data:`DEPTH_LIMIT`, and text that is no Unicode.
    :raises InvalidDocument: for anything else, and never another error.
    """
    document: Any
    _check_size(payload)
    try:
        text = payload.decode("utf-8", "strict" if careful else "replace")
        members = _unique if careful else _latest
        document = json.loads(text, object_pairs_hook=members, parse_constant=_no_constant)
        if not isinstance(document, dict):
            raise InvalidDocument("the document is not a JSON object")
        if careful:
            _check_depth(document)
        if _SURROGATE_ESCAPE.search(payload):
            document = _settle_surrogates(document, careful)
        return cast(dict[str, Any], document)
    except InvalidDocument:
        raise
    except UnicodeDecodeError as e:
        raise InvalidDocument(f"not UTF-8 at byte {e.start}") from None
    except json.JSONDecodeError as e:
        raise InvalidDocument(f"not JSON: {e.msg} at character {e.pos}") from None
    except RecursionError:
        raise InvalidDocument("objects and lists nest too deep") from None
    except ValueError:  # what int() says of thousands of digits
        raise InvalidDocument("a number has too many digits") from None


@frozen(slots=True)
class Members:
    """
    The members of one object that a rule knows, by their proper names.

    ``null`` counts as absent, as it does for Go.
    """

    values: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, value: object, names: Mapping[str, str], where: str, careful: bool = True) -> Members:
        """
        Pick the known members out of *value*.

        :param names: folded to proper name, as :func:`known` makes it.
        :param where: what the object is, for error texts.
        :param careful: refuse two spellings of one member; else the last counts.
        :raises InvalidDocument: *value* is no object, or refused.
        """
        if not isinstance(value, dict):
            raise InvalidDocument(f"{where} is not an object")
        values: dict[str, Any] = {}
        seen: set[str] = set()
        for spelled, content in value.items():
            name = names.get(fold(spelled))
            if name is None:
                continue
            if careful and name in seen:
                raise InvalidDocument(f"{name} is given twice in {where}, in different letter case")
            seen.add(name)
            values.pop(name, None)
            if content is not None:
                values[name] = content
        return cls(values, where)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        """The string *name*; empty when absent."""
        value = self.values.get(name, "")
        if not isinstance(value, str):
            raise InvalidDocument(f"{name} in {self.where} is not a string")
        return value

    def integer(self, name: str) -> int:
        """The 64 bit integer *name*; 0 when absent."""
        value = self.values.get(name, 0)
        if type(value) is not int or not -_INT64 <= value < _INT64:
            raise InvalidDocument(f"{name} in {self.where} is not a 64 bit integer")
        return value

    def items(self, name: str) -> list[Any]:
        """The list *name*; empty when absent."""
        value = self.values.get(name, [])
        if not isinstance(value, list):
            raise InvalidDocument(f"{name} in {self.where} is not a list")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """The list of strings *name*; empty when absent."""
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            raise InvalidDocument(f"{name} in {self.where} is not a list of strings")
        return tuple(values)

    def table(self, name: str) -> dict[str, str]:
        """The object *name* with strings for values; empty when absent."""
        value = self.values.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise InvalidDocument(f"{name} in {self.where} is not an object of strings")
        return value


def known(*names: str) -> dict[str, str]:
    """The table that :meth:`Members.of` needs, from proper names."""
    return {fold(name): name for name in names}
