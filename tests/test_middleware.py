"""A daemon with middlewares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet import reactor as _reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tests.live.wire import Answer, Wire, basic
from tests.test_assembly import CONTENT, DIGEST
from txregistry.assembly import CONFIGURABLE, Daemon, assemble
from txregistry.config.cursor import Cursor
from txregistry.config.kinds import Kinds
from txregistry.config.middleware import Plugins
from txregistry.config.reading import read_config
from txregistry.config.values import Config
from txregistry.errors import BadOption, Misconfigured, NotRunning
from txregistry.extensions import Offer
from txregistry.interfaces import (
    Caller,
    INamespace,
    IReloadable,
    IRepository,
    IRepositoryMiddleware,
    IStorageDriver,
)
from txregistry.model.digest import Digest
from txregistry.model.names import Page, RepositoryName

reactor: Any = _reactor
INDEX = "application/vnd.oci.image.index.v1+json"
Calls = list[object]


class NotedDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """Notes what is opened."""

    def __init__(self, driver: IStorageDriver, calls: Calls, label: str) -> None:
        super().__init__(driver)
        self._calls, self._label = calls, label

    async def writer(self, path: str) -> Any:
        self._calls.append((self._label, path.rpartition("/")[2]))
        return await self._driver.writer(path)


class NotedNamespace(proxyForInterface(INamespace, "_namespace")):  # type: ignore[misc]
    """Notes who is looked for."""

    def __init__(self, namespace: INamespace, calls: Calls, label: str) -> None:
        super().__init__(namespace)
        self._calls, self._label = calls, label

    async def repositories(self, after: str = "", limit: int = 100) -> Page[str]:
        self._calls.append((self._label, "catalog"))
        found: Page[str] = await self._namespace.repositories(after, limit)
        return Page([name for name in found.items if not name.startswith("hidden/")], found.more)

    async def repository_with(self, digest: Digest) -> RepositoryName | None:
        self._calls.append((self._label, "search"))
        found: RepositoryName | None = await self._namespace.repository_with(digest)
        return found

    def repository(self, name: RepositoryName) -> IRepository:
        self._calls.append((self._label, str(name)))
        found: IRepository = self._namespace.repository(name)
        return found


@implementer(IRepositoryMiddleware, IReloadable)
class Guard(Service):
    """Notes who comes, and how it lives."""

    def __init__(self, calls: Calls, label: str) -> None:
        self._calls, self._label = calls, label

    def startService(self) -> None:
        super().startService()
        self._calls.append((self._label, "start"))

    def stopService(self) -> Any:
        self._calls.append((self._label, "stop"))
        return super().stopService()

    async def reload(self) -> bool:
        self._calls.append((self._label, "reload"))
        return True

    def wrap(self, inner: IRepository, caller: Caller) -> IRepository:
        self._calls.append((self._label, str(inner.name), caller))
        return inner


class Angry(Guard):
    """Cannot be reloaded, for *error*."""

    error: Exception = ZeroDivisionError()

    async def reload(self) -> bool:
        await super().reload()
        raise self.error


class Late(Angry):
    """Is told of a stop."""

    error = NotRunning("too late")


@frozen
class Failing:
    """Cannot be built."""

    def __call__(self, *given: object) -> object:
        raise BadOption("label", "is no good")


def label_of(cursor: Cursor) -> str:
    """The one option."""
    return cursor.text("label")


class MiddlewareTests(TestCase):
    """What stands round the parts of a daemon."""

    timeout = 60

    def setUp(self) -> None:
        self.calls: Calls = []
        calls = self.calls
        kinds: Mapping[tuple[str, str], Offer] = {
            ("storage", "x"): Offer("x", label_of, lambda inner, label, _: NotedDriver(inner, calls, label)),
            ("registry", "x"): Offer(
                "x", label_of, lambda inner, label, _: NotedNamespace(inner, calls, label)
            ),
            ("repository", "x"): Offer("x", label_of, lambda label, _: Guard(calls, label)),
            ("repository", "angry"): Offer("angry", label_of, lambda label, _: Angry(calls, label)),
            ("repository", "late"): Offer("late", label_of, lambda label, _: Late(calls, label)),
            **{(layer, "bad"): Offer("bad", label_of, Failing()) for layer in ("storage", "repository")},
        }
        self.kinds = Kinds(
            CONFIGURABLE.drivers, CONFIGURABLE.access, CONFIGURABLE.middleware, lambda: Plugins(kinds)
        )

    def config(self, middleware: str, more: str = "", storage: str = "") -> Config:
        """A configuration with this section."""
        text = (
            "version: 0.1\nstorage: {inmemory: {}" + storage + "}\n"
            f"http: {{addr: '127.0.0.1:0', secret: s}}\nmiddleware: {middleware}\n{more}"
        )
        return read_config(text, {}, self.kinds).require()

    def start(self, config: Config) -> Daemon:
        """Start a daemon, whose log goes nowhere."""
        daemon = assemble(config, reactor, _Nowhere(), _Nowhere())
        daemon.privilegedStartService()
        daemon.startService()
        self.addCleanup(self.stop, daemon)
        address: Any = daemon.listener.ports[0].getHost()
        self.wire = Wire("127.0.0.1", address.port)
        return daemon

    async def stop(self, daemon: Daemon) -> None:
        """Stop it if it runs."""
        if daemon.running:
            await maybeDeferred(daemon.stopService)

    async def ask(self, method: str, path: str, **arguments: Any) -> Answer:
        """Send a request."""
        return await deferToThread(self.wire.request, method, path, **arguments)

    async def test_layers(self) -> None:
        """Each stands where it belongs, the last one of a list outermost; services run with the daemon."""
        uses = "{name: x, options: {label: @ 1}}, {name: x, options: {label: @ 2}}"
        layers = ("storage", "registry", "repository")
        lists = ", ".join(f"{layer}: [{uses.replace('@', layer)}]" for layer in layers)
        access = "auth: {silly: {realm: r, service: s}}\n"
        config = self.config(f"{{{lists}}}", access)
        daemon = self.start(config)
        self.assertEqual(self.calls, [("repository 1", "start"), ("repository 2", "start")])
        self.calls.clear()
        headers = basic("alice", "x")
        begun = await self.ask("POST", "/v2/a/b/blobs/uploads/", headers=headers)
        self.assertEqual(begun.status, 202)
        self.calls.clear()
        answer = await self.ask("PUT", f"{begun.location}&digest={DIGEST}", body=CONTENT, headers=headers)
        self.assertEqual(answer.status, 201)
        caller = Caller("silly", "127.0.0.1")
        self.assertEqual(
            self.calls,
            [
                ("registry 2", "a/b"),
                ("registry 1", "a/b"),
                ("repository 1", "a/b", caller),
                ("repository 2", "a/b", caller),
                ("storage 2", "data"),
                ("storage 1", "data"),
            ],
        )
        self.calls.clear()
        await daemon.take_over(config)
        await self.stop(daemon)
        self.assertEqual(
            self.calls,
            [
                ("repository 1", "reload"),
                ("repository 2", "reload"),
                ("repository 2", "stop"),
                ("repository 1", "stop"),
            ],
        )

    async def test_reload_fails(self) -> None:
        """One that cannot read its files again keeps no other one from it, and the log says so."""
        guards = "{name: angry, options: {label: a}}, {name: x, options: {label: b}}"
        config = self.config(f"{{repository: [{guards}]}}")
        daemon = self.start(config)
        await daemon.take_over(config)
        self.assertEqual(self.calls[-2:], [("a", "reload"), ("b", "reload")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_reload_at_the_stop(self) -> None:
        """A daemon that stops reads nothing more, and calls that no failure."""
        config = self.config("{repository: [{name: late, options: {label: a}}]}")
        daemon = self.start(config)
        with self.assertRaises(NotRunning):
            await daemon.take_over(config)

    async def test_catalog_and_search(self) -> None:
        """The catalog, and the search for a blob to be mounted, ask the registry's middlewares, too."""
        uses = "{registry: [{name: x, options: {label: r1}}, {name: x, options: {label: r2}}]}"
        self.start(self.config(uses))
        for name in ("a", "hidden/b"):
            begun = await self.ask("POST", f"/v2/{name}/blobs/uploads/")
            await self.ask("PUT", f"{begun.location}&digest={DIGEST}", body=CONTENT)
            manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
            headers = {"Content-Type": INDEX}
            pushed = await self.ask("PUT", f"/v2/{name}/manifests/t", body=manifest, headers=headers)
            self.assertEqual(pushed.status, 201)
        self.calls.clear()
        listed = await self.ask("GET", "/v2/_catalog")
        self.assertEqual(json.loads(listed.body), {"repositories": ["a"]})
        self.assertEqual(self.calls, [("r2", "catalog"), ("r1", "catalog")])
        self.calls.clear()
        mounted = await self.ask("POST", f"/v2/c/blobs/uploads/?mount={DIGEST}")
        self.assertEqual(mounted.status, 201)
        self.assertEqual(self.calls[2:4], [("r2", "search"), ("r1", "search")])

    async def test_redirect(self) -> None:
        """Clients of blobs that are there are sent away, unless redirects are switched off."""
        redirect = "{storage: [{name: redirect, options: {baseurl: 'https://cdn.test/base/'}}]}"
        data = f"/docker/registry/v2/blobs/sha256/{DIGEST.encoded[:2]}/{DIGEST.encoded}/data"
        for more, status in (("", 307), (", redirect: {disable: true}", 200)):
            daemon = self.start(self.config(redirect, storage=more))
            begun = await self.ask("POST", "/v2/a/blobs/uploads/")
            await self.ask("PUT", f"{begun.location}&digest={DIGEST}", body=CONTENT)
            for method in ("GET", "HEAD"):
                answer = await self.ask(method, f"/v2/a/blobs/{DIGEST}", headers={"Range": "bytes=5-"})
                self.assertEqual(answer.status, 206 if status == 200 else status)
                wanted = f"https://cdn.test/base{data}" if status == 307 else None
                self.assertEqual(answer.headers["Location"], wanted)
                unknown = await self.ask(method, f"/v2/a/blobs/{Digest.of(b'unknown')}")
                self.assertEqual(unknown.status, 404)
            await self.stop(daemon)

    async def test_faults(self) -> None:
        """What cannot be built is told with all else that keeps the daemon from starting."""
        lists = "{storage: [{name: bad}], repository: [{name: bad}]}"
        config = self.config(lists, "auth: {token: {realm: r, issuer: i, service: s, jwks: /nonexistent}}\n")
        error = self.assertRaises(Misconfigured, assemble, config, reactor)
        self.assertEqual(len(error.faults), 3, error.faults)
        for layer in ("storage", "repository"):
            self.assertIn(f"middleware.{layer}[0].options.label: is no good", error.faults)


class _Nowhere:
    """Loses lines."""

    name = "nowhere"

    def write(self, data: memoryview) -> int:
        """Lose *data*."""
        return len(data)
