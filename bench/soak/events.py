"""What happens to the daemon while it is under load: signals, sickness, a Redis that goes away."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from attrs import define, field

from bench.redis import Redis
from bench.soak.daemon import HEALTH_INTERVAL, Daemon

__all__ = ["Events"]

_RELOADS, _SICKNESS, _REDIS = 20.0, 90.0, 60.0
"""Seconds between events of a kind, on the average."""
_SICK_FOR = 3.0
_RECOVERY = HEALTH_INTERVAL + 5.0
"""Seconds after which nobody is refused any more."""
_REDIS_AWAY_FOR = 4.0


@define(eq=False)
class Events:
    """
    What is due is done by :meth:`happen`.

    :ivar out_of_service: a file that tells clients that they may be refused.
    :ivar count: what happened how often.
    """

    daemon: Daemon
    redis: Redis
    out_of_service: Path
    dice: random.Random
    count: Counter[str] = field(factory=Counter)
    _due: list[tuple[float, Callable[[float], None]]] = field(factory=list)
    _redis_runs: bool = True

    def begin(self, now: float) -> None:
        """Plan the first of each kind."""
        for work, mean in ((self._reload, _RELOADS), (self._fall_ill, _SICKNESS), (self._stop_redis, _REDIS)):
            self._later(now, self.dice.uniform(0.3, 0.7) * mean, work)

    def happen(self, now: float) -> None:
        """Do what is due."""
        due = [each for each in self._due if each[0] <= now]
        self._due = [each for each in self._due if each[0] > now]
        for _, work in due:
            work(now)

    def end(self) -> None:
        """Make everything well again, and plan nothing more."""
        self.daemon.sick.unlink(missing_ok=True)
        if not self._redis_runs:
            self._start_redis(0.0)
        self._due.clear()

    def _later(self, now: float, seconds: float, work: Callable[[float], None]) -> None:
        self._due.append((now + seconds, work))

    def _reload(self, now: float) -> None:
        self.daemon.renew_passwords()
        self.daemon.hang_up()
        self.count["passwords renewed with SIGHUP"] += 1
        self._later(now, self.dice.expovariate(1 / _RELOADS), self._reload)

    def _fall_ill(self, now: float) -> None:
        self.out_of_service.touch()
        self.daemon.sick.touch()
        self.count["made unhealthy"] += 1
        self._later(now, _SICK_FOR, self._get_well)

    def _get_well(self, now: float) -> None:
        self.daemon.sick.unlink(missing_ok=True)
        self._later(now, _RECOVERY, self._serve)

    def _serve(self, now: float) -> None:
        self.out_of_service.unlink(missing_ok=True)
        self._later(now, self.dice.expovariate(1 / _SICKNESS), self._fall_ill)

    def _stop_redis(self, now: float) -> None:
        self.redis.__exit__(None, None, None)
        self._redis_runs = False
        self.count["Redis stopped"] += 1
        self._later(now, _REDIS_AWAY_FOR, self._start_redis)

    def _start_redis(self, now: float) -> None:
        self.redis.__enter__()
        self._redis_runs = True
        self._later(now, self.dice.expovariate(1 / _REDIS), self._stop_redis)
