"""A look at the storage when the registry starts, for who reads the log."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txregistry.errors import PathNotFound, StorageError
from txregistry.interfaces import IStorageDriver
from txregistry.storage import layout


class FirstLook(Service):
    """
    Says in the log, once, that the storage is empty or cannot be read.

    An empty registry answers everything with 404 as if all were well, which
    it is not when a disk was not mounted.  The start does not wait for it.
    """

    _log = Logger()

    def __init__(self, driver: IStorageDriver) -> None:
        self._driver = driver

    def startService(self) -> None:
        super().startService()
        Deferred.fromCoroutine(self._look())

    async def _look(self) -> None:
        try:
            page = await self._driver.list(layout.ROOT, limit=1)
        except PathNotFound:
            pass
        except StorageError as error:
            self._log.error("storage failed: {reason}", reason=str(error))
            return
        else:
            if page.items:
                return
        self._log.warn(
            "nothing is stored in the {driver} storage; if there should be, look whether it is mounted",
            driver=self._driver.name,
        )
