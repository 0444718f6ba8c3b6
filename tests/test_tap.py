"""The daemon as operators see it: options, exit codes, and what it writes where."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.python import usage
from twisted.scripts._twistd_unix import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

from tests.live.processes import Program, beside_python
from twisted import internet
from txregistry import tap
from txregistry.assembly import CONFIGURABLE
from txregistry.config.reading import read_config
from txregistry.heap import spare_what_is_loaded
from txregistry.tap import (
    EXIT_CONFIG,
    Options,
    _log_sink,
    makeService,
    read_configuration,
    reread_configuration,
)

SOURCE = Path(__file__).parent.parent
CONFIG = """
version: 0.1
log: {formatter: FORMATTER, level: info, fields: {service: a registry}}
storage: {filesystem: {rootdirectory: ROOT}}
http: {addr: '127.0.0.1:PORT', secret: x, draintimeout: 10s}
"""
FAULTY = """
version: 0.1
storage: {inmemory: {}, filesystem: {}}
http: {addr: 5, nonsense: 1}
"""
TEXT_LINE = re.compile(
    r'time="[^"]+" level=[a-z]+ msg="(?:[^"\\]|\\.)*"( [A-Za-z.]+=("(?:[^"\\]|\\.)*"|[^ "]+))*\Z'
)
ACCESS_LINE = re.compile(r'\S+ - \S+ \[[^]]+\] "[^"]*" \d+ \d+ "[^"]*" "[^"]*"\Z')


class RereadTests(SynchronousTestCase):
    """Reading the configuration while the daemon runs."""

    def test_file(self) -> None:
        """A file is read as at the start."""
        path = self.mktemp()
        Path(path).write_text(CONFIG.replace("FORMATTER", "text").replace("PORT", "5000"))
        self.assertEqual(reread_configuration(path, {}).require().http.addr, "127.0.0.1:5000")

    def test_no_file(self) -> None:
        """A pipe to which nobody writes is not waited for; what cannot be read is a fault."""
        pipe, directory, missing = (self.mktemp() for _ in range(3))
        os.mkfifo(pipe)
        os.mkdir(directory)
        for path, reason in (
            (pipe, "it is not a regular file"),
            (directory, "it is not a regular file"),
            (missing, "No such file or directory"),
        ):
            self.assertEqual(list(reread_configuration(path, {}).faults), [f"{path}: {reason}"])


class OptionsTests(SynchronousTestCase):
    """Reading the configuration."""

    def setUp(self) -> None:
        self.stderr = io.StringIO()
        self.patch(sys, "stderr", self.stderr)
        self.patch(os, "environ", {})

    def write(self, text: str) -> str:
        path = str(self.mktemp())
        Path(path).write_text(text)
        return path

    def refused(self, *arguments: str) -> list[str]:
        """Fail to read; the lines on stderr."""
        with self.assertRaises(SystemExit) as raised:
            Options().parseOptions(list(arguments))
        self.assertEqual(raised.exception.code, EXIT_CONFIG)
        return self.stderr.getvalue().splitlines()

    def test_read(self) -> None:
        """A good file is read before anything else happens, and says nothing."""
        options = Options()
        options.parseOptions(["--config", self.write("version: 0.1\nstorage: {inmemory: {}}\n")])
        self.assertEqual(options.reading.require().storage.driver, "inmemory")
        self.assertEqual(self.stderr.getvalue(), "")

    def test_faults(self) -> None:
        """A bad one ends the process with a line for each fault, each with its key; and no usage text."""
        lines = self.refused("--config", self.write(FAULTY))
        self.assertGreaterEqual(len(lines), 2)
        self.assertTrue(any("storage" in line for line in lines), lines)
        self.assertFalse(any("Usage" in line or "Options" in line for line in lines), lines)

    def test_no_file(self) -> None:
        """So does one that is not there, a directory, and none at all."""
        missing = self.mktemp()
        [line] = self.refused("--config", missing)
        self.assertIn(missing, line)
        directory = self.mktemp()
        os.mkdir(directory)
        self.assertIn(directory, self.refused("--config", directory)[-1])
        self.assertIn("--config", self.refused()[-1])

    def test_environment(self) -> None:
        """The path may come from the environment, and so may settings."""
        os.environ["REGISTRY_CONFIGURATION_PATH"] = self.write("version: 0.1\nstorage: {inmemory: {}}\n")
        os.environ["REGISTRY_HTTP_SECRET"] = "from outside"
        reading = read_configuration(None)
        self.assertEqual(reading.require().http.secret, "from outside")
        given = self.write("version: 0.1\nstorage: {inmemory: {}}\nhttp: {prefix: /given}\n")
        self.assertEqual(read_configuration(given).require().http.prefix, "/given")


class LogSinkTests(SynchronousTestCase):
    """What twistd's log options mean."""

    def sink(self, *arguments: str) -> str:
        """Where the log goes when twistd gets *arguments*."""
        options = ServerOptions()
        # All that comes before the command; twistd has read its own options when it reads the command's.
        usage.Options.parseOptions(options, [*arguments])
        return _log_sink(options).name

    def test_sinks(self) -> None:
        """stderr, unless there is none or twistd is told otherwise."""
        directory = self.mktemp()
        os.mkdir(directory)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(directory)
        self.assertEqual(_log_sink(None).name, "stderr")
        self.assertEqual(self.sink("--nodaemon"), "stderr")
        self.assertEqual(self.sink("--nodaemon", "--logfile=-"), "stderr")
        self.assertEqual(self.sink("--nodaemon", "--logfile=a.log"), "a.log")
        self.assertEqual(self.sink("--logfile=a.log"), "a.log")
        self.assertEqual(self.sink(), "twistd.log")
        self.assertEqual(self.sink("--nodaemon", "--syslog"), "syslog")

    def test_no_file(self) -> None:
        """A file that cannot be opened ends the process, while somebody sees it."""
        stderr = io.StringIO()
        self.patch(sys, "stderr", stderr)
        with self.assertRaises(SystemExit) as raised:
            self.sink(f"--logfile={self.mktemp()}/missing/log")
        self.assertEqual(raised.exception.code, EXIT_CONFIG)
        self.assertIn("/missing/log: No such file or directory", stderr.getvalue())


