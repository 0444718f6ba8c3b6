"""Metrics: the same requests to both daemons, and what each tells Prometheus afterwards."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.live.case import LiveTestCase
from tests.live.images import digest_of
from tests.live.processes import free_port, wait_for
from tests.live.registries import Registry, start_docker_registry, start_txregistry
from tests.live.wire import Wire

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
CLASSIC = "text/plain; version=0.0.4; charset=utf-8"

#: Families of docker-registry that a Python program cannot have: they tell of Go's run time.
NOT_HERE = ("go_",)
#: Actions that are counted under another name: ours is that of 3.1, which it has instead of the one of 2.8.
RENAMED = {"URLFor": "RedirectURL"}


@frozen
class Family:
    """What a dashboard knows of a family."""

    type: str
    help: str
    labels: tuple[frozenset[str], ...]


def described(metric: Metric) -> Family:
    """What stays the same of *metric* whatever is counted."""
    labels = sorted({frozenset(sample.labels) for sample in metric.samples}, key=sorted)
    return Family(metric.type, metric.documentation, tuple(labels))


@frozen
class Daemon:
    """A daemon with a debug server."""

    registry: Registry
    debug: Wire

    def metrics(self) -> dict[str, Metric]:
        """What it tells now, by family."""
        answer = self.debug.request("GET", "/metrics")
        if (
            answer.status != 200
            or answer.headers["Content-Type"] != "text/plain; version=0.0.4; charset=utf-8"
        ):
            raise AssertionError(f"no metrics: {answer}")
        return {family.name: family for family in text_string_to_metric_families(answer.body.decode())}

    def values(self, family: str, sample: str = "") -> dict[tuple[tuple[str, str], ...], float]:
        """The values of one kind of sample, by labels."""
        name = sample or family
        found = self.metrics().get(family)
        samples = () if found is None else found.samples
        return {tuple(sorted(s.labels.items())): s.value for s in samples if s.name == name}

    def requests(self) -> dict[tuple[tuple[str, str], ...], float]:
        """How many requests were counted, by labels."""
        return self.values("registry_http_requests", "registry_http_requests_total")


def ask(wire: Wire) -> None:
    """Do a bit of everything, the same to every daemon."""
    wire = wire.showing({"Host": "registry.test", "User-Agent": "curl/1"})
    layer = b"a layer" * 1000
    for content in (CONFIG, layer):
        assert wire.push_blob("a/b", digest_of(content), content).status == 201
    location = wire.start_upload("a/b")
    location = wire.patch(location, b"more").location
    wire.request("GET", location)
    wire.request("DELETE", location)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(CONFIG),
                "size": len(CONFIG),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": digest_of(layer),
                    "size": len(layer),
                }
            ],
        }
    ).encode()
    accept = {"Accept": MANIFEST}
    path = f"/v2/a/b/manifests/{digest_of(manifest)}"
    assert wire.request("PUT", "/v2/a/b/manifests/latest", manifest, {"Content-Type": MANIFEST}).status == 201
    for method in ("GET", "HEAD"):
        for target in ("/v2/a/b/manifests/latest", path, f"/v2/a/b/blobs/{digest_of(layer)}"):
            assert wire.request(method, target, headers=accept).status == 200
        for target in ("/v2/a/b/manifests/none", f"/v2/a/b/blobs/{digest_of(b'none')}"):
            assert wire.request(method, target, headers=accept).status == 404
    for target in ("/v2/", "/v2/_catalog", "/v2/a/b/tags/list", "/v2/none/tags/list"):
        wire.request("GET", target)
    wire.request("PATCH", "/v2/a/b/blobs/uploads/3c0b3a1c-6b8c-4d1f-9e0f-5b0b5b2f3a10", b"abc")
    for target in ("/", "/nothing", "/v2/a/b/tags/list/", "/v2//a/b/tags/list"):
        wire.request("GET", target)
    wire.request("BREW", "/v2/a/b/tags/list")
    wire.request("POST", "/v2/a/b/tags/list")
    assert wire.request("DELETE", path).status == 202


class MetricsTests(LiveTestCase):
    """What both daemons tell Prometheus."""

    def start(self, which: Any) -> Daemon:
        """Start a daemon with metrics."""
        port = free_port()
        settings: Mapping[str, Any] = {
            "http": {"debug": {"addr": f"127.0.0.1:{port}", "prometheus": {"enabled": True}}}
        }
        registry = which(self.directory() / "storage", self.directory(), settings=settings)
        self.addCleanup(registry.program.terminate)
        return Daemon(registry, Wire("127.0.0.1", port))

    def setUp(self) -> None:
        """Start both daemons."""
        self.ours, self.theirs = self.start(start_txregistry), self.start(start_docker_registry)

    def ask_both(self) -> None:
        """Ask both the same, and wait until they have counted all of it."""
        for daemon in (self.ours, self.theirs):
            ask(daemon.registry.wire)
        wait_for(
            lambda: sum(self.ours.requests().values()) == sum(self.theirs.requests().values()),
            "that both have counted the same number of requests",
            5,
        )

    def assert_has_theirs(self) -> None:
        """Whatever docker-registry tells, we tell with the same name, type, help and labels."""
        ours = {name: described(metric) for name, metric in self.ours.metrics().items()}
        theirs = {
            name: described(metric)
            for name, metric in self.theirs.metrics().items()
            if not name.startswith(NOT_HERE)
        }
        self.assertGreater(len(theirs), 5)
        self.assertEqual({name: ours.get(name) for name in theirs}, theirs)

    def test_at_start(self) -> None:
        """Before any request, names and kinds of routes are the same; we have a route more."""
        self.assert_has_theirs()
        ours, theirs = (
            daemon.values("registry_http_in_flight_requests") for daemon in (self.ours, self.theirs)
        )
        self.assertEqual(ours, {**theirs, (("handler", "referrers"),): 0})

    def test_names(self) -> None:
        """After the same requests, names, types, help texts and labels are the same."""
        self.ask_both()
        self.assert_has_theirs()

    def test_requests(self) -> None:
        """The same requests are counted, with the same status, kind of route and method."""
        self.ask_both()
        self.assertEqual(self.ours.requests(), self.theirs.requests())

    def test_http_histograms(self) -> None:
        """Durations and sizes have the same buckets and labels, as texts, and the same number of requests."""
        self.ask_both()
        for family in ("request_duration_seconds", "request_size_bytes", "response_size_bytes"):
            name = f"registry_http_{family}"
            ours, theirs = (daemon.values(name, f"{name}_bucket") for daemon in (self.ours, self.theirs))
            self.assertGreater(len(theirs), 50)
            self.assertEqual(sorted(ours), sorted(theirs))
            ours, theirs = (daemon.values(name, f"{name}_count") for daemon in (self.ours, self.theirs))
            self.assertEqual(ours, theirs)

    def test_request_sizes(self) -> None:
        """Requests have the same sizes, but for those that repeat a token of the daemon's."""
        self.ask_both()
        name = "registry_http_request_size_bytes"
        ours, theirs = (daemon.values(name, f"{name}_sum") for daemon in (self.ours, self.theirs))
        handlers = ("base", "blob", "blob_upload", "catalog", "manifest", "tags")
        for handler in handlers:
            labels = (("handler", handler),)
            self.assertEqual(ours[labels], theirs[labels], handler)

    def test_storage_actions(self) -> None:
        """Storage actions have the same buckets, and their names are distribution's."""
        self.ask_both()
        name = "registry_storage_action_seconds"
        ours, theirs = (self.buckets(daemon, name) for daemon in (self.ours, self.theirs))
        known = {RENAMED.get(action, action) for action in theirs} | {"Move"}
        self.assertLessEqual(set(ours), known)
        self.assertGreaterEqual(set(ours), {"GetContent", "PutContent", "Stat", "Delete", "List"})
        for action, buckets in ours.items():
            if action in theirs:
                self.assertEqual(buckets, theirs[action])

    def buckets(self, daemon: Daemon, name: str) -> dict[str, list[str]]:
        """The bounds by action; the driver is always the same."""
        found: dict[str, list[str]] = {}
        for labels in daemon.values(name, f"{name}_bucket"):
            facts = dict(labels)
            self.assertEqual(facts["driver"], "filesystem")
            found.setdefault(facts["action"], []).append(facts["le"])
        return {action: sorted(bounds) for action, bounds in found.items()}

    def test_generations(self) -> None:
        """What only 3.1 tells is there too, for its dashboards."""
        metrics = self.ours.metrics()
        for name in ("cache_requests", "cache_hits", "cache_errors"):
            self.assertIn(f"registry_storage_{name}", metrics)
        for name in ("requests", "hits", "misses", "pulled_bytes", "pushed_bytes"):
            labels = [sample.labels for sample in metrics[f"registry_proxy_{name}"].samples]
            self.assertEqual(labels, [{"type": "blob"}, {"type": "manifest"}])

    def test_openmetrics(self) -> None:
        """The form that newer servers ask for is valid, too."""
        ask(self.ours.registry.wire)
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = self.ours.debug.request("GET", "/metrics", headers=accept)
        names = {family.name for family in read_openmetrics(answer.body.decode())}
        self.assertIn("registry_http_request_duration_seconds", names)

    def test_health_and_variables(self) -> None:
        """The other pages that both have say the same, as far as they speak of the registry."""
        ours, theirs = (daemon.debug.request("GET", "/debug/health") for daemon in (self.ours, self.theirs))
        self.assertEqual((ours.status, ours.body), (theirs.status, theirs.body))
        for name in ("Content-Type", "Content-Length"):
            self.assertEqual(ours.headers[name], theirs.headers[name])
        ours, theirs = (daemon.debug.request("GET", "/debug/vars") for daemon in (self.ours, self.theirs))
        self.assertEqual(ours.headers["Content-Type"], theirs.headers["Content-Type"])
        mine, other = json.loads(ours.body), json.loads(theirs.body)
        self.assertEqual((list(mine), mine["registry"]), (list(other), other["registry"]))
        self.assertLessEqual(set(mine["memstats"]), set(other["memstats"]))
