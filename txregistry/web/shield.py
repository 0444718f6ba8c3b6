"""Work that goes on to its end although the client that asked for it has left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txregistry.aftermath import tell_failure
from txregistry.web.replies import problems_of

T = TypeVar("T")

_log = Logger()


class Tracker(Protocol):
    """Knows what must end before the service does; :class:`txregistry.web.site.RegistrySite` is one."""

    serving: set[object]

    def request_ended(self) -> None:
        """Something was taken out of *serving*."""


def shielded(
    work: Coroutine[Any, Any, T],
    tracker: Tracker,
    abandoned: Callable[[T], Awaitable[object]] | None = None,
) -> Deferred[T]:
    """
    Run *work*, whose cancelling ends only the waiting for it.

    *tracker* counts it as being served until it ends, so that a stop waits.
    What fails after its client left is logged if it is a fault of ours or of
    the storage; nobody else would hear of it.

    :param abandoned: puts the result away if nobody waits for it any more.
    """
    waiting: Deferred[T] = Deferred()

    async def carry() -> T:
        result = await work
        if waiting.called and abandoned is not None:
            await abandoned(result)
        return result

    def ended(result: T | Failure) -> None:
        tracker.serving.discard(waiting)
        tracker.request_ended()
        if not waiting.called:
            waiting.callback(result)  # a Failure makes it an errback
        elif isinstance(result, Failure) and _concerns_us(result):
            tell_failure(_log, "work failed after its client had left", result)

    tracker.serving.add(waiting)
    Deferred.fromCoroutine(carry()).addBoth(ended)
    return waiting


def left_alone(work: object) -> bool:
    """Whether *work*, out of ``serving``, was shielded and goes on, while nobody waits for it any more."""
    return isinstance(work, Deferred) and bool(work.called)


def _concerns_us(failure: Failure) -> bool:
    problems = None if failure.value is None else problems_of(failure.value)
    return problems is None or problems[0].status >= 500
