"""Which path is whose, and what becomes of those that are nobody's."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests import strategies
from tests.web.registry import API_VERSION, Registry, expect
from txregistry.model.digest import Digest
from txregistry.model.names import RepositoryName
from txregistry.web.request import clean_path

DIGEST = Digest.of(b"nothing of the kind")
#: Repository names that look like parts of the API.
AWKWARD = (
    "a/manifests/b",
    "a/blobs/uploads",
    "a/tags/list",
    "blobs/uploads",
    "tags/list",
    "manifests",
    "manifests/manifests",
    "tags",
    "a/blobs/b",
    "a/uploads",
    "v2/a",
    "v2/v2",
    "a/catalog",
    "list/tags/list",
    "Example.COM/a/b",
    "localhost/a",
)


class NameTests(SynchronousTestCase):
    """Every repository name finds its repository, whatever it looks like."""

    def holds(self, name: str) -> None:
        registry = Registry()
        content = f"the layer of {name}".encode()
        digest = registry.push_image(name, "latest", content=content)
        self.assertEqual(registry.ask("GET", f"/v2/{name}/manifests/latest").status, 200)
        self.assertEqual(registry.ask("GET", f"/v2/{name}/manifests/{digest}").status, 200)
        blob = registry.ask("GET", f"/v2/{name}/blobs/{Digest.of(content)}")
        self.assertEqual((blob.status, blob.body), (200, content))
        tags = expect(registry.ask("GET", f"/v2/{name}/tags/list"), 200).json()
        self.assertEqual(tags, {"name": name, "tags": ["latest"]})
        upload = registry.begin(name)
        self.assertEqual(registry.ask("PATCH", upload, body=b"x").status, 202)
        self.assertEqual(registry.ask("DELETE", f"/v2/{name}/manifests/latest").status, 202)
        catalog = expect(registry.ask("GET", "/v2/_catalog"), 200).json()
        self.assertEqual(catalog, {"repositories": [name]})

    def test_awkward(self) -> None:
        """Those that contain the API's own words are no exception."""
        for name in AWKWARD:
            with self.subTest(name):
                self.holds(name)

    @settings(max_examples=30)
    @given(strategies.repository_names())
    def test_any(self, name: RepositoryName) -> None:
        """Nor is any other."""
        self.holds(str(name))

    def test_length(self) -> None:
        """255 characters are a name, 256 are refused."""
        self.holds("a/" + "b" * 253)
        answer = Registry().ask("POST", f"/v2/a/{'b' * 254}/blobs/uploads/")
        self.assertEqual((answer.status, answer.codes()), (400, ["NAME_INVALID"]))

    def test_invalid(self) -> None:
        """What is no name is said to be none, on every route."""
        for name in ("A", "a/B", "-a", "a-", "a..b", "a%20b", "a%5Cb", "%2e%2e", "a%2F%2E%2E%2Fb", "a:b/c/D"):
            for method, rest in (
                ("GET", "tags/list"),
                ("GET", "manifests/latest"),
                ("PUT", "manifests/latest"),
                ("GET", f"blobs/{DIGEST}"),
                ("POST", "blobs/uploads/"),
                ("PATCH", "blobs/uploads/0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11"),
            ):
                with self.subTest(f"{method} {name} {rest}"):
                    answer = Registry().ask(method, f"/v2/{name}/{rest}", body=b"")
                    self.assertEqual((answer.status, answer.codes()), (400, ["NAME_INVALID"]))

    def test_encoded(self) -> None:
        """Percent-encoding means what it encodes."""
        registry = Registry()
        registry.push_image("a/b", "latest")
        for path in ("/v2/a%2Fb/manifests/latest", "/v2/%61/b/manifests/l%61test", "/v2/a/b%2Ftags/list"):
            self.assertEqual(registry.ask("GET", path).status, 200, path)

    def test_traversal(self) -> None:
        """No path leaves the place where its kind of thing is stored."""
        registry = Registry()
        registry.push_image("a", "latest")
        tricks = ("..", "%2e%2e", "..%2f..", "%2e%2e%2f%2e%2e", "..%5c..", "%252e%252e", "....//", ".%00.")
        for trick in tricks:
            for path in (
                f"/v2/{trick}/a/manifests/latest",
                f"/v2/a/{trick}/manifests/latest",
                f"/v2/a/manifests/{trick}",
                f"/v2/a/blobs/{trick}",
                f"/v2/a/blobs/sha256:{trick}",
                f"/v2/a/blobs/uploads/{trick}",
                f"/v2/a/blobs/uploads/{trick}/{trick}",
            ):
                for method in ("GET", "PUT", "DELETE"):
                    with self.subTest(f"{method} {path}"):
                        answer = registry.ask(method, path, body=b"")
                        self.assertIn(answer.status, (301, 400, 404, 405))
        self.assertEqual(self.flushLoggedErrors(), [])


