"""The workloads that both servers undergo, one table row each."""

from collections.abc import Callable, Iterator
from itertools import count

from attrs import define, evolve, field, frozen

from bench.content import ACCEPT, APP, Content
from bench.generator import generate
from bench.goals import Every, Goal, Keeps, Nothing, Times
from bench.servers import Server
from bench.variants import OPEN
from bench.wrk import Figures, run_wrk

__all__ = ["WORKLOADS", "Target", "Workload"]

_MIB = 1024 * 1024
_KEPT = 0.7
_FASTER = 20
_KEPT_WITHOUT_REDIS = 0.9
_SHOWN = {
    "htpasswd": "password",
    "token": "token",
    "tls": "TLS",
    "redis": "cache in Redis",
    "redis-away": "Redis away",
}


@define(eq=False)
class Target:
    """A server that runs, and what it holds."""

    server: Server
    content: Content
    _pushes: "count[int]" = field(factory=count, init=False)

    def blob(self, digest: str) -> str:
        """The URL of a blob."""
        return self.server.url(f"/v2/{APP}/blobs/{digest}")

    def push(self, size: int, connections: int, seconds: float, patch: bool = False) -> tuple[float, float]:
        """Push unique blobs to a new repository and forget them; blobs a second, megabytes a second."""
        repository = f"bench/pushed-{next(self._pushes)}"
        options = {"size": size, "connections": connections, "seconds": seconds}
        if patch:
            options["patch"] = True
        try:
            done = generate("push", self.server.port, repository, **options)
        finally:
            self.server.wipe(repository, self.content.digests())
        return done.done / done.seconds, done.size / done.seconds / 1e6


@frozen
class Workload:
    """
    Something to measure.

    :ivar name: for ``--only``.
    :ivar measure: put the load on a target for some seconds and give the figure, in *unit*.
    :ivar variant: how the servers must be configured for it.
    :ivar plain: the name of the workload that puts the same load on open servers, if this is not it.
    """

    name: str
    title: str
    unit: str
    goal: Goal
    measure: Callable[[Target, float], float]
    variant: str = OPEN.name
    plain: str = ""


def _manifest(target: Target, reference: str, seconds: float, connections: int = 16) -> Figures:
    url = target.server.url(f"/v2/{APP}/manifests/{reference}")
    headers = ACCEPT | dict(target.server.variant.headers)
    return run_wrk(url, connections, seconds, headers, target.content.manifest_size)


def _manifest_by_tag(target: Target, seconds: float) -> float:
    return _manifest(target, target.content.tag, seconds).rate


def _manifest_by_digest(target: Target, seconds: float) -> float:
    return _manifest(target, target.content.manifest, seconds).rate


def _manifest_p99(target: Target, seconds: float) -> float:
    return _manifest(target, target.content.tag, seconds, 256).p99 * 1000


def _manifest_head(target: Target, seconds: float) -> float:
    return _head(target, f"manifests/{target.content.tag}", target.content.manifest_size, seconds)


def _manifest_head_by_digest(target: Target, seconds: float) -> float:
    return _head(target, f"manifests/{target.content.manifest}", target.content.manifest_size, seconds)


def _blob_head(target: Target, seconds: float) -> float:
    return _head(target, f"blobs/{target.content.medium}", target.content.medium_size, seconds)


def _head(target: Target, path: str, length: int, seconds: float) -> float:
    options = {"path": path, "length": length, "connections": 16, "seconds": seconds}
    authorization = target.server.variant.headers.get("Authorization")
    if authorization:
        options["authorization"] = authorization
    done = generate("head", target.server.port, APP, **options)
    return done.done / done.seconds


def _config_get(target: Target, seconds: float) -> float:
    content = target.content
    return run_wrk(target.blob(content.config), 16, seconds, smallest=content.config_size).rate


def _tags_list(target: Target, seconds: float) -> float:
    url = target.server.url(f"/v2/{APP}/tags/list")
    return run_wrk(url, 16, seconds, smallest=target.content.tags_size).rate


