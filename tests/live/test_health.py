"""Health of a real daemon: what fails and is well again, and probes of one that has much to do."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.images import CONFIG, MANIFEST, canonical_json, digest_of
from tests.live.processes import free_port, require, start_client
from tests.live.registries import Registry
from tests.live.wire import Wire

LAYER = b"a layer" * 1000
LAYER_PATH = f"/v2/a/blobs/{digest_of(LAYER)}"
IMAGE_PATH = "/v2/a/manifests/latest"
IMAGE = canonical_json(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(LAYER), "size": len(LAYER)},
        "layers": [],
    }
)
#: How long probes are asked under load, and in how many seconds each of them must answer.
LOADED, PATIENCE = 4, 5


class Neighbour(BaseHTTPRequestHandler):
    """Another server, whose *status* the test chooses."""

    status = 200

    def do_HEAD(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class HealthTests(LiveTestCase):
    """Checks every fifth of a second."""

    def start(self, storage: Path, health: dict[str, object]) -> Registry:
        """Start a daemon to which the permissions of files apply, with a blob in it."""
        self.debug_port = free_port()
        caps = "-dac_override,-dac_read_search"
        mortal = ["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"] if os.geteuid() == 0 else []
        port = free_port()
        settings: dict[str, dict[str, object]] = {
            "health": health,
            "http": {"addr": f"127.0.0.1:{port}", "debug": {"addr": f"127.0.0.1:{self.debug_port}"}},
        }
        registry = self.registry(storage, port=port, under=mortal, settings=settings)
        self.assertEqual(registry.wire.push_blob("a", digest_of(LAYER), LAYER).status, 201)
        return registry

    def failures(self) -> dict[str, str]:
        """What ``/debug/health`` says."""
        answer = Wire("127.0.0.1", self.debug_port).request("GET", "/debug/health")
        found: dict[str, str] = json.loads(answer.body)
        self.assertEqual(answer.status, 503 if found else 200)
        return found

    def assert_becomes(self, registry: Registry, status: int, readable: bool = True) -> None:
        """A blob is answered with *status* before long, and so are the probes."""
        wire = registry.wire
        registry.program.wait_until(
            lambda: wire.request("HEAD", LAYER_PATH).status == status, f"answering {status}", 10
        )
        self.assertEqual(wire.request("GET", "/readyz").status, status)
        self.assertEqual(wire.request("GET", "/livez").status, 200)
        if status == 200:
            self.assertEqual(wire.request("GET", LAYER_PATH).body, LAYER)
            self.assertEqual(self.failures(), {})
            return
        answer = wire.request("GET", "/v2/")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "10"))
        self.assertEqual(json.loads(answer.body)["errors"][0]["code"], "UNAVAILABLE")

    def test_storage(self) -> None:
        """A storage that cannot be read takes the registry out of service, and back when it can."""
        storage = self.directory() / "storage"
        self.addCleanup(storage.chmod, 0o700)
        registry = self.start(
            storage, {"storagedriver": {"enabled": True, "interval": "200ms", "threshold": 2}}
        )
        self.assert_becomes(registry, 200)
        for _ in range(2):
            storage.chmod(0)
            self.assert_becomes(registry, 503)
            self.assertIn("Permission denied", self.failures()["storagedriver_filesystem"])
            storage.chmod(0o700)
            self.assert_becomes(registry, 200)
        log = registry.program.stderr
        registry.program.wait_until(lambda: log.read_text().count("is well again") == 2, "saying so", 10)
        self.assertNotIn("err.stack", log.read_text())

    def test_probes_under_load(self) -> None:
        """While 64 clients pull as fast as they can, each probe says that all is well, within seconds."""
        registry = self.start(
            self.directory() / "storage", {"storagedriver": {"enabled": True, "interval": "200ms"}}
        )
        wire, access_lines = registry.wire, registry.program.stdout
        answer = wire.request("PUT", IMAGE_PATH, IMAGE, {"Content-Type": MANIFEST})
        self.assertEqual(answer.status, 201)
        served = f'"GET {IMAGE_PATH} HTTP/1.1" 200 {len(IMAGE)} '
        argv = [require("wrk"), "-t1", "-c64", "-d60", "-H", f"Accept: {MANIFEST}"]
        load = start_client([*argv, f"http://{registry.address}{IMAGE_PATH}"], self.directory())
        self.addCleanup(load.kill)
        load.wait_until(lambda: access_lines.read_text().count(served) >= 64, "pulling")
        before = access_lines.read_text().count(served)
        end, rounds = time.monotonic() + LOADED, 0
        while rounds < 5 or time.monotonic() < end:
            rounds += 1
            for probe in ("/livez", "/readyz"):
                began = time.monotonic()
                self.assertEqual(wire.request("GET", probe).status, 200)
                self.assertLess(time.monotonic() - began, PATIENCE, probe)
        self.assertTrue(load.running())
        self.assertGreater(access_lines.read_text().count(served) - before, 64)

    def test_others(self) -> None:
        """So do a file that is there, a server that answers otherwise, and a port that nobody listens on."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), Neighbour)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(setattr, Neighbour, "status", 200)
        away = self.directory() / "away"
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        uri = f"http://127.0.0.1:{server.server_port}/health"
        addr = f"127.0.0.1:{listener.getsockname()[1]}"
        registry = self.start(
            self.directory() / "storage",
            {
                "file": [{"file": str(away), "interval": "200ms"}],
                "http": [{"uri": uri, "interval": "200ms", "timeout": "2s"}],
                "tcp": [{"addr": addr, "interval": "200ms", "timeout": "2s"}],
            },
        )
        self.assert_becomes(registry, 200)
        away.write_text("")
        self.assert_becomes(registry, 503)
        self.assertEqual(self.failures(), {str(away): "file exists"})
        away.unlink()
        self.assert_becomes(registry, 200)
        Neighbour.status = 500
        self.assert_becomes(registry, 503)
        self.assertIn("unexpected status: 500", self.failures()[uri])
        Neighbour.status = 200
        self.assert_becomes(registry, 200)
        listener.close()
        self.assert_becomes(registry, 503)
        self.assertIn("connection failed", self.failures()[addr])
