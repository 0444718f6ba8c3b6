"""What differs between two readings of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from txregistry.config.decoding import Value


def changed_keys(
    before: Mapping[str, Value], after: Mapping[str, Value], path: tuple[str, ...] = ()
) -> Iterator[str]:
    """
    The paths of the keys whose values differ, in the order of the files; a list differs as a whole.

    A key that is not there is one without a value.
    """
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        old_map, new_map = _mapping(old), _mapping(new)
        if old_map is not None and new_map is not None and not (old is None and new is None):
            yield from changed_keys(old_map, new_map, (*path, key))
        elif old != new:
            yield ".".join((*path, key))


def _mapping(value: Value) -> Mapping[str, Value] | None:
    if value is None:
        return {}
    return value if isinstance(value, dict) else None
