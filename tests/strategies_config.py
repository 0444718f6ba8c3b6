"""Hypothesis strategies for configurations."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from txregistry.config.durations import print_duration
from txregistry.model.tls import CLIENT_AUTH, MODERN_SUITES, OLDER_SUITES, VERSIONS

#: Where a setting stands: the keys from the top of the file.
Place = tuple[str, ...]
#: Some settings: text, numbers, booleans and lists of text by their place.
Settings = dict[Place, object]

_TEXT = st.text("abcXYZ019 :/.-_~%'\"#{}[],&*!|>@\\é", max_size=12)
_NAME = st.text("abcxyz019-", min_size=1, max_size=6)
_NUMBER = st.integers(-5, 5000)
_EXPRESSIONS = st.lists(st.sampled_from(["^https://", "\\d+$", "a|b", ""]), max_size=2)

_FIXED: dict[Place, st.SearchStrategy[object]] = {
    ("log", "level"): st.sampled_from(["error", "Warn", "INFO", "debug"]),
    ("log", "formatter"): st.sampled_from(["text", "json", "logstash"]),
    ("log", "accesslog", "disabled"): st.booleans(),
    ("log", "reportcaller"): st.booleans(),
    ("storage", "filesystem", "rootdirectory"): _TEXT.map("/".__add__),
    ("storage", "filesystem", "maxthreads"): _NUMBER,
    ("storage", "delete", "enabled"): st.booleans(),
    ("storage", "redirect", "disable"): st.booleans(),
    ("storage", "maintenance", "readonly", "enabled"): st.booleans(),
    ("storage", "maintenance", "uploadpurging", "enabled"): st.booleans(),
    ("storage", "maintenance", "uploadpurging", "age"): st.sampled_from(["1h", "168h", "1.5s"]),
    ("storage", "maintenance", "uploadpurging", "interval"): st.sampled_from(["24h", "10m"]),
    ("storage", "maintenance", "uploadpurging", "dryrun"): st.booleans(),
    ("storage", "tag", "concurrencylimit"): st.integers(0, 64),
    ("storage", "cache", "blobdescriptor"): st.sampled_from(["inmemory", "", "other"]),
    ("storage", "cache", "blobdescriptorsize"): _NUMBER,
    ("http", "net"): st.sampled_from(["", "tcp"]),
    ("http", "addr"): st.integers(0, 65535).map(":{}".format),
    ("http", "prefix"): st.sampled_from(["", "/", "/reg", "/reg/"]),
    ("http", "host"): st.sampled_from(["", "https://registry.example.com", "registry.example.com"]),
    ("http", "secret"): _TEXT,
    ("http", "relativeurls"): st.booleans(),
    ("http", "draintimeout"): st.integers(-(10**12), 10**12).map(print_duration),
    ("redis", "addr"): st.sampled_from(["", "localhost:6379", "[::1]:6379"]),
    ("redis", "addrs"): st.lists(st.just("redis.example.com:6379"), max_size=1),
    ("redis", "mastername"): st.sampled_from(["", "registry"]),
    ("redis", "username"): _TEXT,
    ("redis", "password"): _TEXT,
    ("redis", "sentinelusername"): _TEXT,
    ("redis", "sentinelpassword"): _TEXT,
    ("redis", "db"): st.integers(0, 15),
    ("redis", "clientname"): _NAME,
    ("redis", "dialtimeout"): st.sampled_from(["0", "10ms", "3s"]),
    ("redis", "readtimeout"): st.sampled_from(["0", "10ms", "3s"]),
    ("redis", "writetimeout"): st.sampled_from(["0", "10ms", "3s"]),
    ("redis", "pool", "maxactive"): _NUMBER,
    ("redis", "poolsize"): _NUMBER,
    ("redis", "maxactiveconns"): _NUMBER,
    ("redis", "tls", "certificate"): _NAME,
    ("redis", "tls", "key"): _NAME,
    ("redis", "tls", "rootcas"): st.lists(_NAME, max_size=2),
    ("middleware", "storage"): st.lists(
        st.sampled_from(
            [
                {"name": "redirect", "options": {"baseurl": "https://cdn.example.com/é"}},
                {"name": "rewrite", "disabled": False, "options": {"host": "example.com", "scheme": "http"}},
                {"name": "of nobody", "disabled": True},
            ]
        ),
        max_size=3,
    ),
    ("validation", "enabled"): st.booleans(),
    ("validation", "disabled"): st.booleans(),
    ("validation", "manifests", "blobs"): st.sampled_from(["all", "None"]),
    ("validation", "manifests", "urls", "allow"): _EXPRESSIONS,
    ("validation", "manifests", "urls", "deny"): _EXPRESSIONS,
    ("validation", "manifests", "indexes", "platforms"): st.sampled_from(["all", "NONE", "list"]),
    ("validation", "manifests", "indexes", "platformlist"): st.lists(
        st.fixed_dictionaries({}, optional={"architecture": _NAME, "os": _NAME}), max_size=2
    ),
    ("policy", "repository", "classes"): st.lists(st.sampled_from(["image", "plugin", "x"]), max_size=2),
    ("catalog", "maxentries"): _NUMBER,
    ("tags", "maxtags"): st.integers(0, 5000),
}

#: One without the other is a fault.
_PAIR: dict[Place, st.SearchStrategy[object]] = {
    ("http", "tls", "certificate"): _NAME.map("/etc/{}.crt".format),
    ("http", "tls", "key"): _NAME.map("/etc/{}.key".format),
}
_TLS: dict[Place, st.SearchStrategy[object]] = {
    ("http", "tls", "clientcas"): st.lists(_NAME, max_size=2),
    ("http", "tls", "clientauth"): st.sampled_from(["", *CLIENT_AUTH]),
    ("http", "tls", "minimumtls"): st.sampled_from(["", *VERSIONS]),
    ("http", "tls", "ciphersuites"): st.lists(st.sampled_from([*MODERN_SUITES, *OLDER_SUITES]), max_size=3),
}

_DEBUG: dict[Place, st.SearchStrategy[object]] = {
    ("http", "debug", "addr"): st.integers(0, 65535).map("127.0.0.1:{}".format),
}
_PROMETHEUS: dict[Place, st.SearchStrategy[object]] = {
    ("http", "debug", "prometheus", "enabled"): st.booleans(),
    ("http", "debug", "prometheus", "path"): st.sampled_from(["", "/", "/a/metrics"]),
}

#: Where every supported setting stands that has a place of its own.
FIXED_PLACES = (*_FIXED, *_PAIR, *_TLS, *_DEBUG, *_PROMETHEUS)


def settings() -> st.SearchStrategy[Settings]:
    """Some settings that the daemon can start with, in any combination; the driver is given elsewhere."""
    fixed = st.fixed_dictionaries({}, optional=_FIXED)
    headers = st.dictionaries(_NAME, st.lists(_TEXT, max_size=3), max_size=2)
    fields = st.dictionaries(_NAME, st.one_of(_TEXT, _NUMBER, st.booleans()), max_size=2)
    encrypted = st.fixed_dictionaries(_PAIR, optional=_TLS)
    debugged = st.fixed_dictionaries(_DEBUG, optional=_PROMETHEUS)
    nothing: st.SearchStrategy[Settings] = st.just({})
    return st.builds(
        _joined, fixed, headers, fields, st.one_of(nothing, encrypted), st.one_of(nothing, debugged)
    )


def _joined(
    fixed: Settings,
    headers: dict[str, list[str]],
    fields: dict[str, object],
    encrypted: Settings,
    debugged: Settings,
) -> Settings:
    joined = fixed | encrypted | debugged
    joined.update({("http", "headers", name): values for name, values in headers.items()})
    joined.update({("log", "fields", name): value for name, value in fields.items()})
    return joined


def as_file(given: Settings) -> str:
    """Write a configuration file with these settings, and the filesystem driver."""
    tree: dict[str, object] = {"version": 0.1, "storage": {"filesystem": {}}}
    for place, value in given.items():
        below = tree
        for key in place[:-1]:
            inner = below.setdefault(key, {})
            assert isinstance(inner, dict)
            below = inner
        below[place[-1]] = value
    return json.dumps(tree, ensure_ascii=False, indent=1)


def as_environ(given: Settings) -> dict[str, str]:
    """Write these settings as variables of the environment."""
    return {
        "REGISTRY_" + "_".join(place).upper(): json.dumps(value, ensure_ascii=False)
        for place, value in given.items()
    }