class PathTests(SynchronousTestCase):
    """Paths that are not quite right."""

    def moved(self, path: str, target: str) -> None:
        for method in ("GET", "HEAD", "POST", "DELETE"):
            answer = Registry().ask(method, path, body=b"")
            self.assertEqual((answer.status, answer.header("Location")), (301, target), f"{method} {path}")
            self.assertEqual(answer.body, b"")
            self.assertIn(API_VERSION, answer.headers)

    def test_escaped_slash(self) -> None:
        """A slash that is escaped at the beginning does not get lost on the way to the routes."""
        for path in ("/%2Fv2/", "/%2fv2/_catalog"):
            self.assertEqual(Registry().ask("GET", path).codes(), ["UNSUPPORTED"])
            self.assertEqual(Registry(prefix=b"/reg").ask("GET", f"/reg{path}").codes(), ["UNSUPPORTED"])

    def test_unclean(self) -> None:
        """Empty and dotted segments are redirected to the path without them, with its query."""
        self.moved("//v2/", "/v2/")
        self.moved("/v2//", "/v2/")
        self.moved("/v2/./_catalog", "/v2/_catalog")
        self.moved("/v2/x/../_catalog?n=1", "/v2/_catalog?n=1")
        self.moved("/v2/a//tags/list?n=1&last=b", "/v2/a/tags/list?n=1&last=b")
        self.moved("/../../v2/", "/v2/")
        self.moved("/v2/..", "/")

    def test_slashes(self) -> None:
        """A slash too many or too few at the end is redirected."""
        self.moved("/v2", "/v2/")
        self.moved("/v2/_catalog/", "/v2/_catalog")
        self.moved("/v2/a/tags/list/?n=1", "/v2/a/tags/list?n=1")
        self.moved("/v2/a/blobs/uploads?mount=x", "/v2/a/blobs/uploads/?mount=x")
        self.moved(f"/v2/a/blobs/{DIGEST}/", f"/v2/a/blobs/{DIGEST}")
        self.moved("/v2/a/manifests/latest/", "/v2/a/manifests/latest")
        self.moved("/v2/a/blobs/uploads/some-id/", "/v2/a/blobs/uploads/some-id")

    def test_never_elsewhere(self) -> None:
        """No redirect can be made to lead to another host: not by slashes, backslashes or an absolute URI."""
        for path in (
            "//evil.test/v2",
            "///evil.test//",
            "/\\evil.test//",
            "/\\\\evil.test/./",
            "/v2/..//\\evil.test/.",
            "http://evil.test/v2",
            "http://evil.test//v2/",
            "http://evil.test/v2/a/tags/list/",
            "http://evil.test/v2/a/blobs/uploads",
        ):
            with self.subTest(path):
                connection = Registry().connect()
                connection.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                target = connection.answer().header("Location") or "/"
                self.assertRegex(target, r"\A/(?![/\\])")

    @given(st.text("/.av2\\", max_size=20))
    def test_cleaned(self, text: str) -> None:
        """A cleaned path needs no cleaning, begins with one slash, and is what a redirect leads to."""
        path = clean_path(b"/" + text.encode())
        self.assertEqual(clean_path(path), path)
        self.assertRegex(path.decode(), r"\A/([^/]|\Z)")
        answer = Registry().ask("GET", "/" + text)
        if answer.status == 301 and "\\" not in text:
            again = Registry().ask("GET", answer.header("Location") or "")
            self.assertIn(again.status, (200, 301, 400, 404))

    def test_nobodys(self) -> None:
        """Paths without a route are a 404 in the error form, also those that decode to odd things."""
        for path in (
            "/v1/",
            "/v2/_catalog/x",
            "/v2/a",
            "/v2/a/b",
            "/v2/a/manifests",
            "/v2/a/manifests/",
            "/v2/tags/list",
            "/v2/a/manifests/b/c",
            "/v2/a/blobs",
            "/v3",
            "/favicon.ico",
            "/v2/a%0Ab/tags/list",
            "*",
            "/v2x/",
            "/%76%32",
        ):
            with self.subTest(path):
                answer = Registry().ask("GET", path)
                self.assertIn(answer.status, (404,) if path != "/%76%32" else (301,))
                if answer.status == 404:
                    self.assertEqual(len(answer.codes()), 1)
                self.assertIn(API_VERSION, answer.headers)

    def test_double_slash_in_disguise(self) -> None:
        """Slashes that are percent-encoded are not cleaned away, and lead nowhere."""
        for path in ("/v2/a%2F%2Fb/tags/list", "/v2/%2Fa/tags/list", "/v2/a%2F/tags/list"):
            with self.subTest(path):
                answer = Registry().ask("GET", path)
                self.assertIn(answer.status, (400, 404))
                self.assertEqual(len(answer.codes()), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_not_utf8(self) -> None:
        """Paths that are no UTF-8, or hold a NUL, are a 400 in the error form."""
        for path in ("/v2/%ff/tags/list", "/v2/a/manifests/%c3", "/v2/a%00/tags/list", "/%00"):
            answer = Registry().ask("GET", path)
            self.assertEqual((answer.status, answer.codes()), (400, ["NAME_INVALID"]), path)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_raw_bytes(self) -> None:
        """So are those with raw bytes beyond ASCII, whichever of them the parser lets through."""
        for byte in range(128, 256):
            connection = Registry().connect()
            connection.send(b"GET /v2/a" + bytes([byte]) + b"/tags/list HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertEqual(connection.answer().status, 400)

    def test_root(self) -> None:
        """The root says nothing, and is there."""
        answer = Registry().ask("GET", "/")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.header("Cache-Control"), "no-cache")

    def test_absolute_form(self) -> None:
        """A request line may carry a whole URI, as clients of proxies send it."""
        registry = Registry()
        registry.push_image("a", "one", "two")
        for scheme in ("http", "HTTPS"):
            for rest, body in (
                ("/v2/", {}),
                ("/v2/a/tags/list?n=1", {"name": "a", "tags": ["one"]}),
            ):
                answer = registry.send(f"GET {scheme}://x.test{rest} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                self.assertEqual(answer.json(), body)
        self.assertEqual(answer.header("Link"), '</v2/a/tags/list?last=one&n=1>; rel="next"')
        answer = registry.send(b"GET http://x.test HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual((answer.status, answer.body), (200, b""))
        for uri in ("ftp://x.test/v2/", "x.test/v2/", "://x/v2/", "?a", "a"):
            answer = registry.send(f"GET {uri} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            self.assertEqual(answer.status, 404, uri)


class HostTests(SynchronousTestCase):
    """The Host header."""

    def test_one(self) -> None:
        """HTTP/1.1 needs exactly one."""
        for hosts, status in (("", 400), ("Host: a\r\nHost: a\r\n", 400), ("Host: a\r\n", 200)):
            answer = Registry().send(f"GET /v2/ HTTP/1.1\r\n{hosts}\r\n".encode())
            self.assertEqual(answer.status, status)
            self.assertIn(API_VERSION, answer.headers)

    def test_old(self) -> None:
        """HTTP/1.0 needs none."""
        self.assertEqual(Registry().send(b"GET /v2/ HTTP/1.0\r\n\r\n").status, 200)

    def test_malformed(self) -> None:
        """One that is no host is refused."""
        for host in ("a b", "a/b", "a@b", 'a"b', "a\tb", "a,b", "\xe9", "<a>", "a\\b", "a?b", "a#b"):
            answer = Registry().send(f"GET /v2/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
            self.assertEqual(answer.status, 400, host)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_unusual(self) -> None:
        """Whatever else it is, it does not decide whether there is an answer."""
        for host in (
            "",
            "a..b",
            ".",
            ":5000",
            "a:b:c",
            "a:99999",
            "[",
            "[::1]",
            "[::1]:5000",
            "x" * 300,
            "xn--a",
            "%",
            "a:",
        ):
            with self.subTest(host):
                for path in ("/v2/", "/v2/a/manifests/b", "/v2/a/blobs/uploads"):
                    answer = Registry().send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                    self.assertIn(answer.status, (200, 301, 404))
        self.assertEqual(self.flushLoggedErrors(), [])


class MethodTests(SynchronousTestCase):
    """Which method is served where."""

    ROUTES = (
        ("/v2/_catalog", "GET, HEAD", "GET, HEAD"),
        ("/v2/a/tags/list", "GET, HEAD", "GET, HEAD"),
        ("/v2/a/manifests/latest", "DELETE, GET, HEAD, PUT", "GET, HEAD"),
        (f"/v2/a/blobs/{DIGEST}", "DELETE, GET, HEAD", "GET, HEAD"),
        ("/v2/a/blobs/uploads/some-id", "DELETE, GET, HEAD, PATCH, PUT", "GET, HEAD"),
    )

    def test_allow(self) -> None:
        """A method without a meaning is a 405 that says which ones have one; OPTIONS says it with a 200."""
        for path, allowed, readonly_allowed in self.ROUTES:
            for readonly, allow in ((False, allowed), (True, readonly_allowed)):
                registry = Registry(readonly=readonly)
                answer = registry.ask("OPTIONS", path)
                self.assertEqual((answer.status, answer.header("Allow"), answer.body), (200, allow, b""))
                served = set(allow.split(", "))
                for method in {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "TRACE", "get"} - served:
                    answer = registry.ask(method, path, body=b"")
                    self.assertEqual(
                        (answer.status, answer.header("Allow")), (405, allow), f"{method} {path}"
                    )
                    self.assertEqual(answer.codes(), ["UNSUPPORTED"])

    def test_uploads(self) -> None:
        """Where uploads begin, a readonly registry serves nothing."""
        path = "/v2/a/blobs/uploads/"
        self.assertEqual(Registry().ask("POST", path).status, 202)
        answer = Registry(readonly=True).ask("POST", path)
        self.assertEqual((answer.status, answer.codes()), (405, ["UNSUPPORTED"]))

    def test_readonly_unread(self) -> None:
        """A readonly registry refuses a push before it has read it."""
        registry = Registry(readonly=True)
        connection = registry.connect()
        connection.send(b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
        self.assertEqual(connection.answer().status, 405)

    def test_base(self) -> None:
        """The base answers any method."""
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "WHATEVER"):
            answer = Registry().ask(method, "/v2/")
            self.assertEqual((answer.status, answer.body), (200, b"{}"))
            self.assertEqual(answer.header("Content-Length"), "2")
            self.assertEqual(answer.header("Content-Type"), "application/json")
        head = Registry().ask("HEAD", "/v2/")
        self.assertEqual((head.status, head.header("Content-Length"), head.body), (200, "2", b""))

    def test_connect(self) -> None:
        """CONNECT, whose target is no path, is refused like any path that is not ours."""
        answer = Registry().send(b"CONNECT evil.test:443 HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(answer.status, 404)


class HeaderTests(SynchronousTestCase):
    """What every answer carries."""

    CONFIGURED = ((b"X-Content-Type-Options", b"nosniff"), (b"X-Two", b"a"), (b"X-Two", b"b"))

    def test_configured(self) -> None:
        """Configured headers go out with every answer of a route, good or bad, and with no other."""
        registry = Registry(headers=self.CONFIGURED)
        for method, path in (
            ("GET", "/v2/"),
            ("GET", "/v2/_catalog"),
            ("GET", "/v2/a/manifests/b"),
            ("GET", "/v2/A/manifests/b"),
            ("POST", "/v2/a/tags/list"),
            ("POST", "/v2/a/blobs/uploads/"),
        ):
            answer = registry.ask(method, path, body=b"")
            self.assertEqual(answer.all("X-Two"), ["a", "b"], path)
            self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
        for path in ("/", "/nothing", "/v2", "/v2//"):
            self.assertEqual(registry.ask("GET", path).all("X-Two"), [], path)

    def test_once(self) -> None:
        """Date, length and version of the API are there once."""
        for path in ("/v2/", "/v2/a/manifests/b", "/v2", "/nothing"):
            answer = Registry().ask("GET", path)
            for name in ("Date", "Content-Length", "Docker-Distribution-Api-Version"):
                self.assertIsNotNone(answer.header(name), f"{name} of {path}")

    def test_injection(self) -> None:
        """Line ends in a query or a path do not become line ends in an answer."""
        registry = Registry()
        registry.push_image("a", "one", "two")
        for path in (
            "/v2/a/tags/list?n=1&x=%0d%0aX-Evil:%201",
            "/v2/a/tags/list?n=1&last=%0d%0aX-Evil:%201",
            "/v2/a%0d%0aX-Evil:%201/tags/list/",
            "/v2/%0d%0aX-Evil:1//",
            "/v2/a/blobs/uploads?%0d%0aX-Evil:1",
            "/v2/a/manifests/%0d%0aX-Evil:1",
        ):
            answer = registry.ask("GET", path)
            self.assertEqual(answer.all("X-Evil"), [], path)
            self.assertNotIn("\n", repr(answer.headers).replace("\\\\n", ""))
