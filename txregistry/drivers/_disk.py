"""
What the filesystem driver does on the disk.  Blocking code, for threads; a
failed system call leaves it as the ``OSError`` that it is.

Symbolic links are followed, those of files too: operators put ``blobs/`` or
single large files on another disk that way, and only who may write to the
directory can make one.  Deleting removes the link, not what it points to.
One that leads nowhere, or in a circle, is nothing.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from os.path import dirname
from uuid import uuid4

from txregistry.drivers._directories import Directories
from txregistry.drivers._files import AppendFile, ReadFile, start_write_back
from txregistry.drivers._listings import Listings, page
from txregistry.drivers.paths import checked, checked_prefix, is_component
from txregistry.errors import ContentTooLarge, PathNotFound, StorageError
from txregistry.interfaces import Entry, FileInfo
from txregistry.model.names import Page

#: Content on its way to its place; distribution 3 names it so, too.
_TEMPORARY = re.compile(r".+\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp\Z")

_COMPONENTS = re.compile(r"[A-Za-z0-9._/-]*\Z")  # joined by slashes

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_SHORT = 16 << 10  # read at once, before asking how long it is
_COPIED_AT_ONCE = 8 << 20
_ATTEMPTS = 16  # to win against others who remove the directory that we write in

#: distribution 2.8 empties a file before it writes to it again.  One that became empty less than so many
#: seconds ago is looked at again, after each of these many seconds.
_EMPTIED = 2.0
_LOOKS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)


class Disk:
    """
    Content below the directory *root*, which is made when there is something
    to put in.  Its calls promise what those of :class:`IStorageDriver` do.

    :param driver: the driver's name, for errors.
    :param listings: told of directories that were read.
    :param opened: told of the descriptor of each file or directory that is read, while it is open.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        driver: str,
        root: str,
        listings: Listings,
        opened: Callable[[int], object],
        sleep: Callable[[float], None],
    ) -> None:
        self._driver, self._listings, self._opened, self._sleep = driver, listings, opened, sleep
        root = os.path.abspath(root)
        self._prefix = "" if root == "/" else root
        self._directories = Directories(root)

    def get(self, path: str, limit: int) -> bytes:
        place = self.place(path)
        for pause in _LOOKS:
            data = self._read(place, path, limit)
            if data or not self._was_just_emptied(place):
                return data
            self._sleep(pause)
        return self._read(place, path, limit)

    def _read(self, place: str, path: str, limit: int) -> bytes:
        descriptor = os.open(place, _READ)
        try:
            self._opened(descriptor)
            wanted = min(limit + 1, _SHORT)
            data = os.read(descriptor, wanted)
            if data and len(data) < wanted:
                return data
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PathNotFound(self._driver, path)
            parts = [data]
            size = len(data)
            while data and size <= limit:
                data = os.read(descriptor, min(limit + 1 - size, 1 << 20))
                parts.append(data)
                size += len(data)
        finally:
            os.close(descriptor)
        if size > limit:
            raise ContentTooLarge(path, limit)
        return b"".join(parts)

    def _was_just_emptied(self, place: str) -> bool:
        """Whether another program may be about to write to the empty file at *place*."""
        return abs(time.time() - os.stat(place).st_mtime) < _EMPTIED

    def put(self, path: str, content: bytes, durable: bool) -> None:
        place = self._new(path)
        for _ in range(_ATTEMPTS):
            try:
                temporary, descriptor = self._create_beside(place)
                with _removed_on_failure(temporary):
                    try:
                        _write(descriptor, content)
                        if durable:
                            os.fsync(descriptor)
                    finally:
                        os.close(descriptor)
                    os.replace(temporary, place)
            except FileNotFoundError:
                continue  # somebody deleted the directory under us
            if durable:
                self._directories.settle(dirname(place))
            return
        raise StorageError(f"{self._driver}: {path} cannot be made")

    def stat(self, path: str) -> FileInfo:
        found = os.stat(self.place(path))
        if not stat.S_ISREG(found.st_mode):
            raise PathNotFound(self._driver, path)
        return file_info(path, found)

    def reader(self, path: str) -> ReadFile:
        """Content to read, not opened yet."""
        return ReadFile(self.place(path), path, self._opened)

    def writer(self, path: str) -> AppendFile:
        """Content to append to, not opened yet."""
        return AppendFile(self.place(path), path)

    def commit(self, file: AppendFile, source: str, target: str) -> None:
        """Give *file*, opened at *source*, its place for good, while nobody else can write to it."""
        try:
            place = self._new(target)
        except StorageError:
            file.abandon()
            raise
        try:
            file.commit(lambda origin: self._publish(origin, place))
        except FileNotFoundError:
            raise PathNotFound(self._driver, source) from None

    def delete(self, path: str) -> None:
        place = self._place(path)
        try:
            os.unlink(place)
        except IsADirectoryError:
            with self._directories.removal():
                self._delete_tree(place)

    def list(self, path: str, after: str, limit: int) -> Page[Entry]:
        place = self.directory(path)
        descriptor = os.open(place, _DIRECTORY)
        try:
            self._opened(descriptor)
            now, before = time.time_ns(), os.fstat(descriptor)
            with os.scandir(descriptor) as entries:
                found = {entry.name: entry for entry in entries}
            names = sorted(found)
            joined = "/".join(names)  # one look at all of them is quicker than one at each
            if ".tmp" in joined or not _COMPONENTS.match(joined):
                names = [name for name in names if _is_listed(found[name])]
            # What a symbolic link leads to may change unnoticed.
            if self._listings.worth_noting(before, now, len(names)) and not any(
                found[name].is_symlink() for name in names
            ):
                every = tuple([Entry(name, _is_prefix(found[name])) for name in names])
                self._listings.note(place, before, every)
                return page(every, after, limit)
            names = names[bisect_right(names, after) :] if after else names
            return Page([Entry(name, _is_prefix(found[name])) for name in names[:limit]], len(names) > limit)
        finally:
            os.close(descriptor)

    def directory(self, path: str) -> str:
        """Where the names directly below *path* are."""
        return self._prefix + checked_prefix(self._driver, path) or "/"

    def place(self, path: str) -> str:
        """Where content is, if it is there already."""
        if _is_temporary(path):
            raise PathNotFound(self._driver, path)
        return self._place(path)

    def _place(self, path: str) -> str:
        return self._prefix + checked(self._driver, path)

    def _new(self, path: str) -> str:
        """The place of content that is to come."""
        if _is_temporary(path):
            raise StorageError(f"{self._driver}: reserved for temporary files: {path}")
        return self._place(path)

    def _create_beside(self, place: str) -> tuple[str, int]:
        temporary = f"{place}.{uuid4()}.tmp"
        try:
            return temporary, os.open(temporary, _CREATE, 0o666)
        except FileNotFoundError:
            self._directories.make(dirname(place))
            return temporary, os.open(temporary, _CREATE, 0o666)

    def _publish(self, origin: str, place: str) -> None:
        copied = self._rename(origin, place)
        self._directories.settle(dirname(place))
        if copied:
            os.unlink(origin)

    def _rename(self, origin: str, place: str) -> bool:
        """Return whether *origin* still is there, since *place* is on another disk and got a copy."""
        for _ in range(_ATTEMPTS):
            try:
                self._directories.make(dirname(place))
                os.rename(origin, place)
                return False
            except FileNotFoundError:
                # Somebody deleted one of the two directories under us.
                if not os.path.exists(origin):
                    raise
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._copy(origin, place)
                return True
        raise StorageError(f"{self._driver}: {place} cannot be made")

    def _copy(self, origin: str, place: str) -> None:
        """Across file systems: as :meth:`put` does it."""
        temporary, target = self._create_beside(place)
        with _removed_on_failure(temporary):
            try:
                source = os.open(origin, _READ)
                try:
                    copied = 0
                    while done := os.sendfile(target, source, None, _COPIED_AT_ONCE):
                        start_write_back(target, copied, copied + done)
                        copied += done
                finally:
                    os.close(source)
                os.fsync(target)
            finally:
                os.close(target)
            os.replace(temporary, place)

    def _delete_tree(self, directory: str) -> None:
        """Others may add or remove something at the same time; it ends when all is gone."""
        for _ in range(_ATTEMPTS):
            try:
                with os.scandir(directory) as entries:
                    found: Sequence[os.DirEntry[str]] = list(entries)
                for entry in found:
                    if entry.is_dir(follow_symlinks=False):
                        self._delete_tree(entry.path)
                    else:
                        with suppress(FileNotFoundError):
                            os.unlink(entry.path)
                self._directories.remove(directory)
                return
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), directory)


def file_info(path: str, status: os.stat_result) -> FileInfo:
    """What the *status* of a file says of the content stored at *path*."""
    return FileInfo(path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


@contextmanager
def _removed_on_failure(temporary: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _is_listed(entry: os.DirEntry[str]) -> bool:
    # Not when no path leads there, or when it is not finished.
    return is_component(entry.name) and (not _is_temporary(entry.name) or _is_prefix(entry))


def _is_prefix(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def _is_temporary(name: str) -> bool:
    return name.endswith(".tmp") and _TEMPORARY.match(name) is not None


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
