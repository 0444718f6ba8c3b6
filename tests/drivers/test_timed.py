"""Tests of :mod:`txregistry.drivers.timed`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.contracts.drivers import StorageDriverContract
from tests.contracts.stored import begin
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.drivers.timed import TimedDriver
from txregistry.errors import PathNotFound
from txregistry.interfaces import IStorageDriver


class TimedDriverContractTests(StorageDriverContract, TestCase):
    """A timed driver is a driver like the one it wraps."""

    def make_driver(self) -> IStorageDriver:
        return TimedDriver(InMemoryDriver(), Clock(), lambda action, name, seconds: None)


class SlowDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """Every call takes two seconds more."""

    def __init__(self, driver: IStorageDriver, clock: Clock) -> None:
        super().__init__(driver)
        self._clock = clock

    def __getattribute__(self, name: str) -> Any:
        if name in ("get", "put", "stat", "delete", "list", "redirect_url"):
            return lambda *arguments: self._after(getattr(self._driver, name), arguments)
        return super().__getattribute__(name)

    async def _after(self, call: Callable[..., Coroutine[Any, Any, Any]], arguments: Any) -> Any:
        await deferLater(self._clock, 2.0)
        return await call(*arguments)


class TimedDriverTests(SynchronousTestCase):
    """What is observed, and when."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.seen: list[tuple[str, str, float]] = []
        slow = SlowDriver(InMemoryDriver(), self.clock)
        self.driver: IStorageDriver = TimedDriver(slow, self.clock, lambda *seen: self.seen.append(seen))

    def begin(self, call: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Begin *call*."""
        return Deferred.fromCoroutine(call)

    def test_actions(self) -> None:
        """Each call is observed once, under distribution's name, when it has ended."""
        for call, action in (
            (self.driver.put("/a/b", b"x"), "PutContent"),
            (self.driver.get("/a/b", 10), "GetContent"),
            (self.driver.stat("/a/b"), "Stat"),
            (self.driver.list("/a"), "List"),
            (self.driver.redirect_url("/a/b", "GET"), "RedirectURL"),
            (self.driver.delete("/a/b"), "Delete"),
        ):
            self.seen.clear()
            running = self.begin(call)
            self.assertEqual(self.seen, [])
            self.clock.advance(2.0)
            self.successResultOf(running)
            self.assertEqual(self.seen, [(action, "inmemory", 2.0)])

    def test_failure(self) -> None:
        """A call that fails took its time, too."""
        running = self.begin(self.driver.get("/none", 10))
        self.clock.advance(2.0)
        self.failureResultOf(running, PathNotFound)
        self.assertEqual(self.seen, [("GetContent", "inmemory", 2.0)])

    def test_cancel(self) -> None:
        """So did one that its caller gave up."""
        running = self.begin(self.driver.stat("/none"))
        self.clock.advance(0.5)
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.assertEqual(self.seen, [("Stat", "inmemory", 0.5)])

    def test_streams(self) -> None:
        """Readers and writers pass through unobserved, but for the commit."""
        timed = TimedDriver(InMemoryDriver(), self.clock, lambda *seen: self.seen.append(seen))
        writer = self.successResultOf(self.begin(begin(timed, "/a")))
        self.seen.clear()
        self.successResultOf(self.begin(writer.write([b"x"])))
        self.successResultOf(self.begin(timed.open("/a"))).close()
        self.assertEqual(self.seen, [])
        self.successResultOf(self.begin(writer.commit("/b")))
        self.assertEqual(self.seen, [("Move", "inmemory", 0.0)])
