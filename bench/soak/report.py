"""What a soak found, for a terminal and for the documentation."""

import json
from collections.abc import Mapping, Sequence
from datetime import date

from attrs import asdict, frozen

from bench.machine import Machine
from bench.soak.samples import Sample, Survey
from bench.soak.verdict import Check, trend

__all__ = ["Report", "plot"]

_MIB = 1024 * 1024
_WIDTH = 60
_HEIGHT = 8
_ROWS = 10
_LONG_ENOUGH = 25 * 60
_SHORT = """\
This run was too short to say whether memory is flat, whatever the verdict: what the daemon remembers fills
for longer than that, and a small leak looks the same. In the last half the fitted line moved by
{per_minute:+.2f} MiB a minute."""
_TIMES = "\N{MULTIPLICATION SIGN}"

_PAGE = """\
# Soak

`make soak` puts a mixed load on one daemon for half an hour, with everything switched on, and kills clients
at random. This page is what it wrote on {day}, after {minutes:.0f} minutes on {machine.cores} cores
({machine.cpu}), Linux {machine.kernel}, Python {machine.python}, Twisted {machine.twisted}; the load ran on
the same cores. `make soak MINUTES=5` is a shorter one.

The daemon has passwords, {tls}a descriptor cache in Redis, health checks, metrics, upload purging after
20 seconds, and a JSON log. Clients push images, indexes and referrers in every way there is, move tags,
mount, pull whole blobs and ranges, fast, slowly and many at once, list, and delete it all again. Others
guess passwords, send what is malformed or only half of it, and do not read answers. All of them are killed
at random moments; who comes after one knows what had been confirmed to it. Each blob and manifest is
compared with its digest, and each confirmed push must be readable until it is deleted. Meanwhile the daemon
gets SIGHUPs with new passwords, its Redis is stopped, and it is made unhealthy. At the end the load stops,
and the daemon rests for a minute. What it remembers of manifests, up to a limit, is at that limit before the
load begins; "remembered" is all that `txregistry_manifest_memory_bytes` and the like tell of, and "unused"
what the C library keeps of freed memory.

{load}

```
{table}
```

Resident memory in MiB, over the time of the load:

```
{plot}
```

## Verdict

{checks}
{short}
What was done: {done}.
"""


def _counted(what: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count} {_TIMES}" for name, count in sorted(what.items()))


def plot(points: Sequence[tuple[float, float]], width: int = _WIDTH, height: int = _HEIGHT) -> str:
    """Draw (moment, value) in letters: the highest value of each column, from 0 to the highest of all."""
    first, last = points[0][0], points[-1][0]
    top = max(value for _, value in points) or 1.0
    columns: list[float | None] = [None] * width
    for moment, value in points:
        at = min(width - 1, int((moment - first) / ((last - first) or 1.0) * width))
        columns[at] = max(columns[at] or 0.0, value)
    lines = []
    for row in range(height, 0, -1):
        marks = "".join(
            "#" if value is not None and value * height / top >= row - 0.5 else " " for value in columns
        )
        lines.append(f"{top * row / height:8.1f} |{marks}".rstrip())
    lines.append(f"{0:8.1f} +{'-' * width}")
    return "\n".join(lines)


@frozen
class Report:
    """
    :ivar statuses: of the answers, by status.
    :ivar done: how often clients did what.
    :ivar events: what was done to the daemon, and how often.
    :ivar problems: what clients and the log complain about.
    """

    machine: Machine
    day: date
    seconds: float
    clients: int
    encrypted: bool
    idle: Sample
    samples: Sequence[Sample]
    rested: Sample
    statuses: Mapping[int, float]
    done: Mapping[str, int]
    events: Mapping[str, int]
    surveys: Sequence[Survey]
    checks: Sequence[Check]
    problems: Sequence[str]

    @property
    def passed(self) -> bool:
        """Whether all held."""
        return all(check.passed for check in self.checks)

    def text(self) -> str:
        """All of it."""
        parts = [self._load(), self._table(), "MiB resident:", self._plot(), self._checks()]
        parts += [self._caveat()] if self._caveat() else []
        parts += [f"PROBLEM: {problem}" for problem in self.problems]
        parts.append("passed" if self.passed else "FAILED")
        return "\n\n".join(parts)

    def json(self) -> str:
        """Every figure, for programs."""
        return json.dumps(asdict(self), indent=1, default=str)

    def markdown(self) -> str:
        """A page for the documentation."""
        return _PAGE.format(
            day=self.day.isoformat(),
            minutes=self.seconds / 60,
            machine=self.machine,
            tls="TLS, " if self.encrypted else "",
            load=self._load(),
            table=self._table(),
            plot=self._plot(),
            checks=self._checks(),
            short=f"\n{self._caveat()}\n" if self._caveat() else "",
            done=_counted(self.done),
        )

    def _caveat(self) -> str:
        """What a short run does not say."""
        if self.seconds >= _LONG_ENOUGH:
            return ""
        half = [(each.at, each.mebibytes) for each in self.samples if each.at >= self.seconds / 2]
        minutes = (half[-1][0] - half[0][0]) / 60
        return _SHORT.format(per_minute=trend(half).rise / minutes)

    def _load(self) -> str:
        answers = sum(self.statuses.values())
        busy = (self.samples[-1].cpu - self.samples[0].cpu) / (self.samples[-1].at - self.samples[0].at)
        return (
            f"{self.clients} clients at a time, {answers:.0f} answers "
            f"({answers / self.seconds:.0f} a second), the daemon used "
            f"{busy * 100:.0f} % of a core; {_counted(self.events)}."
        )

    def _table(self) -> str:
        """A few of the samples, a line each."""
        step = max(1, len(self.samples) // _ROWS)
        chosen = [("idle", self.idle), *((f"{each.at:.0f} s", each) for each in self.samples[::step])]
        chosen.append(("rested", self.rested))
        lines = [
            "   when  resident  remembered  unused  Python's  descriptors  threads  connections  storage",
            "              MiB         MiB     MiB    blocks                                        MiB",
        ]
        for when, each in chosen:
            survey = self._survey(each.at)
            lines.append(
                f"{when:>7}  {each.mebibytes:8.1f}  {each.remembered / _MIB:10.1f}  {survey.free / _MIB:6.1f}"
                f"  {survey.blocks:8}  {each.descriptors:11}  {each.threads:7}"
                f"  {each.gauges['txregistry_connections']:11.0f}  {survey.storage / _MIB:7.0f}"
            )
        return "\n".join(lines)

    def _survey(self, at: float) -> Survey:
        return ([each for each in self.surveys if each.at <= at] or self.surveys[:1])[-1]

    def _plot(self) -> str:
        points = [(each.at, each.mebibytes) for each in self.samples]
        return plot(points, min(_WIDTH, len(points)))

    def _checks(self) -> str:
        lines = ["| | found | wanted | |", "| --- | ---: | ---: | --- |"]
        lines += [
            f"| {check.title} | {check.found} | {check.wanted} | {'held' if check.passed else 'BROKEN'} |"
            for check in self.checks
        ]
        return "\n".join(lines)
