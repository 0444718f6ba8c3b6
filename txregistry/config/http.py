"""The section ``http``, as far as the daemon speaks it; the rest is refused in :mod:`unsupported`."""

from __future__ import annotations

import re

from txregistry.config.addresses import NotAnAddress, is_absolute, parse_address, url_problem
from txregistry.config.cursor import Cursor
from txregistry.config.debug import read_debug
from txregistry.config.findings import quoted
from txregistry.config.tls import read_tls
from txregistry.config.values import HttpConfig

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE_ENDS = re.compile(r"[\r\n]")


def read_http(root: Cursor) -> HttpConfig:
    """Read how the registry is reached, from the top of the configuration."""
    http = root.section("http")
    net = _net(http)
    return HttpConfig(
        addr=_addr(http, net),
        net=net,
        prefix=_prefix(http),
        host=_host(http),
        relativeurls=http.boolean("relativeurls"),
        secret=http.text("secret") or None,
        headers=read_headers(http.section("headers")),
        draintimeout=max(0.0, http.seconds("draintimeout")),
        tls=read_tls(http),
        debug=read_debug(http),
    )


def _net(http: Cursor) -> str:
    net = http.text("net") or "tcp"
    if net in ("tcp", "unix"):
        return net
    http.fault("net", f"must be tcp or unix, not {quoted(net)}")
    return "tcp"


def _addr(http: Cursor, net: str) -> str:
    addr = http.text("addr")
    if net == "unix":
        if not addr:
            http.fault("addr", "must be the path of a socket, since net is unix")
        return addr
    if not addr:
        http.warn("addr", "not given, so any free port of every interface is used")
    try:
        parse_address(addr)
    except NotAnAddress as problem:
        http.fault("addr", f"{problem}, not {quoted(addr)}")
    return addr


def _prefix(http: Cursor) -> str:
    prefix = http.text("prefix")
    if prefix and not prefix.startswith("/"):
        # distribution starts, and answers every request with 404.
        http.fault("prefix", f"must begin with a slash, not {quoted(prefix)}")
    return prefix


def _host(http: Cursor) -> str:
    host = http.text("host")
    if not host:
        return ""
    if problem := url_problem(host):
        http.fault(
            "host", f"must be a URL such as https://registry.example.com, but {quoted(host)} {problem}"
        )
        return ""
    if not is_absolute(host):
        http.warn("host", f"has no effect, {quoted(host)} is no absolute URL")
        return ""
    return host


def read_headers(headers: Cursor) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read a mapping of header names to lists of values, sorted; a name that cannot be one is left out."""
    kept = []
    for name in sorted(headers):
        values = tuple(_LINE_ENDS.sub(" ", value).strip() for value in headers.texts(name))
        if not _TOKEN.fullmatch(name):
            headers.warn(name, "ignored, since no header can have this name")
        elif values:
            kept.append((name, values))
    return tuple(kept)
