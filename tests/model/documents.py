"""Manifests as the tests write them down."""

from __future__ import annotations

from typing import Any

from txregistry.model.digest import Digest
from txregistry.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

CONFIG, LAYER, CHILD = (Digest.of(content) for content in (b"config", b"layer", b"child"))
IMAGES, INDEXES = (DOCKER_MANIFEST, OCI_MANIFEST), (DOCKER_LIST, OCI_INDEX)
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


def descriptor(digest: Digest | str, media_type: str = "application/x", **more: Any) -> dict[str, Any]:
    """A descriptor as JSON has it."""
    return {"mediaType": media_type, "digest": str(digest), "size": 7, **more}


def body(media_type: str, **more: Any) -> dict[str, Any]:
    """A document of *media_type* with what it must have, and *more* or other members."""
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type}
    if media_type in IMAGES:
        document["config"] = descriptor(CONFIG, "application/config")
        document["layers"] = [descriptor(LAYER)]
    else:
        document["manifests"] = [descriptor(CHILD)]
    document.update(more)
    return {name: value for name, value in document.items() if value is not ...}
