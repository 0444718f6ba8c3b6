"""
One request: where it goes, who asks, and how its answer is written.

Dispatch happens on the headers alone; the body is read by the route, from
:attr:`RegistryRequest.body`.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import uuid4

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from twisted.web.http import parse_qs
from twisted.web.server import Request

from txregistry.model.facts import CURRENT
from txregistry.web.body import Body, NoBody
from txregistry.web.channel import StreamingChannel
from txregistry.web.claimed import claimed_address
from txregistry.web.refused import Refused
from txregistry.web.replies import (
    API_VERSION,
    BODILESS,
    Headers,
    Problem,
    ProblemReply,
    Reply,
    framed,
    problem_reply,
    reason,
)

_HOST = re.compile(rb"[A-Za-z0-9._~:\[\]%-]*\Z")
_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_UNCLEAN = re.compile(rb"//|/\.\.?(?=/|\Z)")
#: Whether the process lives, and whether it can serve; on the main port, whatever the prefix is.
LIVE, READY = b"/livez", b"/readyz"
#: What clients are told while a health check fails; the words are distribution's.
UNHEALTHY = "health check failed: please see /debug/health"
#: Seconds after which clients may try again then.
HEALTH_RETRY = 10


def clean_path(path: bytes) -> bytes:
    """*path* without empty, ``.`` and ``..`` segments, as Go's router has it; a final slash stays."""
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    slash = b"/" if kept and path.endswith((b"/", b"/.", b"/..")) else b""
    return b"/" + b"/".join(kept) + slash


