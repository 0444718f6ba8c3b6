"""Tests for what systemd is told."""

from __future__ import annotations

import builtins
import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import NoReturn

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from txregistry.systemd import SystemdNotice, handed_over, initial_environment


class SystemdNoticeTests(SynchronousTestCase):
    """A socket in systemd's place."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.name = f"@txregistry-test-{secrets.token_hex(8)}"
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.addCleanup(self.systemd.close)
        self.systemd.bind("\0" + self.name[1:])

    def told(self) -> list[str]:
        """What came since the last time."""
        found = []
        while True:
            try:
                found.append(self.systemd.recv(4096).decode())
            except BlockingIOError:
                return found

    def fill(self) -> None:
        """Send until nothing more is taken."""
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other,
            contextlib.suppress(BlockingIOError),
        ):
            while True:
                other.sendto(b"x", "\0" + self.name[1:])

    def notice(self, **environ: str) -> SystemdNotice:
        notice = SystemdNotice(self.clock, {"NOTIFY_SOCKET": self.name, **environ})
        notice.startService()
        return notice

    def test_life(self) -> None:
        """Ready at the start, stopping at the stop, and nothing between without a watchdog."""
        notice = self.notice()
        self.assertEqual(self.told(), ["READY=1"])
        self.clock.advance(1000)
        self.assertEqual(self.told(), [])
        notice.stopService()
        self.assertEqual(self.told(), ["STOPPING=1"])

    def test_reload_at_the_stop(self) -> None:
        """A daemon that stops is not ready any more, whatever was under way."""
        notice = self.notice()
        notice.reloading()
        notice.stopService()
        notice.ready()
        notice.reloading()
        self.assertEqual([text.split("=")[0] for text in self.told()], ["READY", "RELOADING", "STOPPING"])

    def test_watchdog(self) -> None:
        """A sign of life comes twice as often as systemd asks for one."""
        notice = self.notice(WATCHDOG_USEC="20000000", WATCHDOG_PID=str(os.getpid()))
        self.assertEqual(self.told(), ["READY=1", "WATCHDOG=1"])
        for _ in range(3):
            self.clock.advance(9.9)
            self.assertEqual(self.told(), [])
            self.clock.advance(0.1)
            self.assertEqual(self.told(), ["WATCHDOG=1"])
        notice.stopService()
        self.assertEqual((self.told(), self.clock.getDelayedCalls()), (["STOPPING=1"], []))

    def test_other_watchdogs(self) -> None:
        """One that waits for another process, or makes no sense, is not answered."""
        environs: tuple[Mapping[str, str], ...] = (
            {"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"},
            {"WATCHDOG_USEC": "often"},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "9" * 400},
            {"WATCHDOG_USEC": "9" * 5000},
        )
        for environ in environs:
            self.notice(**environ)
            self.assertEqual((self.told(), self.clock.getDelayedCalls()), (["READY=1"], []))

    def test_impatient_watchdog(self) -> None:
        """However often systemd wants a sign of life, there are ten in a second."""
        self.notice(WATCHDOG_USEC="1")
        self.assertEqual(self.told(), ["READY=1", "WATCHDOG=1"])
        self.clock.pump([0.01] * 9)
        self.assertEqual(self.told(), [])
        self.clock.advance(0.02)
        self.assertEqual(self.told(), ["WATCHDOG=1"])

    def test_reload(self) -> None:
        """A reload is told with its time, and its end."""
        notice = self.notice()
        self.told()
        before = time.monotonic_ns()
        notice.reloading()
        notice.ready()
        begun, ended = self.told()
        time_of = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", begun)
        assert time_of is not None
        self.assertTrue(before // 1000 <= int(time_of[1]) <= time.monotonic_ns() // 1000)
        self.assertEqual(ended, "READY=1")

    def test_path(self) -> None:
        """The socket may have a path."""
        path = os.path.join("/tmp", f"txregistry-test-{secrets.token_hex(8)}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(path)
            self.addCleanup(os.unlink, path)
            systemd.settimeout(10)
            SystemdNotice(self.clock, {"NOTIFY_SOCKET": path}).startService()
            self.assertEqual(systemd.recv(100), b"READY=1")

    def test_full(self) -> None:
        """A systemd that takes nothing any more is not waited for; the log says so."""
        notice = self.notice()
        self.fill()
        rescue = threading.Timer(5, self.told)  # whoever waits has his way then, and the test fails
        rescue.start()
        with capturedLogs() as events:
            notice.ready()
        rescue.cancel()
        rescue.join()
        self.assertEqual([event["state"] for event in events], ["READY"])

    def test_full_for_long(self) -> None:
        """That nothing can be told is said once, and once more when it could in between."""
        self.notice(WATCHDOG_USEC="20000000")
        for _ in range(2):
            self.fill()
            with capturedLogs() as events:
                self.clock.pump([10] * 5)
            self.assertEqual([event["state"] for event in events], ["WATCHDOG"])
            self.told()
            with capturedLogs() as events:
                self.clock.advance(10)
            self.assertEqual((self.told(), events), (["WATCHDOG=1"], []))

    def test_nobody(self) -> None:
        """Where nobody asks, nobody is told; where nobody listens, the log is, and nothing else happens."""
        with capturedLogs() as events:
            SystemdNotice(self.clock, {}).startService()
            self.assertEqual(events, [])
            SystemdNotice(self.clock, {"NOTIFY_SOCKET": "/nowhere/at/all"}).startService()
        self.assertEqual(len(events), 1)


class HandedOverTests(SynchronousTestCase):
    """Which sockets systemd has opened."""

    def test_sockets(self) -> None:
        """They begin with descriptor 3."""
        for count, expected in (("1", (3,)), ("3", (3, 4, 5)), ("0", ())):
            environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}
            self.assertEqual(handed_over(environ), expected)

    def test_none(self) -> None:
        """Those of another process, and what is no number, are not ours."""
        own = str(os.getpid())
        for environ in (
            {},
            {"LISTEN_FDS": "1"},
            {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
            {"LISTEN_PID": own},
            {"LISTEN_PID": own, "LISTEN_FDS": "one"},
            {"LISTEN_PID": own, "LISTEN_FDS": "-1"},
            {"LISTEN_PID": own, "LISTEN_FDS": "99999999"},
        ):
            self.assertEqual(handed_over(environ), ())


class InitialEnvironmentTests(SynchronousTestCase):
    """What the process was started with."""

    def test_kept(self) -> None:
        """Variables that were taken out since then are still known, and those put in are not."""
        script = (
            "import os; from txregistry.systemd import initial_environment\n"
            "del os.environ['LISTEN_FDS']; os.environ['LATER'] = 'x'\n"
            "said = initial_environment(); print(said['LISTEN_FDS'], said['ODD'], 'LATER' in said)"
        )
        environ = {**os.environ, "LISTEN_FDS": "1", "ODD": "a=b=", "PYTHONPATH": os.pathsep.join(sys.path)}
        said = subprocess.run(
            [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
        )
        self.assertEqual(said.stdout.split(), ["1", "a=b=", "False"])

    def test_untold(self) -> None:
        """Without the kernel's word, what is left counts."""

        def refuse(*arguments: object) -> NoReturn:
            raise PermissionError

        self.patch(builtins, "open", refuse)
        self.assertEqual(initial_environment(), dict(os.environ))
