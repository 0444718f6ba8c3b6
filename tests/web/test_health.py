"""What clients and probes see of the registry's health."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.web.registry import Registry
from txregistry.health.state import Health


class HealthTests(SynchronousTestCase):
    """A registry with one check."""

    def setUp(self) -> None:
        self.health = Health()
        self.verdict = self.health.add("a check", 1)
        self.registry = Registry(prefix=b"/reg")
        self.registry.site.health = self.health

    def status(self, path: str, method: str = "GET") -> int:
        return self.registry.ask(method, path).status

    def test_well(self) -> None:
        """While all is well requests are served, and both probes say so."""
        self.assertEqual(self.status("/reg/v2/"), 200)
        for path in ("/livez", "/readyz"):
            for method in ("GET", "HEAD"):
                answer = self.registry.ask(method, path)
                body = b"ok\n" if method == "GET" else b""
                self.assertEqual((answer.status, answer.body), (200, body))
                self.assertEqual(answer.header("Content-Length"), "3")

    def test_failing(self) -> None:
        """While a check fails every request is a 503 in distribution's words, and nothing is changed."""
        self.verdict.failed("secret reasons")
        for method, path in (
            ("GET", "/"),
            ("GET", "/reg/v2/"),
            ("GET", "/elsewhere"),
            ("POST", "/reg/v2/a/blobs/uploads/"),
            ("DELETE", "/reg/v2/a/manifests/latest"),
        ):
            answer = self.registry.ask(method, path)
            self.assertEqual(answer.status, 503)
            self.assertEqual(
                json.loads(answer.body),
                {
                    "errors": [
                        {
                            "code": "UNAVAILABLE",
                            "message": "service unavailable",
                            "detail": "health check failed: please see /debug/health",
                        }
                    ]
                },
            )
            self.assertEqual(len(answer.body), 125)
            self.assertEqual(answer.header("Retry-After"), "10")
        self.assertEqual((self.status("/livez"), self.status("/readyz")), (200, 503))
        self.assertNotIn(b"secret", self.registry.ask("GET", "/readyz").body)
        self.verdict.passed()
        self.assertEqual((self.status("/readyz"), self.status("/reg/v2/")), (200, 200))
        self.assertEqual(self.status("/reg/v2/a/tags/list"), 404)

    def test_upload_refused(self) -> None:
        """A body that comes along is not asked for."""
        self.verdict.failed("x")
        connection = self.registry.connect()
        connection.send(
            b"PUT /reg/v2/a/blobs/uploads/x HTTP/1.1\r\nHost: registry.test\r\n"
            b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = connection.answer()
        self.assertEqual((answer.status, answer.continues), (503, 0))

    def test_stopping(self) -> None:
        """A registry that stops is not ready, though it lives: so it tells probes that had begun to ask."""
        asking = [self.registry.connect() for _ in range(2)]
        idle = self.registry.connect()
        for connection, path in zip(asking, (b"/livez", b"/readyz"), strict=True):
            connection.send(b"GET %s HTTP/1.1\r\n" % path)
        self.registry.site.drain()
        self.assertFalse(self.registry.site.ready)
        self.assertTrue(idle.closing)
        for connection, status in zip(asking, (200, 503), strict=True):
            connection.send(b"Host: registry.test\r\n\r\n")
            self.assertEqual(connection.answer().status, status)
            self.assertTrue(connection.closing)

    def test_other_methods(self) -> None:
        """The probes have no other methods."""
        self.assertEqual(self.status("/livez", "POST"), 404)
