"""What the page of delayed calls says."""

from __future__ import annotations

from functools import partial

from twisted.internet.task import Clock, LoopingCall
from twisted.trial.unittest import SynchronousTestCase

from txregistry.debug import tasks
from txregistry.debug.tasks import tasks_page


def work() -> None:
    """Do nothing."""


class TasksPageTests(SynchronousTestCase):
    """Calls of a clock."""

    def test_names(self) -> None:
        """A loop is told by what it repeats, and how often; what is wrapped by what is in it."""
        clock = Clock()
        loop = LoopingCall(work)
        loop.clock = clock
        loop.start(7, now=False)
        clock.callLater(3, partial(work))
        self.assertEqual(
            tasks_page(clock).splitlines()[-2:],
            [
                "     3.000 s  tests.debug.test_tasks.work",
                "     7.000 s  tests.debug.test_tasks.work (every 7 s)",
            ],
        )

    def test_many(self) -> None:
        """All are counted; one by one, no more than so many are shown, the next ones."""
        self.patch(tasks, "SHOWN", 2)
        clock = Clock()
        for seconds in (3, 1, 2):
            clock.callLater(seconds, work)
        lines = tasks_page(clock).splitlines()
        self.assertEqual(lines[0], "3 calls are due")
        self.assertIn("       3  tests.debug.test_tasks.work", lines)
        found = lines[lines.index("the next 2:") + 1 :]
        self.assertEqual([line.split()[0] for line in found], ["1.000", "2.000"])
