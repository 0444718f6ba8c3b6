"""How long a driver takes for what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.components import proxyForInterface

from txregistry.interfaces import Entry, FileInfo, IFileWriter, IStorageDriver
from txregistry.model.names import Page

T = TypeVar("T")

#: Hears of an action's name, the driver's name, and the seconds that it took.
Observe = Callable[[str, str, float], None]


class TimedDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """
    Tell *observe* how long each call of *driver* took, also when it failed
    or was given up.  The actions are named as distribution names them in its
    metrics.  What readers and writers do takes the client's time, and is not
    observed, but for the commit of a writer, where distribution moves content.

    :param clock: tells the time.
    """

    def __init__(self, driver: IStorageDriver, clock: IReactorTime, observe: Observe) -> None:
        super().__init__(driver)
        self._clock, self._observe = clock, observe

    async def get(self, path: str, limit: int) -> bytes:
        return await self.timed("GetContent", self._driver.get(path, limit))

    async def put(self, path: str, content: bytes, durable: bool = True) -> None:
        await self.timed("PutContent", self._driver.put(path, content, durable))

    async def stat(self, path: str) -> FileInfo:
        return await self.timed("Stat", self._driver.stat(path))

    async def writer(self, path: str) -> IFileWriter:
        return _TimedWriter(await self._driver.writer(path), self.timed)

    async def delete(self, path: str) -> None:
        await self.timed("Delete", self._driver.delete(path))

    async def list(self, path: str, after: str = "", limit: int = 1000) -> Page[Entry]:
        return await self.timed("List", self._driver.list(path, after, limit))

    async def redirect_url(self, path: str, method: str) -> str | None:
        return await self.timed("RedirectURL", self._driver.redirect_url(path, method))

    async def timed(self, action: str, call: Coroutine[Deferred[Any], Any, T]) -> T:
        """Await *call*, and tell how long it took."""
        began = self._clock.seconds()
        try:
            return await call
        finally:
            self._observe(action, self._driver.name, self._clock.seconds() - began)


class _TimedWriter(proxyForInterface(IFileWriter, "_writer")):  # type: ignore[misc]
    def __init__(
        self,
        writer: IFileWriter,
        timed: Callable[[str, Coroutine[Deferred[Any], Any, None]], Coroutine[Deferred[Any], Any, None]],
    ) -> None:
        super().__init__(writer)
        self._timed = timed

    async def commit(self, target: str) -> None:
        await self._timed("Move", self._writer.commit(target))
