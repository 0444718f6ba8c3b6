"""From requests to repositories: the routes, the site, the port, the debug server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.web.http_headers import Headers as HeaderNames

from txregistry.assembly.defaults import MANIFEST_LIMIT
from txregistry.config.addresses import parse_address
from txregistry.config.values import Config, HttpConfig, RedisConfig, TlsConfig
from txregistry.debug.building import Observed, debug_services
from txregistry.debug.expvar import registry_facts
from txregistry.interfaces import Caller, IRepository, IRepositoryMiddleware
from txregistry.listening import Listener
from txregistry.metrics.exposition import Metrics
from txregistry.model.policy import ClassPolicy
from txregistry.threads import Workers
from txregistry.tls.watch import Credentials
from txregistry.web.app import RegistryApp
from txregistry.web.authorize import Gate, RepositoryWrapper
from txregistry.web.blobs import BlobRoutes
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

#: What an operator is told who gave no secret.  Distribution begins with the same words, and makes one up.
NO_SECRET = (
    "No HTTP secret provided: the state that uploads carry is not verified, and docker-registry on the same "
    "storage will not take it. Give all registries there one, by http.secret or REGISTRY_HTTP_SECRET."
)


def registry_app(config: Config, hashing: Workers, gate: Gate) -> RegistryApp:
    """The routes to the *gate*'s repositories; who may use them is its affair."""
    http = config.http
    if not http.secret:
        _log.warn("{text}", text=NO_SECRET)
    urls = Urls(http.host, http.relativeurls, http.prefix.rstrip("/"))
    return RegistryApp(
        gate,
        hashing,
        CatalogRoutes(gate.namespace, urls, config.catalog.maxentries),
        TagListRoutes(urls, config.tags.maxtags),
        ManifestRoutes(urls, hashing, MANIFEST_LIMIT, ClassPolicy(frozenset(config.policy.classes))),
        BlobRoutes(),
        UploadRoutes(urls, http.secret.encode() if http.secret else None, gate.namespace),
        ReferrerRoutes(urls),
        config.storage.readonly,
    )


def wrapper(middlewares: list[IRepositoryMiddleware]) -> RepositoryWrapper:
    """What stands between requests and repositories; the last one stands outermost."""
    if not middlewares:
        return _unlistened

    def wrap(repository: IRepository, request: RegistryRequest) -> IRepository:
        caller = Caller(request.user_name, request.client_host())
        for middleware in middlewares:
            repository = middleware.wrap(repository, caller)
        return repository

    return wrap


def _unlistened(repository: IRepository, _: RegistryRequest) -> IRepository:
    """Nobody listens yet."""
    return repository


def answer_headers(http: HttpConfig) -> Headers:
    """What goes out with every answer of a route."""
    names = HeaderNames()
    for name, values in http.headers:
        for value in values:
            names.addRawHeader(name.encode(), value.encode())
    return tuple((name, value) for name, values in names.getAllRawHeaders() for value in values)


def tls_credentials(tls: TlsConfig | None, reactor: Any, workers: Workers) -> Credentials | None:
    """
    What connections are encrypted with, if they are.

    :raises Misconfigured: the files cannot be used.
    """
    return None if tls is None else Credentials(tls, reactor, workers)


def main_listener(
    http: HttpConfig,
    reactor: Any,
    site: RegistrySite,
    credentials: Credentials | None,
    sockets: Sequence[int],
) -> Listener:
    """The port that clients use: one of *sockets* that is open already, if there are any."""
    listener = partial(
        Listener,
        reactor,
        site,
        drain=http.draintimeout,
        contexts=None if credentials is None else credentials.contexts,
    )
    if sockets:
        return listener(handed_over=sockets)
    if http.net == "unix":
        return listener(unix=http.addr)
    address = parse_address(http.addr)
    return listener(host=address.host, port=address.port)


def debug_server(
    http: HttpConfig, reactor: Any, observed: Observed, metrics: Metrics | None
) -> list[IService]:
    """The services of the debug server, if there shall be one."""
    if http.debug is None:
        return []
    address = http.debug.addr
    return debug_services(reactor, address.host, address.port, http.debug.prometheus or "", observed, metrics)


def debug_facts(redis: RedisConfig | None, link: RedisLink | None) -> Mapping[str, object]:
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
