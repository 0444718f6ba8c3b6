"""
Threads for work that would hold up the reactor: disk calls, hashing.

Why not :class:`twisted.python.threadpool.ThreadPool`: the way there and back
is most of what a small piece of disk work costs, and twice as long there.
Here a thread takes its work straight from one queue, and answers that become
ready together wake the reactor once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txregistry.errors import NotRunning
from txregistry.interfaces import IWorkers

#: Seconds that a stop waits for work under way: more than any disk takes that works.
STOP_PATIENCE = 30.0

_Job = tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]


@implementer(IWorkers)
class Workers(Service):
    """
    At most *size* threads, each made when there is first something to do for it.

    Work is begun in the order in which it was handed in.  Any number of
    pieces may wait.  A thread knows nothing of the context variables of
    whoever handed work in.

    :param name: begins the names of its threads; there may be several with the same.
    :param reactor: provides ``IReactorFromThreads`` and ``IReactorTime``.
    :ivar pool: that name.  It is not the service's, which would have to be the only one of its daemon.
    """

    _log = Logger()

    def __init__(self, reactor: Any, size: int, name: str = "worker") -> None:
        self._reactor = reactor
        self._size, self.pool = size, name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unanswered = 0
        # Threads append, the reactor takes.  ``_waking`` says that it will look;
        # it is set after an append and cleared before a look, so none is missed.
        self._answers: deque[tuple[Deferred[Any], Any]] = deque()
        self._waking = False
        self._stopped: Deferred[None] | None = None
        self._giving_up: IDelayedCall

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """
        As :meth:`IWorkers.run`, for callers in the reactor's thread.

        The answer is a failure with :class:`NotRunning` outside of the time
        between start and stop.
        """
        if not self.running:
            return fail(NotRunning("the worker threads are not running"))
        answer: Deferred[Any] = Deferred()
        self._unanswered += 1
        if len(self._threads) < self._size and len(self._threads) < self._unanswered:
            self._add_thread()
        self._jobs.put((answer, work, arguments))
        return answer

    @property
    def size(self) -> int:
        """How many threads there may be."""
        return self._size

    @property
    def threads(self) -> int:
        """How many there are."""
        return len(self._threads)

    @property
    def waiting(self) -> int:
        """Pieces of work that no thread has begun."""
        return self._jobs.qsize()

    @property
    def unanswered(self) -> int:
        """Pieces of work that were handed in, and whose answers were not given yet."""
        return self._unanswered

    def stopService(self) -> Deferred[None]:
        """
        Take no more work; fires when all that was taken has ended, its answers
        are given, and no thread is left.

        A thread that hangs in the system (a dead disk or network file system)
        is left behind after :data:`STOP_PATIENCE`: nobody could end it.
        """
        super().stopService()
        if not self._threads:
            return succeed(None)
        self._stopped = Deferred()
        for _ in self._threads:
            self._jobs.put(None)
        self._giving_up = self._reactor.callLater(STOP_PATIENCE, self._leave_behind)
        return self._stopped

    def _leave_behind(self) -> None:
        names = ", ".join(thread.name for thread in self._threads)
        self._log.error("threads hang, and are left behind: {names}", names=names)
        self._ended()

    def _ended(self) -> None:
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            stopped.callback(None)

    def _add_thread(self) -> None:
        # Those that hang must not keep the process alive.
        thread = threading.Thread(target=self._serve, name=f"{self.pool}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    # --- in the threads ---

    def _serve(self) -> None:
        # Nothing of a job may stay in this frame while it waits for the next.
        while self._serve_one():
            pass
        self._wake(self._end_thread, threading.current_thread())

    def _serve_one(self) -> bool:
        job = self._jobs.get()
        if job is None:
            return False
        answer, work, arguments = job
        del job
        self._answers.append((answer, _outcome(work, arguments)))
        if not self._waking:
            self._waking = True
            self._wake(self._give_answers)
        return True

    def _wake(self, call: Callable[..., object], *arguments: object) -> None:
        self._reactor.callFromThread(call, *arguments)

    # --- in the reactor ---

    def _give_answers(self) -> None:
        self._waking = False
        for _ in range(len(self._answers)):
            answer, outcome = self._answers.popleft()
            self._unanswered -= 1
            answer.callback(outcome)

    def _end_thread(self, thread: threading.Thread) -> None:
        thread.join()
        self._threads.remove(thread)
        if not self._threads and self._stopped is not None:
            self._giving_up.cancel()
            self._ended()


def _outcome(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    # A function of its own, so that the failure is in no frame of its own traceback.
    try:
        return work(*arguments)
    except BaseException:
        return Failure()
