"""
Regular expressions as Go writes them (RE2), read into a tree.

The operators of distribution write such expressions into its configuration.
Python's differ where it hurts (``$``, ``\\d``, ``\\z``, ``(?i)`` in the
middle), and its matcher may need for ever; :mod:`txregistry.model.automaton`
searches in a time that is bounded, whatever the expression.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NoReturn

from attrs import evolve, frozen

from txregistry.model.characters import CATEGORIES, CLASSES, LAST, POSIX, Characters

#: How often a part may be repeated by number, all its repetitions within each other multiplied.
REPEAT_LIMIT = 1000
#: How deep groups may nest.
DEPTH_LIMIT = 100


class InvalidRegex(ValueError):
    """The text is no regular expression that can be used; *reason* says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Edge(Enum):
    """A place between two characters."""

    BEGIN = "\\A"
    END = "\\z"
    LINE_BEGIN = "(?m)^"
    LINE_END = "(?m)$"
    WORD = "\\b"
    NOT_WORD = "\\B"


@frozen(slots=True)
class Concatenation:
    """One after the other; empty, it is the empty text."""

    parts: tuple[Node, ...] = ()


@frozen(slots=True)
class Alternation:
    """One of several."""

    parts: tuple[Node, ...]


@frozen(slots=True)
class Repetition:
    """A part from *least* to *most* times; ``None`` is any number."""

    part: Node
    least: int
    most: int | None


Node = Edge | Characters | Concatenation | Alternation | Repetition

_ESCAPES = {"a": 0x07, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09, "v": 0x0B}
_EDGES = {"A": Edge.BEGIN, "z": Edge.END, "b": Edge.WORD, "B": Edge.NOT_WORD}
_COUNT = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}", re.ASCII)
_GROUP = re.compile(r"\(\?(?:P?<([A-Za-z0-9_]+)>|([imsU]*)(?:-([imsU]+))?([:)]))", re.ASCII)
_POSIX_NAME = re.compile(r"\[:(\^?)([a-z]+):\]", re.ASCII)
_PROPERTY = re.compile(r"(?:\{(\^?)(\w+)\}|(\w))", re.ASCII)
_HEX = re.compile(r"(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))", re.ASCII)
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}", re.ASCII)


def parse_regex(text: str) -> Node:
    """
    Read *text* as Go's ``regexp`` does.

    The scripts of Unicode (``\\p{Greek}``) are not known here.  Captured
    groups mean nothing, and neither does greed, as only whether something is
    found will be asked.

    :raises InvalidRegex: Go would refuse it, or it is too deep.
    """
    return _Parser(text).whole()


def _literal(code: int, folded: bool) -> Characters:
    return Characters(((code, code),), folded=folded)


@frozen(slots=True)
class _Flags:
    i: bool = False
    m: bool = False
    s: bool = False

    def changed(self, on: str, off: str) -> _Flags:
        def flag(name: str) -> bool:
            return (getattr(self, name) or name in on) and name not in off

        return _Flags(flag("i"), flag("m"), flag("s"))


