"""Work that goes on to its end although the client that asked for it has left."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from txregistry.web.replies import problems_of

T = TypeVar("T")

_log = Logger()


def shielded(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """
    Run *work*, whose cancelling ends only the waiting for it.

    What fails after its client left is logged if it is a fault of ours or of
    the storage; nobody else would hear of it.
    """
    waiting: Deferred[T] = Deferred()

    def ended(result: T | Failure) -> None:
        if not waiting.called:
            waiting.callback(result)  # a Failure makes it an errback
        elif isinstance(result, Failure) and _concerns_us(result):
            _log.failure("work failed after its client had left", result, LogLevel.error)

    Deferred.fromCoroutine(work).addBoth(ended)
    return waiting


def _concerns_us(failure: Failure) -> bool:
    problems = None if failure.value is None else problems_of(failure.value)
    return problems is None or problems[0].status >= 500
