"""The section ``http.debug``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import KINDS
from txregistry.config.addresses import Address
from txregistry.config.reading import Reading, read_config
from txregistry.config.values import DebugConfig

BASE = "version: 0.1\nstorage: inmemory\n"


def read(text: str) -> Reading:
    """Read a configuration whose section ``http.debug`` is *text*."""
    return read_config(f"{BASE}http: {{addr: ':5000', debug: {text}}}\n", {}, KINDS)


class DebugTests(SynchronousTestCase):
    """Where the debug server is, and what it has."""

    def read(self, text: str) -> DebugConfig | None:
        """What comes of *text*, which is read without complaint."""
        reading = read(text)
        self.assertEqual((reading.faults, reading.warnings), ((), ()))
        return reading.require().http.debug

    def test_none(self) -> None:
        """There is no debug server unless it has an address."""
        self.assertIsNone(self.read("{}"))
        self.assertIsNone(self.read("{addr: '', prometheus: {enabled: false, path: x}}"))

    def test_address(self) -> None:
        """Metrics are off by default."""
        self.assertEqual(self.read("{addr: ':5001'}"), DebugConfig(Address("", 5001)))
        self.assertEqual(
            self.read("{addr: '[::1]:5001', prometheus: {path: nowhere}}"), DebugConfig(Address("::1", 5001))
        )

    def test_prometheus(self) -> None:
        """Metrics are at their usual path unless another is given."""
        for path, expected in (
            ("", "/metrics"),
            (", path: ''", "/metrics"),
            (", path: /", "/"),
            (", path: /a/b", "/a/b"),
            (", path: /debugging", "/debugging"),
        ):
            self.assertEqual(
                self.read(f"{{addr: '127.0.0.1:5001', prometheus: {{enabled: true{path}}}}}"),
                DebugConfig(Address("127.0.0.1", 5001), expected),
            )

    def test_metrics_without_server(self) -> None:
        """Metrics that nobody can ask for are warned about, and not counted."""
        reading = read("{prometheus: {enabled: true, path: nowhere}}")
        self.assertIsNone(reading.require().http.debug)
        self.assertEqual(
            reading.warnings, ("http.debug.prometheus.enabled: has no effect without http.debug.addr",)
        )

    def test_faults(self) -> None:
        """An address or a path that cannot be used is a fault."""
        for text, fault in (
            ("{addr: x}", "http.debug.addr: must be host:port, not 'x'"),
            (
                "{addr: ':5001', prometheus: {enabled: true, path: metrics}}",
                "http.debug.prometheus.path: must begin with a slash, not 'metrics'",
            ),
            (
                "{addr: ':5001', prometheus: {enabled: true, path: /debug/vars}}",
                "http.debug.prometheus.path: must be outside of /debug/, where other pages are, "
                "not '/debug/vars'",
            ),
            (
                "{addr: ':5001', prometheus: {enabled: true, path: /debug}}",
                "http.debug.prometheus.path: must be outside of /debug/, where other pages are, not '/debug'",
            ),
        ):
            self.assertEqual(read(text).faults, (fault,), text)
