"""Passwords checked in threads: few at once, each once, and everybody in turn."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txregistry.auth.bcrypted import BcryptHash, Checked
from txregistry.auth.lines import Lines
from txregistry.errors import TooManyAttempts
from txregistry.interfaces import IWorkers

#: How a password is checked, in a thread.
Check = Callable[[BcryptHash, bytes], Checked]


@define(eq=False)
class _Pending:
    """A check that waits or runs, and those who wait for its answer."""

    key: Hashable = field(repr=False)
    line: str
    user: str
    expected: BcryptHash
    password: bytes = field(repr=False)
    learned: Callable[[bool], None]
    waiters: list[Deferred[bool]] = field(factory=list)
    in_line: bool = True


class Verifier:
    """
    Checks passwords.

    :param workers: is never given more to do than *lines* lets be served at once.
    :param check: does it.
    """

    def __init__(self, workers: IWorkers, lines: Lines[_Pending], check: Check) -> None:
        self._workers, self._lines, self._check = workers, lines, check
        self._pending: dict[Hashable, _Pending] = {}

    def verify(
        self,
        key: Hashable,
        line: str,
        user: str,
        expected: BcryptHash,
        password: bytes,
        learned: Callable[[bool], None],
    ) -> Deferred[bool]:
        """
        Find out whether *password* has the hash *expected*.

        Cancelling the answer gives up its place, unless others wait for the
        same check, or it runs.

        :param key: those with the same one share a check.
        :param line: where to wait.
        :param user: whom the log shall name.
        :param learned: told the answer once for each check, although nobody might wait for it any more.
        :raises TooManyAttempts: too many wait.
        """
        pending = self._pending.get(key)
        if pending is not None:
            return self._waiter(pending)
        pending = _Pending(key, line, user, expected, password, learned)
        waiter = self._waiter(pending)
        self._pending[key] = pending
        gone = self._lines.join(line, pending)
        if gone is not None:
            del self._pending[gone.key]
            gone.in_line = False
            retry_after = self._lines.retry_after()
            _answer(gone, lambda: Failure(TooManyAttempts(retry_after, gone.user)))
        self._go_on()
        return waiter

    def _waiter(self, pending: _Pending) -> Deferred[bool]:
        waiter: Deferred[bool] = Deferred(lambda _: self._leave(pending, waiter))
        pending.waiters.append(waiter)
        return waiter

    def _go_on(self) -> None:
        while (pending := self._lines.next()) is not None:
            pending.in_line = False
            self._workers.run(self._check, pending.expected, pending.password).addBoth(self._ended, pending)

    def _ended(self, outcome: Checked | Failure, pending: _Pending) -> None:
        del self._pending[pending.key]
        if isinstance(outcome, Failure):
            self._lines.ended()
            _answer(pending, lambda: outcome)
        else:
            self._lines.ended(outcome.seconds)
            pending.learned(outcome.matched)
            _answer(pending, lambda: outcome.matched)
        self._go_on()

    def _leave(self, pending: _Pending, waiter: Deferred[bool]) -> None:
        pending.waiters.remove(waiter)
        if not pending.waiters and pending.in_line:
            del self._pending[pending.key]
            self._lines.leave(pending.line, pending)


def _answer(pending: _Pending, answer: Callable[[], bool | Failure]) -> None:
    """Give each waiter an *answer* of its own, whatever the others do about theirs."""
    while pending.waiters:
        pending.waiters.pop(0).callback(answer())
