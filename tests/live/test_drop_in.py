"""
One storage tree, served by our daemon and by Debian's ``docker-registry`` in turn and together.

Whatever one has written the other serves; whatever upload one has begun the other finishes, without
reading again what is there already.
"""

from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.images import INDEX, MIB, Layout, digest_of, large_tar, layout_blobs, tagged_digest, tar_of
from tests.live.registries import Registry
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults
from tests.live.wire import Answer

HASH_STATE_SIZE = 108


class SharedTreeTests(LiveTestCase):
    """Both daemons run on one directory."""

    def setUp(self) -> None:
        """Start both daemons on the same storage."""
        self.work = self.directory()
        self.ours = self.registry(self.work / "storage")
        self.theirs = self.docker_registry(self.work / "storage")
        self.skopeo = Skopeo(self.short_directory())

    def test_images_pushed_in_turn(self) -> None:
        """Images pushed to one daemon are pulled from the other, to the byte, and each sees all the tags."""
        layout = Layout(self.work / "source")
        base = layout.layer(tar_of({"base": b"shared by all"}))
        for number, (here, there) in enumerate([(self.ours, self.theirs), (self.theirs, self.ours)] * 2):
            top = layout.layer(tar_of({"number": bytes([number])}))
            image = layout.image([base, top])
            source = layout.tag(f"v{number}", image.manifest)
            self.skopeo.copy(source, f"docker://{here.address}/turns:v{number}")
            pulled = self.work / f"pulled{number}"
            self.skopeo.copy(f"docker://{there.address}/turns:v{number}", f"oci:{pulled}:v{number}")
            self.assertEqual(tagged_digest(pulled), image.manifest.digest)
            self.assertIn(top.blob.digest, layout_blobs(pulled))
        for server in (self.ours, self.theirs):
            for number in range(4):
                answer = server.wire.request("GET", "/v2/turns/tags/list")
                self.assertIn(f'"v{number}"'.encode(), answer.body)
        self.assertEqual(tree_faults(self.ours.storage), [])

    def test_index_and_catalog(self) -> None:
        """A multi-platform index of either is served by the other, and both list both repositories."""
        layout = Layout(self.work / "source")
        children = [
            layout.image([layout.layer(tar_of({"arch": name.encode()}))], name) for name in ("amd64", "arm64")
        ]
        index = layout.index(children)
        source = layout.tag("v1", index)
        for name, here, there in (("by-us", self.ours, self.theirs), ("by-them", self.theirs, self.ours)):
            self.skopeo.copy(source, f"docker://{here.address}/{name}:v1", "--all")
            answer = there.wire.request("GET", f"/v2/{name}/manifests/v1", headers={"Accept": INDEX})
            self.assertEqual((answer.status, digest_of(answer.body)), (200, index.digest))
        for server in (self.ours, self.theirs):
            answer = server.wire.request("GET", "/v2/_catalog")
            self.assertEqual(answer.body.strip(), b'{"repositories":["by-them","by-us"]}')

    def test_same_files(self) -> None:
        """The same push leaves the same files with the same content, whichever daemon took it."""
        layout = Layout(self.work / "source")
        image = layout.image([layout.layer(tar_of({"hello": b"hello"})), layout.plain_layer([b""])])
        source = layout.tag("v1", image.manifest)
        self.skopeo.copy(source, f"docker://{self.ours.address}/one:v1", "--preserve-digests")
        self.skopeo.copy(source, f"docker://{self.theirs.address}/two:v1", "--preserve-digests")
        self.assertEqual(
            files_under(self.ours.repository_path("one")), files_under(self.theirs.repository_path("two"))
        )

    def test_deleted_by_the_other(self) -> None:
        """A manifest deleted through one daemon is no longer served by the other, by tag or by digest."""
        layout = Layout(self.work / "source")
        image = layout.image([layout.layer(tar_of({"hello": b"hello"}))])
        source = layout.tag("v1", image.manifest)
        accept = {"Accept": image.manifest.media_type}
        for name, here, there in (("one", self.ours, self.theirs), ("two", self.theirs, self.ours)):
            self.skopeo.copy(source, f"docker://{here.address}/{name}:v1")
            deleted = there.wire.request("DELETE", f"/v2/{name}/manifests/{image.manifest.digest}")
            self.assertEqual(deleted.status, 202)
            for reference in ("v1", image.manifest.digest):
                answer = here.wire.request("HEAD", f"/v2/{name}/manifests/{reference}", headers=accept)
                self.assertEqual(answer.status, 404, f"{name}: {reference}")


