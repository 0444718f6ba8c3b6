"""Tests of :mod:`txregistry.drivers.limited`."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, fail
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes.workers import HeldWorkers
from txregistry.drivers.limited import LimitedWorkers
from txregistry.errors import NotRunning
from txregistry.interfaces import IWorkers


class LimitedWorkersTests(SynchronousTestCase):
    """No more than so many at a time."""

    def setUp(self) -> None:
        self.held = HeldWorkers()
        self.workers = LimitedWorkers(self.held, 2)

    def test_provides(self) -> None:
        """They are workers."""
        verifyObject(IWorkers, self.workers)

    def test_limit(self) -> None:
        """The third piece of work is handed on when one of the first two has ended, and so on in turn."""
        answers = [self.workers.run(abs, -number) for number in range(5)]
        self.assertEqual(len(self.held.waiting), 2)
        self.held.step(1)
        self.assertEqual(self.successResultOf(answers[1]), 1)
        self.assertNoResult(answers[0])
        for number in (0, 2, 3, 4):
            self.assertEqual(len(self.held.waiting), min(2, 5 - max(1, number)))
            self.held.step()
            self.assertEqual(self.successResultOf(answers[number]), number)
        self.assertEqual(self.held.waiting, [])

    def test_failure(self) -> None:
        """Work that fails makes room, too."""
        answers = [self.workers.run(int, text) for text in ("a", "b", "3")]
        for _ in range(3):
            self.held.step()
        self.failureResultOf(answers[0], ValueError)
        self.failureResultOf(answers[1], ValueError)
        self.assertEqual(self.successResultOf(answers[2]), 3)

    def test_cancel(self) -> None:
        """Work whose answer was dropped is done nevertheless, in its turn, and counts until it ends."""
        done: list[int] = []
        answers = [self.workers.run(done.append, number) for number in range(4)]
        for answer in answers[:3]:
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
        self.assertEqual(len(self.held.waiting), 2)
        for _ in range(4):
            self.held.step()
        self.assertEqual(done, [0, 1, 2, 3])
        self.successResultOf(answers[3])

    def test_very_many(self) -> None:
        """However many wait, they may all end at once, as when the threads were stopped."""
        answers = [self.workers.run(abs, -number) for number in range(5000)]
        self.patch(self.held, "run", lambda *_: fail(NotRunning()))
        self.held.step()
        self.held.step()
        self.assertEqual([self.successResultOf(answer) for answer in answers[:2]], [0, 1])
        for answer in answers[2:]:
            self.failureResultOf(answer, NotRunning)
