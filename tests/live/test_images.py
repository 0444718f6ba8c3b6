"""The images that the live tests push are well made, and always the same."""

import io
import json
import tarfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.live.images import MIB, Layout, docker_archive, large_tar, layout_blobs, tagged_digest, tar_of


class ImageTests(SynchronousTestCase):
    """Layouts, archives and large layers."""

    def test_layouts_are_equal(self) -> None:
        """The same layers make the same image each time."""
        layouts = [Layout(Path(self.mktemp())) for _ in range(2)]
        for layout in layouts:
            image = layout.image([layout.layer(tar_of({"a": b"a"})), layout.plain_layer(large_tar(MIB))])
            layout.tag("v1", layout.index([image]))
        first, second = layouts
        self.assertEqual(layout_blobs(first.root), layout_blobs(second.root))
        self.assertEqual(tagged_digest(first.root), tagged_digest(second.root))

    def test_wrong_content_is_noticed(self) -> None:
        """A blob whose content is not what its name says is no part of a layout."""
        layout = Layout(Path(self.mktemp()))
        layer = layout.plain_layer([b"content"])
        layout.blob(layer.blob.digest).write_bytes(b"other")
        self.assertRaises(AssertionError, layout_blobs, layout.root)

    def test_large_tar(self) -> None:
        """A large layer is a tar archive with one file of the size asked for, and no two blocks are equal."""
        data = b"".join(large_tar(3 * MIB))
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            [member] = archive.getmembers()
        self.assertEqual(member.size, 3 * MIB)
        self.assertEqual(len({data[at : at + MIB] for at in range(512, 3 * MIB, MIB)}), 3)

    def test_docker_archive(self) -> None:
        """The archive for docker load names its configuration, and each layer that is in it."""
        path = Path(self.mktemp())
        identity = docker_archive(path, "name:v1", [tar_of({"a": b"a"}), tar_of({"b": b"b"})])
        with tarfile.open(path) as archive:
            manifest = archive.extractfile("manifest.json")
            assert manifest is not None
            [image] = json.load(manifest)
            self.assertLess({image["Config"], *image["Layers"]}, set(archive.getnames()))
        self.assertEqual(image["Config"], identity.removeprefix("sha256:") + ".json")
        self.assertEqual(image["RepoTags"], ["name:v1"])
