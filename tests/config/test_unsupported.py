"""What is refused because it is not there, and what is warned of."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read

REFUSED = [
    ("auth: mine", "auth.mine: unknown kind of access control"),
    ("auth: {none: , token: }", "auth: must name exactly one kind, not 'none' and 'token'"),
    ("notifications: {endpoints: [{disabled: yes}, {url: u}]}", "notifications.endpoints: not supported yet"),
    ("proxy: {remoteurl: 'https://example.com'}", "proxy: not supported yet"),
    (
        "compatibility: {schema1: {enabled: true}}",
        "compatibility.schema1: not supported, distribution 3 has dropped it",
    ),
]

WITHOUT_EFFECT = [
    "auth:",
    "auth: none",
    "auth: {None: {}}",
    "auth: {}",
    "middleware: {storage: [], registry: , repository: []}",
    "reporting: {bugsnag: {endpoint: e}, newrelic: {name: n, verbose: true}}",
    "http: {http2: {disabled: true}, h2c: {enabled: false}}",
    "http: {tls: {certificate: '', key: '', clientcas: [], letsencrypt: {email: e}}}",
    "notifications: {events: {includereferences: true}, endpoints: [{disabled: true, url: u}]}",
    "redis: {password: p, db: 1, pool: {maxidle: 16}, dialtimeout: 10ms}",
    "health: {storagedriver: {enabled: false, interval: 10s, threshold: 3}, file: []}",
    "proxy: {username: u, password: p, ttl: 168h}",
    "compatibility: {schema1: {enabled: false}}",
]

WARNED = [
    (
        "reporting: {bugsnag: {apikey: k}}",
        "reporting.bugsnag: has no effect, nothing is reported; log.hooks can mail errors",
    ),
    (
        "reporting: {newrelic: {licensekey: k}}",
        "reporting.newrelic: has no effect, nothing is reported; log.hooks can mail errors",
    ),
    ("auth: {none: {realm: r}}", "auth.none.realm: unknown key, ignored"),
    ("middleware: {tags: [{name: x}]}", "middleware.tags: unknown key, ignored"),
    (
        "compatibility: {schema1: {signingkeyfile: k}}",
        "compatibility.schema1.signingkeyfile: has no effect without enabled: true",
    ),
]

SECTIONS = (
    *("auth", "middleware", "reporting", "notifications", "redis", "health", "proxy", "compatibility"),
    *("validation", "policy"),
)


class RefuseUnsupportedTests(SynchronousTestCase):
    """A setting is refused when it would have an effect in distribution."""

    def test_with_effect(self) -> None:
        """Each of these would do something, so it stops the start."""
        for text, fault in REFUSED:
            self.assertEqual((fault,), read(f"{LEAST}{text}\n").faults, text)

    def test_without_effect(self) -> None:
        """Each of these would do nothing, so it is let pass."""
        for text in WITHOUT_EFFECT:
            result = read(f"{LEAST}{text}\n")
            warnings = [line for line in result.warnings if not line.startswith("http: given more than once")]
            self.assertEqual(((), []), (result.faults, warnings), text)

    def test_with_a_warning(self) -> None:
        """Each of these has no effect in distribution either, but somebody may believe it has."""
        for text, warning in WARNED:
            result = read(f"{LEAST}{text}\n")
            result.require()
            self.assertIn(warning, result.warnings, text)

    def test_tracing(self) -> None:
        """Variables that tell distribution where to send traces are warned of, unless it shall send none."""
        variables = {"OTEL_SERVICE_NAME": "r", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://traces.example.com"}
        told = "OTEL_EXPORTER_OTLP_ENDPOINT,OTEL_SERVICE_NAME: no effect, the daemon sends no traces"
        result = read(LEAST, variables)
        self.assertEqual((result.faults, result.warnings), ((), (told,)))
        result = read(LEAST, {**variables, "OTEL_TRACES_EXPORTER": "none"})
        self.assertEqual((result.faults, result.warnings), ((), ()))

    def test_empty_sections(self) -> None:
        """An empty section says nothing."""
        for section in SECTIONS:
            self.assertEqual(((), ()), _outcome(f"{section}:\n"))

    def test_wrong_types(self) -> None:
        """A wrong type is a fault even in a section that would have no effect."""
        for section in SECTIONS:
            self.assertEqual((f"{section}: must be a mapping, not a list",), _outcome(f"{section}: []\n")[0])
        self.assertEqual(
            (
                "redis.db: must be an integer, not 'x'",
                "health.storagedriver.interval: must be a duration such as 30s, not 'often'",
                "notifications.endpoints[0].threshold: must be an integer, not 'x'",
            ),
            _outcome(
                "redis: {db: x}\nhealth: {storagedriver: {interval: often}}\n"
                "notifications: {endpoints: [{disabled: yes, threshold: x}]}\n"
            )[0],
        )


def _outcome(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    result = read(LEAST + text)
    return result.faults, result.warnings
