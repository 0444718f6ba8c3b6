"""Where the daemon listens, and the URL under which clients shall know it."""

from __future__ import annotations

import ipaddress
import re
import socket

import idna
from attrs import frozen


class NotAnAddress(ValueError):
    """The text does not say where to listen; the argument says what is wrong with it."""


@frozen
class Address:
    """A TCP address.  An empty host is every interface, port 0 any free one."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """
    Read ``host:port``, ``:port`` or ``[::1]:port``; the port may be a service name.

    :raises NotAnAddress: it is something else.
    """
    if not text:
        return Address("", 0)
    host, colon, port = text.rpartition(":")
    if not colon:
        raise NotAnAddress("must be host:port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or "[" in host or "]" in host:
        raise NotAnAddress("must be host:port, with an IPv6 host in brackets")
    if "[" in host or "]" in host:
        raise NotAnAddress("must be host:port, with an IPv6 host in brackets")
    return Address(host, _port(port))


#: Characters that the name of a host may have.
LONGEST_NAME = 253
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_ZONE = re.compile(r"[A-Za-z0-9_.-]+")


def is_host(text: str) -> bool:
    """Say whether *text* is an IP address, or may be the name of a host; docker's have underscores."""
    if ":" not in text:
        return len(text) <= LONGEST_NAME and bool(_NAME.fullmatch(text))
    address, percent, zone = text.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return not percent or bool(_ZONE.fullmatch(zone))


def _port(text: str) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdigit():
        number = int(text) if len(text) <= 10 else 65536
        if number > 65535:
            raise NotAnAddress("the port must be below 65536")
        return number
    try:
        return socket.getservbyname(text, "tcp")
    except (OSError, UnicodeError, ValueError):
        raise NotAnAddress("the port is neither a number nor a known service") from None


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%]*")
_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]*")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_PORT = re.compile(r"(:[0-9]*)?")


def url_problem(text: str) -> str | None:
    """
    Say what keeps *text* from being a URL, absolute or not; ``None`` if nothing does.

    The judgement is that of Go's ``url.Parse``, so that a file is good here if it is good there.
    """
    if _CONTROL.search(text):
        return "holds control characters"
    rest, _, fragment = text.partition("#")
    if text.startswith(":"):
        return "has no scheme before its colon"
    scheme = _SCHEME.match(rest)
    rest = rest[scheme.end() if scheme else 0 :].partition("?")[0]
    if scheme and not rest.startswith("/"):
        return None  # such as mailto:…, which nobody uses
    if not rest.startswith("/") and ":" in rest.partition("/")[0]:
        return "begins with something that is neither scheme nor path"
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        if problem := _authority_problem(authority):
            return problem
        rest = slash + path
    return "holds a '%' without two hex digits" if _BAD_ESCAPE.search(rest + fragment) else None


def _authority_problem(authority: str) -> str | None:
    user, _, server = authority.rpartition("@")
    if not _USER.fullmatch(user) or _BAD_ESCAPE.search(user):
        return "has a bad user name"
    if server.startswith("[") and "]" not in server:
        return "has an address without its closing bracket"
    inside, port = _host_and_port(server)
    if not _PORT.fullmatch(port):
        return "has a bad port"
    if not _HOST.fullmatch(inside) or _BAD_ESCAPE.search(inside):
        return "has a bad host name"
    return None


def _host_and_port(server: str) -> tuple[str, str]:
    """The host, without the brackets of an address, and the port, with its colon if there is one."""
    if server.startswith("["):
        inside, _, port = server[1:].rpartition("]")
        return inside, port
    host, colon, port = server.rpartition(":")
    return (host, colon + port) if colon else (server, "")


def is_absolute(text: str) -> bool:
    """Say whether *text*, a URL without problem, has both a scheme and a host."""
    absolute = _ABSOLUTE.match(text)
    return bool(absolute and absolute[1].rpartition("@")[2])


@frozen
class Page:
    """
    What a web server is asked for.

    :ivar uri: its URL, without a user.
    :ivar user: who asks, as the URL wrote it, a password behind a colon; ``None``: nobody in particular.
    """

    uri: str
    user: str | None = None


_WEB = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_USER_OF_URL = re.compile(r"//[^/?#]*@")


def parse_page(text: str) -> Page:
    """
    Read a URL of ``http`` or ``https`` whose server can be asked.

    :raises NotAnAddress: there can be no such server; the argument goes on where the URL ended.
    """
    if problem := url_problem(text):
        raise NotAnAddress(problem)
    web = _WEB.fullmatch(text)
    if not web:
        raise NotAnAddress("is neither http nor https")
    if not _is_unicode(text):
        raise NotAnAddress("holds half a character")
    scheme, authority, rest = web.groups()
    user, at, server = authority.rpartition("@")
    if problem := _server_problem(server, scheme.lower() == "https"):
        raise NotAnAddress(problem)
    return Page(f"{scheme}://{server.removesuffix(':')}{rest}", user if at else None)


def without_user(text: str) -> str:
    """*text*, good or bad, as it may be shown: without the user and password that a URL can have."""
    return _USER_OF_URL.sub("//", text, count=1)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeError:
        return False
    return True


def _server_problem(server: str, encrypted: bool) -> str | None:
    host, port = _host_and_port(server)
    digits = port[1:].lstrip("0")
    if port not in ("", ":") and not (digits and len(digits) <= 5 and int(digits) <= 65535):
        return "has a bad port"
    if server.startswith("["):
        return None if ":" in host and "%" not in host and is_host(host) else "has a bad address"
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError:
        return "has a bad host name"
    if ":" in name or not is_host(name) or ("xn--" in name.lower() and not _is_certifiable(name)):
        return "has a bad host name"
    return (
        None if not encrypted or _is_certifiable(name) else "has a host that no certificate can be good for"
    )


def _is_certifiable(name: str) -> bool:
    try:
        idna.encode(name)
    except UnicodeError:
        return False
    return True
