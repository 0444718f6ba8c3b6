"""Tests for :mod:`bench.soak.watch`."""

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.soak.watch import LogWatch, complaint


def line(**entry: object) -> str:
    """An entry of the log; two underscores stand for a dot."""
    return json.dumps({name.replace("__", "."): value for name, value in entry.items()})


class ComplaintTests(SynchronousTestCase):
    """Which entries should not be there."""

    def test_harmless(self) -> None:
        """Information, warnings, requests that were refused, and what was done on purpose are."""
        for text in (
            line(level="info", msg="listening"),
            line(level="warning", msg="no redis"),
            line(level="error", msg="response completed with error", http__response__status=404),
            line(level="error", msg="response completed with error", http__response__status=503),
            line(level="error", msg="manifest unknown", http__request__id="1"),
            line(level="error", msg="health check file fails: it exists"),
        ):
            self.assertIsNone(complaint(text), text)

    def test_bad(self) -> None:
        """Stacks, failed requests, errors beside the requests, and what is no entry are not."""
        for text in (
            line(level="error", msg="request failed", http__request__id="1", err__stack="Traceback"),
            line(level="error", msg="response completed with error", http__response__status=500),
            line(level="error", msg="chore failed"),
            line(level="fatal", msg="no storage"),
            "Unhandled Error",
        ):
            self.assertIsNotNone(complaint(text), text)


class LogWatchTests(SynchronousTestCase):
    """A file that grows."""

    def test_grows(self) -> None:
        """Each line is read once, when it is whole."""
        file = Path(self.mktemp())
        watch = LogWatch(file)
        bad = line(level="error", msg="chore failed")
        with file.open("a") as log:
            log.write(f"{line(level='info', msg='fine')}\n{bad[:10]}")
            log.flush()
            watch.look()
            self.assertEqual((1, []), (watch.lines, watch.complaints))
            log.write(f"{bad[10:]}\n")
            log.flush()
            watch.look()
            watch.look()
        self.assertEqual((2, [bad]), (watch.lines, watch.complaints))
