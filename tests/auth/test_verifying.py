"""Tests for passwords checked in threads."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import HeldWorkers
from txregistry.auth.bcrypted import BcryptHash, Checked
from txregistry.auth.lines import Lines
from txregistry.auth.verifying import Verifier
from txregistry.errors import TooManyAttempts

EXPECTED = BcryptHash.matching_nothing(4)


class Oops(Exception):
    """Raised by a check."""


class VerifierTests(SynchronousTestCase):
    """Two places; each check takes a second, so that four may wait; the password is ``right``."""

    def setUp(self) -> None:
        self.workers = HeldWorkers()
        self.checked: list[bytes] = []
        self.learned: list[bool] = []
        self.verifier = Verifier(self.workers, Lines(2, 2.0), self.check)
        for _ in range(32):
            self.verify("warm")
            self.workers.step()
        del self.checked[:], self.learned[:]

    def check(self, expected: BcryptHash, password: bytes) -> Checked:
        self.assertIs(expected, EXPECTED)
        self.checked.append(password)
        if password == b"oops":
            raise Oops
        return Checked(password == b"right", 1.0)

    def verify(self, password: str, line: str = "here", user: str = "alice") -> Deferred[bool]:
        """Ask, with the password for a key."""
        return self.verifier.verify(password, line, user, EXPECTED, password.encode(), self.learned.append)

    def run_all(self, each: Callable[[], None] = lambda: None) -> None:
        """Do everything that waits, and *each* before each step."""
        while self.workers.waiting:
            each()
            self.workers.step()

    def test_answers(self) -> None:
        """The answer is whether the password matched."""
        right, wrong = self.verify("right"), self.verify("wrong")
        self.run_all()
        self.assertEqual((self.successResultOf(right), self.successResultOf(wrong)), (True, False))
        self.assertEqual(self.learned, [True, False])

    def test_shared(self) -> None:
        """Five hundred who ask the same share one check, wherever they come from, also while it runs."""
        answers = [self.verify("right", str(number)) for number in range(500)]
        self.assertEqual(len(self.workers.waiting), 1)
        self.run_all()
        self.assertEqual([self.successResultOf(each) for each in answers], [True] * 500)
        self.assertEqual((self.checked, self.learned), ([b"right"], [True]))

    def test_again(self) -> None:
        """What was answered is forgotten here: who asks later has another check."""
        self.verify("right")
        self.run_all()
        self.verify("right")
        self.run_all()
        self.assertEqual(self.checked, [b"right"] * 2)

    def test_few_at_once(self) -> None:
        """The workers never have more than there are places."""
        for number in range(6):
            self.verify(str(number))

        def few() -> None:
            self.assertLessEqual(len(self.workers.waiting), 2)

        self.run_all(few)
        self.assertEqual(self.checked, [b"0", b"1", b"2", b"3", b"4", b"5"])

    def test_flood(self) -> None:
        """Too many from one address are refused, each by its own name, and somebody else is not."""
        flood = [self.verify(str(number), "flood", f"user{number}") for number in range(10)]
        for number in range(6, 10):
            error = self.failureResultOf(flood[number], TooManyAttempts).value
            assert isinstance(error, TooManyAttempts)
            self.assertEqual((error.retry_after, error.user), (2, f"user{number}"))
        right = self.verify("right", "elsewhere")
        error = self.failureResultOf(flood[5], TooManyAttempts).value
        assert isinstance(error, TooManyAttempts)
        self.assertEqual(error.user, "user5")
        self.run_all()
        self.assertTrue(self.successResultOf(right))
        self.assertEqual(self.checked, [b"0", b"1", b"2", b"right", b"3", b"4"])
        self.assertEqual([self.successResultOf(each) for each in flood[:5]], [False] * 5)

    def test_refused_together(self) -> None:
        """All who share a check that is refused are refused."""
        flood = [self.verify(str(number), "flood") for number in range(6)]
        again = self.verify("5", "flood")
        self.verify("right", "elsewhere")
        for each in (flood[5], again):
            self.failureResultOf(each, TooManyAttempts)

    def test_leaving(self) -> None:
        """Who leaves gives up its place in the line."""
        answers = [self.verify(str(number)) for number in range(6)]
        answers[3].cancel()
        self.failureResultOf(answers[3], CancelledError)
        self.assertNoResult(self.verify("6"))
        self.run_all()
        self.assertEqual(self.checked, [b"0", b"1", b"2", b"4", b"5", b"6"])

    def test_leaving_others(self) -> None:
        """A check that somebody else waits for goes on."""
        self.verify("a"), self.verify("b")
        first, second = self.verify("right"), self.verify("right")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.run_all()
        self.assertTrue(self.successResultOf(second))

    def test_leaving_a_running_check(self) -> None:
        """A check that runs goes on, and what it finds is learned; who comes meanwhile has a share in it."""
        first = self.verify("right")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        second = self.verify("right")
        self.run_all()
        self.assertTrue(self.successResultOf(second))
        self.verify("right").addErrback(lambda _: None).cancel()
        self.run_all()
        self.assertEqual((self.checked, self.learned), ([b"right"] * 2, [True] * 2))

    def test_leaving_during_the_answers(self) -> None:
        """One who hears its answer may take another along that shares the check."""
        first, second = self.verify("right"), self.verify("right")
        first.addCallback(lambda _: second.cancel())
        self.run_all()
        self.failureResultOf(second, CancelledError)
        self.assertFalse(self.workers.waiting)

    def test_leaving_during_refusals(self) -> None:
        """One who hears its refusal may take another along that shares the check."""
        flood = [self.verify(str(number), "flood") for number in range(6)]
        again = self.verify("5", "flood")
        flood[5].addErrback(lambda _: again.cancel())
        right = self.verify("right", "elsewhere")
        self.failureResultOf(again, CancelledError)
        self.run_all()
        self.assertTrue(self.successResultOf(right))

    def test_failure(self) -> None:
        """A check that fails, fails for all who wait for it, and for nobody else."""
        answers = [self.verify("oops"), self.verify("oops"), self.verify("right")]
        self.run_all()
        self.failureResultOf(answers[0], Oops)
        self.failureResultOf(answers[1], Oops)
        self.assertTrue(self.successResultOf(answers[2]))
        self.assertEqual(self.learned, [True])

    def test_failures_keep_no_place(self) -> None:
        """After any number of checks that failed, others have their turn."""
        for _ in range(5):
            answer = self.verify("oops")
            self.run_all()
            self.failureResultOf(answer, Oops)
        right = self.verify("right")
        self.run_all()
        self.assertTrue(self.successResultOf(right))

    def test_secret(self) -> None:
        """No password is to be seen in what waits."""
        self.verify("right")
        self.assertNotIn("right", repr(vars(self.verifier._shared)["_pending"].values()))
