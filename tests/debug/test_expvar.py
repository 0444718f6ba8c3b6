"""The figures of ``/debug/vars``, in the units that Go's have."""

from __future__ import annotations

import builtins
import gc
import io
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txregistry.debug.expvar import memstats
from txregistry.metrics.pauses import GcPauses, Pause


class MemstatsTests(SynchronousTestCase):
    """A process whose memory and pauses the test knows."""

    def test_memory(self) -> None:
        """Memory is told in bytes; the kernel counts pages, all of them first."""
        opened: Any = builtins.open

        def fake(path: Any, *arguments: Any, **named: Any) -> Any:
            if path == "/proc/self/statm":
                return io.StringIO("1000 300 50 1 0 200 0\n")
            return opened(path, *arguments, **named)

        self.patch(builtins, "open", fake)
        found = memstats(GcPauses(lambda *_: None))
        page = os.sysconf("SC_PAGE_SIZE")
        self.assertEqual((found["Sys"], found["HeapInuse"]), (1000 * page, 300 * page))
        self.assertEqual(found["EnableGC"], gc.isenabled())

    def test_pauses(self) -> None:
        """Pauses are told in nanoseconds."""
        pauses = GcPauses(lambda *_: None)
        found = memstats(pauses)
        self.assertEqual((found["NumGC"], found["PauseNs"], found["LastGC"]), (0, [], 0))
        pauses.count, pauses.total = 3, 1.5
        pauses.last.extend((Pause(0, 0.25, 1000.5), Pause(2, 0.5, 2000.25)))
        found = memstats(pauses)
        self.assertEqual((found["NumGC"], found["PauseTotalNs"]), (3, 1_500_000_000))
        self.assertEqual(found["PauseNs"], [250_000_000, 500_000_000])
        self.assertEqual(found["PauseEnd"], [1_000_500_000_000, 2_000_250_000_000])
        self.assertEqual(found["LastGC"], 2_000_250_000_000)
