"""Registries made for tests."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.fakes.workers import InlineWorkers
from txregistry.errors import PathNotFound
from txregistry.interfaces import IRepository, IStorageDriver, IUpload
from txregistry.model.names import RepositoryName
from txregistry.storage.namespace import Namespace, Rules, WrapBlobs, unwrapped
from txregistry.storage.payloads import ManifestMemory

T = TypeVar("T")

NAME = RepositoryName("library/hello")
BEGAN = datetime(2024, 5, 1, 10, 20, 30, 999999, tzinfo=UTC)


def make_namespace(
    driver: IStorageDriver,
    clock: Clock | None = None,
    rules: Rules | None = None,
    wrap_blobs: WrapBlobs = unwrapped,
) -> Namespace:
    """A registry over *driver* whose sessions begin at :data:`BEGAN`; by default deletion is allowed."""
    return Namespace(
        driver,
        InlineWorkers(),
        Clock() if clock is None else clock,
        ManifestMemory(1 << 20),
        Rules(delete_enabled=True) if rules is None else rules,
        wrap_blobs,
        now=lambda: BEGAN,
    )


def make_repository(driver: IStorageDriver, rules: Rules | None = None) -> IRepository:
    """The repository :data:`NAME` of such a registry."""
    return make_namespace(driver, rules=rules).repository(NAME)


def tree(driver: IStorageDriver, path: str = "/docker/registry/v2") -> dict[str, bytes]:
    """Everything that is stored below *path* in a driver that answers at once, by path."""
    found: dict[str, bytes] = {}
    try:
        entries = done(driver.list(path)).items
    except PathNotFound:
        return found
    for entry in entries:
        below = f"{path}/{entry.name}"
        if entry.prefix:
            found |= tree(driver, below)
        else:
            found[below] = done(driver.get(below, 1 << 30))
    return found


def done(work: Coroutine[Any, Any, T]) -> T:
    """What *work* returned, or raises what it raised; it must have ended by itself."""
    results: list[T | Failure] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    [result] = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


def opened(here: IRepository, id: str) -> IUpload:
    """The session *id*, open for writing."""
    return done(here.uploads.resume(id))


def receive(here: IRepository, id: str, *chunks: bytes) -> None:
    """Let the session *id* receive *chunks* in a request of their own."""
    upload = opened(here, id)
    done(upload.write(chunks))
    done(upload.close())
