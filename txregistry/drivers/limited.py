"""A share of the workers, so that one user of them leaves some for the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.interfaces import IWorkers


@implementer(IWorkers)
class LimitedWorkers:
    """
    Hand at most *limit* pieces of work at a time to *workers*, the others in
    the order in which they came.  Work whose answer was dropped counts until
    it ends.
    """

    def __init__(self, workers: IWorkers, limit: int) -> None:
        self._workers = workers
        self._limit = limit
        self._running = 0
        self._handing_on = False
        self._waiting: deque[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = deque()

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        if self._running < self._limit:
            self._begin(answer, work, arguments)
        else:
            self._waiting.append((answer, work, arguments))
        return answer

    def _begin(self, answer: Deferred[Any], work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._running += 1
        self._workers.run(work, *arguments).addBoth(self._ended, answer)

    def _ended(self, outcome: Any, answer: Deferred[Any]) -> None:
        self._running -= 1
        if not self._handing_on:  # a loop: work may end at once, and then this is called within it
            self._handing_on = True
            while self._waiting and self._running < self._limit:
                self._begin(*self._waiting.popleft())
            self._handing_on = False
        answer.callback(outcome)
