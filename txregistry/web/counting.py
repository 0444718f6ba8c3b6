"""What metrics hear of requests: of each one when it ends, and of those that run when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from twisted.internet.interfaces import IReactorTime

from txregistry.metrics.exposition import Metrics
from txregistry.metrics.instruments import Labels
from txregistry.web.request import RegistryRequest
from txregistry.web.shield import left_alone
from txregistry.web.site import RegistrySite

#: The kinds of routes: distribution's, and one of ours.
HANDLERS = (
    "base",
    "blob",
    "blob_upload",
    "blob_upload_chunk",
    "catalog",
    "manifest",
    "referrers",
    "tags",
)
_UPLOADING = frozenset((b"PATCH", b"POST", b"PUT"))


def request_size(request: RegistryRequest) -> int:
    """
    The bytes of *request*, counted as distribution counts them: without what separates its parts.

    Of a body, what has come counts; distribution takes what was announced, and so does not see chunked ones.
    """
    size = len(request.method) + len(request.uri) + len(request.clientproto) + request.body.received
    for name, values in request.requestHeaders.getAllRawHeaders():
        if name == b"Host":
            size -= len(name)
        elif name == b"Transfer-Encoding":
            continue
        for value in values:
            size += len(name) + len(value)
    return size


def running(site: RegistrySite) -> Iterator[RegistryRequest]:
    """The requests of *site* that have begun, and whose clients are there and wait."""
    for channel in site.connections:
        for request in channel.requests:
            if request.begun and not request.gone:
                yield request


class RequestCounts:
    """
    Tells *metrics* of requests.

    Called with a request that has ended, and the status that its client was,
    or would have been, told.
    """

    def __init__(self, metrics: Metrics, clock: IReactorTime) -> None:
        self._metrics, self._clock = metrics, clock
        self._received = self._sent = 0

    def __call__(self, request: RegistryRequest, status: int) -> None:
        sent = request.sentLength
        self._received += request.body.received
        self._sent += sent
        if request.handler:
            self._metrics.request_ended(
                request.handler,
                request.method.decode("latin-1"),
                status,
                self._clock.seconds() - request.started,
                request_size(request),
                sent,
            )

    def attend(self, site: RegistrySite) -> None:
        """Hear of the requests of *site* that end, and have *metrics* look at those that run."""
        site.tell(self)
        metrics = self._metrics
        metrics.watch(
            "registry_http_in_flight_requests",
            "The in-flight HTTP requests",
            lambda: _in_flight(site),
            ("handler",),
        )
        metrics.watch(
            "txregistry_connections",
            "Open connections, with a request under way or idle.",
            lambda: _connections(site),
            ("state",),
        )
        metrics.watch(
            "txregistry_uploads_in_progress",
            "Requests that bring bytes of a blob.",
            lambda: {(): sum(map(_uploads, _served(site)))},
        )
        metrics.watch(
            "txregistry_work_without_client",
            "Work of requests that goes on although their clients have left.",
            lambda: {(): sum(map(_without_client, site.serving))},
        )
        metrics.watch(
            "txregistry_body_bytes_held",
            "Bytes of request bodies in memory that no route has taken yet.",
            lambda: {(): site.budget.held},
        )
        metrics.watch(
            "txregistry_received_bytes_total",
            "Bytes of request bodies that have come, those of running requests included.",
            lambda: {(): self._received + sum(request.body.received for request in running(site))},
            counting=True,
        )
        metrics.watch(
            "txregistry_sent_bytes_total",
            "Bytes of answers' bodies that were sent, those of running requests included.",
            lambda: {(): self._sent + sum(request.sentLength for request in running(site))},
            counting=True,
        )


def _served(site: RegistrySite) -> Iterator[RegistryRequest]:
    return (work for work in site.serving if isinstance(work, RegistryRequest))


def _without_client(work: object) -> bool:
    return work.gone if isinstance(work, RegistryRequest) else left_alone(work)


def _uploads(request: RegistryRequest) -> bool:
    return request.handler in ("blob_upload", "blob_upload_chunk") and request.method in _UPLOADING


def _in_flight(site: RegistrySite) -> Mapping[Labels, float]:
    counts: dict[Labels, float] = {(handler,): 0 for handler in HANDLERS}
    for request in _served(site):
        labels = (request.handler,)
        counts[labels] = counts.get(labels, 0) + 1
    return counts


def _connections(site: RegistrySite) -> Mapping[Labels, float]:
    idle = sum(1 for channel in site.connections if channel.idle)
    return {("busy",): len(site.connections) - idle, ("idle",): idle}
