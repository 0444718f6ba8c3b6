"""The line that the log gets when a request ends."""

from __future__ import annotations

import json

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from txregistry.web.replies import NULL, Problem
from txregistry.web.request import RegistryRequest

#: Problems of one request that are told, each in a line of its own: a manifest can miss ten thousand blobs.
TOLD = 10


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
    Logs each request's end: ``response completed``, or an error line for each of its first problems.

    One that was not let in has a line of the level that its refusal deserves.
    The words for clients may hide what went wrong in here; the line tells it.

    :ivar quiet: leave the successful ones out, and clients that forgot to say who they are, because nobody
        would see the lines.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, quiet: bool) -> None:
        self._clock, self.quiet = clock, quiet

    def __call__(self, request: RegistryRequest, status: int) -> None:
        if self.quiet and _is_info(request, status):
            return
        refused = request.refused
        fields: dict[str, object] = {
            **request.log_fields(),
            "http.response.status": status,
            "http.response.written": request.sentLength,
            "http.response.duration": go_duration(self._clock.seconds() - request.started),
        }
        for name, value in request.sent:
            if name == b"Content-Type":
                fields["http.response.contenttype"] = value.decode("latin-1")
        if refused is not None:
            fields.update(refused.fields)
            for problem in request.errors:
                fields.update(_told(problem))
            self._log.emit(refused.level, refused.text, reason=refused.reason, fields=fields)
            return
        if status == 499:
            self._log.error(
                "client disconnected during {method}", method=request.method.decode("latin-1"), fields=fields
            )
        elif not request.errors:
            self._log.info("response completed", fields=fields)
        for problem in request.errors[:TOLD]:
            told = _told(problem)
            if request.cause:
                told["err.detail"] = request.cause
            self._log.error("response completed with error", fields={**fields, **told})
        if len(request.errors) > TOLD:
            self._log.error(
                "response completed with {more} more errors", more=len(request.errors) - TOLD, fields=fields
            )


def _is_info(request: RegistryRequest, status: int) -> bool:
    if request.refused is not None:
        return request.refused.level is LogLevel.info
    return not request.errors and status < 400


def _told(problem: Problem) -> dict[str, object]:
    """*problem* as distribution's fields have it."""
    told: dict[str, object] = {
        "err.code": problem.code.lower().replace("_", " "),
        "err.message": problem.message,
    }
    detail = problem.detail
    if detail is not None and detail is not NULL:
        told["err.detail"] = detail if isinstance(detail, str) else json.dumps(detail)
    return told
