"""Tests for :mod:`bench.servers`, with small stand-ins for registries."""

import os
import shlex
import sys
import time
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from bench.errors import BenchFailed
from bench.servers import Server, configuration, need_tools
from bench.variants import Variant

ANSWERING = """
import http.server, os, pathlib, re, subprocess, sys
port = int(re.search(r"127.0.0.1:(\\d+)", pathlib.Path(sys.argv[1]).read_text())[1])
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).with_name("sleeper").write_text(str(sleeper.pid))
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""

FAILING = "import sys; sys.exit('no such option: ' + sys.argv[1])"


class ConfigurationTests(SynchronousTestCase):
    """The file that both servers read."""

    def test_values(self) -> None:
        """It is YAML with the storage, the port, and no access log."""
        said = yaml.safe_load(configuration(Path("/srv/x"), 5055))
        self.assertEqual({"rootdirectory": "/srv/x"}, said["storage"]["filesystem"])
        self.assertEqual("127.0.0.1:5055", said["http"]["addr"])
        self.assertIs(said["log"]["accesslog"]["disabled"], True)

    def test_open(self) -> None:
        """Unless a variant says so there is neither access control nor TLS."""
        said = yaml.safe_load(configuration(Path("/srv/x"), 5055))
        self.assertNotIn("auth", said)
        self.assertNotIn("tls", said["http"])

    def test_variant(self) -> None:
        """What a variant says stands where servers look for it."""
        variant = Variant("all", auth="auth:\n  silly: {}\n", tls='{"key": "k"}')
        said = yaml.safe_load(configuration(Path("/srv/x"), 5055, variant))
        self.assertEqual({"silly": {}}, said["auth"])
        self.assertEqual({"key": "k"}, said["http"]["tls"])
        self.assertEqual("the-same-for-both", said["http"]["secret"])

    def test_redis(self) -> None:
        """Descriptors are in memory, unless there is a Redis."""
        said = yaml.safe_load(configuration(Path("/srv/x"), 5055))
        self.assertEqual("inmemory", said["storage"]["cache"]["blobdescriptor"])
        self.assertNotIn("redis", said)
        said = yaml.safe_load(configuration(Path("/srv/x"), 5055, Variant("x", redis="127.0.0.1:7")))
        self.assertEqual("redis", said["storage"]["cache"]["blobdescriptor"])
        self.assertEqual("127.0.0.1:7", said["redis"]["addr"])


class NeedToolsTests(SynchronousTestCase):
    """Programs that must be installed."""

    def test_missing(self) -> None:
        """Only the missing ones are named."""
        failed = self.assertRaises(BenchFailed, need_tools, "sh", "no-such-program-at-all")
        self.assertIn("no-such-program-at-all", str(failed))
        self.assertNotIn("sh,", str(failed))


class ServerTests(SynchronousTestCase):
    """Starting and ending a program."""

    def server(self, script: str) -> Server:
        """A server that runs *script* with the configuration file as its argument."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        program = directory / "program.py"
        program.write_text(script)
        words = [sys.executable, str(program)]
        server = Server("stand-in", f"{shlex.join(words)} {{config}}", directory)
        self.addCleanup(server.stop)
        return server

    def test_started(self) -> None:
        """Once started it answers, and its cost and that of its children is counted."""
        server = self.server(ANSWERING)
        server.start()
        self.assertGreater(server.first_answer, 0.0)
        self.assertGreater(server.usage().resident, 5_000_000)

    def test_stopped(self) -> None:
        """Stopping ends what it started too, and may be repeated."""
        server = self.server(ANSWERING)
        server.start()
        sleeper = int((server.directory / "sleeper").read_text())
        server.stop()
        server.stop()
        self.assertTrue(ended(sleeper))
        self.assertRaises(BenchFailed, server.check_alive)

    def test_fails_to_start(self) -> None:
        """A program that ends at once is reported with its status and its last words."""
        failed = self.assertRaises(BenchFailed, self.server(FAILING).start)
        self.assertIn("ended with 1", str(failed))
        self.assertIn("no such option", str(failed))

    def test_no_program(self) -> None:
        """A command that does not exist is a failure in one line."""
        server = Server("stand-in", "no-such-program-at-all", Path(self.mktemp()))
        self.assertRaises(BenchFailed, server.start)

    def test_url(self) -> None:
        """The scheme is https where the variant has TLS."""
        where = Path(self.mktemp())
        plain, encrypted = (
            Server("a", "true", where, variant, port=7) for variant in (Variant("x"), Variant("y", tls="{}"))
        )
        self.assertEqual("http://127.0.0.1:7/v2/", plain.url("/v2/"))
        self.assertEqual("https://127.0.0.1:7/v2/", encrypted.url("/v2/"))

    def test_wipe(self) -> None:
        """Pushed blobs and their repository go; what is to be kept, and other repositories, stay."""
        server = Server("stand-in", "true", Path(self.mktemp()))
        tree = server.storage / "docker/registry/v2"
        stays, goes = tree / "blobs/sha256/aa/aa11", tree / "blobs/sha256/aa/aa22"
        other, pushed = tree / "repositories/bench/app", tree / "repositories/bench/pushed-1"
        for directory in (stays, goes, other, pushed):
            directory.mkdir(parents=True)
        server.wipe("bench/pushed-1", {"sha256:aa11"})
        self.assertEqual([True, False, True, False], [path.exists() for path in (stays, goes, other, pushed)])


def ended(pid: int) -> bool:
    """Whether a process is gone, or about to be reaped, within a moment."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False
