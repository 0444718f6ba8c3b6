"""
Directories that survive a power failure.

Content is durable only when its directory's entry for it is, and the entry of
that directory in the one above, up to the root.  To fsync them all for each
small file would be slow, so this remembers which ones are safe already.
Blocking code, for threads.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os.path import dirname

#: File systems that cannot fsync a directory answer with one of these.
_CANNOT_SYNC = frozenset((errno.EINVAL, errno.ENOTSUP))


def sync_directory(path: str) -> None:
    """Make the entries of the directory *path* durable, where the file system can do that."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


class Directories:
    """
    The directories at and below *root*.

    One is *settled* when its own entry and those of all directories above it,
    up to the root, are known to be on disk.  Every directory that this
    process did not settle itself counts as unsettled: whoever made it may not
    have synced it yet.  A settled one that another process removes, and that
    is then made again by a third, is not noticed.

    :param remembered: how many settled directories to keep in mind.
    """

    def __init__(self, root: str, remembered: int = 4096) -> None:
        self._root = root
        self._remembered = remembered
        self._lock = threading.Lock()
        self._settled: dict[str, None] = {}  # least recently used first
        self._removals = 0  # that have begun
        self._removing = 0  # that have not ended

    def make(self, directory: str) -> None:
        """
        Make *directory* and what is missing above it; what exists is left alone.

        :raises FileNotFoundError: somebody removed what was made meanwhile.
        """
        if directory == self._root:
            _make_synced(directory)
            return
        try:
            os.mkdir(directory)
        except FileExistsError:
            return
        except FileNotFoundError:
            self.make(dirname(directory))
            with suppress(FileExistsError):
                os.mkdir(directory)
        self._forget(directory)

    def settle(self, directory: str) -> None:
        """
        Make the entries of *directory* durable, and the way to it.

        To be called after the entry was made: until then somebody may remove
        the directory.  One that is gone has been removed by intent, after
        the entry was made, and is no failure.
        """
        try:
            sync_directory(directory)
            with self._lock:
                seen = self._removals if not self._removing else None
            unsettled = []
            while directory != self._root and not self._is_settled(directory):
                unsettled.append(directory)
                directory = dirname(directory)
                sync_directory(directory)
        except FileNotFoundError:
            return
        with self._lock:
            # While a removal runs, one of them may be a new directory of the same name.
            if seen == self._removals:
                for each in reversed(unsettled):
                    self._settled[each] = None
                while len(self._settled) > self._remembered:
                    del self._settled[next(iter(self._settled))]

    @contextmanager
    def removal(self) -> Iterator[None]:
        """Inside of it, directories may be removed by :meth:`remove`."""
        with self._lock:
            self._removals += 1
            self._removing += 1
        try:
            yield
        finally:
            with self._lock:
                self._removing -= 1

    def remove(self, directory: str) -> None:
        """Remove an empty *directory*."""
        self._forget(directory)
        os.rmdir(directory)

    def _forget(self, directory: str) -> None:
        with self._lock:
            self._settled.pop(directory, None)

    def _is_settled(self, directory: str) -> bool:
        with self._lock:
            if directory not in self._settled:
                return False
            del self._settled[directory]
            self._settled[directory] = None
            return True


def _make_synced(directory: str) -> None:
    # The root, and perhaps more above it, once in the life of a storage.
    above = dirname(directory)
    try:
        os.mkdir(directory)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_synced(above)
        os.mkdir(directory)
    sync_directory(above)
