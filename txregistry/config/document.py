"""
A YAML text as a tree of nodes that still know their text and their line.

Values are not made here, since the text ``0x10`` is a number in one place and a password in another.  The
parser is libyaml where PyYAML has it: like distribution's it takes a tab between a value and a comment,
which the parser in pure Python refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from attrs import frozen
from yaml import events

from txregistry.config.scalars import Plain, ScalarFault, resolve

#: The longest text that is read, in characters.
LONGEST_TEXT = 1024 * 1024
#: The most values that a document may hold once its aliases are written out.
MOST_VALUES = 100_000
#: The most lists and mappings within each other.
DEEPEST = 100

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: What YAML does not allow even in quotes: control characters and lone surrogates.
_STRANGE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MERGE = "<<"
_TOO_DEEP = f"more than {DEEPEST} lists and mappings within each other"


@frozen
class DocumentFault(Exception):
    """The text is no YAML that can be used."""

    problem: str
    #: Counted from one; ``None`` when nobody knows.
    line: int | None = None

    def __str__(self) -> str:
        return self.problem if self.line is None else f"line {self.line}: {self.problem}"


@frozen
class ScalarNode:
    """A single word or text."""

    text: str
    value: Plain
    line: int


@frozen
class SequenceNode:
    """A list."""

    items: tuple[Node, ...]
    line: int


@frozen
class Entry:
    """One key of a mapping with its value."""

    key: ScalarNode
    value: Node
    #: It came in through the merge key ``<<``.
    merged: bool = False


@frozen
class MappingNode:
    """A mapping as written: keys may come twice, merges stand where they were asked for."""

    entries: tuple[Entry, ...]
    line: int


Node = ScalarNode | SequenceNode | MappingNode


@frozen
class Document:
    """The first document of a text."""

    #: ``None``: the text holds nothing.
    root: Node | None
    #: Another document follows, which nobody reads.
    more: bool = False


def parse_document(text: str) -> Document:
    """
    Parse the first YAML document of *text*.

    :raises DocumentFault: not YAML, or too big in one of the ways above.
    """
    if len(text) > LONGEST_TEXT:
        raise DocumentFault(f"longer than {LONGEST_TEXT} characters")
    if strange := _STRANGE.search(text):
        line = text.count("\n", 0, strange.start()) + 1
        raise DocumentFault(f"not valid YAML: holds the character {strange[0]!r}", line)
    try:
        return _Composer(yaml.parse(text, Loader=_PARSER)).document()
    except yaml.YAMLError as error:
        raise _fault_of(error) from None


def _fault_of(error: yaml.YAMLError) -> DocumentFault:
    if not isinstance(error, yaml.MarkedYAMLError):
        return DocumentFault("not valid YAML")
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "cannot be parsed"
    return DocumentFault(f"not valid YAML: {problem}", mark.line + 1 if mark else None)


@frozen
class _Composed:
    """A node with what it would weigh when written out, and how deep it goes."""

    node: Node
    values: int = 1
    depth: int = 0


class _Composer:
    """Builds the nodes of one document from parser events."""

    def __init__(self, source: Iterator[events.Event]) -> None:
        self._events = source
        self._anchors: dict[str, _Composed] = {}

    def document(self) -> Document:
        next(self._events)  # the stream starts
        if not isinstance(next(self._events), events.DocumentStartEvent):
            return Document(None)
        composed = self._compose(next(self._events), 0)
        next(self._events)  # the document ends
        return Document(composed.node, more=self._has_more())

    def _has_more(self) -> bool:
        try:
            return isinstance(next(self._events), events.DocumentStartEvent)
        except yaml.YAMLError:
            return True

    def _compose(self, event: events.Event, depth: int) -> _Composed:
        line = _line(event)
        anchor = event.anchor if isinstance(event, events.NodeEvent) else None
        if isinstance(event, events.AliasEvent):
            if anchor is None or anchor not in self._anchors:
                raise DocumentFault(f"the anchor {anchor!r} is not known here", line)
            return self._checked(self._anchors[anchor], depth, line)
        if isinstance(event, events.ScalarEvent):
            composed = _Composed(self._scalar(event, line))
        elif isinstance(event, events.SequenceStartEvent):
            composed = self._sequence(line, depth)
        else:
            composed = self._mapping(line, depth)
        if anchor is not None:
            # Known from here on, not inside its own value: so no node can hold itself.
            self._anchors[anchor] = composed
        return self._checked(composed, depth, line)

    def _checked(self, composed: _Composed, depth: int, line: int) -> _Composed:
        if depth + composed.depth > DEEPEST:
            raise DocumentFault(_TOO_DEEP, line)
        if composed.values > MOST_VALUES:
            raise DocumentFault(f"more than {MOST_VALUES} values when its aliases are written out", line)
        return composed

    def _scalar(self, event: events.ScalarEvent, line: int) -> ScalarNode:
        try:
            return ScalarNode(event.value, resolve(event.value, event.tag, event.implicit[0]), line)
        except ScalarFault as fault:
            raise DocumentFault(str(fault), line) from None

    def _children(self, depth: int, end: type[events.Event]) -> Iterator[tuple[events.Event, _Composed]]:
        while not isinstance(event := next(self._events), end):
            if depth >= DEEPEST:
                raise DocumentFault(_TOO_DEEP, _line(event))
            yield event, self._compose(event, depth + 1)

    def _sequence(self, line: int, depth: int) -> _Composed:
        items = [child for _, child in self._children(depth, events.SequenceEndEvent)]
        return _joined(SequenceNode(tuple(item.node for item in items), line), items)

    def _mapping(self, line: int, depth: int) -> _Composed:
        children = list(self._children(depth, events.MappingEndEvent))
        entries: list[Entry] = []
        for (event, key), (_, value) in zip(children[::2], children[1::2], strict=True):
            if isinstance(event, events.ScalarEvent) and event.value == _MERGE and event.implicit[0]:
                entries.extend(_merged(value.node))
            elif isinstance(key.node, ScalarNode):
                entries.append(Entry(key.node, value.node))
            else:
                raise DocumentFault("a list or mapping cannot be a key", key.node.line)
        return _joined(MappingNode(tuple(entries), line), [child for _, child in children])


def _line(event: events.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _joined(node: Node, children: list[_Composed]) -> _Composed:
    return _Composed(
        node,
        values=1 + sum(child.values for child in children),
        depth=1 + max((child.depth for child in children), default=0),
    )


def _merged(node: Node) -> list[Entry]:
    """Spell out what ``<<`` brings in.  In a list the first mapping wins, so it comes last."""
    if isinstance(node, MappingNode):
        return [Entry(entry.key, entry.value, merged=True) for entry in node.entries]
    if isinstance(node, SequenceNode) and all(isinstance(item, MappingNode) for item in node.items):
        return [entry for item in reversed(node.items) for entry in _merged(item)]
    raise DocumentFault("'<<' needs a mapping or a list of mappings", node.line)
