"""Tests for which checks a configuration gets."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.application.service import IService
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import InlineWorkers
from txregistry.config.values import FileCheck, HealthConfig, HttpCheck, StorageCheck, TcpCheck
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.health import building
from txregistry.health.checks import CheckFailed
from txregistry.health.state import Health

#: What makes the checks, by the kind of check.
MAKERS = ("storage_check", "file_check", "http_check", "tcp_check")


@define(eq=False)
class Checks:
    """Stands in the place of all checks: notes what they are made of, and says what the test says."""

    made: dict[str, tuple[Any, ...]] = field(factory=dict)
    looks: int = 0
    answer: Deferred[None] | None = None

    def maker(self, kind: str) -> Any:
        """What makes a check of this *kind*."""

        def make(*arguments: Any) -> Any:
            self.made[kind] = arguments
            return self.look

        return make

    def look(self) -> Deferred[None]:
        """Fail, unless there is another answer."""
        self.looks += 1
        return self.answer or Deferred.fromCoroutine(fail())


async def fail() -> None:
    """Be unwell."""
    raise CheckFailed("unwell")


class WatchesTests(SynchronousTestCase):
    """One check of one kind at a time."""

    def setUp(self) -> None:
        self.clock, self.health, self.checks = Clock(), Health(), Checks()
        self.driver, self.workers = InMemoryDriver(), InlineWorkers()
        for name in MAKERS:
            self.patch(building, name, self.checks.maker(name))

    def watch(self, wanted: HealthConfig) -> IService:
        """The only watch there is, started."""
        self.health = Health()
        [watch] = building.watches(wanted, self.health, self.clock, self.driver, self.workers)
        watch.startService()
        return watch

    def test_none(self) -> None:
        """Nobody watches where nothing is wanted."""
        wanted = HealthConfig(None, (), (), ())
        self.assertEqual(
            list(building.watches(wanted, self.health, self.clock, self.driver, self.workers)), []
        )

    def test_made(self) -> None:
        """Each check gets what the configuration says of it."""
        headers = (("X-A", ("b",)),)
        wanted = HealthConfig(
            StorageCheck(1, 1),
            (FileCheck("/f", 1),),
            (HttpCheck("http://h/", 204, headers, 3, 1, 1),),
            (TcpCheck("h:6379", "h", 6379, 4, 1, 1),),
        )
        self.assertEqual(
            len(list(building.watches(wanted, self.health, self.clock, self.driver, self.workers))), 4
        )
        self.assertEqual(
            self.checks.made,
            {
                "storage_check": (self.driver,),
                "file_check": ("/f", self.workers),
                "http_check": (self.clock, "http://h/", 204, headers, 3),
                "tcp_check": (self.clock, "h", 6379, 4),
            },
        )

    def test_threshold(self) -> None:
        """Each fails after as many rounds as are too many for it, under its name."""
        for wanted, name, rounds in (
            (HealthConfig(StorageCheck(7, 3), (), (), ()), "storagedriver_inmemory", 3),
            (HealthConfig(None, (FileCheck("/f", 7),), (), ()), "/f", 1),
            (HealthConfig(None, (), (HttpCheck("http://h/", 200, (), 1, 7, 2),), ()), "http://h/", 2),
            (HealthConfig(None, (), (), (TcpCheck("h:1", "h", 1, 1, 7, 4),)), "h:1", 4),
        ):
            watch = self.watch(wanted)
            for _ in range(rounds):
                self.assertFalse(self.health.failing, name)
                self.clock.advance(6.9)
                self.assertFalse(self.health.failing, name)
                self.clock.advance(0.1)
            self.assertEqual(self.health.failures(), {name: "unwell"})
            watch.stopService()

    def test_patience(self) -> None:
        """Each is waited for as long as its time lasts; storage and files have ten seconds."""
        for wanted, patience in (
            (HealthConfig(StorageCheck(1, 1), (), (), ()), 10),
            (HealthConfig(None, (FileCheck("/f", 1),), (), ()), 10),
            (HealthConfig(None, (), (HttpCheck("http://h/", 200, (), 5, 1, 1),), ()), 5),
            (HealthConfig(None, (), (), (TcpCheck("h:1", "h", 1, 6, 1, 1),)), 6),
        ):
            self.checks.looks, self.checks.answer = 0, Deferred()
            watch = self.watch(wanted)
            self.clock.pump([1] * patience)
            self.assertFalse(self.health.failing, wanted)
            self.clock.advance(1)
            self.assertTrue(self.health.failing, wanted)
            self.assertEqual(self.checks.looks, 1)
            self.checks.answer.callback(None)
            self.assertFalse(self.health.failing, wanted)
            watch.stopService()

    def test_well(self) -> None:
        """A check that passes fails nobody."""
        self.checks.answer = succeed(None)
        watch = self.watch(HealthConfig(StorageCheck(1, 1), (), (), ()))
        self.clock.pump([1] * 5)
        self.assertEqual((self.checks.looks, self.health.failing), (5, False))
        watch.stopService()
