"""Small requests, as many as the server bears: the ``wrk`` program and what it says."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from bench.errors import BenchFailed

__all__ = ["Figures", "parse_figures", "run_wrk"]

_SCRIPT = Path(__file__).with_name("wrk.lua")
_MARK = "FIGURES "
_FAULTS = ("connect", "read", "write", "status", "timeout")


@frozen
class Figures:
    """What one run of ``wrk`` measured."""

    requests: int
    size: int
    seconds: float
    p99: float
    """Seconds within which 99 of 100 answers were complete."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def megabytes(self) -> float:
        """Megabytes (10^6 bytes) a second, headers included."""
        return self.size / self.seconds / 1e6


def parse_figures(output: str) -> Figures:
    """
    Read what the script prints at the end of a run.

    :raises BenchFailed: a request failed or got an error status, none was answered, or the line is missing.
    """
    for line in output.splitlines():
        if line.startswith(_MARK):
            said: dict[str, int] = json.loads(line.removeprefix(_MARK))
            break
    else:
        raise BenchFailed(f"wrk gave no figures: {output[-300:]!r}")
    faults = {kind: said[kind] for kind in _FAULTS if said[kind]}
    if faults:
        raise BenchFailed(f"wrk counted faults among {said['requests']} requests: {faults}")
    if not said["requests"]:
        raise BenchFailed("wrk got no answer at all")
    return Figures(said["requests"], said["bytes"], said["microseconds"] / 1e6, said["p99"] / 1e6)


def run_wrk(
    url: str,
    connections: int,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    smallest: int = 0,
) -> Figures:
    """
    GET *url* over *connections* as fast as the answers come, for *seconds* (whole ones, at least one).

    :param smallest: the bytes that an answer must have at the least: a redirect is no success.
    :raises BenchFailed: see :func:`parse_figures`; or the answers were too short.
    """
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    command += ["--timeout", "30s", "-s", str(_SCRIPT), url, "--"]
    for name, value in (headers or {}).items():
        command += [name, value]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchFailed(f"wrk ended with {ended.returncode}: {(ended.stderr or ended.stdout)[-300:]!r}")
    figures = parse_figures(ended.stdout)
    if figures.size < figures.requests * smallest:
        raise BenchFailed(
            f"{url}: answers of {figures.size / figures.requests:.0f} bytes, expected {smallest}"
        )
    return figures
