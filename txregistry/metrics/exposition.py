"""
What is counted, under which names, and how it is written for Prometheus.

``registry_…`` is distribution's: names, labels, help texts and buckets are
those that its dashboards know, of version 2.8 and of 3.1 together where they
differ.  ``txregistry_…`` is what operators of this daemon need beside it.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence

from attrs import define
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from zope.interface import implementer

from txregistry.interfaces import ICacheMeter
from txregistry.metrics.instruments import Bound, Counter, Gauge, Histogram, Labels, Reading, go_number

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
SIZES = tuple(1024 * 2**power for power in range(22))
ACTION_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
PAUSE_SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)

#: HTTP methods that have a label of their own.
METHODS = frozenset(
    ("GET", "PUT", "HEAD", "POST", "DELETE", "CONNECT", "OPTIONS", "NOTIFY", "TRACE", "PATCH")
)
#: Why somebody was not let in; see :meth:`Metrics.refused`.
REFUSALS = ("anonymous", "credentials", "attempts", "undecided")

_OPENMETRICS = "application/openmetrics-text"
_KINDS = (("blob",), ("manifest",))


@implementer(ICacheMeter)
@define(eq=False)
class CacheMeter:
    """
    Counts what becomes of questions to the descriptor cache.

    :param by_type: what version 2.8 has, and *requests*, *hits* and *errors* are what 3.1 has instead.
    """

    _by_type: Counter
    _requests: Counter
    _hits: Counter
    _errors: Counter
    _redis: Histogram

    def hit(self) -> None:
        self._asked()
        self._by_type.add(("Hit",))
        self._hits.add()

    def missed(self) -> None:
        self._asked()
        self._by_type.add(("Miss",))

    def failed(self) -> None:
        self._asked()
        self._errors.add()

    def took(self, operation: str, seconds: float) -> None:
        self._redis.observe((operation,), seconds)

    def _asked(self) -> None:
        self._by_type.add(("Request",))
        self._requests.add()


class Metrics(Collector):
    """
    Everything that is counted and timed in one daemon.

    Observing is for the reactor's thread, unless something else is said.

    :ivar cache: counts for the descriptor cache.
    :ivar scraping: how many scrapes are being served.
    :ivar registry: what is exposed beside ours; a plug-in may register collectors of its own.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for kind in (ProcessCollector, PlatformCollector, GCCollector):
            kind(registry=self.registry)
        self.registry.register(_MemoryLimit())
        self.scraping = 0
        self._gauges: list[Gauge] = []
        self._instruments: list[Counter | Histogram | Gauge] = []
        self._make_http()
        self.cache = self._make_cache()
        self._make_storage()
        self._make_proxy()
        self._make_ours()

    def _make_http(self) -> None:
        self._requests = self._counter(
            "registry_http_requests_total",
            "Total number of HTTP requests made.",
            ("code", "handler", "method"),
        )
        self._seconds = self._histogram(
            "registry_http_request_duration_seconds",
            "The HTTP request latencies in seconds.",
            REQUEST_SECONDS,
            ("handler", "method"),
        )
        self._request_sizes = self._histogram(
            "registry_http_request_size_bytes", "The HTTP request sizes in bytes.", SIZES, ("handler",)
        )
        self._response_sizes = self._histogram(
            "registry_http_response_size_bytes", "The HTTP response sizes in bytes.", SIZES, ("handler",)
        )
        self._scrapes = self._counter(
            "promhttp_metric_handler_requests_total",
            "Total number of scrapes by HTTP status code.",
            ("code",),
            (("200",), ("500",), ("503",)),
        )
        self.watch(
            "promhttp_metric_handler_requests_in_flight",
            "Current number of scrapes being served.",
            lambda: {(): self.scraping},
        )

    def _make_storage(self) -> None:
        self._actions = self._histogram(
            "registry_storage_action_seconds",
            "The number of seconds that the storage action takes",
            ACTION_SECONDS,
            ("action", "driver"),
        )

    def _make_cache(self) -> CacheMeter:
        received = "The number of cache request received"
        return CacheMeter(
            self._counter(
                "registry_storage_cache_total", received, ("type",), (("Request",), ("Hit",), ("Miss",))
            ),
            self._counter("registry_storage_cache_requests_total", received),
            self._counter("registry_storage_cache_hits_total", received),
            self._counter("registry_storage_cache_errors_total", "The number of cache request errors"),
            self._histogram(
                "registry_storage_cache_redis_seconds",
                "Number of seconds taken by redis",
                ACTION_SECONDS,
                ("operation",),
            ),
        )

    def _make_proxy(self) -> None:
        for name, help in (
            ("requests", "The number of total incoming proxy request received"),
            ("hits", "The number of total proxy request hits"),
            ("misses", "The number of total proxy request misses"),
            ("pulled_bytes", "The size of total bytes pulled from the upstream"),
            ("pushed_bytes", "The size of total bytes pushed to the client"),
        ):
            self._counter(f"registry_proxy_{name}_total", help, ("type",), _KINDS)

    def _make_ours(self) -> None:
        self._lag = self._histogram(
            "txregistry_reactor_lag_seconds",
            "How much later than asked for the reactor called, measured twice a second.",
            LAG_SECONDS,
        )
        self._pauses = self._histogram(
            "txregistry_gc_pause_seconds",
            "How long a garbage collection held everything up.",
            PAUSE_SECONDS,
            ("generation",),
        )
        self._refusals = self._counter(
            "txregistry_auth_refusals_total",
            "Requests that were not let in: without credentials, with wrong ones or too few rights, "
            "with too many attempts waiting, or because nobody could tell.",
            ("reason",),
            [(reason,) for reason in REFUSALS],
        )
        self._purged = self._counter(
            "txregistry_uploads_purged_total", "Upload sessions that were removed because nobody went on."
        )
        self._purged_bytes = self._counter(
            "txregistry_uploads_purged_bytes_total", "Bytes of the upload sessions that were removed so."
        )

    def _counter(
        self, name: str, help: str, labels: Sequence[str] = (), known: Sequence[Labels] | None = None
    ) -> Counter:
        counter = Counter(name, help, labels, known)
        self._instruments.append(counter)
        return counter

    def _histogram(
        self, name: str, help: str, bounds: Sequence[float], labels: Sequence[str] = ()
    ) -> Histogram:
        histogram = Histogram(name, help, bounds, labels)
        self._instruments.append(histogram)
        return histogram

    def watch(
        self, name: str, help: str, reading: Reading, labels: Sequence[str] = (), *, counting: bool = False
    ) -> None:
        """Expose what *reading* gives; it is called in the reactor's thread, once for each scrape."""
        gauge = Gauge(name, help, reading, labels, counting=counting)
        self._gauges.append(gauge)
        self._instruments.append(gauge)

    # --- observing ---

    def request_ended(
        self, handler: str, method: str, status: int, seconds: float, received: int, sent: int
    ) -> None:
        """
        A request of a route was answered, or its client left.

        :param received: the size of the request, and *sent* that of the answer's body, in bytes.
        """
        method = method.lower() if method in METHODS else "unknown"
        self._requests.add((str(status), handler, method))
        self._seconds.observe((handler, method), seconds)
        self._request_sizes.observe((handler,), received)
        self._response_sizes.observe((handler,), sent)

    def storage_acted(self, action: str, driver: str, seconds: float) -> None:
        """The storage driver was asked for *action*, and has done with it."""
        self._actions.observe((action, driver), seconds)

    def refused(self, reason: str) -> None:
        """Somebody was not let in, for one of :data:`REFUSALS`."""
        self._refusals.add((reason,))

    def purged(self, sessions: int, size: int) -> None:
        """So many upload sessions were removed, with so many bytes in them."""
        self._purged.add(amount=sessions)
        self._purged_bytes.add(amount=size)

    def lagged(self, seconds: float) -> None:
        """The reactor was so late."""
        self._lag.observe((), seconds)

    def paused(self, generation: int, seconds: float) -> None:
        """Garbage of *generation* was collected.  Any thread may say so."""
        self._pauses.observe((str(generation),), seconds)

    def scraped(self, status: int) -> None:
        """Somebody was told all this, or not, with *status*."""
        self._scrapes.add((str(status),))

    # --- exposing ---

    def read_gauges(self) -> None:
        """Read what is watched; in the reactor's thread, before :meth:`expose`."""
        for gauge in self._gauges:
            gauge.read()

    def expose(self, accept: str) -> tuple[bytes, str]:
        """
        Everything as text, in the form that a client's ``Accept`` asks for, and its content type.

        This takes some milliseconds: call it in a thread, one at a time.
        """
        encode, content_type = choose_encoder(accept)
        # OpenMetrics wants each number written in one way, which is not the one that Go has always used.
        bound: Bound = floatToGoString if content_type.startswith(_OPENMETRICS) else go_number
        text: bytes = encode(_Exposition(self, bound))
        return text, content_type

    def families(self, bound: Bound) -> Iterator[Metric]:
        """Every family that has something to tell: ours, and those of :attr:`registry`."""
        for instrument in self._instruments:
            family = instrument.collect(bound)
            if family.samples:
                yield family
        yield from self.registry.collect()

    def collect(self) -> Iterator[Metric]:
        """Every family, for whatever else takes a collector."""
        return self.families(go_number)


class _Exposition(Collector):
    """One way to write the bounds of buckets."""

    def __init__(self, metrics: Metrics, bound: Callable[[float], str]) -> None:
        self._metrics, self._bound = metrics, bound

    def collect(self) -> Iterator[Metric]:
        return self._metrics.families(self._bound)


class _MemoryLimit(Collector):
    """The one figure of Go's process collector that Python's lacks."""

    def collect(self) -> Iterator[Metric]:
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        yield GaugeMetricFamily(
            "process_virtual_memory_max_bytes",
            "Maximum amount of virtual memory available in bytes.",
            value=2.0**64 if limit == resource.RLIM_INFINITY else limit,
        )
