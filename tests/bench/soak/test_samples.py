"""Tests for :mod:`bench.soak.samples`."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.soak.samples import by_label, pool_threads, read_memory, storage_size
from txregistry.debug.memory import collector_lines, library_lines, process_lines

METRICS = """\
# HELP txregistry_threads Threads.
# TYPE txregistry_threads gauge
txregistry_threads{pool="disk"} 5.0
txregistry_threads{pool="hashing"} 2.0
# HELP txregistry_threads_limit Threads there may be.
# TYPE txregistry_threads_limit gauge
txregistry_threads_limit{pool="disk"} 100.0
# HELP registry_http_requests_total The total number of HTTP requests.
# TYPE registry_http_requests_total counter
registry_http_requests_total{code="200",handler="blob",method="get"} 3.0
registry_http_requests_total{code="200",handler="base",method="get"} 4.0
registry_http_requests_total{code="404",handler="blob",method="get"} 1.0
"""


class MetricsTests(SynchronousTestCase):
    """Figures in Prometheus' text."""

    def test_sums(self) -> None:
        """Values are added for each of the labels that are asked for, and of no other metric."""
        codes = by_label(METRICS, "registry_http_requests_total", "code")
        self.assertEqual({("200",): 7.0, ("404",): 1.0}, codes)
        self.assertEqual({(): 8.0}, by_label(METRICS, "registry_http_requests_total"))
        self.assertEqual({}, by_label(METRICS, "txregistry_nothing"))

    def test_pools(self) -> None:
        """Threads of all pools count, their limits do not."""
        self.assertEqual(7, pool_threads(METRICS))


class MemoryTests(SynchronousTestCase):
    """Figures of the page about memory."""

    def test_page(self) -> None:
        """They are found in what the daemon writes."""
        blocks, free = read_memory("\n".join([*process_lines(), *library_lines(), *collector_lines()]))
        self.assertGreater(blocks, 100_000)
        self.assertGreater(free, 0)
        self.assertEqual((0, 0), read_memory("something else"))


class StorageSizeTests(SynchronousTestCase):
    """What a tree takes."""

    def test_tree(self) -> None:
        """Files are counted wherever they are, and so is what they take on the disk."""
        root = Path(self.mktemp())
        (root / "a" / "b").mkdir(parents=True)
        (root / "a" / "b" / "file").write_bytes(b"x" * 100_000)
        (root / "empty").touch()
        size, files = storage_size(root)
        self.assertEqual(2, files)
        self.assertGreaterEqual(size, 100_000)
        self.assertEqual((0, 0), storage_size(root / "nothing"))
