"""Putting all parts together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from attrs import frozen
from twisted.application.service import IService

from txregistry.assembly.daemon import Daemon, reload_all
from txregistry.assembly.defaults import unheard
from txregistry.assembly.logs import is_quiet, line_observer, mail_hook
from txregistry.assembly.serving import (
    answer_headers,
    debug_facts,
    debug_server,
    main_listener,
    registry_app,
    tls_credentials,
    wrapper,
)
from txregistry.assembly.storing import chores, descriptor_cache, namespace
from txregistry.auth.table import ACCESS, Means
from txregistry.config.values import Config
from txregistry.debug.building import Observed
from txregistry.drivers.table import DRIVERS
from txregistry.drivers.timed import TimedDriver
from txregistry.errors import Misconfigured
from txregistry.extensions import build_beside, build_stack
from txregistry.health.building import watches
from txregistry.health.state import Health
from txregistry.heap import GIVE_BACK_EVERY, give_back
from txregistry.interfaces import MiddlewareMeans
from txregistry.lines import STDERR, STDOUT, Descriptor, LineWriter, Sink
from txregistry.maintenance.chore import Chore
from txregistry.metrics.exposition import Metrics
from txregistry.storage.look import FirstLook
from txregistry.threads import Workers
from txregistry.web.authorize import Gate
from txregistry.web.completion import CompletionLog
from txregistry.web.counting import RequestCounts
from txregistry.web.site import RegistrySite

#: Threads that read and write, for each processor: most of their time they wait for the disk.
DISK_THREADS = 8
#: Threads that hash and parse, for each processor.
HASH_THREADS = 2


@frozen
class Threads:
    """
    The threads that blocking work is done in.

    :ivar deciding: verify credentials.  Of these, *slow* may be kept busy for long; there is one more.
    """

    disk: Workers
    hashing: Workers
    deciding: Workers
    slow: int

    @classmethod
    def of(cls, reactor: Any) -> Threads:
        """As many as the machine is good for."""
        processors = os.cpu_count() or 1
        slow = max(1, processors // 2)
        return cls(
            Workers(reactor, DISK_THREADS * processors, "disk"),
            Workers(reactor, HASH_THREADS * processors, "hashing"),
            Workers(reactor, slow + 1, "deciding"),
            slow,
        )

    @property
    def all(self) -> tuple[Workers, Workers, Workers]:
        """Every set of them."""
        return self.disk, self.hashing, self.deciding


def assemble(
    config: Config,
    reactor: Any,
    log: Sink | None = None,
    access_log: Sink | None = None,
    sockets: Sequence[int] = (),
) -> Daemon:
    """
    Build the registry that *config* describes.

    Nothing runs, listens or touches the storage before it is started; keys
    and certificates are read, and complained of, here.

    :raises Misconfigured: the daemon cannot start this way.
    :param reactor: the reactor, for everything that needs one.
    :param log: takes the log, otherwise stderr does.
    :param access_log: takes the access log, otherwise stdout does.
    :param sockets: descriptors that clients connect to, instead of what the configuration says.
    """
    http = config.http
    logged = LineWriter(reactor, log or Descriptor(STDERR))
    accessed = LineWriter(reactor, access_log or Descriptor(STDOUT))
    hooks = [mail_hook(hook, reactor) for hook in config.log.hooks]
    observer = line_observer(config.log, logged, hooks)
    threads = Threads.of(reactor)
    metrics = None if http.debug is None or http.debug.prometheus is None else Metrics()
    driver = DRIVERS[config.storage.driver].build(config.storage.parameters, threads.disk)
    if metrics is not None:
        driver = TimedDriver(driver, reactor, metrics.storage_acted)
    chosen, given = config.middleware, MiddlewareMeans(reactor, threads.disk)
    access, credentials, (remembering, redis, encryption), around_driver, around_repositories = (
        _all_or_faults(
            partial(
                ACCESS[config.auth.kind].build,
                config.auth.options,
                Means(threads.deciding, reactor.seconds, threads.slow),
            ),
            partial(tls_credentials, http.tls, reactor, threads.hashing),
            partial(descriptor_cache, config, reactor, metrics, threads.hashing),
            partial(build_stack, "storage", chosen.storage, driver, given),
            partial(build_beside, chosen.repository, given),
        )
    )
    driver = [driver, *around_driver][-1]
    plain = namespace(config, reactor, driver, threads.hashing, metrics, remembering)
    around_namespace = build_stack("registry", chosen.registry, plain, given)
    middlewares = (*around_driver, *around_namespace, *around_repositories)
    app = registry_app(
        config,
        threads.hashing,
        Gate(
            access,
            [plain, *around_namespace][-1],
            wrapper(around_repositories),
            unheard if metrics is None else metrics.refused,
        ),
    )
    completed = CompletionLog(reactor, quiet=is_quiet(config.log))
    health = Health()
    site = RegistrySite(
        app.app.resource(),
        reactor,
        headers=answer_headers(http),
        shortcut=app.shortcut,
        prefix=http.prefix.rstrip("/").encode(),
        access_log=None if config.log.accesslog_disabled else accessed.write,
        completed=completed,
        health=health,
    )
    if metrics is not None:
        RequestCounts(metrics, reactor).attend(site)

    async def take_over(changed: Config) -> None:
        observer.set_level(changed.log.level)
        completed.quiet = is_quiet(changed.log)
        app.readonly(changed.storage.readonly)
        await reload_all((access, credentials, encryption, *middlewares))

    daemon = Daemon(
        observer, main_listener(http, reactor, site, credentials, sockets), threads.hashing, take_over
    )
    observed = Observed(site, health.failures, threads.all, partial(debug_facts, config.redis, redis))
    for part in (
        # Before all others: if it cannot start, no thread keeps the process alive, nor a line of the log.
        access,
        *(logged, accessed, *hooks),
        *threads.all,
        *middlewares,
        FirstLook(driver),
        *(credentials, redis),
        *chores(config, reactor, driver, metrics),
        Chore(
            reactor,
            "giving memory back",
            partial(threads.hashing.run, give_back),
            GIVE_BACK_EVERY,
            GIVE_BACK_EVERY,
        ),
        *watches(config.health, health, reactor, driver, threads.disk),
        *debug_server(http, reactor, observed, metrics),
        daemon.listener,
    ):
        if IService.providedBy(part):
            part.setServiceParent(daemon)
    return daemon


def _all_or_faults(*parts: Callable[[], Any]) -> list[Any]:
    """
    Build all *parts*.

    :raises Misconfigured: some cannot be built; with the faults of all.
    """
    built: list[Any] = []
    faults: list[str] = []
    for part in parts:
        try:
            built.append(part())
        except Misconfigured as error:
            faults += error.faults
    if faults:
        raise Misconfigured(*faults)
    return built