class _Parser:
    """Goes through a text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Node:
        node = self._alternation(_Flags(), 0)
        if self._at < len(self._text):
            self._refuse("unexpected )")
        _check_repetitions(node, REPEAT_LIMIT)
        return node

    def _refuse(self, reason: str) -> NoReturn:
        raise InvalidRegex(f"{reason} at character {self._at}")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _skip(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _alternation(self, flags: _Flags, depth: int) -> Node:
        if depth > DEPTH_LIMIT:
            self._refuse("groups nest too deep")
        choices: list[Node] = []
        parts: list[Node] = []
        while (character := self._peek()) and character != ")":
            if self._skip("|"):
                choices.append(Concatenation(tuple(parts)))
                parts = []
            elif self._skip("\\Q"):
                quoted, _, _ = self._text[self._at :].partition("\\E")
                self._at += len(quoted)
                self._skip("\\E")
                parts += [_literal(ord(each), flags.i) for each in quoted]
                self._repeated(parts)
            elif character == "(" and (found := self._flags_only()):
                flags = flags.changed(*found)
            else:
                parts.append(self._atom(flags, depth))
                self._repeated(parts)
        choices.append(Concatenation(tuple(parts)))
        return choices[0] if len(choices) == 1 else Alternation(tuple(choices))

    def _flags_only(self) -> tuple[str, str] | None:
        """Flags for the rest of the group: ``(?i)``."""
        found = _GROUP.match(self._text, self._at)
        if found is None or found[4] != ")":
            return None
        self._at = found.end()
        return found[2], found[3] or ""

    def _repeated(self, parts: list[Node]) -> None:
        """Take the operator behind the last of *parts*, if there is one."""
        count = self._repetition()
        if count is None:
            return
        if not parts:
            self._refuse("nothing to repeat")
        parts[-1] = Repetition(parts[-1], *count)
        if self._repetition() is not None:
            self._refuse("a repetition is repeated")

    def _repetition(self) -> tuple[int, int | None] | None:
        count: tuple[int, int | None]
        if self._skip("*"):
            count = (0, None)
        elif self._skip("+"):
            count = (1, None)
        elif self._skip("?"):
            count = (0, 1)
        elif found := self._take(_COUNT):
            numbers = (found[1], found[3] or "")
            if max(map(len, numbers)) > 4 or max(int(each or 0) for each in numbers) > REPEAT_LIMIT:
                self._refuse(f"more than {REPEAT_LIMIT} repetitions")
            least = int(found[1])
            most = least if found[2] is None else int(found[3]) if found[3] else None
            if most is not None and most < least:
                self._refuse("a repetition that ends before it begins")
            count = (least, most)
        else:
            return None
        self._skip("?")
        return count

    def _atom(self, flags: _Flags, depth: int) -> Node:
        character = self._peek()
        if character == "(":
            return self._group(flags, depth)
        if character == "[":
            return self._set(flags)
        if character == "\\":
            edge = _EDGES.get(self._text[self._at + 1 : self._at + 2])
            if edge is not None:
                self._at += 2
                return edge
            return self._escape(flags)
        if character in "*+?" or _COUNT.match(self._text, self._at):
            self._refuse("nothing to repeat")
        self._at += 1
        if character == "^":
            return Edge.LINE_BEGIN if flags.m else Edge.BEGIN
        if character == "$":
            return Edge.LINE_END if flags.m else Edge.END
        if character == ".":
            return Characters(((0, LAST),)) if flags.s else Characters(((0x0A, 0x0A),), negated=True)
        return _literal(ord(character), flags.i)

    def _group(self, flags: _Flags, depth: int) -> Node:
        if not self._text.startswith("(?", self._at):
            self._at += 1
        else:
            found = self._take(_GROUP)
            if found is None or found[4] == ")":
                self._refuse("a kind of group that is not known")
            if not found[1]:
                flags = flags.changed(found[2], found[3] or "")
        node = self._alternation(flags, depth + 1)
        if not self._skip(")"):
            self._refuse("missing )")
        return node

    def _escape(self, flags: _Flags) -> Characters:
        """A set or a character behind a backslash."""
        self._at += 1
        character = self._peek()
        if character in CLASSES:
            self._at += 1
            return evolve(CLASSES[character], folded=flags.i)
        if character in ("p", "P"):
            self._at += 1
            return self._property(character == "P", flags)
        return _literal(self._escaped_code(), flags.i)

    def _property(self, negated: bool, flags: _Flags) -> Characters:
        found = self._take(_PROPERTY)
        if found is None:
            self._refuse("a property without a name")
        name = found[2] or found[3]
        negated ^= found[1] == "^"
        if name == "Any":
            return Characters(((0, LAST),), negated=negated)
        if name not in CATEGORIES:
            self._refuse(f"no general category of Unicode is called {name[:20]}")
        return Characters(categories=(name,), negated=negated, folded=flags.i)

    def _escaped_code(self) -> int:
        """The code of the one character that stands behind a backslash."""
        character = self._peek()
        if found := self._take(_OCTAL):
            return int(found[0], 8)
        if self._skip("x"):
            found = self._take(_HEX)
            digits = found[1] or found[2] if found else ""
            code = int(digits, 16) if 0 < len(digits) <= 6 else LAST + 1
            if code > LAST:
                self._refuse("no such character")
            return code
        if character in _ESCAPES:
            self._at += 1
            return _ESCAPES[character]
        if not character or not character.isascii() or character.isalnum():
            self._refuse("an escape that is not known")
        self._at += 1
        return ord(character)

    def _set(self, flags: _Flags) -> Characters:
        """``[...]``."""
        self._at += 1
        negated = self._skip("^")
        ranges: list[tuple[int, int]] = []
        parts: list[Characters] = []
        first = True
        while first or not self._skip("]"):
            first = False
            if not self._peek():
                self._refuse("missing ]")
            if self._text.startswith("[:", self._at) and ":]" in self._text[self._at + 2 :]:
                found = self._take(_POSIX_NAME)
                if found is None or found[2] not in POSIX:
                    self._refuse("no class of characters has this name")
                parts.append(Characters(POSIX[found[2]], negated=bool(found[1]), folded=flags.i))
                continue
            if self._peek() == "\\" and self._text[self._at + 1 : self._at + 2] in ("p", "P", *CLASSES):
                parts.append(self._escape(flags))
                continue
            low = high = self._set_code()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._set_code()
                if high < low:
                    self._refuse("a range that ends before it begins")
            ranges.append((low, high))
        return Characters(tuple(ranges), tuple(parts), negated=negated, folded=flags.i)

    def _set_code(self) -> int:
        if self._skip("\\"):
            return self._escaped_code()
        self._at += 1
        return ord(self._text[self._at - 1])


def _check_repetitions(node: Node, left: int) -> None:
    """Refuse counted repetitions that multiply beyond the limit."""
    match node:
        case Repetition(part, least, most):
            count = least if most is None else most
            if count > 1 and (left := left // count) < 1:
                raise InvalidRegex(f"more than {REPEAT_LIMIT} repetitions")
            _check_repetitions(part, left)
        case Concatenation(parts) | Alternation(parts):
            for part in parts:
                _check_repetitions(part, left)
