"""
What distribution can do and this daemon cannot.

A setting that would have an effect there is refused if somebody would miss it, else warned of.  One that
would not (a section that is switched off, say) is let pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from txregistry.config.cursor import Cursor

NOT_YET = "not supported yet"


def refuse_unsupported(root: Cursor) -> None:
    """Note a fault or a warning for each setting that would have to do something."""
    _notifications(root.section("notifications"))
    if root.section("proxy").text("remoteurl"):
        root.fault("proxy", NOT_YET)
    _compatibility(root.section("compatibility"))
    _reporting(root.section("reporting"))


def warn_of_tracing(root: Cursor, environ: Mapping[str, str]) -> None:
    """Say it once if *environ* tells distribution 3 where to send traces."""
    names = sorted(name for name in environ if name.startswith("OTEL_") and name.isprintable())
    if names and environ.get("OTEL_TRACES_EXPORTER") != "none":
        root.warn_of(",".join(names), "no effect, the daemon sends no traces")


def _notifications(notifications: Cursor) -> None:
    if any(not endpoint.boolean("disabled") for endpoint in notifications.sections("endpoints")):
        notifications.fault("endpoints", NOT_YET)


def _compatibility(compatibility: Cursor) -> None:
    schema1 = compatibility.section("schema1")
    if schema1.boolean("enabled"):
        compatibility.fault("schema1", "not supported, distribution 3 has dropped it")
    elif schema1.text("signingkeyfile"):
        schema1.warn("signingkeyfile", "has no effect without enabled: true")


def _reporting(reporting: Cursor) -> None:
    for service, key in (("bugsnag", "apikey"), ("newrelic", "licensekey")):
        if reporting.section(service).text(key):
            reporting.warn(service, "has no effect, nothing is reported; log.hooks can mail errors")
