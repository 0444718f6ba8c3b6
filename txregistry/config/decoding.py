"""
From nodes to plain values, by the shape that each place in the file must have.

What decodes is what decodes in distribution: any scalar is good as text, a fraction where an integer is
wanted loses what follows the point, a key given twice counts the second time.
"""

from __future__ import annotations

from math import isfinite

from txregistry.config.document import Entry, MappingNode, Node, ScalarNode, SequenceNode
from txregistry.config.durations import NANOSECONDS_PER_SECOND, NotADuration, parse_duration
from txregistry.config.findings import Findings, Path, quoted
from txregistry.config.shapes import Kind, ListOf, MapOf, NameOrMap, Section, Shape
from txregistry.config.values import LOG_LEVELS

#: A decoded value.  ``None`` stands for an empty one, whatever its shape.
Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]


def decode(node: Node | None, shape: Shape, path: Path, findings: Findings) -> Value:
    """
    Make a plain value of *node*.

    Whatever does not fit is a fault in *findings* and ``None`` in the result; a key that a section does not
    know is a warning.
    """
    return _Decoder(findings).decode(node, shape, path)


def describe(value: Value) -> str:
    """Name a value that is of the wrong type; never the content of lists and mappings."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "empty" if value is None else quoted(printed(value))


def printed(value: bool | int | float | str) -> str:
    """Print a scalar as Go does: ``true``, ``10`` (for 10.0 as well)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


class _Decoder:
    """Decodes into one :class:`Findings`."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def decode(self, node: Node | None, shape: Shape, path: Path) -> Value:
        if node is None or (isinstance(node, ScalarNode) and node.value is None):
            return None
        match shape:
            case Kind.ANYTHING:
                return self._anything(node, path)
            case Kind():
                return self._scalar(node, shape, path)
            case ListOf():
                return self._list(node, shape, path)
            case MapOf():
                return self._map(node, shape, path)
            case NameOrMap():
                if isinstance(node, ScalarNode):
                    return {node.text: {}}
                return self._map(node, shape.map, path)
            case Section():
                return self._section(node, shape, path)

    def _scalar(self, node: Node, kind: Kind, path: Path) -> Value:
        value: Value = None
        if isinstance(node, ScalarNode):
            match kind:
                case Kind.TEXT:
                    value = node.text
                case Kind.BOOLEAN:
                    value = node.value if isinstance(node.value, bool) else None
                case Kind.INTEGER:
                    value = _integer(node)
                case Kind.DURATION:
                    value = _seconds(node)
                case Kind.LEVEL:
                    value = node.text.lower() if node.text.lower() in LOG_LEVELS else None
        if value is None:
            self._wrong(path, kind.value, node)
        return value

    def _anything(self, node: Node, path: Path) -> Value:
        if isinstance(node, ScalarNode):
            return node.value
        if isinstance(node, SequenceNode):
            return self._list(node, ListOf(Kind.ANYTHING), path)
        return self._map(node, MapOf(Kind.ANYTHING), path)

    def _list(self, node: Node, shape: ListOf, path: Path) -> Value:
        if not isinstance(node, SequenceNode):
            self._wrong(path, "a list", node)
            return None
        empty = "" if shape.item is Kind.TEXT else None
        values = [self.decode(item, shape.item, (*path, n)) for n, item in enumerate(node.items)]
        return [empty if value is None else value for value in values]

    def _map(self, node: Node, shape: MapOf, path: Path) -> Value:
        if not isinstance(node, MappingNode):
            self._wrong(path, "a mapping", node)
            return None
        values: dict[str, Value] = {}
        for entry in node.entries:
            key = _key(entry)
            self._notice_repetition(entry, key in values, (*path, key))
            values[key] = self.decode(entry.value, shape.value, (*path, key))
        return values

    def _section(self, node: Node, shape: Section, path: Path, onto: Value = None) -> Value:
        if not isinstance(node, MappingNode):
            self._wrong(path, "a mapping", node)
            return None
        values = dict(onto) if isinstance(onto, dict) else {}
        seen: set[str] = set()
        for entry in node.entries:
            key = _key(entry)
            here = (*path, key)
            if key not in shape.fields:
                self._findings.warn(here, "unknown key, ignored")
                continue
            self._notice_repetition(entry, key in seen, here)
            seen.add(key)
            inner = shape.fields[key].shape
            if isinstance(inner, Section) and isinstance(entry.value, MappingNode):
                # A section given again adds to what it said before.
                values[key] = self._section(entry.value, inner, here, onto=values.get(key))
            else:
                values[key] = self.decode(entry.value, inner, here)
        return values

    def _notice_repetition(self, entry: Entry, repeated: bool, path: Path) -> None:
        if repeated and not entry.merged:
            self._findings.warn(path, f"given more than once, what line {entry.key.line} says counts")

    def _wrong(self, path: Path, expected: str, node: Node) -> None:
        if isinstance(node, SequenceNode):
            got = "a list"
        elif isinstance(node, MappingNode):
            got = "a mapping"
        else:
            # Never the content where a list or mapping belongs: it may hold a credential.
            got = "a single value" if expected in ("a list", "a mapping") else quoted(node.text)
        self._findings.fault(path, f"must be {expected}, not {got}")


def _key(entry: Entry) -> str:
    return "" if entry.key.value is None else entry.key.text


def _integer(node: ScalarNode) -> int | None:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return int(value) if -(2**63) <= value < 2**63 else None


def _seconds(node: ScalarNode) -> float | None:
    if isinstance(node.value, str):
        try:
            return parse_duration(node.value) / NANOSECONDS_PER_SECOND
        except NotADuration:
            return None
    nanoseconds = _integer(node)
    return None if nanoseconds is None else nanoseconds / NANOSECONDS_PER_SECOND
