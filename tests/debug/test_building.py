"""The debug server, every page of it, beside a registry in memory."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from zope.interface import implementer

from tests.fakes.workers import InlineWorkers
from tests.web.registry import Registry
from tests.web.wire import Answer, Connection, request_bytes
from txregistry.debug.building import Observed, Pages, debug_services, watch_pools
from txregistry.debug.expvar import registry_facts
from txregistry.debug.memory import PIECE
from txregistry.debug.server import DebugPages, DebugRequest
from txregistry.interfaces import IHealth
from txregistry.listening import Listener
from txregistry.metrics.exposition import Metrics
from txregistry.metrics.lag import INTERVAL
from txregistry.metrics.pauses import GcPauses
from txregistry.model.access import Grant
from txregistry.threads import Workers
from txregistry.web.counting import RequestCounts
from txregistry.web.shield import shielded
from txregistry.web.site import RegistrySite

TEXT = "text/plain; charset=utf-8"


class Slow:
    """Lets nobody in before it is told to."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Grant]] = []

    async def authorize(self, *_: Any) -> Grant:
        """Wait."""
        self.asked.append(Deferred())
        return await self.asked[-1]


class DebugCase(SynchronousTestCase):
    """A registry and its debug server, both in memory."""

    failures: Mapping[str, str] = {}

    def setUp(self) -> None:
        """Put them together."""
        self.access = Slow()
        self.registry = Registry(access=self.access)  # type: ignore[arg-type]
        self.clock: Clock = self.registry.clock
        self.metrics = Metrics()
        RequestCounts(self.metrics, self.clock).attend(self.registry.site)
        self.workers: Any = InlineWorkers()
        self.facts: Mapping[str, object] = registry_facts()
        self.site = self.serve(self.metrics)

    def serve(self, metrics: Metrics | None, path: str = "/metrics") -> RegistrySite:
        """The site of a debug server."""
        observed = Observed(self.registry.site, lambda: self.failures, (), lambda: self.facts)
        pages = Pages(self.clock, observed, metrics, GcPauses(lambda *_: None), self.workers)
        return RegistrySite(
            Resource(), self.clock, shortcut=DebugPages(pages.table(path)).serve, request=DebugRequest
        )

    def ask(
        self, path: str, method: str = "GET", headers: Any = (), site: RegistrySite | None = None
    ) -> Answer:
        """Ask the debug server."""
        channel: Any = (site or self.site).buildProtocol(None)
        connection = Connection(channel)
        connection.send(request_bytes(method, path, headers))
        for _ in range(100):  # a page may be made in pieces
            if connection.received():
                break
            self.clock.advance(0)
        answer = connection.answer(method)
        connection.hang_up()
        return answer

    def text(self, path: str) -> str:
        """The text of a page."""
        answer = self.ask(path)
        self.assertEqual((answer.status, answer.header("Content-Type")), (200, TEXT))
        return answer.body.decode()


class ServerTests(DebugCase):
    """Where the pages are."""

    def test_index(self) -> None:
        """The list of all pages has each of them, and each of them is there."""
        index = self.ask("/debug/")
        self.assertEqual(index.header("Content-Type"), "text/html; charset=utf-8")
        links = [part.partition('"')[0] for part in index.body.decode().split('href="')[1:]]
        self.assertEqual(
            links,
            [
                "/debug/health",
                "/debug/vars",
                "/debug/requests",
                "/debug/threads",
                "/debug/tasks",
                "/debug/memory",
                "/metrics",
            ],
        )
        for path in links:
            answer, head = self.ask(path), self.ask(path, "HEAD")
            self.assertEqual((answer.status, head.status, head.body), (200, 200, b""), path)
            self.assertEqual(answer.header("Cache-Control"), "no-store")
            self.assertEqual(answer.header("Content-Type"), head.header("Content-Type"))

    def test_profiles(self) -> None:
        """Where Go's profiles are, the way to the list of pages is."""
        for path in ("/debug", "/debug/pprof", "/debug/pprof/"):
            answer = self.ask(path)
            self.assertEqual((answer.status, answer.header("Location")), (302, "/debug/"))

    def test_nothing_else(self) -> None:
        """Everything else is not found, as distribution says it, and without the words of its API."""
        for path in ("/", "/v2/", "/debug/health/up", "/debug/vars/", "/metrics/", "/debug//vars", "/livez"):
            answer = self.ask(path)
            self.assertEqual((answer.status, answer.body), (404, b"404 page not found\n"), path)
            self.assertEqual(answer.all("Docker-Distribution-Api-Version"), [])

    def test_other_methods(self) -> None:
        """Pages are read, not written to; for health that is distribution's 404."""
        self.assertEqual(self.ask("/debug/health", "POST").status, 404)
        answer = self.ask("/debug/vars", "POST")
        self.assertEqual((answer.status, answer.header("Allow")), (405, "GET, HEAD"))

    def test_not_affected_by_health(self) -> None:
        """A registry that is not well has a debug server that is."""
        self.failures = {"disk": "gone"}
        self.registry.site.health = Failing()
        self.assertEqual(self.registry.ask("GET", "/v2/").status, 503)
        self.assertEqual(self.ask("/debug/requests").status, 200)


