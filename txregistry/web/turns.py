"""
Requests that came together on one connection (pipelining, RFC 9112 section 9.3.2).

They are served one after the other, but only as fast as the client takes
the answers, and only some of them in one turn of the reactor, so that other
connections have theirs.  Until then the parser keeps what has come, and the
rest stays in the network.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Line(Protocol):
    """
    The connection.

    :ivar paused: nothing of what has come is parsed; :class:`Turns` sets it.
    """

    paused: bool

    def takes_nothing(self) -> bool:
        """The client has not taken what was written."""

    def holds_more(self) -> bool:
        """Something has come that was not parsed."""

    def hold(self) -> None:
        """Read nothing more from the socket."""

    def go_on(self) -> None:
        """Parse what has come, and read on."""


class _Gone:
    """A connection that is lost."""

    paused = True

    def takes_nothing(self) -> bool:
        return True

    def holds_more(self) -> bool:
        return False

    def hold(self) -> None:
        """There is nothing to read."""

    def go_on(self) -> None:
        """There is nothing to parse."""


class Turns:
    """
    Decides when the next request of *line* has its turn.

    :param limit: so many are served in one turn of the reactor.
    """

    def __init__(self, line: Line, clock: IReactorTime, limit: int) -> None:
        self._line: Line = line
        self._clock, self._limit = clock, limit
        self._served = 0
        self._call: IDelayedCall | None = None

    def answered(self) -> None:
        """
        A request has its answer.

        To be called before the parser is told, which looks for the next one
        at once; and then :meth:`settle`.
        """
        self._served += 1
        self._line.paused = self._line.takes_nothing() or self._served >= self._limit

    def settle(self) -> None:
        """Hold the line up if something waits there for its turn."""
        line = self._line
        if not line.paused:
            return
        if not line.holds_more():
            self._begin()
            return
        line.hold()
        self.taken()

    def taken(self) -> None:
        """The client may have taken what was written: what waits has its turn soon."""
        if self._line.paused and self._call is None and not self._line.takes_nothing():
            self._call = self._clock.callLater(0, self._next)

    def end(self) -> None:
        """Nothing more is served.  The line is let go, so that it need not wait for a collector of cycles."""
        self._line = _Gone()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _next(self) -> None:
        self._call = None
        if not self._line.takes_nothing():
            self._begin()
            self._line.go_on()

    def _begin(self) -> None:
        self._served = 0
        self._line.paused = False
