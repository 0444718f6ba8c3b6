"""
Two daemons, ours and Debian's ``docker-registry``, that take turns on one directory, or use it at once.

After each turn both are asked about everything that there should be, and about everything that there
should not be any more.
"""

import random
import threading
from collections.abc import Callable, Sequence

from tests.live.images import MANIFEST
from tests.live.processes import Program
from tests.live.registries import Registry
from tests.live.shared_tree import Players, SharedDirectoryCase, collect_garbage
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults

NAMES = ("app", "app/nested", "library/base", "z")
TAGS = ("latest", "v1", "v2", "v3")


class TurnsTests(SharedDirectoryCase):
    """One after the other."""

    def setUp(self) -> None:
        """Fill the repositories a little."""
        super().setUp()
        self.chance = random.Random(2)
        self.players = Players(self.sources, self.ledger, self.chance, self.short_directory())
        for number, name in enumerate(NAMES):
            make = (self.sources.index, self.sources.image)[number % 2]
            self.players.push((self.ours, self.theirs)[number // 2], name, TAGS[0], make())

    def test_turns(self) -> None:
        """Whatever one does the other has seen when it is its turn; the collector keeps what is needed."""
        for number, (act, what) in enumerate(self.turns()):
            here, there = self.pair(number)
            act(here)
            self.assert_no_faults(f"turn {number}, {what} through {here.program.name}")
            self.assertEqual(self.players.pull(there), [], f"after turn {number}")
            if number % 5 == 4:
                collect_garbage(self.storage, self.work)
                self.ledger.collected()
                self.assert_no_faults(f"the collection behind turn {number}")
        self.assertTrue(any(self.ledger.gone_blobs.values()), "the collector found nothing to do")
        self.assertEqual(self.dangling_only(tree_faults(self.storage)), [])

    def test_blob_deleted_and_pushed_again(self) -> None:
        """A blob that one deleted is gone for both; a push through the other repairs the image."""
        for number in range(4):
            here, there = self.pair(number)
            again = self.players.delete_blob(here)
            self.assert_no_faults(f"a deletion through {here.program.name}")
            self.players.push(there, *again)
            self.assert_no_faults(f"a push through {there.program.name}")

    def turns(self) -> Sequence[tuple[Callable[[Registry], object], str]]:
        """What is done in each turn; one half of it through either daemon."""
        players, sources = self.players, self.sources
        return [
            (lambda server: players.push(server, self.name(), self.tag(), sources.image()), "a push"),
            (lambda server: players.push(server, self.name(), self.tag(), sources.image()), "a push"),
            (lambda server: players.copy(server, self.name(), self.tag()), "a copy"),
            (lambda server: players.copy(server, self.name(), self.tag()), "a copy"),
            (lambda server: players.push(server, self.name(), self.tag(), sources.index()), "a push"),
            (lambda server: players.push(server, self.name(), self.tag(), sources.index()), "a push"),
            (players.delete, "a deletion"),
            (players.delete, "a deletion"),
            (players.untag, "an untagging"),
            (lambda server: players.copy(server, self.name(), self.tag()), "a copy"),
            (players.delete, "a deletion"),
            (players.delete, "a deletion"),
            (lambda server: players.push(server, NAMES[0], TAGS[0], sources.image()), "a push over a tag"),
            (lambda server: players.push(server, NAMES[0], TAGS[0], sources.image()), "a push over a tag"),
            (players.untag, "an untagging"),
        ]

    def pair(self, number: int) -> tuple[Registry, Registry]:
        """Who has the turn, and who looks on."""
        return (self.ours, self.theirs) if number % 2 == 0 else (self.theirs, self.ours)

    def name(self) -> str:
        """Any repository."""
        return self.chance.choice(NAMES)

    def tag(self) -> str:
        """Any tag."""
        return self.chance.choice(TAGS)

    def dangling_only(self, faults: Sequence[str]) -> list[str]:
        """Leave out the links that the collector leaves behind."""
        return [fault for fault in faults if not fault.endswith("which is not there")]


class AtOnceTests(SharedDirectoryCase):
    """Both at the same time."""

    def test_pushes_of_the_same(self) -> None:
        """Clients that push the same images through both, at once, all succeed, and leave one copy."""
        images = [self.sources.image(), self.sources.index(), self.sources.image()]
        clients: list[Program] = []
        for number, digest in enumerate(images):
            for server in (self.ours, self.theirs):
                skopeo = Skopeo(self.short_directory())
                target = f"docker://{server.address}/{NAMES[number]}:v1"
                clients.append(skopeo.start_copy(self.sources.name(digest), target, "--all"))
        for client in clients:
            self.addCleanup(client.kill)
        self.assertEqual([client.wait() for client in clients], [0] * len(clients))
        for number, digest in enumerate(images):
            self.ledger.pushed(NAMES[number], "v1", digest)
        self.assert_no_faults("pushes at once")
        self.assertEqual(tree_faults(self.storage), [])

    def test_tag_that_the_other_moves(self) -> None:
        """While docker-registry moves a tag, which it does in place, we always know where it points."""
        players = Players(self.sources, self.ledger, random.Random(1), self.short_directory())
        images = [self.sources.image(), self.sources.image()]
        for number, digest in enumerate(images):
            players.push(self.theirs, "moving", f"v{number}", digest)
        moved: list[int] = []
        path = "/v2/moving/manifests/latest"

        def move(first: int, last: int) -> None:
            for number in range(first, last):
                content = self.sources.content(images[number % 2])
                headers = {"Content-Type": MANIFEST}
                moved.append(self.theirs.wire.request("PUT", path, content, headers).status)

        move(0, 1)
        mover = threading.Thread(target=move, args=(1, 150))
        mover.start()
        found = set()
        while mover.is_alive():
            answer = self.ours.wire.request("HEAD", path, headers={"Accept": MANIFEST})
            found.add((answer.status, answer.headers["Docker-Content-Digest"]))
        mover.join()
        self.assertEqual(moved, [201] * 150)
        self.assertEqual(found, {(200, digest) for digest in images})
