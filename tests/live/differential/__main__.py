"""``python -m tests.live.differential``: random requests before both daemons, from many seeds."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.live.differential.known_random import KNOWN
from tests.live.differential.pair import Pair
from tests.live.differential.seeds import play_seed
from tests.live.registries import start_docker_registry, start_txregistry


def main() -> int:
    """Play the seeds, print what was found, and say by the exit code whether that is nothing."""
    parser = argparse.ArgumentParser(description="random requests before docker-registry and txregistry")
    parser.add_argument("seeds", type=int, nargs="?", default=20, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    arguments = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="differential-") as name:
        place = Path(name)
        theirs = start_docker_registry(place / "theirs", place / "output")
        try:
            ours = start_txregistry(place / "ours", place / "output")
            try:
                pair = Pair(theirs.port, ours.port)
                for seed in range(arguments.first, arguments.first + arguments.seeds):
                    found = play_seed(pair, seed, KNOWN)
                    if found:
                        bad += 1
                        print(found, end="\n\n", flush=True)
                pair.close()
            finally:
                ours.program.terminate()
        finally:
            theirs.program.terminate()
    print(f"{arguments.seeds} seeds from {arguments.first} on: {bad} with differences")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
