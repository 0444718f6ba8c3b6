"""What a known user notices of many clients with wrong passwords, round by round, on both servers in turn."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from attrs import Factory, frozen

from bench.compare import in_turn
from bench.content import ACCEPT, APP
from bench.errors import BenchFailed
from bench.fleet import Fleet
from bench.generator import Generator
from bench.goals import AtMost, median, percentile
from bench.variants import LATECOMERS, USER, basic
from bench.wire import Connection
from bench.workloads import Target

__all__ = [
    "FLOODS",
    "MEDIAN_LIMIT",
    "VARIANT",
    "Endured",
    "Flood",
    "Flooded",
    "endure",
    "middle",
    "withstand",
]

VARIANT = "htpasswd"
"""Floods are for servers of this variant."""

MEDIAN_LIMIT = 150.0
"""Milliseconds."""

_CLIENTS = 16
_FILLING = 0.3
_PATIENCE = 30.0
_AGAIN = 0.1


@frozen
class Flood:
    """
    One kind of flood.

    :ivar name: for ``--only``.
    :ivar same: all show one wrong password again and again, not another one each time.
    :ivar anew: the known user connects for each request.
    """

    name: str
    title: str
    same: bool = False
    anew: bool = False


FLOODS = (
    Flood("flood-fresh", "a new password each time"),
    Flood("flood-fresh-anew", "a new password each time; the user connects for each request", anew=True),
    Flood("flood-same", "the same password each time", same=True),
    Flood("flood-same-anew", "the same password each time; the user connects for each request", True, True),
)
"""In the order in which they run."""


@frozen
class Endured:
    """
    What one window showed: milliseconds of the known user's answers, and the flood's answers a second.

    :ivar first: milliseconds until somebody whom the server has not met yet is let in.
    """

    median: float
    p99: float
    first: float
    refused: float
    put_off: float


@frozen
class Flooded:
    """One line of the table: every round's window on both servers."""

    flood: Flood
    ours: list[Endured] = Factory(list)
    peer: list[Endured] = Factory(list)

    @property
    def goal(self) -> AtMost:
        """What is aimed at: :data:`MEDIAN_LIMIT` for the known user's median."""
        return AtMost(MEDIAN_LIMIT)

    @property
    def met(self) -> bool | None:
        """Whether the median of our medians is within the limit, if there is one."""
        found = middle(self.ours, "median")
        return None if found is None else self.goal.met(found, None)


def middle(windows: Sequence[Endured], name: str) -> float | None:
    """The median, over the rounds, of the figure *name*."""
    return median([getattr(each, name) for each in windows])


def withstand(
    fleet: Fleet, floods: Sequence[Flood], rounds: int, seconds: float, say: Callable[[str], None]
) -> list[Flooded]:
    """
    Measure on the servers of *fleet*, which run.

    :param seconds: how long a window lasts.
    :raises BenchFailed: an answer was wrong, or a server died.
    """
    lines = [Flooded(flood) for flood in floods]
    targets = fleet.targets(VARIANT)
    newcomers = count()
    for number in range(rounds):
        for line in lines:
            late = f"late-{next(newcomers) % LATECOMERS}"
            for target in in_turn(targets, number):
                found = endure(target, line.flood, late, seconds)
                (line.ours if target is targets[0] else line.peer).append(found)
            shown = (f"{each[-1].median:.1f} ms" if each else "-" for each in (line.ours, line.peer))
            say(f"round {number + 1} of {rounds}: {line.flood.name}: {' and '.join(shown)}")
    return lines


def endure(target: Target, flood: Flood, late: str, seconds: float) -> Endured:
    """
    Let :data:`USER`, whose password the server has just seen, ask in the flood for *seconds*.

    Beside that *late*, whom it has not seen, tries until it is let in; when put off it tries again after
    a moment, not after as long as it is told.

    :raises BenchFailed: the user was refused or put off, or *late* is not let in even after the flood.
    """
    server = target.server
    path = f"manifests/{target.content.manifest}"
    url = f"/v2/{APP}/{path}"
    with Connection.open(server.port) as link:
        link.request("GET", url, _shows(USER)).expect(200, "manifest GET before the flood")
    options: dict[str, object] = {
        "path": path,
        "user": USER,
        "connections": _CLIENTS,
        "seconds": seconds + 2 * _FILLING + 0.5,
    }
    if flood.same:
        options["same"] = True
    with Generator("guess", server.port, APP, options) as guessing, ThreadPoolExecutor(1) as threads:
        guessing.wait_ready()
        time.sleep(_FILLING)
        first = threads.submit(_first_answer, server.port, url, late)
        took = _ask(server.port, url, seconds, flood.anew)
        done = guessing.outcome()
        entered = first.result()
    server.check_alive()
    return Endured(
        1000 * (median(took) or 0.0),
        1000 * percentile(took, 99),
        1000 * entered,
        done.refused / done.seconds,
        done.put_off / done.seconds,
    )


def _shows(user: str) -> dict[str, str]:
    return ACCEPT | {"Authorization": basic(user)}


def _ask(port: int, url: str, seconds: float, anew: bool) -> list[float]:
    """
    Ask one request after the other for *seconds*, at least once, and say how long each took.

    The last one may outlive the flood; it counts with what it took all the same.
    """
    took: list[float] = []
    until = time.monotonic() + seconds
    link = Connection.open(port)
    try:
        while not took or time.monotonic() < until:
            begin = time.monotonic()
            if anew:
                link.close()
                link = Connection.open(port)
            link.request("GET", url, _shows(USER)).expect(200, "the known user's manifest GET in a flood")
            took.append(time.monotonic() - begin)
    finally:
        link.close()
    return took


def _first_answer(port: int, url: str, user: str) -> float:
    """How long it takes until *user* is let in, who tries again a moment after being put off."""
    begin = time.monotonic()
    while time.monotonic() - begin < _PATIENCE:
        with Connection.open(port, source="127.0.0.254") as link:
            answer = link.request("GET", url, _shows(user))
        if answer.status != 429:
            answer.expect(200, "a late user's manifest GET in a flood")
            return time.monotonic() - begin
        time.sleep(_AGAIN)
    raise BenchFailed(f"a user with the right password was not let in within {_PATIENCE:.0f} s")
