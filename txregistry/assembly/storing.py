"""Repositories over a storage driver, and what is done to the storage now and then."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service

from txregistry.assembly.defaults import MANIFEST_LIMIT, unheard
from txregistry.cache.caching import CachingBlobs, Generations
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.cache.metering import Unmetered
from txregistry.config.values import Config, ValidationConfig
from txregistry.drivers.table import DRIVERS
from txregistry.interfaces import IBlobStore, ICacheMeter, IDescriptorCache, IStorageDriver
from txregistry.maintenance.chore import Chore
from txregistry.maintenance.purge import UploadPurge
from txregistry.metrics.exposition import Metrics
from txregistry.model.names import RepositoryName
from txregistry.model.policy import ClassPolicy
from txregistry.model.validation import Children, UrlRules, Validation
from txregistry.storage.namespace import Namespace, Rules, WrapBlobs, unwrapped
from txregistry.storage.payloads import ManifestMemory
from txregistry.storage.referrers import SubjectMemory
from txregistry.storage.stale import StaleUploads
from txregistry.threads import Workers

if TYPE_CHECKING:
    from txregistry.cache.encryption import Encryption
    from txregistry.cache.link import RedisLink

#: Bytes of manifests that are remembered.
MANIFEST_MEMORY = 16 * 1024 * 1024
#: Seconds from the start within which stale uploads are looked for first, at a random time: registries that
#: share a storage, and began together, do not do it together.
LATEST_PURGE = 3600.0


def namespace(
    config: Config,
    reactor: Any,
    driver: IStorageDriver,
    hashing: Workers,
    metrics: Metrics | None,
    remembering: WrapBlobs,
) -> Namespace:
    """All repositories over *driver*."""
    memory, subjects = ManifestMemory(MANIFEST_MEMORY), SubjectMemory()
    if metrics is not None:
        help = "Bytes that manifests take which are remembered in memory, by estimate."
        metrics.watch("txregistry_manifest_memory_bytes", help, lambda: {(): memory.used})
        help = "Bytes in memory that say to what manifests refer, by estimate."
        metrics.watch("txregistry_subject_memory_bytes", help, lambda: {(): subjects.used})
    return Namespace(
        driver,
        hashing,
        reactor,
        memory,
        _rules(config),
        remembering,
        subjects=subjects,
    )


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


def descriptor_cache(
    config: Config, reactor: Any, metrics: Metrics | None, workers: Workers
) -> tuple[WrapBlobs, RedisLink | None, Encryption | None]:
    """
    What remembers descriptors, what keeps it going, and what encrypts that.

    :raises Misconfigured: files that it needs cannot be used.
    """
    wanted = config.storage.descriptor_cache
    meter = Unmetered() if metrics is None else metrics.cache
    if wanted is not None and wanted.kind == "redis" and config.redis is not None:
        # Here, so that nobody without Redis has to load txredisapi.
        from txregistry.cache.encryption import Encryption
        from txregistry.cache.reaching import redis_link
        from txregistry.cache.redis import RedisDescriptorCache

        encryption = None if config.redis.tls is None else Encryption(config.redis.tls, workers)
        link = redis_link(config.redis, reactor, encryption)
        if metrics is not None:
            metrics.watch("txregistry_redis_usable", "Whether Redis can be asked.", lambda: {(): link.usable})
            help = "Bytes of deletions that Redis was told of lately, or has to be, by estimate."
            metrics.watch("txregistry_deletion_memory_bytes", help, lambda: {(): link.used})
        cache = RedisDescriptorCache(link, reactor, meter)
        return partial(_cached, cache, Generations(), meter), link, encryption
    if wanted is None or DRIVERS[config.storage.driver].remembers:
        return unwrapped, None, None
    memory = InMemoryDescriptorCache(wanted.size)
    if metrics is not None:
        help = "Blob descriptors that are remembered in memory."
        metrics.watch("txregistry_descriptors_remembered", help, lambda: {(): len(memory)})
    return partial(_cached, memory, Generations(), meter), None, None


def _cached(
    cache: IDescriptorCache,
    generations: Generations,
    meter: ICacheMeter,
    name: RepositoryName,
    blobs: IBlobStore,
) -> IBlobStore:
    return CachingBlobs(blobs, cache, name, generations, meter)


def chores(
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
            unheard if metrics is None else metrics.purged,
        )
        first = random.uniform(0, min(purging.interval, LATEST_PURGE))
        yield Chore(reactor, "upload purge", purge, first, purging.interval)
