"""Work in threads, some of which several wait for: each piece once, few at a time, and everybody in turn."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txregistry.auth.lines import Lines
from txregistry.errors import TooManyAttempts
from txregistry.interfaces import IWorkers


class Timed(Protocol):
    """What came of a piece of work, and how many *seconds* that took."""

    @property
    def seconds(self) -> float:
        """The time, without what was spent on waiting for a thread."""


T = TypeVar("T", bound=Timed)


@define(eq=False)
class Piece(Generic[T]):
    """A piece of work that waits or runs, and those who wait for its answer."""

    key: Hashable = field(repr=False)
    line: str
    user: str
    work: Callable[[], T] = field(repr=False)
    learned: Callable[[T], None]
    waiters: list[Deferred[T]] = field(factory=list)
    in_line: bool = True


def _nobody_learns(_: object) -> None:
    """Nobody wants to know."""


class SharedWork(Generic[T]):
    """
    Does each piece of work once for all who want it at the same time.

    :param workers: is never given more to do than *lines* lets be served at once.
    """

    def __init__(self, workers: IWorkers, lines: Lines[Piece[T]]) -> None:
        self._workers, self._lines = workers, lines
        self._pending: dict[Hashable, Piece[T]] = {}

    def run(
        self,
        key: Hashable,
        line: str,
        work: Callable[[], T],
        user: str = "",
        learned: Callable[[T], None] = _nobody_learns,
    ) -> Deferred[T]:
        """
        What *work* returns or raises, in a thread, unless something under *key* is under way already.

        Cancelling the answer gives up its place, unless others wait for the
        same piece, or it runs.

        :param line: where to wait.
        :param user: whom the log shall name.
        :param learned: told the answer once for each piece, although nobody might wait for it any more.
        :raises TooManyAttempts: too many wait.
        """
        piece = self._pending.get(key)
        if piece is not None:
            return self._waiter(piece)
        piece = Piece(key, line, user, work, learned)
        waiter = self._waiter(piece)
        self._pending[key] = piece
        gone = self._lines.join(line, piece)
        if gone is not None:
            del self._pending[gone.key]
            gone.in_line = False
            retry_after, refused = self._lines.retry_after(), gone.user
            _answer(gone, lambda: Failure(TooManyAttempts(retry_after, refused)))
        self._go_on()
        return waiter

    def _waiter(self, piece: Piece[T]) -> Deferred[T]:
        waiter: Deferred[T] = Deferred(lambda _: self._leave(piece, waiter))
        piece.waiters.append(waiter)
        return waiter

    def _go_on(self) -> None:
        while (piece := self._lines.next()) is not None:
            piece.in_line = False
            self._workers.run(piece.work).addBoth(self._ended, piece)

    def _ended(self, outcome: T | Failure, piece: Piece[T]) -> None:
        del self._pending[piece.key]
        if isinstance(outcome, Failure):
            self._lines.ended()
        else:
            self._lines.ended(outcome.seconds)
            piece.learned(outcome)
        _answer(piece, lambda: outcome)
        self._go_on()

    def _leave(self, piece: Piece[T], waiter: Deferred[T]) -> None:
        piece.waiters.remove(waiter)
        if not piece.waiters and piece.in_line:
            del self._pending[piece.key]
            self._lines.leave(piece.line, piece)


def _answer(piece: Piece[T], answer: Callable[[], T | Failure]) -> None:
    """Give each waiter an *answer* of its own, whatever the others do about theirs."""
    while piece.waiters:
        piece.waiters.pop(0).callback(answer())
