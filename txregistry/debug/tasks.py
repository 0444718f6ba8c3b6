"""What the reactor will call later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall

#: Calls that are shown one by one, the next ones first.
SHOWN = 200


def tasks_page(clock: IReactorTime) -> str:
    """How many calls are due, of what, and when the next ones are; arguments are not shown."""
    calls: Sequence[IDelayedCall] = [call for call in clock.getDelayedCalls() if call.active()]
    now = clock.seconds()
    ordered = sorted(calls, key=lambda call: call.getTime())
    lines = [f"{len(calls)} calls are due", ""]
    for name, count in Counter(map(called, calls)).most_common():
        lines.append(f"{count:8}  {name}")
    lines += ["", f"the next {min(SHOWN, len(calls))}:"]
    lines += [f"{call.getTime() - now:10.3f} s  {called(call)}" for call in ordered[:SHOWN]]
    return "\n".join(lines) + "\n"


def called(call: IDelayedCall) -> str:
    """The name of what *call* calls; for a loop, of what it repeats."""
    function: Any = getattr(call, "func", call)
    while True:
        owner = getattr(function, "__self__", None)
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, LoopingCall):
            return f"{_name(function.f)} (every {function.interval} s)"
        elif isinstance(owner, LoopingCall):
            function = owner
        else:
            return _name(function)


def _name(function: Any) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
