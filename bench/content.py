"""What both servers hold while they are measured: an image with a few layers, and many tags."""

import hashlib
import json
import os
from collections.abc import Iterable

from attrs import frozen

from bench.errors import BenchFailed
from bench.wire import Connection, with_digest

__all__ = ["ACCEPT", "APP", "MANIFEST_TYPE", "Content", "seed"]

APP = "bench/app"
"""The repository that is read."""

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"

ACCEPT = {
    "Accept": ", ".join(
        [
            MANIFEST_TYPE,
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.index.v1+json",
        ]
    )
}
"""Without this header 2.8 converts a manifest to its ancient form, which is another workload."""

_CONFIG = 200
_MEDIUM = 1024 * 1024
_LARGE = 256 * 1024 * 1024
_TAGS = 301


@frozen
class Content:
    """The digests of what was stored, and how long its answers are."""

    manifest: str
    manifest_size: int
    tag: str
    config: str
    config_size: int
    medium: str
    medium_size: int
    large: str
    large_size: int
    tags_size: int

    def digests(self) -> set[str]:
        """Every blob in storage, the manifest included."""
        return {self.manifest, self.config, self.medium, self.large}


def seed(port: int) -> Content:
    """
    Push the content to the registry at *port*.

    :raises BenchFailed: an answer was wrong.
    """
    with Connection.open(port) as link:
        config = _push(link, [os.urandom(_CONFIG)])
        medium = _push(link, [os.urandom(_MEDIUM)])
        large = _push(link, [os.urandom(_MEDIUM)] * (_LARGE // _MEDIUM))
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": _descriptor("application/vnd.docker.container.image.v1+json", config, _CONFIG),
                "layers": [
                    _descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", medium, _MEDIUM),
                    _descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", large, _LARGE),
                ],
            }
        ).encode()
        tags = [f"v{number:03}" for number in range(_TAGS)]
        for tag in tags:
            put = link.request("PUT", f"/v2/{APP}/manifests/{tag}", {"Content-Type": MANIFEST_TYPE}, manifest)
            put.expect(201, "manifest PUT")
        listed = link.request("GET", f"/v2/{APP}/tags/list").expect(200, "tags list")
        if sorted(json.loads(listed.body)["tags"]) != tags:
            raise BenchFailed(f"the tags list is not what was pushed: {listed.body[:200]!r}")
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        got = link.request("GET", f"/v2/{APP}/manifests/{tags[150]}", ACCEPT).expect(200, "manifest GET")
        if got.body != manifest or got.header("docker-content-digest") != digest:
            raise BenchFailed("a manifest came back changed")
    return Content(
        manifest=digest,
        manifest_size=len(manifest),
        tag=tags[150],
        config=config,
        config_size=_CONFIG,
        medium=medium,
        medium_size=_MEDIUM,
        large=large,
        large_size=_LARGE,
        tags_size=len(listed.body),
    )


def _push(link: Connection, pieces: Iterable[bytes]) -> str:
    pieces = list(pieces)
    running = hashlib.sha256()
    for piece in pieces:
        running.update(piece)
    digest = f"sha256:{running.hexdigest()}"
    location = link.request("POST", f"/v2/{APP}/blobs/uploads/").expect(202, "upload POST").header("location")
    headers = {"Content-Length": str(sum(map(len, pieces)))}
    link.request("PUT", with_digest(location, digest), headers, slices=pieces).expect(201, "blob PUT")
    return digest


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "size": size, "digest": digest}
