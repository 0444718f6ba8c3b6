"""Lines on their way out."""

from __future__ import annotations

import os
import syslog
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txregistry import lines
from txregistry.lines import BACKLOG, GATHER, Descriptor, LineWriter, LogFile, SystemLog

reactor: Any = _reactor


class PipeCase:
    """A pipe, and what came out of it."""

    def open_pipe(self) -> None:
        self.reader, self.writer = os.pipe()
        self.open = {self.reader, self.writer}

    def close_pipe(self) -> None:
        for fd in self.open:
            os.close(fd)

    def shut(self, fd: int) -> None:
        os.close(fd)
        self.open.discard(fd)

    def written(self) -> bytes:
        os.set_blocking(self.reader, False)
        try:
            return os.read(self.reader, 1 << 20)
        except BlockingIOError:
            return b""


class ThreadlessClock(Clock):
    """A clock that a writer takes for a reactor."""

    def callFromThread(self, call: Callable[..., object], *arguments: object) -> None:
        self.callLater(0, call, *arguments)


class LineWriterTests(PipeCase, SynchronousTestCase):
    """Lines on their way to a descriptor."""

    def setUp(self) -> None:
        self.open_pipe()
        self.addCleanup(self.close_pipe)
        self.clock = ThreadlessClock()
        self.lines = LineWriter(self.clock, Descriptor(self.writer))

    def test_before_start(self) -> None:
        """Before it runs, lines go out at once."""
        self.lines.write("a")
        self.assertEqual(self.written(), b"a\n")

    def test_gathered(self) -> None:
        """While it runs, the lines of a short time go out together, in order."""
        self.lines.startService()
        for line in ("a", "b", "c"):
            self.lines.write(line)
        self.assertEqual(self.written(), b"")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(GATHER)
        self.lines.stopService()
        self.assertEqual(self.written(), b"a\nb\nc\n")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """The stop waits until everything is out; what comes later goes out at once."""
        self.lines.startService()
        for number in range(1000):
            self.lines.write(str(number))
        self.lines.stopService()
        self.assertEqual(self.written().split(), [b"%d" % number for number in range(1000)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.lines.write("late")
        self.assertEqual(self.written(), b"late\n")

    def test_again(self) -> None:
        """It can be started again."""
        for line in ("a", "b"):
            self.lines.startService()
            self.lines.write(line)
            self.lines.stopService()
        self.assertEqual(self.written(), b"a\nb\n")

    def test_threads_end(self) -> None:
        """The stop leaves no thread behind."""
        before = threading.active_count()
        self.lines.startService()
        self.assertEqual(threading.active_count(), before + 1)
        self.lines.stopService()
        self.assertEqual(threading.active_count(), before)

    def test_closed(self) -> None:
        """A descriptor that nobody reads, or that is closed, swallows lines."""
        self.shut(self.reader)
        self.lines.write("a")
        self.lines.startService()
        self.lines.write("b")
        self.lines.stopService()
        self.shut(self.writer)
        self.lines.write("c")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_unicode(self) -> None:
        """Text that cannot be encoded goes out escaped."""
        self.lines.write("caf\u00e9 \udcff")
        self.assertEqual(self.written(), "caf\u00e9 \\udcff\n".encode())


class SlowPipeTests(PipeCase, TestCase):
    """A reader that is slower than we are, and other threads."""

    timeout = 30

    def setUp(self) -> None:
        self.patch(lines, "PATIENCE", 20.0)  # in two seconds a busy machine may not write two megabytes
        self.open_pipe()
        self.addCleanup(self.close_pipe)
        self.lines = LineWriter(reactor, Descriptor(self.writer))
        self.lines.startService()

    def drained(self) -> Deferred[bytes]:
        """Everything up to the end, read in a thread."""

        def drain() -> bytes:
            found = b""
            while data := os.read(self.reader, 65536):
                found += data
            return found

        return deferToThread(drain)

    async def test_slow_reader(self) -> None:
        """Far more than fits into a pipe waits in memory, holds up nobody, and arrives whole."""
        expected = [f"{number} {'x' * 1000}" for number in range(2000)]
        for line in expected:
            self.lines.write(line)
        began = reactor.seconds()
        await deferLater(reactor, 2 * GATHER)
        self.assertLess(reactor.seconds() - began, 5)
        found = self.drained()
        self.lines.stopService()
        self.shut(self.writer)
        self.assertEqual((await found).decode().splitlines(), expected)

    async def test_threads(self) -> None:
        """Lines of many threads arrive all, each whole, those of one thread in order."""

        def write(thread: int) -> None:
            for number in range(500):
                self.lines.write(f"{thread} {number}")

        found = self.drained()
        await self.all(write, 4)
        await deferLater(reactor, 4 * GATHER)
        self.lines.stopService()
        self.shut(self.writer)
        lines = [tuple(map(int, line.split())) for line in (await found).splitlines()]
        self.assertEqual(len(lines), 2000)
        for thread in range(4):
            self.assertEqual([number for each, number in lines if each == thread], list(range(500)))

    async def test_from_a_thread(self) -> None:
        """A line of another thread does not wait for one of ours."""
        os.set_blocking(self.reader, False)
        await deferToThread(self.lines.write, "a")
        for _ in range(100):
            await deferLater(reactor, GATHER)
            data = self.written()
            if data:
                break
        self.assertEqual(data, b"a\n")
        self.lines.stopService()

    async def test_non_blocking(self) -> None:
        """A descriptor that somebody made non-blocking loses nothing either."""
        os.set_blocking(self.writer, False)
        expected = [f"{number} {'x' * 1000}" for number in range(500)]
        for line in expected:
            self.lines.write(line)
        await deferLater(reactor, 2 * GATHER)
        found = self.drained()
        self.lines.stopService()
        self.shut(self.writer)
        self.assertEqual((await found).decode().splitlines(), expected)

    async def all(self, work: Callable[[int], None], count: int) -> None:
        for running in [deferToThread(work, number) for number in range(count)]:
            await running


class Stuck:
    """A sink whose reader has gone to sleep, until :attr:`awake` is set."""

    name = "a pipe"

    def __init__(self) -> None:
        self.awake = threading.Event()
        self.taken = b""

    def write(self, data: memoryview) -> int:
        self.awake.wait(30)
        self.taken += data
        return len(data)


class StuckReaderTests(SynchronousTestCase):
    """A reader that takes nothing, and does not go away either."""

    def setUp(self) -> None:
        self.sink = Stuck()
        self.addCleanup(self.sink.awake.set)
        self.clock = ThreadlessClock()
        self.lines = LineWriter(self.clock, self.sink)

    def test_bounded(self) -> None:
        """Only so much waits for it; what comes then is lost, and the log says how much when it goes on."""
        self.lines.startService()
        for _ in range(6):
            self.lines.write("x" * (BACKLOG // 4))
            self.clock.advance(GATHER)
        self.sink.awake.set()
        self.lines.stopService()
        self.assertEqual(self.sink.taken.count(b"\n"), 4)
        self.lines.startService()
        with capturedLogs() as events:
            for _ in range(2):
                self.lines.write("again")
                self.clock.advance(GATHER)
        self.lines.stopService()
        self.assertEqual(self.sink.taken.count(b"again\n"), 2)
        self.assertEqual([(event["lost"], event["sink"]) for event in events], [(2, "a pipe")])

    def test_stop(self) -> None:
        """The end of the process waits for it only so long, and not at all with the last lines."""
        self.patch(lines, "PATIENCE", 0.1)
        self.lines.startService()
        self.lines.write("a")
        self.lines.stopService()
        self.lines.write("late")
        self.assertEqual(self.sink.taken, b"")


class LogFileTests(SynchronousTestCase):
    """A file for lines."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.lines = LineWriter(ThreadlessClock(), LogFile(str(self.path)))

    def test_appended(self) -> None:
        """It is made with the first line, and each goes to its end."""
        self.assertFalse(self.path.exists())
        self.lines.write("a")
        with self.path.open("a") as other:
            other.write("b\n")
        self.lines.write("c")
        self.assertEqual(self.path.read_text(), "a\nb\nc\n")

    def test_rotated(self) -> None:
        """When somebody has moved it away or removed it, the next line is in a new one."""
        self.lines.write("a")
        moved = self.path.rename(self.mktemp())
        self.lines.write("b")
        self.assertEqual((moved.read_text(), self.path.read_text()), ("a\n", "b\n"))
        self.path.unlink()
        self.lines.write("c")
        self.assertEqual(self.path.read_text(), "c\n")

    def test_another_directory(self) -> None:
        """It stays where it was named, wherever the process goes."""
        begin, elsewhere = (Path(self.mktemp()).absolute() for _ in range(2))
        self.addCleanup(os.chdir, os.getcwd())
        for directory in (elsewhere, begin):
            directory.mkdir()
            os.chdir(directory)
        writer = LineWriter(ThreadlessClock(), LogFile("log"))
        writer.write("a")
        os.chdir(elsewhere)
        writer.write("b")
        self.assertEqual((begin / "log").read_text(), "a\nb\n")

    def test_no_new_one(self) -> None:
        """Where no new one can be made, the old one goes on."""
        directory = Path(self.mktemp())
        directory.mkdir()
        sink = LogFile(str(directory / "log"))
        sink.write(memoryview(b"a\n"))
        moved = directory.rename(self.mktemp())
        sink.write(memoryview(b"b\n"))
        self.assertEqual((moved / "log").read_text(), "a\nb\n")

    def test_nowhere(self) -> None:
        """One that cannot be made swallows lines."""
        LineWriter(ThreadlessClock(), LogFile(self.mktemp() + "/missing/log")).write("a")


class SystemLogTests(SynchronousTestCase):
    """syslog."""

    def test_lines(self) -> None:
        """Each line is one entry."""
        opened: list[tuple[object, ...]] = []
        entries: list[str] = []
        self.patch(syslog, "openlog", lambda *arguments: opened.append(arguments))
        self.patch(syslog, "syslog", entries.append)
        lines = LineWriter(ThreadlessClock(), SystemLog("registry"))
        self.assertEqual(opened, [("registry", syslog.LOG_PID)])
        lines.startService()
        lines.write("a")
        lines.write("caf\u00e9 \udcff")
        lines.stopService()
        self.assertEqual(entries, ["a", "caf\u00e9 \\udcff"])
