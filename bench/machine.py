"""Facts about the machine that a reader needs to judge the figures, in general terms."""

import os
import statistics
import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path
from platform import python_version, release

from attrs import frozen

__all__ = ["Machine", "cpu_model", "look", "peer_version"]

_SYNCED = 64 * 1024 * 1024
_SMALL_FILES = 50


@frozen
class Machine:
    """Where the measurement ran."""

    cores: int
    cpu: str
    memory_gib: float
    kernel: str
    sync_megabytes: float
    """MB/s of one file of 64 MiB written and fsynced."""
    sync_milliseconds: float
    """Median time to create, write and fsync a file of 4 KiB."""
    python: str
    twisted: str
    ours: str
    peer: str


def cpu_model(cpuinfo: str) -> str:
    """The processor's name in the text of ``/proc/cpuinfo``."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return "unknown processor"


def peer_version(said: str) -> str:
    """The version at the end of what ``docker-registry --version`` says."""
    words = said.split()
    return words[-1] if words else "unknown"


def look(directory: Path) -> Machine:
    """Gather the facts; the disk is the one that holds *directory*."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=cpu_model(Path("/proc/cpuinfo").read_text()),
        memory_gib=memory / 2**30,
        kernel=release().split("-")[0],
        sync_megabytes=_SYNCED / _time_to_sync(directory, os.urandom(_SYNCED)) / 1e6,
        sync_milliseconds=1000
        * statistics.median(_time_to_sync(directory, bytes(4096)) for _ in range(_SMALL_FILES)),
        python=python_version(),
        twisted=_installed("twisted"),
        ours=_installed("txregistry"),
        peer=_peer(),
    )


def _time_to_sync(directory: Path, data: bytes) -> float:
    begin = time.monotonic()
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        return time.monotonic() - begin


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _peer() -> str:
    try:
        said = subprocess.run(["docker-registry", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not installed"
    return peer_version(said.stdout)
