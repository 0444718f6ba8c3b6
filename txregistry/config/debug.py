"""The section ``http.debug``."""

from __future__ import annotations

from txregistry.config.addresses import NotAnAddress, parse_address
from txregistry.config.cursor import Cursor
from txregistry.config.findings import quoted
from txregistry.config.values import DebugConfig

#: Where metrics are if nothing else is said.
METRICS = "/metrics"
#: Below it are the pages of the debug server; without its last slash it leads there.
PAGES = "/debug/"


def read_debug(http: Cursor) -> DebugConfig | None:
    """Read where the debug server listens, and whether it has metrics; ``None`` if there shall be none."""
    debug = http.section("debug")
    prometheus = debug.section("prometheus")
    enabled = prometheus.boolean("enabled")
    addr = debug.text("addr")
    if not addr:
        if enabled:
            prometheus.warn("enabled", "has no effect without http.debug.addr")
        return None
    path = _path(prometheus) if enabled else None
    try:
        address = parse_address(addr)
    except NotAnAddress as problem:
        debug.fault("addr", f"{problem}, not {quoted(addr)}")
        return None
    return DebugConfig(address, path)


def _path(prometheus: Cursor) -> str:
    path = prometheus.text("path") or METRICS
    if not path.startswith("/"):
        # distribution starts, and has no metrics anywhere.
        prometheus.fault("path", f"must begin with a slash, not {quoted(path)}")
    elif f"{path}/".startswith(PAGES):
        prometheus.fault("path", f"must be outside of {PAGES}, where other pages are, not {quoted(path)}")
    return path
