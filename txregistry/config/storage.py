"""The section ``storage``: one driver with its parameters, and what may be done with the content."""

from __future__ import annotations

from collections.abc import Mapping

from txregistry.config.cursor import Cursor
from txregistry.config.decoding import describe, printed
from txregistry.config.drivers import MISSING, DriverKind
from txregistry.config.durations import NANOSECONDS_PER_SECOND, NotADuration, parse_duration
from txregistry.config.redis import has_redis
from txregistry.config.values import DescriptorCacheConfig, StorageConfig, UploadPurgingConfig

#: Keys under ``storage`` that are no drivers.
RESERVED = frozenset({"cache", "delete", "maintenance", "redirect", "tag"})


def read_storage(root: Cursor, drivers: Mapping[str, DriverKind]) -> StorageConfig | None:
    """Read where content lives, from the top of the configuration; ``None`` if no driver can be used."""
    storage = root.section("storage")
    driver = _driver(root, storage, drivers)
    parameters = None
    if driver is not None:
        below = storage.section(driver)
        parameters = drivers[driver].read_options(below)
        below.warn_unread()
    delete_enabled = _delete_enabled(storage.section("delete"))
    redirect_disabled = _redirect_disabled(storage)
    maintenance = storage.section("maintenance")
    readonly, purging = _readonly(maintenance), _purging(maintenance)
    maintenance.warn_unread()
    limit = _tag_concurrency_limit(storage.section("tag"))
    cache = _descriptor_cache(storage, has_redis(root))
    if driver is None:
        return None
    return StorageConfig(
        driver, parameters, delete_enabled, redirect_disabled, readonly, limit, cache, purging
    )


def _driver(root: Cursor, storage: Cursor, drivers: Mapping[str, DriverKind]) -> str | None:
    names = [key for key in storage if key and key not in RESERVED]
    known = ", ".join(sorted(drivers))
    if not names:
        root.fault("storage", f"must name a driver, one of {known}")
        return None
    if len(names) > 1:
        root.fault("storage", f"must name exactly one driver, not {' and '.join(map(repr, sorted(names)))}")
        return None
    name = names[0]
    if name in drivers:
        return name
    storage.fault(name, MISSING.get(name, f"unknown storage driver, not one of {known}"))
    return None


def _delete_enabled(delete: Cursor) -> bool:
    value = delete.raw("enabled")
    if value is not None and not isinstance(value, bool):
        delete.warn("enabled", f"taken as false, since {describe(value)} is not a boolean")
    delete.warn_unread()
    return value is True


def _redirect_disabled(storage: Cursor) -> bool:
    redirect = storage.section("redirect")
    value = redirect.raw("disable")
    if "redirect" in storage and not isinstance(value, bool):
        redirect.fault("disable", f"must be true or false, not {describe(value)}")
    redirect.warn_unread()
    return value is True


def _readonly(maintenance: Cursor) -> bool:
    readonly = maintenance.section("readonly")
    value = readonly.raw("enabled")
    if "readonly" in maintenance and maintenance.raw("readonly") is None:
        maintenance.fault("readonly", "must be a mapping such as {enabled: true}, not empty")
    if "enabled" in readonly and not isinstance(value, bool):
        readonly.fault("enabled", f"must be true or false, not {describe(value)}")
    readonly.warn_unread()
    return value is True


def _purging(maintenance: Cursor) -> UploadPurgingConfig | None:
    purging = maintenance.section("uploadpurging")
    if "uploadpurging" in maintenance and maintenance.raw("uploadpurging") is None:
        maintenance.fault("uploadpurging", "must be a mapping such as {enabled: false}, not empty")
    enabled = purging.raw("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        purging.warn("enabled", f"taken as true, since {describe(enabled)} is not a boolean")
    default = UploadPurgingConfig()
    age, interval = _span(purging, "age", default.age), _span(purging, "interval", default.interval)
    dryrun = purging.boolean("dryrun")
    purging.warn_unread()
    return None if enabled is False else UploadPurgingConfig(age, interval, dryrun)


def _span(purging: Cursor, key: str, default: float) -> float:
    """Seconds; the section knows no types, so they come as text."""
    value = purging.raw(key)
    if value is None:
        return default
    try:
        seconds = parse_duration(value if isinstance(value, str) else "") / NANOSECONDS_PER_SECOND
    except NotADuration:
        purging.fault(key, f"must be a duration such as 168h, not {describe(value)}")
        return default
    if seconds <= 0:
        purging.fault(key, f"must be more than nothing, not {describe(value)}")
    return seconds


def _tag_concurrency_limit(tag: Cursor) -> int:
    if "concurrencylimit" in tag and tag.raw("concurrencylimit") is None:
        tag.fault("concurrencylimit", "must be an integer, not empty")
    limit = tag.integer("concurrencylimit")
    if limit < 0:
        tag.fault("concurrencylimit", f"must not be negative, not {limit}")
    tag.warn_unread()
    return limit


def _descriptor_cache(storage: Cursor, has_redis: bool) -> DescriptorCacheConfig | None:
    cache = storage.section("cache")
    legacy, key = cache.raw("layerinfo"), "blobdescriptor"
    kind = cache.raw(key)
    if key not in cache and "layerinfo" in cache:
        kind, key = legacy, "layerinfo"
    size = cache.raw("blobdescriptorsize")
    cache.warn_unread()
    if kind == "inmemory":
        return DescriptorCacheConfig(kind, _cache_size(cache))
    if kind == "redis":
        if not has_redis:
            cache.fault(key, "redis: needs the section redis, with addr or addrs")
        if size is not None:
            cache.warn("blobdescriptorsize", "has no effect on Redis, which has a maxmemory of its own")
        return DescriptorCacheConfig(kind)
    if kind is not None and kind != "":
        cache.warn(key, f"nothing is cached, since no cache is called {describe(kind)}")
    if size is not None:
        cache.warn("blobdescriptorsize", "has no effect without blobdescriptor: inmemory")
    return None


def _cache_size(cache: Cursor) -> int:
    default = DescriptorCacheConfig().size
    if "blobdescriptorsize" not in cache:
        return default
    value = cache.raw("blobdescriptorsize")
    text = "" if value is None or isinstance(value, list | dict) else printed(value)
    digits = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if digits.isascii() and digits.isdigit() and len(digits) < 19:
        return int(text)
    cache.fault("blobdescriptorsize", f"must be an integer, not {describe(value)}")
    return default
