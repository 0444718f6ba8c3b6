"""
What counts and times.

Why not the instruments of ``prometheus_client``: they take a lock for each
observation, and a histogram of theirs goes through its buckets one by one.
These are touched by the reactor's thread alone; a scrape, in its own thread,
copies them, and sees at most one observation half.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

#: The values of an instrument's labels, in their order.
Labels = tuple[str, ...]
#: How the bound of a bucket is written.
Bound = Callable[[float], str]
#: What a gauge is read from: its value for each combination of label values.
Reading = Callable[[], Mapping[Labels, float]]


class Counter:
    """
    Only grows.

    :param name: ends with ``_total``.
    :param labels: the names of its labels.
    :param known: combinations of label values that are told of from the start, with 0.
    """

    def __init__(
        self, name: str, help: str, labels: Sequence[str] = (), known: Iterable[Labels] | None = None
    ) -> None:
        self._name, self._help, self._labels = name, help, tuple(labels)
        start = [()] if known is None and not self._labels else known or ()
        self._values: dict[Labels, float] = dict.fromkeys(start, 0)

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """Count *amount* more."""
        values = self._values
        values[labels] = values.get(labels, 0) + amount

    def collect(self, bound: Bound) -> Metric:
        """What was counted so far."""
        family = CounterMetricFamily(self._name, self._help, labels=self._labels)
        for labels, value in self._values.copy().items():
            family.add_metric(labels, value)
        return family


class Histogram:
    """
    Sorts observations into buckets.

    :param bounds: the largest value that each bucket takes, ascending; there is one more for what is larger.
    """

    def __init__(self, name: str, help: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        self._name, self._help, self._labels = name, help, tuple(labels)
        self._bounds = tuple(bounds)
        # A count for each bucket, and behind them the sum.
        self._rows: dict[Labels, list[float]] = {}
        if not self._labels:
            self._add_row(())

    def observe(self, labels: Labels, value: float) -> None:
        """Note one observation."""
        row = self._rows.get(labels)
        if row is None:
            row = self._add_row(labels)
        row[bisect_left(self._bounds, value)] += 1
        row[-1] += value

    def _add_row(self, labels: Labels) -> list[float]:
        row = self._rows[labels] = [0] * (len(self._bounds) + 1) + [0.0]
        return row

    def collect(self, bound: Bound) -> Metric:
        """What was observed so far; *bound* writes the buckets' names."""
        family = HistogramMetricFamily(self._name, self._help, labels=self._labels)
        names = [*map(bound, self._bounds), "+Inf"]
        for labels, row in self._rows.copy().items():
            *counts, total = row.copy()
            buckets, below = [], 0.0
            for name, count in zip(names, counts, strict=True):
                below += count
                buckets.append((name, below))
            family.add_metric(labels, buckets, total)
        return family


class Gauge:
    """
    Goes up and down; it is read, by *reading*, only when somebody wants to know.

    :param counting: what is read only grows, so it is told of as a counter; *name* ends with ``_total``.
    """

    def __init__(
        self, name: str, help: str, reading: Reading, labels: Sequence[str] = (), *, counting: bool = False
    ) -> None:
        self._name, self._help, self._labels = name, help, tuple(labels)
        self._reading, self._counting = reading, counting
        self._values: Mapping[Labels, float] = {}

    def read(self) -> None:
        """Read anew, in the reactor's thread."""
        self._values = self._reading()

    def collect(self, bound: Bound) -> Metric:
        """What was read last."""
        kind = CounterMetricFamily if self._counting else GaugeMetricFamily
        family = kind(self._name, self._help, labels=self._labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        return family


def go_number(value: float) -> str:
    """*value* as Go's client library writes the bound of a bucket: ``1``, ``0.005``, ``2.097152e+06``."""
    if value != int(value):
        return repr(value)
    digits = str(int(value))
    if len(digits) <= 6:
        return digits
    mantissa = f"{digits[0]}.{digits[1:]}".rstrip("0").rstrip(".")
    return f"{mantissa}e+{len(digits) - 1:02d}"
