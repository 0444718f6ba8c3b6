"""Reading a mapping of plain values key by key, noting every fault on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from txregistry.config.decoding import Value, describe, printed
from txregistry.config.findings import Findings, Path

_T = TypeVar("_T")


class Cursor:
    """
    One mapping of the configuration, and where it stands.

    A value that is missing or empty gives the default.  One of the wrong type is noted as a fault and gives
    the default too, so that reading goes on.
    """

    def __init__(self, values: dict[str, Value], path: Path, findings: Findings) -> None:
        self._values, self._path, self._findings = values, path, findings
        self._read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Say whether *key* is given, even if empty."""
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        """Go through the given keys, in the order of the file."""
        return iter(self._values)

    def raw(self, key: str) -> Value:
        """Give the value of *key* unchecked."""
        self._read.add(key)
        return self._values.get(key)

    def text(self, key: str, default: str = "") -> str:
        """Give a text."""
        value = self.raw(key)
        if value is None:
            return default
        return value if isinstance(value, str) else self._wrong(key, "text", value, default)

    def printed(self, key: str, default: str = "") -> str:
        """Give any scalar as text."""
        value = self.raw(key)
        if value is None:
            return default
        if isinstance(value, dict | list):
            return self._wrong(key, "text", value, default)
        return printed(value)

    def boolean(self, key: str, default: bool = False) -> bool:
        """Give true or false."""
        value = self.raw(key)
        if value is None:
            return default
        return value if isinstance(value, bool) else self._wrong(key, "true or false", value, default)

    def integer(self, key: str, default: int = 0) -> int:
        """Give an integer; text that looks like one is none."""
        value = self.raw(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            return self._wrong(key, "an integer", value, default)
        return value

    def seconds(self, key: str, default: float = 0.0) -> float:
        """Give a duration."""
        value = self.raw(key)
        if value is None:
            return default
        return value if isinstance(value, float) else self._wrong(key, "a duration", value, default)

    def texts(self, key: str) -> tuple[str, ...]:
        """Give a list of texts."""
        value = self.raw(key)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()

    def section(self, key: str) -> Cursor:
        """Go down to the mapping under *key*; an empty one if there is none."""
        value = self.raw(key)
        if value is not None and not isinstance(value, dict):
            value = self._wrong(key, "a mapping", value, {})
        return Cursor(value or {}, (*self._path, key), self._findings)

    def sections(self, key: str) -> Iterator[Cursor]:
        """Go down to each mapping of the list under *key*; other items are passed over."""
        return (section for _, section in self.indexed_sections(key))

    def indexed_sections(self, key: str) -> Iterator[tuple[int, Cursor]]:
        """As :meth:`sections`, each with its place in the list."""
        value = self.raw(key)
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, dict):
                yield index, Cursor(item, (*self._path, key, index), self._findings)

    def plain(self) -> dict[str, Value]:
        """Give the whole mapping unchecked; whoever uses a key of it says so by :meth:`raw`."""
        return dict(self._values)

    def fault(self, key: str, text: str) -> None:
        """Note that the value of *key* cannot be used; of an empty one, that the mapping itself cannot."""
        self._findings.fault((*self._path, key) if key else self._path, text)

    def fault_item(self, key: str, index: int, text: str) -> None:
        """Note that an item of the list under *key* cannot be used."""
        self._findings.fault((*self._path, key, index), text)

    def warn(self, key: str, text: str) -> None:
        """Note that the value of *key* has no effect."""
        self._findings.warn((*self._path, key), text)

    def warn_of(self, what: str, text: str) -> None:
        """Note something about *what*, which stands outside of the configuration."""
        self._findings.warn((what,), text)

    def warn_unread(self) -> None:
        """Note each key that nobody asked for."""
        for key in self._values:
            if key not in self._read:
                self.warn(key, "unknown key, ignored")

    def _wrong(self, key: str, expected: str, value: Value, default: _T) -> _T:
        self.fault(key, f"must be {expected}, not {describe(value)}")
        return default
