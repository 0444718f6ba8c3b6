"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txregistry.interfaces import ICacheMeter
from txregistry.metrics.exposition import Metrics


def families(metrics: Metrics) -> dict[str, Metric]:
    """What *metrics* expose, as Prometheus's library reads it."""
    metrics.read_gauges()
    text, _ = metrics.expose("")
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """The one sample *name* with *labels*."""
    found = [
        sample.value
        for family in families(metrics).values()
        for sample in family.samples
        if (sample.name, sample.labels) == (name, labels)
    ]
    if len(found) != 1:
        raise AssertionError(f"{name} {labels} is there {len(found)} times")
    return found[0]


class MetricsTests(SynchronousTestCase):
    """What is counted, and how it is told."""

    def setUp(self) -> None:
        """Begin with nothing."""
        self.metrics = Metrics()

    def test_request(self) -> None:
        """A request appears in all families of HTTP, with distribution's labels."""
        self.metrics.request_ended("manifest", "GET", 200, 0.03, 500, 3000)
        self.metrics.request_ended("manifest", "BREW", 405, 0.3, 60, 80)
        get = {"handler": "manifest", "method": "get"}
        self.assertEqual(value(self.metrics, "registry_http_requests_total", code="200", **get), 1)
        name = "registry_http_request_duration_seconds"
        self.assertEqual(value(self.metrics, f"{name}_bucket", le="0.025", **get), 0)
        self.assertEqual(value(self.metrics, f"{name}_bucket", le="0.05", **get), 1)
        for which, total in (("request", 560), ("response", 3080)):
            name = f"registry_http_{which}_size_bytes"
            self.assertEqual(value(self.metrics, f"{name}_sum", handler="manifest"), total)
            self.assertEqual(value(self.metrics, f"{name}_count", handler="manifest"), 2)
        self.assertEqual(
            value(
                self.metrics, "registry_http_requests_total", code="405", handler="manifest", method="unknown"
            ),
            1,
        )

    def test_storage(self) -> None:
        """So does what the driver was asked."""
        self.metrics.storage_acted("Stat", "filesystem", 0.004)
        labels = {"action": "Stat", "driver": "filesystem"}
        self.assertEqual(value(self.metrics, "registry_storage_action_seconds_sum", **labels), 0.004)

    def test_cache(self) -> None:
        """The cache is counted for dashboards of both generations."""
        cache = self.metrics.cache
        verifyObject(ICacheMeter, cache)
        cache.hit()
        cache.hit()
        cache.missed()
        cache.failed()
        cache.took("RepoStat", 0.2)
        for kind, count in (("Request", 4), ("Hit", 2), ("Miss", 1)):
            self.assertEqual(value(self.metrics, "registry_storage_cache_total", type=kind), count)
        for name, count in (("requests", 4), ("hits", 2), ("errors", 1)):
            self.assertEqual(value(self.metrics, f"registry_storage_cache_{name}_total"), count)
        name = "registry_storage_cache_redis_seconds_count"
        self.assertEqual(value(self.metrics, name, operation="RepoStat"), 1)

    def test_proxy(self) -> None:
        """What a proxy would count is there from the start, as with distribution."""
        for name in ("requests", "hits", "misses", "pulled_bytes", "pushed_bytes"):
            for kind in ("blob", "manifest"):
                self.assertEqual(value(self.metrics, f"registry_proxy_{name}_total", type=kind), 0)

    def test_ours(self) -> None:
        """What operators of this daemon need is there, under names of its own."""
        self.metrics.refused("credentials")
        self.metrics.purged(3, 1000)
        self.metrics.lagged(0.7)
        self.metrics.paused(2, 0.02)
        self.metrics.scraped(200)
        for name, count, labels in (
            ("txregistry_auth_refusals_total", 1, {"reason": "credentials"}),
            ("txregistry_auth_refusals_total", 0, {"reason": "anonymous"}),
            ("txregistry_uploads_purged_total", 3, {}),
            ("txregistry_uploads_purged_bytes_total", 1000, {}),
            ("txregistry_reactor_lag_seconds_sum", 0.7, {}),
            ("txregistry_gc_pause_seconds_count", 1, {"generation": "2"}),
            ("promhttp_metric_handler_requests_total", 1, {"code": "200"}),
        ):
            self.assertEqual(value(self.metrics, name, **labels), count)

    def test_process(self) -> None:
        """The process tells of itself, under the names that every client library uses."""
        found = families(self.metrics)
        for name in (
            "process_cpu_seconds",
            "process_max_fds",
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_virtual_memory_bytes",
            "process_virtual_memory_max_bytes",
        ):
            self.assertIn(name, found)

    def test_instances(self) -> None:
        """Two daemons in one process count each for itself."""
        self.metrics.refused("anonymous")
        self.assertEqual(value(Metrics(), "txregistry_auth_refusals_total", reason="anonymous"), 0)

    def test_watched(self) -> None:
        """A gauge is read once for each scrape."""
        reads: list[int] = []

        def read() -> dict[tuple[str, ...], float]:
            reads.append(1)
            return {(): len(reads)}

        self.metrics.watch("x", "", read)
        self.assertEqual([value(self.metrics, "x"), value(self.metrics, "x")], [1, 2])

    def test_forms(self) -> None:
        """The classic text has bounds as Go writes them; OpenMetrics has them as it wants them."""
        self.metrics.storage_acted("Stat", "filesystem", 0.1)
        text, kind = self.metrics.expose("text/plain")
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        self.assertIn(b'driver="filesystem",le="1"}', text)
        text, kind = self.metrics.expose("application/openmetrics-text; version=1.0.0, text/plain; q=0.5")
        self.assertTrue(kind.startswith("application/openmetrics-text; version=1.0.0"), kind)
        self.assertIn(b'driver="filesystem",le="1.0"}', text)
        self.assertIn("registry_storage_action_seconds", {f.name for f in read_openmetrics(text.decode())})

    def test_empty_families(self) -> None:
        """A family without a sample is left out, as Go's library does."""
        self.assertNotIn("registry_http_requests", families(self.metrics))
