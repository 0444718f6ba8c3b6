"""``/debug/vars``: what programs that watch Go programs ask for, under the keys that they know."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Mapping

from txregistry.metrics.pauses import GcPauses

#: Facts of the registry, for its key of this name.
Facts = Callable[[], Mapping[str, object]]
_NOBODY = {"Requests": 0, "Hits": 0, "Misses": 0, "BytesPulled": 0, "BytesPushed": 0}


def registry_facts(redis: Mapping[str, object] | None = None) -> Mapping[str, object]:
    """
    What distribution tells of a registry without proxy and notifications.

    :param redis: how Redis is reached, without secrets, and how many connections are in use.
    """
    facts: dict[str, object] = {
        "cache": {"storage": {"blobdescriptor": {}}},
        "notifications": {"endpoints": None},
        "proxy": {"blobs": _NOBODY, "manifests": _NOBODY},
    }
    if redis is not None:
        facts["redis"] = redis
    return facts


def memstats(pauses: GcPauses) -> Mapping[str, object]:
    """Those of Go's figures that have a meaning in Python."""
    resident, total = _pages()
    size = os.sysconf("SC_PAGE_SIZE")
    last = list(pauses.last)
    return {
        "Sys": total * size,
        "HeapInuse": resident * size,
        "HeapObjects": sys.getallocatedblocks(),
        "NumGC": pauses.count,
        "PauseTotalNs": int(pauses.total * 1e9),
        "PauseNs": [int(pause.seconds * 1e9) for pause in last],
        "PauseEnd": [int(pause.when * 1e9) for pause in last],
        "LastGC": int(last[-1].when * 1e9) if last else 0,
        "EnableGC": gc.isenabled(),
    }


def expvar_page(argv: list[str], pauses: GcPauses, facts: Facts) -> str:
    """All of it, a line for each key."""
    variables = {"cmdline": argv, "memstats": memstats(pauses), "registry": facts()}
    rows = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in variables.items()
    )
    return f"{{\n{rows}\n}}\n"


def _pages() -> tuple[int, int]:
    """The pages of memory that are resident, and all of the address space."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        words = statm.read().split()
    return int(words[1]), int(words[0])
