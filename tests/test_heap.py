"""The C library's heap."""

from __future__ import annotations

import ctypes
import gc
import weakref
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txregistry.heap import KEPT, LARGE, keep_freed_memory, spare_what_is_loaded


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
        """Both thresholds are set, by their numbers in malloc.h."""
        self.assertEqual(self.calls(1), (True, [(-1, KEPT), (-3, LARGE)]))

    def test_refused(self) -> None:
        """A library that refuses is no fault."""
        self.assertFalse(self.calls(0)[0])

    def test_unknown(self) -> None:
        """Neither is one that has never heard of it."""
        self.patch(ctypes, "CDLL", lambda name: object())
        self.assertFalse(keep_freed_memory())


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