class RegistryRequest(Request):
    """
    A request to the registry.

    :ivar body: what the client sends along.
    :ivar id: names the request in the log.
    :ivar user_name: who asks, once that is known.
    :ivar reads_everything: whoever asks may pull from every repository.
    :ivar reads_source: they may pull from the repository that a mount names.
    :ivar classes: what their right to the repository is limited to; ``None`` if it is not.
    :ivar vars: what the route read from the path, for the log.
    :ivar refused: why it was not let in.
    :ivar errors: what the client was told to be wrong.
    :ivar minor: the log takes that for no error.
    :ivar cause: what went wrong in here, which the log is told and clients are not.
    :ivar sent: the header fields of the answer, as its route gave them.
    :ivar routed: a route was found, so that the configured headers go out.
    :ivar handler: the kind of that route, as metrics name it.
    :ivar answering: what works, or worked, on the answer.
    """

    _log = Logger()

    defaultContentType = None
    #: Header lines of every answer.
    greeting: tuple[bytes, ...] = (b"%s: %s" % API_VERSION,)
    body: Body | NoBody = NoBody()
    channel: StreamingChannel
    client: Any
    site: Any  # a RegistrySite
    begun = False
    routed = minor = False
    refused: Refused | None = None
    sent: Headers = ()
    user_name = handler = cause = ""
    answering: Coroutine[Any, Any, object] | None = None
    reads_everything = reads_source = False
    classes: frozenset[str] | None = None
    started = 0.0
    vars: Mapping[str, str] = {}
    errors: tuple[Problem, ...] = ()
    _id = ""
    _serving: Deferred[None] | None = None

    def __init__(self, channel: StreamingChannel, *_: object) -> None:
        super().__init__(channel, parsePOSTFormSubmission=False)

    @property
    def id(self) -> str:
        if not self._id:
            self._id = str(uuid4())
        return self._id

    # --- called by the channel ---

    def gotLength(self, length: int | None) -> None:
        """Nothing: bodies are not collected."""

    def parseCookies(self) -> None:
        """Nothing: a registry has no cookies."""

    def handleContentChunk(self, data: bytes) -> None:
        if isinstance(self.body, Body):
            self.body.data_received(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The request is complete; it was dispatched already if it has a body."""
        if not self.begun:
            self.begin(command, path, version)
        elif isinstance(self.body, Body):
            self.body.end_received()

    def begin(self, command: bytes, uri: bytes, version: bytes) -> None:
        """The headers are complete: decide who serves this, and start."""
        self.begun = True
        self.site = self.channel.site
        self.started = self.site.clock.seconds()
        if not uri.startswith(b"/"):
            scheme, found, rest = uri.partition(b"://")
            if found and scheme.lower() in (b"http", b"https"):
                _, slash, rest = rest.partition(b"/")
                uri = slash + rest or b"/"
        self.method, self.uri, self.clientproto = command, uri, version
        path, _, query = uri.partition(b"?")
        self.path = path
        self.args = parse_qs(query, True) if query else {}
        self.process()

    def connectionLost(self, reason: Failure) -> None:
        if self.begun and not self.finished:
            self.site.log_lost(self)
        super().connectionLost(reason)
        if self._serving is not None:
            self._serving.cancel()

    # --- dispatch ---

    def process(self) -> None:
        """Find the resource and render it; whatever goes wrong becomes an answer."""
        context = CURRENT.set(self)
        try:
            refusal = self._odd()
            if refusal is not None:
                self.answer(refusal)
                self.finish()
                return
            if self.site.shortcut is not None and self.site.shortcut(self):
                return
            self.prepath = []
            self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]
            self.render(self.site.resource)
        except Exception:
            self.failed(Failure())
        finally:
            CURRENT.reset(context)

    def run(self, serving: Coroutine[Any, Any, None]) -> None:
        """
        Serve by *serving*, which writes the answer and handles its own failures, and finish.

        It is cancelled when the client leaves.
        """
        self._serving = Deferred.fromCoroutine(serving)
        self._serving.addCallbacks(self._served, self._not_served)

    def _served(self, _: None) -> None:
        self._serving = None
        if not self._disconnected:
            self.finish()

    def _not_served(self, failure: Failure) -> None:
        self._serving = None
        if not failure.check(CancelledError):
            self.failed(failure)

    def _odd(self) -> Reply | None:
        """The answer to a request that no route should see; takes the prefix off the path of all others."""
        probe = self._probed()
        if probe is not None:
            return probe
        hosts = self.requestHeaders.getRawHeaders(b"Host") or ()
        if len(hosts) > 1 or (not hosts and self.clientproto == b"HTTP/1.1"):
            return problem_reply([Problem(400, "UNSUPPORTED", "a request needs one Host header")])
        if hosts and not _HOST.match(hosts[0]):
            return problem_reply([Problem(400, "UNSUPPORTED", "malformed Host header")])
        if not _TOKEN.match(self.method):
            return problem_reply([Problem(400, "UNSUPPORTED", "malformed method")])
        if not self.path.startswith(b"/"):
            return problem_reply([Problem(404, "UNSUPPORTED", "no such page")])
        if self.path == b"/":
            return Reply(200, ((b"Cache-Control", b"no-cache"),))
        try:
            text = unquote_to_bytes(self.path).decode("utf-8")
        except UnicodeDecodeError:
            return problem_reply([Problem(400, "NAME_INVALID", "the path is not UTF-8")])
        if "\0" in text:
            return problem_reply([Problem(400, "NAME_INVALID", "the path holds a NUL")])
        if _UNCLEAN.search(self.path):
            return self.moved(clean_path(self.path))
        prefix = self.site.prefix
        if prefix:
            if not self.path.startswith(prefix + b"/"):
                return problem_reply([Problem(404, "UNSUPPORTED", "no such page")])
            self.path = self.path[len(prefix) :]
        if self.path[:4].upper() == b"/%2F":  # the router would drop it
            return problem_reply([Problem(404, "UNSUPPORTED", "no such page")])
        return None

    def _probed(self) -> Reply | None:
        """The answer to who asks whether we live, and to everybody while we cannot serve."""
        site = self.site
        if self.path in (LIVE, READY) and self.method in (b"GET", b"HEAD"):
            well = self.path == LIVE or site.ready
            status, word = (200, b"ok\n") if well else (503, b"not ready\n")
            return Reply(status, ((b"Content-Type", b"text/plain"), (b"Cache-Control", b"no-store")), word)
        if site.health is not None and site.health.failing:
            problem = Problem(503, "UNAVAILABLE", "service unavailable", UNHEALTHY)
            return problem_reply([problem], ((b"Retry-After", b"%d" % HEALTH_RETRY),))
        return None

    def moved(self, path: bytes) -> Reply:
        """A permanent redirect to *path*, with the same query."""
        query = self.uri.partition(b"?")
        # Browsers take a backslash for a slash, and two of them for the begin of a host name.
        return Reply(301, ((b"Location", path.replace(b"\\", b"%5C") + query[1] + query[2]),))

    # --- reading the head ---

    def header(self, name: bytes) -> str | None:
        """The last header *name*, or ``None``."""
        values = self.requestHeaders.getRawHeaders(name)
        return values[-1].decode("utf-8", "replace") if values else None

    def first_header(self, name: bytes) -> str | None:
        """The first header *name*, or ``None``."""
        values = self.requestHeaders.getRawHeaders(name)
        return values[0].decode("utf-8", "replace") if values else None

    def header_lines(self, name: bytes) -> list[str]:
        """Every line of the header *name*."""
        return [line.decode("utf-8", "replace") for line in self.requestHeaders.getRawHeaders(name) or ()]

    def query(self, name: bytes) -> str | None:
        """The first value of the query parameter *name*, or ``None``."""
        values = self.args.get(name)
        return values[0].decode("utf-8", "replace") if values else None

    def getRequestHostname(self) -> bytes:
        """A name for Klein, which could not bear all that a client may say; no route depends on it."""
        return b"registry"

    def client_host(self) -> str:
        """The client's address without port, IPv4 in its own form; empty on a UNIX socket."""
        client = self.client
        if isinstance(client, IPv4Address | IPv6Address):
            host = str(client.host)
            return host[7:] if host.startswith("::ffff:") else host
        return ""

    def log_fields(self) -> Mapping[str, object]:
        """What log lines say of this request."""
        client = self.client
        host = self.client_host()
        shown = f"[{host}]" if ":" in host else host
        fields: dict[str, object] = {
            "http.request.id": self.id,
            "http.request.method": self.method.decode("latin-1"),
            "http.request.host": self.header(b"Host") or "",
            "http.request.uri": self.uri.decode("latin-1"),
            "http.request.remoteaddr": claimed_address(self.requestHeaders)
            or (f"{shown}:{client.port}" if host else "@"),
            "http.request.useragent": self.header(b"User-Agent") or "",
        }
        for field, name in (("referer", b"Referer"), ("contenttype", b"Content-Type")):
            value = self.header(name)
            if value:
                fields[f"http.request.{field}"] = value
        for name_, value in self.vars.items():
            fields[f"vars.{name_}"] = value
        if self.user_name:
            fields["auth.user.name"] = self.user_name
        return fields

    # --- answering ---

    def begin_answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """
        Write the head of the answer, and *body* with it, in one piece.

        *headers* say how long the answer is; the caller writes what *body* is short of that.
        """
        channel, site = self.channel, self.site
        self.startedWriting = 1
        self.code, self.sent = status, headers
        self.code_message = reason(status)
        lines = [b"HTTP/1.1 %d %s" % (status, self.code_message), *self.greeting]
        if self.routed:
            headers = site.headers + headers
        for name, value in headers:
            if b"\n" in value or b"\r" in value:
                value = value.replace(b"\r", b"").replace(b"\n", b"")
            lines.append(b"%s: %s" % (name, value))
        lines.append(b"Date: " + site.http_date())
        if not channel.keeps_open():
            channel.persistent = False
            lines.append(b"Connection: close")
        lines.append(b"\r\n")
        self.sentLength += len(body)
        channel.write(b"\r\n".join(lines) + body)

    @property
    def gone(self) -> bool:
        """Nobody can be answered any more."""
        return bool(self._disconnected or self.finished)

    def answer(self, reply: Reply) -> None:
        """Write *reply* whole; :meth:`finish` is still to be called.  A client that is gone is no error."""
        if self.gone:
            return
        if isinstance(reply, ProblemReply):
            self.errors, self.minor = reply.problems, self.minor or reply.minor
        body = b"" if self.method == b"HEAD" or reply.status in BODILESS else reply.body
        self.begin_answer(reply.status, framed(reply), body)

    def fail(self, problems: list[Problem], headers: Headers = ()) -> None:
        """Answer with the error envelope; an answer that has begun is cut off instead."""
        if self.startedWriting:
            self.errors = tuple(problems)
            self.cut_off()
        else:
            self.answer(problem_reply(problems, headers))

    def failed(self, failure: Failure) -> None:
        """Answer a fault of ours: the log gets the traceback, the client a 500."""
        self.broke(failure)
        if self.gone:
            return
        self.fail([Problem(500, "UNKNOWN", "unknown error")])
        if not self._disconnected:
            self.finish()

    processingFailed = failed

    def broke(self, failure: Failure) -> None:
        """Give the log the traceback of a fault of ours, and its kind to the line at the end."""
        self._log.failure("request failed", failure, LogLevel.error)
        self.cause = f"{failure.type.__name__ if failure.type else ''}: {failure.value}"

    def cut_off(self) -> None:
        """Break the connection, so that the client cannot take half an answer for a whole one."""
        if not self._disconnected and self.channel is not None:
            self.channel.cut()
