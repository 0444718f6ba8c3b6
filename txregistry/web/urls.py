"""The addresses that answers carry: ``Location`` and ``Link``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urljoin, urlsplit

from attrs import frozen

from txregistry.model.digest import Digest
from txregistry.web.request import RegistryRequest

# Possessive throughout: blanks round an empty value would be divided between its two sides in every way.
_FORWARDED_PAIR = re.compile(r'\s*+([A-Za-z]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^;,"\s]*+))\s*+(;|,|\Z)')
_HOST = re.compile(r"[A-Za-z0-9._~:\[\]%-]+\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")


def forwarded(header: str) -> dict[str, str]:
    """
    The first element of a ``Forwarded`` header (RFC 7239), by lower-case name.

    What cannot be read ends the reading.
    """
    found: dict[str, str] = {}
    position = 0
    while match := _FORWARDED_PAIR.match(header, position):
        name, quoted, plain, end = match.groups()
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        position = match.end()
        if end != ";":
            break
    return found


@frozen
class Urls:
    """
    Makes addresses in the form that the configuration asks for.

    :param host: ``http.host``: scheme, host, and possibly a path, to be put before everything.
    :param relative: ``http.relativeurls``: leave scheme and host out.
    :param prefix: ``http.prefix`` without its final slash.
    """

    host: str = ""
    relative: bool = False
    prefix: str = ""

    def base(self, request: RegistryRequest) -> str:
        """What stands before ``/v2/`` in an address for the client of *request*."""
        if self.host:
            parts = urlsplit(self.host)
            if parts.scheme and parts.netloc:
                # A path without a final slash loses its last segment, as distribution's resolution does it.
                return urljoin(self.host, "v2/")[: -len("/v2/")]
        if self.relative:
            return self.prefix
        scheme = "https" if request.isSecure() else "http"
        host = request.header(b"Host") or ""
        lines = request.header_lines(b"Forwarded")
        if lines:
            found = forwarded(lines[0])
            scheme = found.get("proto") or scheme
            host = found.get("host") or host
        else:
            scheme = request.header(b"X-Forwarded-Proto") or scheme
            outside = (request.header(b"X-Forwarded-Host") or "").partition(",")[0].strip()
            host = outside or host
        if not _SCHEME.match(scheme) or not _HOST.match(host):
            return self.prefix
        return f"{scheme}://{host}{self.prefix}"

    def blob(self, request: RegistryRequest, name: str, digest: Digest) -> bytes:
        """Where the blob *digest* of the repository *name* is."""
        return f"{self.base(request)}/v2/{name}/blobs/{digest}".encode()

    def manifest(self, request: RegistryRequest, name: str, digest: Digest) -> bytes:
        """Where the manifest *digest* is."""
        return f"{self.base(request)}/v2/{name}/manifests/{digest}".encode()

    def upload(self, request: RegistryRequest, name: str, id: str, state: str) -> bytes:
        """Where the upload *id* goes on, from *state*."""
        return f"{self.base(request)}/v2/{name}/blobs/uploads/{id}?_state={quote(state, safe='-_')}".encode()

    def next_page(self, request: RegistryRequest, last: str, count: int) -> bytes:
        """The value of a ``Link`` header to what follows *last*; a path without host."""
        return self.following(request, {"last": last, "n": str(count)})

    def following(self, request: RegistryRequest, parameters: Mapping[str, str]) -> bytes:
        """The value of a ``Link`` header to the next page of what was asked for, by *parameters*."""
        path = request.uri.partition(b"?")[0].decode("latin-1")
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(parameters.items()))
        return f'<{path}?{query}>; rel="next"'.encode("latin-1")
