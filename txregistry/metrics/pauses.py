"""How long Python's garbage collector keeps everything else waiting."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Mapping
from time import perf_counter, time

from attrs import frozen
from twisted.application.service import Service

#: Pauses that are remembered one by one.
REMEMBERED = 64


@frozen(slots=True)
class Pause:
    """One collection: of which *generation*, how many *seconds*, and *when* it ended (seconds since 1970)."""

    generation: int
    seconds: float
    when: float


class GcPauses(Service):
    """
    Times collections while it runs.

    Any thread may be the one that collects, but never two at a time.

    :param observe: hears of the generation and of the seconds.
    :ivar count: how many there were.
    :ivar total: seconds that they took.
    :ivar last: the latest ones, oldest first.
    """

    def __init__(self, observe: Callable[[int, float], object]) -> None:
        self._observe = observe
        self._began = 0.0
        self.count = 0
        self.total = 0.0
        self.last: deque[Pause] = deque(maxlen=REMEMBERED)

    def startService(self) -> None:
        """Begin to listen."""
        super().startService()
        gc.callbacks.append(self._collecting)

    def stopService(self) -> None:
        """Listen no more."""
        super().stopService()
        gc.callbacks.remove(self._collecting)

    def _collecting(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._began = perf_counter()
            return
        if not self._began:
            return
        pause = Pause(info["generation"], perf_counter() - self._began, time())
        self._began = 0.0
        self.count += 1
        self.total += pause.seconds
        self.last.append(pause)
        self._observe(pause.generation, pause.seconds)
