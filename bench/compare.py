"""Workloads round by round, the two servers in turn, so that noise of the machine hits both."""

import time
from collections.abc import Callable, Sequence
from itertools import chain, groupby
from typing import TypeVar

from attrs import Factory, define, field, frozen

from bench.fleet import Fleet
from bench.goals import AtMost, Goal, median
from bench.workloads import Target, Workload

__all__ = ["Comparison", "Row", "Series", "compare", "in_turn"]

_T = TypeVar("_T")
_MIB = 1024 * 1024
_PAUSE = 0.2
PEAK_LIMIT = 150.0
"""MiB, after all workloads."""


@define
class Series:
    """What one workload gave on one server, a value a round; memory in MiB, processor time in seconds."""

    values: list[float] = field(factory=list)
    peaks: list[float] = field(factory=list)
    cpu: list[float] = field(factory=list)

    @property
    def value(self) -> float | None:
        """The median figure."""
        return median(self.values)

    @property
    def peak(self) -> float | None:
        """The highest peak of any round."""
        return max(self.peaks, default=None)

    @property
    def cpu_seconds(self) -> float | None:
        """The median processor time."""
        return median(self.cpu)


@frozen
class Row:
    """
    One line of the table.

    :ivar plain: the line of the same load without access control and TLS, unless this is it.
    """

    name: str
    title: str
    unit: str
    goal: Goal
    ours: Series
    peer: Series = Factory(Series)
    plain: "Row | None" = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached, if that can be said."""
        if self.ours.value is None:
            return None
        return self.goal.met(self.ours.value, self.peer.value, self.plain.ours.value if self.plain else None)


@frozen
class Comparison:
    """All lines, and how they came to be."""

    rows: Sequence[Row]
    peer_name: str
    rounds: int
    seconds: float
    complete: bool
    """Whether every workload ran."""


def compare(
    fleet: Fleet,
    workloads: Sequence[Workload],
    rounds: int,
    seconds: float,
    complete: bool,
    say: Callable[[str], None],
) -> Comparison:
    """
    Measure on the servers of *fleet*, which run in every variant that *workloads* name.

    :param seconds: how long each workload runs on each server in each round.
    :param say: told of the progress, a line at a time.
    :raises BenchFailed: an answer was wrong or a server died.
    """
    rows: dict[str, Row] = {}
    for each in workloads:
        rows[each.name] = Row(
            each.name, each.title, each.unit, each.goal, Series(), plain=rows.get(each.plain)
        )
    alike = [[*group] for _, group in groupby(workloads, lambda each: each.plain or each.name)]
    for number in range(rounds):
        for workload in chain.from_iterable(in_turn(group, number) for group in alike):
            row = rows[workload.name]
            targets = fleet.targets(workload.variant)
            for target in in_turn(targets, number):
                if number == 0:
                    workload.measure(target, min(seconds, 1.0))
                _measure(workload, target, row.ours if target is targets[0] else row.peer, seconds)
            say(f"round {number + 1} of {rounds}: {workload.name}: {_last(row.ours)} and {_last(row.peer)}")
    lines = [*rows.values(), _peaks([*rows.values()], complete)]
    return Comparison(lines, fleet.peer_name, rounds, seconds, complete)


def in_turn(targets: Sequence[_T], number: int) -> Sequence[_T]:
    """Who is measured first in round *number*: they alternate, since the second finds a warmer machine."""
    return targets if number % 2 == 0 else targets[::-1]


def _measure(workload: Workload, target: Target, series: Series, seconds: float) -> None:
    time.sleep(_PAUSE)  # the last load's connections close, its dirty pages settle
    target.server.forget_peak()
    before = target.server.usage()
    value = workload.measure(target, seconds)
    after = target.server.usage()
    series.values.append(value)
    series.peaks.append(after.peak / _MIB)
    series.cpu.append(after.cpu - before.cpu)


def _peaks(rows: Sequence[Row], complete: bool) -> Row:
    """The line on memory: the highest peak of all workloads."""
    ours, peer = ([peak for row in rows for peak in series(row).peaks] for series in (_ours, _peer))
    return Row(
        "peak-memory",
        "peak memory after all of it" if complete else "peak memory",
        "MiB",
        AtMost(PEAK_LIMIT),
        Series([max(ours)] if ours else [], ours),
        Series([max(peer)] if peer else [], peer),
    )


def _ours(row: Row) -> Series:
    return row.ours


def _peer(row: Row) -> Series:
    return row.peer


def _last(series: Series) -> str:
    return f"{series.values[-1]:.1f}" if series.values else "-"
