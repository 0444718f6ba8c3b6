"""The addresses that answers carry, whatever stands between us and the client."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.web.registry import Registry, expect, image, location
from txregistry.model.digest import EMPTY
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.web.urls import Urls, forwarded

UPLOADS = "/v2/a/blobs/uploads/"


class BaseTests(SynchronousTestCase):
    """What stands before ``/v2/``."""

    def base(
        self, headers: list[tuple[str, str]], urls: Urls | None = None, prefix: str = "", host: str = "h:5000"
    ) -> str:
        """The begin of the Location of a new upload."""
        registry = Registry(urls=urls, prefix=prefix.encode())
        lines = [f"POST {prefix}{UPLOADS} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        answer = registry.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return location(expect(answer, 202)).partition("/v2/a/")[0]

    def test_host(self) -> None:
        """By default, what the client called us, its port included."""
        self.assertEqual(self.base([]), "http://h:5000")
        self.assertEqual(self.base([], host="h:443"), "http://h:443")
        self.assertEqual(self.base([], host="[::1]:5000"), "http://[::1]:5000")

    def test_forwarded_by_proxies(self) -> None:
        """What a proxy says of the way counts more."""
        for headers, base in (
            ([("X-Forwarded-Proto", "https")], "https://h:5000"),
            ([("X-Forwarded-Host", "out.test")], "http://out.test"),
            ([("X-Forwarded-Host", " out.test , in.test")], "http://out.test"),
            ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "o:1")], "https://o:1"),
            ([("X-Forwarded-Port", "99")], "http://h:5000"),
            ([("Forwarded", "proto=https;host=out.test")], "https://out.test"),
            ([("Forwarded", 'For=1.2.3.4; Proto=https; Host="out.test:8"')], "https://out.test:8"),
            ([("Forwarded", "host=one.test, host=two.test")], "http://one.test"),
            ([("Forwarded", "for=x"), ("X-Forwarded-Proto", "https")], "http://h:5000"),
            ([("Forwarded", "???"), ("X-Forwarded-Host", "out.test")], "http://h:5000"),
        ):
            self.assertEqual(self.base(headers), base, headers)

    def test_nonsense(self) -> None:
        """What cannot stand in an address makes it relative: the client knows where it is."""
        for headers in (
            [("X-Forwarded-Proto", "https, http")],
            [("X-Forwarded-Proto", "java script")],
            [("X-Forwarded-Host", "a b")],
            [("X-Forwarded-Host", "evil.test/x")],
            [("X-Forwarded-Host", "user@evil.test")],
            [("X-Forwarded-Host", "a\\b")],
            [("Forwarded", 'host="a/b"')],
        ):
            self.assertEqual(self.base(headers), "", headers)
        self.assertEqual(self.base([], host=""), "")

    def test_configured(self) -> None:
        """``http.host`` decides alone."""
        for host, base in (
            ("https://out.test", "https://out.test"),
            ("https://out.test/", "https://out.test"),
            ("https://out.test:99/prefix/", "https://out.test:99/prefix"),
        ):
            urls = Urls(host=host, relative=True)
            self.assertEqual(self.base([("X-Forwarded-Host", "no.test")], urls), base)

    def test_relative(self) -> None:
        """``http.relativeurls`` leaves scheme and host out, but not the prefix."""
        self.assertEqual(self.base([], Urls(relative=True)), "")
        self.assertEqual(self.base([], Urls(relative=True, prefix="/pre/fix"), "/pre/fix"), "/pre/fix")

    def test_prefix(self) -> None:
        """``http.prefix`` is in every address."""
        self.assertEqual(self.base([], Urls(prefix="/pre"), "/pre"), "http://h:5000/pre")


class PrefixTests(SynchronousTestCase):
    """A registry that is mounted somewhere."""

    def test_paths(self) -> None:
        """All its paths begin with the prefix, and nothing else is there but the root."""
        registry = Registry(urls=Urls(prefix="/pre/fix"), prefix=b"/pre/fix")
        for path, status in (
            ("/pre/fix/v2/", 200),
            ("/pre/fix/v2/_catalog", 200),
            ("/pre/fix/v2/a/manifests/b", 404),
            ("/", 200),
            ("/v2/", 404),
            ("/pre/fix", 404),
            ("/pre/fix/", 404),
            ("/pre/fixv2/", 404),
        ):
            self.assertEqual(registry.ask("GET", path).status, status, path)
        for path, target in (
            ("/pre/fix/v2", "/pre/fix/v2/"),
            ("/pre//fix/v2/", "/pre/fix/v2/"),
            ("/pre/fix/v2/a/tags/list/", "/pre/fix/v2/a/tags/list"),
        ):
            answer = registry.ask("GET", path)
            self.assertEqual((answer.status, answer.header("Location")), (301, target))

    def test_pages(self) -> None:
        """A Link leads back to where the request came."""
        registry = Registry(urls=Urls(prefix="/pre"), prefix=b"/pre")
        payload = image((EMPTY, 0))
        for name in ("a", "b"):
            path = f"/pre/v2/{name}/blobs/uploads/?digest={EMPTY}"
            expect(registry.ask("POST", path, body=b""), 201)
            path = f"/pre/v2/{name}/manifests/latest"
            expect(registry.ask("PUT", path, [("Content-Type", OCI_MANIFEST)], payload), 201)
        answer = registry.ask("GET", "/pre/v2/_catalog?n=1")
        self.assertEqual(answer.header("Link"), '</pre/v2/_catalog?last=a&n=1>; rel="next"')


class ForwardedTests(SynchronousTestCase):
    """The Forwarded header (RFC 7239)."""

    def test_first_element(self) -> None:
        """Only the first element counts: that is the client's side."""
        self.assertEqual(forwarded("for=a;proto=b, for=c;host=d"), {"for": "a", "proto": "b"})

    def test_quoted(self) -> None:
        """Values may be quoted, and hold anything then."""
        self.assertEqual(forwarded(r'for="[::1]:5";host="a\"b,;"'), {"for": "[::1]:5", "host": 'a"b,;'})

    def test_unreadable(self) -> None:
        """What is unreadable ends the reading."""
        self.assertEqual(forwarded("for=a;=;host=b"), {"for": "a"})
        self.assertEqual(forwarded(""), {})

    def test_blanks(self) -> None:
        """Blanks without end are read in a time that grows with their number only."""
        begin = time.perf_counter()
        for text in (f'a={" " * 90_000}"', f"{' ' * 90_000}a", f"a{' ' * 90_000}b"):
            self.assertEqual(forwarded(text), {})
        self.assertLess(time.perf_counter() - begin, 5)  # it was a minute when they were divided in every way

    @given(st.text())
    def test_anything(self, text: str) -> None:
        """Nothing makes it fail."""
        self.assertIsInstance(forwarded(text), dict)
