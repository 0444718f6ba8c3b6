"""How long the garbage collector takes."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from txregistry.metrics.pauses import REMEMBERED, GcPauses


class GcPausesTests(SynchronousTestCase):
    """What is heard of collections."""

    def setUp(self) -> None:
        """Listen."""
        self.seen: list[tuple[int, float]] = []
        self.pauses = GcPauses(lambda generation, seconds: self.seen.append((generation, seconds)))
        gc.disable()
        self.addCleanup(gc.enable)
        self.pauses.startService()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        """Listen no more, if that was not done yet."""
        if self.pauses.running:
            self.pauses.stopService()

    def test_collection(self) -> None:
        """Each collection is told with its generation and its time, and remembered."""
        gc.collect(1)
        gc.collect()
        self.assertEqual([generation for generation, _ in self.seen], [1, 2])
        self.assertTrue(all(seconds > 0 for _, seconds in self.seen))
        self.assertEqual(self.pauses.count, 2)
        self.assertAlmostEqual(self.pauses.total, sum(seconds for _, seconds in self.seen))
        self.assertEqual([pause.generation for pause in self.pauses.last], [1, 2])

    def test_bounded(self) -> None:
        """Only the latest are remembered one by one."""
        for _ in range(REMEMBERED + 5):
            gc.collect(0)
        self.assertEqual((self.pauses.count, len(self.pauses.last)), (REMEMBERED + 5, REMEMBERED))

    def test_start_in_a_collection(self) -> None:
        """Of a collection that was under way at the start only the end is heard, which tells nothing."""
        seen: list[tuple[int, float]] = []
        late = GcPauses(lambda generation, seconds: seen.append((generation, seconds)))

        class Starting:
            def __init__(self) -> None:
                self.me = self

            def __del__(self) -> None:
                late.startService()

        Starting()
        gc.collect()
        self.addCleanup(late.stopService)
        self.assertTrue(late.running)
        self.assertEqual((seen, late.count), ([], 0))
        gc.collect(1)
        self.assertEqual([generation for generation, _ in seen], [1])

    def test_stop(self) -> None:
        """After the stop nothing is left with the interpreter."""
        self.pauses.stopService()
        gc.collect()
        self.assertEqual(self.seen, [])
        self.assertNotIn(self.pauses._collecting, gc.callbacks)
