"""The line that the log gets when a request ends."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from txregistry.web.refused import Refused
from txregistry.web.replies import NULL, Problem
from txregistry.web.request import RegistryRequest

#: Problems of one request that are told, each in a line of its own: a manifest can miss ten thousand blobs.
TOLD = 10
#: What distribution calls the things that some routes serve.
_THINGS = {"blob_upload": "blob", "blob_upload_chunk": "blob", "manifest": "image manifest"}


def go_duration(seconds: float) -> str:
    """*seconds* as Go prints a duration: ``587.112µs``, ``1.4ms``, ``2.5s``."""
    for scale, unit, digits in ((1e6, "µs", 3), (1e3, "ms", 6)):
        if seconds * scale < 1000:
            return f"{seconds * scale:.{digits}f}".rstrip("0").rstrip(".") + unit
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:.9f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown


class CompletionLog:
    """
    Logs each request's end: ``response completed``, or a line for each of its first problems.

    Problems are errors, but for those that distribution does not log at all: probes and scanners would
    fill the log with them.  Their lines have the level ``info``, as those of requests that went well.
    One that was not let in has a line of the level that its refusal deserves.
    The words for clients may hide what went wrong in here; the line tells it.

    :ivar quiet: leave the lines of the level ``info`` out, because nobody would see them.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, quiet: bool) -> None:
        self._clock, self.quiet = clock, quiet

    def __call__(self, request: RegistryRequest, status: int) -> None:
        if self.quiet and _is_info(request, status):
            return
        fields: dict[str, object] = {
            **request.log_fields(),
            "http.response.status": status,
            "http.response.written": request.sentLength,
            "http.response.duration": go_duration(self._clock.seconds() - request.started),
        }
        for name, value in request.sent:
            if name == b"Content-Type":
                fields["http.response.contenttype"] = value.decode("latin-1")
        if request.refused is not None:
            self._not_let_in(request, request.refused, fields)
        elif status == 499:
            self._log.error("client disconnected during {what}", what=_what(request), fields=fields)
        elif request.errors or status >= 400:
            self._with_errors(request, fields)
        else:
            self._log.info("response completed", fields=fields)

    def _not_let_in(self, request: RegistryRequest, refused: Refused, fields: dict[str, object]) -> None:
        fields.update(refused.fields)
        for problem in request.errors:
            fields.update(_told(problem))
        self._log.emit(refused.level, refused.text, reason=refused.reason, fields=fields)

    def _with_errors(self, request: RegistryRequest, fields: dict[str, object]) -> None:
        level = LogLevel.info if _is_minor(request) else LogLevel.error
        for told in [_told(problem) for problem in request.errors[:TOLD]] or [{}]:
            if request.cause:
                told["err.detail"] = request.cause
            self._log.emit(level, "response completed with error", fields={**fields, **told})
        more = len(request.errors) - TOLD
        if more > 0:
            self._log.emit(level, "response completed with {more} more errors", more=more, fields=fields)


def _is_info(request: RegistryRequest, status: int) -> bool:
    if request.refused is not None:
        return request.refused.level is LogLevel.info
    if status == 499:
        return False
    return _is_minor(request) if request.errors or status >= 400 else True


def _is_minor(request: RegistryRequest) -> bool:
    """Whether the errors of *request* are none to distribution's log."""
    return (request.minor or not request.routed) and not request.cause


def _what(request: RegistryRequest) -> str:
    """What the client asked for, in distribution's words: ``blob PATCH``, ``image manifest PUT``."""
    return f"{_THINGS.get(request.handler, request.handler)} {request.method.decode('latin-1')}".lstrip()


def _told(problem: Problem) -> dict[str, object]:
    """*problem* as distribution's fields have it."""
    told: dict[str, object] = {
        "err.code": problem.code.lower().replace("_", " "),
        "err.message": problem.message,
    }
    detail = problem.detail
    if detail is not None and detail is not NULL:
        told["err.detail"] = detail
    return told
