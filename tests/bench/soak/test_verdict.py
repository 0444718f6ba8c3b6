"""Tests for :mod:`bench.soak.verdict`."""

import random
from collections.abc import Callable, Mapping

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from bench.soak.samples import Sample
from bench.soak.verdict import Check, early_level, judge, trend

MIB = 1024 * 1024
RISE = "rise of memory in the last half"
KEPT = "memory after the rest"
SECONDS = 1000.0
IDLE = Sample(-1.0, 70 * MIB, 12, 9, 0.5, {"txregistry_connections": 0.0}, pooled=3)


def samples(memory: Callable[[float], float]) -> list[Sample]:
    """One each ten seconds, with so many MiB at each moment."""
    return [
        evolve(IDLE, at=float(at), resident=round(memory(at) * MIB), descriptors=90, threads=30, pooled=24)
        for at in range(0, int(SECONDS), 10)
    ]


RESTED = evolve(IDLE, at=SECONDS + 60, resident=84 * MIB, threads=30, pooled=24)


def broken(
    memory: Callable[[float], float] = lambda at: 85.0,
    rested: Sample = RESTED,
    statuses: Mapping[int, float] | None = None,
    complaints: int = 0,
    faults: int = 0,
    sessions: int = 0,
) -> list[str]:
    """The titles of what did not hold."""
    given = statuses or {200: 5000.0, 404: 10.0}
    checks = judge(IDLE, samples(memory), rested, SECONDS, given, complaints, faults, sessions)
    return [check.title for check in checks if not check.passed]


class TrendTests(SynchronousTestCase):
    """Straight lines through points."""

    def test_line(self) -> None:
        """Points on a line give its rise, and nothing beside it."""
        found = trend([(float(at), 3.0 + 0.5 * at) for at in range(11)])
        self.assertAlmostEqual(5.0, found.rise)
        self.assertAlmostEqual(0.0, found.deviation)

    def test_noise(self) -> None:
        """What goes up and down has a deviation and hardly a rise."""
        found = trend([(float(at), 10.0 + (-1) ** at) for at in range(100)])
        self.assertLess(abs(found.rise), 0.1)
        self.assertAlmostEqual(1.0, found.deviation, 2)

    def test_too_few(self) -> None:
        """Two points are always on a line, which says nothing."""
        self.assertRaises(ValueError, trend, [(0.0, 1.0), (1.0, 2.0)])


class EarlyLevelTests(SynchronousTestCase):
    """Memory once the caches are full."""

    def test_part(self) -> None:
        """Neither the start nor what comes later counts."""
        found = early_level(samples(lambda at: 80.0 if 100 <= at <= 200 else 500.0), SECONDS)
        self.assertAlmostEqual(80.0, found)

    def test_none(self) -> None:
        """Without samples of that part there is no level."""
        self.assertRaises(ValueError, early_level, [IDLE], SECONDS)


class JudgeTests(SynchronousTestCase):
    """The verdict."""

    def test_flat(self) -> None:
        """A daemon that is as it was passes, although pools keep their threads."""
        self.assertEqual([], broken())

    def test_noise(self) -> None:
        """Memory that goes up and down without end passes."""
        dice = random.Random(1)
        self.assertEqual([], broken(lambda at: 85 + dice.uniform(-8, 8)))

    def test_warm_up(self) -> None:
        """Memory may rise at first."""
        self.assertEqual([], broken(lambda at: min(85.0, 70 + at / 10)))

    def test_leak(self) -> None:
        """Memory that rises to the end fails, also if the rest gives all of it back."""
        self.assertEqual([RISE], broken(lambda at: 80 + at / 50))

    def test_leak_under_noise(self) -> None:
        """A rise is seen through noise that is smaller than it."""
        dice = random.Random(1)
        self.assertIn(RISE, broken(lambda at: 80 + at / 50 + dice.uniform(-3, 3)))

    def test_kept(self) -> None:
        """Memory that stays far above its early level fails."""
        self.assertEqual([KEPT], broken(rested=evolve(RESTED, resident=120 * MIB)))

    def test_descriptors(self) -> None:
        """Descriptors must be back."""
        self.assertEqual(["descriptors after the rest"], broken(rested=evolve(RESTED, descriptors=17)))

    def test_threads(self) -> None:
        """Threads that belong to no pool must be gone."""
        self.assertEqual(["threads after the rest"], broken(rested=evolve(RESTED, threads=35)))

    def test_under_way(self) -> None:
        """Nothing may be under way, and what is is named."""
        rested = evolve(RESTED, gauges={"txregistry_body_bytes_held": 5.0, "txregistry_connections": 0.0})
        self.assertEqual(["what is still under way"], broken(rested=rested))

    def test_caches(self) -> None:
        """What is remembered on purpose may stay."""
        self.assertEqual(
            [], broken(rested=evolve(RESTED, gauges={"txregistry_descriptors_remembered": 99.0}))
        )

    def test_statuses(self) -> None:
        """Each 5xx fails, but for those that tell clients that they ask for what does not exist."""
        for status in (500, 502, 503, 507):
            self.assertEqual(["answers with 5xx"], broken(statuses={200: 9.0, status: 1.0}))
        self.assertEqual([], broken(statuses={200: 9.0, 501: 1.0, 505: 2.0}))

    def test_counts(self) -> None:
        """A single bad line, broken promise or session fails."""
        self.assertEqual(["bad lines in the log"], broken(complaints=1))
        self.assertEqual(["promises broken"], broken(faults=1))
        self.assertEqual(["upload sessions left"], broken(sessions=1))

    def test_told(self) -> None:
        """Each check says what was found and what was wanted."""
        checks = judge(IDLE, samples(lambda at: 85.0), RESTED, SECONDS, {200: 1.0}, 0, 2, 0)
        self.assertIn(Check("promises broken", "2", "0", False), checks)
