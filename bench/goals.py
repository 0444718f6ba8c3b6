"""What is aimed at, and whether a figure reaches it."""

import math
import statistics
from collections.abc import Sequence

from attrs import frozen

__all__ = ["TIMES", "AtMost", "Every", "Goal", "Keeps", "Nothing", "Times", "median", "percentile", "ratio"]


TIMES = "\u00d7"
"""The multiplication sign, as the tables print it."""


@frozen
class Times:
    """A goal relative to the peer in the same run: at least *factor* times its figure, or at most."""

    factor: float
    less_is_better: bool = False

    def met(self, ours: float, peer: float | None, plain: float | None = None) -> bool | None:
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

    def met(self, ours: float, peer: float | None, plain: float | None = None) -> bool | None:
        """Judge; the peer does not matter."""
        return ours <= self.limit

    def __str__(self) -> str:
        return f"≤ {self.limit:g}"


@frozen
class Keeps:
    """A goal relative to *plain*, our own figure for the same load without access control in the same run."""

    share: float

    def met(self, ours: float, peer: float | None, plain: float | None = None) -> bool | None:
        """Judge; where the plain load was not measured nothing can be said."""
        return None if plain is None else ours >= self.share * plain

    def __str__(self) -> str:
        return f"keeps {self.share:g}"


@frozen
class Every:
    """Several goals at once."""

    goals: "tuple[Goal, ...]"

    def met(self, ours: float, peer: float | None, plain: float | None = None) -> bool | None:
        """Judge: one missed is missed; else one that nothing can be said about leaves all open."""
        verdicts = [goal.met(ours, peer, plain) for goal in self.goals]
        return False if False in verdicts else None if None in verdicts else True

    def __str__(self) -> str:
        return ", ".join(map(str, self.goals))


@frozen
class Nothing:
    """No goal: the figure is for information."""

    def met(self, ours: float, peer: float | None, plain: float | None = None) -> bool | None:
        """Judge nothing."""
        return None

    def __str__(self) -> str:
        return "-"


Goal = Times | AtMost | Keeps | Every | Nothing


def median(values: Sequence[float]) -> float | None:
    """The middle value, or nothing where nothing was measured."""
    return statistics.median(values) if values else None


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of *values*, of which there is at least one, that *percent* of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratio(ours: float | None, peer: float | None) -> float | None:
    """Ours divided by the peer's, or nothing where either is missing or the peer's is zero."""
    return ours / peer if ours is not None and peer else None
