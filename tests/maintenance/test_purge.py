"""Tests for a round of removing stale uploads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txregistry.errors import StorageError
from txregistry.interfaces import IStaleUploads, StaleUpload
from txregistry.maintenance.purge import UploadPurge

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


@implementer(IStaleUploads)
@define
class Sessions:
    """Sessions by id; *stuck* ones cannot be removed, *used* ones are gone on with."""

    ids: list[str]
    stuck: set[str] = field(factory=set)
    used: set[str] = field(factory=set)
    broken: bool = False
    closed: tuple[str, ...] = ()
    asked: list[datetime] = field(factory=list)

    async def find(
        self, before: datetime, unreadable: Callable[[Exception], object]
    ) -> AsyncIterator[StaleUpload]:
        self.asked.append(before)
        for place in self.closed:
            unreadable(StorageError(f"{place}: Permission denied"))
        for id in list(self.ids):
            yield StaleUpload("a", id, NOW - timedelta(days=9), 10)
        if self.broken:
            raise StorageError("the disk is gone")

    async def remove(self, upload: StaleUpload) -> bool:
        if upload.id in self.stuck:
            raise StorageError("read-only")
        if upload.id in self.used:
            return False
        self.ids.remove(upload.id)
        return True


class UploadPurgeTests(SynchronousTestCase):
    """Sessions of a week."""

    def setUp(self) -> None:
        self.told: list[tuple[int, int]] = []

    def purge(self, sessions: Sessions, dry_run: bool = False) -> Sequence[LogEvent]:
        purge = UploadPurge(
            sessions, timedelta(days=7), dry_run, lambda: NOW, lambda *numbers: self.told.append(numbers)
        )
        with capturedLogs() as events:
            self.successResultOf(Deferred.fromCoroutine(purge()))
        self.assertEqual(sessions.asked, [NOW - timedelta(days=7)])
        return events

    def test_removed(self) -> None:
        """All stale ones go; the log names each, and how many they were."""
        sessions = Sessions(["1", "2"])
        lines = [formatEvent(event) for event in self.purge(sessions)]
        self.assertEqual((sessions.ids, self.told), ([], [(2, 20)]))
        self.assertIn("actuallyDelete=true", lines[0])
        self.assertIn("a/_uploads/1", lines[1])
        self.assertEqual(lines[-1], "Purge uploads finished.  Num deleted=2, num errors=0")

    def test_dry_run(self) -> None:
        """A dry run removes nothing, and says what it would."""
        sessions = Sessions(["1", "2"])
        lines = [formatEvent(event) for event in self.purge(sessions, dry_run=True)]
        self.assertEqual((sessions.ids, self.told), (["1", "2"], []))
        self.assertIn("would be removed", lines[1])

    def test_kept(self) -> None:
        """One that is gone on with, or cannot be removed, keeps none of the others."""
        sessions = Sessions(["1", "2", "3"], stuck={"1"}, used={"2"})
        events = self.purge(sessions)
        self.assertEqual((sessions.ids, self.told), (["1", "2"], [(1, 10)]))
        self.assertEqual([event["log_level"].name for event in events].count("error"), 1)
        self.assertIn("num errors=1", formatEvent(events[-1]))

    def test_unreadable(self) -> None:
        """Places where nobody can look are told, one line each, and counted."""
        events = self.purge(Sessions(["1"], closed=("a", "b")))
        self.assertEqual(
            [each["why"] for each in events if "why" in each], [f"{x}: Permission denied" for x in "ab"]
        )
        self.assertEqual(self.told, [(1, 10)])
        self.assertIn("Num deleted=1, num errors=2", formatEvent(events[-1]))

    def test_broken(self) -> None:
        """A walk that fails fails the round, whose count is told all the same."""
        sessions = Sessions(["1"], broken=True)
        purge = UploadPurge(sessions, timedelta(days=7), False, lambda: NOW, lambda *n: self.told.append(n))
        self.failureResultOf(Deferred.fromCoroutine(purge()), StorageError)
        self.assertEqual(self.told, [(1, 10)])
