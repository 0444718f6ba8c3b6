"""What a server costs: memory, processor time and bytes written, as Linux counts them in ``/proc``."""

import os
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

__all__ = ["Usage", "forget_peak", "parse_fields", "parse_ticks", "usage_of"]

_PROC = Path("/proc")
_KIB = 1024


@frozen
class Usage:
    """The cost of a process and all its descendants, in bytes and seconds."""

    resident: int
    peak: int
    cpu: float
    written: int


def parse_fields(text: str) -> dict[str, int]:
    """Read ``name: number [unit]`` lines (``status`` and ``io``); lines without a number are left out."""
    fields = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            fields[name] = int(words[0])
    return fields


def parse_ticks(stat: str) -> int:
    """Clock ticks in user and kernel mode from a ``stat`` line, whose second field may contain anything."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def usage_of(pid: int) -> Usage:
    """Add up what *pid* and its descendants use now, and used at their peaks."""
    resident = peak = written = ticks = 0
    for each in _tree(pid):
        where = _PROC / str(each)
        try:
            status, io, stat = ((where / name).read_text() for name in ("status", "io", "stat"))
        except (FileNotFoundError, ProcessLookupError):
            if each == pid:
                raise
            continue  # a child that ended in this moment
        fields = parse_fields(status)
        resident += fields.get("VmRSS", 0) * _KIB
        peak += fields.get("VmHWM", 0) * _KIB
        written += parse_fields(io)["write_bytes"]
        ticks += parse_ticks(stat)
    return Usage(resident, peak, ticks / os.sysconf("SC_CLK_TCK"), written)


def forget_peak(pid: int) -> None:
    """Let the peaks of *pid* and its descendants start again from what they use now."""
    for each in _tree(pid):
        (_PROC / str(each) / "clear_refs").write_text("5")


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in (_PROC / str(pid) / "task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))
