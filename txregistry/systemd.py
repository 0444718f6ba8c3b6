"""
What systemd and the daemon have to do with each other.

The daemon tells how it is (sd_notify(3)), if it is asked by the variables
``NOTIFY_SOCKET`` and ``WATCHDOG_USEC``; and it takes the sockets that systemd
has opened for it (sd_listen_fds(3)), if ``LISTEN_FDS`` says that there are any.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

#: Seconds between two signs of life, at least: however impatient systemd is, there is other work.
_SHORTEST = 0.1

#: The first descriptor that systemd hands over.
_FIRST = 3


def initial_environment() -> dict[str, str]:
    """
    The variables that the process was started with.

    Twisted takes those about sockets out of ``os.environ`` when its endpoints
    are imported, which is before any code of ours.  The kernel keeps them; if
    it does not tell, what is left counts.
    """
    try:
        with open("/proc/self/environ", "rb") as variables:
            content = variables.read()
    except OSError:
        return dict(os.environ)
    pairs = (os.fsdecode(variable).partition("=") for variable in content.split(b"\0"))
    return {name: value for name, _, value in pairs}


def handed_over(environ: Mapping[str, str]) -> tuple[int, ...]:
    """The descriptors of the sockets that systemd has opened for this process."""
    pid, count = environ.get("LISTEN_PID", ""), environ.get("LISTEN_FDS", "")
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit() and len(count) < 5):
        return ()
    return tuple(range(_FIRST, _FIRST + int(count)))


class SystemdNotice(Service):
    """
    Says that the daemon is ready when it is started, the last of all, and then again and again that it lives.

    It lives as long as the reactor turns: one that hangs is restarted, if the
    unit has ``WatchdogSec``.

    :param environ: the variables of the process.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, environ: Mapping[str, str]) -> None:
        self._clock = clock
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._wait = _watchdog_seconds(environ)
        self._loop: LoopingCall | None = None
        self._heard = True

    def startService(self) -> None:
        super().startService()
        self._send("READY=1")
        if self._address and self._wait:
            self._loop = LoopingCall(self._send, "WATCHDOG=1")
            self._loop.clock = self._clock
            self._loop.start(max(_SHORTEST, self._wait / 2))

    def stopService(self) -> None:
        super().stopService()
        if self._loop is not None:
            self._loop.stop()
            self._loop = None
        self._send("STOPPING=1")

    def reloading(self) -> None:
        """The configuration is being read again; :meth:`ready` follows."""
        if self.running:
            self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def ready(self) -> None:
        """It was read.  Nothing is said of that while the daemon stops: it is not ready any more."""
        if self.running:
            self._send("READY=1")

    def _send(self, state: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notice:
                notice.sendto(state.encode("ascii"), address)
        except OSError as error:
            if self._heard:
                self._log.warn(
                    "systemd cannot be told {state}: {why}", state=state.split("=")[0], why=str(error)
                )
            self._heard = False
        else:
            self._heard = True


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    """How long systemd waits for a sign of life; 0 if it does not, or waits for another process."""
    pid, microseconds = environ.get("WATCHDOG_PID", ""), environ.get("WATCHDOG_USEC", "")
    if pid and pid != str(os.getpid()):
        return 0.0
    if not (microseconds.isascii() and microseconds.isdigit() and len(microseconds) < 16):
        return 0.0
    return int(microseconds) / 1_000_000
