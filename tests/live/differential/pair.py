"""Two daemons with the same configuration, each on storage of its own, before the same steps."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import field, frozen

from tests.live.differential.judge import Difference, differences
from tests.live.differential.player import Player
from tests.live.differential.seen import Seen, seen
from tests.live.differential.steps import Step

_UPLOAD = re.compile(r"/blobs/uploads/([0-9a-f]{8}-[0-9a-f-]{27})")


@frozen
class Pair:
    """
    Players on the two daemons.

    :ivar both: the other daemon's, then ours.
    """

    theirs: Player = field(converter=Player)
    ours: Player = field(converter=Player)

    def play(self, step: Step) -> list[Difference]:
        """Play *step* on both, and say what differs."""
        there, here = (_played(player, step) for player in (self.theirs, self.ours))
        return list(differences(step.name, there, here))

    def play_all(self, steps: Iterable[Step]) -> list[Difference]:
        """Play many."""
        return [difference for step in steps for difference in self.play(step)]

    def close(self) -> None:
        """Leave both daemons; they are not ended."""
        self.theirs.close()
        self.ours.close()


def _played(player: Player, step: Step) -> Seen:
    upload = _UPLOAD.search(player.filled(step.target))
    return seen(player.play(step), player.port, upload[1] if upload else "")
