"""What signals do to the daemon: SIGTERM and SIGINT stop it, SIGHUP has it read its configuration again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

_log = Logger()

STOPPING = (signal.SIGTERM, signal.SIGINT)


def obey_signals(reactor: Any, hurry: Callable[[], object], reload: Callable[[], object]) -> None:
    """
    Take the signals over from Twisted; what comes before *reactor* runs has its turn then.

    Twisted would end the process by the signal that it got, which looks like
    a failure to who asked for the stop; and would call a second signal an error.

    :param hurry: is called when a second signal comes, while the daemon stops or is about to.
    :param reload: is called for SIGHUP.
    """

    def stop(number: int, _: object) -> None:
        reactor.callFromThread(_stop, reactor, number, hurry)

    def again(*_: object) -> None:
        reactor.callFromThread(hurry)

    def hang_up(*_: object) -> None:
        reactor.callFromThread(reload)

    def nothing(*_: object) -> None:
        pass

    def take(handler: Callable[..., None]) -> None:
        for number in STOPPING:
            signal.signal(number, handler)

    def stopping() -> None:
        take(again)
        # Nothing would come of it any more. It is not ignored yet: one that came a moment ago, and that
        # Python has still to hand on, would leave a traceback.
        signal.signal(signal.SIGHUP, nothing)
        # Twisted may have had the signal, in the moment between its start and ours: twistd looks at this, and
        # would end by it.
        reactor._exitSignal = None

    # At once, since the port is open before the reactor runs; and then again, since Twisted takes them first.
    take(stop)
    signal.signal(signal.SIGHUP, hang_up)
    reactor.callWhenRunning(take, stop)
    reactor.addSystemEventTrigger("before", "shutdown", stopping)
    reactor.addSystemEventTrigger("after", "shutdown", _deafen)


def _deafen() -> None:
    """Ignore SIGHUP until the process ends: Python takes its own handlers away before that."""
    # Blocked first, so that none comes while the handlers change.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _stop(reactor: Any, number: int, hurry: Callable[[], object]) -> None:
    _log.info("got {name}, stopping", name=signal.Signals(number).name)
    if not reactor.running:
        return
    try:
        reactor.stop()
    except ReactorNotRunning:  # it was told to stop in the same turn, and has not begun
        hurry()
