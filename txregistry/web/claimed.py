"""Who a proxy says the client is: for the log alone, as anybody can say anything."""

from __future__ import annotations

from ipaddress import ip_address

from twisted.web.http_headers import Headers

#: Characters of ``ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255``.
_LONGEST = 45


def claimed_address(headers: Headers) -> str:
    """The first address in ``X-Forwarded-For``, or the one in ``X-Real-Ip``; empty if they hold none."""
    values = headers.getRawHeaders(b"X-Forwarded-For")
    if values:
        claimed = values[0].partition(b",")[0].strip(b" ")
        if _is_address(claimed):
            return claimed.decode("ascii")
    values = headers.getRawHeaders(b"X-Real-Ip")
    if values and _is_address(values[0]):
        return values[0].decode("ascii")
    return ""


def _is_address(text: bytes) -> bool:
    """Whether *text* is an IP address alone: no port, no brackets, no zone, which may be any text."""
    if len(text) > _LONGEST or b"%" in text:
        return False
    try:
        ip_address(text.decode("ascii"))
    except ValueError:
        return False
    return True
