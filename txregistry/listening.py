"""The port: where the daemon listens, and how it stops."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IOpenSSLServerConnectionCreator
from twisted.logger import Logger

from txregistry.errors import CannotStart
from txregistry.tls.connections import TlsFactory
from txregistry.web.site import RegistrySite

#: Connections that may wait to be accepted.
BACKLOG = 1024
#: Seconds at the stop for requests that were cut off to put away what they hold.
CLEAN_UP = 2.0

#: What a machine without IPv6 says to listening on it.
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Listener(Service):
    """
    Listens while it runs; on stop, lets requests under way end.

    :param reactor: provides ``IReactorTCP``, ``IReactorUNIX`` and ``IReactorTime``.
    :param unix: a socket path; otherwise *host* and *port* count, an empty host being every interface.
    :param handed_over: descriptors of sockets that somebody else has opened, instead of all these.
    :param drain: seconds that requests under way may still take at the stop; 0 cuts them off.
    :param contexts: what connections are encrypted with, if they are.
    :param says: the log's line about each port.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        site: RegistrySite,
        *,
        host: str = "",
        port: int = 0,
        unix: str = "",
        handed_over: Sequence[int] = (),
        drain: float = 0.0,
        contexts: IOpenSSLServerConnectionCreator | None = None,
        says: str = "listening on {where}",
    ) -> None:
        self._reactor, self._site = reactor, site
        self._factory = site if contexts is None else TlsFactory(contexts, site, reactor)
        self._encrypted = contexts is not None
        self._host, self._port, self._unix, self._handed_over = host, port, unix, handed_over
        self._drain, self._says = drain, says
        self.ports: list[IListeningPort] = []

    def privilegedStartService(self) -> None:
        """
        Listen, while the process still may take low ports.

        :raises CannotStart: it cannot; the log says why.
        """
        super().privilegedStartService()
        try:
            self.ports = list(self._listen())
        except (CannotListenError, OSError) as error:
            reason = error.socketError if isinstance(error, CannotListenError) else error
            where = self._unix or f"{self._host}:{self._port}"
            text = f"cannot listen on {'the socket of systemd' if self._handed_over else where}: {reason}"
            self._log.critical("{text}", text=text)
            raise CannotStart(text) from None
        for port in self.ports:
            self._log.info(self._says, where=_shown(port) + (", tls" if self._encrypted else ""))

    def _listen(self) -> Iterator[IListeningPort]:
        if self._handed_over:
            yield self._take_over()
            return
        if self._unix:
            _clear_stale(Path(self._unix))
            mode = 0o777 & ~_umask()
            yield self._reactor.listenUNIX(self._unix, self._factory, backlog=BACKLOG, mode=mode)
            return
        if self._host:
            yield self._reactor.listenTCP(self._port, self._factory, BACKLOG, self._host)
            return
        try:
            both = self._reactor.listenTCP(self._port, self._factory, BACKLOG, "::")
        except CannotListenError as error:
            if getattr(error.socketError, "errno", None) not in _NO_IPV6:
                raise
            yield self._reactor.listenTCP(self._port, self._factory, BACKLOG)
            return
        yield both
        handle = getattr(both, "socket", None)
        if handle is not None and handle.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            yield self._reactor.listenTCP(both.getHost().port, self._factory, BACKLOG)

    def _take_over(self) -> IListeningPort:
        if len(self._handed_over) > 1:
            raise OSError(f"there are {len(self._handed_over)} of them, and there must be one")
        with socket.socket(fileno=os.dup(self._handed_over[0])) as handle:
            if handle.type != socket.SOCK_STREAM or not handle.getsockopt(
                socket.SOL_SOCKET, socket.SO_ACCEPTCONN
            ):
                raise OSError("it does not listen for connections")
            if handle.family == socket.AF_UNIX:
                # Twisted would remove it at the stop, while systemd goes on listening on it.
                raise OSError("it is a UNIX socket, which http.net and http.addr must name instead")
            if handle.family not in (socket.AF_INET, socket.AF_INET6):
                raise OSError(f"it is for neither IPv4 nor IPv6, but of the family {int(handle.family)}")
            handle.setblocking(False)
            taken: IListeningPort = self._reactor.adoptStreamPort(
                handle.fileno(), handle.family, self._factory
            )
            return taken

    def stopService(self) -> Deferred[None]:
        """Close the port; fires when the requests under way have ended, or had their time."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for port in self.ports:
            await maybeDeferred(port.stopListening)
        if self._drain > 0:
            self._log.info(
                "stopping server gracefully. Draining connections for {seconds}s", seconds=self._drain
            )
            if not await self._drained(self._drain):
                self._log.error("requests were still under way when their time ran out")
        self._site.abort()
        await self._drained(CLEAN_UP)

    def hurry(self) -> None:
        """Cut off what a stop still waits for."""
        self._log.warn("told once more to stop: requests under way are cut off")
        self._site.abort()

    async def _drained(self, seconds: float) -> bool:
        try:
            await self._site.drain().addTimeout(seconds, self._reactor)
        except TimeoutError:
            return False
        return True


def _umask() -> int:
    """The mask that new files get, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _clear_stale(path: Path) -> None:
    """
    Remove a socket that nobody listens on any more.

    :raises OSError: somebody does, or it is no socket.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(f"file {path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError("somebody else is listening there")


def _shown(port: IListeningPort) -> str:
    address: Any = port.getHost()
    if not hasattr(address, "port"):
        return os.fsdecode(address.name)
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
