"""Workers without threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from txregistry.interfaces import IWorkers


@implementer(IWorkers)
class InlineWorkers:
    """
    Does the work at once, in the caller's thread: the Deferred has fired when it is returned.

    :ivar calls: how often work was handed in.
    """

    def __init__(self) -> None:
        self.calls = 0

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        self.calls += 1
        return execute(work, *arguments)


@implementer(IWorkers)
class HeldWorkers:
    """
    Does one piece of work for each call of :meth:`step`, in any order.

    :ivar waiting: the Deferreds of what was handed in, and not done yet.
    """

    def __init__(self) -> None:
        self.waiting: list[Deferred[Any]] = []
        self._work: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self.waiting.append(answer)
        self._work.append((work, arguments))
        return answer

    def step(self, index: int = 0) -> None:
        """Do the piece of work at *index* of those that wait."""
        answer = self.waiting.pop(index)
        work, arguments = self._work.pop(index)
        execute(work, *arguments).addBoth(answer.callback)
