"""Taking a changed configuration over while the daemon runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from txregistry.config.changes import changed_keys
from txregistry.config.reading import Reading
from txregistry.config.values import Config
from txregistry.errors import NotRunning

#: The keys that take effect without a restart, each with all that is below it.
RELOADABLE = ("log.level", "loglevel", "storage.maintenance.readonly")


def _untold() -> None:
    """Nobody wants to know."""


class Reloader:
    """
    Reads the configuration again, and has the daemon take over what it can.

    :param read: reads it; may take its time.
    :param running: what the daemon was started with.
    :param apply: takes over what is reloadable, and whatever the files hold that the configuration names.
    :param begun: is told when a reload begins.
    :param ended: is told when it ends, well or not.
    """

    _log = Logger()

    def __init__(
        self,
        read: Callable[[], Awaitable[Reading]],
        running: Reading,
        apply: Callable[[Config], Awaitable[None]],
        begun: Callable[[], object] = _untold,
        ended: Callable[[], object] = _untold,
    ) -> None:
        self._read, self._running, self._apply = read, running, apply
        self._begun, self._ended = begun, ended
        self._lock = DeferredLock()
        self._waiting = False

    async def reload(self) -> None:
        """
        Do it; one at a time, and not more than one after that.

        Whoever asks while one waits for its turn has asked for that one: it
        will see what there is to be seen now.

        A configuration that is at fault changes nothing.  Keys that need a
        restart are told, each time until there was one.
        """
        if self._waiting:
            return
        self._waiting = True
        await self._lock.acquire()
        self._waiting = False
        self._begun()
        try:
            await self._reload()
        except NotRunning:
            self._log.info("the daemon stops, its configuration is not read again")
        except Exception:
            self._log.failure("the configuration could not be read again")
        finally:
            self._ended()
            self._lock.release()

    async def _reload(self) -> None:
        reading = await self._read()
        for warning in reading.warnings:
            self._log.warn("{text}", text=warning)
        if reading.config is None:
            for fault in reading.faults:
                self._log.error("{text}", text=fault)
            self._log.error("the configuration has faults, so nothing of it was taken over")
            return
        for key in changed_keys(self._running.settings, reading.settings):
            if not any(key == each or key.startswith(f"{each}.") for each in RELOADABLE):
                self._log.warn("{key} has changed, which takes effect after a restart", key=key)
        await self._apply(reading.config)
        self._log.info("the configuration was read again")
