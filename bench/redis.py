"""A Redis for the descriptor caches of both programs, and an address where there is none."""

import subprocess
import time
from pathlib import Path
from types import TracebackType

from attrs import define, field

from bench.errors import BenchFailed
from bench.wire import Connection

__all__ = ["NOWHERE", "Redis"]

NOWHERE = "127.0.0.1:1"
"""Where nobody listens."""

_START_LIMIT = 10.0


@define(eq=False)
class Redis:
    """A ``redis-server`` on *port* that stores nothing, as a context at the end of which it does not run."""

    port: int
    directory: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def address(self) -> str:
        """As configuration files name it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> "Redis":
        """
        Start it, and wait until it takes connections.

        :raises BenchFailed: it does not.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        words = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        words += ["--dir", str(self.directory)]
        try:
            self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        except OSError as failed:
            raise BenchFailed(f"redis-server cannot be started: {failed}") from None
        until = time.monotonic() + _START_LIMIT
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until:
                self._end()
                raise BenchFailed(f"redis-server does not listen on port {self.port}")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _listens(self) -> bool:
        try:
            Connection.open(self.port, 1.0).close()
        except (OSError, BenchFailed):
            return False
        return True
