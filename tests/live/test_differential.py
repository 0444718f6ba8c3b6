"""
The same requests before our daemon and before Debian's ``docker-registry``: nothing differs but what the
table of :mod:`tests.live.differential.known` explains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.differential.judge import Difference, Judge
from tests.live.differential.known import KNOWN
from tests.live.differential.pair import Pair
from tests.live.differential.script import SCRIPT
from tests.live.differential.script_settings import SETTINGS
from tests.live.differential.steps import Chapter
from tests.live.registries import start_docker_registry, start_txregistry


class DifferentialTests(LiveTestCase):
    """Debian's daemon is the judge of what a request is answered with."""

    def pair(
        self, storage: Path, sections: Mapping[str, Mapping[str, object]] | None = None, twice: bool = False
    ) -> Pair:
        """
        Start both daemons, each on its own part of *storage*.

        :param twice: start Debian's daemon in the place of ours, too.
        """
        theirs = start_docker_registry(storage / "theirs", self.directory(), settings=sections)
        self.addCleanup(theirs.program.terminate)
        start = start_docker_registry if twice else start_txregistry
        ours = start(storage / "ours", self.directory(), settings=sections)
        self.addCleanup(ours.program.terminate)
        pair = Pair(theirs.port, ours.port)
        self.addCleanup(pair.close)
        return pair

    def assert_none(self, what: str, found: Sequence[object]) -> None:
        """Fail with a readable list if anything was *found*."""
        if found:
            self.fail("\n".join([f"{len(found)} {what}:", *map(str, found)]))

    def test_script(self) -> None:
        """Every difference is in the table, and everything in the table is one."""
        judge = Judge(KNOWN)
        storage = self.directory()
        judge.judge(_played(self.pair(storage), SCRIPT))
        for setting in SETTINGS:
            place = storage if setting.again else self.directory()
            judge.judge(_played(self.pair(place, setting.sections), setting.chapters))
        self.assert_none("not in the table", judge.unknown)
        self.assert_none("in the table, but not seen", judge.unused())

    def test_against_itself(self) -> None:
        """Two of Debian's daemons differ in nothing but the order of tags, which is that of the disk."""
        differences = _played(self.pair(self.directory(), twice=True), SCRIPT)
        self.assert_none(
            "not to be seen",
            [each for each in differences if (each.step[:9], each.part) != ("many tags", "body")],
        )


def _played(pair: Pair, chapters: tuple[Chapter, ...]) -> list[Difference]:
    return pair.play_all(step for chapter in chapters for step in chapter.steps)
