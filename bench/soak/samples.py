"""What the daemon uses at one moment, as the kernel and its own metrics tell."""

import contextlib
import os
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from prometheus_client.parser import text_string_to_metric_families

from bench.usage import parse_fields, parse_ticks

__all__ = ["Sample", "by_label", "pool_threads", "read_metrics", "storage_size", "take"]

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
    def unexplained(self) -> float:
        """MiB resident, less what the daemon says that it remembers: that has limits of its own."""
        return (self.resident - self.remembered) / _MIB

    @property
    def remembered(self) -> float:
        """Bytes that the daemon says it remembers."""
        return sum(self.gauges.get(name, 0.0) for name in _REMEMBERED)


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


def read_metrics(debug_port: int) -> str:
    """The text of the daemon's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{debug_port}/metrics", timeout=_TIMEOUT) as answer:
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
