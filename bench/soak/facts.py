"""
What a client was told about what the registry holds, in a file that survives the client.

Clients are killed at any moment, and whoever comes after one must know what had been confirmed, and what
was only asked for: of such a thing both may be true.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

__all__ = ["Fact", "Facts"]

_KINDS = ("blob", "manifest", "tag")


@frozen
class Fact:
    """
    Something that a repository may hold.

    :ivar kind: ``blob``, ``manifest`` or ``tag``.
    :ivar name: a digest, or what the tag is called.
    """

    kind: str
    repository: str
    name: str


class Facts:
    """
    For each fact the values that it may have: the digest that a tag leads to, or a thing's own; or ``None``.

    :param file: holds a line for each change, the last of which counts; read at the start if it is there.
    """

    def __init__(self, file: Path) -> None:
        self._possible: dict[Fact, frozenset[str | None]] = {}
        if file.exists():
            self._load(file.read_text())
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def possible(self, fact: Fact) -> frozenset[str | None]:
        """What it may be; of what nobody ever heard: absent."""
        return self._possible.get(fact, frozenset([None]))

    def maybe(self, fact: Fact, value: str | None) -> None:
        """Note, before it is asked for, that *fact* may soon be *value*."""
        self._set(fact, self.possible(fact) | {value})

    def surely(self, fact: Fact, value: str | None) -> None:
        """Note that the registry confirmed *value*."""
        self._set(fact, frozenset([value]))

    def without(self, fact: Fact, value: str) -> None:
        """Note that the registry confirmed that *fact* is not *value* any more."""
        possible = self.possible(fact)
        if value in possible:
            self._set(fact, (possible - {value}) | {None})

    def known(self, kind: str, repository: str) -> list[Fact]:
        """What of *kind* is surely there."""
        return [
            fact
            for fact, possible in self._possible.items()
            if fact.kind == kind and fact.repository == repository and None not in possible
        ]

    def heard(self, repository: str | None = None) -> Iterator[Fact]:
        """All that ever was asked for, in *repository* or all of them."""
        for fact in [*self._possible]:
            if repository is None or fact.repository == repository:
                yield fact

    def repositories(self) -> list[str]:
        """The repositories of which there are facts."""
        return [*dict.fromkeys(fact.repository for fact in self._possible)]

    def forget(self, repository: str) -> None:
        """Note that a repository is no more; its name must not be used again."""
        for fact in [*self.heard(repository)]:
            del self._possible[fact]
        self._write({"forget": repository})

    def close(self) -> None:
        """Write nothing more."""
        os.close(self._file)

    def _set(self, fact: Fact, possible: frozenset[str | None]) -> None:
        self._possible[fact] = possible
        values = sorted(possible, key=str)
        self._write({"fact": [fact.kind, fact.repository, fact.name], "possible": values})

    def _write(self, line: dict[str, object]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def _load(self, text: str) -> None:
        for line in text.splitlines():
            said = json.loads(line)
            if "forget" in said:
                for fact in [*self.heard(said["forget"])]:
                    del self._possible[fact]
            else:
                kind, repository, name = said["fact"]
                assert kind in _KINDS, kind
                self._possible[Fact(kind, repository, name)] = frozenset(said["possible"])
