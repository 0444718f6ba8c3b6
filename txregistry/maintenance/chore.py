"""Work that is done again and again, and goes on after a failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger


class Chore(Service):
    """
    Does *work* when it has run for *first* seconds, and then always *interval* seconds after the last end.

    A failure is logged, and the work is done again at its time.  At the stop,
    work under way is cancelled, and waited for.

    :param name: the work's, for the log.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        work: Callable[[], Awaitable[object]],
        first: float,
        interval: float,
    ) -> None:
        self._clock, self._name, self._work = clock, name, work
        self._first, self._interval = first, interval
        self._call: IDelayedCall | None = None
        self._round: Deferred[None] | None = None

    def startService(self) -> None:
        super().startService()
        self._call = self._clock.callLater(self._first, self._begin)

    def stopService(self) -> Deferred[None]:
        """Fires when nothing is under way any more."""
        super().stopService()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._round is None:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._round.addBoth(lambda _: ended.callback(None))
        self._round.cancel()
        return ended

    def _begin(self) -> None:
        self._call = None
        self._round = Deferred.fromCoroutine(self._do())
        if self._round.called:
            self._round = None

    async def _do(self) -> None:
        try:
            await self._work()
        except CancelledError:
            if self.running:
                self._log.failure("{name} was cancelled", name=self._name)
        except Exception:
            self._log.failure("{name} failed, and is tried again later", name=self._name)
        self._round = None
        if self.running:
            self._call = self._clock.callLater(self._interval, self._begin)
