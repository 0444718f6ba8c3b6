"""Tests for checks that run again and again."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from txregistry.health.checks import CheckFailed
from txregistry.health.state import Verdict
from txregistry.health.watch import Watch


class WatchTests(SynchronousTestCase):
    """A check every ten seconds, which the test answers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.verdict = Verdict(1)
        self.rounds: list[Deferred[None]] = []
        self.watch = Watch(self.clock, "a check", self.check, self.verdict, 10, 25)
        self.watch.startService()

    async def check(self) -> None:
        answer: Deferred[None] = Deferred()
        self.rounds.append(answer)
        await answer

    def test_rounds(self) -> None:
        """The first look is after one interval; then there is one each interval."""
        self.assertEqual(len(self.rounds), 0)
        for count in (1, 2, 3):
            self.clock.advance(10)
            self.assertEqual(len(self.rounds), count)
            self.rounds[-1].callback(None)

    def test_verdict(self) -> None:
        """What the check says is the verdict; the log has a line when it changes."""
        with capturedLogs() as events:
            for reason in (None, "first", "second", None, None):
                self.clock.advance(10)
                if reason is None:
                    self.rounds[-1].callback(None)
                else:
                    self.rounds[-1].errback(CheckFailed(reason))
                self.assertEqual(self.verdict.failure, reason)
        self.assertEqual(
            [(event["log_level"].name, event.get("reason")) for event in events],
            [("error", "first"), ("info", None)],
        )

    def test_broken(self) -> None:
        """A check that breaks has failed, the log has its traceback, and the next one runs."""
        self.clock.advance(10)
        self.rounds[-1].errback(ZeroDivisionError("oh"))
        self.assertEqual(self.verdict.failure, "ZeroDivisionError: oh")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.clock.advance(10)
        self.rounds[-1].callback(None)
        self.assertIsNone(self.verdict.failure)

    def test_broken_for_long(self) -> None:
        """One that breaks each time leaves one traceback, an error, until it was well again."""
        self.watch.stopService()
        for threshold in (1, 3):
            self.watch = Watch(self.clock, "a check", self.check, Verdict(threshold), 10, 25)
            self.watch.startService()
            with capturedLogs() as events:
                for _ in range(2):
                    for _ in range(5):
                        self.clock.advance(10)
                        self.rounds[-1].errback(ZeroDivisionError("oh"))
                    self.clock.advance(10)
                    self.rounds[-1].callback(None)
            self.watch.stopService()
            traced = [event["log_level"].name for event in events if "log_failure" in event]
            self.assertEqual(traced, ["error"] * 2)
            self.assertEqual(len(events), 6)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 4)

    def test_hanging(self) -> None:
        """One that hangs is waited for; it fails after its time, and may become well again."""
        self.clock.pump([10] * 3)
        self.assertIsNone(self.verdict.failure)
        self.clock.advance(10)
        self.assertEqual(len(self.rounds), 1)
        self.assertEqual(self.verdict.failure, "no answer for 30s")
        self.rounds[-1].callback(None)
        self.assertIsNone(self.verdict.failure)
        self.clock.advance(10)
        self.assertEqual(len(self.rounds), 2)

    def test_stop(self) -> None:
        """At the stop nothing is left running, and nothing is said."""
        self.clock.advance(10)
        with capturedLogs() as events:
            self.watch.stopService()
        self.assertEqual((events, self.clock.getDelayedCalls()), ([], []))
        self.assertTrue(self.rounds[-1].called)
        self.assertIsNone(self.verdict.failure)
