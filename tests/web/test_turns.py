"""Tests of :mod:`txregistry.web.turns`; ``test_hostile`` has them on whole connections."""

from __future__ import annotations

import gc
from weakref import ref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txregistry.web.turns import Turns


class Queue:
    """
    A connection on which so many requests wait.

    :ivar served: how many had their turn.
    :ivar held: how often the socket was not to be read any more.
    """

    paused = False

    def __init__(self, waiting: int, clock: Clock) -> None:
        self.waiting, self.full, self.held, self.served = waiting, False, 0, 0
        self.turns = Turns(self, clock, 3)

    def takes_nothing(self) -> bool:
        return self.full

    def holds_more(self) -> bool:
        return self.waiting > 0

    def hold(self) -> None:
        self.held += 1

    def go_on(self) -> None:
        if self.waiting and not self.paused:
            self.waiting -= 1
            self.served += 1
            self.turns.answered()
            self.go_on()  # as the parser does
            self.turns.settle()


class TurnsTests(SynchronousTestCase):
    """Requests that came together."""

    def queue(self, waiting: int) -> Queue:
        self.clock = Clock()
        return Queue(waiting, self.clock)

    def test_few(self) -> None:
        """A few are served at once, again and again."""
        queue = self.queue(3)
        for _ in range(5):
            queue.waiting = 3
            queue.waiting = 3
            queue.go_on()
            self.assertEqual((queue.waiting, queue.paused, queue.held), (0, False, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many(self) -> None:
        """Of many some are served in each turn of the reactor."""
        queue = self.queue(7)
        queue.go_on()
        self.assertEqual((queue.served, queue.paused), (3, True))
        others: list[int] = []
        self.clock.callLater(0, lambda: others.append(queue.served))
        self.clock.advance(0)
        self.assertEqual(others, [6])
        self.assertEqual((queue.served, queue.paused), (7, False))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_taken(self) -> None:
        """While the client takes nothing none is served, and none before others have had their turn."""
        queue = self.queue(2)
        queue.full = True
        queue.go_on()
        self.clock.advance(1000)
        self.assertEqual((queue.served, queue.held), (1, 1))
        queue.full = False
        queue.turns.taken()
        self.assertEqual(queue.served, 1)
        self.clock.advance(0)
        self.assertEqual(queue.served, 2)

    def test_stopped_again(self) -> None:
        """A client that takes something, and then nothing again, has to wait on."""
        queue = self.queue(2)
        queue.full = True
        queue.go_on()
        queue.full = False
        queue.turns.taken()
        queue.full = True
        self.clock.advance(0)
        self.assertEqual((queue.served, self.clock.getDelayedCalls()), (1, []))

    def test_end(self) -> None:
        """When the connection ends nothing is scheduled."""
        queue = self.queue(7)
        queue.go_on()
        queue.turns.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        queue.turns.end()

    def test_let_go(self) -> None:
        """A connection that ended goes as soon as nobody uses it: no collector of cycles is needed."""
        gc.disable()
        self.addCleanup(gc.enable)
        queue = self.queue(7)
        queue.go_on()
        queue.turns.end()
        gone = ref(queue)
        late = queue.turns
        del queue
        self.assertIsNone(gone())
        late.answered()
        late.settle()
        late.taken()
        self.assertEqual(self.clock.getDelayedCalls(), [])
