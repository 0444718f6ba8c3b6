"""Tests for what signals do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from txregistry.signals import obey_signals


class Reactor:
    """Runs what is asked of it when the test says so."""

    running = False
    _exitSignal: int | None = None

    def __init__(self) -> None:
        self.when_running: list[Callable[[], object]] = []
        self.before_shutdown: list[Callable[[], object]] = []
        self.after_shutdown: list[Callable[[], object]] = []
        self.called: list[tuple[Any, ...]] = []
        self.stops = 0

    def callWhenRunning(self, call: Any, *arguments: Any) -> None:
        self.when_running.append(lambda: call(*arguments))

    def addSystemEventTrigger(self, phase: str, event: str, call: Any) -> None:
        (self.before_shutdown if phase == "before" else self.after_shutdown).append(call)

    def callFromThread(self, *call: Any) -> None:
        self.called.append(call)

    def stop(self) -> None:
        """Stop after this turn, as the real one; being asked twice is an error."""
        if self.stops or not self.running:
            raise ReactorNotRunning
        self.stops += 1

    def turn(self) -> None:
        """Call what was asked for from a signal's handler."""
        while self.called:
            call, *arguments = self.called.pop(0)
            call(*arguments)


class SignalTests(SynchronousTestCase):
    """Real signals to this process."""

    def setUp(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.reactor = Reactor()
        self.hurried: list[str] = []
        self.reloaded: list[str] = []
        obey_signals(self.reactor, lambda: self.hurried.append("x"), lambda: self.reloaded.append("x"))

    def get(self, *numbers: int) -> None:
        for number in numbers:
            os.kill(os.getpid(), number)
        self.reactor.turn()

    def run_reactor(self) -> None:
        self.reactor.running = True
        for call in self.reactor.when_running:
            call()

    def test_stop(self) -> None:
        """The first signal to stop stops the reactor, each further one hurries."""
        for first in (signal.SIGTERM, signal.SIGINT):
            self.setUp()
            self.run_reactor()
            self.get(first)
            self.assertEqual((self.reactor.stops, self.hurried), (1, []))
            for call in self.reactor.before_shutdown:
                call()
            self.get(signal.SIGTERM, signal.SIGINT)
            self.assertEqual((self.reactor.stops, self.hurried), (1, ["x", "x"]))

    def test_twice_in_one_turn(self) -> None:
        """A second signal before the stop has begun hurries, too, and is no error."""
        for early in (False, True):
            self.setUp()
            if not early:
                self.run_reactor()
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(os.getpid(), number)
            self.assertEqual((self.reactor.stops, self.hurried), (0, []))
            if early:
                self.run_reactor()
            self.reactor.turn()
            self.assertEqual((self.reactor.stops, self.hurried), (1, ["x"]))

    def test_in_the_handler(self) -> None:
        """A handler does nothing but ask the reactor: it may run anywhere."""
        self.run_reactor()
        for call in self.reactor.before_shutdown:
            call()
        os.kill(os.getpid(), signal.SIGTERM)
        self.assertEqual(self.hurried, [])
        self.reactor.turn()
        self.assertEqual(self.hurried, ["x"])

    def test_too_late(self) -> None:
        """A reactor that runs no more is not stopped."""
        self.run_reactor()
        os.kill(os.getpid(), signal.SIGTERM)
        self.reactor.running = False
        self.reactor.turn()
        self.assertEqual((self.reactor.stops, self.hurried), (0, []))

    def test_early(self) -> None:
        """What comes before the reactor runs is obeyed when it does."""
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        self.assertEqual((self.reactor.stops, self.reloaded), (0, []))
        self.run_reactor()
        self.reactor.turn()
        self.assertEqual((self.reactor.stops, self.reloaded), (1, ["x"]))

    def test_twisted_was_faster(self) -> None:
        """Twisted takes the signals first; whatever it noted, the process does not end by one."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.run_reactor()
        self.get(signal.SIGTERM)
        self.assertEqual(self.reactor.stops, 1)
        self.reactor._exitSignal = signal.SIGTERM
        for call in self.reactor.before_shutdown:
            call()
        self.assertIsNone(self.reactor._exitSignal)

    def test_reload(self) -> None:
        """SIGHUP reloads, until the daemon stops, and then does nothing."""
        self.addCleanup(
            signal.pthread_sigmask, signal.SIG_SETMASK, signal.pthread_sigmask(signal.SIG_BLOCK, ())
        )
        self.run_reactor()
        self.get(signal.SIGHUP, signal.SIGHUP)
        self.assertEqual(self.reloaded, ["x", "x"])
        for call in self.reactor.before_shutdown:
            call()
        self.get(signal.SIGHUP)
        self.assertEqual(self.reloaded, ["x", "x"])
        # Were it ignored, one that Python has noted and not handed on yet would leave a traceback.
        self.assertTrue(callable(signal.getsignal(signal.SIGHUP)))
        for call in self.reactor.after_shutdown:
            call()
        self.get(signal.SIGHUP)
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)
        self.assertEqual(self.reloaded, ["x", "x"])
