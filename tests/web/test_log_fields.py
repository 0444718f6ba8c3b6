"""The fields of log lines about requests, under the names that distribution gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

import txregistry
from tests.fakes.failing import FailingDriver
from tests.web.registry import Registry, image
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController
from txregistry.log import FORMATTERS, LineObserver
from txregistry.model.access import Access, Grant, needed
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.web.completion import CompletionLog

PAGE = Path(txregistry.__file__).resolve().parent.parent / "docs" / "operations.md"
#: Fields of every line, whatever it is about.
STATIC = {"instance.id": "an-id", "version": "1.2", "service": "registry"}
CONTENT = b"a layer"
DIGEST = Digest.of(CONTENT)
#: What stands in each line about a request.
ALWAYS = (
    *STATIC,
    *(f"http.request.{name}" for name in ("id", "method", "host", "uri", "remoteaddr", "useragent")),
    *(f"http.response.{name}" for name in ("status", "written", "duration")),
)


@implementer(IAccessController)
@define(eq=False)
class Named:
    """Lets alice in, and mallory not; keeps the *addresses* that it is told."""

    addresses: set[str] = field(factory=set)

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        self.addresses.add(credentials.client)
        if credentials.authorization == "Basic bWFsbG9yeTpwYTU1":
            raise Unauthorized("Basic", wanted, "wrong password", "mallory")
        return Grant("alice")


class LogFieldTests(SynchronousTestCase):
    """Each field of the reference, and where it comes from."""

    def setUp(self) -> None:
        self.lines: list[dict[str, Any]] = []
        observer = LineObserver(self, "info", FORMATTERS["json"], STATIC)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.driver: Any = FailingDriver(InMemoryDriver())
        self.access = Named()
        self.registry = Registry(self.driver, access=self.access)
        self.registry.push_blob("a", CONTENT)
        self.registry.site.tell(CompletionLog(self.registry.clock, quiet=False))

    def write(self, line: str) -> None:
        """Take what the observer writes."""
        self.lines.append(json.loads(line))

    def line(
        self, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None
    ) -> dict[str, Any]:
        """The one line that a request makes."""
        self.lines.clear()
        self.registry.ask(method, path, headers, body)
        [line] = self.lines
        for name in ALWAYS:
            self.assertIn(name, line)
        return line

    def test_request(self) -> None:
        """What was asked, by whom; empty headers have no field, but for the User-Agent."""
        path = "/v2/a/tags/list?n=5"
        headers = [("User-Agent", "skopeo/1"), ("Referer", "http://x/"), ("Content-Type", "text/x")]
        line = self.line("GET", path, headers)
        self.assertRegex(
            line["http.request.id"], r"\A[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f-]{16}\Z"
        )
        for name, value in (
            ("method", "GET"),
            ("host", "registry.test"),
            ("uri", path),
            ("remoteaddr", "192.0.2.7:40000"),
            ("useragent", "skopeo/1"),
            ("referer", "http://x/"),
            ("contenttype", "text/x"),
        ):
            self.assertEqual(line[f"http.request.{name}"], value)
        line = self.line("GET", path)
        self.assertEqual(line["http.request.useragent"], "")
        self.assertNotIn("http.request.referer", line)
        self.assertNotIn("http.request.contenttype", line)

    def test_claimed_address(self) -> None:
        """Who a proxy says the client is, in the log; the access log has whom the connection is from."""
        line = self.line("GET", "/v2/", [("X-Forwarded-For", "203.0.113.9, 10.0.0.1")])
        self.assertEqual(line["http.request.remoteaddr"], "203.0.113.9")
        self.assertTrue(self.registry.access[-1].startswith("192.0.2.7 - "))
        line = self.line("GET", "/v2/", [("X-Real-Ip", "203.0.113.8")])
        self.assertEqual(line["http.request.remoteaddr"], "203.0.113.8")
        line = self.line("GET", "/v2/", [("X-Forwarded-For", '203.0.113.9" level=error')])
        self.assertEqual(line["http.request.remoteaddr"], "192.0.2.7:40000")

    def test_believed_by_nobody(self) -> None:
        """Access controllers, whose limits go by addresses, get the address of the connection."""
        headers = [("X-Forwarded-For", "203.0.113.9"), ("X-Real-Ip", "203.0.113.9")]
        self.line("GET", "/v2/", headers)
        self.assertEqual(self.access.addresses, {"192.0.2.7"})

    def test_detail(self) -> None:
        """A detail that is a structure stays one."""
        line = self.line("GET", "/v2/_catalog?n=99999")
        self.assertEqual(line["err.detail"], {"n": 99999})

    def test_response(self) -> None:
        """What was answered, of which type, how long it was, and how long it took."""
        line = self.line("GET", f"/v2/a/blobs/{DIGEST}")
        self.assertEqual((line["msg"], line["level"]), ("response completed", "info"))
        for name, value in (
            ("status", 200),
            ("written", len(CONTENT)),
            ("contenttype", "application/octet-stream"),
            ("duration", "0µs"),
        ):
            self.assertEqual(line[f"http.response.{name}"], value)
        self.assertNotIn("http.response.contenttype", self.line("POST", "/v2/a/blobs/uploads/"))

    def test_vars(self) -> None:
        """What the path names, under the name that its route has for it."""
        upload = self.registry.begin("a").partition("registry.test")[2]
        uuid = upload.partition("?")[0].rpartition("/")[2]
        for path, found in (
            ("/v2/", {}),
            ("/v2/a/tags/list", {"name": "a"}),
            ("/v2/a/manifests/latest", {"name": "a", "reference": "latest"}),
            (f"/v2/a/blobs/{DIGEST}", {"name": "a", "digest": str(DIGEST)}),
            (upload, {"name": "a", "uuid": uuid}),
        ):
            line = self.line("GET", path)
            names = {name.removeprefix("vars."): line[name] for name in line if name.startswith("vars.")}
            self.assertEqual(names, found)

    def test_user(self) -> None:
        """Who was let in."""
        self.assertEqual(self.line("GET", "/v2/")["auth.user.name"], "alice")

    def test_error(self) -> None:
        """An answer with an error is one line of the level error, a 404 too, with what the client is told."""
        line = self.line("GET", "/v2/a/blobs/sha256:" + "0" * 64)
        self.assertEqual((line["msg"], line["level"]), ("response completed with error", "error"))
        self.assertEqual(line["http.response.status"], 404)
        self.assertEqual(line["http.response.contenttype"], "application/json")
        self.assertEqual(line["err.code"], "blob unknown")
        self.assertEqual(line["err.message"], "blob unknown to registry")
        self.assertEqual(line["err.detail"], "sha256:" + "0" * 64)

    def test_errors(self) -> None:
        """An answer with several errors has a line for each."""
        missing = [Digest.of(b"%d" % number) for number in range(2)]
        self.lines.clear()
        payload = image(*((digest, 1) for digest in missing))
        self.registry.ask("PUT", "/v2/a/manifests/latest", [("Content-Type", OCI_MANIFEST)], payload)
        self.assertEqual([line["err.detail"] for line in self.lines], [str(digest) for digest in missing])
        self.assertEqual({line["err.code"] for line in self.lines}, {"manifest blob unknown"})
        self.assertEqual({line["http.response.status"] for line in self.lines}, {400})

    def test_refused(self) -> None:
        """Who is not let in has one line, with the status, the error, the user and what was wanted."""
        line = self.line("PUT", "/v2/a/manifests/v1", [("Authorization", "Basic bWFsbG9yeTpwYTU1")], b"{}")
        self.assertEqual(
            (line["msg"], line["level"]), ("error authorizing context: wrong password", "warning")
        )
        self.assertEqual((line["http.response.status"], line["err.code"]), (401, "unauthorized"))
        self.assertEqual(line["err.message"], "authentication required")
        self.assertEqual(len(line["err.detail"]), len(needed("PUT", "a")))
        self.assertEqual((line["auth.user.name"], line["auth.wanted"]), ("mallory", "repository:a:pull,push"))

    def test_storage(self) -> None:
        """A failure of the storage is one line, with the reason, which clients are not told."""
        self.driver.failing = {"put", "writer"}
        line = self.line("POST", "/v2/a/blobs/uploads/")
        self.assertEqual((line["level"], line["http.response.status"]), ("error", 500))
        self.assertEqual((line["err.code"], line["err.message"]), ("unknown", "unknown error"))
        self.assertNotIn(line["err.detail"], ("", "the registry's storage failed"))
        self.assertNotIn("err.stack", line)

    def test_fault(self) -> None:
        """A fault of ours has its traceback in a line of its own, which names the request, too."""

        async def broken(*_: object) -> None:
            raise ZeroDivisionError("by nothing")

        self.patch(self.driver, "get", broken)
        self.lines.clear()
        self.registry.ask("GET", "/v2/a/manifests/latest")
        first, second = self.lines
        self.assertEqual((first["msg"], first["level"]), ("request failed", "error"))
        self.assertIn("test_log_fields.py", first["err.stack"])
        self.assertEqual(first["http.request.id"], second["http.request.id"])
        self.assertEqual((second["level"], second["http.response.status"]), ("error", 500))
        self.assertEqual(second["err.detail"], "ZeroDivisionError: by nothing")
        self.assertNotIn("err.stack", second)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_page(self) -> None:
        """The page for operators has a row for each field, and for no other one."""
        section = PAGE.read_text().partition("\n## Log\n")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        told = {name for row in rows for name in re.findall(r"`([a-z.]+)`", row)}
        fields = {
            *ALWAYS,
            *("http.request.referer", "http.request.contenttype", "http.response.contenttype"),
            *("vars.name", "vars.reference", "vars.digest", "vars.uuid"),
            *("auth.user.name", "auth.wanted"),
            *("err.code", "err.message", "err.detail", "err.stack"),
            *("func", "file"),
        }
        self.assertEqual(told, fields - {"service"})
