"""Tests for :mod:`bench.report`."""

import json
from datetime import date

from twisted.trial.unittest import SynchronousTestCase

from bench.compare import Comparison, Row, Series
from bench.floods import FLOODS, Endured, Flooded
from bench.goals import TIMES, AtMost, Keeps, Times
from bench.limits import Finding
from bench.machine import Machine
from bench.report import Report, figure, markdown_table, text_table

MACHINE = Machine(
    cores=2,
    cpu="Fast CPU",
    memory_gib=24.2,
    kernel="6.1",
    sync_megabytes=950.0,
    sync_milliseconds=0.26,
    python="3.11.2",
    twisted="26.10.0",
    ours="0.1",
    peer="2.8.2",
)


def report() -> Report:
    """A run of three rounds with one workload met, one missed, and one limit."""
    rows = [
        Row(
            "fast",
            "fast thing",
            "req/s",
            Times(2),
            Series([5000.0, 1.0, 5100.0], [60.0, 61.5], [2.0, 2.5, 3.0]),
            Series([2000.0, 2100.0, 1.0], [30.0], [4.0]),
        ),
        Row("slow", "slow thing", "ms", Times(0.5, True), Series([9.5]), Series([10.0])),
    ]
    series = Series([4000.0], [61.0], [2.2]), Series([200.0], [30.0], [4.0])
    rows.append(Row("guarded", "guarded thing", "req/s", Keeps(0.7), *series, plain=rows[0]))
    comparison = Comparison(rows, "docker-registry", 3, 4.0, True)
    flooded = Flooded(FLOODS[0], [Endured(20.0, 30.0, 40.0, 50.0, 600.0)], [Endured(500.0, 1.5, 2, 3, 0)])
    finding = Finding("start", "s", AtMost(1.5), 0.7, "warm")
    return Report(MACHINE, date(2030, 1, 2), comparison, [finding], [flooded])


class FigureTests(SynchronousTestCase):
    """Numbers in tables."""

    def test_digits(self) -> None:
        """About three digits are shown, and a dash for nothing."""
        self.assertEqual(
            ["12346", "12.3", "1.02", "0.00", "-"], [*map(figure, (12345.6, 12.34, 1.02, 0.0, None))]
        )


class TableTests(SynchronousTestCase):
    """Rows and columns."""

    def test_text(self) -> None:
        """Names are flush left, figures flush right, columns as wide as their widest cell."""
        table = text_table(("name", "n"), [("a", "100"), ("longer", "2")])
        self.assertEqual(["name      n", "------  ---", "a       100", "longer    2"], table.splitlines())

    def test_markdown(self) -> None:
        """Each line is a row between bars, the rule says how columns lean."""
        table = markdown_table(("name", "n", "remark"), [("a", "100", "x")])
        self.assertEqual(
            ["| name | n | remark |", "| --- | ---: | --- |", "| a | 100 | x |"], table.splitlines()
        )


class ReportTests(SynchronousTestCase):
    """The three forms of a report."""

    def test_text(self) -> None:
        """The terminal shows medians, their ratio and the verdict."""
        lines = [line.split() for line in report().text().splitlines()]
        self.assertIn(["fast", "thing", "req/s", "5000", "2000", "2.50", "≥", "2", TIMES, "met"], lines)
        self.assertIn(["fast", "thing", "61.5", "30.0", "2.50", "4.00"], lines)
        self.assertIn(["start", "s", "0.70", "≤", "1.5", "met", "warm"], lines)

    def test_missed(self) -> None:
        """A missed goal stands out."""
        self.assertIn(f"0.95  ≤ 0.5 {TIMES}  MISSED", report().text())

    def test_guarded(self) -> None:
        """A load with access control stands in a table of its own, beside what both keep of the plain one."""
        lines = [line.split() for line in report().text().splitlines()]
        kept = ["4000", "0.80", "200", "0.10", "20.0"]
        self.assertIn(["guarded", "thing", "req/s", *kept, "keeps", "0.7", "met"], lines)
        self.assertNotIn(["guarded", "thing", "req/s", "4000", "200", "20.0", "keeps", "0.7", "met"], lines)

    def test_flooded(self) -> None:
        """A flood's line has every figure of both sides, and the verdict on our median."""
        shown = ["20.0", "500", "30.0", "1.50", "40.0", "2.00", "50.0", "3.00", "600", "0.00"]
        (line,) = (line for line in report().text().splitlines() if line.startswith(FLOODS[0].title))
        self.assertEqual([*shown, "≤", "150", "met"], line.removeprefix(FLOODS[0].title).split())

    def test_json_flooded(self) -> None:
        """Programs get every round's figures of a flood."""
        (line,) = json.loads(report().json())["floods"]
        self.assertEqual((FLOODS[0].name, 600.0), (line["name"], line["ours"][0]["put_off"]))

    def test_json(self) -> None:
        """Programs get every round's value."""
        first = json.loads(report().json())["rows"][0]
        self.assertEqual([5000.0, 1.0, 5100.0], first["ours"]["values"])
        self.assertEqual((2.5, True, 61.5), (first["ratio"], first["met"], first["ours"]["peak_mib"]))

    def test_markdown(self) -> None:
        """The page names the day, the machine, the rounds and holds the tables."""
        text = report().markdown()
        for part in (
            "2030-01-02",
            "2 cores (Fast CPU)",
            "Medians of 3 rounds, 4 s",
            "| fast thing | req/s | 5000 |",
        ):
            self.assertIn(part, text)

    def test_alone(self) -> None:
        """Without a peer there are figures but neither ratio nor verdict."""
        row = Row("fast", "fast thing", "req/s", Times(2), Series([5000.0]))
        alone = Report(MACHINE, date(2030, 1, 2), Comparison([row], "no peer", 1, 1.0, True), [])
        lines = [line.split() for line in alone.text().splitlines()]
        self.assertIn(["fast", "thing", "req/s", "5000", "-", "-", "≥", "2", TIMES, "-"], lines)
