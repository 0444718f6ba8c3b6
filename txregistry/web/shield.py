"""Work that goes on to its end although the client that asked for it has left."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

T = TypeVar("T")

_log = Logger()


def shielded(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """
    Run *work*, whose cancelling ends only the waiting for it.

    What fails after its client left is logged; nobody else would hear of it.
    """
    waiting: Deferred[T] = Deferred()

    def ended(result: T | Failure) -> None:
        if not waiting.called:
            waiting.callback(result)  # a Failure makes it an errback
        elif isinstance(result, Failure):
            _log.failure("work failed after its client had left", result, LogLevel.error)

    Deferred.fromCoroutine(work).addBoth(ended)
    return waiting
