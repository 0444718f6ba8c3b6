"""What the kernel is told about the socket of a client."""

from __future__ import annotations

import socket
from typing import Any

from twisted.protocols.policies import ProtocolWrapper

#: Seconds of silence after which the kernel asks whether a client is still there.
KEEPALIVE = 180
#: A client that takes nothing of its answer for so long (milliseconds) is gone.
STALL_LIMIT = 300_000


def notice_the_gone(transport: Any) -> None:
    """Have the kernel end a connection whose client vanished or takes nothing any more."""
    while isinstance(transport, ProtocolWrapper):  # TLS, which has the socket below it
        transport = transport.transport
    handle = transport.getHandle()
    # Twisted's transports of UNIX sockets say that they are TCP, too.
    if isinstance(handle, socket.socket) and handle.family != socket.AF_UNIX:
        transport.setTcpKeepAlive(True)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_LIMIT)
