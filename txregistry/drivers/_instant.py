"""
Reading what the kernel has in memory, without waiting for any disk.

A trip to a thread costs the reactor ten times what it takes to read a small
file that is in the page cache.  Linux can promise not to wait: ``openat2``
with ``RESOLVE_CACHED`` fails where a directory would have to be read, and
``preadv2`` with ``RWF_NOWAIT`` where content would (openat2(2), preadv2(2)).
Whatever cannot be had that way is left to the threads, errors included, so
that there is one place that tells what they mean.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import struct
import sys
from collections.abc import Callable

from twisted.logger import Logger

_OPENAT2 = 437  # on every architecture but alpha, which nobody serves images from
_AT_FDCWD = -100
_RESOLVE_CACHED = 0x20
#: Reading notes the time of access, which may have to wait for a journal.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_PATH = getattr(os, "O_PATH", 0) | os.O_CLOEXEC

#: Opening a file waits for nobody on these; on a network it may, whatever is in memory (statfs(2)).
_LOCAL = frozenset(
    (
        0xEF53,  # ext2, ext3 and ext4
        0x58465342,  # xfs
        0x9123683E,  # btrfs
        0xF2F52010,  # f2fs
        0x794C7630,  # overlayfs
    )
)
_STATFS_SIZE = 256  # more than the structure has anywhere

#: Content up to this many bytes is read here; more is a thread's work, to copy if not to wait for.
LIMIT = 16 * 1024

_How = struct.Struct("=QQQ")  # flags, mode, resolve


class _Kernel:
    """The two calls that Python lacks.  The interpreter's lock is kept: neither waits."""

    def __init__(self) -> None:
        library = ctypes.PyDLL(None)
        self._syscall = library.syscall
        self._syscall.argtypes = (
            ctypes.c_long,
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_size_t,
        )
        self._syscall.restype = ctypes.c_long
        self._fstatfs = ctypes.CDLL(None).fstatfs
        self._read = _How.pack(_READ | getattr(os, "O_NOATIME", 0), 0, _RESOLVE_CACHED)
        self._path = _How.pack(_PATH, 0, _RESOLVE_CACHED)

    def open(self, place: str) -> int:
        """A descriptor to read from, or -1."""
        return int(self._syscall(_OPENAT2, _AT_FDCWD, os.fsencode(place), self._read, _How.size))

    def find(self, place: str) -> int:
        """A descriptor that can only be asked for its status, or -1."""
        return int(self._syscall(_OPENAT2, _AT_FDCWD, os.fsencode(place), self._path, _How.size))

    def file_system(self, descriptor: int) -> int:
        """The type of the file system that *descriptor* is on.  May wait for it."""
        found = ctypes.create_string_buffer(_STATFS_SIZE)
        if self._fstatfs(descriptor, found):
            return 0
        return int(ctypes.c_long.from_buffer(found).value) & 0xFFFFFFFF


def _kernel() -> _Kernel | None:
    if sys.platform != "linux" or platform.machine() == "alpha" or not hasattr(os, "RWF_NOWAIT"):
        return None
    try:
        return _Kernel()
    except (AttributeError, OSError):
        return None


class InstantReads:
    """
    Reads that either succeed at once or are not done, for the reactor's thread.

    On which devices that holds must be learned first, from what threads
    opened.  Once anything is found on another file system, everything is
    left to the threads.
    """

    _log = Logger()

    def __init__(self) -> None:
        self._kernel = _kernel()
        self._devices: frozenset[int] = frozenset()

    def learn(self, descriptor: int) -> None:
        """Find out about the device that the open *descriptor* is on.  Blocking; for threads."""
        kernel = self._kernel
        if kernel is None:
            return
        device = os.fstat(descriptor).st_dev
        if device in self._devices:
            return
        kind = kernel.file_system(descriptor)
        if kind in _LOCAL:
            self._devices |= {device}
        else:
            self._kernel = None
            self._log.info(
                "part of the storage is on a file system (type {kind}) that may wait for a network: "
                "small reads go to threads, which takes longer",
                kind=f"{kind:#x}",
            )

    def read(self, place: str, limit: int) -> bytes | None:
        """The content of the file at *place*, if that has at most *limit* bytes and is at hand."""
        opened = self.open(place)
        if opened is None:
            return None
        descriptor, found = opened
        try:
            size = found.st_size
            if not 0 < size <= min(limit, LIMIT):
                return None
            buffer = bytearray(size)
            if os.preadv(descriptor, (buffer,), 0, os.RWF_NOWAIT) != size:
                return None
            return bytes(buffer)
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def open(self, place: str) -> tuple[int, os.stat_result] | None:
        """The regular file at *place*, open for reading, with its status; the caller closes it."""
        kernel = self._kernel
        if kernel is None or not self._devices:
            return None
        return self._checked(kernel.open(place), stat.S_ISREG)

    def status(self, place: str) -> os.stat_result | None:
        """The status of the directory at *place*."""
        return self._status(place, stat.S_ISDIR)

    def file_status(self, place: str) -> os.stat_result | None:
        """The status of the regular file at *place*."""
        return self._status(place, stat.S_ISREG)

    def _status(self, place: str, wanted: Callable[[int], bool]) -> os.stat_result | None:
        kernel = self._kernel
        if kernel is None or not self._devices:
            return None
        opened = self._checked(kernel.find(place), wanted)
        if opened is None:
            return None
        os.close(opened[0])
        return opened[1]

    def _checked(self, descriptor: int, wanted: Callable[[int], bool]) -> tuple[int, os.stat_result] | None:
        if descriptor < 0:
            return None
        try:
            found = os.fstat(descriptor)
            if found.st_dev in self._devices and wanted(found.st_mode):
                return descriptor, found
        except OSError:
            pass
        os.close(descriptor)
        return None
