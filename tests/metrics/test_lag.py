"""How late the reactor is."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txregistry.metrics.lag import INTERVAL, LagMeter


class LagMeterTests(SynchronousTestCase):
    """What is measured."""

    def setUp(self) -> None:
        """Start a meter."""
        self.clock = Clock()
        self.seen: list[float] = []
        self.meter = LagMeter(self.clock, self.seen.append)
        self.meter.startService()

    def test_on_time(self) -> None:
        """A reactor that calls when it shall is not late."""
        self.clock.pump([INTERVAL] * 3)
        self.assertEqual(self.seen, [0, 0, 0])

    def test_late(self) -> None:
        """One that was held up is late by what was left of that, and measured anew from then on."""
        self.clock.advance(INTERVAL + 3)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.seen, [3, 0])

    def test_clock_set_back(self) -> None:
        """A clock that goes backwards makes nothing negative."""
        call: Any
        [call] = self.clock.getDelayedCalls()
        self.clock.rightNow -= 100
        call.func()
        self.assertEqual(self.seen, [0])

    def test_stop(self) -> None:
        """Nothing is measured after the stop."""
        self.meter.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_observer_fails(self) -> None:
        """An observer that fails does not end the measuring."""
        meter = LagMeter(self.clock, lambda seconds: 1 / 0)
        meter.startService()
        with self.assertRaises(ZeroDivisionError):
            self.clock.advance(INTERVAL)
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)
