"""The daemon in the hands of an operator: signals, background, sockets, descriptors, a stuck log."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.live.case import LiveTestCase
from tests.live.images import MIB, digest_of
from tests.live.processes import Program, beside_python, free_port, wait_for
from tests.live.registries import SOURCE
from tests.live.wire import Wire

CONTENT = b"0123456789abcdef" * 65536
DIGEST = digest_of(CONTENT)


class OperatorCase(LiveTestCase):
    """Starts the daemon in unusual ways."""

    def setUp(self) -> None:
        """Choose a port and a place for files."""
        self.port = free_port()
        self.wire = Wire("127.0.0.1", self.port, 20)
        self.work = self.directory()

    def configure(self, **http: Any) -> Path:
        """Write a configuration whose ``http`` section has *http* in it, too."""
        config = {
            "version": 0.1,
            "log": {"formatter": "json"},
            "storage": {"filesystem": {"rootdirectory": str(self.work / "storage")}},
            "http": {"addr": f"127.0.0.1:{self.port}", "secret": "s", **http},
        }
        path = self.work / "config.yml"
        path.write_text(yaml.safe_dump(config))
        return path

    def start(self, *under: str, **http: Any) -> Program:
        """Start ``txregistry serve``, and wait until it listens."""
        program = self.program("serve", [*under, *self.command(**http)])
        program.wait_until(lambda: bool(self.said(program, "listening on")), "listening")
        return program

    def command(self, **http: Any) -> list[str]:
        """Give the command that starts ``txregistry serve``, with *http* in its configuration."""
        return [sys.executable, "-c", _COMMAND, "serve", str(self.configure(**http))]

    def program(self, name: str, argv: Sequence[str]) -> Program:
        """Start *argv*, which is killed after the test."""
        program = Program(name, argv, self.work, env={"PYTHONPATH": _PATHS})
        self.addCleanup(program.kill)
        return program

    def said(self, program: Program, text: str) -> list[dict[str, Any]]:
        """Give the lines of the log that have *text* in their message."""
        return [line for line in _log_lines(program.stderr) if text in line["msg"]]

    def patching(self, announced: int, data: bytes = CONTENT) -> socket.socket:
        """Begin a PATCH of *announced* bytes, and send *data*."""
        location = self.wire.start_upload("a")
        head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n"
        return self.sending(head.encode() + data)

    def sending(self, data: bytes) -> socket.socket:
        """Connect, and send *data*."""
        connection = socket.create_connection(("127.0.0.1", self.port), 20)
        self.addCleanup(connection.close)
        connection.sendall(data)
        return connection

    def stored(self) -> int:
        """Count the bytes of unfinished uploads."""
        return sum(data.stat().st_size for data in (self.work / "storage").rglob("_uploads/*/data"))


class SignalTests(OperatorCase):
    """Stopping."""

    def test_drain(self) -> None:
        """
        With ``draintimeout``, uploads and downloads under way end well, idle and new clients are sent
        away, and the process ends with 0.
        """
        daemon = self.start(draintimeout="20s")
        self.assertEqual(self.wire.push_blob("a", DIGEST, CONTENT).status, 201)
        upload = self.patching(2 * len(CONTENT))
        download = self.sending(f"GET /v2/a/blobs/{DIGEST} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        idle = self.sending(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"200 OK", idle.recv(65536))
        os.kill(daemon.pid, signal.SIGTERM)
        self.assertEqual(_read_all(idle), b"")
        self.assertRaises(ConnectionRefusedError, self.wire.request, "GET", "/v2/")
        upload.sendall(CONTENT)
        self.assertIn(b"202 Accepted", _read_all(upload))
        self.assertTrue(_read_all(download).endswith(CONTENT))
        self.assertEqual(daemon.wait(10), 0)

    def test_second_signal(self) -> None:
        """A second signal ends the draining; nobody calls that a fault."""
        daemon = self.start(draintimeout="60s")
        upload = self.patching(2 * len(CONTENT))
        daemon.wait_until(lambda: self.stored() == len(CONTENT), "storing")
        os.kill(daemon.pid, signal.SIGINT)
        daemon.wait_until(lambda: bool(self.said(daemon, "Draining")), "draining")
        os.kill(daemon.pid, signal.SIGINT)
        self.assertEqual(daemon.wait(10), 0)
        self.assertEqual(self.stored(), len(CONTENT))
        self.assertRaises(ConnectionError, upload.recv, 1)
        self.assertTrue(self.said(daemon, "told once more to stop"))
        self.assertEqual([line for line in self.said(daemon, "") if "err.stack" in line], [])


class BackgroundTests(OperatorCase):
    """``twistd`` without ``-n``."""

    def twistd(self, *options: str) -> Program:
        """Run it with *options*."""
        self.addCleanup(self.end)
        argv = [beside_python("twistd"), f"--rundir={self.work}", f"--pidfile={self.work}/pid", *options]
        return self.program("twistd", [*argv, "txregistry", "--config", str(self.configure())])

    def end(self) -> None:
        """End what runs in the background, if something does."""
        try:
            os.kill(int((self.work / "pid").read_text()), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return

    def test_runs(self) -> None:
        """It goes to the background when it listens; its log is in the file, also after a rotation."""
        log = self.work / "registry.log"
        parent = self.twistd(f"--logfile={log}")
        self.assertEqual(parent.wait(20), 0)
        pid = int((self.work / "pid").read_text())
        self.assertTrue(self.wire.answers())
        wait_for(lambda: "response completed" in log.read_text(), "the log")
        log.rename(self.work / "registry.log.1")
        self.assertTrue(self.wire.answers())
        wait_for(lambda: log.exists() and "response completed" in log.read_text(), "the new log")
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not (self.work / "pid").exists(), "the end")
        self.assertTrue(all(line["level"] == "info" for line in _log_lines(log)))

    def test_cannot_listen(self) -> None:
        """If it cannot listen, whoever started it is told so, and no file says that it runs."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.port))
            other.listen()
            parent = self.twistd(f"--logfile={self.work}/registry.log")
            self.assertEqual(parent.wait(20), 1)
        self.assertIn("cannot listen on", parent.stderr.read_text())
        self.assertFalse((self.work / "pid").exists())
        [fatal] = [line for line in _log_lines(self.work / "registry.log") if line["level"] == "fatal"]
        self.assertIn("in use", fatal["msg"])


