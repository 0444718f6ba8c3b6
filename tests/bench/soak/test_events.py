"""Tests for :mod:`bench.soak.events`."""

import random
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.redis import Redis
from bench.soak.daemon import Daemon
from bench.soak.events import Events


class _Redis(Redis):
    """Only says whether it would run."""

    runs = True

    def __enter__(self) -> Redis:
        self.runs = True
        return self

    def __exit__(self, *_: object) -> None:
        self.runs = False


class _Daemon(Daemon):
    """Counts signals."""

    signals = 0

    def hang_up(self) -> None:
        self.signals += 1


class EventsTests(SynchronousTestCase):
    """What happens to a daemon in a few hours."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.daemon = _Daemon("", directory, "", "")
        self.redis = _Redis(1, directory)
        self.events = Events(self.daemon, self.redis, directory / "out", random.Random(1))
        self.events.begin(0.0)

    def test_all(self) -> None:
        """Everything happens again and again, is undone again, and whoever must know it is told."""
        sick = away = 0
        for second in range(3600):
            self.events.happen(float(second))
            if self.daemon.sick.exists():
                sick += 1
                self.assertTrue(self.events.out_of_service.exists())
            away += not self.redis.runs
        count = self.events.count
        self.assertEqual(3, len(count))
        self.assertGreater(min(count.values()), 10)
        self.assertEqual(self.daemon.signals, count["passwords renewed with SIGHUP"])
        self.assertTrue(0 < sick <= 4 * count["made unhealthy"])
        self.assertTrue(0 < away <= 5 * count["Redis stopped"])

    def test_end(self) -> None:
        """At the end, whenever it is, all is well, and nothing more happens."""
        for last in range(40, 140):
            self.setUp()
            for second in range(last):
                self.events.happen(float(second))
            self.events.end()
            self.events.happen(1e6)
            self.assertTrue(self.redis.runs)
            self.assertFalse(self.daemon.sick.exists())
