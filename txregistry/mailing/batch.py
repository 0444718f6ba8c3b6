"""What one mail will tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import define

from txregistry.log import Entry

#: Different entries that one mail tells; of more it gives the number.
KEPT = 50


@define(eq=False)
class Told:
    """An *entry*, how often it came, and when it did last."""

    entry: Entry
    times: int
    last: datetime


class Batch:
    """
    Entries that wait for a mail: the first ones, each once, and how many more there were.

    Those that differ in their request, but not in what went wrong, are one.

    :ivar total: how many entries there are, however often each came.
    :ivar more: how many of them came too late to be kept.
    """

    def __init__(self) -> None:
        self._told: dict[object, Told] = {}
        self.total = self.more = 0

    def __bool__(self) -> bool:
        return self.total > 0

    def __iter__(self) -> Iterator[Told]:
        return iter(self._told.values())

    def add(self, entry: Entry) -> None:
        """One more."""
        self._add(Told(entry, 1, entry.when))

    def extend(self, later: Batch) -> None:
        """All of *later*."""
        for told in later:
            self._add(told)
        self.more += later.more
        self.total += later.more

    def _add(self, told: Told) -> None:
        self.total += told.times
        key = _sameness(told.entry)
        known = self._told.get(key)
        if known is not None:
            known.times += told.times
            known.last = max(known.last, told.last)
        elif len(self._told) < KEPT:
            self._told[key] = told
        else:
            self.more += told.times


def _sameness(entry: Entry) -> object:
    wrong = (
        (name, str(value))
        for name, value in entry.fields.items()
        if name.startswith("err.") or name == "http.response.status"
    )
    return (entry.level, entry.message, frozenset(wrong))
