"""Tests of :mod:`txregistry.threads`."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter
from queue import SimpleQueue
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from txregistry.errors import NotRunning
from txregistry.interfaces import IWorkers
from txregistry.threads import STOP_PATIENCE, Workers


class Oops(Exception):
    """Raised by work."""


def fail(error: BaseException) -> None:
    """Raise *error*."""
    raise error


def wait_for(event: threading.Event) -> None:
    """Wait, though not for ever."""
    if not event.wait(30):
        raise AssertionError("nobody set the event")


class WorkersTests(TestCase):
    """Work is done in threads, and answered in the reactor's."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.workers = self.started(4)

    def started(self, size: int) -> Workers:
        """Workers that are stopped when the test ends."""
        workers = Workers(self.reactor, size)
        workers.startService()
        self.addCleanup(lambda: workers.running and workers.stopService())
        return workers

    def test_provides(self) -> None:
        """Workers provide their interface."""
        verifyObject(IWorkers, self.workers)

    async def test_result(self) -> None:
        """The answer is what the work returned, called with its arguments."""
        self.assertEqual(await self.workers.run(divmod, 17, 5), (3, 2))

    async def test_other_thread(self) -> None:
        """Work runs elsewhere, its answer comes here."""
        here = threading.get_ident()
        self.assertNotEqual(await self.workers.run(threading.get_ident), here)
        self.assertEqual(threading.get_ident(), here)

    async def test_failure(self) -> None:
        """What the work raised is raised where the answer is awaited, with the way it took."""
        for error in (Oops("no"), SystemExit(3), CancelledError()):
            with self.assertRaises(type(error)) as caught:
                await self.workers.run(fail, error)
            self.assertIs(caught.exception, error)
            names = []
            trace = caught.exception.__traceback__
            while trace:
                names.append(trace.tb_frame.f_code.co_name)
                trace = trace.tb_next
            self.assertEqual(names[-1], "fail")
        self.assertEqual(await self.workers.run(abs, -1), 1)

    async def test_failure_makes_no_cycle(self) -> None:
        """A failure is freed once nobody holds it, without the cycle collector."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

        def oops() -> None:
            raise Oops()

        error = await self.workers.run(oops).addErrback(lambda failure: weakref.ref(failure.value))
        await self.workers.run(abs, -1)  # the thread and the reactor have gone on
        self.assertIsNone(error())

    async def test_nothing_is_kept(self) -> None:
        """A thread that waits keeps neither arguments nor results of what it did last."""

        class Thing:
            pass

        thing = Thing()
        gone = weakref.ref(thing)
        workers = self.started(1)
        self.assertIs(await workers.run(lambda it: it, thing), thing)
        del thing
        await workers.run(abs, -1)
        self.assertIsNone(gone())

    async def test_cancel(self) -> None:
        """Cancelling drops the answer at once; the work runs to its end, those who wait run, too."""
        workers = self.started(1)
        entered, free, ended = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            entered.set()
            wait_for(free)
            ended.set()

        running, waiting = workers.run(work), workers.run(Counter, "abc")
        failing, last = workers.run(fail, Oops()), workers.run(abs, -7)
        await self.workers.run(wait_for, entered)
        for answer in (running, waiting, failing):
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
        self.assertFalse(ended.is_set())
        free.set()
        self.assertEqual(await last, 7)
        self.assertTrue(ended.is_set())

    async def test_order(self) -> None:
        """One thread does what it is given in turn, and answers in turn."""
        workers = self.started(1)
        done: list[int] = []
        answered: list[int] = []
        answers = [workers.run(done.append, number) for number in range(100)]
        for number, answer in enumerate(answers):
            answer.addCallback(lambda _, number: answered.append(number), number)
        await gatherResults(answers)
        self.assertEqual((done, answered), (list(range(100)),) * 2)

    async def test_bounded(self) -> None:
        """As much runs at the same time as there are threads, no more."""
        workers = self.started(3)
        barrier = threading.Barrier(3, timeout=30)
        lock = threading.Lock()
        running = most = 0

        def work() -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            barrier.wait()  # passes only when three are here
            with lock:
                running -= 1

        await gatherResults([workers.run(work) for _ in range(30)])
        self.assertEqual(most, 3)

    async def test_threads_on_demand(self) -> None:
        """One piece of work after the other needs one thread."""
        threads = {await self.workers.run(threading.get_ident) for _ in range(50)}
        self.assertEqual(len(threads), 1)

    async def test_very_many(self) -> None:
        """Thousands of pieces may wait; each gets its own answer."""
        answers = [self.workers.run(abs, -number) for number in range(20_000)]
        self.assertEqual(await gatherResults(answers), list(range(20_000)))

    async def test_work_from_an_answer(self) -> None:
        """Who gets an answer may hand in more work."""

        async def chain(begin: int) -> int:
            for _ in range(200):
                begin = await self.workers.run(lambda number: number + 1, begin)
            return begin

        ends = await gatherResults([Deferred.fromCoroutine(chain(number * 1000)) for number in range(10)])
        self.assertEqual(ends, [number * 1000 + 200 for number in range(10)])

    async def test_stop_waits(self) -> None:
        """Stopping waits for all work that was taken, answers it, and ends every thread."""
        before = threading.active_count()
        workers = self.started(2)
        free = threading.Event()
        answers = [workers.run(wait_for, free), *(workers.run(abs, -number) for number in range(50))]
        stopped = workers.stopService()
        self.assertNoResult(stopped)
        self.failureResultOf(workers.run(abs, -1), NotRunning)
        free.set()
        await stopped
        self.assertEqual([self.successResultOf(answer) for answer in answers], [None, *range(50)])
        self.assertEqual(threading.active_count(), before)

    async def test_start_again(self) -> None:
        """Stopped workers can be started again."""
        await self.workers.run(abs, -1)
        await self.workers.stopService()
        self.workers.startService()
        self.assertEqual(await self.workers.run(abs, -2), 2)


class HangingTests(SynchronousTestCase):
    """A thread that hangs when the workers stop; the test has the time."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.called: SimpleQueue[Any] = SimpleQueue()
        self.workers = Workers(self, 2, "slow")
        self.workers.startService()
        self.free = threading.Event()
        self.work = self.workers.run(wait_for, self.free)
        [self.thread] = (thread for thread in threading.enumerate() if thread.name == "slow-0")
        self.addCleanup(self.end)
        self.stopped = self.workers.stopService()

    def end(self) -> None:
        """Let the thread go on, to its end: others count threads."""
        self.free.set()
        self.thread.join(30)
        self.assertFalse(self.thread.is_alive())

    def callLater(self, seconds: float, call: Any) -> Any:
        return self.clock.callLater(seconds, call)

    def callFromThread(self, *call: Any) -> None:
        self.called.put(call)

    def settle(self) -> None:
        """Make the calls that threads asked for, until the workers have stopped."""
        while not self.stopped.called:
            call, *arguments = self.called.get(timeout=30)
            call(*arguments)

    def test_left_behind(self) -> None:
        """After its time it is left behind, and the log names it."""
        self.clock.advance(STOP_PATIENCE - 0.1)
        self.assertNoResult(self.stopped)
        with capturedLogs() as events:
            self.clock.advance(0.1)
        self.successResultOf(self.stopped)
        self.assertEqual([event["names"] for event in events], ["slow-0"])
        self.assertTrue(self.thread.is_alive())
        self.assertTrue(self.thread.daemon)

    def test_in_time(self) -> None:
        """One that comes back in time is waited for, and its answer is given."""
        self.clock.advance(STOP_PATIENCE - 0.1)
        self.free.set()
        self.settle()
        self.successResultOf(self.work)
        self.successResultOf(self.stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class IdleWorkersTests(SynchronousTestCase):
    """Before there is work, there is no thread."""

    def setUp(self) -> None:
        self.workers = Workers(self, 4)

    def callFromThread(self, *_: object) -> None:
        """No thread is there to call this."""
        raise AssertionError

    def test_not_started(self) -> None:
        """Work that is handed in before the start fails, and says why."""
        failure = self.failureResultOf(self.workers.run(abs, -1), NotRunning)
        self.assertIn("not running", failure.getErrorMessage())

    def test_stopped(self) -> None:
        """Workers that never worked stop at once."""
        before = threading.active_count()
        self.workers.startService()
        self.assertEqual(threading.active_count(), before)
        self.successResultOf(self.workers.stopService())
        self.failureResultOf(self.workers.run(abs, -1), NotRunning)

    def test_several_in_one_service(self) -> None:
        """What the threads are called does not make pools the same service."""
        parent = MultiService()
        for size in (1, 2):
            Workers(self, size, "same").setServiceParent(parent)
        self.assertEqual(len(list(parent)), 2)
