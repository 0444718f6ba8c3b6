"""The C library's heap."""

from __future__ import annotations

import ctypes
import gc
import weakref
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txregistry.heap import (
    ARENAS,
    KEPT,
    LARGE,
    give_back,
    keep_freed_memory,
    library_heap,
    spare_what_is_loaded,
)


class KeepFreedMemoryTests(SynchronousTestCase):
    """What the C library is told."""

    def calls(self, answer: int) -> tuple[bool, list[tuple[int, int]]]:
        """What comes of it, and what was said, to a library that gives *answer*."""
        said: list[tuple[int, int]] = []

        class Library:
            def mallopt(self, name: int, value: int) -> int:
                said.append((name, value))
                return answer

        def load(name: Any) -> Library:
            return Library()

        self.patch(ctypes, "CDLL", load)
        return keep_freed_memory(), said

    def test_understood(self) -> None:
        """All three are set, by their numbers in malloc.h."""
        self.assertEqual(self.calls(1), (True, [(-1, KEPT), (-3, LARGE), (-8, ARENAS)]))

    def test_refused(self) -> None:
        """A library that refuses is no fault; it may take the next one."""
        understood, said = self.calls(0)
        self.assertEqual((understood, len(said)), (False, 3))

    def test_unknown(self) -> None:
        """Neither is one that has never heard of it."""
        self.patch(ctypes, "CDLL", lambda name: object())
        self.assertFalse(keep_freed_memory())


class GiveBackTests(SynchronousTestCase):
    """What is free goes back to the kernel."""

    def test_given_back(self) -> None:
        """Also what lies in the middle of the heap, which nothing else gives back."""
        keep_freed_memory()
        pieces = [bytes(100_000) for _ in range(600)]
        full = resident()
        del pieces[:-1]
        self.assertGreater(resident(), full - 30 * 1024)
        self.assertTrue(give_back())
        self.assertLess(resident(), full - 30 * 1024)

    def test_unknown(self) -> None:
        """A library that cannot do it is no fault."""
        self.patch(ctypes, "CDLL", lambda name: object())
        self.assertFalse(give_back())


def resident() -> int:
    """KiB of this process that are in memory."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


class LibraryHeapTests(SynchronousTestCase):
    """What the C library tells."""

    def test_counted(self) -> None:
        """Memory that is taken is in the figures, in small pieces and in large ones, until it is freed."""
        before = library_heap()
        small, large = [bytes(1000) for _ in range(10_000)], bytes(256 * 1024 * 1024)
        during = library_heap()
        del small, large
        after = library_heap()
        assert before and during and after
        self.assertGreater(during.used - before.used, 9_000_000)
        self.assertGreaterEqual(during.mapped - before.mapped, 256 * 1024 * 1024)
        self.assertLess(after.used, during.used - 9_000_000)
        self.assertLess(after.mapped, during.mapped - 250_000_000)

    def test_unknown(self) -> None:
        """A library that counts nothing is no fault."""
        self.patch(ctypes, "CDLL", lambda name: object())
        self.assertIsNone(library_heap())


class Loop:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


class SpareTests(SynchronousTestCase):
    """What the collector of cycles looks at."""

    def setUp(self) -> None:
        self.addCleanup(gc.unfreeze)

    def test_spared(self) -> None:
        """What is there is passed over, so that a collection takes hardly any time; garbage goes first."""
        garbage = weakref.ref(Loop())
        gc.unfreeze()
        spare_what_is_loaded()
        self.assertIsNone(garbage())
        self.assertGreater(gc.get_freeze_count(), 10_000)
        self.assertLess(len(gc.get_objects()), 10_000)

    def test_what_comes_later(self) -> None:
        """What is made later is collected as ever."""
        spare_what_is_loaded()
        garbage = weakref.ref(Loop())
        gc.collect()
        self.assertIsNone(garbage())
