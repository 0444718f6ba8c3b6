"""containerd's ctr pushes images from its content store, and pulls them into an empty one.

A layer of zero bytes is missing here: containerd 1.6 refuses to fetch one and breaks while pushing one.
"""

from tests.live.case import LiveTestCase
from tests.live.engines import Containerd
from tests.live.images import EMPTY_TAR, Layout, layout_blobs, tar_of
from tests.live.tree import tree_faults


class ContainerdTests(LiveTestCase):
    """One containerd, and the life of images between it and the registry."""

    def setUp(self) -> None:
        """Give each test a registry, a containerd, and a layout to fill."""
        self.server = self.registry()
        self.containerd = Containerd(self.short_directory())
        self.addCleanup(self.containerd.program.terminate)
        self.containerd.wait_ready()
        self.work = self.directory()
        self.layout = Layout(self.work / "source")

    def load(self) -> None:
        """Bring the layout into containerd, as images called ``local:TAG``."""
        self.layout.archive(self.work / "source.tar")
        self.containerd.say(
            "images",
            "import",
            "--no-unpack",
            "--all-platforms",
            "--base-name=local",
            str(self.work / "source.tar"),
        )

    def forget(self) -> None:
        """Remove every image and all content from containerd."""
        names = self.containerd.say("images", "ls", "--quiet").split()
        self.containerd.say("images", "rm", "--sync", *names)
        self.assertEqual(self.containerd.content(), set())

    def test_push_and_pull(self) -> None:
        """An image pushed and pulled into an emptied store is the same content, an empty layer included."""
        image = self.layout.image(
            [self.layout.layer(tar_of({"hello": b"hello"})), self.layout.layer(EMPTY_TAR)]
        )
        self.layout.tag("v1", image.manifest)
        self.load()
        name = f"{self.server.address}/team/hello:v1"
        self.containerd.say("images", "push", "--plain-http", name, "local:v1")
        self.forget()
        self.containerd.say("images", "pull", "--plain-http", "--snapshotter=native", name)
        self.assertEqual(self.containerd.content(), layout_blobs(self.layout.root))
        self.assertEqual(tree_faults(self.server.storage), [])

    def test_index_of_two_platforms(self) -> None:
        """A multi-platform index travels with all its children, both ways."""
        images = [
            self.layout.image([self.layout.layer(tar_of({"arch": name.encode()}))], name)
            for name in ("amd64", "arm64")
        ]
        self.layout.tag("v1", self.layout.index(images))
        self.load()
        name = f"{self.server.address}/multi:v1"
        self.containerd.say("images", "push", "--plain-http", name, "local:v1")
        self.forget()
        self.containerd.say("content", "fetch", "--plain-http", "--all-platforms", name)
        self.assertEqual(self.containerd.content(), layout_blobs(self.layout.root))
