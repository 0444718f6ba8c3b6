"""Counters, histograms and gauges."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as TheirHistogram
from prometheus_client.metrics_core import Metric
from twisted.trial.unittest import SynchronousTestCase

from txregistry.metrics.instruments import Counter, Gauge, Histogram, go_number


def samples(metric: Metric) -> dict[tuple[str, ...], float]:
    """The samples of *metric*, by the end of their names and the values of their labels."""
    return {(s.name.removeprefix("a_b"), *s.labels.values()): s.value for s in metric.samples}


class CounterTests(SynchronousTestCase):
    """What only grows."""

    def test_counts(self) -> None:
        """Each combination of label values is counted for itself."""
        counter = Counter("a_b_total", "what it is", ("code", "method"))
        counter.add(("200", "get"))
        counter.add(("200", "get"), 4)
        counter.add(("404", "get"))
        metric = counter.collect(str)
        self.assertEqual((metric.name, metric.type, metric.documentation), ("a_b", "counter", "what it is"))
        self.assertEqual(samples(metric), {("_total", "200", "get"): 5, ("_total", "404", "get"): 1})
        self.assertEqual(list(metric.samples[0].labels), ["code", "method"])

    def test_nothing_yet(self) -> None:
        """One without labels begins with 0; one with labels has nothing to tell, but for what it knows."""
        self.assertEqual(samples(Counter("a_b_total", "").collect(str)), {("_total",): 0})
        self.assertEqual(samples(Counter("a_b_total", "", ("x",)).collect(str)), {})
        known = Counter("a_b_total", "", ("x",), [("1",)])
        self.assertEqual(samples(known.collect(str)), {("_total", "1"): 0})


class HistogramTests(SynchronousTestCase):
    """What is sorted into buckets."""

    @given(st.lists(st.one_of(st.sampled_from((0.0, 1.0, 2.5, 10.0)), st.floats(0, 20))))
    def test_as_the_client_library(self, values: list[float]) -> None:
        """The buckets hold what they do in a histogram of Prometheus's own library."""
        bounds = (1.0, 2.5, 10.0)
        ours = Histogram("a_b", "", bounds)
        theirs = TheirHistogram("a_b", "", buckets=bounds, registry=CollectorRegistry())
        for value in values:
            ours.observe((), value)
            theirs.observe(value)
        [metric] = theirs.collect()
        expected = {key: value for key, value in samples(metric).items() if key != ("_created",)}
        self.assertEqual(samples(ours.collect(str)), expected)

    def test_labels(self) -> None:
        """Each combination of label values has its buckets from the first observation."""
        histogram = Histogram("a_b", "", (1, 2), ("x",))
        self.assertEqual(samples(histogram.collect(str)), {})
        histogram.observe(("u",), 1.5)
        histogram.observe(("u",), 3)
        histogram.observe(("v",), 2)
        self.assertEqual(
            samples(histogram.collect(go_number)),
            {
                ("_bucket", "u", "1"): 0,
                ("_bucket", "u", "2"): 1,
                ("_bucket", "u", "+Inf"): 2,
                ("_count", "u"): 2,
                ("_sum", "u"): 4.5,
                ("_bucket", "v", "1"): 0,
                ("_bucket", "v", "2"): 1,
                ("_bucket", "v", "+Inf"): 1,
                ("_count", "v"): 1,
                ("_sum", "v"): 2,
            },
        )


class GaugeTests(SynchronousTestCase):
    """What is read when somebody asks."""

    def test_read(self) -> None:
        """What is told is what was there when it was read last, not what is there now."""
        values: dict[tuple[str, ...], float] = {("disk",): 3}
        gauge = Gauge("a_b", "", lambda: dict(values), ("pool",))
        self.assertEqual(samples(gauge.collect(str)), {})
        gauge.read()
        values["disk",] = 4
        metric = gauge.collect(str)
        self.assertEqual((metric.type, samples(metric)), ("gauge", {("", "disk"): 3}))

    def test_counting(self) -> None:
        """What only grows is told as a counter."""
        gauge = Gauge("a_b_total", "", lambda: {(): 7}, counting=True)
        gauge.read()
        metric = gauge.collect(str)
        self.assertEqual((metric.name, metric.type, samples(metric)), ("a_b", "counter", {("_total",): 7}))


class NumberTests(SynchronousTestCase):
    """How bounds are written."""

    def test_as_go(self) -> None:
        """As Go's library writes those of distribution."""
        for value, text in (
            (0.005, "0.005"),
            (0.25, "0.25"),
            (1, "1"),
            (2.5, "2.5"),
            (60, "60"),
            (1024, "1024"),
            (524288, "524288"),
            (1048576, "1.048576e+06"),
            (2097152, "2.097152e+06"),
            (2000000, "2e+06"),
            (2147483648, "2.147483648e+09"),
        ):
            self.assertEqual(go_number(value), text)

    @given(st.integers(0, 2**53))
    def test_value(self, value: int) -> None:
        """What is written is the number."""
        self.assertEqual(float(go_number(value)), value)
