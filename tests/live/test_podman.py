"""podman and buildah push what they have, and pull it again."""

import json

from tests.live.case import LiveTestCase
from tests.live.engines import Podman
from tests.live.images import EMPTY_TAR, INDEX, Layout, digest_of, docker_archive, tar_of
from tests.live.processes import as_root, run
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults

HELLO = tar_of({"hello": b"hello"})


class PodmanTests(LiveTestCase):
    """podman with a store of its own."""

    def setUp(self) -> None:
        """Give each test a registry, podman, and a layout to fill."""
        self.podman = Podman("podman", self.short_directory())
        self.layout = Layout(self.directory() / "source")
        self.server = self.registry()

    def test_push_and_pull(self) -> None:
        """An image pushed, removed and pulled has the same id, the same layers and the same digest."""
        saved = self.directory() / "saved.tar"
        identity = docker_archive(saved, "localhost/saved:v1", [HELLO, EMPTY_TAR])
        self.podman.say("load", "--quiet", "--input", str(saved))
        name = f"{self.server.address}/team/hello:v1"
        digestfile = self.directory() / "digest"
        self.podman.say(
            "push",
            "--tls-verify=false",
            f"--digestfile={digestfile}",
            "localhost/saved:v1",
            f"docker://{name}",
        )
        self.podman.say("rmi", "--all", "--force")
        self.assertEqual(self.podman.say("images", "--quiet"), "")
        self.podman.say("pull", "--quiet", "--tls-verify=false", name)
        self.assertEqual(f"sha256:{self.podman.image_id(name)}", identity)
        layers = self.podman.say("inspect", "--type=image", "--format={{.RootFS.Layers}}", name)
        self.assertEqual(layers, f"[{digest_of(HELLO)} {digest_of(EMPTY_TAR)}]")
        digest = self.podman.say("inspect", "--type=image", "--format={{.Digest}}", name)
        self.assertEqual(digest, digestfile.read_text())
        self.assertEqual(tree_faults(self.server.storage), [])

    def test_pull_from_index(self) -> None:
        """Of a multi-platform index pushed as a list, a pull takes the child for this machine."""
        children = [
            self.layout.image([self.layout.layer(tar_of({"arch": name.encode()}))], name)
            for name in ("amd64", "arm64")
        ]
        source = self.layout.tag("v1", self.layout.index(children))
        name = f"{self.server.address}/multi:v1"
        self.podman.say("manifest", "create", "--all", "multi", source)
        self.podman.say("manifest", "push", "--all", "--tls-verify=false", "multi", f"docker://{name}")
        answer = self.server.wire.request("GET", "/v2/multi/manifests/v1", headers={"Accept": INDEX})
        listed = [entry["digest"] for entry in json.loads(answer.body)["manifests"]]
        self.assertEqual(listed, [child.manifest.digest for child in children])
        for child in children:
            self.podman.say("pull", "--quiet", "--tls-verify=false", f"--arch={child.architecture}", name)
            seen = self.podman.say("inspect", "--type=image", "--format={{.Architecture}}", name)
            self.assertEqual(seen, child.architecture)

    def test_layer_of_no_bytes(self) -> None:
        """An image with a layer blob of zero bytes can be pulled into podman's store."""
        empty = self.layout.plain_layer([])
        image = self.layout.image([empty, self.layout.layer(HELLO)])
        name = f"{self.server.address}/empty:v1"
        source = self.layout.tag("v1", image.manifest)
        Skopeo(self.short_directory()).copy(source, f"docker://{name}", "--preserve-digests")
        self.podman.say("pull", "--quiet", "--tls-verify=false", name)
        digest = self.podman.say("inspect", "--type=image", "--format={{.Digest}}", name)
        self.assertEqual(digest, image.manifest.digest)


class BuildahTests(LiveTestCase):
    """buildah with a store of its own."""

    def test_build_push_and_pull(self) -> None:
        """An image built from nothing and pushed can be pulled with the same id and content."""
        buildah = Podman("buildah", self.short_directory())
        server = self.registry()
        context = self.directory()
        (context / "hello").write_bytes(b"hello from a build\n")
        (context / "Containerfile").write_text("FROM scratch\nCOPY hello /hello\nLABEL made=here\n")
        identity = buildah.say("build", "--quiet", "--tag=localhost/built", str(context))
        name = f"{server.address}/built:v1"
        buildah.say("push", "--tls-verify=false", "localhost/built", f"docker://{name}")
        buildah.say("rmi", "--all", "--force")
        self.assertEqual(buildah.say("images", "--quiet"), "")
        self.assertEqual(buildah.say("pull", "--quiet", "--tls-verify=false", f"docker://{name}"), identity)
        container = buildah.say("from", "--pull-never", name)
        mounted = buildah.say("mount", container)
        self.assertEqual(run(as_root(["cat", f"{mounted}/hello"])), "hello from a build\n")
        self.assertEqual(tree_faults(server.storage), [])
