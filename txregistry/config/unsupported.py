"""
What distribution can do and this daemon cannot yet: one function per section, to be taken away one by one.

A setting is refused when it would have an effect there.  One that would not (a section that is switched
off, say) is let pass.
"""

from __future__ import annotations

from txregistry.config.cursor import Cursor

NOT_YET = "not supported yet"


def refuse_unsupported(root: Cursor) -> None:
    """Note a fault for each setting that would have to do something."""
    _middleware(root.section("middleware"))
    _reporting(root.section("reporting"))
    _notifications(root.section("notifications"))
    _proxy(root)
    _compatibility(root.section("compatibility"))


def _middleware(middleware: Cursor) -> None:
    for kind in middleware:
        if not any(middleware.sections(kind)):
            continue
        if kind in ("registry", "repository", "storage"):
            middleware.fault(kind, NOT_YET)
        else:
            middleware.warn(kind, "unknown key, ignored")


def _reporting(reporting: Cursor) -> None:
    for service, key in (("bugsnag", "apikey"), ("newrelic", "licensekey")):
        if reporting.section(service).text(key):
            reporting.fault(service, NOT_YET)


def _notifications(notifications: Cursor) -> None:
    if any(not endpoint.boolean("disabled") for endpoint in notifications.sections("endpoints")):
        notifications.fault("endpoints", NOT_YET)


def _proxy(root: Cursor) -> None:
    if root.section("proxy").text("remoteurl"):
        root.fault("proxy", NOT_YET)


def _compatibility(compatibility: Cursor) -> None:
    schema1 = compatibility.section("schema1")
    if schema1.boolean("enabled"):
        compatibility.fault("schema1", NOT_YET)
    elif schema1.text("signingkeyfile"):
        schema1.warn("signingkeyfile", "has no effect without enabled: true")
