"""Listening addresses and public URLs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.config.addresses import (
    Address,
    NotAnAddress,
    Page,
    is_absolute,
    is_host,
    parse_address,
    parse_page,
    url_problem,
    without_user,
)


class ParseAddressTests(SynchronousTestCase):
    """Go's notation of TCP addresses."""

    def test_good(self) -> None:
        """Host and port, either of them missing, IPv6 in brackets, a service name."""
        for text, address in [
            (":5000", Address("", 5000)),
            ("127.0.0.1:5000", Address("127.0.0.1", 5000)),
            ("registry.example.com:0", Address("registry.example.com", 0)),
            ("[::1]:5000", Address("::1", 5000)),
            ("[fe80::1%eth0]:5000", Address("fe80::1%eth0", 5000)),
            ("localhost:", Address("localhost", 0)),
            (":http", Address("", 80)),
            ("", Address("", 0)),
        ]:
            self.assertEqual(address, parse_address(text))

    def test_bad(self) -> None:
        """No port, a port too high or unknown, IPv6 without brackets."""
        bad = (
            "5000",
            "localhost",
            ":65536",
            ":99999999999",
            ":no-such-service",
            "::1:5000",
            "[::1:5000",
            "a]:5000",
        )
        for text in (*bad, ":٣"):
            self.assertRaises(NotAnAddress, parse_address, text)

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Every text is an address or is refused."""
        try:
            self.assertTrue(0 <= parse_address(text).port < 65536)
        except NotAnAddress as problem:
            self.assertTrue(str(problem))


class IsHostTests(SynchronousTestCase):
    """What can be connected to."""

    def test_hosts(self) -> None:
        """Addresses, and names with nothing odd in them."""
        longest = ".".join(["a" * 63] * 3 + ["a" * 61])
        for text in (
            "127.0.0.1",
            "::1",
            "fe80::1%eth0",
            "a",
            "A.example.",
            "my_redis",
            "r3--sn-x.a",
            longest,
        ):
            self.assertTrue(is_host(text), text)
        odd = ("", ".", "a..b", ".a", "bad host!", "-a", "a-.b", "ä.example", "a\n", "a" * 64, f"a{longest}")
        for text in (*odd, ":", "::g", "1:2", "::1%", "::1%a b", "::1\n"):
            self.assertFalse(is_host(text), text)


class UrlProblemTests(SynchronousTestCase):
    """What Go's parser takes for a URL."""

    def test_good(self) -> None:
        """Whole URLs, paths, and odd things that parse."""
        for text in (
            "https://registry.example.com",
            "https://registry.example.com:5000/a/b",
            "http://[::1]:5000/",
            "http://user:secret@host/",
            "registry.example.com",
            "registry:5000",
            "/a:b",
            "http://h?%zz",
            "http://h:",
        ):
            self.assertIsNone(url_problem(text), text)

    def test_bad(self) -> None:
        """Everything that distribution would not start with."""
        for text in (
            "127.0.0.1:5000",
            ":5000",
            "http://a:b",
            "http://a b",
            "http://a/%zz",
            "http://a#%zz",
            "http://[::1",
            "http://[::1]x",
            "http://us er@h",
            "http://a\n",
            "http://%zz",
        ):
            self.assertIsNotNone(url_problem(text), text)

    def test_absolute(self) -> None:
        """A URL is absolute if it has a scheme and a host."""
        for text in ("https://registry.example.com", "http://[x]/", "http://user@host"):
            self.assertTrue(is_absolute(text), text)
        for text in ("registry:5000", "/a", "https:///a", "//host", "https://user@"):
            self.assertFalse(is_absolute(text), text)


class PageTests(SynchronousTestCase):
    """What a web server can be asked for."""

    def test_good(self) -> None:
        """Names, those that docker gives without encryption only, and addresses, with a port that can be."""
        for text in (
            "http://a/",
            "HTTPS://A.example.:65535/b?c#d",
            "http://127.0.0.1:1",
            "https://127.0.0.1/",
            "https://[::1]:5000/",
            "http://project_web_1:80/",
            "http://ab--c/",
            "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.test/",
            "https://xn--bcher-kva.test/",
            "http://a/b c?%zz",
        ):
            self.assertEqual(parse_page(text), Page(text), text)

    def test_user(self) -> None:
        """The user stands apart, and an empty port is none."""
        self.assertEqual(parse_page("http://u:p@a:/b@c"), Page("http://a/b@c", "u:p"))
        self.assertEqual(parse_page("http://@[::1]:/"), Page("http://[::1]/", ""))
        self.assertEqual(without_user("http://u:p@q@[::1/b@c"), "http://[::1/b@c")
        self.assertEqual(without_user("//a/b@c"), "//a/b@c")

    def test_bad(self) -> None:
        """Servers that there cannot be."""
        for text in (
            "",
            "a",
            "//a/",
            "ftp://a/",
            "http://",
            "http:///a",
            "http://u@/",
            "http://a:b/",
            "http://a:0/",
            "http://a:65536/",
            f"http://a:{'9' * 5000}/",
            "http://[::1",
            "http://[::1]x/",
            "http://[::g]/",
            "http://[127.0.0.1]/",
            "http://[fe80::1%25eth0]/",
            "http://::1/",
            "http://a b/",
            "http://a\n/",
            "http://a/%zz",
            "http://a..b/",
            "http://-a/",
            "http://%61/",
            "http://\N{SNOWMAN}.example/",
            "http://xn--\N{SNOWMAN}/",
            "http://xn--a/",
            f"http://{'a' * 64}/",
            "http://a/\ud800",
            "https://project_web_1/",
            "https://ab--c/",
        ):
            self.assertRaises(NotAnAddress, parse_page, text)