class MakeServiceTests(SynchronousTestCase):
    """What is done beside building the daemon."""

    def test_memory(self) -> None:
        """The C library's and the collector's rules are made, the latter's when all is loaded."""
        reactor, told = MemoryReactorClock(), []
        self.patch(internet, "reactor", reactor)
        self.patch(tap, "keep_freed_memory", lambda: told.append("kept"))
        self.patch(tap, "_raise_descriptor_limit", lambda: None)
        self.patch(tap, "obey_signals", lambda *_: None)
        options = Options()
        options.path = self.mktemp()
        text = CONFIG.replace("FORMATTER", "text").replace("PORT", "0").replace("ROOT", self.mktemp())
        options.reading = read_config(text, {}, CONFIGURABLE)
        makeService(options)
        self.assertEqual(told, ["kept"])
        self.assertIn((spare_what_is_loaded, (), {}), reactor.whenRunningHooks)


class Daemon:
    """
    A daemon in a process of its own.

    :ivar port: where it listens, once it does.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.port = 0

    def wait(self) -> None:
        """Wait until it listens."""
        self.program.wait_until(lambda: self._find_port() is not None, "listening")

    def _find_port(self) -> int | None:
        match = re.search(r"listening on 127\.0\.0\.1:(\d+)", "\n".join(self.stderr()))
        if match is not None:
            self.port = int(match[1])
        return self.port or None

    def stdout(self) -> list[str]:
        return self.program.stdout.read_text().splitlines()

    def stderr(self) -> list[str]:
        return self.program.stderr.read_text().splitlines()

    def ask(self, path: str, method: str = "GET") -> int:
        """Ask one thing; the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers={"User-Agent": 'a "client"'})
            return connection.getresponse().status
        finally:
            connection.close()


