"""Which line of the code speaks."""

from __future__ import annotations

import json
import sys

from twisted.logger import Logger, LogPublisher, globalLogPublisher
from twisted.python import log as legacy
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txregistry.aftermath import tell_failure
from txregistry.errors import StorageError
from txregistry.log import FORMATTERS, LineObserver

HERE = f"{__name__}.CallerTests"


class CallerTests(SynchronousTestCase):
    """``log.reportcaller``."""

    def setUp(self) -> None:
        self.lines: list[str] = []
        self.log = Logger("a.namespace", observer=LogPublisher(self.observer()))

    def observer(self, reportcaller: bool = True) -> LineObserver:
        return LineObserver(self, "debug", FORMATTERS["json"], {}, reportcaller)

    def write(self, line: str) -> None:
        """Take what the observer writes."""
        self.lines.append(line)

    def places(self) -> list[tuple[str, str]]:
        return [(found["func"], found["file"]) for found in map(json.loads, self.lines)]

    def test_method(self) -> None:
        """The function by its full name, and the line, whatever way the logger was called."""
        line = sys._getframe().f_lineno
        self.log.info("x")
        self.log.error("x")
        self.assertEqual(
            self.places(),
            [
                (f"{HERE}.test_method", f"{__file__}:{line + 1}"),
                (f"{HERE}.test_method", f"{__file__}:{line + 2}"),
            ],
        )

    def test_failure(self) -> None:
        """Of a failure, who logs it; where it came from is in its traceback."""
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            line = sys._getframe().f_lineno
            self.log.failure("it failed")
        with self.log.failuresHandled("they failed"):
            raise ZeroDivisionError
        first, second = self.places()
        self.assertEqual(first, (f"{HERE}.test_failure", f"{__file__}:{line + 1}"))
        self.assertEqual(second[0], f"{HERE}.test_failure")

    def test_passed_on(self) -> None:
        """What is told by way of another is who has something to tell."""
        line = sys._getframe().f_lineno
        tell_failure(self.log, "it failed", Failure(ZeroDivisionError()))
        tell_failure(self.log, "it failed", Failure(StorageError("broken")))
        here = f"{HERE}.test_passed_on"
        self.assertEqual(self.places(), [(here, f"{__file__}:{line + 1}"), (here, f"{__file__}:{line + 2}")])

    def test_legacy(self) -> None:
        """Who speaks through Twisted's old logging is found, too."""
        observer = self.observer()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        legacy.msg("x")
        self.assertIn(f"{HERE}.test_legacy", dict(self.places()))

    def test_off(self) -> None:
        """Nobody is named who was not asked for."""
        Logger("a.namespace", observer=LogPublisher(self.observer(False))).info("x")
        [line] = self.lines
        self.assertNotIn("func", json.loads(line))
