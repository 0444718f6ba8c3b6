"""Tests for what a whole push leaves on disk, byte for byte, and for what others left there."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.repositories import image, index, push_blob
from tests.fakes.workers import InlineWorkers
from tests.storage.making import done, make_repository
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.model.digest import Digest
from txregistry.model.names import Tag

BASE = "docker/registry/v2"
HERE = f"{BASE}/repositories/library/hello"
CONFIG, LAYER = b"{}", b"a layer" * 10_000


class TreeTests(SynchronousTestCase):
    """The files and directories of a registry with one repository."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.here = make_repository(FilesystemDriver(str(self.root), InlineWorkers()))

    def files(self) -> dict[str, bytes]:
        """Every file below the root."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
        }

    def directories(self) -> set[str]:
        """Every directory below the root that has nothing in it."""
        return {
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.is_dir() and not any(path.iterdir())
        }

    def test_image(self) -> None:
        """An image of a config and a layer, pushed with a tag, is these files and no others."""
        config, layer = done(push_blob(self.here, CONFIG)), done(push_blob(self.here, LAYER))
        manifest = image(config, [layer])
        done(self.here.manifests.put(manifest, [Tag("v1")]))
        expected = {}
        for digest, content in (
            (config.digest, CONFIG),
            (layer.digest, LAYER),
            (manifest.digest, manifest.payload),
        ):
            hex = digest.encoded
            expected[f"{BASE}/blobs/sha256/{hex[:2]}/{hex}/data"] = content
        for digest in (config.digest, layer.digest):
            expected[f"{HERE}/_layers/sha256/{digest.encoded}/link"] = b"sha256:" + digest.encoded.encode()
        hex, link = manifest.digest.encoded, b"sha256:" + manifest.digest.encoded.encode()
        expected[f"{HERE}/_manifests/revisions/sha256/{hex}/link"] = link
        expected[f"{HERE}/_manifests/tags/v1/current/link"] = link
        expected[f"{HERE}/_manifests/tags/v1/index/sha256/{hex}/link"] = link
        self.assertEqual(self.files(), expected)
        self.assertEqual(self.directories(), {f"{HERE}/_uploads"})

    def test_sha512(self) -> None:
        """What is pushed by sha512 is stored and linked by sha512."""
        config = done(push_blob(self.here, CONFIG, "sha512"))
        manifest = image(config, [], "sha512")
        done(self.here.manifests.put(manifest, [Tag("v1")]))
        blob, hex = Digest.of(CONFIG, "sha512").encoded, manifest.digest.encoded
        link = f"sha512:{hex}".encode()
        self.assertEqual(
            self.files(),
            {
                f"{BASE}/blobs/sha512/{blob[:2]}/{blob}/data": CONFIG,
                f"{BASE}/blobs/sha512/{hex[:2]}/{hex}/data": manifest.payload,
                f"{HERE}/_layers/sha512/{blob}/link": f"sha512:{blob}".encode(),
                f"{HERE}/_manifests/revisions/sha512/{hex}/link": link,
                f"{HERE}/_manifests/tags/v1/current/link": link,
                f"{HERE}/_manifests/tags/v1/index/sha512/{hex}/link": link,
            },
        )

    def test_empty_blob(self) -> None:
        """The empty blob is a file without content."""
        done(push_blob(self.here, b""))
        hex = Digest.of(b"").encoded
        self.assertEqual(self.files()[f"{BASE}/blobs/sha256/{hex[:2]}/{hex}/data"], b"")
        self.assertEqual(self.directories(), {f"{HERE}/_uploads"})

    def test_after_deletion(self) -> None:
        """Deleting leaves content, other links, and the directories of the deleted links."""
        config = done(push_blob(self.here, CONFIG))
        child = image(config, [])
        done(self.here.manifests.put(child))
        parent = index(child)
        done(self.here.manifests.put(parent, [Tag("v1")]))
        before = self.files()
        done(self.here.tags.untag(Tag("v1")))
        done(self.here.manifests.delete(parent.digest))
        done(self.here.blobs.delete(config.digest))
        revisions = f"{HERE}/_manifests/revisions/sha256"
        gone = before.keys() - self.files().keys()
        self.assertEqual(
            gone,
            {
                f"{HERE}/_manifests/tags/v1/current/link",
                f"{HERE}/_manifests/tags/v1/index/sha256/{parent.digest.encoded}/link",
                f"{revisions}/{parent.digest.encoded}/link",
                f"{HERE}/_layers/sha256/{config.digest.encoded}/link",
            },
        )
        self.assertEqual(
            self.directories(),
            {
                f"{HERE}/_uploads",
                f"{HERE}/_manifests/tags",
                f"{revisions}/{parent.digest.encoded}",
                f"{HERE}/_layers/sha256/{config.digest.encoded}",
            },
        )
