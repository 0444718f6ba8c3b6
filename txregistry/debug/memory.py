"""
What memory is used for.

Looking through a large heap takes long.  It is done in pieces, between which
the reactor has its turn: nobody waits for longer than for one piece, but for
the list of all objects, which Python makes in one go.  The page says how long
both took.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from itertools import islice
from time import perf_counter

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from txregistry.heap import library_heap
from txregistry.interfaces import IWorkers

#: Objects that are looked at in one turn of the reactor.
PIECE = 20_000
#: Types, and lines of source, that are shown.
SHOWN = 40
_STATUS = ("VmPeak", "VmSize", "VmHWM", "VmRSS", "RssAnon", "RssFile", "VmData", "VmSwap", "Threads")


class MemoryPage:
    """
    Makes the page, for one reader at a time.

    :param workers: take what may take seconds.
    """

    def __init__(self, clock: IReactorTime, workers: IWorkers) -> None:
        self._clock, self._workers = clock, workers
        self._lock = DeferredLock()

    async def __call__(self) -> str:
        """The page."""
        await self._lock.acquire()
        try:
            lines = [*process_lines(), *library_lines(), "", *collector_lines(), "", *await self._types(), ""]
            if tracemalloc.is_tracing():
                lines += await self._workers.run(_traced)
            else:
                lines.append(
                    "tracemalloc is off; start with PYTHONTRACEMALLOC=1 to see where memory came from"
                )
        finally:
            self._lock.release()
        return "\n".join(lines) + "\n"

    async def _types(self) -> list[str]:
        counts: Counter[type] = Counter()
        began = perf_counter()
        objects = gc.get_objects()
        listed = longest = perf_counter() - began
        total, pieces = len(objects), 0
        while objects:
            began = perf_counter()
            counts.update(map(type, islice(reversed(objects), PIECE)))
            del objects[-PIECE:]
            pieces += 1
            longest = max(longest, perf_counter() - began)
            await deferLater(self._clock, 0)
        lines = [
            f"{total} objects that the collector follows",
            f"(listed in {listed * 1000:.1f} ms, counted in {pieces} pieces; "
            f"the reactor was held up for {longest * 1000:.1f} ms at most)",
        ]
        for kind, count in counts.most_common(SHOWN):
            lines.append(f"{count:10}  {kind.__module__}.{kind.__qualname__}")
        return lines


def process_lines() -> list[str]:
    """What the kernel says of the process's memory."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        lines = [line.split() for line in status]
    return [f"{words[0]:10} {' '.join(words[1:])}" for words in lines if words[0].rstrip(":") in _STATUS]


def library_lines() -> list[str]:
    """What the C library has of that, in bytes: a lot that is free means pieces that nobody can use."""
    heap = library_heap()
    if heap is None:
        return ["the C library does not tell of its memory"]
    return [f"C library: {heap.used} bytes in use, {heap.free} free, {heap.mapped} in large pieces"]


def collector_lines() -> list[str]:
    """What Python's allocator and collector have done."""
    lines = [
        f"{sys.getallocatedblocks()} blocks of Python's allocator are in use",
        f"{gc.get_freeze_count()} objects are frozen; the collector is {'on' if gc.isenabled() else 'off'}",
        f"{'generation':>10} {'allocated':>10} {'threshold':>10} {'collections':>12} {'collected':>12}",
    ]
    for generation, (now, threshold, stats) in enumerate(
        zip(gc.get_count(), gc.get_threshold(), gc.get_stats(), strict=True)
    ):
        lines.append(
            f"{generation:10} {now:10} {threshold:10} {stats['collections']:12} {stats['collected']:12}"
        )
    return lines


def _traced() -> list[str]:
    now, most = tracemalloc.get_traced_memory()
    lines = [f"tracemalloc: {now} bytes now, {most} at most; by line:"]
    for statistic in tracemalloc.take_snapshot().statistics("lineno")[:SHOWN]:
        frame = statistic.traceback[0]
        lines.append(
            f"{statistic.size:12} bytes in {statistic.count:8} blocks  {frame.filename}:{frame.lineno}"
        )
    return lines
