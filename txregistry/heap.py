"""
How memory is given back: by the C library, and by Python's collector of cycles.

glibc gives the top of its heap back to the kernel as soon as a few hundred
kilobytes of it are free.  Every buffer that a socket is read into is such a
piece: it is given back and asked for again thousands of times a second, and
each time the kernel clears its pages anew.  Keeping some tens of megabytes
saves a sixth to a third of the processor time of an upload.

The collector looks through everything that has lived for long, again and
again: some 70,000 modules, classes and functions, which never go.  That takes
20 milliseconds, in which nobody is answered.
"""

from __future__ import annotations

import ctypes
import gc

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

#: Free bytes at the top of the heap that are kept.
KEPT = 32 * 1024 * 1024
#: Pieces of this many bytes and more still have memory of their own, given back when they are freed.
LARGE = 1024 * 1024


def keep_freed_memory() -> bool:
    """
    Have the C library keep :data:`KEPT` bytes of freed memory at hand.

    :return: whether it understood; another C library than glibc may not.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, KEPT) and mallopt(_M_MMAP_THRESHOLD, LARGE))


def spare_what_is_loaded() -> None:
    """Have the collector look at nothing any more that is there now, but for garbage; blocks for a moment."""
    gc.collect()
    gc.freeze()
