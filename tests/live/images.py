"""
Small images made from nothing, the same bytes each time, without a network.

An image is written as an OCI layout directory, which every client of these tests can read, or as the
archive that ``docker load`` takes.
"""

import gzip
import hashlib
import io
import json
import os
import platform
import random
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar"
TAR_GZIP = TAR + "+gzip"

EMPTY_TAR = bytes(1024)
"""A tar archive without a member: two blocks of zeros."""

EMPTY_DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The digest of no bytes at all."""

MIB = 1 << 20


def native_architecture() -> str:
    """Name this machine as images do, so that docker and podman take the right child of an index."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def digest_of(data: bytes) -> str:
    """Give the sha256 digest of *data* as it is written in descriptors."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """Give the sha256 digest of a file's content."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: object) -> bytes:
    """Write *value* as JSON, always the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """Make a tar archive of *files* with no trace of time or user."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def gzipped(data: bytes) -> bytes:
    """Compress *data* with no trace of time."""
    return gzip.compress(data, mtime=0)


def large_tar(size: int, seed: int = 0) -> Iterator[bytes]:
    """
    Make a tar archive with one file of *size* bytes that no compressor can shrink, piece by piece.

    :param size: a whole number of MiB.
    :param seed: another seed gives another archive.
    """
    member = tarfile.TarInfo("large")
    member.size = size
    yield member.tobuf(tarfile.GNU_FORMAT)
    block = random.Random(seed).randbytes(MIB - 8)
    for number in range(size // MIB):
        yield number.to_bytes(8, "big") + block
    yield EMPTY_TAR


@frozen
class Stored:
    """What a descriptor says of a blob that a layout holds."""

    media_type: str
    digest: str
    size: int

    def descriptor(self) -> dict[str, object]:
        """Give the descriptor as a JSON object."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@frozen
class Layer:
    """A layer in a layout: the blob, and the digest of its uncompressed archive."""

    blob: Stored
    diff_id: str


@frozen
class Image:
    """An image in a layout: its manifest and what it is made for."""

    manifest: Stored
    architecture: str


class Layout:
    """
    An OCI layout directory being written.

    :param root: the directory; it is made, and must not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        self._tagged: list[dict[str, object]] = []
        (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def layer(self, archive: bytes) -> Layer:
        """Add a layer compressed with gzip."""
        return Layer(self._store(TAR_GZIP, [gzipped(archive)]), digest_of(archive))

    def plain_layer(self, archive: Iterable[bytes]) -> Layer:
        """Add an uncompressed layer, which may be far larger than memory."""
        blob = self._store(TAR, archive)
        return Layer(blob, blob.digest)

    def image(self, layers: Sequence[Layer], architecture: str | None = None) -> Image:
        """Add the configuration and the manifest of an image of *layers*, for this machine by default."""
        architecture = architecture or native_architecture()
        config = {
            "architecture": architecture,
            "os": "linux",
            "created": "2024-01-01T00:00:00Z",
            "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "test"} for _ in layers],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._store(CONFIG, [canonical_json(config)]).descriptor(),
            "layers": [layer.blob.descriptor() for layer in layers],
        }
        return Image(self._store(MANIFEST, [canonical_json(manifest)]), architecture)

    def index(self, images: Sequence[Image]) -> Stored:
        """Add an index over *images*."""
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {
                    **image.manifest.descriptor(),
                    "platform": {"architecture": image.architecture, "os": "linux"},
                }
                for image in images
            ],
        }
        return self._store(INDEX, [canonical_json(index)])

    def tag(self, name: str, manifest: Stored) -> str:
        """
        Give *manifest* a name within the layout.

        :return: how skopeo, podman and buildah call it.
        """
        reference = {"org.opencontainers.image.ref.name": name}
        self._tagged.append({**manifest.descriptor(), "annotations": reference})
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self._tagged}
        (self.root / "index.json").write_bytes(canonical_json(index))
        return f"oci:{self.root}:{name}"

    def blob(self, digest: str) -> Path:
        """Give the path of a blob."""
        return self._blobs / digest.removeprefix("sha256:")

    def archive(self, path: Path) -> None:
        """Write the layout as one tar file, as ``ctr images import`` takes it."""
        with tarfile.open(path, "w") as archive:
            for entry in ("oci-layout", "index.json", "blobs"):
                archive.add(self.root / entry, entry)

    def _store(self, media_type: str, chunks: Iterable[bytes]) -> Stored:
        digest = hashlib.sha256()
        size = 0
        part = self.root / "part"
        with part.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                size += file.write(chunk)
        os.replace(part, self._blobs / digest.hexdigest())
        return Stored(media_type, "sha256:" + digest.hexdigest(), size)


def layout_blobs(root: Path) -> set[str]:
    """
    Give the digests of the blobs that an OCI layout directory holds.

    :raises AssertionError: a blob's content does not have the digest that its name says.
    """
    digests = set()
    for path in (root / "blobs" / "sha256").iterdir():
        digest = "sha256:" + path.name
        if file_digest(path) != digest:
            raise AssertionError(f"the content of {path} is not what its name says")
        digests.add(digest)
    return digests


def tagged_digest(root: Path) -> str:
    """Give the digest of the one manifest that an OCI layout's ``index.json`` names."""
    [entry] = json.loads((root / "index.json").read_bytes())["manifests"]
    digest = entry["digest"]
    if not isinstance(digest, str):
        raise AssertionError(f"no digest in {root}/index.json")
    return digest


def docker_archive(path: Path, name: str, archives: Sequence[bytes]) -> str:
    """
    Write the archive of an image as ``docker save`` would.

    :param name: the name, with a tag, that ``docker load`` gives the image.
    :param archives: its layers, as uncompressed tar archives.
    :return: the image's id, which is the digest of its configuration.
    """
    config = canonical_json(
        {
            "architecture": native_architecture(),
            "os": "linux",
            "created": "2024-01-01T00:00:00Z",
            "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive) for archive in archives]},
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "test"} for _ in archives],
        }
    )
    config_name = digest_of(config).removeprefix("sha256:") + ".json"
    layer_names = [f"{number}/layer.tar" for number in range(len(archives))]
    listing = [{"Config": config_name, "RepoTags": [name], "Layers": layer_names}]
    content = {
        config_name: config,
        **dict(zip(layer_names, archives, strict=True)),
        "manifest.json": canonical_json(listing),
    }
    path.write_bytes(tar_of(content))
    return digest_of(config)
