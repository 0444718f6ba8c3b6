"""Plays what a seed makes, until something differs that nobody can explain."""

from __future__ import annotations

from collections.abc import Iterable

from tests.live.differential.generator import Generator
from tests.live.differential.judge import Judge, Known
from tests.live.differential.pair import Pair
from tests.live.differential.player import Unknown


def play_seed(pair: Pair, seed: int, table: Iterable[Known]) -> str:
    """
    Play one seed.

    What comes after a difference that is not in the *table* may only follow from it, so it is not played.

    :return: what was found, with the requests that led there; nothing is good.
    """
    judge = Judge(table)
    played: list[str] = []
    for step in Generator(seed, f"random/{seed}").steps():
        try:
            found = pair.play_roughly(step)
        except Unknown:  # one daemon forgot it meanwhile
            continue
        headers = "".join(f" {name}: {value}" for name, value in step.headers)
        played.append(f"{step.method} {step.target}{headers}")
        judge.judge(found)
        if judge.unknown:
            return "\n".join([f"seed {seed}, step {len(played)}", *map(str, judge.unknown), *played[-8:]])
    return ""
