"""The purge of a whole daemon, as its configuration asks for it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.test_assembly import config_of
from tests.test_observing import DEBUG, NoLog
from txregistry.assembly import Daemon, assemble, building
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.drivers.table import DRIVERS
from txregistry.maintenance.chore import Chore
from txregistry.metrics.exposition import Metrics
from txregistry.storage import layout

HOUR, DAY = 3600.0, 86400.0
#: When the first round comes; by chance otherwise.
FIRST = 600.0
OLD, YOUNG = timedelta(hours=170), timedelta(hours=166)


def id_of(number: int) -> str:
    """An upload's id."""
    return f"00000000-0000-4000-8000-{number:012}"


class PurgeTests(SynchronousTestCase):
    """A storage in memory with sessions whose age the test chooses."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.time = datetime.now(UTC)
        self.driver = InMemoryDriver(now=lambda: self.time)
        self.metrics = Metrics()
        self.chances: list[tuple[float, float]] = []
        row = evolve(DRIVERS["inmemory"], build=lambda *_: self.driver)
        self.patch(building, "DRIVERS", {"inmemory": row})
        self.patch(building, "Metrics", lambda: self.metrics)
        self.patch(random, "uniform", self.chance)

    def chance(self, least: float, most: float) -> float:
        """Not by chance."""
        self.chances.append((least, most))
        return FIRST

    def session(self, number: int, age: timedelta) -> None:
        """A session that nobody has gone on with for *age*."""
        self.time = datetime.now(UTC) - age
        began = self.time.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        for path, content in (
            (layout.upload_started("a", id_of(number)), began),
            (layout.upload_data("a", id_of(number)), b"data"),
        ):
            self.successResultOf(Deferred.fromCoroutine(self.driver.put(path, content)))

    def left(self) -> list[int]:
        """The sessions that are there."""
        page = self.successResultOf(Deferred.fromCoroutine(self.driver.list(layout.uploads("a"))))
        return [int(entry.name[-12:]) for entry in page.items]

    def daemon(self, purging: str) -> Daemon:
        """A daemon; of its services nothing but the purge runs, if there is one."""
        storage = f"inmemory: {{}}, maintenance: {{uploadpurging: {{{purging}}}}}"
        daemon = assemble(config_of(DEBUG, storage), self.clock, NoLog(), NoLog())
        for service in self.purges(daemon):
            service.startService()
            self.addCleanup(service.stopService)
        return daemon

    def purges(self, daemon: Daemon) -> list[Chore]:
        """The purges of *daemon*."""
        return [each for each in daemon if isinstance(each, Chore) and each._name == "upload purge"]

    def advance(self, seconds: float) -> None:
        """Let time pass, and what has begun come to its end."""
        self.clock.advance(seconds)
        self.clock.pump([0.0] * 50)

    def counted(self) -> tuple[float, float]:
        """How many sessions were purged, and how many bytes."""
        found: dict[str, Any] = {
            sample.name: sample.value for family in self.metrics.collect() for sample in family.samples
        }
        name = "txregistry_uploads_purged"
        return found[f"{name}_total"], found[f"{name}_bytes_total"]

    def test_rounds(self) -> None:
        """What is older than the age goes in the first round, and in the next one after an interval."""
        self.session(1, OLD)
        self.session(2, YOUNG)
        self.daemon("enabled: true, age: 168h, interval: 24h")
        self.advance(FIRST - 1)
        self.assertEqual((self.left(), self.counted()), ([1, 2], (0, 0)))
        self.advance(1)
        self.assertEqual((self.left(), self.counted()), ([2], (1, 4)))
        self.session(3, OLD)
        self.advance(DAY - 1)
        self.assertEqual((self.left(), self.counted()), ([2, 3], (1, 4)))
        self.advance(1)
        self.assertEqual((self.left(), self.counted()), ([2], (2, 8)))

    def test_dry_run(self) -> None:
        """A dry run leaves everything where it is, and counts nothing."""
        self.session(1, OLD)
        self.daemon("enabled: true, age: 168h, interval: 24h, dryrun: true")
        self.advance(FIRST)
        self.advance(DAY)
        self.assertEqual((self.left(), self.counted()), ([1], (0, 0)))

    def test_first(self) -> None:
        """The first round is within an hour, or within the interval."""
        self.daemon("enabled: true, interval: 24h")
        self.daemon("enabled: true, interval: 30m")
        self.assertEqual(self.chances, [(0, HOUR), (0, HOUR / 2)])

    def test_off(self) -> None:
        """Who wants no purge has none."""
        self.assertEqual(self.purges(self.daemon("enabled: false")), [])
        self.assertEqual(len(self.purges(self.daemon("enabled: true"))), 1)
