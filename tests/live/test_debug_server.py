"""The debug server of a daemon under load, of one that stops, and of one whose client hangs."""

import re
import signal
import socket
import time

from tests.live.case import LiveTestCase
from tests.live.processes import free_port, require, start_client, wait_for
from tests.live.registries import start_txregistry
from tests.live.wire import Wire

PAGES = (
    "/debug/",
    "/debug/health",
    "/debug/vars",
    "/debug/requests",
    "/debug/threads",
    "/debug/tasks",
    "/debug/memory",
    "/metrics",
)


class DebugServerTests(LiveTestCase):
    """What an operator gets to see, and when."""

    def setUp(self) -> None:
        """Start a daemon that has all of it."""
        port = free_port()
        debug = {"addr": f"127.0.0.1:{port}", "prometheus": {"enabled": True}}
        self.daemon = start_txregistry(
            self.directory() / "storage",
            self.directory(),
            settings={"http": {"debug": debug, "draintimeout": "30s"}},
        )
        self.addCleanup(self.daemon.program.terminate)
        self.debug_wire = Wire("127.0.0.1", port, 20)

    def page(self, path: str) -> str:
        """The text of a page."""
        answer = self.debug_wire.request("GET", path)
        self.assertEqual(answer.status, 200, path)
        return answer.body.decode()

    def begin_upload(self) -> tuple[socket.socket, str]:
        """A client that has sent half of what it announced, and its session."""
        location = self.daemon.wire.start_upload("a/b")
        client = socket.create_connection(("127.0.0.1", self.daemon.port), 20)
        self.addCleanup(client.close)
        client.sendall(f"PATCH {location} HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc".encode())
        return client, location

    def test_under_load(self) -> None:
        """With every connection busy, each page comes within seconds."""
        argv = [require("wrk"), "-t1", "-c64", "-d60", f"http://{self.daemon.address}/v2/"]
        load = start_client(argv, self.directory())
        self.addCleanup(load.kill)
        wait_for(lambda: "\n64 connections" in self.page("/debug/requests"), "a loaded daemon")
        for path in PAGES:
            began = time.monotonic()
            self.page(path)
            self.assertLess(time.monotonic() - began, 5, path)
        self.assertTrue(load.running())
        counted = re.findall(
            r'registry_http_requests_total\{.*handler="base".*\} (\S+)', self.page("/metrics")
        )
        self.assertGreater(sum(map(float, counted)), 64)

    def test_hanging_client(self) -> None:
        """An upload whose client sends nothing more is seen, with how much of it came."""
        _, location = self.begin_upload()
        state = "received 3 of 6  sent 0  state: waiting for its body\n"
        wait_for(lambda: state in self.page("/debug/requests"), "the request on the page")
        text = self.page("/debug/requests")
        self.assertIn(f"PATCH {location.partition('?')[0]}?_state=...\n", text)
        self.assertIn("in UploadRoutes.patch\n", text)
        self.assertNotIn(location.partition("_state=")[2], text)
        self.assertIn("txregistry_uploads_in_progress 1.0\n", self.page("/metrics"))

    def test_while_stopping(self) -> None:
        """While the daemon waits for a last upload, its pages say which."""
        client, _ = self.begin_upload()
        wait_for(lambda: "received 3 of 6" in self.page("/debug/requests"), "the request on the page")
        self.daemon.program.send(signal.SIGTERM)
        wait_for(lambda: not self.daemon.wire.answers(), "a closed port")
        self.assertIn("1 requests run", self.page("/debug/requests"))
        client.sendall(b"def")
        self.assertTrue(client.recv(1000).startswith(b"HTTP/1.1 202 "))
        client.close()
        self.assertEqual(self.daemon.program.wait(), 0)