class SharedUploadTests(LiveTestCase):
    """An upload begun by one daemon and finished by the other."""

    split = 40 * MIB + 13
    """Where the second daemon takes over: not at the border of a block of SHA-256."""

    def setUp(self) -> None:
        """Start both daemons on the same storage, and make what will be uploaded."""
        self.data = b"".join(large_tar(48 * MIB))
        storage = self.directory() / "storage"
        self.ours = self.registry(storage)
        self.theirs = self.docker_registry(storage)

    def test_begun_by_us(self) -> None:
        """What we have begun, docker-registry finishes without reading it again."""
        self.hand_over(self.ours, self.theirs)

    def test_begun_by_docker_registry(self) -> None:
        """What docker-registry has begun, we finish without reading it again."""
        self.hand_over(self.theirs, self.ours)

    def test_back_and_forth(self) -> None:
        """An upload may pass from one to the other with each of its pieces."""
        pieces = [self.data[at : at + 7 * MIB + 1] for at in range(0, len(self.data), 7 * MIB + 1)]
        location = self.ours.wire.start_upload("shared")
        for number, piece in enumerate(pieces):
            server = (self.theirs, self.ours)[number % 2]
            location = self.accepted(server.wire.patch(location, piece)).location
        digest = digest_of(self.data)
        self.assertEqual(self.ours.wire.finish_upload(location, digest).status, 201)
        pulled = self.theirs.wire.request("GET", f"/v2/shared/blobs/{digest}")
        self.assertEqual(digest_of(pulled.body), digest)

    def test_hash_states_are_equal(self) -> None:
        """After the same bytes both have written the same state of the running digest, byte for byte."""
        states = []
        for server, name in ((self.ours, "ours"), (self.theirs, "theirs")):
            location = server.wire.start_upload(name)
            location = self.accepted(server.wire.patch(location, self.data[:1000])).location
            self.accepted(server.wire.patch(location, self.data[1000 : self.split]))
            states.append(self.hash_states(server, name))
        ours, theirs = states
        self.assertEqual([len(state) for state in theirs.values()], [HASH_STATE_SIZE] * len(theirs))
        self.assertEqual(ours[self.split], theirs[self.split])
        for offset, state in ours.items():
            self.assertEqual(state, theirs.get(offset), f"at offset {offset}")

    def hand_over(self, first: Registry, second: Registry) -> None:
        """Send the larger part to *first*, the rest and the closing PUT to *second*, and compare."""
        digest = digest_of(self.data)
        started = first.wire.start_upload("shared")
        location = self.accepted(first.wire.patch(started, self.data[: self.split])).location
        self.assertIn(self.split, self.hash_states(first, "shared"))
        before = second.program.bytes_read()
        rest = self.data[self.split :]
        location = self.accepted(second.wire.patch(location, rest)).location
        self.assertEqual(second.wire.finish_upload(location, digest).status, 201)
        self.assertLess(
            second.program.bytes_read() - before,
            len(rest) + 4 * MIB,
            "the first part was read from disk again",
        )
        for server in (first, second):
            pulled = server.wire.request("GET", f"/v2/shared/blobs/{digest}")
            self.assertEqual((pulled.status, digest_of(pulled.body)), (200, digest))
        self.assertEqual(list(first.repository_path("shared").glob("_uploads/*")), [])
        self.assertEqual(tree_faults(first.storage), [])

    def accepted(self, answer: Answer) -> Answer:
        """Check that a PATCH was taken."""
        self.assertEqual(answer.status, 202, answer)
        return answer

    def hash_states(self, server: Registry, name: str) -> dict[int, bytes]:
        """Give the stored states of the only upload of a repository, by their offsets."""
        [upload] = server.repository_path(name).glob("_uploads/*")
        return {int(path.name): path.read_bytes() for path in (upload / "hashstates" / "sha256").iterdir()}


def files_under(root: Path) -> dict[str, bytes]:
    """Give the content of every file below *root* by its path."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
