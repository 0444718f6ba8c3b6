"""The daemon and its debug server, as the configuration asks for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet import reactor as _reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.live.wire import Answer, Wire
from tests.test_assembly import config_of
from txregistry.assembly import Daemon, assemble
from txregistry.config.values import Config
from txregistry.drivers.timed import TimedDriver
from txregistry.errors import CannotStart
from txregistry.listening import Listener
from txregistry.metrics.lag import LagMeter
from txregistry.metrics.pauses import GcPauses
from txregistry.model.digest import Digest

reactor: Any = _reactor

DEBUG = "debug: {addr: '127.0.0.1:0', prometheus: {enabled: true}}"


class NoLog:
    """Takes lines and drops them."""

    name = "nowhere"

    def write(self, data: memoryview) -> int:
        """All of it is taken."""
        return len(data)


def listeners(daemon: Daemon) -> list[Listener]:
    """The ports of *daemon*, in the order of their start."""
    return [service for service in daemon if isinstance(service, Listener)]


def port_of(listener: Listener) -> int:
    """Where *listener* listens."""
    address: Any = listener.ports[0].getHost()
    return int(address.port)


class OffTests(SynchronousTestCase):
    """What costs nothing while it is off."""

    def built(self, http: str) -> tuple[set[type], int, bool]:
        """The kinds of services, how many hear of requests, and whether the driver is timed."""
        daemon = assemble(config_of(http), Clock(), NoLog(), NoLog())
        site = daemon.listener._site
        look: Any = next(service for service in daemon if type(service).__name__ == "FirstLook")
        timed = isinstance(look._driver, TimedDriver)
        return {type(service) for service in daemon}, len(site._completed), timed

    def test_nothing(self) -> None:
        """Without a debug server nothing is measured, counted or wrapped."""
        kinds, hearing, timed = self.built("relativeurls: false")
        self.assertFalse(kinds & {LagMeter, GcPauses})
        self.assertEqual((hearing, timed), (1, False))

    def test_without_metrics(self) -> None:
        """A debug server without metrics has nobody count, either."""
        kinds, hearing, timed = self.built("debug: {addr: '127.0.0.1:0'}")
        self.assertEqual(kinds & {LagMeter, GcPauses}, {GcPauses})
        self.assertEqual((hearing, timed), (1, False))

    def test_metrics(self) -> None:
        """With metrics, requests and storage are observed."""
        kinds, hearing, timed = self.built(DEBUG)
        self.assertTrue(kinds >= {LagMeter, GcPauses})
        self.assertEqual((hearing, timed), (2, True))

    def test_order(self) -> None:
        """The debug server starts before the main port, and so is there to the end."""
        daemon = assemble(config_of(DEBUG), Clock(), NoLog(), NoLog())
        self.assertEqual(len(listeners(daemon)), 2)
        self.assertIs(listeners(daemon)[-1], daemon.listener)


class ObservedDaemonTests(TestCase):
    """A daemon that runs, in this process, with a debug server."""

    timeout = 60

    def start(self, config: Config) -> Daemon:
        """Start it."""
        daemon = assemble(config, reactor, NoLog(), NoLog())
        daemon.privilegedStartService()
        daemon.startService()
        self.addCleanup(maybeDeferred, daemon.stopService)
        self.inside, self.wire = (Wire("127.0.0.1", port_of(listener)) for listener in listeners(daemon))
        return daemon

    async def values(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Each sample of the metrics."""
        answer: Answer = await deferToThread(self.inside.request, "GET", "/metrics")
        return {
            (sample.name, tuple(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(answer.body.decode())
            for sample in family.samples
        }

    async def test_all_parts(self) -> None:
        """Requests, storage, cache, refusals and memory of the whole daemon reach the metrics."""
        self.start(config_of(DEBUG, "inmemory: {}, cache: {blobdescriptor: inmemory}"))
        content = b"content"
        digest = str(Digest.of(content))
        pushed = await deferToThread(self.wire.push_blob, "a", digest, content)
        self.assertEqual(pushed.status, 201)
        await deferToThread(self.wire.request, "HEAD", f"/v2/a/blobs/{digest}")
        values = await self.values()
        self.assertEqual(values["registry_http_requests_total", ("200", "blob", "head")], 1)
        self.assertEqual(values["registry_storage_cache_hits_total", ()], 1)
        self.assertEqual(values["txregistry_descriptors_remembered", ()], 1)
        self.assertEqual(values["txregistry_received_bytes_total", ()], len(content))
        for kind in ("manifest", "subject"):
            self.assertEqual(values[f"txregistry_{kind}_memory_bytes", ()], 0)
        self.assertGreater(values["registry_storage_action_seconds_count", ("PutContent", "inmemory")], 0)

    async def test_cache_size(self) -> None:
        """Of blobs no more are remembered than the configuration says."""
        self.start(config_of(DEBUG, "inmemory: {}, cache: {blobdescriptor: inmemory, blobdescriptorsize: 2}"))
        for content, remembered in ((b"a", 1), (b"b", 2), (b"c", 2)):
            digest = str(Digest.of(content))
            pushed = await deferToThread(self.wire.push_blob, "a", digest, content)
            self.assertEqual(pushed.status, 201)
            self.assertEqual((await self.values())["txregistry_descriptors_remembered", ()], remembered)

    async def test_described(self) -> None:
        """Each metric of ours has its place in the page for operators, but for what only Redis has."""
        self.start(config_of(DEBUG, "inmemory: {}, cache: {blobdescriptor: inmemory}"))
        page = (Path(__file__).parent.parent / "docs" / "operations.md").read_text()
        answer = await deferToThread(self.inside.request, "GET", "/metrics")
        families = re.findall(r"^# TYPE (txregistry_\w+) ", answer.body.decode(), re.MULTILINE)
        self.assertGreater(len(families), 15)
        self.assertEqual([name for name in families if name not in page], [])

    async def test_refusals(self) -> None:
        """Who is not let in is counted."""
        auth = "auth: {silly: {realm: r, service: s}}"
        self.start(config_of(DEBUG, rest=auth))
        answer = await deferToThread(self.wire.request, "GET", "/v2/")
        self.assertEqual(answer.status, 401)
        self.assertEqual((await self.values())["txregistry_auth_refusals_total", ("anonymous",)], 1)

    async def test_redis_without_secrets(self) -> None:
        """Of Redis the debug server tells where it is, and nothing that opens it."""
        rest = "redis: {addr: '127.0.0.1:1', password: hidden, db: 3}"
        self.start(config_of(DEBUG, rest=rest))
        answer = await deferToThread(self.inside.request, "GET", "/debug/vars")
        self.assertIn(b'"addrs":["127.0.0.1:1"],"mastername":"","db":3', answer.body)
        self.assertIn(b'"Active":0', answer.body)
        self.assertNotIn(b"hidden", answer.body)

    async def test_port_in_use(self) -> None:
        """A debug port that cannot be had ends the start, as the main one does."""
        daemon = self.start(config_of(DEBUG))
        port = port_of(listeners(daemon)[0])
        other = assemble(config_of(f"debug: {{addr: '127.0.0.1:{port}'}}"), reactor, NoLog(), NoLog())
        self.assertRaises(CannotStart, other.privilegedStartService)
        self.assertEqual(other.listener.ports, [])

    async def test_unwell(self) -> None:
        """The debug server says which check fails, and goes on to serve."""
        path = self.mktemp()
        with open(path, "w"):
            pass
        self.start(config_of(DEBUG, rest=f"health: {{file: [{{file: {path}, interval: 50ms}}]}}"))
        answer: Answer = await deferToThread(self.inside.request, "GET", "/debug/health")
        while answer.status == 200:  # the test's time-out ends this
            answer = await deferToThread(self.inside.request, "GET", "/debug/health")
        self.assertEqual((answer.status, answer.body), (503, f'{{"{path}":"file exists"}}'.encode()))
        main = await deferToThread(self.wire.request, "GET", "/v2/")
        self.assertEqual(main.status, 503)
