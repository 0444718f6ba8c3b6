"""Tests for :mod:`bench.wrk`."""

from twisted.trial.unittest import SynchronousTestCase

from bench.errors import BenchFailed
from bench.wrk import parse_figures


def output(**changes: int) -> str:
    """What a run prints, with *changes* to its figures."""
    figures = {
        "requests": 4000,
        "bytes": 8_000_000,
        "microseconds": 2_000_000,
        "p99": 30_500,
        "connect": 0,
        "read": 0,
        "write": 0,
        "status": 0,
        "timeout": 0,
    } | changes
    inside = ", ".join(f'"{name}": {value}' for name, value in figures.items())
    return f"Running 2s test\n  4000 requests in 2.00s\nFIGURES {{{inside}}}\n"


class ParseFiguresTests(SynchronousTestCase):
    """The line that the script prints."""

    def test_figures(self) -> None:
        """Microseconds become seconds, and rates follow from totals."""
        figures = parse_figures(output())
        self.assertEqual((2000.0, 4.0), (figures.rate, figures.megabytes))
        self.assertAlmostEqual(0.0305, figures.p99)

    def test_each_fault(self) -> None:
        """A single fault of any kind makes the run worthless, and is named."""
        for kind in ("connect", "read", "write", "status", "timeout"):
            with self.assertRaises(BenchFailed) as raised:
                parse_figures(output(**{kind: 1}))
            self.assertIn(f"'{kind}': 1", str(raised.exception))

    def test_no_answer(self) -> None:
        """A run in which nothing was answered is no result of zero."""
        with self.assertRaises(BenchFailed):
            parse_figures(output(requests=0))

    def test_no_line(self) -> None:
        """Output without the line fails, and is shown."""
        with self.assertRaises(BenchFailed) as raised:
            parse_figures("unable to connect")
        self.assertIn("unable to connect", str(raised.exception))
