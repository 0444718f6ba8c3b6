"""Tests for :mod:`bench.floods`, before a small server."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.content import Content
from bench.errors import BenchFailed
from bench.floods import FLOODS, Endured, Flood, Flooded, endure, middle
from bench.servers import Server
from bench.workloads import Target
from tests.bench.answering import Doorkeeper

CONTENT = Content("sha256:m", 1, "tag", "sha256:c", 1, "sha256:d", 1, "sha256:l", 1, 1)


class FloodedTests(SynchronousTestCase):
    """The verdict on a flood."""

    def line(self, *medians: float) -> Flooded:
        """A line with one round for each of *medians*."""
        return Flooded(FLOODS[0], [Endured(each, 9999.0, 9999.0, 1.0, 1.0) for each in medians])

    def test_median_decides(self) -> None:
        """The median of all rounds is held against the limit; no other figure matters."""
        self.assertIs(self.line(10.0, 20.0, 900.0).met, True)
        self.assertIs(self.line(10.0, 151.0, 900.0).met, False)

    def test_nothing_measured(self) -> None:
        """Without rounds there is no verdict."""
        self.assertIsNone(self.line().met)

    def test_middle(self) -> None:
        """Each figure has a median of its own."""
        windows = [Endured(1, 2, 3, 4, 5), Endured(2, 3, 4, 5, 60), Endured(30, 4, 5, 6, 7)]
        self.assertEqual((2, 7), (middle(windows, "median"), middle(windows, "put_off")))


class StandIn(Server):
    """A server that somebody else runs."""

    def check_alive(self) -> None:
        """Believe it."""


class EndureTests(SynchronousTestCase):
    """One window."""

    def endure(self, flood: Flood, late: str) -> Endured:
        """A short one before a small server."""
        keeper = Doorkeeper()
        self.addCleanup(keeper.close)
        server = StandIn("stand-in", "true", Path(os.devnull), port=keeper.port)
        return endure(Target(server, CONTENT), flood, late, 0.2)

    def test_figures(self) -> None:
        """The user is served beside guesses that are refused and put off; somebody new is let in."""
        found = self.endure(FLOODS[1], "late-0")
        self.assertGreater(min(found.refused, found.put_off), 1.0)
        self.assertLessEqual(found.median, found.p99)
        self.assertGreater(min(found.median, found.first), 0.0)

    def test_wrong_answer(self) -> None:
        """A user with the right password who is refused makes the run worthless."""
        self.assertRaises(BenchFailed, self.endure, FLOODS[0], "nobody-knows-me")
