"""Tests for :mod:`bench.goals`."""

from twisted.trial.unittest import SynchronousTestCase

from bench.goals import TIMES, AtMost, Every, Keeps, Nothing, Times, median, percentile, ratio


class TimesTests(SynchronousTestCase):
    """A goal relative to the peer."""

    def test_more_is_better(self) -> None:
        """A speed meets its goal from exactly the factor upwards."""
        goal = Times(2)
        self.assertIs(goal.met(200.0, 100.0), True)
        self.assertIs(goal.met(199.0, 100.0), False)

    def test_less_is_better(self) -> None:
        """A waiting time meets its goal up to exactly the factor."""
        goal = Times(0.5, less_is_better=True)
        self.assertIs(goal.met(50.0, 100.0), True)
        self.assertIs(goal.met(51.0, 100.0), False)

    def test_nothing_to_compare(self) -> None:
        """Without a peer's figure there is no verdict."""
        self.assertIsNone(Times(2).met(1.0, None))

    def test_print(self) -> None:
        """The table shows the direction and the factor."""
        self.assertEqual(f"≥ 2 {TIMES}", str(Times(2)))
        self.assertEqual(f"≤ 0.5 {TIMES}", str(Times(0.5, less_is_better=True)))


class AtMostTests(SynchronousTestCase):
    """A goal of its own."""

    def test_met(self) -> None:
        """The limit itself is allowed, and the peer does not matter."""
        self.assertIs(AtMost(150).met(150.0, None), True)
        self.assertIs(AtMost(150).met(150.1, 1000.0), False)

    def test_print(self) -> None:
        """The table shows the limit without needless digits."""
        self.assertEqual("≤ 1.02", str(AtMost(1.02)))


class KeepsTests(SynchronousTestCase):
    """A goal relative to our own figure for the plain load."""

    def test_met(self) -> None:
        """Exactly the share is enough, and the peer does not matter."""
        goal = Keeps(0.5)
        self.assertIs(goal.met(50.0, 1000.0, 100.0), True)
        self.assertIs(goal.met(49.0, 1.0, 100.0), False)

    def test_nothing_to_compare(self) -> None:
        """Without the plain figure there is no verdict."""
        self.assertIsNone(Keeps(0.5).met(50.0, 1000.0))

    def test_print(self) -> None:
        """The table shows the share."""
        self.assertEqual("keeps 0.7", str(Keeps(0.7)))


class EveryTests(SynchronousTestCase):
    """Several goals for one figure."""

    goal = Every((Keeps(0.5), Times(20)))

    def test_all_met(self) -> None:
        """It is met where each is."""
        self.assertIs(self.goal.met(60.0, 3.0, 100.0), True)

    def test_one_missed(self) -> None:
        """One that is missed is enough to miss it, though nothing can be said about another."""
        self.assertIs(self.goal.met(40.0, 1.0, 100.0), False)
        self.assertIs(self.goal.met(60.0, 4.0, 100.0), False)
        self.assertIs(self.goal.met(40.0, None, 100.0), False)

    def test_undecided(self) -> None:
        """Where one is met and nothing can be said about another, nothing can be said."""
        self.assertIsNone(self.goal.met(60.0, None, 100.0))

    def test_print(self) -> None:
        """The table shows all of them."""
        self.assertEqual(f"keeps 0.5, ≥ 20 {TIMES}", str(self.goal))


class NothingTests(SynchronousTestCase):
    """A figure for information."""

    def test_no_verdict(self) -> None:
        """It is neither met nor missed, and the table shows a dash."""
        self.assertIsNone(Nothing().met(1.0, 2.0, 3.0))
        self.assertEqual("-", str(Nothing()))


class PercentileTests(SynchronousTestCase):
    """What so many of the values do not exceed."""

    def test_rank(self) -> None:
        """Of a hundred values in any order, 99 do not exceed the 99th."""
        self.assertEqual(99.0, percentile([float(each) for each in range(100, 0, -1)], 99))

    def test_few(self) -> None:
        """Of a few values it is the largest, of one that one."""
        self.assertEqual(3.0, percentile([3.0, 1.0, 2.0], 99))
        self.assertEqual(5.0, percentile([5.0], 99))


class MedianTests(SynchronousTestCase):
    """The middle of several rounds."""

    def test_outlier(self) -> None:
        """One noisy round does not move it."""
        self.assertEqual(3.0, median([2.0, 900.0, 3.0]))

    def test_even(self) -> None:
        """Of an even number it is the mean of the middle two."""
        self.assertEqual(2.5, median([4.0, 1.0, 2.0, 3.0]))

    def test_nothing(self) -> None:
        """No rounds have no median."""
        self.assertIsNone(median([]))


class RatioTests(SynchronousTestCase):
    """Ours by theirs."""

    def test_divides(self) -> None:
        """Twice the peer's figure is a ratio of two."""
        self.assertEqual(2.0, ratio(10.0, 5.0))

    def test_missing(self) -> None:
        """A missing figure, or a peer's zero, leaves no ratio."""
        self.assertIsNone(ratio(None, 5.0))
        self.assertIsNone(ratio(10.0, None))
        self.assertIsNone(ratio(10.0, 0.0))
