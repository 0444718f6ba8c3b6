"""Two daemons with the same configuration, each on storage of its own, before the same steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

from tests.live.differential.judge import Difference, differences, rough_differences
from tests.live.differential.player import Player
from tests.live.differential.seen import Seen, seen
from tests.live.differential.steps import Step

_UPLOAD = re.compile(r"/blobs/uploads/([0-9a-f]{8}-[0-9a-f-]{27})")


class Pair:
    """
    Players on two daemons, both at work at the same time.

    :param variables: what the steps can name, besides what they always can.
    :ivar theirs: on the other daemon.
    :ivar ours: on ours.
    """

    def __init__(self, theirs: int, ours: int, variables: Mapping[str, str] = MappingProxyType({})) -> None:
        self.theirs, self.ours = Player(theirs), Player(ours)
        for player in (self.theirs, self.ours):
            player.variables |= variables
        self._threads = ThreadPoolExecutor(2)

    def play(self, step: Step) -> list[Difference]:
        """
        Play *step* on both, and say what differs.

        :raises Unknown: it names a variable that one of them does not know.
        """
        return list(differences(step.name, *self._both(step)))

    def play_roughly(self, step: Step) -> list[Difference]:
        """Play a random *step* on both, unless one of them does not know all that it names."""
        if not (self.theirs.knows(step) and self.ours.knows(step)):
            return []
        return list(rough_differences(step.name, *self._both(step)))

    def _both(self, step: Step) -> tuple[Seen, Seen]:
        there, here = self._threads.map(_played, (self.theirs, self.ours), (step, step))
        return there, here

    def play_all(self, steps: Iterable[Step]) -> list[Difference]:
        """Play many."""
        return [difference for step in steps for difference in self.play(step)]

    def close(self) -> None:
        """Leave both daemons; they are not ended."""
        self._threads.shutdown()
        self.theirs.close()
        self.ours.close()


def _played(player: Player, step: Step) -> Seen:
    upload = _UPLOAD.search(player.filled(step.target))
    return seen(player.play(step), player.port, upload[1] if upload else "")
