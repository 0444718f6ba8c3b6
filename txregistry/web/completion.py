"""The line that the log gets when a request ends."""

from __future__ import annotations

import json

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

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

    Of those that the gate refused there is a line already.

    :ivar quiet: leave the successful ones out, because nobody would see the lines.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, quiet: bool) -> None:
        self._clock, self.quiet = clock, quiet

    def __call__(self, request: RegistryRequest, status: int) -> None:
        if request.told or (self.quiet and not request.errors and status < 400):
            return
        fields: dict[str, object] = {
            **request.log_fields(),
            "http.response.status": status,
            "http.response.written": request.sentLength,
            "http.response.duration": go_duration(self._clock.seconds() - request.started),
        }
        if status == 499:
            self._log.error(
                "client disconnected during {method}", method=request.method.decode("latin-1"), fields=fields
            )
        elif not request.errors:
            self._log.info("response completed", fields=fields)
        for problem in request.errors[:TOLD]:
            told = {"err.code": problem.code.lower().replace("_", " "), "err.message": problem.message}
            if problem.detail is not None:
                detail = problem.detail
                told["err.detail"] = detail if isinstance(detail, str) else json.dumps(detail)
            self._log.error("response completed with error", fields={**fields, **told})
        if len(request.errors) > TOLD:
            self._log.error(
                "response completed with {more} more errors", more=len(request.errors) - TOLD, fields=fields
            )
