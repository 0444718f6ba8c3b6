"""Tests for work that several wait for."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import HeldWorkers, InlineWorkers
from txregistry.auth.sharing import SharedWork
from txregistry.errors import TooManyAttempts


class SharedWorkTests(SynchronousTestCase):
    """Two pieces at a time."""

    def setUp(self) -> None:
        self.workers = HeldWorkers()
        self.shared: SharedWork[str] = SharedWork(self.workers, 2)

    def test_at_once(self) -> None:
        """Work may be done before anybody waits."""
        shared: SharedWork[str] = SharedWork(InlineWorkers(), 1)
        for _ in range(2):
            self.assertEqual(self.successResultOf(shared.run(b"a", lambda: "A")), "A")

    def test_once(self) -> None:
        """What several want at the same time is done once; who comes later has it done anew."""
        answers = [self.shared.run(b"a", lambda: "first") for _ in range(3)]
        self.assertEqual(len(self.workers.waiting), 1)
        self.workers.step()
        self.assertEqual([self.successResultOf(answer) for answer in answers], ["first"] * 3)
        later = self.shared.run(b"a", lambda: "second")
        self.workers.step()
        self.assertEqual(self.successResultOf(later), "second")

    def test_failure(self) -> None:
        """All learn that it failed."""
        answers = [self.shared.run(b"a", lambda: str(1 // 0)) for _ in range(2)]
        self.workers.step()
        for answer in answers:
            self.failureResultOf(answer, ZeroDivisionError)

    def test_cancel(self) -> None:
        """Whoever gives up, the first included, takes nothing from the others."""
        first, second = self.shared.run(b"a", lambda: "A"), self.shared.run(b"a", lambda: "A")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        self.workers.step()
        self.assertEqual(self.successResultOf(second), "A")

    def test_all_cancel(self) -> None:
        """Work that nobody waits for any more still counts until it has ended."""
        for key in (b"a", b"b"):
            answer = self.shared.run(key, lambda: "x")
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
        self.assertRaises(TooManyAttempts, self.shared.run, b"c", lambda: "x")
        self.workers.step()
        self.shared.run(b"c", lambda: "x")

    def test_limit(self) -> None:
        """Past the limit there is no more work, but any number may wait for what there is."""
        waiting = [self.shared.run(key, lambda: "x") for key in (b"a", b"b", b"a", b"b")]
        refusal = self.assertRaises(TooManyAttempts, self.shared.run, b"c", lambda: "x")
        self.assertEqual(refusal.retry_after, 1)
        self.workers.step(1)
        waiting.append(self.shared.run(b"c", lambda: "x"))
        self.workers.step()
        self.workers.step()
        self.assertEqual([self.successResultOf(answer) for answer in waiting], ["x"] * 5)
