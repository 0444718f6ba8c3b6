"""The client processes: started, killed at random, and started again under the same names."""

import contextlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from attrs import define, field

__all__ = ["CROWD", "Crowd"]

CROWD = {"owner": 4, "reader": 3, "rude": 2}
"""How many clients of each kind there are."""

_LIFE = 25.0
"""Seconds that a client lives, on the average."""
_AWAY = 4.0
_GRACE = 120.0


@define
class _Place:
    """A client's name, and the process that has it now."""

    name: str
    kind: str
    process: "subprocess.Popen[bytes] | None" = None
    until: float = 0.0


@define(eq=False)
class Crowd:
    """
    :param setting: the file that the clients read.
    :ivar faults: what clients said that found a promise broken.
    :ivar killed: how many were.
    """

    setting: Path
    directory: Path
    dice: random.Random
    faults: list[str] = field(factory=list)
    killed: int = 0
    _places: list[_Place] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._places = [
            _Place(f"{kind}-{number}", kind) for kind, count in CROWD.items() for number in range(count)
        ]

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for place in self._places:
            self._kill(place)

    def tend(self) -> None:
        """Kill whose time has come, start whose absence is over, and hear those that ended by themselves."""
        now = time.monotonic()
        for place in self._places:
            if place.process is not None and place.process.poll() is not None:
                self._hear(place)
            if now < place.until:
                continue
            if place.process is None:
                self._start(place)
                place.until = now + self.dice.expovariate(1 / _LIFE)
            else:
                self._kill(place)
                self.killed += 1
                place.until = now + self.dice.random() * _AWAY

    def finish(self) -> None:
        """Start those that are away, let each put its things in order, and wait for all."""
        for place in self._places:
            if place.process is None:
                self._start(place)
        time.sleep(1.0)  # or the signal finds them before they can hear it
        for place in self._places:
            if place.process is not None and place.process.poll() is None:
                place.process.terminate()
        until = time.monotonic() + _GRACE
        for place in self._places:
            if place.process is None:
                continue
            try:
                place.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.faults.append(f"{place.name} did not come to an end within {_GRACE:.0f} s")
                self._kill(place)
            else:
                self._hear(place)

    def done(self) -> Counter[str]:
        """How often clients did what, as far as they could tell."""
        total: Counter[str] = Counter()
        for file in self.directory.glob("*.done"):
            for line in file.read_text().splitlines():
                total.update(json.loads(line))
        return total

    def _start(self, place: _Place) -> None:
        command = [sys.executable, "-m", "bench.soak.client", str(self.setting), place.name, place.kind]
        with self._words(place).open("ab") as words:
            place.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )

    def _hear(self, place: _Place) -> None:
        process, place.process = place.process, None
        if process is not None and process.returncode:
            said = self._words(place).read_text(errors="replace")[-3000:]
            self.faults.append(f"{place.name} ended with {process.returncode}: {said}")

    def _kill(self, place: _Place) -> None:
        process, place.process = place.process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def _words(self, place: _Place) -> Path:
        return self.directory / f"{place.name}.stderr"
