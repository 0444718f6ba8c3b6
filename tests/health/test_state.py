"""Tests for what the checks said."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txregistry.health.state import Health, Verdict
from txregistry.interfaces import IHealth


class VerdictTests(SynchronousTestCase):
    """One check."""

    def test_threshold(self) -> None:
        """Only so many failures in a row count, and one success ends them."""
        for threshold, needed in ((-1, 1), (0, 1), (1, 1), (3, 3)):
            verdict = Verdict(threshold)
            for _ in range(2):
                for number in range(1, needed + 2):
                    verdict.failed(f"reason {number}")
                    expected = f"reason {number}" if number >= needed else None
                    self.assertEqual(verdict.failure, expected)
                verdict.passed()
                self.assertIsNone(verdict.failure)

    def test_not_in_a_row(self) -> None:
        """Failures with successes between them never reach the threshold."""
        verdict = Verdict(2)
        for _ in range(5):
            verdict.failed("x")
            verdict.passed()
        self.assertIsNone(verdict.failure)


class HealthTests(SynchronousTestCase):
    """All of them."""

    def test_failures(self) -> None:
        """Those that fail are told by name, in the order in which they were added."""
        health = Health()
        self.assertTrue(verifyObject(IHealth, health))
        verdicts = [health.add(name, 1) for name in "cab"]
        self.assertEqual((health.failing, health.failures()), (False, {}))
        for verdict, reason in ((verdicts[2], "z"), (verdicts[0], "y")):
            verdict.failed(reason)
        self.assertEqual((health.failing, list(health.failures().items())), (True, [("c", "y"), ("b", "z")]))
        for verdict in verdicts:
            verdict.passed()
        self.assertEqual((health.failing, health.failures()), (False, {}))

    def test_twice(self) -> None:
        """No two checks have one name."""
        health = Health()
        health.add("a", 1)
        self.assertRaises(ValueError, health.add, "a", 2)
