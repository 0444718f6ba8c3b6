"""
How memory is given back: by the C library, and by Python's collector of cycles.

glibc gives the top of its heap back to the kernel as soon as a few hundred
kilobytes of it are free.  Every buffer that a socket is read into is such a
piece: it is given back and asked for again thousands of times a second, and
each time the kernel clears its pages anew.  Keeping some tens of megabytes
saves a sixth to a third of the processor time of an upload.  What was kept
after all, in the middle of the heap too, is given back once a minute: else a
daemon is for ever as large as in its busiest moment.

Each of the first threads gets a heap of its own ("arena"), up to eight for
each processor, and memory that is freed in one is of no use to the others:
half-empty ones add up.  Python lets one thread run at a time, so that threads
have little to gain from a heap of their own.

The collector looks through everything that has lived for long, again and
again: some 70,000 modules, classes and functions, which never go.  That takes
20 milliseconds, in which nobody is answered.
"""

from __future__ import annotations

import ctypes
import gc

from attrs import frozen

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

#: Free bytes at the top of the heap that are kept.
KEPT = 32 * 1024 * 1024
#: Pieces of this many bytes and more still have memory of their own, given back when they are freed.
LARGE = 1024 * 1024
#: Seconds between two times of giving back what is free.
GIVE_BACK_EVERY = 60.0
#: Heaps at most, whatever the number of threads.
ARENAS = 2

_COUNTS = (
    "arena",
    "ordblks",
    "smblks",
    "hblks",
    "hblkhd",
    "usmblks",
    "fsmblks",
    "uordblks",
    "fordblks",
    "keepcost",
)


class _MallInfo(ctypes.Structure):
    """``struct mallinfo2`` of mallinfo(3)."""

    _fields_ = [(name, ctypes.c_size_t) for name in _COUNTS]


@frozen
class LibraryHeap:
    """
    The memory that the C library has taken, over all its arenas, in bytes.

    :ivar used: by whoever asked for it.  Python keeps objects of up to 512 bytes elsewhere.
    :ivar free: freed, and not given back to the kernel.
    :ivar mapped: in large pieces with memory of their own.
    """

    used: int
    free: int
    mapped: int


def keep_freed_memory() -> bool:
    """
    Have the C library keep :data:`KEPT` bytes of freed memory at hand, in no more than :data:`ARENAS` places.

    :return: whether it understood; another C library than glibc may not.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    choices = ((_M_TRIM_THRESHOLD, KEPT), (_M_MMAP_THRESHOLD, LARGE), (_M_ARENA_MAX, ARENAS))
    taken = [mallopt(name, value) for name, value in choices]  # each of them, whatever becomes of the others
    return all(taken)


def give_back() -> bool:
    """
    Have the C library give all free pages back to the kernel; takes milliseconds, in which threads may wait.

    :return: whether there was anything to give back.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    trim.argtypes = [ctypes.c_size_t]
    return bool(trim(0))


def library_heap() -> LibraryHeap | None:
    """What the C library says of its memory; ``None`` from another one than glibc 2.33 or newer."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return None
    ask.restype = _MallInfo
    said = ask()
    return LibraryHeap(said.uordblks, said.fordblks, said.hblkhd)


def spare_what_is_loaded() -> None:
    """Have the collector look at nothing any more that is there now, but for garbage; blocks for a moment."""
    gc.collect()
    gc.freeze()
