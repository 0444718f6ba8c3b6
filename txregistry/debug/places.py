"""Where code stands: stacks of threads, and what coroutines wait for."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

_ROOTS = tuple(sorted((os.path.abspath(path) + os.sep for path in sys.path if path), key=len, reverse=True))
#: Frames of a stack that are shown.
DEEPEST = 100


def place(code: CodeType, line: int) -> str:
    """One line of code; its source file is not read, which would wait for the disk."""
    name = code.co_filename
    for root in _ROOTS:
        if name.startswith(root):
            name = name[len(root) :]
            break
    return f"{name}:{line} in {code.co_qualname}"


def places(coroutine: Any) -> Iterator[str]:
    """What *coroutine* waits for: where it stands, and then where what it awaits does, innermost last."""
    for _ in range(DEEPEST):
        frame: FrameType | None = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            return
        yield place(frame.f_code, frame.f_lineno)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)


def threads_page() -> str:
    """The stacks of all threads, innermost last; the last lines of a worker say what it works on."""
    frames = sys._current_frames()
    threads = {thread.ident: thread for thread in threading.enumerate()}
    lines = [f"{len(frames)} threads"]
    for ident, frame in frames.items():
        thread = threads.get(ident)
        name = thread.name if thread is not None else "not one of Python's"
        native = thread.native_id if thread is not None else None
        lines += ["", f"{name}  (thread {ident}{'' if native is None else f', pid {native}'})"]
        lines += [f"    {line}" for line in _stack(frame)]
    return "\n".join(lines) + "\n"


def _stack(frame: FrameType | None) -> list[str]:
    lines: list[str] = []
    while frame is not None and len(lines) < DEEPEST:
        lines.append(place(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return lines[::-1]
