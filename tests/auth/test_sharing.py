"""Tests for work that several wait for; :mod:`tests.auth.test_verifying` has those for crowds."""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import HeldWorkers, InlineWorkers
from txregistry.auth.lines import Lines
from txregistry.auth.sharing import SharedWork
from txregistry.errors import TooManyAttempts


@frozen
class Done:
    """What the work here returns."""

    text: str
    seconds: float = 1.0


class SharedWorkTests(SynchronousTestCase):
    """Two pieces at a time, each of which takes a second; four may wait."""

    def setUp(self) -> None:
        self.workers = HeldWorkers()
        self.shared: SharedWork[Done] = SharedWork(self.workers, Lines(2, 2.0))
        for _ in range(32):
            self.run_one("warm")
            self.workers.step()

    def run_one(self, key: str, text: str = "x", line: str = "here") -> Deferred[Done]:
        return self.shared.run(key, line, lambda: Done(text))

    def test_at_once(self) -> None:
        """Work may be done before anybody waits."""
        shared: SharedWork[Done] = SharedWork(InlineWorkers(), Lines(1, 1.0))
        for _ in range(2):
            self.assertEqual(self.successResultOf(shared.run("a", "", lambda: Done("A"))).text, "A")

    def test_once(self) -> None:
        """What several want at the same time is done once; who comes later has it done anew."""
        answers = [self.run_one("a", "first") for _ in range(3)]
        self.assertEqual(len(self.workers.waiting), 1)
        self.workers.step()
        self.assertEqual([self.successResultOf(answer).text for answer in answers], ["first"] * 3)
        later = self.run_one("a", "second")
        self.workers.step()
        self.assertEqual(self.successResultOf(later).text, "second")

    def test_failure(self) -> None:
        """All learn that it failed."""
        answers = [self.shared.run("a", "", lambda: Done(str(1 // 0))) for _ in range(2)]
        self.workers.step()
        for answer in answers:
            self.failureResultOf(answer, ZeroDivisionError)

    def test_cancel(self) -> None:
        """Whoever gives up, the first included, takes nothing from the others."""
        first, second = self.run_one("a"), self.run_one("a")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        self.workers.step()
        self.successResultOf(second)

    def test_all_cancel(self) -> None:
        """Work that nobody waits for any more keeps no place in the line."""
        answers = [self.run_one(str(number)) for number in range(6)]
        self.failureResultOf(self.run_one("late"), TooManyAttempts)
        answers[4].cancel()
        self.failureResultOf(answers[4], CancelledError)
        self.assertNoResult(self.run_one("late"))

    def test_lines(self) -> None:
        """A crowd in one line holds up nobody in another."""
        for number in range(10):
            self.run_one(str(number), line="crowd").addErrback(lambda failure: failure.trap(TooManyAttempts))
        alone = self.run_one("alone", line="elsewhere")
        for _ in range(4):
            self.workers.step()
        self.successResultOf(alone)

    def test_limit(self) -> None:
        """Past the limit there is no more work, but any number may wait for what there is."""
        waiting = [self.run_one(str(number)) for number in (0, 1, 2, 3, 4, 5, 0, 5)]
        refusal = self.failureResultOf(self.run_one("late"), TooManyAttempts).value
        assert isinstance(refusal, TooManyAttempts)
        self.assertEqual((refusal.retry_after, refusal.user), (2, ""))
        while self.workers.waiting:
            self.workers.step()
        for answer in waiting:
            self.successResultOf(answer)
