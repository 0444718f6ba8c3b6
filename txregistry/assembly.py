"""
From configuration to a tree of services; the only place that knows concrete classes.

A request walks down through what is stacked here: the site and the routes,
the gate, a repository with its wrappers, the storage rooms, the driver.
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from attrs import frozen
from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.python.components import Componentized
from twisted.web.http_headers import Headers as HeaderNames

from txregistry import __version__
from txregistry.auth.table import ACCESS, Means
from txregistry.cache.caching import CachingBlobs, Generations
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.cache.metering import Unmetered
from txregistry.config.addresses import parse_address
from txregistry.config.auth import AUTH_OPTIONS
from txregistry.config.drivers import DRIVER_OPTIONS, OptionsReader
from txregistry.config.kinds import Kinds
from txregistry.config.values import (
    Config,
    HttpConfig,
    MailHookConfig,
    RedisConfig,
    TlsConfig,
    ValidationConfig,
)
from txregistry.debug.building import Observed, debug_services
from txregistry.debug.expvar import registry_facts
from txregistry.drivers.table import DRIVERS
from txregistry.drivers.timed import TimedDriver
from txregistry.errors import Misconfigured
from txregistry.extensions import BUILT_IN, build_beside, build_stack, find_plugins
from txregistry.health.building import watches
from txregistry.health.state import Health
from txregistry.interfaces import (
    Caller,
    IBlobStore,
    ICacheMeter,
    IDescriptorCache,
    IReloadable,
    IRepository,
    IRepositoryMiddleware,
    IStorageDriver,
    IWorkers,
    MiddlewareMeans,
)
from txregistry.lines import STDERR, STDOUT, Descriptor, LineWriter, Sink
from txregistry.listening import Listener
from txregistry.log import FORMATTERS, LineObserver
from txregistry.mailing.hook import MailHook
from txregistry.maintenance.chore import Chore
from txregistry.maintenance.purge import UploadPurge
from txregistry.metrics.exposition import Metrics
from txregistry.model.names import RepositoryName
from txregistry.model.policy import ClassPolicy
from txregistry.model.validation import Children, UrlRules, Validation
from txregistry.storage.catalog import Catalog
from txregistry.storage.finding import BlobFinder
from txregistry.storage.look import FirstLook
from txregistry.storage.namespace import Namespace, Rules, WrapBlobs, unwrapped
from txregistry.storage.payloads import ManifestMemory
from txregistry.storage.stale import StaleUploads
from txregistry.threads import Workers
from txregistry.tls.watch import Credentials
from txregistry.web.app import RegistryApp
from txregistry.web.authorize import Gate, RepositoryWrapper
from txregistry.web.blobs import BlobRoutes
from txregistry.web.completion import CompletionLog
from txregistry.web.counting import RequestCounts
from txregistry.web.listing import CatalogRoutes, TagListRoutes
from txregistry.web.manifests import ManifestRoutes
from txregistry.web.referrers import ReferrerRoutes
from txregistry.web.replies import Headers
from txregistry.web.request import RegistryRequest
from txregistry.web.site import RegistrySite
from txregistry.web.uploads import UploadRoutes
from txregistry.web.urls import Urls

if TYPE_CHECKING:
    from txregistry.cache.link import RedisLink

_log = Logger()

#: Seconds from the start within which stale uploads are looked for first, at a random time: registries that
#: share a storage, and began together, do not do it together.
LATEST_PURGE = 3600.0

#: What an operator is told who gave no secret; distribution, which makes one up, warns in the same words.
NO_SECRET = (
    "No HTTP secret provided: the state that uploads carry is not verified, and docker-registry on the same "
    "storage will not take it. Give all registries there one, by http.secret or REGISTRY_HTTP_SECRET."
)
#: Largest manifest, in bytes (OCI distribution-spec asks for at least this much).
MANIFEST_LIMIT = 4 * 1024 * 1024
#: Bytes of manifests that are remembered.
MANIFEST_MEMORY = 16 * 1024 * 1024
#: Threads that read and write, for each processor: most of their time they wait for the disk.
DISK_THREADS = 8
#: Threads that hash and parse, for each processor.
HASH_THREADS = 2


@frozen
class Configurable:
    """A row of a table as the configuration sees it: its *name* and the reader of its options."""

    name: str
    read_options: OptionsReader


#: What a configuration may choose from.
CONFIGURABLE = Kinds(
    {name: Configurable(name, DRIVER_OPTIONS[name]) for name in DRIVERS},
    {name: Configurable(name, AUTH_OPTIONS[name]) for name in ACCESS},
    BUILT_IN,
    find_plugins,
)


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


def assemble(config: Config, reactor: Any, log: Sink | None = None, access_log: Sink | None = None) -> Daemon:
    """
    Build the registry that *config* describes.

    Nothing runs, listens or touches the storage before it is started; keys
    and certificates are read, and complained of, here.

    :raises Misconfigured: the daemon cannot start this way.
    :param reactor: the reactor, for everything that needs one.
    :param log: takes the log, otherwise stderr does.
    :param access_log: takes the access log, otherwise stdout does.
    """
    logged = LineWriter(reactor, log or Descriptor(STDERR))
    accessed = LineWriter(reactor, access_log or Descriptor(STDOUT))
    hooks = [_mail_hook(hook, reactor) for hook in config.log.hooks]
    observer = LineObserver(
        logged,
        config.log.level,
        FORMATTERS[config.log.formatter],
        {"instance.id": str(uuid4()), "version": __version__, **config.log.fields},
        config.log.reportcaller,
        hooks,
    )
    processors = os.cpu_count() or 1
    disk = Workers(reactor, DISK_THREADS * processors, "disk")
    hashing = Workers(reactor, HASH_THREADS * processors, "hashing")
    driver = DRIVERS[config.storage.driver].build(config.storage.parameters, disk)
    metrics = _metrics(config.http)
    if metrics is not None:
        driver = TimedDriver(driver, reactor, metrics.storage_acted)
    threads = max(1, processors // 2)
    deciding = Workers(reactor, threads + 1, "deciding")
    means = Means(deciding, reactor.seconds, threads)
    chosen, given = config.middleware, MiddlewareMeans(reactor, disk)
    access, credentials, (remembering, redis), around_driver, around_repositories = _all_or_faults(
        partial(ACCESS[config.auth.kind].build, config.auth.options, means),
        partial(_credentials, config.http.tls, reactor, hashing),
        partial(_descriptor_cache, config, reactor, metrics),
        partial(build_stack, "storage", chosen.storage, driver, given),
        partial(build_beside, chosen.repository, given),
    )
    driver = [driver, *around_driver][-1]
    namespace = _namespace(config, reactor, driver, hashing, metrics, remembering)
    around_namespace = build_stack("registry", chosen.registry, namespace, given)
    gate = Gate(
        access,
        [namespace, *around_namespace][-1],
        _wrapper(around_repositories),
        _unheard if metrics is None else metrics.refused,
    )
    middlewares = (*around_driver, *around_namespace, *around_repositories)
    app = _app(config, driver, hashing, gate)
    http = config.http
    completed = CompletionLog(reactor, quiet=_quiet(config))
    site = RegistrySite(
        app.app.resource(),
        reactor,
        headers=_headers(http),
        shortcut=app.shortcut,
        prefix=http.prefix.rstrip("/").encode(),
        access_log=None if config.log.accesslog_disabled else accessed.write,
        completed=completed,
    )
    if metrics is not None:
        RequestCounts(metrics, reactor).attend(site)
    health = Health()
    site.health = health

    async def take_over(changed: Config) -> None:
        observer.set_level(changed.log.level)
        completed.quiet = _quiet(changed)
        app.readonly(changed.storage.readonly)
        for each in (access, credentials, *middlewares):
            if IReloadable.providedBy(each):
                await each.reload()

    daemon = Daemon(observer, _listener(http, reactor, site, credentials), hashing, take_over)
    first: list[IService] = [logged, accessed, *hooks, disk, hashing, deciding]
    first += filter(IService.providedBy, middlewares)
    first.append(FirstLook(driver))
    if isinstance(access, Service):
        # Before all others: if it cannot start, no thread keeps the process alive, nor a line of the log.
        first.insert(0, access)
    if credentials is not None:
        first.append(credentials)
    if redis is not None:
        first.append(redis)
    first += _chores(config, reactor, driver, metrics)
    first += watches(config.health, health, reactor, driver, disk)
    observed = Observed(
        site, health.failures, (disk, hashing, deciding), partial(_facts, config.redis, redis)
    )
    for service in (*first, *_debug(http, reactor, observed, metrics), daemon.listener):
        service.setServiceParent(daemon)
    return daemon


def _mail_hook(config: MailHookConfig, reactor: Any) -> MailHook:
    # Here, because twisted.mail takes the reactor that is installed when it is imported.
    from txregistry.mailing.smtp import SmtpSend

    send = SmtpSend(
        reactor,
        HostnameEndpoint(reactor, config.host, config.port),
        config.host,
        config.sender,
        config.to,
        config.username,
        config.password,
        config.insecure,
    )
    return MailHook(reactor, config.levels, config.host, config.sender, config.to, send)


def _quiet(config: Config) -> bool:
    """Whether nobody would see a line of the level ``info``."""
    return config.log.level in ("error", "warn")


def _namespace(
    config: Config,
    reactor: Any,
    driver: IStorageDriver,
    hashing: Workers,
    metrics: Metrics | None,
    remembering: WrapBlobs,
) -> Namespace:
    memory = ManifestMemory(MANIFEST_MEMORY)
    if metrics is not None:
        help = "Bytes that manifests take which are remembered in memory, by estimate."
        metrics.watch("txregistry_manifest_memory_bytes", help, lambda: {(): memory.used})
    return Namespace(
        driver,
        hashing,
        reactor,
        memory,
        _rules(config),
        remembering,
    )


def _app(config: Config, driver: IStorageDriver, hashing: Workers, gate: Gate) -> RegistryApp:
    http = config.http
    if not http.secret:
        _log.warn("{text}", text=NO_SECRET)
    urls = Urls(http.host, http.relativeurls, http.prefix.rstrip("/"))
    return RegistryApp(
        gate,
        hashing,
        CatalogRoutes(Catalog(driver), urls, config.catalog.maxentries),
        TagListRoutes(urls, config.tags.maxtags),
        ManifestRoutes(urls, hashing, MANIFEST_LIMIT, ClassPolicy(frozenset(config.policy.classes))),
        BlobRoutes(),
        UploadRoutes(urls, http.secret.encode() if http.secret else None, BlobFinder(driver)),
        ReferrerRoutes(urls),
        config.storage.readonly,
    )


def _metrics(http: HttpConfig) -> Metrics | None:
    return None if http.debug is None or http.debug.prometheus is None else Metrics()


def _debug(http: HttpConfig, reactor: Any, observed: Observed, metrics: Metrics | None) -> list[IService]:
    """The services of the debug server, if there shall be one."""
    if http.debug is None:
        return []
    address = http.debug.addr
    return debug_services(reactor, address.host, address.port, http.debug.prometheus or "", observed, metrics)


def _facts(redis: RedisConfig | None, link: RedisLink | None) -> Mapping[str, object]:
    """What ``/debug/vars`` says of the registry: of Redis nothing that opens it."""
    if redis is None:
        return registry_facts()
    config = {
        "addrs": [f"{address.host}:{address.port}" for address in redis.addrs],
        "mastername": redis.mastername,
        "db": redis.db,
        "clientname": redis.clientname,
        "tls": redis.tls is not None,
    }
    return registry_facts({"Config": config, "Active": int(link is not None and link.usable)})


def _chores(
    config: Config, reactor: Any, driver: IStorageDriver, metrics: Metrics | None
) -> Iterator[Service]:
    """What is done beside serving, now and then."""
    purging = config.storage.purging
    if purging is not None:
        purge = UploadPurge(
            StaleUploads(driver, reactor),
            timedelta(seconds=purging.age),
            purging.dryrun,
            partial(datetime.now, UTC),
            _unheard if metrics is None else metrics.purged,
        )
        first = random.uniform(0, min(purging.interval, LATEST_PURGE))
        yield Chore(reactor, "upload purge", purge, first, purging.interval)


def _unheard(*_: object) -> None:
    """Nobody counts."""


def _unlistened(repository: IRepository, _: RegistryRequest) -> IRepository:
    """Nobody listens yet."""
    return repository


def _wrapper(middlewares: list[IRepositoryMiddleware]) -> RepositoryWrapper:
    """What stands between requests and repositories; the last one stands outermost."""
    if not middlewares:
        return _unlistened

    def wrap(repository: IRepository, request: RegistryRequest) -> IRepository:
        caller = Caller(request.user_name, request.client_host())
        for middleware in middlewares:
            repository = middleware.wrap(repository, caller)
        return repository

    return wrap


def _rules(config: Config) -> Rules:
    storage = config.storage
    return Rules(
        delete_enabled=storage.delete_enabled,
        redirect_enabled=not storage.redirect_disabled,
        manifest_limit=MANIFEST_LIMIT,
        lookup_concurrency=storage.tag_concurrency_limit or os.cpu_count() or 1,
        validation=_validation(config.validation),
        policy=ClassPolicy(frozenset(config.policy.classes)),
    )


def _validation(validation: ValidationConfig) -> Validation:
    return Validation(
        UrlRules.of(validation.urls_allow, validation.urls_deny),
        blobs=validation.blobs == "all",
        children=Children(validation.platforms),
        platforms=frozenset(validation.platformlist),
    )


def _descriptor_cache(
    config: Config, reactor: Any, metrics: Metrics | None
) -> tuple[WrapBlobs, RedisLink | None]:
    """What remembers descriptors, and what keeps it going."""
    wanted = config.storage.descriptor_cache
    meter = Unmetered() if metrics is None else metrics.cache
    if wanted is not None and wanted.kind == "redis" and config.redis is not None:
        # Here, so that nobody without Redis has to load txredisapi.
        from txregistry.cache.reaching import redis_link
        from txregistry.cache.redis import RedisDescriptorCache

        link = redis_link(config.redis, reactor)
        if metrics is not None:
            metrics.watch("txregistry_redis_usable", "Whether Redis can be asked.", lambda: {(): link.usable})
        return partial(_cached, RedisDescriptorCache(link, reactor, meter), Generations(), meter), link
    if wanted is None or DRIVERS[config.storage.driver].remembers:
        return unwrapped, None
    cache = InMemoryDescriptorCache(wanted.size)
    if metrics is not None:
        help = "Blob descriptors that are remembered in memory."
        metrics.watch("txregistry_descriptors_remembered", help, lambda: {(): len(cache)})
    return partial(_cached, cache, Generations(), meter), None


def _cached(
    cache: IDescriptorCache,
    generations: Generations,
    meter: ICacheMeter,
    name: RepositoryName,
    blobs: IBlobStore,
) -> IBlobStore:
    return CachingBlobs(blobs, cache, name, generations, meter)


def _headers(http: HttpConfig) -> Headers:
    names = HeaderNames()
    for name, values in http.headers:
        for value in values:
            names.addRawHeader(name.encode(), value.encode())
    return tuple((name, value) for name, values in names.getAllRawHeaders() for value in values)


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


def _credentials(tls: TlsConfig | None, reactor: Any, workers: Workers) -> Credentials | None:
    return None if tls is None else Credentials(tls, reactor, workers)


def _listener(
    http: HttpConfig, reactor: Any, site: RegistrySite, credentials: Credentials | None
) -> Listener:
    listener = partial(
        Listener,
        reactor,
        site,
        drain=http.draintimeout,
        contexts=None if credentials is None else credentials.contexts,
    )
    if http.net == "unix":
        return listener(unix=http.addr)
    address = parse_address(http.addr)
    return listener(host=address.host, port=address.port)
