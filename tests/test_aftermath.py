"""Tests for what is told of failures that nobody waits for."""

from __future__ import annotations

from twisted.logger import Logger, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.lines import lines
from txregistry.aftermath import tell_failure
from txregistry.errors import BlobUnknown, PathNotFound, StorageFull, Unsupported, UploadBusy
from txregistry.model.digest import EMPTY


class TellFailureTests(SynchronousTestCase):
    """One line, or one with a traceback, or none."""

    _log = Logger()

    def told(self, error: Exception) -> list[tuple[str, str]]:
        with capturedLogs() as events:
            tell_failure(self._log, "{what} failed", Failure(error), what="it")
        return lines(events)

    def test_answers(self) -> None:
        """What a client would have been told is its own affair."""
        for error in (BlobUnknown(EMPTY), Unsupported("no"), UploadBusy("u")):
            self.assertEqual(self.told(error), [])

    def test_storage(self) -> None:
        """A failure of the storage is an error in one line, with the reason as it is."""
        for error in (StorageFull("disk: /a{b}: full"), PathNotFound("disk", "/a")):
            self.assertEqual(self.told(error), [("error", f"it failed: {error}")])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_fault(self) -> None:
        """A fault of ours has its traceback."""
        self.assertEqual(self.told(ZeroDivisionError("x")), [("error", "it failed [ZeroDivisionError]")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_current(self) -> None:
        """By default it is about the exception that is being handled."""
        with capturedLogs() as events:
            try:
                raise StorageFull("full")
            except StorageFull:
                tell_failure(self._log, "it failed")
        self.assertEqual(lines(events), [("error", "it failed: full")])
