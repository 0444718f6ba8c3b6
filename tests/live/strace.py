"""
Reads what strace wrote about a daemon, and judges whether its answers kept their promise.

The promise of a 201: everything it speaks of would still be there if the machine lost power now.  For a
file that means: its content was synchronised, then it got its name, then the directory that holds the
name was synchronised, and all of that was over before the first byte of the answer was sent.

Nothing here does any I/O; lines come in, values go out.
"""

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import PurePosixPath

from attrs import evolve, frozen

OPTIONS = (
    "strace",
    "-D",  # the daemon stays our child, and strace a grandchild
    "-f",
    "-y",
    "--seccomp-bpf",
    "-e",
    "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,"
    "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg",
)
"""How to run a daemon so that its log can be read here; ``-o FILE`` and the daemon's command follow."""


READING_OPTIONS = (
    *OPTIONS[: OPTIONS.index("-e")],
    "-e",
    "trace=read,readv,pread64,preadv,preadv2,sendfile,splice,copy_file_range,mmap,openat,openat2",
)
"""The same, for a log that tells how much of each file was read."""


@frozen
class Call:
    """
    One system call.

    :param started: the number of the line in the log on which it began.
    :param ended: the number of the line on which it returned; other threads' calls may lie between.
    """

    name: str
    arguments: str
    result: str
    started: int
    ended: int


class Action(Enum):
    """What a call did, as far as durability is concerned."""

    WROTE = "wrote"
    SYNCHRONISED = "synchronised"
    NAMED = "named"
    MADE_DIRECTORY = "made directory"
    ANSWERED = "answered"


@frozen
class Event:
    """
    A call that succeeded, understood.

    :param path: the file or directory it was about; the HTTP status of an answer.
    :param source: for ``NAMED``, what the file was called before.
    """

    action: Action
    path: str
    started: int
    ended: int
    source: str = ""


_LINE = re.compile(r"(?P<thread>\d+)\s+(?P<rest>.*)")
_UNFINISHED = re.compile(r"(?P<name>\w+)\((?P<arguments>.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")
_ENDED = re.compile(r"(?P<arguments>.*)\)\s+= (?P<result>.*)")
_WHOLE = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>.*)")
_TOKEN = re.compile(r'(?:\d+|AT_FDCWD)<(?P<open>[^>]*)>|"(?P<text>(?:[^"\\]|\\.)*)"')
_STATUS = re.compile(r"HTTP/1\.[01] (\d{3})")

_WRITES = frozenset({"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg"})
_OPENINGS = frozenset({"openat", "openat2"})
_NAMINGS = frozenset({"rename", "renameat", "renameat2", "link", "linkat"})


def read_calls(lines: Iterable[str]) -> list[Call]:
    """
    Put the calls of a log together, in the order in which they returned.

    A call that was interrupted by another thread's has two lines.  Lines about signals and exits, and
    calls that never returned, are left out.
    """
    calls = []
    pending: dict[str, Call] = {}
    for number, line in enumerate(lines):
        split = _LINE.match(line)
        if split is None:
            continue
        thread, rest = split["thread"], split["rest"]
        if begun := _UNFINISHED.match(rest):
            pending[thread] = Call(begun["name"], begun["arguments"], "", number, number)
        elif resumed := _RESUMED.match(rest):
            first, ended = pending.pop(thread, None), _ENDED.match(resumed["rest"])
            if first is not None and ended is not None:
                arguments = first.arguments + ended["arguments"]
                calls.append(evolve(first, arguments=arguments, result=ended["result"], ended=number))
        elif whole := _WHOLE.match(rest):
            calls.append(Call(whole["name"], whole["arguments"], whole["result"], number, number))
    return calls


def opened(calls: Iterable[Call], path: str) -> bool:
    """Say whether the file *path* was ever opened."""
    return any(call.name in _OPENINGS and call.result.endswith(f"<{path}>") for call in calls)


def bytes_read(calls: Iterable[Call], path: str) -> int:
    """Count the bytes that were read, sent or mapped from the file *path*."""
    count = 0
    for call in calls:
        if call.name in _OPENINGS or f"<{path}>" not in call.arguments or call.result.startswith("-1"):
            continue
        if call.name == "mmap":
            count += int(call.arguments.split(", ")[1])
        else:
            count += int(call.result.split()[0])
    return count


