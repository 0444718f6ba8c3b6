"""What metrics hear of requests."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase

from tests.metrics.test_exposition import value
from tests.web.registry import Registry
from tests.web.wire import Connection, request_bytes
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IFileWriter, IStorageDriver
from txregistry.metrics.exposition import Metrics
from txregistry.model.digest import Digest
from txregistry.web.body import LINGER
from txregistry.web.counting import HANDLERS, RequestCounts


class HangingWriter(proxyForInterface(IFileWriter, "_writer")):  # type: ignore[misc]
    """Commits nothing before *held* has fired."""

    held: Deferred[None]

    async def commit(self, path: str) -> None:
        """Wait, and do it."""
        await self.held
        await self._writer.commit(path)


class HangingDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """Has writers that hang at the end."""

    async def writer(self, path: str) -> HangingWriter:
        """One of them."""
        return HangingWriter(await self._driver.writer(path))


class RequestCountsTests(SynchronousTestCase):
    """The requests of a registry."""

    def setUp(self) -> None:
        """Count those of a registry in memory."""
        self.metrics = Metrics()
        self.registry = Registry()
        RequestCounts(self.metrics, self.registry.clock).attend(self.registry.site)

    def value(self, name: str, **labels: str) -> float:
        """What is told of *name*."""
        return value(self.metrics, name, **labels)

    def requests(self, **labels: str) -> float:
        """How many requests with *labels* were counted."""
        return self.value("registry_http_requests_total", **labels)

    def bring(self, text: str, of: int) -> Connection:
        """The connection of a client that has sent *text*, of a chunk of *of* bytes."""
        location = self.registry.ask("POST", "/v2/a/blobs/uploads/").header("Location") or ""
        path = "/v2/" + location.partition("/v2/")[2]
        connection = self.registry.connect()
        connection.send(f"PATCH {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {of}\r\n\r\n{text}".encode())
        return connection

    def test_kinds(self) -> None:
        """Each kind of route has its name, which is distribution's."""
        digest = "sha256:" + "a" * 64
        asked = {
            "base": "/v2/",
            "catalog": "/v2/_catalog",
            "tags": "/v2/a/tags/list",
            "manifest": "/v2/a/manifests/latest",
            "blob": f"/v2/a/blobs/{digest}",
            "referrers": f"/v2/a/referrers/{digest}",
            "blob_upload": "/v2/a/blobs/uploads/",
            "blob_upload_chunk": "/v2/a/blobs/uploads/0b6f1a52-6b0c-4c0e-8f8a-0d3b1f2f3a10",
        }
        self.assertEqual(sorted(asked), sorted(HANDLERS))
        for handler, path in asked.items():
            status = str(self.registry.ask("GET", path).status)
            self.assertEqual(self.requests(code=status, handler=handler, method="get"), 1, handler)

    def test_both_ways(self) -> None:
        """A path that takes the long way through the router is counted as one that does not."""
        for path in ("/v2/a/tags/list", "/v2/%61/tags/list"):
            self.assertEqual(self.registry.ask("GET", path).status, 404)
        self.assertEqual(self.requests(code="404", handler="tags", method="get"), 2)

    def test_no_route(self) -> None:
        """What has no route is not counted."""
        for path in ("/", "/nothing", "/v2/a/tags/list/", "/v2//a/tags/list"):
            self.registry.ask("GET", path)
        self.assertRaises(AssertionError, self.requests, code="404", handler="", method="get")
        text, _ = self.metrics.expose("")
        self.assertNotIn(b"registry_http_requests_total{", text)

    def test_refused_method(self) -> None:
        """A method that a route does not have is counted there."""
        self.registry.ask("BREW", "/v2/a/tags/list")
        self.assertEqual(self.requests(code="405", handler="tags", method="unknown"), 1)

    def test_sizes(self) -> None:
        """Requests count as distribution counts them: without what separates their parts."""
        sent = request_bytes("GET", "/v2/", [("User-Agent", "x/1")])
        head = sent.decode().splitlines()
        host = next(line.split(": ")[1] for line in head if line.startswith("Host"))
        self.registry.send(sent)
        others = [line.split(": ") for line in head[1:] if line and not line.startswith("Host")]
        expected = len("GET/v2/HTTP/1.1") + len(host) + sum(len(a) + len(b) for a, b in others)
        name = "registry_http_request_size_bytes_sum"
        self.assertEqual(self.value(name, handler="base"), expected)
        self.assertEqual(self.value("registry_http_response_size_bytes_sum", handler="base"), 2)

    def test_bytes(self) -> None:
        """Bytes in and out are counted while they come and go, and once."""
        connection = self.bring("some ", of=12)
        self.assertEqual(self.value("txregistry_received_bytes_total"), 5)
        connection.send(b"content")
        self.registry.clock.advance(LINGER[1])
        self.assertEqual(connection.answer().status, 202)
        self.assertEqual(self.value("txregistry_received_bytes_total"), 12)
        connection.hang_up()
        self.assertEqual(self.value("txregistry_received_bytes_total"), 12)
        before = self.value("txregistry_sent_bytes_total")
        self.registry.ask("GET", "/v2/")
        self.assertEqual(self.value("txregistry_sent_bytes_total"), before + 2)

    def test_in_flight(self) -> None:
        """Requests under way are told by kind, and all kinds from the start."""
        for handler in HANDLERS:
            self.assertEqual(self.value("registry_http_in_flight_requests", handler=handler), 0)
        connection = self.bring("abc", of=9)
        kind = "blob_upload_chunk"
        self.assertEqual(self.value("registry_http_in_flight_requests", handler=kind), 1)
        self.assertEqual(self.value("txregistry_uploads_in_progress"), 1)
        self.assertEqual(self.value("txregistry_connections", state="busy"), 1)
        self.assertGreater(self.value("txregistry_body_bytes_held"), 2)
        connection.hang_up()
        self.assertEqual(self.value("registry_http_in_flight_requests", handler=kind), 0)
        self.assertEqual(self.value("txregistry_uploads_in_progress"), 0)
        self.assertEqual(self.value("txregistry_connections", state="busy"), 0)
        self.assertEqual(self.requests(code="499", handler=kind, method="patch"), 1)

    def test_idle_connection(self) -> None:
        """A connection on which nothing is asked is idle."""
        connection = self.registry.connect()
        self.assertEqual(self.value("txregistry_connections", state="idle"), 1)
        connection.hang_up()
        self.assertEqual(self.value("txregistry_connections", state="idle"), 0)

    def test_duration(self) -> None:
        """A request takes as long as it takes."""
        held: Deferred[None] = Deferred()

        class Slow:
            async def authorize(self, *_: Any) -> Any:
                await held
                raise AssertionError("not reached")

        registry = Registry(access=Slow())  # type: ignore[arg-type]
        metrics = Metrics()
        RequestCounts(metrics, registry.clock).attend(registry.site)
        connection = registry.connect()
        connection.send(request_bytes("GET", "/v2/"))
        registry.clock.advance(4)
        connection.hang_up()
        name = "registry_http_request_duration_seconds_sum"
        self.assertEqual(value(metrics, name, handler="base", method="get"), 4)

    def test_without_client(self) -> None:
        """A commit is told as work without a client once its client has left, not while it waits."""
        self.registry, self.metrics = Registry(HangingDriver(InMemoryDriver())), Metrics()
        RequestCounts(self.metrics, self.registry.clock).attend(self.registry.site)
        HangingWriter.held = Deferred()
        path = "/v2/" + self.registry.begin("a").partition("/v2/")[2]
        connection = self.registry.connect()
        connection.send(request_bytes("PUT", f"{path}&digest={Digest.of(b'x')}", (), b"x"))
        self.registry.clock.advance(1)
        name = "txregistry_work_without_client"
        self.assertEqual((len(self.registry.site.serving), self.value(name)), (2, 0))
        connection.hang_up()
        self.assertEqual((len(self.registry.site.serving), self.value(name)), (1, 1))
        HangingWriter.held.callback(None)
        self.assertEqual((len(self.registry.site.serving), self.value(name)), (0, 0))
