"""
One connection to Redis, with the questions and answers on it.

txredisapi brings the protocol: its class reads replies, through hiredis.  The
rest of it does not fit a cache that requests wait for, so it is done here:

- It keeps a pool, where a command waits for as long as it takes until some
  connection is free and alive.  Here one connection carries all questions,
  one behind the other, and says at once when it cannot.  Order is what makes
  a deletion that follows a write win.
- It reads replies without hiredis, if that is missing, at one turn of the
  global reactor for each string.  So hiredis is required.
- It has one Deferred and one timer for each command.  Here a question is
  several commands, sent and answered together; one timer watches over all.
- It gives up connecting for good after a refused password or database.
  ``link.py`` goes on trying.
- Its text and number conversion turns a digest that looks like a number into
  one.  It is switched off.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from txredisapi import HiredisProtocol, InvalidData, ResponseError

from txregistry.errors import CacheFailed

#: Seconds in which the socket is read once more before the connection is given up.
_GRACE = 0.001

#: What Redis answers to one command: bytes, a number, ``None``, a list of these, or an error.
Reply = Any


def pack(*words: bytes) -> bytes:
    """One command in the form that Redis reads."""
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


def error_of(replies: list[Reply]) -> str | None:
    """The first error among *replies*, if there is one."""
    for reply in replies:
        if isinstance(reply, ResponseError):
            return str(reply)
    return None


class _Question:
    """Commands that were sent together: how many *missing* answers, and *since* when."""

    __slots__ = ("answer", "missing", "replies", "since")

    def __init__(self, missing: int, since: float) -> None:
        self.missing, self.since = missing, since
        self.replies: list[Reply] = []
        self.answer: Deferred[list[Reply]] = Deferred()


class Conversation(HiredisProtocol):  # type: ignore[misc]
    """
    Asks questions, in order; whoever is not answered in time ends the connection for all.

    :param patience: seconds that Redis may take for an answer.
    :ivar usable: questions can be asked.
    :ivar lost: fires once with the reason when the connection is of no more use.
    """

    def __init__(self, clock: IReactorTime, patience: float) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self._clock, self._patience = clock, patience
        self._waiting: deque[_Question] = deque()
        self._timer: IDelayedCall | None = None
        self.usable = False
        self.lost: Deferred[str] = Deferred()

    @property
    def underway(self) -> int:
        """How many questions wait for their answer."""
        return len(self._waiting)

    def ask(self, commands: bytes, count: int) -> Deferred[list[Reply]]:
        """
        Send *count* packed *commands*.

        :return: fires with their replies, errors among them; fails with
            :exc:`CacheFailed` when there is no connection, or none any more.
            Cancelling it drops the answer.
        """
        question = _Question(count, self._clock.seconds())
        if not self.usable:
            question.answer.errback(CacheFailed("not connected"))
            return question.answer
        self._waiting.append(question)
        if self._timer is None:
            self._timer = self._clock.callLater(self._patience, self._look)
        self.transport.write(commands)
        return question.answer

    def give_up(self, reason: str) -> None:
        """End the connection, without another word to Redis."""
        if not self.usable:
            return
        self.usable = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.transport.abortConnection()
        lost, self.lost = self.lost, Deferred()
        lost.callback(reason)
        while self._waiting:
            answer = self._waiting.popleft().answer
            if not answer.called:
                answer.errback(CacheFailed(reason))

    # --- what Twisted and txredisapi call ---

    def connectionMade(self) -> None:
        """Begin; the base class would tell a pool."""
        self.usable = True

    def connectionLost(self, why: Failure = Failure(CacheFailed("closed"))) -> None:  # noqa: B008
        """End; the base class would tell a pool."""
        self.give_up(f"the connection was lost: {why.getErrorMessage()}")

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Read replies; whatever is no Redis is left alone."""
        try:
            super().dataReceived(data, unpause)
        except InvalidData as error:
            self.give_up(f"no Redis answers there: {error}")

    def replyReceived(self, reply: Reply) -> None:
        """Give the next question its next reply."""
        if not self._waiting:
            self.give_up("Redis said something that nobody had asked")
            return
        question = self._waiting[0]
        question.replies.append(reply)
        question.missing -= 1
        if question.missing == 0:
            self._waiting.popleft()
            if not question.answer.called:
                question.answer.callback(question.replies)

    # --- time ---

    def _look(self) -> None:
        """See whether the oldest question has waited too long."""
        self._timer = None
        if not self._waiting:
            return
        oldest = self._waiting[0]
        left = oldest.since + self._patience - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._look)
        else:
            # If it was this process that had no time, the answer waits in the socket: read it first.
            self._timer = self._clock.callLater(_GRACE, self._judge, oldest)

    def _judge(self, oldest: _Question) -> None:
        self._timer = None
        if self._waiting and self._waiting[0] is oldest:
            self.give_up(f"no answer in {self._patience:g} s")
        else:
            self._look()


class Only(Factory):
    """Makes one connection, with *conversation* for its protocol."""

    noisy = False

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def buildProtocol(self, addr: object) -> Conversation:
        """The one."""
        self._conversation.factory = self
        return self._conversation
