"""Faults and warnings as lines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txregistry.config.findings import Findings, dotted, quoted


class DottedTests(SynchronousTestCase):
    """Key paths as text."""

    def test_keys_and_indexes(self) -> None:
        """Keys are joined by dots, indexes stand in brackets."""
        self.assertEqual("notifications.endpoints[0].url", dotted(("notifications", "endpoints", 0, "url")))

    def test_odd_keys(self) -> None:
        """A key that would tear the line apart is quoted."""
        self.assertEqual("log.fields.'a b'.''.'c\\nd'", dotted(("log", "fields", "a b", "", "c\nd")))


class QuotedTests(SynchronousTestCase):
    """Pieces of the configuration in messages."""

    def test_short_and_on_one_line(self) -> None:
        """A piece is cut, and its line ends are escaped."""
        self.assertEqual("'a\\nb'", quoted("a\nb"))
        self.assertLess(len(quoted("x" * 10_000)), 50)


class FindingsTests(SynchronousTestCase):
    """The collected lines."""

    def test_lines(self) -> None:
        """Each finding is a line that begins with its path."""
        findings = Findings()
        findings.fault(("http", "net"), "wrong")
        findings.warn(("foo",), "ignored")
        self.assertEqual((["http.net: wrong"], ["foo: ignored"]), (findings.faults, findings.warnings))

    def test_origin(self) -> None:
        """What came from the environment, or stands below that, names the variable that gave it."""
        findings = Findings()
        findings.came_from(("http",), "REGISTRY_HTTP")
        findings.came_from(("http", "net"), "REGISTRY_HTTP_NET")
        findings.fault(("http", "net"), "wrong")
        findings.fault(("http", "addr"), "wrong")
        findings.fault(("httpd",), "wrong")
        self.assertEqual(
            [
                "http.net: wrong (set by REGISTRY_HTTP_NET)",
                "http.addr: wrong (set by REGISTRY_HTTP)",
                "httpd: wrong",
            ],
            findings.faults,
        )
