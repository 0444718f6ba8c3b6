"""How late the reactor is: the one number that tells whether a Twisted daemon has enough to do."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds between two measurements.
INTERVAL = 0.5


class LagMeter(Service):
    """
    Asks *clock* to be called at a certain time, again and again, and tells *observe* how late that was.

    Whatever holds the reactor up for longer than :data:`INTERVAL` is seen;
    of shorter interruptions a fair part.

    :param observe: hears of seconds.
    """

    def __init__(self, clock: IReactorTime, observe: Callable[[float], object]) -> None:
        self._clock, self._observe = clock, observe
        self._due = 0.0
        self._call: IDelayedCall | None = None

    def startService(self) -> None:
        """Begin to measure."""
        super().startService()
        self._arm()

    def stopService(self) -> None:
        """Measure no more."""
        super().stopService()
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _arm(self) -> None:
        self._due = self._clock.seconds() + INTERVAL
        self._call = self._clock.callLater(INTERVAL, self._called)

    def _called(self) -> None:
        late = self._clock.seconds() - self._due
        self._arm()
        self._observe(max(0.0, late))
