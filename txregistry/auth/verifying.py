"""Passwords checked in threads: few at once, each once, and everybody in turn."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

from twisted.internet.defer import Deferred

from txregistry.auth.bcrypted import BcryptHash, Checked
from txregistry.auth.lines import Lines
from txregistry.auth.sharing import Piece, SharedWork
from txregistry.interfaces import IWorkers

#: How a password is checked, in a thread.
Check = Callable[[BcryptHash, bytes], Checked]


class Verifier:
    """
    Checks passwords.

    :param workers: is never given more to do than *lines* lets be served at once.
    :param check: does it.
    """

    def __init__(self, workers: IWorkers, lines: Lines[Piece[Checked]], check: Check) -> None:
        self._shared = SharedWork(workers, lines)
        self._check = check

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
        return self._shared.run(
            key,
            line,
            partial(self._check, expected, password),
            user,
            lambda checked: learned(checked.matched),
        ).addCallback(_matched)


def _matched(checked: Checked) -> bool:
    return checked.matched
