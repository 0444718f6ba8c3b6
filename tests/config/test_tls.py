"""The section ``http.tls``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.reading import Reading
from txregistry.config.values import TlsConfig
from txregistry.model.tls import CLIENT_AUTH, MODERN_SUITES, OLDER_SUITES, REQUIRE_AND_VERIFY, VERSIONS

PAIR = "certificate: /c.pem, key: /k.pem"


def reading(tls: str, environ: dict[str, str] | None = None) -> Reading:
    """Read a tls section."""
    return read(f"version: 0.1\nstorage: inmemory\nhttp: {{addr: ':5000', tls: {{{tls}}}}}\n", environ)


class ReadTlsTests(SynchronousTestCase):
    """How connections are encrypted."""

    def good(self, tls: str, environ: dict[str, str] | None = None) -> TlsConfig | None:
        """Read without fault or warning."""
        result = reading(tls, environ)
        self.assertEqual(((), ()), (result.faults, result.warnings), tls)
        return result.require().http.tls

    def assert_faults(self, tls: str, *faults: str) -> None:
        self.assertEqual(faults, reading(tls).faults, tls)

    def test_none(self) -> None:
        """Without a certificate nothing is encrypted, and a section of empty values says nothing."""
        for tls in ("", "certificate: '', key: ", "clientcas: [], ciphersuites: [], letsencrypt: {email: e}"):
            self.assertIsNone(self.good(tls))

    def test_pair(self) -> None:
        """A certificate and a key are enough: TLS 1.2, good suites, and no certificates of clients."""
        self.assertEqual(TlsConfig("/c.pem", "/k.pem", (), REQUIRE_AND_VERIFY, "tls1.2", ()), self.good(PAIR))

    def test_all(self) -> None:
        """Each key has its field."""
        self.assertEqual(
            TlsConfig(
                certificate="/c.pem",
                key="/k.pem",
                clientcas=("/a.pem", "/b.pem"),
                clientauth="request-client-cert",
                minimum="tls1.1",
                ciphersuites=("TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_AES_128_GCM_SHA256"),
            ),
            self.good(
                f"{PAIR}, clientcas: [/a.pem, /b.pem], clientauth: request-client-cert, minimumtls: tls1.1, "
                "ciphersuites: [TLS_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256], "
                "letsencrypt: {hosts: [h]}"
            ),
        )

    def test_half_a_pair(self) -> None:
        """A certificate without key and a key without certificate are mistakes, never plain connections."""
        self.assert_faults("certificate: c", "http.tls.key: must be given, since tls.certificate is")
        self.assert_faults("key: k", "http.tls.certificate: must be given, since tls.key is")

    def test_without_certificate(self) -> None:
        """Whoever says anything else of TLS may believe that connections are encrypted, and is warned."""
        for tls in ("clientcas: [/a.pem]", "minimumtls: tls9", "ciphersuites: [x]", "clientauth: x"):
            result = reading(tls)
            self.assertIsNone(result.require().http.tls)
            self.assertEqual(
                ("http.tls: has no effect without tls.certificate, connections are not encrypted",),
                result.warnings,
            )

    def test_letsencrypt(self) -> None:
        """The daemon fetches no certificates; a cache file with a certificate is refused there, too."""
        self.assert_faults(
            "letsencrypt: {cachefile: f}",
            "http.tls.letsencrypt: not supported, have an ACME client renew the files of tls.certificate "
            "and tls.key",
        )
        self.assert_faults(
            f"{PAIR}, letsencrypt: {{cachefile: f}}",
            "http.tls.letsencrypt: cannot be given together with tls.certificate",
        )

    def test_clientauth(self) -> None:
        """Each way of asking clients has its name; others are none; it says nothing without authorities."""
        for name in CLIENT_AUTH:
            tls = self.good(f"{PAIR}, clientcas: [/a.pem], clientauth: {name}")
            self.assertEqual(name, tls.clientauth if tls else None)
        self.assert_faults(
            f"{PAIR}, clientcas: [/a.pem], clientauth: Request-Client-Cert",
            f"http.tls.clientauth: must be one of {', '.join(CLIENT_AUTH)}, not 'Request-Client-Cert'",
        )
        self.assertEqual(
            ("http.tls.clientauth: has no effect without tls.clientcas, clients need no certificate",),
            reading(f"{PAIR}, clientauth: request-client-cert").warnings,
        )

    def test_clientcas(self) -> None:
        """An authority is a path."""
        self.assert_faults(
            f"{PAIR}, clientcas: [/a, '']", "http.tls.clientcas[1]: must be the path of a file"
        )
        self.assert_faults(f"{PAIR}, clientcas: /a", "http.tls.clientcas: must be a list, not a single value")

    def test_minimum(self) -> None:
        """Each version has its name; others are none."""
        for name in VERSIONS[2:]:
            tls = self.good(f"{PAIR}, minimumtls: {name}")
            self.assertEqual(name, tls.minimum if tls else None)
        self.assert_faults(
            f"{PAIR}, minimumtls: '1.2'",
            "http.tls.minimumtls: must be tls1.0, tls1.1, tls1.2 or tls1.3, not '1.2'",
        )

    def test_suites(self) -> None:
        """Go's name of each suite is known, and each that is not is told with its place."""
        for name in (*MODERN_SUITES, *OLDER_SUITES):
            tls = reading(f"{PAIR}, ciphersuites: [{name}]").require().http.tls
            self.assertEqual((name,), tls.ciphersuites if tls else None)
        self.assert_faults(
            f"{PAIR}, ciphersuites: [TLS_RSA_WITH_AES_128_CBC_SHA, AES128-SHA, x]",
            "http.tls.ciphersuites[1]: unknown TLS cipher suite 'AES128-SHA'",
            "http.tls.ciphersuites[2]: unknown TLS cipher suite 'x'",
        )

    def test_idle_versions(self) -> None:
        """A minimum that no suite has, and a suite that no version has, are worth a word."""
        for tls, warning in (
            (
                "minimumtls: tls1.0",
                "http.tls.minimumtls: tls1.0 has no effect, since no cipher suite named is older than tls1.2",
            ),
            (
                "minimumtls: tls1.1, ciphersuites: [TLS_RSA_WITH_AES_128_GCM_SHA256]",
                "http.tls.minimumtls: tls1.1 has no effect, since no cipher suite named is older than tls1.2",
            ),
            (
                "minimumtls: tls1.2, ciphersuites: [TLS_AES_128_GCM_SHA256]",
                "http.tls.ciphersuites: all are of tls1.3, so no older version is spoken",
            ),
            (
                "minimumtls: tls1.3, ciphersuites: [TLS_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_GCM_SHA256]",
                "http.tls.ciphersuites: TLS_RSA_WITH_AES_128_GCM_SHA256 has no effect, since the minimum is "
                "tls1.3",
            ),
        ):
            result = reading(f"{PAIR}, {tls}")
            self.assertEqual(((), (warning,)), (result.faults, result.warnings))
        self.good(f"{PAIR}, minimumtls: tls1.0, ciphersuites: [TLS_RSA_WITH_AES_128_CBC_SHA]")

    def test_environment(self) -> None:
        """All of it can be given in the environment."""
        self.assertEqual(
            TlsConfig(
                "/x.pem", "/k.pem", ("/a.pem",), ciphersuites=("TLS_AES_128_GCM_SHA256",), minimum="tls1.3"
            ),
            self.good(
                PAIR,
                {
                    "REGISTRY_HTTP_TLS_CERTIFICATE": "/x.pem",
                    "REGISTRY_HTTP_TLS_CLIENTCAS": "[/a.pem]",
                    "REGISTRY_HTTP_TLS_MINIMUMTLS": "tls1.3",
                    "REGISTRY_HTTP_TLS_CIPHERSUITES": "[TLS_AES_128_GCM_SHA256]",
                },
            ),
        )
        result = reading(PAIR, {"REGISTRY_HTTP_TLS_MINIMUMTLS": "x"})
        self.assertIn("(set by REGISTRY_HTTP_TLS_MINIMUMTLS)", result.faults[0])

    def test_http2(self) -> None:
        """HTTP/2 may be switched off, since it is; over plain connections it cannot be switched on."""
        self.assertEqual(((), ()), _outcome("http: {http2: {disabled: true}, h2c: {enabled: false}}"))
        self.assertEqual(((), ()), _outcome("http: {http2: {disabled: false}}"))
        self.assertEqual(
            ("http.h2c: not supported, the daemon speaks HTTP/1.1",),
            _outcome("http: {h2c: {enabled: true}}")[0],
        )


def _outcome(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    result = read(f"{LEAST}{text}\n")
    return result.faults, tuple(line for line in result.warnings if "more than once" not in line)
