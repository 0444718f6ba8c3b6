"""
Several things at once, each thing once, and things that must come to their end.

Everything here runs in the reactor thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList, DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure

from txregistry.aftermath import tell_failure
from txregistry.errors import ContentBusy, PathNotFound

A = TypeVar("A")
B = TypeVar("B")
Item = TypeVar("Item")
T = TypeVar("T")


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """
    Run both at once.  When one fails, its error is raised once the other has
    ended too; cancelling cancels both.
    """
    results = await _all(first, second)
    return results[0], results[1]


async def concurrently(
    work: Callable[[Item], Coroutine[Any, Any, T]], items: Sequence[Item], width: int
) -> list[T]:
    """
    Call *work* with each of *items*, at most *width* at once.

    After a failure no further item is begun, and the error is raised when
    those under way have ended.  Cancelling cancels those under way.

    :return: what *work* returned, in the order of *items*.
    """
    results: dict[int, T] = {}
    rest = iter(range(len(items)))
    failed = False

    async def lane() -> None:
        nonlocal failed
        for position in rest:
            if failed:
                return
            try:
                results[position] = await work(items[position])
            except BaseException:
                failed = True
                raise

    await _all(*(lane() for _ in range(min(width, len(items)))))
    return [results[position] for position in range(len(items))]


async def _all(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    outcomes = await DeferredList([Deferred.fromCoroutine(work) for work in works], consumeErrors=True)
    for success, outcome in outcomes:
        if not success:
            assert isinstance(outcome, Failure)
            outcome.raiseException()
    return [outcome for _, outcome in outcomes]


class Shield:
    """
    Keeps work going after whoever waited for it has been cancelled.

    The waiter gets its :class:`~twisted.internet.defer.CancelledError` at
    once.  If the work fails later, that is only logged, and not even that
    when the failure is an answer: that a session is busy or gone, say.
    """

    _log = Logger()

    async def run(
        self, work: Coroutine[Any, Any, T], abandoned: Callable[[T], Awaitable[object]] | None
    ) -> T:
        """
        Wait for *work*.

        :param abandoned: releases the result if nobody waits for it any more.
        """
        answer: Deferred[T] = Deferred()

        async def carry() -> None:
            try:
                result = await work
            except Exception:
                failure = Failure()
                if not answer.called:
                    answer.errback(failure)
                elif not failure.check(ContentBusy, PathNotFound):
                    tell_failure(self._log, "work that nobody waits for failed", failure)
                return
            if not answer.called:
                answer.callback(result)
            elif abandoned is not None:
                try:
                    await abandoned(result)
                except Exception:
                    tell_failure(self._log, "the result of abandoned work could not be released")

        Deferred.fromCoroutine(carry())
        return await answer


class KeyedLock:
    """One thing at a time for each key, in the order of asking."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, DeferredLock] = {}

    async def run(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run *work* when everybody who asked for *key* earlier has finished."""
        lock = self._locks.setdefault(key, DeferredLock())
        try:
            async with lock:
                return await work()
        finally:
            if not lock.locked and not lock.waiting and self._locks.get(key) is lock:
                del self._locks[key]