def understand(calls: Iterable[Call]) -> list[Event]:
    """Say what the calls did; those that failed, and those about nothing of interest, did nothing."""
    return [event for call in calls if not call.result.startswith("-1") for event in _understand(call)]


def answers(events: Iterable[Event], status: int) -> list[Event]:
    """Pick the answers with a status, in their order."""
    return [event for event in events if event.action is Action.ANSWERED and event.path == str(status)]


def durability_faults(
    events: Sequence[Event], files: Iterable[str], directories: Iterable[str], answer: Event
) -> list[str]:
    """
    Look for what a power cut right after *answer* could take away.

    :param files: paths of the files that came to be before *answer*.
    :param directories: paths of the directories that came to be before *answer*.
    :return: a line for each fault.
    """
    before = [event for event in events if event.ended < answer.started]
    faults = []
    for path in files:
        faults.extend(_file_faults(before, path))
    for path in directories:
        made = _last(before, Action.MADE_DIRECTORY, path)
        if made is None:
            faults.append(f"{path}: the directory was not made before the answer")
        elif not _synchronised(before, _parent(path), after=made.ended):
            faults.append(f"{_parent(path)}: not synchronised after it gained {path}")
    return faults


def _file_faults(before: Sequence[Event], path: str) -> list[str]:
    named = _last(before, Action.NAMED, path)
    if named is None:
        return [f"{path}: not renamed into place before the answer"]
    faults = []
    names = {named.source}
    for event in reversed(before):
        if event.action is Action.NAMED and event.path in names and event.ended < named.started:
            names.add(event.source)
    written = max(
        (event.ended for event in before if event.action is Action.WROTE and event.path in names), default=-1
    )
    if not any(_synchronised(before, name, after=written, until=named.started) for name in names):
        faults.append(f"{path}: not synchronised between its last write and its renaming")
    if any(e.action is Action.WROTE and e.path == path and e.ended > named.started for e in before):
        faults.append(f"{path}: written to when it was in place already")
    if not _synchronised(before, _parent(path), after=named.ended):
        faults.append(f"{_parent(path)}: not synchronised after it gained {path}")
    return faults


def _last(events: Sequence[Event], action: Action, path: str) -> Event | None:
    found = [event for event in events if event.action is action and event.path == path]
    return found[-1] if found else None


def _synchronised(events: Iterable[Event], path: str, *, after: int, until: int | None = None) -> bool:
    return any(
        event.action is Action.SYNCHRONISED
        and event.path == path
        and event.started > after
        and (until is None or event.ended < until)
        for event in events
    )


def _parent(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _understand(call: Call) -> list[Event]:
    tokens = [(found["open"], found["text"]) for found in _TOKEN.finditer(call.arguments)]
    paths = _paths(tokens)
    if call.name in _NAMINGS and len(paths) == 2:
        return [Event(Action.NAMED, paths[1], call.started, call.ended, source=paths[0])]
    if call.name in ("mkdir", "mkdirat") and paths:
        return [Event(Action.MADE_DIRECTORY, paths[0], call.started, call.ended)]
    if call.name in ("fsync", "fdatasync") and paths:
        return [Event(Action.SYNCHRONISED, paths[0], call.started, call.ended)]
    if call.name in _WRITES and tokens:
        return _understand_write(call, tokens)
    return []


def _understand_write(call: Call, tokens: Sequence[tuple[str | None, str | None]]) -> list[Event]:
    opened = tokens[0][0] or ""
    if opened.startswith("/"):
        return [Event(Action.WROTE, opened, call.started, call.ended)]
    text = next((text for _, text in tokens if text is not None), "")
    if opened.startswith(("socket:", "TCP")) and (status := _STATUS.match(text)):
        return [Event(Action.ANSWERED, status[1], call.started, call.ended)]
    return []


def _paths(tokens: Sequence[tuple[str | None, str | None]]) -> list[str]:
    """Join each directory descriptor with the name that follows it; a name alone stands for itself."""
    paths: list[str] = []
    directory: str | None = None
    for opened, text in tokens:
        if text is None:
            if directory is not None:
                paths.append(directory)
            directory = opened
        else:
            paths.append(str(PurePosixPath(directory or "/") / text))
            directory = None
    if directory is not None:
        paths.append(directory)
    return paths
