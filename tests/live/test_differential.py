"""
The same requests before our daemon and before Debian's ``docker-registry``: nothing differs but what the
table of :mod:`tests.live.differential.known` explains.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.live.case import LiveTestCase
from tests.live.differential.judge import Judge
from tests.live.differential.known import KNOWN
from tests.live.differential.pair import Pair
from tests.live.differential.script import SCRIPT
from tests.live.differential.steps import Step
from tests.live.registries import start_docker_registry, start_txregistry


class DifferentialTests(LiveTestCase):
    """Debian's daemon is the judge of what a request is answered with."""

    def pair(self) -> Pair:
        """Start both daemons, each on storage of its own."""
        theirs = start_docker_registry(self.directory() / "storage", self.directory())
        self.addCleanup(theirs.program.terminate)
        ours = start_txregistry(self.directory() / "storage", self.directory())
        self.addCleanup(ours.program.terminate)
        pair = Pair(theirs.port, ours.port)
        self.addCleanup(pair.close)
        return pair

    def test_script(self) -> None:
        """Every difference is in the table, and everything in the table is one."""
        judge = Judge(KNOWN)
        judge.judge(self.pair().play_all(_steps()))
        self.assertEqual([], [str(difference) for difference in judge.unknown])
        self.assertEqual([], judge.unused())


def _steps() -> Iterable[Step]:
    return (step for chapter in SCRIPT for step in chapter.steps)
