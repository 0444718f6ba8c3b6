"""Work that outlives its client."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.lines import lines
from txregistry.errors import DigestMismatch, ReferencesUnknown, StorageFull, UploadBusy
from txregistry.model.digest import EMPTY
from txregistry.model.manifest import InvalidManifest
from txregistry.web.shield import shielded


class ShieldTests(SynchronousTestCase):
    """Shielded work."""

    def setUp(self) -> None:
        self.step: Deferred[int] = Deferred()
        self.done: list[int] = []
        self.serving: set[object] = set()
        self.checks: list[bool] = []

    def request_ended(self) -> None:
        """Play the tracker: note whether anything is still being served."""
        self.checks.append(bool(self.serving))

    async def work(self) -> int:
        result = await self.step
        self.done.append(result)
        return result + 1

    def test_result(self) -> None:
        """Whoever waits gets what the work returned."""
        waiting = shielded(self.work(), self)
        self.assertNoResult(waiting)
        self.step.callback(1)
        self.assertEqual(self.successResultOf(waiting), 2)

    def test_failure(self) -> None:
        """Or what it raised, which is then nobody else's matter."""
        waiting = shielded(self.work(), self)
        self.step.errback(ZeroDivisionError())
        self.failureResultOf(waiting, ZeroDivisionError)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_at_once(self) -> None:
        """Work that takes no time has its result at once."""
        self.step.callback(1)
        self.assertEqual(self.successResultOf(shielded(self.work(), self)), 2)

    def test_cancelled(self) -> None:
        """Cancelling ends the waiting, and not the work."""
        waiting = shielded(self.work(), self)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.step.callback(5)
        self.assertEqual(self.done, [5])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_abandoned(self) -> None:
        """A result is put away if nobody waits for it any more, and only then does the work end."""
        put_away: list[tuple[int, int]] = []

        async def put(result: int) -> None:
            put_away.append((result, len(self.serving)))

        for cancelled in (False, True):
            self.setUp()
            waiting = shielded(self.work(), self, put)
            if cancelled:
                waiting.cancel()
                self.failureResultOf(waiting, CancelledError)
            self.step.callback(1)
            self.assertEqual(put_away, [(2, 1)] * cancelled)
            self.assertEqual(self.checks, [False])

    def test_tracked(self) -> None:
        """The work counts as being served until it ends, with or without its client."""
        for cancelled in (False, True):
            self.setUp()
            waiting = shielded(self.work(), self)
            if cancelled:
                waiting.cancel()
                self.failureResultOf(waiting, CancelledError)
            self.assertEqual((len(self.serving), self.checks), (1, []))
            self.step.callback(1)
            self.assertEqual((len(self.serving), self.checks), (0, [False]))

    def failing_unheard(self, error: Exception) -> int:
        """How often *error* is in the log when nobody waits any more."""
        self.setUp()
        waiting = shielded(self.work(), self)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.step.errback(error)
        return len(self.flushLoggedErrors(type(error)))

    def test_fails_unheard(self) -> None:
        """What fails when nobody waits any more is in the log."""
        with capturedLogs() as events:
            self.assertEqual(self.failing_unheard(ZeroDivisionError()), 1)
            self.assertEqual(self.failing_unheard(StorageFull("no space")), 0)
        text = "work failed after its client had left"
        self.assertEqual(
            lines(events), [("error", f"{text} [ZeroDivisionError]"), ("error", f"{text}: no space")]
        )

    def test_refused_unheard(self) -> None:
        """Not so what would only have told the client that it was wrong."""
        with capturedLogs() as events:
            for error in (
                DigestMismatch(EMPTY),
                InvalidManifest("no"),
                ReferencesUnknown([EMPTY]),
                UploadBusy("u"),
            ):
                self.assertEqual(self.failing_unheard(error), 0)
        self.assertEqual(lines(events), [])