def _blob_1mib(target: Target, seconds: float) -> float:
    content = target.content
    return run_wrk(target.blob(content.medium), 16, seconds, smallest=content.medium_size).megabytes


def _blob_256mib(target: Target, seconds: float) -> float:
    options = {"digest": target.content.large, "connections": 4, "seconds": seconds}
    if target.server.encrypted:
        options["encrypted"] = True
    done = generate("pull", target.server.port, APP, **options)
    return done.size / done.seconds / 1e6


def _push_small(target: Target, seconds: float) -> float:
    return target.push(4096, 8, seconds)[0]


def _push_medium(target: Target, seconds: float) -> float:
    return target.push(10 * _MIB, 4, seconds, patch=True)[1]


def _push_large(target: Target, seconds: float) -> float:
    return target.push(256 * _MIB, 1, seconds)[1]


def _guarded(plain: Workload) -> Iterator[Workload]:
    """A workload, and after it the same with passwords and with tokens."""
    yield plain
    beside: dict[str, Goal] = {"htpasswd": Every((Keeps(_KEPT), Times(_FASTER))), "token": Keeps(_KEPT)}
    for variant, goal in beside.items():
        yield _like(plain, variant, goal)


def _cached(plain: Workload) -> Iterator[Workload]:
    """The same as a workload, with a cache in Redis, and with one that is away."""
    yield _like(plain, "redis", Times(2))
    yield _like(plain, "redis-away", Keeps(_KEPT_WITHOUT_REDIS))


def _like(plain: Workload, variant: str, goal: Goal) -> Workload:
    return evolve(
        plain,
        name=f"{plain.name}-{variant}",
        title=f"{_SHOWN[variant]}: {plain.title}",
        goal=goal,
        variant=variant,
        plain=plain.name,
    )


_TAG = Workload("manifest-tag", "manifest GET by tag, 16 connections", "req/s", Times(2), _manifest_by_tag)
_DIGEST = Workload(
    "manifest-digest", "manifest GET by digest, 16 connections", "req/s", Times(2), _manifest_by_digest
)
_HEAD = Workload("manifest-head", "manifest HEAD by tag, 16 connections", "req/s", Times(2), _manifest_head)
_HEAD_DIGEST = Workload(
    "manifest-head-digest",
    "manifest HEAD by digest, 16 connections",
    "req/s",
    Times(2),
    _manifest_head_by_digest,
)
_BLOB_HEAD = Workload("blob-head", "blob HEAD, 16 connections", "req/s", Times(2), _blob_head)
_LARGE = Workload("blob-256mib", "blob GET 256 MiB, 4 connections", "MB/s", Times(1), _blob_256mib)

WORKLOADS = (
    *_guarded(_TAG),
    _like(_TAG, "tls", Nothing()),
    *_guarded(_DIGEST),
    _HEAD,
    *_cached(_HEAD),
    _HEAD_DIGEST,
    *_cached(_HEAD_DIGEST),
    *_guarded(_BLOB_HEAD),
    *_cached(_BLOB_HEAD),
    Workload("config-get", "config blob GET, 200 bytes, 16 connections", "req/s", Times(2), _config_get),
    Workload("tags-list", "tags list of 301 tags, 16 connections", "req/s", Times(1), _tags_list),
    Workload("blob-1mib", "blob GET 1 MiB, 16 connections", "MB/s", Times(2), _blob_1mib),
    _LARGE,
    _like(_LARGE, "tls", Nothing()),
    Workload(
        "manifest-p99", "p99 of manifest GET by tag, 256 connections", "ms", Times(0.5, True), _manifest_p99
    ),
    Workload("push-4kib", "push of 4 KiB blobs, POST + PUT, 8 connections", "blobs/s", Times(1), _push_small),
    Workload(
        "push-10mib", "push of 10 MiB blobs, PATCH + PUT, 4 connections", "MB/s", Times(1), _push_medium
    ),
    Workload("push-256mib", "push of one 256 MiB blob after another, PUT", "MB/s", Times(2), _push_large),
)
"""In the order in which they run; those with one *plain* follow it."""
