"""Storage trees written file by file, with questions that clients may ask about what is in them."""

import hashlib
import os
from pathlib import Path

from attrs import frozen

from tests.live.images import CONFIG, MANIFEST, TAR_GZIP, canonical_json, gzipped, tar_of
from tests.live.registries import LAYOUT

LAYER = gzipped(tar_of({"a": b"a layer that all images have"}))
FOREIGN = (
    *("README", ".DS_Store", "Thumbs.db", "x.tmp", "a b", "é"),
    "link.00000000-0000-0000-0000-000000000001.tmp",
)
"""Names of files that people, their editors and their file managers leave, and our own after a crash."""


@frozen
class Question:
    """A request that changes nothing, and what it is about."""

    what: str
    path: str
    method: str = "GET"


def named(content: bytes, algorithm: str = "sha256") -> str:
    """Give the digest of some content."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


class WrittenTree:
    """
    A tree that is written file by file.

    :ivar questions: what to ask about all that was written.
    :ivar images: the digests of the images, by repository and tag.
    """

    def __init__(self, storage: Path) -> None:
        self.storage = storage
        self.layout = storage / LAYOUT
        self.repositories = self.layout / "repositories"
        self._made = 0
        self.questions: list[Question] = []
        self.images: dict[tuple[str, str], str] = {}

    def blob(self, content: bytes, algorithm: str = "sha256") -> str:
        """Store a blob, and give its digest."""
        digest = named(content, algorithm)
        write(self.data(digest), content)
        return digest

    def data(self, digest: str) -> Path:
        """Say where a blob is."""
        algorithm, encoded = digest.split(":")
        return self.layout / "blobs" / algorithm / encoded[:2] / encoded / "data"

    def layer(self, name: str, digest: str) -> Path:
        """Link a blob."""
        return write(self.repositories / name / "_layers" / parts(digest) / "link", digest)

    def revision(self, name: str, digest: str) -> Path:
        """Link a manifest."""
        revisions = self.repositories / name / "_manifests" / "revisions"
        return write(revisions / parts(digest) / "link", digest)

    def tag(self, name: str, tag: str, digest: str, *, index: bool = True) -> Path:
        """Point a tag to a manifest."""
        place = self.repositories / name / "_manifests" / "tags" / tag
        if index:
            write(place / "index" / parts(digest) / "link", digest)
        return write(place / "current" / "link", digest)

    def image(self, name: str, tag: str = "v1") -> str:
        """Store an image that is unlike all others, whole, and give its digest."""
        self._made += 1
        config = canonical_json({"architecture": "amd64", "os": "linux", "number": self._made})
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": self.blob(config), "size": len(config)},
            "layers": [{"mediaType": TAR_GZIP, "digest": self.blob(LAYER), "size": len(LAYER)}],
        }
        for digest in (named(config), named(LAYER)):
            self.layer(name, digest)
        digest = self.revised(name, canonical_json(manifest))
        self.tag(name, tag, digest)
        self.images[name, tag] = digest
        return digest

    def foreign(self, *directories: Path) -> None:
        """Leave foreign files and directories, one of them with a name that is no text."""
        for directory in directories:
            for name in FOREIGN:
                write(directory / name, b"foreign")
            (directory / "lost+found").mkdir(parents=True, exist_ok=True)
            os.makedirs(os.fsencode(directory) + b"/\xff\xfe", exist_ok=True)

    def ask(self, what: str, path: str, method: str = "GET") -> None:
        """Have a question asked, later."""
        self.questions.append(Question(what, f"/v2/{path}", method))

    def ask_all(self, what: str, name: str, digest: str) -> None:
        """Have everything asked about the image ``v1`` that is whole, or should look so."""
        self.ask(f"tags: {what}", f"{name}/tags/list")
        self.ask(f"GET tag: {what}", f"{name}/manifests/v1")
        self.ask(f"HEAD tag: {what}", f"{name}/manifests/v1", "HEAD")
        self.ask(f"GET manifest: {what}", f"{name}/manifests/{digest}")
        self.ask(f"GET layer: {what}", f"{name}/blobs/{named(LAYER)}")

    def revised(self, name: str, content: bytes) -> str:
        digest = self.blob(content)
        self.revision(name, digest)
        return digest


def write(path: Path, content: bytes | str) -> Path:
    """Write a file, and the directories that it lies in; give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parts(digest: str) -> Path:
    """Give the end of a path that holds a digest."""
    return Path(*digest.split(":"))
