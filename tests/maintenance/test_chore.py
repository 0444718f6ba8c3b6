"""Tests for work that is done again and again."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txregistry.maintenance.chore import Chore


class ChoreTests(SynchronousTestCase):
    """Work after 5 seconds, and then every 100."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.rounds: list[Deferred[None]] = []
        self.chore = Chore(self.clock, "a chore", self.work, 5, 100)
        self.chore.startService()

    async def work(self) -> None:
        self.rounds.append(Deferred())
        await self.rounds[-1]

    def test_times(self) -> None:
        """The interval counts from the end of the work."""
        self.clock.advance(4.9)
        self.assertEqual(len(self.rounds), 0)
        self.clock.advance(0.1)
        self.assertEqual(len(self.rounds), 1)
        self.clock.advance(1000)
        self.assertEqual(len(self.rounds), 1)
        self.rounds[-1].callback(None)
        self.clock.advance(99.9)
        self.assertEqual(len(self.rounds), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.rounds), 2)

    def test_failure(self) -> None:
        """A failure is logged, and the work is done at its next time."""
        self.clock.advance(5)
        self.rounds[-1].errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.clock.advance(100)
        self.assertEqual(len(self.rounds), 2)

    def test_cancelled_by_itself(self) -> None:
        """Work that somebody else cancels has failed, and is done at its next time, too."""
        self.clock.advance(5)
        self.rounds[-1].cancel()
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)
        self.clock.advance(99.9)
        self.assertEqual(len(self.rounds), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.rounds), 2)

    def test_at_once(self) -> None:
        """Work that has nothing to wait for is no different."""
        done: list[float] = []

        async def work() -> None:
            done.append(self.clock.seconds())
            await succeed(None)

        chore = Chore(self.clock, "a chore", work, 1, 10)
        chore.startService()
        self.clock.pump([1, 10, 10])
        self.assertEqual(done, [1, 11, 21])
        self.successResultOf(chore.stopService())

    def test_stop(self) -> None:
        """At the stop nothing goes on; work under way is cancelled, and waited for."""
        self.successResultOf(self.chore.stopService())
        self.chore.startService()
        self.clock.advance(5)
        cleaning: Deferred[None] = Deferred()

        async def careful() -> None:
            try:
                await Deferred()
            finally:
                await cleaning

        self.chore._work = careful
        self.rounds[-1].callback(None)
        self.clock.advance(100)
        stopped = self.chore.stopService()
        self.assertNoResult(stopped)
        cleaning.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
