"""Tests for :mod:`bench.compare`."""

from twisted.trial.unittest import SynchronousTestCase

from bench.compare import Row, Series, in_turn
from bench.goals import AtMost, Keeps, Times


class SeriesTests(SynchronousTestCase):
    """What one workload gave on one server."""

    def test_summary(self) -> None:
        """Figures and processor time are medians, memory is the highest peak."""
        series = Series([3.0, 1.0, 2.0], [70.0, 90.0, 80.0], [0.5, 0.9, 0.7])
        self.assertEqual((2.0, 90.0, 0.7), (series.value, series.peak, series.cpu_seconds))

    def test_empty(self) -> None:
        """A server that was left out has no figures."""
        series = Series()
        self.assertEqual((None, None, None), (series.value, series.peak, series.cpu_seconds))


class RowTests(SynchronousTestCase):
    """The verdict on a line."""

    def test_medians_decide(self) -> None:
        """One lucky round does not meet a goal."""
        row = Row("a", "a", "req/s", Times(2), Series([900.0, 150.0, 150.0]), Series([100.0, 100.0, 100.0]))
        self.assertIs(row.met, False)

    def test_nothing_measured(self) -> None:
        """Without a figure of ours there is no verdict, even for a limit."""
        self.assertIsNone(Row("a", "a", "MiB", AtMost(1), Series()).met)

    def test_plain(self) -> None:
        """A guarded load is judged by the medians of the plain one."""
        plain = Row("a", "a", "req/s", Times(2), Series([100.0, 100.0, 900.0]))
        self.assertIs(Row("b", "b", "req/s", Keeps(0.7), Series([70.0]), plain=plain).met, True)
        self.assertIs(Row("b", "b", "req/s", Keeps(0.7), Series([69.0]), plain=plain).met, False)
        self.assertIsNone(Row("b", "b", "req/s", Keeps(0.7), Series([70.0])).met)


class InTurnTests(SynchronousTestCase):
    """Who is measured first."""

    def test_alternates(self) -> None:
        """Each server begins every other round."""
        self.assertEqual(["ab", "ba", "ab"], [in_turn("ab", number) for number in range(3)])
