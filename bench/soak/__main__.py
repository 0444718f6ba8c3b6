"""The command line: ``python -m bench.soak --help``."""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from types import FrameType

from bench.errors import BenchFailed
from bench.machine import look
from bench.redis import Redis
from bench.servers import OURS, free_port, need_tools
from bench.soak.crowd import CROWD, Crowd
from bench.soak.daemon import Daemon
from bench.soak.errors import Fault, Interrupted
from bench.soak.events import Events
from bench.soak.filling import fill, warm
from bench.soak.report import Report
from bench.soak.samples import Sample, Survey, by_label, read_metrics, survey, take
from bench.soak.setting import Setting
from bench.soak.verdict import judge
from bench.soak.watch import LogWatch
from bench.variants import make_variants

__all__ = ["main"]

_TURN = 0.25
_SAMPLED_EVERY = 5.0
_MEASURED_EVERY = 60.0
_REST = 60.0
_SHORTEST = 1.5


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description="Half an hour of everything at once, with clients killed."
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="of load (default 30)")
    parser.add_argument("--rest", type=float, default=_REST, help=f"seconds after it (default {_REST:.0f})")
    parser.add_argument("--tls", action="store_true", help="speak TLS")
    parser.add_argument("--pause", type=float, default=0.15, help="seconds a client rests between steps")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page of results here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample here")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the daemon's log here")
    parser.add_argument("--directory", type=Path, help="where temporary storage goes (default: the system's)")
    parser.add_argument("--command", default=OURS, help="start this instead; {config} is the file")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run as *arguments* say; 0 if everything held, 1 if not, 130 if interrupted."""
    parser = _arguments()
    options = parser.parse_args(arguments)
    if options.minutes < _SHORTEST:
        parser.error(f"less than {_SHORTEST} minutes tell nothing")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with tempfile.TemporaryDirectory(
            prefix="txregistry-soak-", dir=options.directory, ignore_cleanup_errors=True
        ) as name:
            report = _soak(options, Path(name))
    except (BenchFailed, Fault, Interrupted, OSError) as failed:
        print(f"soak: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("soak: interrupted", file=sys.stderr)
        return 130
    print(f"\n{report.text()}")
    if options.json:
        options.json.write_text(report.json(), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(report.markdown(), encoding="utf-8")
    return 0 if report.passed else 1


def _soak(options: argparse.Namespace, directory: Path) -> Report:
    need_tools("redis-server")
    dice = random.Random()
    machine = look(directory)
    with ExitStack() as running:
        redis = running.enter_context(Redis(free_port(), directory / "redis"))
        tls = make_variants(directory / "certificate", "none")["tls"].tls if options.tls else ""
        daemon = Daemon(options.command, directory, tls, redis.address)
        watch = LogWatch(daemon.log)
        if options.keep:
            running.callback(lambda: options.keep.write_bytes(daemon.log.read_bytes()))
        running.callback(daemon.stop)
        daemon.start()
        notes = directory / "notes"
        notes.mkdir()
        setting = Setting(
            port=daemon.port,
            encrypted=daemon.encrypted,
            authorization=daemon.authorization,
            directory=notes,
            storage=daemon.storage,
            pause=options.pause,
        )
        time.sleep(1.0)
        idle = take(daemon.pid, daemon.debug_port, time.monotonic())
        _say("fill what the daemon remembers")
        warm(setting)
        file = directory / "setting.json"
        Setting(
            port=daemon.port,
            encrypted=daemon.encrypted,
            authorization=daemon.authorization,
            directory=notes,
            storage=daemon.storage,
            pause=options.pause,
            images=fill(setting),
        ).save(file)
        events = Events(daemon, redis, setting.out_of_service, dice)
        crowd = running.enter_context(Crowd(file, notes, dice))
        seconds = options.minutes * 60
        samples, surveys, seconds = _load(daemon, crowd, events, watch, seconds)
        if crowd.faults:
            raise Fault("\n".join(["a promise was broken:", *crowd.faults]))
        _say("the load stops")
        events.end()
        time.sleep(2.0)
        crowd.finish()
        _say(f"rest for {options.rest:.0f} s")
        time.sleep(options.rest)
        rested = take(daemon.pid, daemon.debug_port, time.monotonic() - seconds - options.rest)
        surveys.append(survey(daemon.storage, daemon.debug_port, rested.at))
        statuses = {
            int(code): count
            for (code,), count in by_label(
                read_metrics(daemon.debug_port), "registry_http_requests_total", "code"
            ).items()
        }
        sessions = [*(daemon.storage / "docker/registry/v2/repositories").glob("**/_uploads/*")]
        ended = daemon.stop()
        if ended != 0:
            crowd.faults.append(f"the daemon ended with {ended} after SIGTERM")
        watch.look()
    checks = judge(
        idle,
        samples,
        rested,
        seconds,
        statuses,
        complaints=len(watch.complaints),
        faults=len(crowd.faults),
        sessions=len(sessions),
    )
    return Report(
        machine=machine,
        day=date.today(),
        seconds=seconds,
        clients=sum(CROWD.values()),
        encrypted=daemon.encrypted,
        idle=idle,
        samples=samples,
        rested=rested,
        statuses=statuses,
        done=crowd.done(),
        events=events.count | {"clients killed": crowd.killed},
        surveys=surveys,
        checks=checks,
        problems=[*crowd.faults, *watch.complaints],
    )


def _load(
    daemon: Daemon, crowd: Crowd, events: Events, watch: LogWatch, seconds: float
) -> tuple[list[Sample], list[Survey], float]:
    """
    Let the crowd at the daemon for *seconds*, or until a promise is broken.

    :return: samples, surveys, and how long it really was.
    """
    begin = time.monotonic()
    samples: list[Sample] = []
    surveys: list[Survey] = []
    sampled = measured = begin - max(_SAMPLED_EVERY, _MEASURED_EVERY)
    events.begin(begin)
    while (now := time.monotonic()) < begin + seconds and not crowd.faults:
        crowd.tend()
        events.happen(now)
        if now - measured >= _MEASURED_EVERY:
            measured = now
            surveys.append(survey(daemon.storage, daemon.debug_port, now - begin))
        if now - sampled >= _SAMPLED_EVERY:
            sampled = now
            samples.append(take(daemon.pid, daemon.debug_port, begin))
            watch.look()
            _say(_line(samples[-1], crowd, watch))
        time.sleep(_TURN)
    return samples, surveys, min(seconds, time.monotonic() - begin)


def _line(sample: Sample, crowd: Crowd, watch: LogWatch) -> str:
    return (
        f"{sample.at:6.0f} s: {sample.resident / 2**20:6.1f} MiB, {sample.descriptors} descriptors, "
        f"{sample.threads} threads, {sample.cpu:.0f} s of processor, {crowd.killed} killed, "
        f"{len(crowd.faults)} faults, {len(watch.complaints)} complaints"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
