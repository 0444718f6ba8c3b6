"""Tests for finding and removing the upload sessions that were given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes.workers import InlineWorkers
from tests.storage.faulty import FaultyDriver
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IStaleUploads, IStorageDriver, StaleUpload
from txregistry.storage import layout
from txregistry.storage.stale import StaleUploads

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
OLD, YOUNG = NOW - timedelta(days=8), NOW - timedelta(days=6)


def id_of(number: int) -> str:
    """An upload's id."""
    return f"00000000-0000-4000-8000-{number:012}"


class StaleUploadTests(SynchronousTestCase):
    """Sessions in memory, whose times the test chooses."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.time = NOW
        self.driver: IStorageDriver = InMemoryDriver(now=lambda: self.time)
        self.stale = StaleUploads(self.driver, self.clock)
        self.unreadable: list[Exception] = []

    def done(self, work: Any) -> Any:
        results: list[Any] = []
        call = Deferred.fromCoroutine(work)
        call.addBoth(results.append)
        for _ in range(1000):
            if results:
                break
            self.clock.advance(0)
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def put(self, path: str, content: bytes, at: datetime) -> None:
        self.time = at
        self.done(self.driver.put(path, content))
        self.time = NOW

    def session(
        self,
        name: str,
        number: int,
        began: datetime | str | None,
        touched: datetime | None,
        data: bytes = b"data",
    ) -> None:
        """A session; what is ``None`` is not there."""
        if began is not None:
            text = began if isinstance(began, str) else began.strftime("%Y-%m-%dT%H:%M:%SZ")
            at = touched if isinstance(began, str) and touched else OLD
            self.put(layout.upload_started(name, id_of(number)), text.encode(), at)
        if touched is not None:
            self.put(layout.upload_data(name, id_of(number)), b"data", touched)

    def find(self) -> list[tuple[str, int]]:
        """The repositories and numbers of the sessions that are a week old."""
        return [(each.repository, int(each.id[-12:])) for each in self.done(self.collect())]

    async def collect(self) -> list[StaleUpload]:
        return [upload async for upload in self.stale.find(NOW - WEEK, self.unreadable.append)]

    def test_provides(self) -> None:
        """It keeps its contract."""
        self.assertTrue(verifyObject(IStaleUploads, self.stale))

    def test_nothing(self) -> None:
        """An empty storage has none."""
        self.assertEqual(self.find(), [])

    def test_age(self) -> None:
        """A session is stale if it began, and was last written to, before the time."""
        self.session("a", 1, OLD, OLD)
        self.session("a", 2, OLD, YOUNG)
        self.session("a", 3, YOUNG, YOUNG)
        self.session("a", 4, NOW - WEEK, OLD)
        self.assertEqual(self.find(), [("a", 1)])
        [upload] = self.done(self.collect())
        self.assertEqual((upload.started_at, upload.size), (OLD, 4))

    def test_everywhere(self) -> None:
        """All repositories are looked through, nested ones and those without a manifest too; nothing else."""
        for number, name in enumerate(("a", "a/b", "a/b/c-d", "z")):
            self.session(name, number, OLD, OLD)
        self.put(f"{layout.REPOSITORIES}/a/_manifests/tags/x/_uploads/{id_of(7)}/data", b"", OLD)
        self.put(f"{layout.REPOSITORIES}/_uploads/{id_of(8)}/data", b"", OLD)
        self.put(f"{layout.BLOBS}/_uploads/{id_of(9)}/data", b"", OLD)
        self.put(f"{layout.REPOSITORIES}/a/_uploads/no-id/data", b"", OLD)
        self.assertEqual(self.find(), [("a", 0), ("a/b", 1), ("a/b/c-d", 2), ("z", 3)])

    def test_without_a_start(self) -> None:
        """Where the start is missing or no time, the youngest file says how old a session is."""
        self.session("a", 1, None, OLD)
        self.session("a", 2, None, YOUNG)
        self.session("a", 3, "yesterday", OLD)
        self.session("a", 4, "x" * 100, YOUNG)
        self.session("a", 7, "0001-01-01T00:00:00+14:00", OLD)
        self.session("a", 8, "9999-12-31T23:59:59-14:00", YOUNG)
        self.put(layout.upload_state("a", id_of(5), 0), b"state", OLD)
        self.put(layout.upload_state("a", id_of(6), 0), b"state", YOUNG)
        self.assertEqual(self.find(), [("a", 1), ("a", 3), ("a", 5), ("a", 7)])

    def test_unreadable(self) -> None:
        """What cannot be looked at is told, and keeps nothing else from being found."""
        for number, name in enumerate(("a", "a/b", "c", "d")):
            self.session(name, number, OLD, OLD)
        self.session("d", 9, OLD, OLD)
        faulty = FaultyDriver(self.driver)
        faulty.broken = {
            ("list", layout.uploads("a")),
            ("list", layout.repository("c")),
            ("stat", layout.upload_data("d", id_of(3))),
        }
        self.stale = StaleUploads(faulty, self.clock)
        self.assertEqual(self.find(), [("a/b", 1), ("d", 9)])
        self.assertEqual(len(self.unreadable), 3)

    def test_remove(self) -> None:
        """What is removed leaves nothing; the others stay."""
        self.session("a", 1, OLD, OLD)
        self.put(layout.upload_state("a", id_of(1), 4), b"state", OLD)
        self.put(layout.upload_state("a", id_of(2), 0), b"state", OLD)
        self.session("a", 3, YOUNG, YOUNG)
        for upload in self.done(self.collect()):
            self.assertTrue(self.done(self.stale.remove(upload)))
        page = self.done(self.driver.list(layout.uploads("a")))
        self.assertEqual([entry.name for entry in page.items], [id_of(3)])
        self.assertEqual(self.find(), [])

    def test_gone_on_with(self) -> None:
        """What was gone on with since, is open, or is gone, is left alone."""
        for number in (1, 2, 3):
            self.session("a", number, OLD, OLD)
        first, second, third = self.done(self.collect())
        self.put(layout.upload_data("a", id_of(1)), b"more data", NOW)
        writer = self.done(self.driver.writer(layout.upload_data("a", id_of(2))))
        self.done(self.driver.delete(layout.upload("a", id_of(3))))
        for upload in (first, second, third):
            self.assertFalse(self.done(self.stale.remove(upload)))
        self.done(writer.close())
        page = self.done(self.driver.list(layout.uploads("a")))
        self.assertEqual([entry.name for entry in page.items], [id_of(1), id_of(2)])

    def test_many(self) -> None:
        """More than a page of them are all found, and others have their turn meanwhile."""
        for number in range(1001):
            self.session("a", number, OLD, OLD)
        self.assertEqual(len(self.find()), 1001)
        call = Deferred.fromCoroutine(self.collect())
        self.assertNoResult(call)
        self.clock.pump([0] * 10)
        self.successResultOf(call)


class FileTests(SynchronousTestCase):
    """The same on a disk."""

    def test_remove(self) -> None:
        """A session's directory goes, with all that is in it."""
        clock = Clock()
        driver = FilesystemDriver(self.mktemp(), InlineWorkers(), 100)
        stale = StaleUploads(driver, clock)
        for path, content in (
            (layout.upload_started("a/b", id_of(1)), b"2020-01-01T00:00:00Z"),
            (layout.upload_data("a/b", id_of(1)), b"data"),
            (layout.upload_state("a/b", id_of(1), 4), b"state"),
        ):
            self.successResultOf(Deferred.fromCoroutine(driver.put(path, content)))

        failures: list[Exception] = []

        async def sweep() -> list[bool]:
            later = datetime.now(UTC) + timedelta(days=1)
            return [await stale.remove(upload) async for upload in stale.find(later, failures.append)]

        call = Deferred.fromCoroutine(sweep())
        clock.pump([0] * 10)
        self.assertEqual(self.successResultOf(call), [True])
        listing = Deferred.fromCoroutine(driver.list(layout.repository("a/b")))
        names = [entry.name for entry in self.successResultOf(listing).items]
        self.assertIn(names, ([], ["_uploads"]))
