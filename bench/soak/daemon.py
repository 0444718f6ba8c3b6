"""The daemon under soak, with all that it can do switched on."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import bcrypt

from bench.errors import BenchFailed
from bench.servers import free_port
from bench.variants import basic
from bench.wire import Connection

__all__ = ["Daemon", "configuration"]

_USER = "soak"
_PASSWORD = "a password for half an hour"
_COST = 6
_START_LIMIT = 20.0
_STOP_LIMIT = 90.0
HEALTH_INTERVAL = 1
"""Seconds."""


class Daemon:
    """
    :param command: a shell-like command line in which ``{config}`` stands for the configuration file.
    :param tls: the section ``http.tls`` as JSON, or nothing.
    :param redis: its address.
    """

    def __init__(self, command: str, directory: Path, tls: str, redis: str) -> None:
        self._command, self._directory, self._tls, self._redis = command, directory, tls, redis
        self.storage = directory / "storage"
        self.log = directory / "daemon.log"
        self.port, self.debug_port = free_port(), free_port()
        self.encrypted = bool(tls)
        self.authorization = basic(_USER, _PASSWORD)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process.  :raises BenchFailed: it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise BenchFailed(f"the daemon died: {self.last_words()}")
        return self._process.pid

    def start(self) -> None:
        """
        Start it, and wait until it answers.

        :raises BenchFailed: it does not.
        """
        self.storage.mkdir(parents=True)
        self.renew_passwords()
        config = self._directory / "config.json"
        text = configuration(self._directory, self.port, self.debug_port, self._tls, self._redis)
        config.write_text(text, encoding="utf-8")
        words = [word.format(config=config) for word in shlex.split(self._command)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                words, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
            )
        until = time.monotonic() + _START_LIMIT
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                raise BenchFailed(f"the daemon did not start: {self.last_words()}")
            time.sleep(0.02)

    def stop(self) -> int | None:
        """End it by SIGTERM; the exit code, or ``None`` if it did not run, or had to be killed."""
        process, self._process = self._process, None
        if process is None:
            return None
        code: int | None = None
        try:
            process.terminate()
            code = process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return code

    def renew_passwords(self) -> None:
        """Write the same user with another hash of the same password, which nobody has computed yet."""
        hashed = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(_COST)).decode()
        fresh = self._directory / "htpasswd.new"
        fresh.write_text(f"{_USER}:{hashed}\n", encoding="ascii")
        fresh.replace(self._directory / "htpasswd")

    def hang_up(self) -> None:
        """Send it SIGHUP."""
        os.kill(self.pid, signal.SIGHUP)

    @property
    def sick(self) -> Path:
        """While this file exists a health check fails."""
        return self._directory / "sick"

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-1000:] if self.log.exists() else "it said nothing"

    def _answers(self) -> bool:
        try:
            with Connection.open(self.port, 1.0, self.encrypted) as link:
                return link.request("GET", "/v2/", {"Authorization": self.authorization}).status == 200
        except (OSError, BenchFailed):
            return False


def configuration(directory: Path, port: int, debug_port: int, tls: str, redis: str) -> str:
    """Everything on, as JSON, which is YAML too."""
    said: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "info", "formatter": "json", "fields": {"service": "soak"}},
        "storage": {
            "filesystem": {"rootdirectory": str(directory / "storage")},
            "delete": {"enabled": True},
            "cache": {"blobdescriptor": "redis"},
            "maintenance": {"uploadpurging": {"enabled": True, "age": "20s", "interval": "10s"}},
        },
        "auth": {"htpasswd": {"realm": "soak", "path": str(directory / "htpasswd")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "secret": "known-to-all-instances",
            "draintimeout": "10s",
            "debug": {"addr": f"127.0.0.1:{debug_port}", "prometheus": {"enabled": True}},
            **({"tls": json.loads(tls)} if tls else {}),
        },
        "redis": {"addr": redis},
        "health": {
            "storagedriver": {"enabled": True, "interval": "5s", "threshold": 3},
            "file": [{"file": str(directory / "sick"), "interval": f"{HEALTH_INTERVAL}s"}],
            "tcp": [{"addr": f"127.0.0.1:{port}", "interval": "5s", "timeout": "5s", "threshold": 3}],
        },
    }
    return json.dumps(said, indent=2)
