"""The command line: ``python -m bench --help``."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from types import FrameType

from bench.compare import Comparison, compare
from bench.content import APP
from bench.errors import BenchFailed
from bench.fleet import Fleet
from bench.floods import FLOODS, VARIANT, Flooded, withstand
from bench.limits import LIMITS, Bench, Finding
from bench.machine import look
from bench.redis import NOWHERE, Redis
from bench.report import Report
from bench.servers import OURS, PEER, free_port, need_tools
from bench.variants import make_variants
from bench.workloads import WORKLOADS

__all__ = ["main"]

_ROUNDS = 5
_SECONDS = 4.0
_QUICK_SECONDS = 1.0
_LIMIT_SECONDS = 3.0
_NAMES = (
    *(each.name for each in WORKLOADS),
    *(each.name for each in FLOODS),
    *(each.name for each in LIMITS),
)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure txregistry beside Debian's docker-registry."
    )
    parser.add_argument("--quick", action="store_true", help="one round, one second a workload: a rough look")
    parser.add_argument("--rounds", type=int, help=f"how often each workload runs (default {_ROUNDS})")
    parser.add_argument("--seconds", type=float, help=f"how long it runs each time (default {_SECONDS:g})")
    parser.add_argument("--only", nargs="+", choices=_NAMES, metavar="NAME", help=f"of {', '.join(_NAMES)}")
    parser.add_argument("--ours-only", action="store_true", help="leave docker-registry out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures here")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page of results here")
    parser.add_argument("--directory", type=Path, help="where temporary storage goes (default: the system's)")
    parser.add_argument("--ours-command", default=OURS, help="start this instead; {config} is the file")
    parser.add_argument("--peer-command", default=PEER, help="compare with this instead, e.g. an older build")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Measure as *arguments* say.  A missed goal is no failure; a wrong answer is, and ends with 1."""
    options = _arguments().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        report = _measure(options)
    except BenchFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    print(f"\n{report.text()}")
    if options.json:
        options.json.write_text(report.json(), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(report.markdown(), encoding="utf-8")
    return 0


def _measure(options: argparse.Namespace) -> Report:
    chosen = set(options.only or _NAMES)
    chosen |= {each.plain for each in WORKLOADS if each.name in chosen}
    workloads = [each for each in WORKLOADS if each.name in chosen]
    floods = [each for each in FLOODS if each.name in chosen]
    limits = [each for each in LIMITS if each.name in chosen]
    need_tools("wrk")
    if (workloads or floods) and not options.ours_only and options.peer_command == PEER:
        need_tools("docker-registry")
    cached = any(each.variant == "redis" for each in workloads)
    if cached:
        need_tools("redis-server")
    rounds = options.rounds or (1 if options.quick else _ROUNDS)
    seconds = options.seconds or (_QUICK_SECONDS if options.quick else _SECONDS)
    comparison: Comparison | None = None
    flooded: list[Flooded] = []
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(
        prefix="txregistry-bench-", dir=options.directory, ignore_cleanup_errors=True
    ) as name:
        directory = Path(name)
        machine = look(directory)
        if workloads or floods:
            peer = None if options.ours_only else options.peer_command
            with ExitStack() as running:
                redis = NOWHERE
                if cached:
                    redis = running.enter_context(Redis(free_port(), directory / "redis")).address
                variants = make_variants(directory / "variants", APP, redis)
                fleet = running.enter_context(Fleet(options.ours_command, peer, directory, variants))
                fleet.start({each.variant for each in workloads} | {VARIANT for _ in floods})
                if workloads:
                    complete = len(workloads) == len(WORKLOADS)
                    comparison = compare(fleet, workloads, rounds, seconds, complete, _say)
                if floods:
                    flooded = withstand(fleet, floods, rounds, seconds, _say)
        bench = Bench(options.ours_command, directory, min(seconds, _LIMIT_SECONDS))
        for limit in limits:
            found = limit.find(bench)
            findings += found
            _say(
                f"{limit.name}: " + ", ".join(f"{each.title} {each.value:.2f} {each.unit}" for each in found)
            )
    return Report(machine, date.today(), comparison, findings, flooded)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
