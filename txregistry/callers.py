"""Which line of the code says something to the log."""

from __future__ import annotations

import sys
from types import FrameType

from attrs import frozen

#: Modules that pass on what others say, each with those below it.
_PASSING = (
    "twisted.logger",
    "twisted.python.log",
    "twisted.python.threadable",
    "txregistry.log",
    "txregistry.aftermath",
    "txregistry.callers",
)
_BELOW = tuple(f"{each}." for each in _PASSING)


@frozen(slots=True)
class Caller:
    """A place in the code: the full name of a function, and ``path:line``."""

    func: str
    file: str


def caller() -> Caller | None:
    """The place nearest to whoever asks that is not part of logging itself, if there is one."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__") or ""
        if module not in _PASSING and not module.startswith(_BELOW):
            code = frame.f_code
            return Caller(f"{module}.{code.co_qualname}", f"{code.co_filename}:{frame.f_lineno}")
        frame = frame.f_back
    return None
