"""Tests for :mod:`bench.guessing`, before a small server."""

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from bench.errors import BenchFailed
from bench.guessing import guess
from bench.outcome import Outcome
from bench.variants import USER, basic
from tests.bench.answering import Doorkeeper


class GuessTests(SynchronousTestCase):
    """Clients with wrong passwords."""

    def setUp(self) -> None:
        self.patch(sys, "stdout", io.StringIO())

    def guess(self, keeper: Doorkeeper, user: str = USER, same: bool = False) -> Outcome:
        """Let four clients guess for a moment."""
        self.addCleanup(keeper.close)
        return guess(keeper.port, "bench/app", "manifests/x", user, 4, 0.2, same)

    def test_counted(self) -> None:
        """Both kinds of refusal are counted, and nothing else is."""
        done = self.guess(Doorkeeper())
        self.assertEqual(done.done, done.refused + done.put_off)
        self.assertGreater(done.put_off, 3)
        self.assertLess(abs(2 * done.put_off - done.refused), 2 + 2 * 4)

    def test_distinct(self) -> None:
        """Each guess is another one, from four addresses."""
        keeper = Doorkeeper()
        self.guess(keeper)
        self.assertEqual(len(keeper.shown), len(set(keeper.shown)))
        self.assertEqual(4, len(keeper.sources))

    def test_same(self) -> None:
        """All guesses may be one."""
        keeper = Doorkeeper()
        self.guess(keeper, same=True)
        self.assertEqual({basic(USER, "wrong-0")}, set(keeper.shown))

    def test_hung_up_on(self) -> None:
        """A client that is hung up on connects again and goes on."""
        done = self.guess(Doorkeeper(hang_up=True))
        self.assertGreater(done.put_off, 3 * 4)

    def test_let_in(self) -> None:
        """A wrong password that opens the door makes the run worthless."""
        keeper = Doorkeeper()
        self.patch(sys.modules["tests.bench.answering"], "WELCOME", {basic(USER, "wrong-5")})
        failed = self.assertRaises(BenchFailed, self.guess, keeper)
        self.assertIn("200: 1", str(failed))
