"""The figures as text tables, as a page in Markdown, and as JSON."""

import json
from collections.abc import Sequence
from datetime import date

from attrs import asdict, frozen

from bench.compare import Comparison, Row
from bench.floods import Flooded, middle
from bench.goals import ratio
from bench.limits import Finding
from bench.machine import Machine
from bench.page import page

__all__ = ["Report", "figure", "markdown_table", "text_table"]

_VERDICTS = {True: "met", False: "MISSED", None: "-"}
_FLOOD_FIGURES = {
    "median": "median ms",
    "p99": "p99 ms",
    "first": "first ms",
    "refused": "401/s",
    "put_off": "429/s",
}
_LIMIT_HEADS = ("txregistry alone", "unit", "measured", "goal", "", "remark")


def figure(value: float | None) -> str:
    """A number with about three digits that mean something."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def text_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns under *heads*; the first is flush left, as is any whose head is *remark*, the others right."""
    widths = [max(len(line[at]) for line in [heads, *lines]) for at in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if head in (heads[0], "remark") else cell.rjust(width)
            for cell, width, head in zip(cells, widths, heads, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(heads), line(["-" * width for width in widths]), *map(line, lines)])


def markdown_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """The same in Markdown."""
    rule = ["---", *["---" if head == "remark" else "---:" for head in heads[1:]]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rule, *lines])


@frozen
class Report:
    """Everything that one run found."""

    machine: Machine
    day: date
    comparison: Comparison | None
    findings: Sequence[Finding]
    flooded: Sequence[Flooded] = ()

    def text(self) -> str:
        """For the terminal."""
        parts = [text_table(heads, lines) for heads, lines in self._tables()]
        return "\n\n".join(parts)

    def json(self) -> str:
        """For programs: every round's value, not only the medians."""
        rows = self.comparison.rows if self.comparison else ()
        said = {
            "date": self.day.isoformat(),
            "rows": [
                {
                    "name": row.name,
                    "unit": row.unit,
                    "goal": str(row.goal),
                    "met": row.met,
                    "ratio": ratio(row.ours.value, row.peer.value),
                    "ours": _series(row, "ours"),
                    "peer": _series(row, "peer"),
                }
                for row in rows
            ],
            "floods": [
                {
                    "name": line.flood.name,
                    "goal": str(line.goal),
                    "met": line.met,
                    "ours": [asdict(each) for each in line.ours],
                    "peer": [asdict(each) for each in line.peer],
                }
                for line in self.flooded
            ],
            "limits": [
                {
                    "title": each.title,
                    "unit": each.unit,
                    "goal": str(each.goal),
                    "met": each.met,
                    "value": each.value,
                    "remark": each.remark,
                }
                for each in self.findings
            ],
        }
        return json.dumps(said, indent=2) + "\n"

    def markdown(self) -> str:
        """The page in the documentation."""
        tables = "\n\n".join(markdown_table(heads, lines) for heads, lines in self._tables())
        return page(self.day, self.machine, self._how(), tables)

    def _how(self) -> str:
        if self.comparison is None:
            return "Only the limits were measured."
        rounds, seconds = self.comparison.rounds, self.comparison.seconds
        return (
            f"Medians of {rounds} round{'s' if rounds > 1 else ''}, {seconds:g} s for each workload"
            " and server in each round, after a warm-up"
            + ("." if self.comparison.complete else "; only some of the workloads ran.")
        )

    def _tables(self) -> list[tuple[Sequence[str], list[list[str]]]]:
        tables: list[tuple[Sequence[str], list[list[str]]]] = []
        if self.comparison is not None:
            peer, rows = self.comparison.peer_name, self.comparison.rows
            speed = ("workload", "unit", "ours", peer, "ratio", "goal", "")
            guarded = (
                "with something more",
                "unit",
                "ours",
                "kept",
                peer,
                "kept",
                "ratio",
                "goal",
                "",
            )
            cost = ("workload", "peak MiB, ours", peer, "CPU s, ours", peer)
            tables.append((speed, [_speed(row) for row in rows if row.plain is None]))
            tables.append((guarded, [_guarded(row, row.plain) for row in rows if row.plain is not None]))
            tables.append((cost, [_cost(row) for row in rows if row.ours.cpu]))
        if self.flooded:
            tables.append((_flood_heads(), [_flood(line) for line in self.flooded]))
        if self.findings:
            tables.append((_LIMIT_HEADS, [_limit(each) for each in self.findings]))
        return [(heads, lines) for heads, lines in tables if lines]


def _speed(row: Row) -> list[str]:
    ours, peer = row.ours.value, row.peer.value
    figures = [figure(ours), figure(peer), figure(ratio(ours, peer))]
    return [row.title, row.unit, *figures, str(row.goal), _VERDICTS[row.met]]


def _guarded(row: Row, plain: Row) -> list[str]:
    ours, peer = row.ours.value, row.peer.value
    kept = (figure(ratio(ours, plain.ours.value)), figure(ratio(peer, plain.peer.value)))
    figures = [figure(ours), kept[0], figure(peer), kept[1], figure(ratio(ours, peer))]
    return [row.title, row.unit, *figures, str(row.goal), _VERDICTS[row.met]]


def _flood_heads() -> Sequence[str]:
    columns = [f"{title}, {side}" for title in _FLOOD_FIGURES.values() for side in ("ours", "peer")]
    return ("16 clients with wrong passwords", *columns, "goal", "")


def _flood(line: Flooded) -> list[str]:
    figures = [figure(middle(side, name)) for name in _FLOOD_FIGURES for side in (line.ours, line.peer)]
    return [line.flood.title, *figures, str(line.goal), _VERDICTS[line.met]]


def _cost(row: Row) -> list[str]:
    figures = (row.ours.peak, row.peer.peak, row.ours.cpu_seconds, row.peer.cpu_seconds)
    return [row.title, *map(figure, figures)]


def _limit(finding: Finding) -> list[str]:
    met = _VERDICTS[finding.met]
    return [finding.title, finding.unit, figure(finding.value), str(finding.goal), met, finding.remark]


def _series(row: Row, side: str) -> dict[str, object]:
    series = row.ours if side == "ours" else row.peer
    return {
        "median": series.value,
        "values": series.values,
        "peak_mib": series.peak,
        "cpu_seconds": series.cpu_seconds,
    }
