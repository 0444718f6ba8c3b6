"""Work in threads that several wait for at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred

from txregistry.errors import TooManyAttempts
from txregistry.interfaces import IWorkers

T = TypeVar("T")


class SharedWork(Generic[T]):
    """
    Does a piece of work once for all that want it at the same time, and not
    too many pieces at a time.

    :param limit: pieces of work that may be under way or wait for a thread.
    """

    def __init__(self, workers: IWorkers, limit: int) -> None:
        self._workers, self._limit = workers, limit
        self._waiting: dict[Hashable, list[Deferred[T]]] = {}

    def run(self, key: Hashable, work: Callable[[], T]) -> Deferred[T]:
        """
        What *work* returns or raises, in a thread, unless something under *key* is under way already.

        Whoever cancels gives up its own answer, and nobody else's.

        :raises TooManyAttempts: too much is under way.
        """
        answer: Deferred[T] = Deferred()
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append(answer)
            return answer
        if len(self._waiting) >= self._limit:
            raise TooManyAttempts(1)
        self._waiting[key] = [answer]
        self._workers.run(work).addBoth(self._done, key)
        return answer

    def _done(self, result: Any, key: Hashable) -> None:
        for answer in self._waiting.pop(key):
            if not answer.called:  # it is when it was cancelled
                answer.callback(result)
