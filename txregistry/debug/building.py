"""Puts the debug server together."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from attrs import define, frozen
from twisted.application.service import IService
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource

from txregistry.debug.expvar import Facts, expvar_page
from txregistry.debug.memory import MemoryPage
from txregistry.debug.places import threads_page
from txregistry.debug.requests import requests_page
from txregistry.debug.server import NOT_FOUND, DebugPages, DebugRequest, Page, content
from txregistry.debug.tasks import tasks_page
from txregistry.interfaces import IWorkers
from txregistry.listening import Listener
from txregistry.metrics.exposition import Metrics
from txregistry.metrics.instruments import Labels
from txregistry.metrics.lag import LagMeter
from txregistry.metrics.pauses import GcPauses
from txregistry.threads import Workers
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest
from txregistry.web.site import RegistrySite

_JSON = b"application/json; charset=utf-8"
_log = Logger()


@frozen
class Observed:
    """
    What the debug server tells of.

    :ivar failures: the health checks that fail, and why.
    :ivar pools: threads of the daemon.
    :ivar facts: what ``/debug/vars`` says of the registry.
    """

    site: RegistrySite
    failures: Callable[[], Mapping[str, str]]
    pools: Sequence[Workers]
    facts: Facts


@define(eq=False)
class Pages:
    """
    What makes the pages.

    :ivar metrics: what is counted; ``None`` if nothing is.
    :ivar workers: one thread, for what takes long.
    """

    _clock: IReactorTime
    _observed: Observed
    _metrics: Metrics | None
    _pauses: GcPauses
    _workers: IWorkers

    def table(self, path: str) -> Mapping[str, Page]:
        """The pages by path; that of the metrics, if there are any, is *path*."""
        memory = MemoryPage(self._clock, self._workers)

        async def memory_page(_: RegistryRequest) -> Reply:
            return content(await memory())

        table = {
            "/debug/health": Page(self.health, "the health checks that fail now", NOT_FOUND),
            "/debug/vars": Page(self.variables, "figures of the process and the registry, as JSON"),
            "/debug/requests": Page(self.requests, "the requests that run, and what they wait for"),
            "/debug/threads": Page(self.threads, "the stacks of all threads"),
            "/debug/tasks": Page(self.tasks, "what the reactor will call later"),
            "/debug/memory": Page(memory_page, "memory, the garbage collector, and objects by type"),
        }
        if self._metrics is not None:
            table[path] = Page(partial(self.exposition, self._metrics), "metrics for Prometheus")
        return table

    async def health(self, request: RegistryRequest) -> Reply:
        failures = self._observed.failures()
        text = json.dumps(dict(failures), separators=(",", ":"), ensure_ascii=False)
        return content(text, _JSON, 503 if failures else 200)

    async def exposition(self, metrics: Metrics, request: RegistryRequest) -> Reply:
        metrics.scraping += 1
        try:
            metrics.read_gauges()
            text, kind = await self._workers.run(metrics.expose, ", ".join(request.header_lines(b"Accept")))
        except CancelledError:
            raise
        except Exception:
            metrics.scraped(500)
            raise
        finally:
            metrics.scraping -= 1
        metrics.scraped(200)
        return content(text, kind.encode("latin-1"))

    async def variables(self, request: RegistryRequest) -> Reply:
        return content(expvar_page(sys.argv, self._pauses, self._observed.facts), _JSON)

    async def requests(self, request: RegistryRequest) -> Reply:
        return content(requests_page(self._observed.site, self._clock))

    async def threads(self, request: RegistryRequest) -> Reply:
        return content(threads_page())

    async def tasks(self, request: RegistryRequest) -> Reply:
        return content(tasks_page(self._clock))


def debug_services(
    reactor: Any, host: str, port: int, path: str, observed: Observed, metrics: Metrics | None
) -> list[IService]:
    """
    The services of the debug server on *host* and *port*, in the order of their start; the last one listens.

    :param path: where *metrics* are, if there are any.
    """
    pauses = GcPauses(_ignore if metrics is None else metrics.paused)
    workers = Workers(reactor, 1, "debug")
    services: list[IService] = [pauses, workers]
    if metrics is not None:
        services.append(LagMeter(reactor, metrics.lagged))
        watch_pools(metrics, (*observed.pools, workers))
        _log.info("providing prometheus metrics on {path}", path=path)
    pages = DebugPages(Pages(reactor, observed, metrics, pauses, workers).table(path))
    site = RegistrySite(Resource(), reactor, shortcut=pages.serve, request=DebugRequest)
    services.append(Listener(reactor, site, host=host, port=port, says="debug server listening {where}"))
    return services


def watch_pools(metrics: Metrics, pools: Sequence[Workers]) -> None:
    """Have *metrics* look at *pools* of threads."""

    def each(read: Callable[[Workers], float]) -> Callable[[], Mapping[Labels, float]]:
        return lambda: {(pool.pool,): read(pool) for pool in pools}

    for name, help, read in (
        ("txregistry_threads", "Threads of a pool.", lambda pool: pool.threads),
        ("txregistry_threads_limit", "How many threads a pool may have.", lambda pool: pool.size),
        (
            "txregistry_jobs_waiting",
            "Pieces of work that no thread of a pool has begun.",
            lambda pool: pool.waiting,
        ),
        (
            "txregistry_jobs_unanswered",
            "Pieces of work that a pool was given, and has given no answer to yet.",
            lambda pool: pool.unanswered,
        ),
    ):
        metrics.watch(name, help, each(read), ("pool",))


def _ignore(generation: int, seconds: float) -> None:
    """Nobody wants to know."""
