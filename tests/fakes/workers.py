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