class ImportTests(OperatorCase):
    """Python's own files."""

    def test_imports(self) -> None:
        """Once it listens it imports nothing: its user or root directory may be other ones by then."""
        program = self.program("imports", ["env", "PYTHONPROFILEIMPORTTIME=1", *self.command()])
        program.wait_until(lambda: "listening on" in program.stderr.read_text(), "listening")
        self.assertEqual(self.wire.push_blob("a", DIGEST, CONTENT).status, 201)
        for target in ("/v2/", "/v2/_catalog", "/v2/a/tags/list", f"/v2/a/blobs/{DIGEST}", "/else"):
            self.wire.request("GET", target)
        ranges = self.wire.request("GET", f"/v2/a/blobs/{DIGEST}", headers={"Range": "bytes=0-1,4-5"})
        self.assertEqual(ranges.status, 206)
        self.wire.request("PUT", "/v2/a/manifests/v1", b"{}")
        program.terminate()
        before, _, after = program.stderr.read_text().partition("listening on")
        self.assertIn("import time:", before)
        late = [line for line in after.splitlines() if line.startswith("import time:")]
        self.assertEqual(late, [])


class StreamTests(OperatorCase):
    """Where the lines go when nobody takes them."""

    def test_stuck_reader(self) -> None:
        """A reader of the log that hangs holds up neither requests nor the end."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        with subprocess.Popen(
            self.command(), stdout=writer, stderr=writer, env={**os.environ, "PYTHONPATH": _PATHS}
        ) as daemon:
            self.addCleanup(daemon.kill)
            os.close(writer)
            wait_for(self.wire.answers, "the daemon")
            for _ in range(50):
                self.assertEqual(self.wire.request("GET", "/v2/").status, 200)
            began = time.monotonic()
            daemon.terminate()
            self.assertEqual(daemon.wait(20), 0)
            self.assertLess(time.monotonic() - began, 10)

    def test_closed(self) -> None:
        """Without any standard stream it serves, and no line gets into a file that took the number of one."""
        shell = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        program = self.program("closed", [*shell, *self.command()])
        program.wait_until(self.wire.answers, "answering")
        self.assertEqual(self.wire.push_blob("a", DIGEST, CONTENT).status, 201)
        for number in range(3):
            self.assertEqual(os.readlink(f"/proc/{program.pid}/fd/{number}"), os.devnull)


class HandedOverTests(OperatorCase):
    """A socket that was opened for the daemon, as systemd does it."""

    def activated(self, listening: socket.socket, count: int = 1) -> "subprocess.Popen[bytes]":
        """Start the daemon with *listening* as its descriptor 3, and as many in all as *count* says."""
        script = (
            'exec 3<&"$1"; export LISTEN_PID=$$ LISTEN_FDS="$2" LISTEN_FDNAMES=r.socket; shift 2; exec "$@"'
        )
        argv = ["/bin/bash", "-c", script, "bash", str(listening.fileno()), str(count)]
        daemon = subprocess.Popen(
            [*argv, *self.command(addr="127.0.0.1:1")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": _PATHS},
            pass_fds=(listening.fileno(),),
        )
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        assert daemon.stderr is not None
        self.addCleanup(daemon.stderr.close)
        return daemon

    def test_served(self) -> None:
        """
        It takes the socket, not the address of the configuration; who connects while no daemon runs is
        served by the next one.
        """
        with socket.create_server(("127.0.0.1", self.port)) as listening:
            for _ in range(2):
                early = self.sending(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                daemon = self.activated(listening)
                self.assertIn(b"200 OK", _read_all(early))
                self.assertEqual(self.wire.push_blob("a", DIGEST, CONTENT).status, 201)
                daemon.terminate()
                self.assertEqual(daemon.wait(20), 0)

    def test_too_many(self) -> None:
        """Two of them stop the start, in one line."""
        with socket.create_server(("127.0.0.1", self.port)) as listening:
            _, said = self.activated(listening, count=2).communicate(timeout=20)
        [fatal] = [line for line in map(json.loads, said.splitlines()) if line["level"] == "fatal"]
        self.assertIn("cannot listen on the socket of systemd: there are 2 of them", fatal["msg"])


class SocketTests(OperatorCase):
    """UNIX sockets, and descriptors at large."""

    def test_unix_socket(self) -> None:
        """It serves on a UNIX socket, takes one over whose owner was killed, and removes it at the end."""
        path = self.short_directory() / "s"
        request = b"GET /v2/a/tags/list HTTP/1.0\r\nHost: x\r\n\r\n"
        killed = self.start(net="unix", addr=str(path))
        self.assertIn(b"404 Not Found", _ask_unix(path, request))
        killed.kill()
        self.assertTrue(path.is_socket())
        daemon = self.program("second", self.command(net="unix", addr=str(path)))
        daemon.wait_until(lambda: bool(self.said(daemon, "listening on")), "listening")
        self.assertIn(b"404 Not Found", _ask_unix(path, request))
        daemon.terminate()
        self.assertFalse(path.exists())

    def test_limit_is_raised(self) -> None:
        """It takes as many descriptors as it may have."""
        daemon = self.start("prlimit", "--nofile=64:512")
        [limit] = re.findall(r"Max open files +(\d+)", Path(f"/proc/{daemon.pid}/limits").read_text())
        self.assertEqual(limit, "512")

    def test_out_of_descriptors(self) -> None:
        """Out of descriptors, it refuses clients, says why, finishes what it has, and goes on after that."""
        daemon = self.start("prlimit", "--nofile=48")
        uploads = [self.patching(len(CONTENT) + 1) for _ in range(5)]
        daemon.wait_until(lambda: self.stored() == 5 * len(CONTENT), "storing")
        connections = [self.sending(b"") for _ in range(40)]
        daemon.wait_until(lambda: bool(self.said(daemon, "out of file descriptors")), "out of descriptors")
        for upload in uploads:
            upload.sendall(b"y")
            self.assertIn(b" 202 Accepted", upload.recv(65536))
        for connection in (*uploads, *connections):
            connection.close()
        daemon.wait_until(self.wire.answers, "serving again")
        self.assertEqual(self.wire.push_blob("a", DIGEST, CONTENT).status, 201)
        self.assertEqual([line for line in self.said(daemon, "") if "err.stack" in line], [])


def _log_lines(path: Path) -> list[dict[str, Any]]:
    """Give the whole lines of a JSON log."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _read_all(connection: socket.socket) -> bytes:
    """Read to the end, and close as well, as every client does: the daemon waits a while for that."""
    received = b""
    with connection:
        while data := connection.recv(MIB):
            received += data
    return received


def _ask_unix(path: Path, request: bytes) -> bytes:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    connection.sendall(request)
    return _read_all(connection)


_COMMAND = "from txregistry.command import main; main(prog_name='txregistry')"
_PATHS = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
