"""Puts the debug server together."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, frozen
from twisted.application.service import IService
from twisted.logger import Logger
from twisted.web.resource import Resource

from txregistry.debug.expvar import Facts, expvar_page
from txregistry.debug.memory import MemoryPage
from txregistry.debug.places import threads_page
from txregistry.debug.requests import requests_page
from txregistry.debug.server import NOT_FOUND, DebugPages, DebugRequest, Page, content
from txregistry.debug.tasks import tasks_page
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
class _Pages:
    """The pages, each as a coroutine."""

    reactor: Any
    observed: Observed
    metrics: Metrics | None
    pauses: GcPauses
    workers: Workers

    async def health(self, request: RegistryRequest) -> Reply:
        failures = self.observed.failures()
        text = json.dumps(dict(failures), separators=(",", ":"), ensure_ascii=False)
        return content(text, _JSON, 503 if failures else 200)

    async def metric(self, request: RegistryRequest) -> Reply:
        metrics = self.metrics
        assert metrics is not None
        metrics.read_gauges()
        try:
            text, kind = await self.workers.run(metrics.expose, ", ".join(request.header_lines(b"Accept")))
        except Exception:
            metrics.scraped(500)
            raise
        metrics.scraped(200)
        return content(text, kind.encode("latin-1"))

    async def variables(self, request: RegistryRequest) -> Reply:
        return content(expvar_page(sys.argv, self.pauses, self.observed.facts), _JSON)

    async def requests(self, request: RegistryRequest) -> Reply:
        return content(requests_page(self.observed.site, self.reactor))

    async def threads(self, request: RegistryRequest) -> Reply:
        return content(threads_page())

    async def tasks(self, request: RegistryRequest) -> Reply:
        return content(tasks_page(self.reactor))


def debug_services(
    reactor: Any, host: str, port: int, path: str, observed: Observed, metrics: Metrics | None
) -> list[IService]:
    """
    The services of the debug server on *host* and *port*, in the order of their start; the last one listens.

    :param path: where *metrics* are, if there are any.
    """
    pauses = GcPauses(_ignore if metrics is None else metrics.paused)
    workers = Workers(reactor, 1, "debug")
    pages = _Pages(reactor, observed, metrics, pauses, workers)
    memory = MemoryPage(reactor, workers)

    async def memory_page(_: RegistryRequest) -> Reply:
        return content(await memory())

    table = {
        "/debug/health": Page(pages.health, "the health checks that fail now", NOT_FOUND),
        "/debug/vars": Page(pages.variables, "figures of the process and the registry, as JSON"),
        "/debug/requests": Page(pages.requests, "the requests that run, and what they wait for"),
        "/debug/threads": Page(pages.threads, "the stacks of all threads"),
        "/debug/tasks": Page(pages.tasks, "what the reactor will call later"),
        "/debug/memory": Page(memory_page, "memory, the garbage collector, and objects by type"),
    }
    services: list[IService] = [pauses, workers]
    if metrics is not None:
        table[path] = Page(pages.metric, "metrics for Prometheus")
        services.append(LagMeter(reactor, metrics.lagged))
        watch_pools(metrics, (*observed.pools, workers))
        _log.info("providing prometheus metrics on {path}", path=path)
    site = RegistrySite(Resource(), reactor, shortcut=DebugPages(table).serve, request=DebugRequest)
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
