"""A push whose client goes away in the middle can be repeated, or gone on with."""

from tests.live.case import LiveTestCase
from tests.live.images import MIB, Layout, digest_of, file_digest, large_tar
from tests.live.registries import Registry
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults
from tests.live.wire import Answer

SIZE = 512 * MIB


class KilledClientTests(LiveTestCase):
    """skopeo is killed while it sends a large layer."""

    def test_push_again(self) -> None:
        """Nothing of the broken push is visible; the push repeated ends well, and its layer is whole."""
        work = self.directory()
        self.assert_free_space(work, 4 * SIZE)
        layout = Layout(work / "source")
        layer = layout.plain_layer(large_tar(SIZE))
        source = layout.tag("v1", layout.image([layer]).manifest)
        server = self.registry()
        skopeo = Skopeo(self.short_directory())
        name = f"docker://{server.address}/large:v1"

        pushing = skopeo.start_copy(source, name, "--preserve-digests")
        self.addCleanup(pushing.kill)
        pushing.wait_until(lambda: server.uploaded_bytes("large") > 8 * MIB, "in the middle of its upload")
        pushing.kill()
        blob = f"/v2/large/blobs/{layer.blob.digest}"
        self.assertEqual(server.wire.request("HEAD", blob).status, 404)
        self.assertFalse(server.blob_path(layer.blob.digest).exists())

        skopeo.copy(source, name, "--preserve-digests", seconds=120)
        skopeo.copy(name, f"dir:{work}/pulled", "--preserve-digests", seconds=120)
        pulled = work / "pulled" / layer.blob.digest.removeprefix("sha256:")
        self.assertEqual(file_digest(pulled), layer.blob.digest)
        self.assertEqual(tree_faults(server.storage), [])


class ResumedUploadTests(LiveTestCase):
    """A client loses its connection in the middle of a PATCH, asks how far it came, and goes on."""

    def setUp(self) -> None:
        """Make what will be uploaded."""
        self.data = b"".join(large_tar(4 * MIB))

    def test_content_length(self) -> None:
        """A PATCH of known length cut in the middle is gone on with from where the registry says."""
        self.resume(announced=len(self.data))

    def test_chunked_coding(self) -> None:
        """A PATCH in the chunked coding cut within a chunk is gone on with from where the registry says."""
        self.resume(announced=None)

    def test_repeated(self) -> None:
        """A client that asks nothing and sends everything again, by the address that it has, gets through."""
        server = self.registry()
        digest = digest_of(self.data)
        location = server.wire.start_upload("repeated")
        for part in (2, 3):
            server.wire.patch_and_hang_up(location, self.data[: len(self.data) // part], len(self.data))
        answers: list[Answer] = []

        def patched() -> bool:
            answers.append(server.wire.patch(location, self.data))
            return answers[-1].status == 202

        server.program.wait_until(patched, "taking the upload again")
        self.assertEqual(answers[-1].received, len(self.data))
        other = self.data[:-1] + b"?"
        self.assertEqual(server.wire.patch(location, other).status, 416)
        for _ in range(2):
            self.assertEqual(server.wire.finish_upload(location, digest, self.data).status, 201)
        pulled = server.wire.request("GET", f"/v2/repeated/blobs/{digest}")
        self.assertEqual((pulled.status, digest_of(pulled.body)), (200, digest))
        self.assertEqual(tree_faults(server.storage), [])

    def resume(self, announced: int | None) -> None:
        """Cut a PATCH after half of the data, go on with what is missing, and compare the blob."""
        server = self.registry()
        digest = digest_of(self.data)
        location = server.wire.start_upload("resumed")
        server.wire.patch_and_hang_up(location, self.data[: len(self.data) // 2], announced)
        answer, offset = self.send_rest(server, location)
        self.assertGreater(offset, 0, "nothing of the cut PATCH was kept")
        self.assertEqual((answer.status, answer.received), (202, len(self.data)))
        self.assertEqual(server.wire.finish_upload(answer.location, digest).status, 201)
        pulled = server.wire.request("GET", f"/v2/resumed/blobs/{digest}")
        self.assertEqual((pulled.status, digest_of(pulled.body)), (200, digest))
        self.assertEqual(tree_faults(server.storage), [])

    def send_rest(self, server: Registry, location: str) -> tuple[Answer, int]:
        """
        Ask for the upload's status and send the rest, as often as the registry is still storing the cut part.

        :return: the answer to the PATCH that fitted, and where it began.
        """
        answers: list[tuple[Answer, int]] = []

        def fitted() -> bool:
            status = server.wire.request("GET", location)
            self.assertEqual(status.status, 204, status)
            if status.received == 0:
                return False
            answers.append(
                (server.wire.patch(status.location, self.data[status.received :]), status.received)
            )
            return answers[-1][0].status == 202

        server.program.wait_until(fitted, "taking the rest of the upload")
        return answers[-1]
