"""The section ``health``: what must be well for the registry to serve."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import unquote_to_bytes

from txregistry.config.addresses import NotAnAddress, Page, is_host, parse_address, parse_page, without_user
from txregistry.config.cursor import Cursor
from txregistry.config.findings import quoted
from txregistry.config.http import read_headers
from txregistry.config.values import FileCheck, HealthConfig, HttpCheck, StorageCheck, TcpCheck

#: Seconds between two looks, by default.
INTERVAL = 10.0
#: The fewest seconds between two looks; with fewer, nothing else would be done.
LEAST_INTERVAL = 0.1
#: What the name of the check of the storage begins with.
STORAGE = "storagedriver_"
#: Seconds in which another server must answer; distribution waits for ever by default.
TIMEOUT = 30.0


def read_health(root: Cursor) -> HealthConfig:
    """Read the checks, from the top of the configuration."""
    health = root.section("health")
    names: set[str] = set()
    storage = _storage(health.section("storagedriver"))
    return HealthConfig(
        storage,
        tuple(_file(check, names, storage is not None) for check in health.sections("file")),
        tuple(_http(check, names) for check in health.sections("http")),
        tuple(_tcp(check, names) for check in health.sections("tcp")),
    )


def _storage(storage: Cursor) -> StorageCheck | None:
    interval, threshold = _interval(storage), _threshold(storage)
    return StorageCheck(interval, threshold) if storage.boolean("enabled") else None


def _file(check: Cursor, names: set[str], beside_storage: bool) -> FileCheck:
    path = check.text("file")
    if not path:
        check.fault("file", "must name a file")
    elif beside_storage and path.startswith(STORAGE):
        check.fault("file", f"is called like the check of the storage: {quoted(path)}")
    if _threshold(check) > 1:
        check.warn("threshold", "has no effect on files")
    return FileCheck(_once(check, "file", path, names), _interval(check))


def _http(check: Cursor, names: set[str]) -> HttpCheck:
    page = _page(check)
    status = check.integer("statuscode") or 200
    if not 100 <= status <= 599:
        check.fault("statuscode", f"must be from 100 to 599, not {status}")
    return HttpCheck(
        _once(check, "uri", page.uri, names),
        status,
        _headers(check, page.user),
        _timeout(check),
        _interval(check),
        _threshold(check),
    )


def _page(check: Cursor) -> Page:
    text = check.text("uri")
    try:
        return parse_page(text)
    except NotAnAddress as problem:
        shown = quoted(without_user(text))
        check.fault("uri", f"must be a URL such as https://example.com/, but {shown} {problem}")
        return Page(without_user(text))


def _headers(check: Cursor, user: str | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What is sent along, with the credentials of *user* unless others are given."""
    headers = read_headers(check.section("headers"))
    if user is None or any(name.lower() == "authorization" for name, _ in headers):
        return headers
    name, _, password = user.partition(":")
    credentials = b64encode(unquote_to_bytes(name) + b":" + unquote_to_bytes(password)).decode("ascii")
    return (*headers, ("Authorization", (f"Basic {credentials}",)))


def _tcp(check: Cursor, names: set[str]) -> TcpCheck:
    addr = check.text("addr")
    host, port = "", 0
    try:
        address = parse_address(addr)
        host, port = address.host or "localhost", address.port
        if not port or not is_host(host):
            raise NotAnAddress("must be host:port")
    except NotAnAddress as problem:
        check.fault("addr", f"{problem}, not {quoted(addr)}")
    return TcpCheck(
        _once(check, "addr", addr, names), host, port, _timeout(check), _interval(check), _threshold(check)
    )


def _once(check: Cursor, key: str, name: str, names: set[str]) -> str:
    """*name*, by which a check is known, and no other one."""
    if name in names:
        check.fault(key, f"is checked twice: {quoted(name)}")
    names.add(name)
    return name


def _interval(check: Cursor) -> float:
    seconds = check.seconds("interval")
    if seconds <= 0:
        return INTERVAL
    if seconds < LEAST_INTERVAL:
        check.warn("interval", f"taken as {LEAST_INTERVAL:g}s; a number without a unit means nanoseconds")
        return LEAST_INTERVAL
    return seconds


def _timeout(check: Cursor) -> float:
    return check.seconds("timeout") if check.seconds("timeout") > 0 else TIMEOUT


def _threshold(check: Cursor) -> int:
    return max(1, check.integer("threshold"))
