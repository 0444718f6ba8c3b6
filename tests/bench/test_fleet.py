"""Tests for :mod:`bench.fleet`, with small stand-ins for registries."""

import shlex
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.content import Content
from bench.errors import BenchFailed
from bench.fleet import Fleet
from bench.variants import OPEN, Variant
from bench.wire import Connection
from tests.bench.test_servers import ANSWERING

CONTENT = Content("sha256:m", 1, "tag", "sha256:c", 1, "sha256:d", 1, "sha256:l", 1, 1)
GUARDED = Variant("guarded", auth="auth: {silly: {realm: r, service: s}}\n")


class FleetTests(SynchronousTestCase):
    """Starting both programs in several variants."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        program = self.directory / "program.py"
        program.write_text(ANSWERING)
        self.command = f"{shlex.join([sys.executable, str(program)])} {{config}}"
        self.filled: list[int] = []

    def fill(self, port: int) -> Content:
        """Note who was filled."""
        self.filled.append(port)
        return CONTENT

    def fleet(self, peer: str | None) -> Fleet:
        """A fleet that is not started."""
        variants = {OPEN.name: OPEN, GUARDED.name: GUARDED}
        return Fleet(self.command, peer, self.directory, variants, self.fill)

    def test_variants_share_storage(self) -> None:
        """Only the open servers are filled, and each program's others read the same storage."""
        with self.fleet(self.command) as fleet:
            fleet.start({"guarded"})
            opened, guarded = fleet.targets("open"), fleet.targets("guarded")
            self.assertEqual([target.server.port for target in opened], self.filled)
            self.assertEqual(
                [target.server.storage for target in opened], [target.server.storage for target in guarded]
            )
            self.assertEqual(4, len({target.server.port for target in (*opened, *guarded)}))
            self.assertNotEqual(opened[0].server.storage, opened[1].server.storage)
            self.assertIn("silly", (guarded[0].server.directory / "config.yml").read_text())

    def test_without_peer(self) -> None:
        """The peer may be left out."""
        with self.fleet(None) as fleet:
            fleet.start({"guarded"})
            self.assertEqual(["txregistry"], [target.server.name for target in fleet.targets("guarded")])
        self.assertEqual("no peer", fleet.peer_name)

    def test_ended(self) -> None:
        """At the end none runs and nothing of them is left, also where one was filled in vain."""

        def fail(port: int) -> Content:
            self.filled.append(port)
            raise BenchFailed("a wrong answer")

        with self.assertRaises(BenchFailed), self.fleet(None) as fleet:
            fleet.fill = fail
            fleet.start({"guarded"})
        self.assertRaises(ConnectionRefusedError, Connection.open, self.filled[0])
        self.assertEqual([], [*self.directory.glob("ours-*")])
