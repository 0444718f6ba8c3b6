"""
``REGISTRY_…`` variables of the environment, laid over what the file says.

``REGISTRY_HTTP_ADDR`` replaces ``http.addr``: each part of the name is one level, the value is YAML.  The
variables are taken in the order of their names, so that ``REGISTRY_STORAGE`` comes before
``REGISTRY_STORAGE_FILESYSTEM``.
"""

from __future__ import annotations

from collections.abc import Mapping

from txregistry.config.decoding import Value, decode
from txregistry.config.document import DocumentFault, Node, parse_document
from txregistry.config.findings import Findings, Path
from txregistry.config.shapes import Kind, ListOf, MapOf, NameOrMap, Section, Shape

#: What the names of all variables begin with.
PREFIX = "REGISTRY_"
#: Says where the file is; nothing within it.
_LOCATION = "REGISTRY_CONFIGURATION_PATH"


def overlay(values: Value, schema: Section, environ: Mapping[str, str], findings: Findings) -> Value:
    """
    Lay the variables of *environ* over the decoded file *values*, which stays as it is.

    A variable that leads nowhere is a warning, one with an unfit value a fault.

    :return: what the file would have said had the variables been written into it.
    """
    for name in sorted(environ):
        if name.startswith(PREFIX) and name != _LOCATION:
            values = _Assignment(name, environ[name], findings).apply(values, schema)
    return values


class _LeadsNowhere(Exception):
    """No place in the configuration has this name; the argument says why."""


class _Assignment:
    """One variable on its way down to the place that it names."""

    def __init__(self, name: str, text: str, findings: Findings) -> None:
        self._name, self._text, self._findings = name, text, findings

    def apply(self, values: Value, schema: Section) -> Value:
        """Give *values* with this variable's value in its place."""
        parts = self._name.removeprefix(PREFIX).split("_")
        if parts == ["VERSION"]:
            self._findings.warn((self._name,), "has no effect, the file alone says its version")
            return values
        try:
            return self._descend(schema, values, parts, ())
        except DocumentFault as fault:
            self._findings.fault((self._name,), fault.problem)
        except _LeadsNowhere as reason:
            self._findings.warn((self._name,), f"{reason}, ignored")
        return values

    def _descend(self, shape: Shape, value: Value, parts: list[str], path: Path) -> Value:
        """Give *value* changed at *parts* below it; with no parts left, replaced."""
        if not parts:
            node = self._node()
            self._findings.came_from(path, self._name)
            return decode(node, shape, path, self._findings)
        match shape:
            case Section():
                return self._into_section(shape, value, parts, path)
            case MapOf():
                return self._into_map(shape, value, parts, path)
            case NameOrMap():
                return self._into_map(shape.map, value, parts, path)
            case ListOf():
                return self._into_list(shape, value, parts, path)
            case Kind.ANYTHING if isinstance(value, list):
                return self._into_list(ListOf(Kind.ANYTHING), value, parts, path)
            case Kind.ANYTHING if value is None or isinstance(value, dict):
                return self._into_map(MapOf(Kind.ANYTHING), value, parts, path)
            case _:
                raise _LeadsNowhere("goes below a plain value")

    def _into_section(self, shape: Section, value: Value, parts: list[str], path: Path) -> Value:
        for key, field in shape.fields.items():
            if field.variable == parts[0]:
                values = value if isinstance(value, dict) else {}
                return {
                    **values,
                    key: self._descend(field.shape, values.get(key), parts[1:], (*path, key)),
                }
        if parts[0] in shape.parts:
            return self._into_part(shape.parts[parts[0]], value, parts[1:], path)
        raise _LeadsNowhere("names no setting")

    def _into_part(self, shape: Section, value: Value, parts: list[str], path: Path) -> Value:
        """Give the section *value* changed in a key of the part, or with all keys of the part replaced."""
        if parts:
            return self._into_section(shape, value, parts, path)
        node = self._node()
        for key in shape.fields:
            self._findings.came_from((*path, key), self._name)
        given = decode(node, shape, path, self._findings)
        kept = value if isinstance(value, dict) else {}
        return {
            **{key: each for key, each in kept.items() if key not in shape.fields},
            **(given if isinstance(given, dict) else {}),
        }

    def _into_map(self, shape: MapOf, value: Value, parts: list[str], path: Path) -> Value:
        values = value if isinstance(value, dict) else {}
        key = parts[0].lower()
        if len(parts) > 1:
            # An entry that has content is changed in place, whatever the case of its letters.
            same = (name for name, entry in values.items() if name.upper() == parts[0] and entry is not None)
            key = next(same, key)
        return {**values, key: self._descend(shape.value, values.get(key), parts[1:], (*path, key))}

    def _into_list(self, shape: ListOf, value: Value, parts: list[str], path: Path) -> Value:
        values = value if isinstance(value, list) else []
        if not parts[0].isascii() or not parts[0].isdigit():
            raise _LeadsNowhere(f"{parts[0]!r} is no index of a list")
        index = int(parts[0]) if len(parts[0]) < 10 else len(values) + 1
        if index > len(values):
            raise _LeadsNowhere(f"no item {index} to change or to add")
        old = values[index] if index < len(values) else None
        item = self._descend(shape.item, old, parts[1:], (*path, index))
        return [*values[:index], item, *values[index + 1 :]]

    def _node(self) -> Node | None:
        return parse_document(self._text).root
