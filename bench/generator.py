"""Runs :mod:`bench.load` in a process of its own and reads its result."""

import json
import subprocess
import sys

from attrs import define, field

from bench.errors import BenchFailed
from bench.outcome import Outcome

__all__ = ["Generator", "generate"]


@define(eq=False)
class Generator:
    """A load that runs beside the caller; use it as a context, at the end of which it runs no more."""

    kind: str
    port: int
    repository: str
    options: dict[str, object]
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def __enter__(self) -> "Generator":
        command = [sys.executable, "-m", "bench.load", self.kind, str(self.port), self.repository]
        for name, value in self.options.items():
            command += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def wait_ready(self) -> None:
        """
        Wait until it has prepared everything and begins.

        :raises BenchFailed: it failed before that.
        """
        process = self._started()
        if process.stdout is None or process.stdout.readline() != "ready\n":
            self._fail()

    def running(self) -> bool:
        """Whether it is still at work."""
        return self._started().poll() is None

    def outcome(self) -> Outcome:
        """
        Wait for its end.

        :raises BenchFailed: it failed.
        """
        process = self._started()
        assert process.stdout is not None
        said = process.stdout.read()
        if process.wait():
            self._fail()
        return Outcome(**json.loads(said.splitlines()[-1]))

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise BenchFailed(f"the {self.kind} load was not started")
        return self._process

    def _fail(self) -> None:
        _, complaint = self._started().communicate()
        raise BenchFailed(f"the {self.kind} load failed: {complaint.strip()[-600:]}")


def generate(kind: str, port: int, repository: str, **options: object) -> Outcome:
    """
    Run a load to its end.

    :raises BenchFailed: it failed.
    """
    with Generator(kind, port, repository, options) as generator:
        generator.wait_ready()
        return generator.outcome()
