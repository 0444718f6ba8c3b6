"""The section ``health``: what must be well for the registry to serve."""

from __future__ import annotations

from txregistry.config.addresses import NotAnAddress, is_absolute, is_host, parse_address
from txregistry.config.cursor import Cursor
from txregistry.config.findings import quoted
from txregistry.config.http import read_headers
from txregistry.config.values import FileCheck, HealthConfig, HttpCheck, StorageCheck, TcpCheck

#: Seconds between two looks, by default.
INTERVAL = 10.0
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
    uri = check.text("uri")
    if not is_absolute(uri) or not uri.lower().startswith(("http://", "https://")):
        check.fault("uri", f"must be a URL such as https://example.com/, not {quoted(uri)}")
    status = check.integer("statuscode") or 200
    return HttpCheck(
        _once(check, "uri", uri, names),
        status,
        read_headers(check.section("headers")),
        _timeout(check),
        _interval(check),
        _threshold(check),
    )


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
    return check.seconds("interval") if check.seconds("interval") > 0 else INTERVAL


def _timeout(check: Cursor) -> float:
    return check.seconds("timeout") if check.seconds("timeout") > 0 else TIMEOUT


def _threshold(check: Cursor) -> int:
    return max(1, check.integer("threshold"))
