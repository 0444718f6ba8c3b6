"""The whole registry, put together."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from typing import Any

from attrs import evolve
from twisted.application.service import Application, Service
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, Logger, LogPublisher, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.live.wire import Answer, Wire
from txregistry.assembly import CONFIGURABLE, Daemon, Sequence, assemble, building
from txregistry.auth.table import ACCESS, Means
from txregistry.config.reading import read_config
from txregistry.config.values import Config
from txregistry.lines import Descriptor
from txregistry.model.digest import Digest

reactor: Any = _reactor

CONTENT = b"a layer" * 100_000
DIGEST = Digest.of(CONTENT)


def config_of(http: str = "", storage: str = "inmemory: {}", rest: str = "") -> Config:
    """A configuration that listens on a port of the kernel's choice."""
    text = f"""
version: 0.1
storage: {{{storage}}}
http: {{addr: '127.0.0.1:0', {http}}}
{rest}
"""
    return read_config(text, {}, CONFIGURABLE).require()


class Step(Service):
    """Notes its start and its end."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self._name, self._calls = name, calls
        self.ending: Deferred[None] = succeed(None)

    def startService(self) -> None:
        super().startService()
        self._calls.append(f"start {self._name}")

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._calls.append(f"stop {self._name}")
        return self.ending


class SequenceTests(SynchronousTestCase):
    """Services one after the other."""

    def test_order(self) -> None:
        """They stop in the reverse order of their start, each when the one before has stopped."""
        calls: list[str] = []
        sequence = Sequence()
        steps = [Step(name, calls) for name in "abc"]
        for step in steps:
            step.setServiceParent(sequence)
        steps[2].ending = Deferred()
        sequence.startService()
        stopped = maybeDeferred(sequence.stopService)
        self.assertEqual(calls, ["start a", "start b", "start c", "stop c"])
        self.assertNoResult(stopped)
        steps[2].ending.callback(None)
        self.assertEqual(calls[4:], ["stop b", "stop a"])
        self.successResultOf(stopped)

    def test_one_fails(self) -> None:
        """One that cannot stop keeps none of the others from stopping, and is in the log."""
        calls: list[str] = []
        sequence = Sequence()
        steps = [Step(name, calls) for name in "abc"]
        for step in steps:
            step.setServiceParent(sequence)
        steps[1].ending = fail(ZeroDivisionError())
        sequence.startService()
        self.successResultOf(maybeDeferred(sequence.stopService))
        self.assertEqual(calls[3:], ["stop c", "stop b", "stop a"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class AssembleTests(SynchronousTestCase):
    """What is built before anything runs."""

    def test_nothing_runs(self) -> None:
        """Building touches neither the storage nor the network, and starts nothing."""
        root = self.mktemp()
        clock = Clock()
        daemon = assemble(config_of(storage=f"filesystem: {{rootdirectory: {root}}}"), clock)
        self.assertFalse(os.path.exists(root))
        self.assertEqual((clock.getDelayedCalls(), daemon.listener.ports), ([], []))
        self.assertFalse(any(service.running for service in daemon))

    def test_no_secret(self) -> None:
        """Who gives no secret for the state of uploads is told what that means, and who does is not."""
        for http, told in (("", True), ("secret: ''", True), ("secret: x", False)):
            events: list[LogEvent] = []
            observer: Any = events.append
            globalLogPublisher.addObserver(observer)
            try:
                assemble(config_of(http), Clock())
            finally:
                globalLogPublisher.removeObserver(observer)
            warned = [event for event in events if "No HTTP secret provided" in formatEvent(event)]
            self.assertEqual([event["log_level"].name for event in warned], ["warn"] if told else [])

    def test_deciding(self) -> None:
        """One thread that decides is left beside those that may be kept busy for long."""
        means: list[Means] = []

        def build(options: object, given: Means) -> Any:
            means.append(given)
            return ACCESS["none"].build(options, given)

        self.patch(building, "ACCESS", {"none": evolve(ACCESS["none"], build=build)})
        for processors, slow in ((None, 1), (1, 1), (2, 1), (8, 4)):
            self.patch(os, "cpu_count", partial(int, processors or 0))
            assemble(config_of(), Clock())
            workers: Any = means[-1].workers
            self.assertEqual((means[-1].threads, workers.size), (slow, slow + 1))

    def test_log(self) -> None:
        """Under an application, the log is ours, in the form of the configuration."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        config = config_of(rest="log: {level: warn, formatter: json, fields: {a: b}}")
        daemon = assemble(config, Clock(), Descriptor(writer))
        application: Any = Application("test")
        daemon.setServiceParent(application)
        observer = application.getComponent(ILogObserver)
        self.assertIs(observer, daemon.observer)
        log = Logger("x", observer=LogPublisher(observer))
        log.info("not this")
        log.warn("but this")
        found = json.loads(os.read(reader, 65536))
        self.assertEqual((found["msg"], found["level"], found["a"]), ("but this", "warning", "b"))
        self.assertIn("instance.id", found)


