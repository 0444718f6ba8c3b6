"""skopeo copies images in and out, and asks about them."""

import json
import re
import socket
import ssl

from tests.live.case import LiveTestCase
from tests.live.images import (
    EMPTY_DIGEST,
    EMPTY_TAR,
    INDEX,
    MANIFEST,
    Layout,
    file_digest,
    layout_blobs,
    tagged_digest,
    tar_of,
)
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults

SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"


class SkopeoTests(LiveTestCase):
    """Copies from a layout into the registry and back."""

    def setUp(self) -> None:
        """Give each test a registry, skopeo, and a layout to fill."""
        self.skopeo = Skopeo(self.short_directory())
        self.work = self.directory()
        self.layout = Layout(self.work / "source")
        self.server = self.registry()

    def at(self, name: str) -> str:
        """Name an image in the registry as skopeo does."""
        return f"docker://{self.server.address}/{name}"

    def test_round_trip(self) -> None:
        """An image pushed and pulled again has the same manifest, configuration and layers, to the byte."""
        layers = [
            self.layout.layer(tar_of({"hello": b"hello"})),
            self.layout.layer(tar_of({"a/b": b"x" * 9999})),
        ]
        image = self.layout.image(layers)
        source = self.layout.tag("v1", image.manifest)
        self.skopeo.copy(source, self.at("library/hello:v1"))
        self.skopeo.copy(self.at("library/hello:v1"), f"oci:{self.work}/pulled:v1")
        self.assertEqual(tagged_digest(self.work / "pulled"), image.manifest.digest)
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(self.layout.root))
        self.assertEqual(tree_faults(self.server.storage), [])

    def test_pull_to_directory_by_digest(self) -> None:
        """A pull by digest into a plain directory gives exactly the bytes that were pushed."""
        layer = self.layout.layer(tar_of({"hello": b"hello"}))
        image = self.layout.image([layer])
        self.skopeo.copy(self.layout.tag("v1", image.manifest), self.at("hello:v1"))
        self.skopeo.copy(self.at(f"hello@{image.manifest.digest}"), f"dir:{self.work}/plain")
        plain = self.work / "plain"
        self.assertEqual(file_digest(plain / "manifest.json"), image.manifest.digest)
        name = layer.blob.digest.removeprefix("sha256:")
        self.assertEqual((plain / name).read_bytes(), self.layout.blob(layer.blob.digest).read_bytes())

    def test_docker_schema2(self) -> None:
        """An image pushed as docker schema 2 is given back with that type and the same bytes."""
        image = self.layout.image([self.layout.layer(tar_of({"hello": b"hello"}))])
        self.skopeo.copy(self.layout.tag("v1", image.manifest), self.at("hello:v2s2"), "--format=v2s2")
        raw = self.skopeo.say("inspect", "--raw", self.at("hello:v2s2"))
        self.assertEqual(json.loads(raw)["mediaType"], SCHEMA2)
        answer = self.server.wire.request("GET", "/v2/hello/manifests/v2s2", headers={"Accept": SCHEMA2})
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, SCHEMA2))
        self.skopeo.copy(self.at("hello:v2s2"), f"dir:{self.work}/plain")
        self.assertEqual((self.work / "plain" / "manifest.json").read_bytes(), raw.encode())

    def test_inspect_and_list_tags(self) -> None:
        """skopeo sees the digest of an image and every tag of its repository."""
        image = self.layout.image([self.layout.layer(tar_of({"hello": b"hello"}))])
        source = self.layout.tag("v1", image.manifest)
        for tag in ("v1", "v2", "latest"):
            self.skopeo.copy(source, self.at(f"hello:{tag}"))
        seen = json.loads(self.skopeo.say("inspect", self.at("hello:v2")))
        self.assertEqual(seen["Digest"], image.manifest.digest)
        self.assertEqual(sorted(seen["RepoTags"]), ["latest", "v1", "v2"])
        tags = json.loads(self.skopeo.say("list-tags", self.at("hello")))
        self.assertEqual(sorted(tags["Tags"]), ["latest", "v1", "v2"])

    def test_delete(self) -> None:
        """After a delete the image is gone under each of its tags, and another image stays."""
        doomed = self.layout.image([self.layout.layer(tar_of({"hello": b"hello"}))])
        kept = self.layout.image([self.layout.layer(tar_of({"bye": b"bye"}))])
        for name, image in (("doomed", doomed), ("again", doomed), ("kept", kept)):
            self.skopeo.copy(self.layout.tag(name, image.manifest), self.at(f"hello:{name}"))
        self.skopeo.say("delete", self.at("hello:doomed"))
        statuses = {
            name: self.server.wire.request(
                "HEAD", f"/v2/hello/manifests/{name}", headers={"Accept": MANIFEST}
            ).status
            for name in ("doomed", "again", doomed.manifest.digest, "kept")
        }
        self.assertEqual(list(statuses.values()), [404, 404, 404, 200], statuses)

    def test_index_of_two_platforms(self) -> None:
        """A multi-platform index travels with all its children, both ways, to the byte."""
        images = [
            self.layout.image([self.layout.layer(tar_of({"arch": name.encode()}))], name)
            for name in ("amd64", "arm64")
        ]
        index = self.layout.index(images)
        self.skopeo.copy(self.layout.tag("v1", index), self.at("multi:v1"), "--all")
        answer = self.server.wire.request("GET", "/v2/multi/manifests/v1", headers={"Accept": INDEX})
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, INDEX))
        self.assertEqual(answer.body, self.layout.blob(index.digest).read_bytes())
        self.skopeo.copy(self.at("multi:v1"), f"oci:{self.work}/pulled:v1", "--all")
        self.assertEqual(tagged_digest(self.work / "pulled"), index.digest)
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(self.layout.root))

    def test_copy_between_repositories_mounts(self) -> None:
        """A copy within the registry mounts the layers in place of sending them again."""
        layers = [self.layout.layer(tar_of({"hello": b"hello"})), self.layout.layer(tar_of({"bye": b"bye"}))]
        images = [
            self.layout.image([layer], name) for layer, name in zip(layers, ("amd64", "arm64"), strict=True)
        ]
        index = self.layout.index(images)
        self.skopeo.copy(self.layout.tag("v1", index), self.at("from/here:v1"), "--all")
        self.skopeo.copy(self.at("from/here:v1"), self.at("to/there:v1"), "--all")
        answer = self.server.wire.request("GET", "/v2/to/there/manifests/v1", headers={"Accept": INDEX})
        self.assertEqual(answer.body, self.layout.blob(index.digest).read_bytes())
        mounted = re.compile(r'"POST /v2/to/there/blobs/uploads/\?\S*mount=sha256\S* HTTP/1\.1" 201 ')
        self.server.program.wait_until(
            lambda: len(mounted.findall(self.server.program.stdout.read_text())) >= len(layers),
            "writing an access line with 201 for each mounted layer",
        )
        self.assertEqual(tree_faults(self.server.storage), [])

    def test_layer_of_no_bytes(self) -> None:
        """A layer blob of zero bytes is stored, served and pulled like any other."""
        image = self.layout.image(
            [self.layout.plain_layer([]), self.layout.layer(tar_of({"hello": b"hello"}))]
        )
        source = self.layout.tag("v1", image.manifest)
        self.skopeo.copy(source, self.at("empty:v1"), "--preserve-digests")
        answer = self.server.wire.request("GET", f"/v2/empty/blobs/{EMPTY_DIGEST}")
        self.assertEqual((answer.status, answer.headers["Content-Length"], answer.body), (200, "0", b""))
        self.skopeo.copy(self.at("empty:v1"), f"oci:{self.work}/pulled:v1", "--preserve-digests")
        self.assertEqual(tagged_digest(self.work / "pulled"), image.manifest.digest)
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(self.layout.root))

    def test_empty_archive(self) -> None:
        """Layers that are archives without a member arrive whole, compressed and plain."""
        image = self.layout.image([self.layout.layer(EMPTY_TAR), self.layout.plain_layer([EMPTY_TAR])])
        source = self.layout.tag("v1", image.manifest)
        self.skopeo.copy(source, self.at("empty:v1"), "--preserve-digests")
        self.skopeo.copy(self.at("empty:v1"), f"oci:{self.work}/pulled:v1", "--preserve-digests")
        self.assertEqual(tagged_digest(self.work / "pulled"), image.manifest.digest)
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(self.layout.root))

    def test_tls_on_the_plain_port(self) -> None:
        """
        A TLS greeting is answered in plain HTTP, and at once.

        skopeo, podman and buildah try TLS first when they are told not to verify it, and go on without it
        when they see such an answer.
        """
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=5) as connection:
            connection.sendall(tls_greeting())
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1."))


def tls_greeting() -> bytes:
    """Give the first bytes that a TLS client sends."""
    sent = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()
    raise AssertionError("a TLS handshake ended without a server")
