"""A layer of one GiB goes in and out whole, and the daemon's memory does not grow with it."""

from tests.live.case import LiveTestCase
from tests.live.images import MIB, Layout, file_digest, large_tar
from tests.live.skopeo import Skopeo

SIZE = 1024 * MIB
MOST_MEMORY = 150 * MIB


class LargeLayerTests(LiveTestCase):
    """One image with one large layer."""

    def test_push_and_pull(self) -> None:
        """The layer's bytes come back unchanged, and both ways together need less than 150 MiB of memory."""
        work = self.directory()
        self.assert_free_space(work, 4 * SIZE)
        layout = Layout(work / "source")
        layer = layout.plain_layer(large_tar(SIZE))
        source = layout.tag("v1", layout.image([layer]).manifest)
        server = self.registry()
        skopeo = Skopeo(self.short_directory())
        name = f"docker://{server.address}/large:v1"
        skopeo.copy(source, name, "--preserve-digests", seconds=180)
        self.assertEqual(file_digest(server.blob_path(layer.blob.digest)), layer.blob.digest)
        skopeo.copy(name, f"dir:{work}/pulled", "--preserve-digests", seconds=180)
        pulled = work / "pulled" / layer.blob.digest.removeprefix("sha256:")
        self.assertEqual(file_digest(pulled), layer.blob.digest)
        self.assertLess(server.program.peak_memory(), MOST_MEMORY)
