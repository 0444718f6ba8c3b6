"""The services of a registry, and how they start and stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.python.components import Componentized

from txregistry.config.values import Config
from txregistry.errors import NotRunning
from txregistry.interfaces import IReloadable, IWorkers
from txregistry.listening import Listener
from txregistry.log import LineObserver

_log = Logger()


class Sequence(MultiService):
    """Services that start in order, and stop one by one in reverse order, whatever becomes of each."""

    _log = Logger()

    def stopService(self) -> Deferred[None]:
        """Fires when the first one, which is stopped last, has stopped."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for service in reversed(list(self)):
            try:
                await maybeDeferred(service.stopService)
            except Exception:
                self._log.failure("a service did not stop well", level=LogLevel.error)


class Daemon(Sequence):
    """
    The whole registry.

    :ivar observer: makes the log's lines; under twistd it takes the place of twistd's own.
    :ivar listener: the port.
    :ivar workers: threads for what takes long.
    :ivar take_over: has it use what of a configuration takes no restart.
    """

    def __init__(
        self,
        observer: LineObserver,
        listener: Listener,
        workers: IWorkers,
        take_over: Callable[[Config], Awaitable[None]],
    ) -> None:
        super().__init__()
        self.observer, self.listener = observer, listener
        self.workers, self.take_over = workers, take_over

    def setServiceParent(self, parent: Any) -> None:
        """Give twistd our observer, so that the log has one form."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.observer)
        super().setServiceParent(parent)


async def reload_all(parts: Iterable[object]) -> None:
    """
    Have those of *parts* that can read their files again, whatever becomes of the others.

    :raises NotRunning: the daemon stops.
    """
    for part in parts:
        if IReloadable.providedBy(part):
            try:
                await part.reload()
            except (CancelledError, NotRunning):
                raise
            except Exception:
                _log.failure("{kind} could not be read again", kind=type(part).__name__, level=LogLevel.error)
