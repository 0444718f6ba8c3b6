"""
The section ``redis``, as either generation of distribution writes it: ``addr`` and ``pool`` of 2.8, ``addrs``
and the rest of 3.1.
"""

from __future__ import annotations

from txregistry.config.addresses import Address, NotAnAddress, is_host, parse_address
from txregistry.config.cursor import Cursor
from txregistry.config.values import RedisConfig, RedisTlsConfig

#: The longest that a request may wait for Redis, in seconds: a cache that needs more is none.
LONGEST_WAIT = 1.0
#: The most databases that a Redis can be told to have.
_DATABASES = 2**31

#: Keys that choose among nodes of a cluster, or tell a pool of connections how large to be and how to age.
_WITHOUT_EFFECT = {
    "protocol": "the daemon speaks RESP2",
    "unstableresp3": "the daemon speaks RESP2",
    "identitysuffix": "the daemon does not name its library to Redis",
    "maxretries": "what Redis does not answer, the storage is asked",
    "minretrybackoff": "what Redis does not answer, the storage is asked",
    "maxretrybackoff": "what Redis does not answer, the storage is asked",
    "contexttimeoutenabled": "the timeouts always count",
    "pooltimeout": "nobody waits for a connection, the storage is asked instead",
    "poolfifo": "there is one connection",
    "minidleconns": "there is one connection",
    "maxidleconns": "there is one connection",
    "connmaxidletime": "there is one connection, and PING keeps it alive",
    "connmaxlifetime": "there is one connection, and PING keeps it alive",
    "maxredirects": "only clusters redirect",
    "readonly": "only clusters are read that way",
    "routebylatency": "only clusters are read that way",
    "routerandomly": "only clusters are read that way",
}
_POOL_WITHOUT_EFFECT = {
    "maxidle": "there is one connection",
    "idletimeout": "there is one connection, and PING keeps it alive",
}


def has_redis(root: Cursor) -> bool:
    """Say whether the configuration, from its top, names a Redis."""
    redis = root.section("redis")
    return bool(redis.text("addr") or redis.texts("addrs"))


def read_redis(root: Cursor) -> RedisConfig | None:
    """Read which Redis there is, from the top of the configuration; ``None`` if no address is given."""
    if not has_redis(root):
        return None
    redis = root.section("redis")
    addresses = _addresses(redis)
    mastername = redis.text("mastername")
    if len(addresses) > 1 and not mastername:
        redis.fault(
            "addrs",
            "several addresses without mastername are a Redis cluster, which is not supported: "
            "give one address, or mastername and those of the sentinels",
        )
    database = redis.integer("db")
    if not 0 <= database < _DATABASES:
        redis.fault("db", f"must not be negative or huge, not {database}")
    defaults = RedisConfig(())
    read = _wait(redis, "readtimeout", defaults.readtimeout)
    _warn_of_the_rest(redis)
    return RedisConfig(
        addresses,
        mastername=mastername,
        username=redis.text("username"),
        password=redis.text("password"),
        sentinelusername=redis.text("sentinelusername"),
        sentinelpassword=redis.text("sentinelpassword"),
        db=database,
        clientname=redis.text("clientname"),
        dialtimeout=_positive(redis, "dialtimeout", defaults.dialtimeout),
        readtimeout=read,
        writetimeout=_wait(redis, "writetimeout", read),
        underway=_underway(redis, defaults.underway),
        tls=_tls(redis.section("tls")),
    )


def _addresses(redis: Cursor) -> tuple[Address, ...]:
    texts, old = redis.texts("addrs"), redis.text("addr")
    if not texts:
        return _address(redis, old, None)
    if old and texts != (old,):
        redis.warn("addr", "has no effect, since addrs is given")
    return tuple(address for index, text in enumerate(texts) for address in _address(redis, text, index))


def _address(redis: Cursor, text: str, index: int | None) -> tuple[Address, ...]:
    try:
        address = parse_address(text)
        if not is_host(address.host) or not address.port:
            raise NotAnAddress("must be host:port")
    except NotAnAddress as problem:
        if index is None:
            redis.fault("addr", str(problem))
        else:
            redis.fault_item("addrs", index, str(problem))
        return ()
    return (address,)


def _positive(redis: Cursor, key: str, default: float) -> float:
    value = redis.seconds(key)
    return value if value > 0 else default


def _wait(redis: Cursor, key: str, default: float) -> float:
    value = _positive(redis, key, default)
    if value <= LONGEST_WAIT / 2:
        return value
    redis.warn(key, f"taken as {LONGEST_WAIT / 2:g}s, since requests wait for it")
    return LONGEST_WAIT / 2


def _underway(redis: Cursor, default: int) -> int:
    """The smallest of what limits connections, each of which carries one question at a time there."""
    limits = (
        redis.section("pool").integer("maxactive"),
        redis.integer("poolsize"),
        redis.integer("maxactiveconns"),
    )
    return min((limit for limit in limits if limit > 0), default=default)


def _tls(tls: Cursor) -> RedisTlsConfig | None:
    certificate, key, rootcas = tls.text("certificate"), tls.text("key"), tls.texts("rootcas")
    if not (certificate or key or rootcas):
        return None
    for index, path in enumerate(rootcas):
        if not path:
            tls.fault_item("rootcas", index, "must be the path of a file")
    if bool(certificate) != bool(key):
        given, other = ("certificate", "key") if certificate else ("key", "certificate")
        tls.warn(given, f"has no effect without tls.{other}")
        certificate = key = ""
    return RedisTlsConfig(certificate, key, rootcas)


def _warn_of_the_rest(redis: Cursor) -> None:
    for key, reason in _WITHOUT_EFFECT.items():
        if redis.raw(key):
            redis.warn(key, f"has no effect, since {reason}")
    pool = redis.section("pool")
    for key, reason in _POOL_WITHOUT_EFFECT.items():
        if pool.raw(key):
            pool.warn(key, f"has no effect, since {reason}")
