"""From the section ``health`` to its checks, each run by a service of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.application.service import IService

from txregistry.health.checks import Check, file_check, http_check, storage_check, tcp_check
from txregistry.health.state import Health
from txregistry.health.watch import Watch
from txregistry.interfaces import IStorageDriver, IWorkers

#: Seconds that a storage, or a file system, may take to say what there is.
PATIENCE = 10.0


def watches(
    wanted: Any, health: Health, reactor: Any, driver: IStorageDriver, workers: IWorkers
) -> Iterator[IService]:
    """
    What watches over *health*, to be started and stopped with the daemon.

    :param wanted: the checks of the configuration, as ``storage``, ``files``, ``http`` and ``tcp``.
    :param workers: threads for looking at files.
    """

    def watch(name: str, check: Check, interval: float, threshold: int, patience: float) -> IService:
        return Watch(reactor, name, check, health.add(name, threshold), interval, patience)

    if wanted.storage is not None:
        name = f"storagedriver_{driver.name}"
        yield watch(name, storage_check(driver), wanted.storage.interval, wanted.storage.threshold, PATIENCE)
    for each in wanted.files:
        yield watch(each.file, file_check(each.file, workers), each.interval, 1, PATIENCE)
    for each in wanted.http:
        check = http_check(reactor, each.uri, each.statuscode, each.headers, each.timeout)
        yield watch(each.uri, check, each.interval, each.threshold, each.timeout)
    for each in wanted.tcp:
        check = tcp_check(reactor, each.host, each.port, each.timeout)
        yield watch(each.addr, check, each.interval, each.threshold, each.timeout)
