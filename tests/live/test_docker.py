"""docker, with a daemon of its own, pushes images and pulls them again."""

import json
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.engines import Docker
from tests.live.images import EMPTY_TAR, Layout, digest_of, docker_archive, tar_of
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults


class DockerTests(LiveTestCase):
    """One dockerd, and the life of images between it and the registry."""

    def setUp(self) -> None:
        """Give each test a registry and a Docker daemon."""
        self.server = self.registry()
        self.docker = Docker(self.short_directory())
        self.addCleanup(self.docker.program.terminate)
        self.docker.wait_ready()

    def test_push_and_pull(self) -> None:
        """An image loaded, pushed, removed and pulled is the same image, an empty layer included."""
        archives = [tar_of({"hello": b"hello"}), EMPTY_TAR, tar_of({"more": bytes(3 << 20)})]
        name = f"{self.server.address}/team/hello:v1"
        saved = self.directory() / "saved.tar"
        identity = docker_archive(saved, name, archives)
        self.docker.say("load", "--quiet", "--input", str(saved))
        self.assertEqual(self.docker.image_id(name), identity)
        pushed = self.docker.say("push", name)
        self.docker.say("rmi", "--force", identity)
        self.assertEqual(self.docker.say("images", "--quiet", "--all"), "")
        self.docker.say("pull", "--quiet", name)
        self.assertEqual(self.docker.image_id(name), identity)
        layers = json.loads(self.docker.say("inspect", "--format={{json .RootFS.Layers}}", name))
        self.assertEqual(layers, [digest_of(archive) for archive in archives])
        [digest] = json.loads(self.docker.say("inspect", "--format={{json .RepoDigests}}", name))
        self.assertIn(digest.rpartition("@")[2], pushed)
        self.assertEqual(tree_faults(self.server.storage), [])

    def test_second_repository_and_index(self) -> None:
        """A push to another repository mounts what is there; a pull takes its own child of an index."""
        first, second = f"{self.server.address}/first:v1", f"{self.server.address}/second:v1"
        saved = self.directory() / "saved.tar"
        identity = docker_archive(saved, first, [tar_of({"hello": b"hello"})])
        self.docker.say("load", "--quiet", "--input", str(saved))
        self.docker.say("push", first)
        self.docker.say("tag", first, second)
        self.assertIn("Mounted from first", self.docker.say("push", second))
        self.docker.say("rmi", "--force", identity)
        self.docker.say("pull", "--quiet", second)
        self.assertEqual(self.docker.image_id(second), identity)

        multi = self._push_index(self.directory() / "source")
        self.docker.say("pull", "--quiet", multi)
        seen = self.docker.say("inspect", "--format={{.Architecture}}", multi)
        self.docker.say("pull", "--quiet", "--platform=linux/riscv64", multi)
        other = self.docker.say("inspect", "--format={{.Architecture}}", multi)
        self.assertNotEqual(seen, "riscv64")
        self.assertEqual(other, "riscv64")

    def _push_index(self, root: Path) -> str:
        layout = Layout(root)
        native = layout.image([layout.layer(tar_of({"arch": b"native"}))])
        other = layout.image([layout.layer(tar_of({"arch": b"riscv64"}))], "riscv64")
        name = f"{self.server.address}/multi:v1"
        source = layout.tag("v1", layout.index([native, other]))
        Skopeo(self.short_directory()).copy(source, f"docker://{name}", "--all")
        return name
