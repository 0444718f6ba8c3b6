"""What txregistry promises whatever the peer does: memory, bytes written, and time, under odd loads."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from attrs import Factory, frozen

from bench.content import ACCEPT, APP, seed
from bench.errors import BenchFailed
from bench.generator import Generator, generate
from bench.goals import TIMES, AtMost, median
from bench.servers import Server
from bench.wire import Connection
from bench.wrk import run_wrk

__all__ = ["LIMITS", "Bench", "Finding", "Limit"]

_MIB = 1024 * 1024
_BIG = 2048 * _MIB
_SLOW_UPLOADS = 200
_SLOW_RATE = 10 * 1024
_IDLE = 500
_STARTS = 3
_QUIET = 3


@frozen
class Finding:
    """One line of the second table."""

    title: str
    unit: str
    goal: AtMost
    value: float
    remark: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within its limit."""
        return self.value <= self.goal.limit


@frozen
class Bench:
    """Starts our server afresh for each measurement, with empty storage under *directory*."""

    command: str
    directory: Path
    seconds: float
    """How long one window of measuring lasts."""
    _numbers: "count[int]" = Factory(count)

    @contextmanager
    def started(self) -> Iterator[Server]:
        """A server that runs until the end of the context."""
        server = Server("txregistry", self.command, self.directory / f"limit-{next(self._numbers)}")
        try:
            server.start()
            yield server
        finally:
            server.stop()
            server.remove()


@frozen
class Limit:
    """
    Something to measure on our server alone.

    :ivar name: for ``--only``.
    """

    name: str
    find: Callable[[Bench], Sequence[Finding]]


def _big_blob(bench: Bench) -> Sequence[Finding]:
    with bench.started() as server:
        server.forget_peak()
        before = server.usage()
        pushed = generate("push", server.port, APP, size=_BIG, most=1)
        after_push = server.usage()
        digest = _only_blob(server)
        server.forget_peak()
        pulled = generate("pull", server.port, APP, digest=digest, whole=True)
        after_pull = server.usage()
    written = (after_push.written - before.written) / _BIG
    if written < 0.99:
        raise BenchFailed(f"only {written:.2f} of the blob was written: is the storage a real disk?")
    return [
        Finding(
            "peak memory, 2 GiB blob pushed",
            "MiB",
            AtMost(150),
            after_push.peak / _MIB,
            f"{pushed.size / pushed.seconds / 1e6:.0f} MB/s",
        ),
        Finding("bytes written to disk for it", f"{TIMES} the blob", AtMost(1.02), written),
        Finding(
            "peak memory, 2 GiB blob pulled",
            "MiB",
            AtMost(150),
            after_pull.peak / _MIB,
            f"{pulled.size / pulled.seconds / 1e6:.0f} MB/s beside a client that hashes",
        ),
    ]


def _only_blob(server: Server) -> str:
    found = [blob.name for blob in (server.storage / "docker/registry/v2/blobs/sha256").glob("*/*")]
    if len(found) != 1:
        raise BenchFailed(f"expected one blob in storage, found {len(found)}")
    return f"sha256:{found[0]}"


def _slow_uploads(bench: Bench) -> Sequence[Finding]:
    with bench.started() as server:
        content = seed(server.port)
        url = server.url(f"/v2/{APP}/manifests/{content.tag}")

        def p99() -> float:
            figures = [run_wrk(url, 16, bench.seconds, ACCEPT, content.manifest_size) for _ in range(_QUIET)]
            return 1000 * (median([each.p99 for each in figures]) or 0.0)

        run_wrk(url, 16, 1, ACCEPT, content.manifest_size)
        alone = p99()
        server.forget_peak()
        options: dict[str, object] = {
            "connections": _SLOW_UPLOADS,
            "rate": _SLOW_RATE,
            "seconds": _QUIET * (bench.seconds + 0.5) + 1,
        }
        with Generator("slow", server.port, "bench/slow", options) as uploads:
            uploads.wait_ready()
            beside = p99()
            if not uploads.running():
                raise BenchFailed("the slow uploads ended before the requests beside them")
            done = uploads.outcome()
        after = server.usage()
    return [
        Finding(
            f"peak memory, {_SLOW_UPLOADS} uploads at 10 KiB/s",
            "MiB",
            AtMost(200),
            after.peak / _MIB,
            f"{done.size / done.seconds / done.done / 1024:.1f} KiB/s each, beside manifest GETs",
        ),
        Finding(
            "p99 of manifest GET beside them",
            f"{TIMES} alone",
            AtMost(2),
            beside / alone,
            f"{alone:.1f} ms alone, {beside:.1f} ms beside",
        ),
    ]


def _idle_connections(bench: Bench) -> Sequence[Finding]:
    with bench.started() as server, ExitStack() as stack:
        before = server.usage()
        links = [stack.enter_context(Connection.open(server.port)) for _ in range(_IDLE)]
        for link in links:
            link.request("GET", "/v2/").expect(200, "GET /v2/")
        after = server.usage()
        for link in links:
            link.request("GET", "/v2/").expect(200, "GET /v2/ on an idle connection")
    more = (after.resident - before.resident) / _MIB
    return [Finding(f"memory for {_IDLE} idle keep-alive connections", "MiB", AtMost(60), more)]


def _start(bench: Bench) -> Sequence[Finding]:
    took = []
    for _ in range(_STARTS):
        with bench.started() as server:
            took.append(server.first_answer)
    return [Finding("start to first answer", "s", AtMost(1.5), median(took) or 0.0)]


LIMITS = (
    Limit("start", _start),
    Limit("big-blob", _big_blob),
    Limit("slow-uploads", _slow_uploads),
    Limit("idle-connections", _idle_connections),
)
"""In the order in which they run."""
