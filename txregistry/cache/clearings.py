"""
What Redis still has to forget.

While Redis cannot be reached, what is deleted here stays remembered there.
All of it is kept here, and told before Redis is asked for anything again.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from txregistry.model.digest import Digest
from txregistry.model.names import RepositoryName

#: What an entry takes in memory, in bytes; measured.
COST = 432

#: An entry to be forgotten.
Entry = tuple[RepositoryName, Digest]


class Clearings:
    """
    The entries to be forgotten, each once, and those that were forgotten last.

    When there are more than *limit* to be forgotten, they are not counted any
    more: everything that Redis remembers of any repository is to go.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._entries: dict[Entry, None] = {}
        self._done: dict[Entry, None] = {}
        #: Everything is to go.
        self.all = False

    def __len__(self) -> int:
        """How many entries are to be forgotten, as far as they are counted."""
        return len(self._entries)

    @property
    def used(self) -> int:
        """Bytes that all entries take, by estimate."""
        return COST * (len(self._entries) + len(self._done))

    def __bool__(self) -> bool:
        return self.all or bool(self._entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Keep *entries* to be forgotten."""
        if self.all:
            return
        self._entries.update(dict.fromkeys(entries))
        if len(self._entries) > self._limit:
            self.add_all()

    def add_all(self) -> None:
        """Everything is to go."""
        self.all = True
        self._entries.clear()

    def take(self, count: int) -> list[Entry]:
        """Take out the *count* oldest entries, or fewer."""
        taken = list(islice(self._entries, count))
        for entry in taken:
            del self._entries[entry]
        return taken

    def done(self, entries: Iterable[Entry]) -> None:
        """Note that *entries* are forgotten; of more than the limit the last ones are kept."""
        for entry in entries:
            self._done.pop(entry, None)
            self._done[entry] = None
        for entry in list(islice(self._done, max(0, len(self._done) - self._limit))):
            del self._done[entry]

    def again(self) -> None:
        """What was forgotten last is to be forgotten once more."""
        if not self.all:
            self._entries = {**self._done, **self._entries}
            self._done.clear()
