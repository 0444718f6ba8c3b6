"""Whether the daemon is after the load as it was before: pure figures."""

import statistics
from collections.abc import Mapping, Sequence

from attrs import frozen

from bench.soak.samples import Sample

__all__ = ["Check", "Limits", "Trend", "early_level", "judge", "trend"]

_EARLY = (0.1, 0.2)
"""The part of the load after which memory has found its level: caches are full, threads are there."""
_EXPECTED = frozenset({501, 505})


@frozen
class Limits:
    """
    :ivar growth: MiB that memory may be above its early level after the rest.
    :ivar drift: MiB that the fitted line may rise over the last half.
    :ivar noise: or so many standard deviations of the samples around the line.
    :ivar few: descriptors and threads that may be more than before.
    """

    growth: float = 16.0
    drift: float = 3.0
    noise: float = 1.5
    few: int = 4


@frozen
class Trend:
    """
    A straight line through samples.

    :ivar rise: from its first to its last moment.
    :ivar deviation: of the samples around it.
    """

    rise: float
    deviation: float


@frozen
class Check:
    """One thing that must hold, what it was, and whether it held."""

    title: str
    found: str
    wanted: str
    passed: bool


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """
    Fit a line to (moment, value) by least squares.

    :raises ValueError: there are fewer than three points.
    """
    if len(points) < 3:
        raise ValueError(f"{len(points)} points make no trend")
    moments, values = zip(*points, strict=True)
    slope, start = statistics.linear_regression(moments, values)
    around = [value - (start + slope * moment) for moment, value in points]
    return Trend(slope * (moments[-1] - moments[0]), statistics.pstdev(around))


def early_level(samples: Sequence[Sample], seconds: float) -> float:
    """The median of memory, in MiB, in the early part of a load of *seconds*."""
    begin, end = (share * seconds for share in _EARLY)
    early = [sample.mebibytes for sample in samples if begin <= sample.at <= end]
    if not early:
        raise ValueError("there are no samples of the early part")
    return statistics.median(early)


def judge(
    idle: Sample,
    samples: Sequence[Sample],
    rested: Sample,
    seconds: float,
    statuses: Mapping[int, float],
    complaints: int,
    faults: int,
    sessions: int,
    limits: Limits | None = None,
) -> list[Check]:
    """
    Compare.

    :param idle: before the load, and *rested* some time after it.
    :param samples: during the load of *seconds*.
    :param statuses: how often each status was answered.
    :param complaints: bad lines of the log.
    :param faults: of clients: broken promises.
    :param sessions: upload sessions that were not purged.
    """
    limits = limits or Limits()
    half = [(each.at, each.mebibytes) for each in samples if seconds / 2 <= each.at <= seconds]
    line = trend(half)
    allowed = max(limits.drift, limits.noise * line.deviation)
    early, after = early_level(samples, seconds), rested.mebibytes
    threads = idle.threads + rested.pooled - idle.pooled + limits.few
    held = {name: value for name, value in rested.gauges.items() if name in _EMPTY and value}
    bad = {status: count for status, count in statuses.items() if status >= 500 and status not in _EXPECTED}
    return [
        Check("promises broken", f"{faults}", "0", faults == 0),
        Check("bad lines in the log", f"{complaints}", "0", complaints == 0),
        Check("answers with 5xx", f"{bad or 'none'}", "none", not bad),
        Check(
            "rise of memory in the last half",
            f"{line.rise:+.1f} MiB",
            f"≤ {allowed:.1f}",
            line.rise <= allowed,
        ),
        Check(
            "memory after the rest",
            f"{after:.1f} MiB",
            f"≤ {early + limits.growth:.1f}",
            after <= early + limits.growth,
        ),
        _few("descriptors after the rest", rested.descriptors, idle.descriptors + limits.few),
        _few("threads after the rest", rested.threads, threads),
        _few("upload sessions left", sessions, 0),
        Check("what is still under way", f"{held or 'nothing'}", "nothing", not held),
    ]


_EMPTY = (
    "txregistry_connections",
    "txregistry_uploads_in_progress",
    "txregistry_work_without_client",
    "txregistry_body_bytes_held",
    "txregistry_jobs_unanswered",
)


def _few(title: str, found: int, most: int) -> Check:
    return Check(title, str(found), f"≤ {most}", found <= most)