@implementer(IHealth)
class Failing:
    """A registry that is not well."""

    failing = True

    def failures(self) -> Mapping[str, str]:
        """What is wrong."""
        return {"disk": "gone"}


class HealthTests(DebugCase):
    """``/debug/health``."""

    def test_well(self) -> None:
        """As distribution says it, with a length and without a newline."""
        answer = self.ask("/debug/health")
        self.assertEqual((answer.status, answer.body), (200, b"{}"))
        self.assertEqual(answer.header("Content-Type"), "application/json; charset=utf-8")

    def test_unwell(self) -> None:
        """Each check that fails is told with the reason."""
        self.failures = {"storagedriver_filesystem": "no such device", "/tmp/x": "file exists"}
        answer = self.ask("/debug/health")
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.body, b'{"storagedriver_filesystem":"no such device","/tmp/x":"file exists"}')


class MetricsPageTests(DebugCase):
    """The metrics."""

    def test_metrics(self) -> None:
        """What was counted is told in the classic text, scrapes included."""
        self.registry.ask("GET", "/v2/a/tags/list/")
        for scrapes in (0, 1):
            answer = self.ask("/metrics")
            self.assertEqual(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
            found = {
                (sample.name, tuple(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(answer.body.decode())
                for sample in family.samples
            }
            self.assertEqual(found["registry_http_in_flight_requests", (("handler", "base"),)], 0)
            name = "promhttp_metric_handler_requests_total"
            self.assertEqual(found[name, (("code", "200"),)], scrapes)

    def test_openmetrics(self) -> None:
        """A client that prefers OpenMetrics gets that."""
        answer = self.ask("/metrics", headers=[("Accept", "application/openmetrics-text; version=1.0.0")])
        self.assertTrue(answer.body.endswith(b"# EOF\n"))
        self.assertIn("openmetrics-text", answer.header("Content-Type") or "")

    def test_in_a_thread(self) -> None:
        """The text is written in a thread."""
        self.ask("/metrics")
        self.assertEqual(self.workers.calls, 1)

    def test_path(self) -> None:
        """It is where it shall be, and nowhere else."""
        site = self.serve(self.metrics, "/a/b")
        self.assertEqual(self.ask("/a/b", site=site).status, 200)
        self.assertEqual(self.ask("/metrics", site=site).status, 404)
        everywhere = self.serve(self.metrics, "/")
        self.assertEqual(self.ask("/x", site=everywhere).status, 200)
        self.assertEqual(self.ask("/debug/health", site=everywhere).body, b"{}")

    def test_off(self) -> None:
        """Without metrics there is no page, nor is it in the list of pages."""
        site = self.serve(None, "")
        self.assertEqual(self.ask("/metrics", site=site).status, 404)
        self.assertNotIn(b"Prometheus", self.ask("/debug/", site=site).body)

    def test_failure(self) -> None:
        """A scrape that fails is a 500, is counted as one, and as one that has ended; it is in the log."""
        label: Any = None
        self.metrics.watch("broken", "", lambda: {(label,): 1}, ("x",))
        self.assertEqual(self.ask("/metrics").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        label = "y"
        text = self.ask("/metrics").body.decode()
        for sample in (
            'requests_total{code="200"} 0',
            'requests_total{code="500"} 1',
            "requests_in_flight 1",
        ):
            self.assertIn(f"promhttp_metric_handler_{sample}", text)


class VariablesTests(DebugCase):
    """``/debug/vars``."""

    def test_keys(self) -> None:
        """The keys are those of distribution."""
        variables = json.loads(self.ask("/debug/vars").body)
        self.assertEqual(list(variables), ["cmdline", "memstats", "registry"])
        nobody = {"Requests": 0, "Hits": 0, "Misses": 0, "BytesPulled": 0, "BytesPushed": 0}
        self.assertEqual(
            variables["registry"],
            {
                "cache": {"storage": {"blobdescriptor": {}}},
                "notifications": {"endpoints": None},
                "proxy": {"blobs": nobody, "manifests": nobody},
            },
        )
        for key in ("Sys", "HeapInuse", "HeapObjects"):
            self.assertGreater(variables["memstats"][key], 0)

    def test_redis(self) -> None:
        """Redis appears if there is one."""
        self.facts = registry_facts({"Config": {"addrs": ["h:1"]}, "Active": 1})
        found = json.loads(self.ask("/debug/vars").body)["registry"]["redis"]
        self.assertEqual(found, {"Config": {"addrs": ["h:1"]}, "Active": 1})


class RequestsTests(DebugCase):
    """``/debug/requests``."""

    def test_none(self) -> None:
        """A registry that nobody asks anything has nothing to show."""
        self.assertEqual(self.text("/debug/requests").splitlines()[0][:15], "0 requests run;")

    def test_hung(self) -> None:
        """A request that hangs is shown with whose it is, since when, and where it stands."""
        connection = self.registry.connect()
        connection.send(
            request_bytes(
                "GET",
                "/v2/a/manifests/latest?n=5&token=hidden&_state=secret",
                [("Authorization", "Bearer very-secret")],
            )
        )
        self.clock.advance(90)
        text = self.text("/debug/requests")
        self.assertIn("1 requests run", text)
        self.assertIn("  90.000 s  GET /v2/a/manifests/latest?n=5&token=...&_state=...\n", text)
        self.assertIn("client 192.0.2.7:40000  user -  since ", text)
        self.assertIn("route manifest\n", text)
        self.assertIn("state: working\n", text)
        *_, gate, here, _ = [line.strip() for line in text.splitlines() if " in " in line]
        self.assertIn("Gate._ask", gate)
        self.assertIn("Slow.authorize", here)
        for secret in ("hidden", "secret"):
            self.assertNotIn(secret, text)
        connection.hang_up()
        self.assertIn("0 requests run", self.text("/debug/requests"))

    def test_order(self) -> None:
        """The request that runs for longest is the first."""
        for name in ("a", "b"):
            self.registry.connect().send(request_bytes("GET", f"/v2/{name}/tags/list"))
            self.clock.advance(1)
        text = self.text("/debug/requests")
        self.assertLess(text.index("/v2/a/"), text.index("/v2/b/"))

    def test_upload(self) -> None:
        """An upload is shown with how much of it has come, and what it waits for."""
        connection = self.registry.connect()
        connection.send(b"PUT /v2/a/manifests/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        text = self.text("/debug/requests")
        self.assertIn("received 3 of 9  sent 0  state: working, its body is not asked for yet", text)
        self.access.asked[0].callback(Grant())
        self.assertIn("state: waiting for its body", self.text("/debug/requests"))

    def test_hostile_path(self) -> None:
        """What a client puts into a path cannot break lines, nor make them endless."""
        path = "/v2/a/tags/list?last=" + "%0a" + "\x85" + "x" * 5000
        self.registry.connect().send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode("latin-1"))
        text = self.text("/debug/requests")
        self.assertIn("\\x85", text)
        self.assertLess(max(map(len, text.splitlines())), 600)

    def test_outliving(self) -> None:
        """Work whose client has left is shown, and not as such while its client waits."""
        step: Deferred[None] = Deferred()

        async def work() -> None:
            await step

        waiting = shielded(work(), self.registry.site)
        for count in (0, 1):
            self.assertIn(f" {count} pieces of work outlive their requests", self.text("/debug/requests"))
            waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        step.callback(None)
        self.assertIn(" 0 pieces of work outlive their requests", self.text("/debug/requests"))


class ThreadsTests(DebugCase):
    """``/debug/threads``."""

    def test_stacks(self) -> None:
        """Each thread has its name and its stack, the innermost frame last."""
        text = self.text("/debug/threads")
        self.assertIn("MainThread", text)
        self.assertIn("in ThreadsTests.test_stacks", text)
        self.assertLess(text.index("in ThreadsTests.test_stacks"), text.index("in threads_page"))


class TasksTests(DebugCase):
    """``/debug/tasks``."""

    def test_calls(self) -> None:
        """Calls are told by what they call, without arguments."""
        for seconds in (7, 5):
            self.clock.callLater(seconds, print, "a secret")
        text = self.text("/debug/tasks")
        self.assertIn("       2  builtins.print\n", text)
        self.assertLess(text.index("5.000 s  builtins.print"), text.index("7.000 s  builtins.print"))
        self.assertNotIn("secret", text)


class Kept:
    """Something to count."""

    def __init__(self) -> None:
        self.something: list[int] = []


class MemoryTests(DebugCase):
    """``/debug/memory``."""

    def test_types(self) -> None:
        """Objects are counted by type, in pieces between which others have their turn."""
        kept = [Kept() for _ in range(30_000)]
        text = self.text("/debug/memory")
        self.assertIn(f" {len(kept)}  tests.debug.test_building.Kept\n", text)
        self.assertIn("VmRSS:", text)
        self.assertIn("tracemalloc is off", text)

    def test_pieces(self) -> None:
        """A large heap takes several turns of the reactor."""
        turns: list[float] = []
        call_later = self.clock.callLater

        def counting(delay: float, *call: Any, **arguments: Any) -> Any:
            turns.append(delay)
            return call_later(delay, *call, **arguments)

        self.patch(self.clock, "callLater", counting)
        objects = len(gc.get_objects())
        self.text("/debug/memory")
        self.assertGreaterEqual(turns.count(0), objects // PIECE)

    def test_traced(self) -> None:
        """If memory is traced, the lines of source are told that it comes from."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        kept = [bytes(100_000)]
        text = self.text("/debug/memory")
        self.assertIn("bytes in", text)
        self.assertIn("test_building.py", text)
        self.assertEqual(self.workers.calls, 1)  # no turn of the reactor is as long as that takes
        del kept

    def test_two_readers(self) -> None:
        """Two readers have their pages one after the other, and one who leaves keeps nobody waiting."""
        connections = []
        for _ in range(3):
            channel: Any = self.site.buildProtocol(None)
            connections.append(Connection(channel))
            connections[-1].send(request_bytes("GET", "/debug/memory"))
        connections[0].hang_up()
        connections[1].hang_up()
        for _ in range(1000):
            if connections[2].received():
                break
            self.clock.advance(0)
        self.assertEqual(connections[2].answer("GET").status, 200)


@frozen
class Pool:
    """Threads as figures."""

    pool: str
    threads: int
    size: int
    waiting: int
    unanswered: int


class ServicesTests(SynchronousTestCase):
    """The services of the debug server."""

    def services(self, metrics: Metrics | None, reactor: Any) -> list[Any]:
        """Those for a site that nobody asks anything."""
        workers = Workers(reactor, 3, "disk")
        observed = Observed(Registry().site, dict, (workers,), registry_facts)
        return debug_services(reactor, "127.0.0.1", 5001, "/metrics", observed, metrics)

    def test_listens(self) -> None:
        """The last service listens, before it is started."""
        reactor = MemoryReactorClock()
        listener = self.services(None, reactor)[-1]
        self.assertIsInstance(listener, Listener)
        listener.privilegedStartService()
        [(port, _, _, interface)] = reactor.tcpServers
        self.assertEqual((interface, port), ("127.0.0.1", 5001))

    def test_pools(self) -> None:
        """Metrics tell of each pool of threads."""
        metrics = Metrics()
        self.services(metrics, MemoryReactorClock())
        metrics.read_gauges()
        text = metrics.expose("")[0].decode()
        self.assertIn('txregistry_threads_limit{pool="disk"} 3.0\n', text)
        for name in ("threads", "jobs_waiting", "jobs_unanswered"):
            self.assertIn(f'txregistry_{name}{{pool="debug"}} 0.0\n', text)

    def test_each_pool(self) -> None:
        """Each figure of a pool is told under its name."""
        metrics = Metrics()
        pools: Any = [Pool("a", 1, 2, 3, 4), Pool("b", 5, 6, 7, 8)]
        watch_pools(metrics, pools)
        metrics.read_gauges()
        text = metrics.expose("")[0].decode()
        for name, a, b in (
            ("threads", 1, 5),
            ("threads_limit", 2, 6),
            ("jobs_waiting", 3, 7),
            ("jobs_unanswered", 4, 8),
        ):
            for pool, number in (("a", a), ("b", b)):
                self.assertIn(f'txregistry_{name}{{pool="{pool}"}} {number}.0\n', text)

    def test_measured(self) -> None:
        """With metrics, collections and the reactor's lag are measured."""
        gc.disable()
        self.addCleanup(gc.enable)
        metrics, reactor = Metrics(), MemoryReactorClock()
        services = self.services(metrics, reactor)[:-1]
        for service in services:
            service.startService()
        gc.collect()
        reactor.advance(INTERVAL + 3)
        for service in services:
            service.stopService()
        text = metrics.expose("")[0].decode()
        self.assertIn('txregistry_gc_pause_seconds_count{generation="2"} 1.0\n', text)
        self.assertIn("txregistry_reactor_lag_seconds_count 1.0\n", text)
        self.assertIn("txregistry_reactor_lag_seconds_sum 3.0\n", text)

    def test_off(self) -> None:
        """Without metrics the reactor's lag is not measured."""
        for metrics, calls in ((None, 0), (Metrics(), 1)):
            reactor = MemoryReactorClock()
            services = self.services(metrics, reactor)[:-1]
            for service in services:
                service.startService()
            self.assertEqual(len(reactor.getDelayedCalls()), calls)
            for service in services:
                service.stopService()
            self.assertEqual(reactor.getDelayedCalls(), [])
