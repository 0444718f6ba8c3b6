"""The daemon is killed in the middle of pushes; what its storage holds afterwards is whole."""

from tests.live.case import LiveTestCase
from tests.live.images import MIB, Layout, large_tar, layout_blobs, tagged_digest, tar_of
from tests.live.registries import Registry
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults

SIZE = 256 * MIB


class KilledDaemonTests(LiveTestCase):
    """SIGKILL, a restart on the same storage, and the same push again."""

    def setUp(self) -> None:
        """Give each test storage that outlives its daemons, and an image with a large and small layers."""
        self.work = self.directory()
        self.assert_free_space(self.work, 6 * SIZE)
        self.storage = self.work / "storage"
        self.skopeo = Skopeo(self.short_directory())
        self.layout = Layout(self.work / "source")
        small = [self.layout.layer(tar_of({"name": bytes([number])})) for number in range(10)]
        large = self.layout.plain_layer(large_tar(SIZE))
        self.image = self.layout.image([*small[:5], large, *small[5:]])
        self.source = self.layout.tag("v1", self.image.manifest)

    def test_push_again(self) -> None:
        """Killed early, in the middle and late in a push, the restarted daemon takes it and gives it back."""
        server = self.registry(self.storage)
        for sent in (1, SIZE // 2, SIZE - 64 * MIB):
            self.kill_during_push(server, sent)
            self.assertEqual(tree_faults(self.storage), [])
            server = self.registry(self.storage, port=server.port)
        self.push_and_compare(server)

    def test_keeps_what_was_stored(self) -> None:
        """An image stored before is served after the daemon was killed while it took another."""
        other = Layout(self.work / "other")
        stored = other.image([other.layer(tar_of({"stored": b"before"}))])
        server = self.registry(self.storage)
        self.skopeo.copy(other.tag("v1", stored.manifest), f"docker://{server.address}/whole:stored")
        self.kill_during_push(server, 32 * MIB)
        server = self.registry(self.storage, port=server.port)
        self.skopeo.copy(f"docker://{server.address}/whole:stored", f"oci:{self.work}/stored:v1")
        self.assertEqual(layout_blobs(self.work / "stored"), layout_blobs(other.root))
        answer = server.wire.request("GET", "/v2/whole/tags/list")
        self.assertIn(b'"tags":["stored"]', answer.body)

    def kill_during_push(self, server: Registry, sent: int) -> None:
        """Push, and kill the daemon when the upload in work has brought *sent* bytes."""
        before = server.uploaded_bytes("whole")
        pushing = self.skopeo.start_copy(self.source, self.name(server), "--preserve-digests")
        self.addCleanup(pushing.kill)
        pushing.wait_until(lambda: server.uploaded_bytes("whole") - before >= sent, f"{sent} bytes on")
        server.program.kill()
        self.assertNotEqual(pushing.wait(), 0, "the push was over before the daemon was killed")

    def push_and_compare(self, server: Registry) -> None:
        """Push the image once more, pull it, and compare every byte."""
        self.skopeo.copy(self.source, self.name(server), "--preserve-digests", seconds=120)
        pulled = self.work / "pulled"
        self.skopeo.copy(self.name(server), f"oci:{pulled}:v1", "--preserve-digests", seconds=120)
        self.assertEqual(tagged_digest(pulled), self.image.manifest.digest)
        self.assertEqual(layout_blobs(pulled), layout_blobs(self.layout.root))
        self.assertEqual(tree_faults(self.storage), [])

    def name(self, server: Registry) -> str:
        """Name the image in the registry as skopeo does."""
        return f"docker://{server.address}/whole:v1"
