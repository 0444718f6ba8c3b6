"""The section ``http.tls``.  The files that it names are not looked at here."""

from __future__ import annotations

from txregistry.config.cursor import Cursor
from txregistry.config.findings import quoted
from txregistry.config.values import TlsConfig
from txregistry.model.tls import (
    CLIENT_AUTH,
    MINIMUM,
    MODERN_SUITES,
    OLDER_SUITES,
    REQUIRE_AND_VERIFY,
    VERSIONS,
    works_before_tls12,
)


def read_tls(http: Cursor) -> TlsConfig | None:
    """Read how connections are encrypted, from the section ``http``; ``None`` if they are not."""
    if http.section("h2c").boolean("enabled"):
        http.fault("h2c", "not supported, the daemon speaks HTTP/1.1")
    tls = http.section("tls")
    certificate, key = tls.text("certificate"), tls.text("key")
    if tls.section("letsencrypt").text("cachefile"):
        if certificate:
            tls.fault("letsencrypt", "cannot be given together with tls.certificate")
        else:
            tls.fault(
                "letsencrypt",
                "not supported, have an ACME client renew the files of tls.certificate and tls.key",
            )
    elif not certificate and key:
        tls.fault("certificate", "must be given, since tls.key is")
    elif certificate and not key:
        tls.fault("key", "must be given, since tls.certificate is")
    elif not certificate and any(tls.raw(other) for other in tls if other != "letsencrypt"):
        http.warn("tls", "has no effect without tls.certificate, connections are not encrypted")
    if not certificate:
        return None
    clientcas = _clientcas(tls)
    minimum, ciphersuites = _minimum(tls), _ciphersuites(tls)
    _mind_the_versions(tls, minimum, ciphersuites)
    return TlsConfig(certificate, key, clientcas, _clientauth(tls, bool(clientcas)), minimum, ciphersuites)


def _clientcas(tls: Cursor) -> tuple[str, ...]:
    paths = tls.texts("clientcas")
    for index, path in enumerate(paths):
        if not path:
            tls.fault_item("clientcas", index, "must be the path of a file")
    return paths


def _clientauth(tls: Cursor, has_authorities: bool) -> str:
    value = tls.text("clientauth")
    if not value:
        return REQUIRE_AND_VERIFY
    if value not in CLIENT_AUTH:
        tls.fault("clientauth", f"must be one of {', '.join(CLIENT_AUTH)}, not {quoted(value)}")
        return REQUIRE_AND_VERIFY
    if not has_authorities:
        tls.warn("clientauth", "has no effect without tls.clientcas, clients need no certificate")
    return value


def _minimum(tls: Cursor) -> str:
    value = tls.text("minimumtls")
    if not value:
        return MINIMUM
    if value not in VERSIONS:
        tls.fault("minimumtls", f"must be {', '.join(VERSIONS[:-1])} or {VERSIONS[-1]}, not {quoted(value)}")
        return MINIMUM
    return value


def _ciphersuites(tls: Cursor) -> tuple[str, ...]:
    names = tls.texts("ciphersuites")
    for index, name in enumerate(names):
        if name not in MODERN_SUITES and name not in OLDER_SUITES:
            tls.fault_item("ciphersuites", index, f"unknown TLS cipher suite {quoted(name)}")
    return names


def _mind_the_versions(tls: Cursor, minimum: str, suites: tuple[str, ...]) -> None:
    """Warn of versions that no suite has, and of suites that no version has."""
    older = [name for name in suites if name in OLDER_SUITES]
    if minimum == "tls1.3":
        if older:
            tls.warn("ciphersuites", f"{older[0]} has no effect, since the minimum is tls1.3")
    elif suites and not older:
        tls.warn("ciphersuites", "all are of tls1.3, so no older version is spoken")
    elif minimum in ("tls1.0", "tls1.1") and not any(map(works_before_tls12, older)):
        tls.warn("minimumtls", f"{minimum} has no effect, since no cipher suite named is older than tls1.2")
