"""An htpasswd file that may change at any time."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txregistry.auth.users import InvalidLine, Users
from txregistry.errors import AccessUndecided
from txregistry.interfaces import IWorkers

#: Larger files are not read, in bytes: some 200,000 users.
SIZE_LIMIT = 16 << 20
#: Seconds after a change during which another one could leave the same times behind.
_SETTLING = 2.0


class Unreadable(Exception):
    """There is no file to be read; *reason* says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@frozen
class Reading:
    """
    What a file held.

    :ivar stamp: changes whenever the file does, once it is *settled*.
    :ivar users: who stands in it, or ``None`` because of a *fault*.
    """

    stamp: tuple[int, ...]
    settled: bool
    content: bytes = field(repr=False)
    users: Users | None
    fault: str = ""


def read(path: str, last: Reading | None, now: float) -> Reading:
    """
    Read the file at *path* if it may have changed.

    :param last: what it held before; this itself comes back if it is the same.
    :param now: the time, by the clock that files have theirs from.
    :raises Unreadable: there is no such file.
    """
    try:
        if last is not None and last.settled and _stamp(os.stat(path)) == last.stamp:
            return last
        # Whatever else it is may block only whoever does not say that it must not.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("is a directory" if stat.S_ISDIR(status.st_mode) else "is no regular file")
            with open(fd, "rb", closefd=False) as file:
                content = file.read(SIZE_LIMIT + 1)
        finally:
            os.close(fd)
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > SIZE_LIMIT:
        raise Unreadable(f"is larger than {SIZE_LIMIT} bytes")
    changed = max(status.st_mtime, status.st_ctime)
    stamp, settled = _stamp(status), changed + _SETTLING < now
    if last is not None and content == last.content:
        return evolve(last, stamp=stamp, settled=settled)
    try:
        return Reading(stamp, settled, content, Users.parse(content))
    except InvalidLine as invalid:
        return Reading(stamp, settled, content, None, str(invalid))


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class UserFile:
    """
    The users in the file at *path*, as they are now.

    A changed file with a fault in it is complained of once, to whoever asked
    for that look; those who were in the file before stay in use.  A file that
    cannot be read lets nobody in.

    :param now: the time, in seconds since 1970.
    :param changed: called when something else is in the file than before, or nothing any more.
    :ivar users: those who were last found; ``None`` before.
    """

    _log = Logger()

    def __init__(self, path: str, workers: IWorkers, now: Callable[[], float], changed: Callable[[], None]):
        self._path, self._workers, self._now, self._changed = path, workers, now, changed
        self._last: Reading | None = None
        self._unreadable = ""
        self._confirmed: float | None = None
        self._looking = False
        self._waiting: list[Deferred[Users]] = []
        self.users: Users | None = None

    def confirmed(self, seconds: float) -> bool:
        """Whether :attr:`users` were found in the file within the last *seconds*."""
        return self._confirmed is not None and 0 <= self._now() - self._confirmed < seconds

    def look(self) -> Deferred[Users]:
        """
        Look at the file.

        The answer is what stood in it after this was called.  Calls that
        come meanwhile have the next look together.

        :raises AccessUndecided: it has a new fault, or one that it always had, or cannot be read.
        """
        waiter: Deferred[Users] = Deferred()
        self._waiting.append(waiter)
        if not self._looking:
            self._begin()
        return waiter

    def look_now(self) -> None:
        """Look at the file before anything is served, so that the log has its faults from the start."""
        began = self._now()
        try:
            self._found(read(self._path, self._last, began), began)
        except Unreadable as error:
            self._lost(error)
        except AccessUndecided:
            return

    def _begin(self) -> None:
        self._looking = True
        waiters, self._waiting = self._waiting, []
        began = self._now()
        self._workers.run(read, self._path, self._last, began).addBoth(self._end, began, waiters)

    def _end(self, outcome: Reading | Failure, began: float, waiters: list[Deferred[Users]]) -> None:
        try:
            if isinstance(outcome, Failure):
                outcome.raiseException()
            users = self._found(outcome, began)
        except Unreadable as error:
            reason = self._lost(error)
            for waiter in waiters:
                waiter.errback(AccessUndecided(reason))
        except AccessUndecided as error:
            for waiter in waiters:
                waiter.errback(AccessUndecided(error.reason))
        except Exception:
            failure = Failure()
            for waiter in waiters:
                waiter.errback(failure)
        else:
            for waiter in waiters:
                waiter.callback(users)
        self._looking = False
        if self._waiting:
            self._begin()

    def _found(self, reading: Reading, began: float) -> Users:
        """
        Take over what was read.

        :raises AccessUndecided: it has a fault that nobody was told, or there is nothing else to go by.
        """
        last, self._last = self._last, reading
        self._unreadable = ""
        new = last is None or reading.content != last.content
        if new:
            self._changed()
            self._tell(reading)
            self.users = reading.users or self.users
        if self.users is None or (new and reading.users is None):
            raise AccessUndecided(f"htpasswd file {self._path}: {reading.fault}")
        self._confirmed = began
        return self.users

    def _tell(self, reading: Reading) -> None:
        if reading.users is None:
            users = "those of before stay in use" if self.users else "nobody gets in"
            self._log.warn(
                "htpasswd file {path}: {fault}; {users}", path=self._path, fault=reading.fault, users=users
            )
            return
        count, unusable = len(reading.users.hashes), reading.users.unusable
        self._log.info("htpasswd file {path}: read, users: {count}", path=self._path, count=count)
        if unusable:
            self._log.warn(
                "htpasswd file {path}: no password matches the lines {lines}: they have no bcrypt hash, or "
                "too dear a one",
                path=self._path,
                lines=", ".join(map(str, unusable[:10])) + (", …" if len(unusable) > 10 else ""),
            )

    def _lost(self, error: Unreadable) -> str:
        """Note that there is no file; why, for the log."""
        reason = f"htpasswd file {self._path}: {error.reason}"
        self._confirmed = None
        if self._last is not None or self._unreadable != error.reason:
            self._log.warn("{reason}; nobody gets in", reason=reason)
            self._changed()
        # Whoever took the file away did not mean its users to come back with the next broken one.
        self._last, self.users, self._unreadable = None, None, error.reason
        return reason
