"""The page that decides on every key: it has them all, and what it says of each holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import yaml
from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.config.test_docs import PAGES
from tests.config.texts import KINDS, Kind
from txregistry.config.auth import AUTH_OPTIONS, read_auth
from txregistry.config.cursor import Cursor
from txregistry.config.decoding import Value
from txregistry.config.drivers import DRIVER_OPTIONS, MISSING
from txregistry.config.findings import Findings, Path
from txregistry.config.kinds import Kinds
from txregistry.config.middleware import LAYERS, Plugins
from txregistry.config.reading import Reading, read_config
from txregistry.config.schema import SCHEMA
from txregistry.config.shapes import ListOf, MapOf, NameOrMap, Section, Shape
from txregistry.config.storage import read_storage

ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| `([^|]+)` \|$", re.MULTILINE)
GENERATIONS = {"2.8", "3.1", "2.8, 3.1", "-"}

BASE: Mapping[str, Any] = {
    "version": "0.1",
    "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}},
    "http": {"addr": ":5000"},
}
PAIR = {"certificate": "/c.crt", "key": "/c.key"}
SMTP = {"addr": "mail.example.com:25", "username": "a", "password": "b"}
MAIL = {"levels": ["error"], "options": {"smtp": SMTP, "from": "a@example.com", "to": ["b@example.com"]}}
TOKEN = {"realm": "r", "issuer": "i", "service": "s", "jwks": "/k"}
CDN = {"baseurl": "https://cdn.example.com"}
LISTED = {"platforms": "list", "platformlist": [{"architecture": "amd64", "os": "linux"}]}
NO_DRIVER = {"storage": {"filesystem": None}}

#: What must stand beside a key for it to mean anything; the longest begin of its path counts.  The one
#: entry of a list is that for which ``[]`` in a path stands; ``None`` takes away what stands in the base.
CONTEXTS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "version": {"version": None},
    "log.hooks[]": {"log": {"hooks": [{"type": "mail", **MAIL}]}},
    "log.hooks[].type": {"log": {"hooks": [MAIL]}},
    "storage.cache.blobdescriptorsize": {"storage": {"cache": {"blobdescriptor": "inmemory"}}},
    **{f"storage.{driver}": NO_DRIVER for driver in ("inmemory", *MISSING)},
    "auth.silly": {"auth": {"silly": {"realm": "r", "service": "s"}}},
    "auth.htpasswd": {"auth": {"htpasswd": {"realm": "r", "path": "/p"}}},
    "auth.token": {"auth": {"token": TOKEN}},
    "auth.token.autoredirectpath": {"auth": {"token": {**TOKEN, "autoredirect": True}}},
    "middleware.storage[]": {"middleware": {"storage": [{"name": "redirect", "options": CDN}]}},
    "middleware.storage[].name": {"middleware": {"storage": [{"options": CDN}]}},
    **{
        f"middleware.{layer}[]": {"middleware": {layer: [{"name": "of-a-plug-in"}]}}
        for layer in ("registry", "repository")
    },
    "reporting.bugsnag": {"reporting": {"bugsnag": {"apikey": "k"}}},
    "reporting.bugsnag.apikey": {},
    "reporting.newrelic": {"reporting": {"newrelic": {"licensekey": "k"}}},
    "reporting.newrelic.licensekey": {},
    "http.debug.prometheus": {"http": {"debug": {"addr": ":5001"}}},
    "http.debug.prometheus.path": {"http": {"debug": {"addr": ":5001", "prometheus": {"enabled": True}}}},
    "http.tls": {"http": {"tls": PAIR}},
    "http.tls.clientauth": {"http": {"tls": {**PAIR, "clientcas": ["/cas.crt"]}}},
    "http.tls.letsencrypt": {"http": {"tls": {"letsencrypt": {"cachefile": "/cache"}}}},
    "http.tls.letsencrypt.cachefile": {},
    "notifications": {"notifications": {"endpoints": [{"url": "https://example.com"}]}},
    "redis": {"redis": {"addr": "localhost:6379"}},
    "redis.addr": {},
    "redis.addrs": {},
    "redis.tls": {"redis": {"addr": "localhost:6379", "tls": PAIR}},
    "health.storagedriver": {"health": {"storagedriver": {"enabled": True}}},
    "health.storagedriver.enabled": {},
    "health.file[]": {"health": {"file": [{"file": "/f"}]}},
    "health.http[]": {"health": {"http": [{"uri": "https://example.com"}]}},
    "health.tcp[]": {"health": {"tcp": [{"addr": "example.com:80"}]}},
    "proxy": {"proxy": {"remoteurl": "https://example.com"}},
    "proxy.remoteurl": {},
    "validation.enabled": {"validation": {"disabled": True}},
    "validation.manifests.indexes.platformlist[]": {"validation": {"manifests": {"indexes": LISTED}}},
}


@frozen
class Row:
    """One row of the page."""

    key: str
    generation: str
    verdict: str
    example: str


def rows() -> Iterator[Row]:
    """All rows of the page."""
    for found in ROW.finditer((PAGES / "keys.md").read_text()):
        yield Row(*found.groups())


class Tracing(Cursor):
    """Notes the paths of all keys that are asked for, here and below."""

    def __init__(self, values: dict[str, Value], path: Path, asked: set[Path]) -> None:
        super().__init__(values, path, Findings())
        self._asked, self._at = asked, path

    def raw(self, key: str) -> Value:
        self._asked.add((*self._at, key))
        return super().raw(key)

    def section(self, key: str) -> Cursor:
        value = self.raw(key)
        return Tracing(value if isinstance(value, dict) else {}, (*self._at, key), self._asked)


def asked_by_readers() -> set[str]:
    """What the readers of ``storage`` and ``auth`` ask for, whose keys the schema does not have."""
    asked: set[Path] = set()
    for driver in DRIVER_OPTIONS:
        read_storage(Tracing({"storage": {driver: {}}}, (), asked), KINDS.drivers)
    for kind in AUTH_OPTIONS:
        read_auth(Tracing({"auth": {kind: {}}}, (), asked), KINDS.access)
    above = {path[:length] for path in asked for length in range(len(path))}
    return {".".join(map(str, path)) for path in asked - above if path[0] in ("storage", "auth")}


def leaves(shape: Shape, path: str) -> Iterator[str]:
    """The keys of the schema that hold values, but for those that operators name."""
    match shape:
        case Section(fields=fields):
            for key, field in fields.items():
                yield from leaves(field.shape, f"{path}.{key}" if path else key)
        case ListOf(item=Section() as item):
            yield from leaves(item, f"{path}[]")
        case MapOf(value=ListOf() as entries):
            if isinstance(entries.item, Section):
                for layer in LAYERS:
                    yield from leaves(entries, f"{path}.{layer}")
            else:
                yield path
        case NameOrMap():
            return
        case _:
            yield path


def merged(values: Any, change: Any) -> Any:
    """*values* with *change* laid over it."""
    if not isinstance(values, dict) or not isinstance(change, dict):
        return deepcopy(change)
    result = {key: value for key, value in values.items() if change.get(key, 0) is not None}
    for key, value in change.items():
        if value is not None:
            result[key] = merged(values.get(key), value)
    return result


def context_of(key: str) -> Mapping[str, Any]:
    """What stands beside *key*."""
    fits = [begin for begin in CONTEXTS if not begin or re.match(rf"{re.escape(begin)}(\W|\Z)", key)]
    return CONTEXTS[max(fits, key=len)]


def with_key(document: Any, key: str, value: object) -> Any:
    """*document* with *key* set."""
    head, _, rest = key.partition(".")
    name, entry = head.removesuffix("[]"), head.endswith("[]")
    below = document.get(name)
    if entry:
        below = below[0] if below else {}
    changed = with_key(below if isinstance(below, dict) else {}, rest, value) if rest else value
    return {**document, name: [changed] if entry else changed}


def read_document(document: Any) -> Reading:
    """Read it, where each layer has a plug-in."""
    plugin = Kind("of-a-plug-in", lambda cursor: (cursor.text("text"), cursor.text("baseurl")))
    plugins = Plugins({(layer, plugin.name): plugin for layer in LAYERS})
    kinds = Kinds(KINDS.drivers, KINDS.access, KINDS.middleware, lambda: plugins)
    return read_config(json.dumps(document), {}, kinds)


class KeyTests(SynchronousTestCase):
    """The page ``keys.md``."""

    def test_all(self) -> None:
        """It has every key that the schema or a reader knows, every driver that is missing, and no other."""
        known = {*leaves(SCHEMA, ""), *asked_by_readers(), *(f"storage.{name}" for name in MISSING)}
        self.assertGreater(len(known), 150)
        self.assertEqual({row.key for row in rows()} ^ known, set())
        table = [line for line in (PAGES / "keys.md").read_text().splitlines() if line.startswith("| `")]
        self.assertEqual(len(table), len(list(rows())))

    def test_verdicts(self) -> None:
        """A configuration with the key is read as the verdict says."""
        for row in rows():
            self.assertIn(row.generation, GENERATIONS)
            before = merged(BASE, context_of(row.key))
            without = read_document(before)
            reading = read_document(with_key(before, row.key, yaml.safe_load(row.example)))
            self.judge(row, without, reading)

    def judge(self, row: Row, without: Reading, reading: Reading) -> None:
        """Compare what was read with the key and without it."""
        told = f"{row}\nwithout: {without}\nwith: {reading}"
        section = row.key.partition(".")[0]
        match row.verdict:
            case "honoured":
                self.assertEqual((reading.faults, reading.warnings), ((), ()), told)
                self.assertNotEqual(reading.config, without.config, told)
            case "always so":
                self.assertEqual((reading.faults, reading.warnings), ((), ()), told)
                self.assertEqual(reading.config, without.config, told)
            case "no effect":
                self.assertEqual(reading.faults, (), told)
                self.assertEqual([line.partition(".")[0] for line in reading.warnings], [section], told)
                self.assertEqual(reading.config, without.config, told)
            case "refused" | "refused yet":
                self.assertEqual([re.split(r"\W", line)[0] for line in reading.faults], [section], told)
                self.assertEqual("not supported yet" in reading.faults[0], row.verdict == "refused yet", told)
            case _:
                self.fail(told)
