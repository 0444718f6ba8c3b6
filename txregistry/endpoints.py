"""Ways to other servers, which a configuration names by host and port."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint


def host_endpoint(reactor: Any, host: str, port: int, timeout: float = 30.0) -> IStreamClientEndpoint:
    """
    The way to *port* of *host*, a name or an address.

    Twisted's :class:`HostnameEndpoint` takes no names that the rules for
    international ones forbid.  Docker gives such names to containers
    (``project_redis_1``); they are looked for among IPv4 addresses only.

    :param timeout: seconds that connecting may take.
    """
    kind = TCP4ClientEndpoint if any(map(_is_odd, host.split("."))) else HostnameEndpoint
    endpoint: IStreamClientEndpoint = kind(reactor, host, port, timeout=timeout)
    return endpoint


def _is_odd(label: str) -> bool:
    """Whether no international name can have *label* (RFC 5891, sections 4.2.3.1 and 4.4)."""
    return "_" in label or (label[2:4] == "--" and not label.lower().startswith("xn"))
