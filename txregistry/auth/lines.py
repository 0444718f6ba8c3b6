"""Who waits, and whose turn it is: a fair order for work that takes long."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from ipaddress import IPv6Address, ip_address
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

#: As many may wait at most, however fast it goes.
_MOST = 1000
#: The first of so many lines may always wait: a crowd in many places keeps nobody else out.
_FIRSTS = 64
#: How long one piece of work takes, in seconds, before any was measured.
_FIRST_GUESS = 0.1
#: Over how many pieces of work the mean is taken.
_MEASURED = 32


class Lines(Generic[T]):
    """
    Waiting lines, of which each in turn has its first served.

    A crowd in one line holds up nobody in another.  As many may wait as
    would be served in *patience* seconds.  After that a newcomer has to go;
    or, if its line is the shorter one even with it, the last of the longest;
    or nobody, if it is the first of its line and there are not too many of these.

    :param places: how many are served at once.
    """

    def __init__(self, places: int, patience: float) -> None:
        self._places, self._patience = places, patience
        # The order of the keys is that of their turns; there is no empty line.
        self._lines: dict[str, deque[T]] = {}
        self._served = 0
        self._took: deque[float] = deque(maxlen=_MEASURED)
        self.waiting = 0

    def join(self, line: str, one: T) -> T | None:
        """
        Have *one* wait at the end of *line*.

        :return: whoever has to go for it; perhaps *one* itself.
        """
        gone = None
        if self.waiting >= self._room():
            longest = max(self._lines.values(), key=len)
            if len(self._lines.get(line, ())) + 1 < len(longest):
                gone = longest.pop()
                self.waiting -= 1
            elif line in self._lines or len(self._lines) >= _FIRSTS:
                return one
        self._lines.setdefault(line, deque()).append(one)
        self.waiting += 1
        return gone

    def leave(self, line: str, one: T) -> None:
        """Let *one*, which waits in *line*, wait no longer."""
        self._lines[line].remove(one)
        self.waiting -= 1
        if not self._lines[line]:
            del self._lines[line]

    def next(self) -> T | None:
        """
        Whoever is to be served now, until :meth:`ended` is called.

        :return: ``None`` while all places are taken, or nobody waits.
        """
        if self._served >= self._places or not self._lines:
            return None
        name = next(iter(self._lines))
        line = self._lines.pop(name)
        one = line.popleft()
        if line:
            self._lines[name] = line
        self.waiting -= 1
        self._served += 1
        return one

    def ended(self, seconds: float | None = None) -> None:
        """One has been served; that took *seconds*, if this says anything of the others."""
        self._served -= 1
        if seconds is not None:
            self._took.append(seconds)

    def wait(self) -> float:
        """The seconds until everybody who waits now is served."""
        return self.waiting * self._mean() / self._places

    def retry_after(self) -> int:
        """The whole seconds after which a place should be free."""
        return max(1, math.ceil(self.wait()))

    def _mean(self) -> float:
        return sum(self._took) / len(self._took) if self._took else _FIRST_GUESS

    def _room(self) -> int:
        mean = self._mean()
        room = self._patience * self._places / mean if mean > 0 else _MOST
        return max(self._places, int(min(room, _MOST)))


def line_of(client: str) -> str:
    """The line of a client's address: of its network, where one customer has 2^64 addresses."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return client
