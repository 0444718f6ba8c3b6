"""The line that the log gets of each refusal: never that of a request that went well."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.web.registry import JSON, OCTETS, Registry, image
from tests.web.wire import request_bytes
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.health.state import Health
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.storage.namespace import Rules
from txregistry.web.completion import CompletionLog

CONTENT = b"a layer"
DIGEST = Digest.of(CONTENT)
UNKNOWN = Digest.of(b"nothing of the kind")
IMAGE = ("Content-Type", OCI_MANIFEST)
DOCKER = ("Accept", "application/vnd.docker.distribution.manifest.v2+json")


@frozen
class Refusal:
    """
    What is asked, and what the client and the log are told.

    :ivar path: ``UPLOAD`` in it is an upload session without its state, ``STATE`` one with it.
    """

    method: str
    path: str
    status: int
    code: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


#: What distribution writes an error about, or would, if it refused it.
ERRORS = (
    Refusal("GET", f"/v2/a/blobs/{UNKNOWN}", 404, "blob unknown"),
    Refusal("HEAD", f"/v2/a/blobs/{UNKNOWN}", 404, "blob unknown"),
    Refusal("DELETE", f"/v2/a/blobs/{UNKNOWN}", 404, "blob unknown"),
    Refusal("GET", "/v2/a/manifests/none", 404, "manifest unknown"),
    Refusal("DELETE", f"/v2/a/manifests/{UNKNOWN}", 404, "manifest unknown"),
    Refusal("GET", "/v2/a/manifests/latest", 404, "manifest unknown", (DOCKER,)),
    Refusal("PUT", "/v2/a/manifests/v1", 400, "manifest invalid", (IMAGE,), b"{}"),
    Refusal("PUT", f"/v2/a/manifests/{UNKNOWN}", 400, "digest invalid", (IMAGE,), image((DIGEST, 7))),
    Refusal("PUT", "/v2/a/manifests/v1", 413, "size invalid", (IMAGE,), b" " * 65537),
    Refusal(
        "PUT",
        f"/v2/a/manifests/{DIGEST}?" + "&".join(f"tag=t{number}" for number in range(65)),
        414,
        "tag invalid",
        (IMAGE,),
        b"{}",
    ),
    Refusal("PUT", f"/v2/a/manifests/{DIGEST}?tag=-x", 400, "tag invalid", (IMAGE,), b"{}"),
    Refusal("GET", "/v2/_catalog?n=x", 400, "pagination number invalid"),
    Refusal("GET", "/v2/_catalog?n=99999", 400, "pagination number invalid"),
    Refusal("GET", "/v2/a/tags/list?n=x", 400, "pagination number invalid"),
    Refusal("GET", "/v2/none/tags/list", 404, "name unknown"),
    Refusal("POST", "/v2/a/blobs/uploads/?digest-algorithm=md5", 400, "digest invalid"),
    Refusal("POST", f"/v2/a/blobs/uploads/?digest={UNKNOWN}", 400, "digest invalid", (OCTETS,), CONTENT),
    Refusal("GET", f"/v2/a/blobs/uploads/{'0' * 36}", 404, "blob upload unknown"),
    Refusal("GET", "UPLOAD?_state=xxxx", 404, "blob upload invalid"),
    Refusal("PATCH", "UPLOAD?_state=xxxx", 404, "blob upload invalid", (OCTETS,), CONTENT),
    Refusal("DELETE", "UPLOAD?_state=xxxx", 404, "blob upload invalid"),
    Refusal("PATCH", "STATE", 416, "range invalid", (OCTETS, ("Content-Range", "5-11")), CONTENT),
    Refusal("PATCH", "STATE", 416, "range invalid", (OCTETS, ("Content-Range", "x")), CONTENT),
    Refusal("PATCH", "STATE", 400, "size invalid", (OCTETS, ("Content-Range", "0-2")), CONTENT),
    Refusal("PUT", "STATE", 400, "digest invalid", (), b""),
    Refusal("PUT", "STATE&digest=x", 400, "digest invalid", (), b""),
    Refusal("PUT", f"STATE&digest={UNKNOWN}", 400, "digest invalid", (OCTETS,), CONTENT),
    Refusal("PUT", "UPLOAD?_state=xxxx", 404, "blob upload invalid", (), b""),
)
#: What distribution writes no line about, only one of the access log.
MINOR = (
    Refusal("GET", "/nothing", 404, "unsupported"),
    Refusal("GET", "/v2/nothing", 404, "unsupported"),
    Refusal("GET", "/%2Fv2/", 404, "unsupported"),
    Refusal("GET", "/v2/%FF/tags/list", 400, "name invalid"),
    Refusal("GET", "/v2/%00/tags/list", 400, "name invalid"),
    Refusal("GET", "/v2/", 400, "unsupported", (("Host", "a b"),)),
    Refusal("GET", "/v2/AAA/tags/list", 400, "name invalid"),
    Refusal("GET", "/v2/a/blobs/x", 400, "digest invalid"),
    Refusal("PUT", "/v2/a/manifests/-x", 400, "tag invalid", (IMAGE,), b"{}"),
    Refusal("POST", "/v2/a/tags/list", 405, "unsupported", (), b""),
    Refusal("POST", "/v2/_catalog", 405, "unsupported", (JSON,), b"{}"),
    Refusal("GET", f"/v2/a/blobs/{DIGEST}", 412, "unsupported", (("If-Match", '"x"'),)),
    Refusal("GET", f"/v2/a/blobs/{DIGEST}", 416, "range invalid", (("Range", "bytes=100-200"),)),
    Refusal("GET", f"/v2/a/blobs/{DIGEST}", 416, "range invalid", (("Range", "bytes=x"),)),
    Refusal(
        "GET",
        f"/v2/a/blobs/{DIGEST}",
        400,
        "range invalid",
        (("Range", "bytes=" + ",".join(["0-0"] * 1025)),),
    ),
)


class RefusalLineTests(SynchronousTestCase):
    """Status and error of a refusal stand in one line, of the level that distribution's log gives it."""

    def setUp(self) -> None:
        self.registry = Registry(InMemoryDriver())
        self.registry.push_image("a", "latest", content=CONTENT)
        self.log = CompletionLog(self.registry.clock, quiet=False)
        self.registry.site.tell(self.log)

    def events(self, refusal: Refusal) -> list[dict[str, Any]]:
        """What the log is told of a request that is refused."""
        state = self.registry.begin("a").partition("registry.test")[2]
        path = refusal.path.replace("STATE", state).replace("UPLOAD", state.partition("?")[0])
        with capturedLogs() as events:
            data = request_bytes(refusal.method, path, refusal.headers, refusal.body)
            if any(name == "Host" for name, _ in refusal.headers):
                data = data.replace(b"Host: registry.test\r\n", b"")
            answer = self.registry.send(data, refusal.method)
        self.assertEqual(answer.status, refusal.status, refusal)
        return [event for event in events if event["log_namespace"].endswith("CompletionLog")]

    def check(self, refusal: Refusal, level: str) -> None:
        [event] = self.events(refusal)
        self.assertEqual(event["log_format"], "response completed with error", refusal)
        self.assertEqual(event["log_level"].name, level, refusal)
        self.assertEqual(event["fields"]["http.response.status"], refusal.status, refusal)
        self.assertEqual(event["fields"]["err.code"], refusal.code, refusal)
        self.assertTrue(event["fields"]["err.message"], refusal)

    def test_errors(self) -> None:
        """What distribution writes an error about is an error, whether anybody wants to see more or not."""
        for self.log.quiet in (False, True):
            for refusal in ERRORS:
                self.check(refusal, "error")

    def test_minor(self) -> None:
        """What it writes nothing about is worth no more than a success."""
        for refusal in MINOR:
            self.check(refusal, "info")

    def test_quiet(self) -> None:
        """So it is left out where nobody would see it."""
        self.log.quiet = True
        for refusal in MINOR:
            self.assertEqual(self.events(refusal), [])

    def test_unhealthy(self) -> None:
        """Requests while a health check fails are told at the level of a success: all of them fail."""
        self.registry.site.health = health = Health()
        health.add("a check", 1).failed("for reasons")
        with capturedLogs() as events:
            for method in ("GET", "HEAD"):
                self.registry.ask(method, "/v2/")
        self.assertEqual(len(events), 2)
        for event in events:
            self.assertEqual(
                (event["log_level"].name, event["log_format"]), ("info", "response completed with error")
            )
            self.assertEqual(event["fields"]["err.code"], "unavailable")
            self.assertEqual(event["fields"]["http.response.status"], 503)

    def test_not_ready(self) -> None:
        """A probe that is told that the registry is not ready got no success, either."""
        self.registry.site.health = health = Health()
        health.add("a check", 1).failed("for reasons")
        with capturedLogs() as events:
            self.registry.ask("GET", "/readyz")
        [event] = events
        self.assertEqual(
            (event["log_level"].name, event["log_format"]), ("info", "response completed with error")
        )
        self.assertEqual(event["fields"]["http.response.status"], 503)

    def test_readonly(self) -> None:
        """A change of a read-only registry is a method that is not there."""
        self.registry = Registry(readonly=True)
        self.registry.site.tell(self.log)
        with capturedLogs() as events:
            self.registry.ask("DELETE", f"/v2/a/manifests/{UNKNOWN}")
        [event] = events
        self.assertEqual((event["log_level"].name, event["fields"]["http.response.status"]), ("info", 405))

    def test_no_deletion(self) -> None:
        """A deletion where there shall be none is an error, as in distribution."""
        self.registry = Registry(rules=Rules(delete_enabled=False))
        self.registry.site.tell(self.log)
        with capturedLogs() as events:
            self.registry.ask("DELETE", f"/v2/a/manifests/{UNKNOWN}")
        [event] = events
        self.assertEqual((event["log_level"].name, event["fields"]["http.response.status"]), ("error", 405))
