"""Tests for :mod:`bench.usage`."""

import os

from twisted.trial.unittest import SynchronousTestCase

from bench.usage import parse_fields, parse_ticks, usage_of


class ParseFieldsTests(SynchronousTestCase):
    """Texts of ``/proc`` with a name and a number a line."""

    def test_numbers(self) -> None:
        """Numbers are read with or without a unit; other lines are left out."""
        text = "Name:\ttwistd\nVmHWM:\t   70112 kB\nwrite_bytes: 4096\nGroups:\t\n"
        self.assertEqual({"VmHWM": 70112, "write_bytes": 4096}, parse_fields(text))


class ParseTicksTests(SynchronousTestCase):
    """The ``stat`` line of a process."""

    def test_sum(self) -> None:
        """User and kernel time are added, whatever the program's name contains."""
        stat = "77 (a ) 1 2) S 1 77 77 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 3 0 1000"
        self.assertEqual(300, parse_ticks(stat))


class UsageOfTests(SynchronousTestCase):
    """A live process."""

    def test_self(self) -> None:
        """The running interpreter has memory, a peak not below it, and has used the processor."""
        usage = usage_of(os.getpid())
        self.assertGreater(usage.resident, 1_000_000)
        self.assertGreaterEqual(usage.peak, usage.resident)
        self.assertGreater(usage.cpu, 0.0)
