"""Where lines go, and how they get there without holding up the reactor."""

from __future__ import annotations

import os
import select
import syslog
import threading
from collections import deque
from queue import SimpleQueue
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

#: Seconds that lines are gathered before they are written together.
GATHER = 0.05
#: Bytes of lines that may wait for a reader who takes none; what comes then is lost.
BACKLOG = 8 << 20
#: Seconds that the end of the process waits for such a reader.
PATIENCE = 2.0

STDOUT, STDERR = 1, 2


class Sink(Protocol):
    """Where lines go: a descriptor, or a file."""

    name: str

    def write(self, data: memoryview) -> int:
        """Write some of *data*, perhaps after a wait, and return how much.  An ``OSError`` says: in vain."""


class Descriptor:
    """The open descriptor *fd*."""

    def __init__(self, fd: int) -> None:
        self.name = {STDOUT: "stdout", STDERR: "stderr"}.get(fd, str(fd))
        self._fd = fd

    def write(self, data: memoryview) -> int:
        while True:
            try:
                return os.write(self._fd, data)
            except BlockingIOError:
                # Whoever shares the terminal or pipe with us has made it so.
                select.select((), (self._fd,), ())


class LogFile:
    """
    The end of the file at *path*: of a new one whenever the last one is gone,
    so that others can rotate it.
    """

    def __init__(self, path: str) -> None:
        self.name = path
        self._path = os.path.abspath(path)
        self._fd: int | None = None

    def open(self) -> None:
        """:raises OSError: it cannot be opened."""
        self._current()

    def write(self, data: memoryview) -> int:
        return os.write(self._current(), data)

    def _current(self) -> int:
        fd = self._fd
        if fd is None or not self._is_there(fd):
            try:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError:
                if fd is None:
                    raise
                return fd
            if fd is not None:
                os.close(fd)
            fd = self._fd
        return fd

    def _is_there(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(fd))
        except OSError:
            return False


class SystemLog:
    """syslog, each line beginning with *prefix*."""

    name = "syslog"

    def __init__(self, prefix: str) -> None:
        syslog.openlog(prefix, syslog.LOG_PID)

    def write(self, data: memoryview) -> int:
        for line in bytes(data).decode().splitlines():
            syslog.syslog(line)
        return len(data)


class LineWriter(Service):
    """
    Writes lines to *sink*, in a thread of its own while it runs.

    Lines of a short time are written together.  Before the start and after
    the stop, lines are written at once by whoever has them.  A sink that
    nobody reads any more swallows lines without a word: there is no place
    left to complain.  One whose reader takes a break too long loses some,
    and the log says how many when it goes on.

    :param reactor: provides ``IReactorTime`` and ``IReactorFromThreads``.
    """

    _log = Logger()

    def __init__(self, reactor: Any, sink: Sink) -> None:
        self._reactor, self._sink = reactor, sink
        self._lines: deque[str] = deque()
        self._batches: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._owner = 0
        self._call: IDelayedCall | None = None
        # Each has one writer: the flushing thread, and the one that writes.
        self._handed = self._taken = 0
        self._lost = 0
        self._stuck = False

    def write(self, line: str) -> None:
        """Write *line*, which has no line end."""
        if self._thread is None:
            if not self._stuck:
                self._write_now(_encoded([line]))
            return
        self._lines.append(line)
        if self._call is None:
            if threading.get_ident() == self._owner:
                self._call = self._reactor.callLater(GATHER, self._flush)
            else:
                self._reactor.callFromThread(self._flush)

    def startService(self) -> None:
        super().startService()
        self._stuck = False
        self._owner = threading.get_ident()
        self._thread = threading.Thread(target=self._work, name=f"lines-{self._sink.name}", daemon=True)
        self._thread.start()

    def stopService(self) -> None:
        super().stopService()
        # A reader that hangs must not keep the process alive, now or with the last lines.
        self._stuck = True
        thread, self._thread = self._thread, None
        self._flush()
        self._batches.put(None)
        if thread is not None:
            thread.join(PATIENCE)
            self._stuck = thread.is_alive()

    def _flush(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        lines = []
        while self._lines:
            lines.append(self._lines.popleft())
        if not lines:
            return
        if self._handed - self._taken > BACKLOG:
            self._lost += len(lines)
            return
        lost, self._lost = self._lost, 0
        batch = _encoded(lines)
        self._handed += len(batch)
        self._batches.put(batch)
        if lost:
            self._log.error(
                "{lost} lines for {sink} were lost: nobody took them", lost=lost, sink=self._sink.name
            )

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._write_now(batch)
            self._taken += len(batch)

    def _write_now(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._sink.write(view) :]
        except OSError:
            return


def _encoded(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
