"""Directories that were listed lately, and the proof that they are still the same."""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from operator import attrgetter

from txregistry.interfaces import Entry
from txregistry.model.names import Page

#: A directory that changed less than so many nanoseconds ago may change again without its times telling:
#: some file systems note whole seconds.
SETTLED = 3_000_000_000

_name = attrgetter("name")
_Proof = tuple[int, ...]


def proof(status: os.stat_result) -> _Proof:
    """What is another one after any name has come or gone: nobody can set a file's change time."""
    return (status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_nlink)


def page(entries: Sequence[Entry], after: str, limit: int) -> Page[Entry]:
    """The first *limit* of *entries*, which are in order, behind *after*."""
    begin = bisect_right(entries, after, key=_name) if after else 0
    end = begin + limit
    return Page(entries[begin:end], more=end < len(entries))


class Listings:
    """
    The listings used last, of up to *limit* names in all.  Any thread may call.
    """

    def __init__(self, limit: int = 1 << 16) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._names = 0
        self._listings: OrderedDict[str, tuple[_Proof, Sequence[Entry]]] = OrderedDict()

    def proven(self, place: str, status: os.stat_result) -> Sequence[Entry] | None:
        """What the directory *place*, whose status is *status* now, holds, if that is known."""
        with self._lock:
            found = self._listings.get(place)
            if found is None or found[0] != proof(status):
                return None
            self._listings.move_to_end(place)
            return found[1]

    def worth_noting(self, before: os.stat_result, now: int, names: int) -> bool:
        """
        Whether a listing of so many *names* can be noted.

        :param before: the directory's status before it was read.
        :param now: nanoseconds since the epoch, at that time.
        """
        return now - max(before.st_ctime_ns, before.st_mtime_ns) > SETTLED and names <= self._limit // 2

    def note(self, place: str, before: os.stat_result, entries: Sequence[Entry]) -> None:
        """Remember the whole content of *place*, instead of what was not asked for the longest."""
        with self._lock:
            self._drop(place)
            self._listings[place] = (proof(before), entries)
            self._names += 1 + len(entries)
            while self._names > self._limit:
                self._drop(next(iter(self._listings)))

    def _drop(self, place: str) -> None:
        found = self._listings.pop(place, None)
        if found is not None:
            self._names -= 1 + len(found[1])
