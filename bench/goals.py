"""What is aimed at, and whether a figure reaches it."""

import statistics
from collections.abc import Sequence

from attrs import frozen

__all__ = ["TIMES", "AtMost", "Goal", "Times", "median", "ratio"]


TIMES = "\u00d7"
"""The multiplication sign, as the tables print it."""


@frozen
class Times:
    """A goal relative to the peer in the same run: at least *factor* times its figure, or at most."""

    factor: float
    less_is_better: bool = False

    def met(self, ours: float, peer: float | None) -> bool | None:
        """Judge; without a peer nothing can be said."""
        if peer is None:
            return None
        return ours <= self.factor * peer if self.less_is_better else ours >= self.factor * peer

    def __str__(self) -> str:
        return f"{'≤' if self.less_is_better else '≥'} {self.factor:g} {TIMES}"


@frozen
class AtMost:
    """A goal of its own: at most *limit*, whatever the peer does."""

    limit: float

    def met(self, ours: float, peer: float | None) -> bool | None:
        """Judge; the peer does not matter."""
        return ours <= self.limit

    def __str__(self) -> str:
        return f"≤ {self.limit:g}"


Goal = Times | AtMost


def median(values: Sequence[float]) -> float | None:
    """The middle value, or nothing where nothing was measured."""
    return statistics.median(values) if values else None


def ratio(ours: float | None, peer: float | None) -> float | None:
    """Ours divided by the peer's, or nothing where either is missing or the peer's is zero."""
    return ours / peer if ours is not None and peer else None
