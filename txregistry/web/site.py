"""What all connections share: settings, the access log, and the end of service."""

from __future__ import annotations

from collections.abc import Callable
from time import strftime, time
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.web.http import datetimeToString
from twisted.web.resource import IResource

from txregistry.interfaces import IHealth
from txregistry.web.body import Budget
from txregistry.web.channel import StreamingChannel
from txregistry.web.replies import API_VERSION, Headers, Problem, problem_reply, reason
from txregistry.web.request import RegistryRequest

#: Seconds that an idle connection is kept.
IDLE_TIMEOUT = 60.0

#: What stands for control characters, of which there may be many: a table is faster than a look at each.
_CONTROLS = {code: ascii(chr(code))[1:-1] for code in range(256) if not chr(code).isprintable()}

#: Hears of a request that ended, whether its client got an answer or left, and of its status.
Completed = Callable[[RegistryRequest, int], None]


class RegistrySite(ServerFactory):
    """
    The HTTP server.

    :param resource: renders every request whose path is inside *prefix*.
    :param headers: go out with every answer of a route.
    :param prefix: where the API is mounted, without a final slash; empty for the root.
    :param shortcut: asked first; takes a request over, past *resource*, and says so.
    :ivar connections: those that are open.
    :ivar serving: requests whose routes run, and work that may outlive its request.
    :param access_log: told each line of the access log.
    :param request: what is made of each request.
    :param completed: told of every request that ended.
    :ivar health: while it fails, no request is served.
    """

    noisy = False
    protocol = StreamingChannel

    def __init__(
        self,
        resource: IResource,
        clock: IReactorTime,
        *,
        headers: Headers = (),
        prefix: bytes = b"",
        shortcut: Callable[[RegistryRequest], bool] | None = None,
        access_log: Callable[[str], None] | None = None,
        completed: Completed | None = None,
        timeout: float = IDLE_TIMEOUT,
        health: IHealth | None = None,
        request: type[RegistryRequest] = RegistryRequest,
    ) -> None:
        self.resource = resource
        self.clock = clock
        self.headers = headers
        self.prefix = prefix
        self.shortcut = shortcut
        self.timeOut = timeout
        self.health = health
        self._request = request
        self.budget = Budget()
        self.connections: set[StreamingChannel] = set()
        self.serving: set[object] = set()
        self._access_log = access_log
        self._completed: tuple[Completed, ...] = () if completed is None else (completed,)
        self._date = (0, b"")
        self._stamp = (0, "")
        self._drained: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """A connection, or none any more while the service ends."""
        if self._drained is not None:
            return None
        channel: Any = StreamingChannel()
        channel.factory = channel.site = self
        channel.requestFactory = self._request
        channel.timeOut = self.timeOut
        channel.callLater = self.clock.callLater
        return cast(Protocol, channel)

    def http_date(self) -> bytes:
        """The time of day as HTTP writes it."""
        now = int(time())
        if self._date[0] != now:
            self._date = (now, datetimeToString(now))
        return self._date[1]

    def refusal(self, status: int, message: str, head_only: bool = False) -> bytes:
        """The bytes of an answer to what never became a request, without its body if that was a HEAD."""
        reply = problem_reply([Problem(status, "UNSUPPORTED", message)])
        lines = [b"HTTP/1.1 %d %s" % (status, reason(status))]
        closing = ((b"Content-Length", b"%d" % len(reply.body)), (b"Connection", b"close"))
        lines += [b"%s: %s" % pair for pair in (API_VERSION, *reply.headers, *closing)]
        return b"\r\n".join([*lines, b"", b"" if head_only else reply.body])

    # --- the log ---

    def tell(self, completed: Completed) -> None:
        """Tell *completed*, too, of every request that ended."""
        self._completed = (*self._completed, completed)

    def log(self, request: RegistryRequest) -> None:
        """*request* was answered."""
        self._log(request, request.code)

    def log_lost(self, request: RegistryRequest) -> None:
        """The client of *request* left before it had its answer."""
        self._log(request, request.code if request.startedWriting else 499)

    def _log(self, request: RegistryRequest, status: int) -> None:
        if self._access_log is not None:
            self._access_log(self._access_line(request, status))
        for completed in self._completed:
            completed(request, status)

    def _access_line(self, request: RegistryRequest, status: int) -> str:
        now = int(time())
        if self._stamp[0] != now:
            self._stamp = (now, strftime("%d/%b/%Y:%H:%M:%S %z"))
        host = request.client_host() or "-"
        what = _quoted(b"%s %s %s" % (request.method, request.uri, request.clientproto))
        referer = _quoted(_last(request, b"Referer"))
        agent = _quoted(_last(request, b"User-Agent"))
        # It stands between blanks, so that it must not hold any: tokens may have any subject.
        user = _quoted(request.user_name.encode("utf-8", "backslashreplace")).replace(" ", "\\x20") or "-"
        return (
            f'{host} - {user} [{self._stamp[1]}] "{what}" {status} {request.sentLength} "{referer}" "{agent}"'
        )

    # --- the end ---

    def request_ended(self) -> None:
        """A channel has one request less, or is gone; or a request was served."""
        if self._drained is not None and not self._busy and not self._drained.called:
            self._drained.callback(None)

    @property
    def ready(self) -> bool:
        """Whether it makes sense to send requests here."""
        return self._drained is None and not (self.health is not None and self.health.failing)

    @property
    def _busy(self) -> bool:
        return bool(self.connections or self.serving)

    def drain(self) -> Deferred[None]:
        """
        Take no new request.

        Fires when the last one under way has ended, with whatever its route
        puts away afterwards, and its connection is closed.
        """
        self._drained = Deferred()
        for channel in list(self.connections):
            channel.close_when_idle()
        return self._drained if self._busy else succeed(None)

    def abort(self) -> None:
        """Break every connection that is left."""
        for channel in list(self.connections):
            transport: Any = channel.transport
            transport.abortConnection()


def _last(request: RegistryRequest, name: bytes) -> bytes:
    values = request.requestHeaders.getRawHeaders(name)
    return values[-1] if values else b""


def _quoted(value: bytes) -> str:
    """*value* so that it can stand in double quotes on one line, whatever a client put into it."""
    text = value.decode("utf-8", "backslashreplace")
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if escaped.isprintable() or (escaped := escaped.translate(_CONTROLS)).isprintable():
        return escaped
    return "".join([c if c.isprintable() else ascii(c)[1:-1] for c in escaped])