class DaemonTests(TestCase):
    """A daemon that runs, in this process."""

    timeout = 60

    def setUp(self) -> None:
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.addCleanup(os.close, self.writer)

    def start(self, config: Config) -> Daemon:
        pipe = Descriptor(self.writer)
        daemon = assemble(config, reactor, pipe, pipe)
        daemon.privilegedStartService()
        daemon.startService()
        self.addCleanup(self.stop, daemon)
        address: Any = daemon.listener.ports[0].getHost()
        self.wire = Wire("127.0.0.1", address.port)
        return daemon

    async def stop(self, daemon: Daemon) -> None:
        if daemon.running:
            await maybeDeferred(daemon.stopService)

    async def ask(self, method: str, path: str, **arguments: Any) -> Answer:
        return await deferToThread(self.wire.request, method, path, **arguments)

    async def push(self, prefix: str = "") -> None:
        """Push a blob."""
        begun = await self.ask("POST", f"{prefix}/v2/a/blobs/uploads/")
        self.assertEqual(begun.status, 202)
        done = await self.ask("PUT", f"{begun.location}&digest={DIGEST}", body=CONTENT)
        self.assertEqual(done.status, 201)

    async def test_drivers(self) -> None:
        """With either driver, what is pushed can be pulled; the stop leaves nothing running."""
        for storage in ("inmemory: {}", f"filesystem: {{rootdirectory: {self.mktemp()}}}"):
            daemon = self.start(config_of(storage=f"{storage}, cache: {{blobdescriptor: inmemory}}"))
            await self.push()
            for _ in range(2):
                pulled = await self.ask("GET", f"/v2/a/blobs/{DIGEST}")
                self.assertTrue(pulled.body == CONTENT)
            await self.stop(daemon)

    async def test_memory(self) -> None:
        """What is free is given back again and again, in a thread."""
        given: list[int] = []

        def give_back() -> bool:
            given.append(threading.get_ident())
            return True

        self.patch(building, "give_back", give_back)
        self.patch(building, "GIVE_BACK_EVERY", 0.001)
        self.start(config_of())
        while len(given) < 3:
            await deferLater(reactor, 0.001)
        self.assertNotIn(threading.get_ident(), given)

    async def test_more_in_the_log(self) -> None:
        """When a reload has more written into the log, that is what requests leave there, too."""
        daemon = self.start(config_of(rest="log: {level: warn, accesslog: {disabled: true}}"))
        observer: Any = daemon.observer
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        await self.ask("GET", "/v2/")
        await daemon.take_over(config_of(rest="log: {level: info, accesslog: {disabled: true}}"))
        await self.ask("GET", "/v2/")
        await self.stop(daemon)
        self.assertEqual(os.read(self.reader, 65536).count(b"response completed"), 1)

    async def test_deleted_by_others(self) -> None:
        """What another program takes out of the directory is gone at once, whatever may be remembered."""
        root = self.mktemp()
        cache = "cache: {blobdescriptor: inmemory}"
        self.start(config_of(storage=f"filesystem: {{rootdirectory: {root}}}, {cache}"))
        base = f"{root}/docker/registry/v2"
        for gone in (
            f"{base}/repositories/a/_layers/sha256/{DIGEST.encoded}/link",
            f"{base}/blobs/sha256/{DIGEST.encoded[:2]}/{DIGEST.encoded}/data",
        ):
            await self.push()
            for expected in (200, 200, 404):
                if expected == 404:
                    os.unlink(gone)
                for method in ("HEAD", "GET"):
                    answer = await self.ask(method, f"/v2/a/blobs/{DIGEST}")
                    self.assertEqual(answer.status, expected, f"{method} without {gone}")

    async def test_http(self) -> None:
        """Prefix, host and headers of the configuration reach the answers."""
        self.start(config_of(http="prefix: /pre/, host: 'https://out.test', headers: {x-configured: [a, b]}"))
        self.assertEqual((await self.ask("GET", "/v2/")).status, 404)
        answer = await self.ask("GET", "/pre/v2/")
        self.assertEqual((answer.status, answer.headers.get_all("X-Configured")), (200, ["a", "b"]))
        begun = await self.ask("POST", "/pre/v2/a/blobs/uploads/")
        self.assertTrue(str(begun.headers["Location"]).startswith("https://out.test/v2/a/"))

    async def test_manifest_rules(self) -> None:
        """What the configuration demands of manifests is demanded."""
        config = {"mediaType": "application/x", "digest": str(DIGEST), "size": 1}
        foreign = {
            **config,
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "urls": ["https://denied.test/"],
        }
        child = {**config, "platform": {"architecture": "amd64", "os": "linux"}}
        image = {"config": config, "layers": []}
        abroad, index = {**image, "layers": [foreign]}, {"manifests": [child]}
        for rest, document, status in (
            ("", image, 400),
            ("validation: {manifests: {blobs: none}}", image, 201),
            ("validation: {manifests: {blobs: none}}", abroad, 201),
            ("validation: {manifests: {blobs: none, urls: {deny: [denied]}}}", abroad, 400),
            ("validation: {manifests: {blobs: none, urls: {allow: [other]}}}", abroad, 400),
            ("validation: {manifests: {blobs: none}}", index, 400),
            ("validation: {manifests: {indexes: {platforms: none}}}", index, 201),
            ("validation: {manifests: {indexes: {platforms: list}}}", index, 400),
            (
                "validation:\n manifests:\n  indexes:\n   platforms: list\n"
                "   platformlist: [{architecture: x, os: y}]",
                index,
                201,
            ),
            ("validation: {disabled: true}", index, 201),
            ("policy: {repository: {classes: [image]}}", image, 403),
        ):
            daemon = self.start(config_of(rest=rest))
            kind = "manifest" if "config" in document else "index"
            answer = await self.ask(
                "PUT",
                "/v2/a/manifests/v1",
                body=json.dumps({"schemaVersion": 2, **document}).encode(),
                headers={"Content-Type": f"application/vnd.oci.image.{kind}.v1+json"},
            )
            self.assertEqual(answer.status, status, f"{rest} {document} {answer.body!r}")
            await self.stop(daemon)

    async def test_readonly_and_delete(self) -> None:
        """What the configuration forbids is refused."""
        root = self.mktemp()
        filesystem = f"filesystem: {{rootdirectory: {root}}}"
        daemon = self.start(config_of(storage=filesystem))
        await self.push()
        self.assertEqual((await self.ask("DELETE", f"/v2/a/blobs/{DIGEST}")).status, 405)
        await self.stop(daemon)
        daemon = self.start(config_of(storage=f"{filesystem}, maintenance: {{readonly: {{enabled: true}}}}"))
        self.assertEqual((await self.ask("POST", "/v2/a/blobs/uploads/")).status, 405)
        self.assertEqual((await self.ask("GET", f"/v2/a/blobs/{DIGEST}")).status, 200)
        await self.stop(daemon)
        daemon = self.start(config_of(storage=f"{filesystem}, delete: {{enabled: true}}"))
        self.assertEqual((await self.ask("DELETE", f"/v2/a/blobs/{DIGEST}")).status, 202)

    async def test_uploads_survive(self) -> None:
        """An upload goes on after a restart by its old address; with another secret, by its path."""
        filesystem = f"filesystem: {{rootdirectory: {self.mktemp()}}}"
        for before, after, status in (
            ("", "", 202),
            ("secret: a", "secret: a", 202),
            ("secret: a", "secret: b", 404),
        ):
            daemon = self.start(config_of(http=before, storage=filesystem))
            address = (await self.ask("POST", "/v2/a/blobs/uploads/")).location
            address = (await self.ask("PATCH", address, body=CONTENT[:999])).location
            await self.stop(daemon)
            daemon = self.start(config_of(http=after, storage=filesystem))
            path = address.partition("?")[0]
            answer = await self.ask("PATCH", address, body=CONTENT[999:2000])
            self.assertEqual(answer.status, status)
            rest = CONTENT[2000:] if status == 202 else CONTENT[999:]
            answer = await self.ask("PUT", f"{path}?digest={DIGEST}", body=rest)
            self.assertEqual(answer.status, 201)
            await self.stop(daemon)

    async def test_access_log(self) -> None:
        """The access log is written, unless it is switched off."""
        for rest, expected in (("", 1), ("log: {accesslog: {disabled: true}}", 0)):
            daemon = self.start(config_of(rest=rest))
            await self.ask("GET", "/v2/some/path")
            await self.stop(daemon)
            os.write(self.writer, b"\n")
            lines = os.read(self.reader, 1 << 20).decode().splitlines()
            self.assertEqual(len([line for line in lines if '"GET /v2/some/path' in line]), expected)

    async def test_limits(self) -> None:
        """The page sizes of the configuration count."""
        self.start(config_of(rest="catalog: {maxentries: 5}\ntags: {maxtags: 5}"))
        self.assertEqual((await self.ask("GET", "/v2/_catalog?n=6")).status, 400)
        self.assertEqual((await self.ask("GET", "/v2/_catalog?n=5")).status, 200)
