"""What clients ask for, and how much of it they get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from attrs import frozen

from tests.live.tokens.settings import Rights


@frozen
class Scope:
    """Actions on the *name* of *type*, as the parameter ``scope`` lists them."""

    type: str
    name: str
    actions: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Scope:
        """
        Read one scope; its name may have colons, since hosts have ports.

        :raises ValueError: it has not three parts.
        """
        type, _, rest = text.partition(":")
        name, colon, actions = rest.rpartition(":")
        if not colon:
            raise ValueError(f"not a scope: {text!r}")
        return cls(type.partition("(")[0], name, tuple(filter(None, actions.split(","))))

    @property
    def resource(self) -> str:
        """What the actions are on."""
        return f"{self.type}:{self.name}"

    def __str__(self) -> str:
        return f"{self.resource}:{','.join(self.actions)}"


def parse_scopes(given: Iterable[str]) -> tuple[Scope, ...]:
    """
    Read the parameter ``scope`` as often as it was given, each with any number of scopes.

    :raises ValueError: one is none.
    """
    return tuple(Scope.parse(text) for line in given for text in line.split())


def allowed(asked: Iterable[Scope], *rights: Rights) -> tuple[Scope, ...]:
    """Give of what is *asked* for what some of the *rights* allow; what nothing is left of is left out."""
    found = []
    for scope in asked:
        actions = {
            action
            for table in rights
            for pattern, listed in table.items()
            if fnmatchcase(scope.resource, pattern)
            for action in listed
        }
        left = tuple(action for action in scope.actions if action in actions)
        if left:
            found.append(Scope(scope.type, scope.name, left))
    return tuple(found)


def claim(scopes: Iterable[Scope], classes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Write *scopes* as the claim ``access``."""
    entries = []
    for scope in scopes:
        entry: dict[str, Any] = {"type": scope.type, "name": scope.name, "actions": list(scope.actions)}
        for pattern, name in classes.items():
            if fnmatchcase(scope.resource, pattern):
                entry["class"] = name
        entries.append(entry)
    return entries
