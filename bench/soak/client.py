"""One client process: ``python -m bench.soak.client SETTING NAME KIND``, until it is ended or killed."""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Protocol

from bench.soak.errors import Fault, Interrupted
from bench.soak.owner import Owner
from bench.soak.reader import Reader
from bench.soak.rude import Rude
from bench.soak.setting import Setting

__all__ = ["INTERRUPTED", "KINDS", "main"]

INTERRUPTED = "refused while out of service"
_TOLD_EVERY = 2.0


class _Client(Protocol):
    def step(self) -> str: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


KINDS: Mapping[str, Callable[[Setting, str, random.Random], _Client]] = {
    "owner": Owner,
    "reader": Reader,
    "rude": Rude,
}


def main(file: str, name: str, kind: str) -> int:
    """
    Do one thing after the other until SIGTERM; then put all in order and leave.

    :return: 1 if a promise was broken, which standard error tells.
    """
    setting = Setting.load(Path(file))
    dice = random.Random()
    client = KINDS[kind](setting, name, dice)
    ending: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        ending.append(number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    done: Counter[str] = Counter()
    told = time.monotonic()
    tally = os.open(setting.directory / f"{name}.done", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        finished = False
        while not finished:
            try:
                if ending:
                    client.finish()
                    finished = True
                else:
                    done[client.step()] += 1
            except Interrupted:
                done[INTERRUPTED] += 1
                time.sleep(0.5)
            if finished or time.monotonic() - told > _TOLD_EVERY:
                os.write(tally, json.dumps(done).encode() + b"\n")
                done.clear()
                told = time.monotonic()
            if not ending:
                time.sleep(dice.expovariate(1 / setting.pause) if setting.pause else 0)
    except Fault as fault:
        print(f"{name}: {fault}", file=sys.stderr)
        return 1
    finally:
        client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
