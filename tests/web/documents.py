"""Manifests of every kind over a few small blobs, for clients that push at random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from attrs import field, frozen

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

CONTENTS = (b"", b"{}", b"x", b"a layer", b"another layer " * 100)


@frozen
class Document:
    """
    A manifest that can be pushed.

    :ivar references: the digests that it needs, each with whether a manifest will do.
    :ivar listed_type: its type in a list of referrers.
    :ivar for_amd64: its first child for linux on amd64.
    """

    media_type: str
    payload: bytes = field(repr=False)
    references: tuple[tuple[str, bool], ...] = field(repr=False)
    subject: str | None = None
    listed_type: str | None = None
    annotations: Mapping[str, str] = field(factory=dict, repr=False)
    for_amd64: str | None = None

    def digest(self, algorithm: str = "sha256") -> str:
        """The digest of the payload."""
        return _digest(self.payload, algorithm)


def image(
    config: bytes = b"{}",
    *layers: bytes,
    media_type: str = OCI_MANIFEST,
    stated: bool = True,
    algorithm: str = "sha256",
    about: str | None = None,
    kind: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Document:
    """An image of blobs that are named by *algorithm*; its payload may be silent on its media type."""
    root = {
        "schemaVersion": 2,
        **({"mediaType": media_type} if stated else {}),
        **({"artifactType": kind} if kind else {}),
        "config": _descriptor(CONFIG, _digest(config, algorithm), len(config)),
        "layers": [_descriptor(LAYER, _digest(layer, algorithm), len(layer)) for layer in layers],
    }
    references = tuple((_digest(each, algorithm), False) for each in (config, *layers))
    return _about(root, media_type, references, about, kind or CONFIG, annotations)


def index(
    *children: Document,
    media_type: str = OCI_INDEX,
    architectures: Sequence[str] = (),
    about: str | None = None,
    kind: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Document:
    """A list of *children*, for these *architectures*."""
    entries = [_descriptor(each.media_type, each.digest(), len(each.payload)) for each in children]
    for entry, architecture in zip(entries, architectures, strict=False):
        entry["platform"] = {"architecture": architecture, "os": "linux"}
    root = {
        "schemaVersion": 2,
        "mediaType": media_type,
        **({"artifactType": kind} if kind else {}),
        "manifests": entries,
    }
    fitting = [
        child.digest()
        for child, architecture in zip(children, architectures, strict=False)
        if architecture == "amd64"
    ]
    references = tuple((each.digest(), True) for each in children)
    return _about(root, media_type, references, about, kind, annotations, *fitting[:1])


def fallback_tag(subject: str) -> str:
    """The tag under which clients keep what refers to *subject* where a registry cannot list it."""
    algorithm, encoded = subject.split(":")
    return f"{algorithm}-{encoded[:64]}"


def _about(
    root: dict[str, object],
    media_type: str,
    references: tuple[tuple[str, bool], ...],
    about: str | None,
    listed_type: str | None,
    annotations: Mapping[str, str] | None,
    for_amd64: str | None = None,
) -> Document:
    if about is not None:
        root["subject"] = _descriptor(OCI_MANIFEST, about, 7)
    if annotations is not None:
        root["annotations"] = dict(annotations)
    payload = json.dumps(root).encode()
    return Document(media_type, payload, references, about, listed_type, annotations or {}, for_amd64)


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _digest(content: bytes, algorithm: str) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


APP = image(b"{}", b"a layer")
DOCKER_APP = image(b"{}", b"a layer", b"another layer " * 100, media_type=DOCKER_MANIFEST)
UNPUSHED = f"sha256:{'5' * 64}"
SIGNATURE, BILL = "application/x-signature", "application/x-bill"
SIGNED = image(b"{}", b"x", about=APP.digest(), kind=SIGNATURE, annotations={"by": "<me>"})
LISTED = index(about=APP.digest())
DOCUMENTS = (
    APP,
    DOCKER_APP,
    SIGNED,
    LISTED,
    image(b"x", stated=False),
    image(b"{}", b"x", b"x", algorithm="sha512"),
    image(b"", b"", about=APP.digest()),
    index(about=APP.digest(), kind=BILL),
    index(SIGNED, about=APP.digest(), kind=SIGNATURE),
    image(b"{}", about=APP.digest("sha512"), kind=SIGNATURE),
    index(about=UNPUSHED, annotations={"of": "what nobody has"}),
    index(APP, DOCKER_APP, architectures=["arm64", "amd64"]),
    index(DOCKER_APP, APP, media_type=DOCKER_LIST, architectures=["arm64", "amd64"]),
    index(DOCKER_APP, media_type=DOCKER_LIST),
    index(SIGNED, LISTED, APP),
)
#: Digests whose referrers are worth asking for.
SUBJECTS = (APP.digest(), APP.digest("sha512"), UNPUSHED, SIGNED.digest())
