"""The section ``http``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import read
from txregistry.config.reading import Reading
from txregistry.config.values import HttpConfig


def reading(http: str) -> Reading:
    """Read an http section."""
    return read(f"version: 0.1\nstorage: inmemory\nhttp: {http}\n")


class ReadHttpTests(SynchronousTestCase):
    """How the registry is reached."""

    def good(self, http: str) -> HttpConfig:
        """Read without fault or warning."""
        result = reading(http)
        self.assertEqual(((), ()), (result.faults, result.warnings))
        return result.require().http

    def warned(self, http: str) -> tuple[HttpConfig, tuple[str, ...]]:
        """Read with warnings."""
        result = reading(http)
        return result.require().http, result.warnings

    def test_defaults(self) -> None:
        """Only the address need be given."""
        self.assertEqual(HttpConfig(addr=":5000"), self.good("{addr: ':5000', net: , headers: , secret: ''}"))

    def test_all(self) -> None:
        """Each key has its field."""
        self.assertEqual(
            HttpConfig(
                addr="127.0.0.1:5000",
                net="tcp",
                prefix="/reg",
                host="https://registry.example.com/x/",
                relativeurls=True,
                secret="0x10",
                headers=(("X-A", ("1", "b c")), ("x-a", ("",))),
                draintimeout=90.0,
            ),
            self.good(
                "{addr: '127.0.0.1:5000', net: tcp, prefix: /reg, host: 'https://registry.example.com/x/', "
                "relativeurls: on, secret: 0x10, headers: {X-A: [1, b c], x-a: [~], X-B: []}, "
                "draintimeout: 1m30s}"
            ),
        )

    def test_unix(self) -> None:
        """A socket in the file system has a path for an address."""
        self.assertEqual(
            HttpConfig(addr="/run/r.sock", net="unix"), self.good("{addr: /run/r.sock, net: unix}")
        )
        self.assertEqual(
            ("http.addr: must be the path of a socket, since net is unix",), reading("{net: unix}").faults
        )

    def test_no_address(self) -> None:
        """Without an address any port will do, which is worth a word."""
        for http in ("", "{}", "{addr: ''}"):
            self.assertEqual(
                (HttpConfig(), ("http.addr: not given, so any free port of every interface is used",)),
                self.warned(http),
            )

    def test_faults(self) -> None:
        """What cannot be listened on or linked to is refused, all of it at once."""
        self.assertEqual(
            (
                "http.net: must be tcp or unix, not 'udp'",
                "http.addr: must be host:port, not '5000'",
                "http.prefix: must begin with a slash, not 'reg/'",
                "http.host: must be a URL such as https://registry.example.com, but '127.0.0.1:5000' "
                "begins with something that is neither scheme nor path",
            ),
            reading("{addr: 5000, net: udp, prefix: reg/, host: '127.0.0.1:5000'}").faults,
        )

    def test_useless_host(self) -> None:
        """A host that is no absolute URL is left aside, with a warning."""
        self.assertEqual(
            (
                HttpConfig(addr=":0"),
                ("http.host: has no effect, 'registry.example.com' is no absolute URL",),
            ),
            self.warned("{addr: ':0', host: registry.example.com}"),
        )

    def test_odd_headers(self) -> None:
        """A header that cannot be sent is left out; a line end in a value cannot begin another header."""
        http, warnings = self.warned('{addr: ":0", headers: {"X A": [a], X-B: ["b\\r\\nX-C: c"]}}')
        self.assertEqual((("X-B", ("b  X-C: c",)),), http.headers)
        self.assertEqual(("http.headers.'X A': ignored, since no header can have this name",), warnings)

    def test_negative_drain_timeout(self) -> None:
        """Less than no time is no time."""
        self.assertEqual(0.0, self.good("{addr: ':0', draintimeout: -5s}").draintimeout)

    def test_secret_is_not_shown(self) -> None:
        """Printing a configuration does not give the secret away."""
        self.assertNotIn("hidden", repr(self.good("{addr: ':0', secret: hidden}")))
