"""What the daemon uses at one moment, as the kernel and its own metrics tell."""

import contextlib
import os
import re
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from prometheus_client.parser import text_string_to_metric_families

from bench.usage import parse_fields, parse_ticks

__all__ = [
    "Sample",
    "Survey",
    "by_label",
    "pool_threads",
    "read_memory",
    "read_metrics",
    "storage_size",
    "survey",
    "take",
]

_MIB = 1024 * 1024
_REMEMBERED = (
    "txregistry_manifest_memory_bytes",
    "txregistry_subject_memory_bytes",
    "txregistry_deletion_memory_bytes",
)
_GAUGES = (
    "txregistry_connections",
    "txregistry_uploads_in_progress",
    "txregistry_work_without_client",
    "txregistry_body_bytes_held",
    "txregistry_jobs_unanswered",
    "txregistry_descriptors_remembered",
    *_REMEMBERED,
)
_TIMEOUT = 20.0
_BLOCKS = re.compile(r"^(\d+) blocks of Python's allocator", re.MULTILINE)
_FREE = re.compile(r"^C library: .* (\d+) free", re.MULTILINE)


@frozen
class Sample:
    """
    :ivar at: seconds since the load began; negative before.
    :ivar resident: bytes.
    :ivar cpu: seconds of processor time since its start.
    :ivar gauges: of the daemon's own, by name, summed over their labels.
    """

    at: float
    resident: int
    descriptors: int
    threads: int
    cpu: float
    gauges: Mapping[str, float]
    pooled: int = 0
    """The threads in pools, which stay once they are made."""

    @property
    def mebibytes(self) -> float:
        """MiB resident."""
        return self.resident / _MIB

    @property
    def remembered(self) -> float:
        """Bytes that the daemon says it remembers."""
        return sum(self.gauges.get(name, 0.0) for name in _REMEMBERED)


@frozen
class Survey:
    """
    What takes longer to find out.

    :ivar at: seconds since the load began.
    :ivar storage: bytes that it takes, in so many *files*.
    :ivar blocks: pieces of memory that Python has given out.
    :ivar free: bytes that the C library keeps, and nobody uses.
    """

    at: float
    storage: int
    files: int
    blocks: int
    free: int


def take(pid: int, debug_port: int, begin: float) -> Sample:
    """
    Look at the daemon now.

    :raises OSError: it gives no metrics.
    """
    where = Path("/proc") / str(pid)
    # The kernel first: a look at the metrics takes a connection and a thread.
    fields = parse_fields((where / "status").read_text())
    descriptors = len(os.listdir(where / "fd"))
    cpu = parse_ticks((where / "stat").read_text()) / os.sysconf("SC_CLK_TCK")
    at = time.monotonic() - begin
    metrics = read_metrics(debug_port)
    gauges = {name: sum(by_label(metrics, name).values()) for name in _GAUGES}
    return Sample(
        at=at,
        resident=fields["VmRSS"] * 1024,
        descriptors=descriptors,
        threads=fields["Threads"],
        cpu=cpu,
        gauges=gauges,
        pooled=pool_threads(metrics),
    )


def survey(storage: Path, debug_port: int, at: float) -> Survey:
    """
    Look through the *storage*, and have the daemon look through its memory.

    :raises OSError: it gives no answer.
    """
    return Survey(at, *storage_size(storage), *read_memory(_page(debug_port, "/debug/memory")))


def read_memory(page: str) -> tuple[int, int]:
    """The blocks and the unused bytes that the daemon's *page* about memory tells of."""
    blocks, free = _BLOCKS.search(page), _FREE.search(page)
    return int(blocks[1]) if blocks else 0, int(free[1]) if free else 0


def read_metrics(debug_port: int) -> str:
    """The text of the daemon's metrics."""
    return _page(debug_port, "/metrics")


def _page(debug_port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{debug_port}{path}", timeout=_TIMEOUT) as answer:
        text: bytes = answer.read()
    return text.decode()


def by_label(metrics: str, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The values of the samples called *name*, summed for each combination of *labels*."""
    found: dict[tuple[str, ...], float] = {}
    lines = "\n".join(line for line in metrics.splitlines() if line.startswith(name))
    for family in text_string_to_metric_families(lines + "\n"):
        for sample in family.samples:
            if sample.name == name:
                key = tuple(sample.labels[label] for label in labels)
                found[key] = found.get(key, 0.0) + sample.value
    return found


def pool_threads(metrics: str) -> int:
    """How many threads the pools have."""
    return round(sum(by_label(metrics, "txregistry_threads", "pool").values()))


def storage_size(root: Path) -> tuple[int, int]:
    """The bytes that files below *root* take on the disk, and how many files there are."""
    size = files = 0
    for directory, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                size += os.stat(os.path.join(directory, name)).st_blocks * 512
                files += 1
    return size, files
