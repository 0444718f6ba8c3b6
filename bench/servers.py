"""The servers under measurement: configured alike, started on a free port, ended whatever happens."""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path

from attrs import define, field

from bench.errors import BenchFailed
from bench.usage import Usage, forget_peak, usage_of
from bench.variants import OPEN, Variant
from bench.wire import Connection

__all__ = ["OURS", "PEER", "Server", "configuration", "free_port", "need_tools"]

OURS = (
    f"{shlex.quote(str(Path(sys.executable).parent / 'twistd'))} -n --pidfile= txregistry --config {{config}}"
)
"""How this daemon is started; ``txregistry serve`` is the same thing."""

PEER = "docker-registry serve {config}"
"""How Debian's package of distribution 2.8.2 is started."""

_START_LIMIT = 20.0
_STOP_LIMIT = 10.0


def configuration(root: Path, port: int, variant: Variant = OPEN) -> str:
    """The configuration file of either server."""
    tls = f"  tls: {variant.tls}\n" if variant.tls else ""
    # Without a pool docker-registry connects anew for each request.
    pool = "{maxidle: 16, maxactive: 64, idletimeout: 300s}"
    redis = f"redis: {{addr: '{variant.redis}', pool: {pool}}}\n" if variant.redis else ""
    return f"""\
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {root}
  cache:
    blobdescriptor: {"redis" if redis else "inmemory"}
  delete:
    enabled: true
http:
  addr: 127.0.0.1:{port}
  secret: the-same-for-both
{tls}{redis}{variant.auth}"""


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def need_tools(*names: str) -> None:
    """
    See that programs are there.

    :raises BenchFailed: some are not.
    """
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise BenchFailed(f"not installed: {', '.join(missing)} (`make bench` installs what it needs)")


@define(eq=False)
class Server:
    """
    One registry with its own fresh storage under *directory*.

    :ivar command: a shell-like command line in which ``{config}`` stands for the configuration file.
    :ivar shared: use this storage, which is another server's, in place of its own.
    """

    name: str
    command: str
    directory: Path
    variant: Variant = OPEN
    shared: Path | None = None
    port: int = 0
    first_answer: float = 0.0
    """Seconds from the last start to the first answer."""

    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def storage(self) -> Path:
        """The root directory of its storage driver."""
        return self.shared or self.directory / "storage"

    @property
    def encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return bool(self.variant.tls)

    def start(self) -> None:
        """
        Start it, and wait until it answers.

        :raises BenchFailed: it ended, or did not answer in time; its last words are in the message.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.storage.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        config = self.directory / "config.yml"
        config.write_text(configuration(self.storage, self.port, self.variant), encoding="utf-8")
        words = [word.format(config=config) for word in shlex.split(self.command)]
        begin = time.monotonic()
        with self._log.open("wb") as log:
            try:
                self._process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
            except OSError as failed:
                raise BenchFailed(f"{self.name} cannot be started: {failed}") from None
        while not self._answers():
            if self._process.poll() is not None:
                raise BenchFailed(f"{self.name} ended with {self._process.returncode}: {self._last_words()}")
            if time.monotonic() - begin > _START_LIMIT:
                self.stop()
                raise BenchFailed(
                    f"{self.name} did not answer within {_START_LIMIT:.0f} s: {self._last_words()}"
                )
            time.sleep(0.005)
        self.first_answer = time.monotonic() - begin

    def stop(self) -> None:
        """End it and all that it started; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def check_alive(self) -> None:
        """
        See that it still runs.

        :raises BenchFailed: it does not.
        """
        if self._running().poll() is not None:
            raise BenchFailed(f"{self.name} died: {self._last_words()}")

    def usage(self) -> Usage:
        """What it uses now."""
        self.check_alive()
        return usage_of(self._running().pid)

    def forget_peak(self) -> None:
        """Let its peak memory start again from here."""
        self.check_alive()
        forget_peak(self._running().pid)

    def url(self, path: str) -> str:
        """A whole URL for a path that begins with a slash."""
        return f"{'https' if self.encrypted else 'http'}://127.0.0.1:{self.port}{path}"

    def wipe(self, repository: str, keep: Collection[str]) -> None:
        """
        Remove a repository, and every blob whose digest is not in *keep*, behind the server's back.

        The server may remember what it stored, so the repository's name must not be used again.
        """
        tree = self.storage / "docker" / "registry" / "v2"
        shutil.rmtree(tree / "repositories" / repository, ignore_errors=True)
        kept = {digest.partition(":")[2] for digest in keep}
        for blob in (tree / "blobs" / "sha256").glob("*/*"):
            if blob.name not in kept:
                shutil.rmtree(blob)

    def remove(self) -> None:
        """Throw its directory away."""
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BenchFailed(f"{self.name} is not running")
        return self._process

    def _answers(self) -> bool:
        try:
            with Connection.open(self.port, 1.0, self.encrypted) as link:
                return link.request("GET", "/v2/", self.variant.headers).status == 200
        except (OSError, BenchFailed):
            return False

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-600:].strip() or "it said nothing"