class DaemonTests(SynchronousTestCase):
    """``twistd -n txregistry``, and the same by its own name."""

    def write(self, port: int = 0, formatter: str = "json") -> Path:
        path = Path(self.mktemp())
        text = CONFIG.replace("PORT", str(port)).replace("FORMATTER", formatter)
        path.write_text(text.replace("ROOT", self.mktemp()))
        return path

    def run_daemon(self, *argv: str, environ: Mapping[str, str] | None = None) -> Daemon:
        """Start *argv*, which ends with the test."""
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {"PYTHONPATH": os.pathsep.join(paths), **(environ or {})}
        program = Program("daemon", argv, Path(self.mktemp()), env=env)
        self.addCleanup(program.kill)
        return Daemon(program)

    def twistd(self, config: Path | None, **environ: str) -> Daemon:
        arguments = [] if config is None else ["--config", str(config)]
        twistd = (beside_python("twistd"), "-n", "--pidfile=", "txregistry")
        return self.run_daemon(*twistd, *arguments, environ=environ)

    def terminated(self, daemon: Daemon, number: signal.Signals = signal.SIGTERM) -> int:
        os.kill(daemon.program.pid, number)
        return daemon.program.wait(30)

    def test_lines(self) -> None:
        """stdout has access lines and nothing else, stderr lines of the formatter and nothing else."""
        for formatter in ("json", "text", "logstash"):
            daemon = self.twistd(self.write(formatter=formatter))
            daemon.wait()
            self.assertEqual(
                [daemon.ask(path) for path in ("/v2/", "/v2/a/tags/list", "/x")], [200, 404, 404]
            )
            self.terminated(daemon)
            accessed = daemon.stdout()
            self.assertEqual(len(accessed), 3)
            for line in accessed:
                self.assertRegex(line.replace('\\"', ""), ACCESS_LINE)
            messages = list(self.messages(daemon.stderr(), formatter))
            self.assertIn("response completed", messages)
            self.assertTrue(any(message.startswith("twistd ") for message in messages), messages)

    def messages(self, lines: list[str], formatter: str) -> Iterator[str]:
        """What log *lines* say; all of them are of the form of *formatter*."""
        for line in lines:
            if formatter == "text":
                self.assertRegex(line, TEXT_LINE)
                yield line.partition('msg="')[2].partition('"')[0]
            else:
                fields: dict[str, Any] = json.loads(line)
                self.assertEqual(fields["service"], "a registry")
                yield fields["msg" if formatter == "json" else "message"]

    def test_stops(self) -> None:
        """SIGTERM and SIGINT end it soon, with a connection open, and without a traceback."""
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.twistd(self.write())
            daemon.wait()
            with socket.create_connection(("127.0.0.1", daemon.port)):
                daemon.ask("/v2/")
                self.assertEqual(self.terminated(daemon, number), 0)
            self.assert_calm(daemon)

    def test_stops_in_an_upload(self) -> None:
        """So does SIGTERM while somebody uploads: what came is kept, and nobody calls that an error."""
        config = self.write()
        config.write_text(config.read_text().replace("10s", "100ms"))
        daemon = self.twistd(config)
        daemon.wait()
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
        connection.request("POST", "/v2/a/blobs/uploads/", headers={"Content-Length": "0"})
        response = connection.getresponse()
        response.read()
        address = (response.getheader("Location") or "").partition(str(daemon.port))[2]
        connection.putrequest("PATCH", address)
        connection.putheader("Content-Length", str(1 << 30))
        connection.endheaders()
        connection.send(b"x" * (1 << 20))
        root = re.search("rootdirectory: ([^}]*)}", config.read_text())
        assert root is not None

        def stored() -> int:
            return sum(path.stat().st_size for path in Path(root[1]).rglob("_uploads/*/data"))

        daemon.program.wait_until(lambda: stored() == 1 << 20, "storing")
        self.terminated(daemon)
        connection.close()
        self.assertEqual(stored(), 1 << 20)
        self.assert_calm(daemon, errors=("client disconnected", "requests were still under way"))

    def test_reload(self) -> None:
        """SIGHUP has it take over what it can of a changed configuration, and tell what it cannot."""
        config = self.write()
        daemon = self.twistd(config)
        daemon.wait()
        self.assertEqual(daemon.ask("/v2/a/blobs/uploads/", "POST"), 202)
        readonly = r"\1, maintenance: {readonly: {enabled: true}}"
        changed = re.sub(r"(filesystem: {[^}]*})", readonly, config.read_text())
        config.write_text(changed.replace("level: info", "level: warn").replace("10s", "11s"))
        os.kill(daemon.program.pid, signal.SIGHUP)
        daemon.program.wait_until(lambda: daemon.ask("/v2/a/blobs/uploads/", "POST") == 405, "read-only")
        self.assertEqual(daemon.ask("/v2/"), 200)
        config.write_text("version: 0.1\nstorage: nowhere\n")
        os.kill(daemon.program.pid, signal.SIGHUP)
        daemon.program.wait_until(lambda: "nowhere" in "".join(daemon.stderr()), "complaining")
        self.assertEqual(daemon.ask("/v2/a/blobs/uploads/", "POST"), 405)
        self.terminated(daemon)
        lines = [json.loads(line) for line in daemon.stderr()]
        told = [line["msg"] for line in lines if "restart" in line["msg"]]
        self.assertEqual(told, ["http.draintimeout has changed, which takes effect after a restart"])
        after = [
            line["msg"] for line in lines[lines.index(next(x for x in lines if "restart" in x["msg"])) :]
        ]
        self.assertNotIn("response completed", after)

    def test_reload_with_variables(self) -> None:
        """The variables of its start count at a reload, too."""
        daemon = self.twistd(self.write(), REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED="true")
        daemon.wait()
        self.assertEqual(daemon.ask("/v2/a/blobs/uploads/", "POST"), 405)
        os.kill(daemon.program.pid, signal.SIGHUP)
        daemon.program.wait_until(
            lambda: "the configuration was read again" in "".join(daemon.stderr()), "reading it again"
        )
        self.assertEqual(daemon.ask("/v2/a/blobs/uploads/", "POST"), 405)
        self.terminated(daemon)
        self.assertNotIn("restart", "".join(daemon.stderr()))

    def test_systemd(self) -> None:
        """systemd is told of each step of its life, with the time of a reload."""
        name = f"txregistry-test-{secrets.token_hex(8)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(f"\0{name}")
            systemd.settimeout(30)

            def told() -> str:
                return systemd.recv(4096).decode()

            daemon = self.twistd(self.write(), NOTIFY_SOCKET=f"@{name}")
            self.assertEqual(told(), "READY=1")
            self.assertIsNotNone(daemon._find_port())
            self.assertEqual(daemon.ask("/v2/"), 200)
            before = time.monotonic_ns()
            os.kill(daemon.program.pid, signal.SIGHUP)
            reloading = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", told())
            assert reloading is not None
            self.assertTrue(before // 1000 <= int(reloading[1]) <= time.monotonic_ns() // 1000)
            self.assertEqual(told(), "READY=1")
            self.assertEqual(self.terminated(daemon), 0)
            self.assertEqual(told(), "STOPPING=1")
            systemd.setblocking(False)
            self.assertRaises(BlockingIOError, told)
        self.assert_calm(daemon)

    def test_reload_at_the_stop(self) -> None:
        """SIGHUPs just before and after SIGTERM hold nothing up, and are no failures."""
        daemon = self.twistd(self.write())
        daemon.wait()
        with socket.create_connection(("127.0.0.1", daemon.port)):
            for _ in range(20):
                os.kill(daemon.program.pid, signal.SIGHUP)
            os.kill(daemon.program.pid, signal.SIGTERM)
            for _ in range(20):
                os.kill(daemon.program.pid, signal.SIGHUP)
            self.assertEqual(daemon.program.wait(30), 0)
        self.assert_calm(daemon)

    def assert_calm(self, daemon: Daemon, errors: tuple[str, ...] = ()) -> None:
        for line in daemon.stderr():
            fields = json.loads(line)
            self.assertNotIn("err.stack", fields, line)
            if fields["level"] not in ("info", "warning"):
                self.assertTrue(fields["msg"].startswith(errors) and errors, line)

    def test_in_use(self) -> None:
        """A port that somebody has ends it with one line that says so."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            daemon = self.twistd(self.write(other.getsockname()[1]))
            self.assertNotEqual(daemon.program.wait(30), 0)
        self.assertEqual(daemon.stdout(), [])
        found = [json.loads(line) for line in daemon.stderr()]
        [fatal] = [each["msg"] for each in found if each["level"] == "fatal"]
        self.assertIn("in use", fatal)
        self.assert_calm(daemon, errors=("cannot listen",))

    def test_faults(self) -> None:
        """A bad configuration ends it with its faults alone, whichever way it is started."""
        config = Path(self.mktemp())
        config.write_text(FAULTY)
        outputs = set()
        for daemon in (
            self.twistd(config),
            self.run_daemon(beside_python("twistd"), "--pidfile=", "txregistry", "--config", str(config)),
            self.run_daemon(sys.executable, "-c", _COMMAND, "serve", str(config)),
        ):
            self.assertEqual(daemon.program.wait(30), EXIT_CONFIG)
            self.assertEqual(daemon.stdout(), [])
            outputs.add(tuple(daemon.stderr()))
        [lines] = outputs
        self.assertGreaterEqual(len(lines), 2)
        self.assertFalse(any("Traceback" in line or "Usage" in line for line in lines), lines)

    def test_no_configuration(self) -> None:
        """So does none."""
        daemon = self.twistd(None)
        self.assertEqual(daemon.program.wait(30), EXIT_CONFIG)
        self.assertEqual(len(daemon.stderr()), 1)

    def test_command(self) -> None:
        """``txregistry serve FILE`` serves."""
        daemon = self.run_daemon(sys.executable, "-c", _COMMAND, "serve", str(self.write()))
        daemon.wait()
        self.assertEqual(daemon.ask("/v2/"), 200)
        self.terminated(daemon)
        self.assert_calm(daemon)

    def test_unread(self) -> None:
        """It lives on when nobody reads its access log any more."""
        daemon = self.run_daemon(
            "/bin/sh",
            "-c",
            # The shell becomes the daemon, with its stdout in a pipe whose reader ends at once.
            'exec "$@" > "$0"',
            self.fifo_without_reader(),
            *(beside_python("twistd"), "-n", "--pidfile=", "txregistry", "--config", str(self.write())),
        )
        daemon.wait()
        for _ in range(3):
            self.assertEqual(daemon.ask("/v2/"), 200)
        self.terminated(daemon)
        self.assert_calm(daemon)

    def fifo_without_reader(self) -> str:
        """A FIFO that a thread opens for reading, to let its writer go on, and closes again."""
        path = str(self.mktemp())
        os.mkfifo(path)

        def open_and_close() -> None:
            with open(path, "rb"):
                pass

        thread = threading.Thread(target=open_and_close)
        thread.start()
        self.addCleanup(thread.join)
        return path


_COMMAND = "from txregistry.command import main; main(prog_name='txregistry')"
