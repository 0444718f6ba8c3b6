"""The blobs and manifests that the scripts push, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from tests.live.images import canonical_json, gzipped, tar_of

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"

#: The largest manifest that is taken.
LIMIT = 4 * 1024 * 1024

ABSENT = hashlib.sha256(b"nobody ever stores this").hexdigest()

#: By name, what can be the body of a step; its digest is the variable of the same name.
CONTENT: dict[str, bytes] = {
    "alpha": b"the blob alpha, 26 bytes.\n",
    "beta": random.Random(2).randbytes(1000),
    "gamma": random.Random(3).randbytes(150_000),
    "one": b"1",
    "empty": b"",
    "braces": b"{}",
    "layer": gzipped(tar_of({"hello": b"hello"})),
    "config": canonical_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2024-01-01T00:00:00Z",
            "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "1" * 64]},
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "test"}],
        }
    ),
}


def digest(data: bytes, algorithm: str = "sha256") -> str:
    """Give a digest as it stands in descriptors and addresses."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def descriptor(media_type: str, content: str, **more: Any) -> dict[str, Any]:
    """Describe one of :data:`CONTENT`; *more* goes over what is true."""
    data = CONTENT[content]
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


def image(media_type: str | None, layers: Any = None, **more: Any) -> bytes:
    """Write an image manifest; *more* goes over what a good one has, ``None`` takes a member away."""
    docker = media_type == DOCKER
    if layers is None:
        layers = [descriptor(DOCKER_LAYER if docker else OCI_LAYER, "layer")]
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, "config"),
        "layers": layers,
        **more,
    }
    return _written(document)


def index(media_type: str | None, *children: dict[str, Any], **more: Any) -> bytes:
    """Write a manifest list or an index in the same way."""
    return _written({"schemaVersion": 2, "mediaType": media_type, "manifests": list(children), **more})


def child(media_type: str, content: str, architecture: str = "", **more: Any) -> dict[str, Any]:
    """Describe a child of an index."""
    if architecture:
        more["platform"] = {"architecture": architecture, "os": "linux"}
    return descriptor(media_type, content, **more)


def _written(document: dict[str, Any]) -> bytes:
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


_ABSENT_LAYER = {"mediaType": OCI_LAYER, "digest": f"sha256:{ABSENT}", "size": 7}

CONTENT |= {
    "m.docker": image(DOCKER),
    "m.oci": image(OCI),
    "m.bare": image(None),
    "m.index-empty": index(OCI_INDEX),
}
CONTENT |= {
    "m.other": image(OCI, annotations={"which": "another"}),
    "m.list": index(DOCKER_LIST, child(DOCKER, "m.docker", "amd64"), child(DOCKER, "m.docker", "arm64")),
    "m.list-arm": index(DOCKER_LIST, child(DOCKER, "m.docker", "arm64")),
    "m.index": index(OCI_INDEX, child(OCI, "m.oci", "amd64")),
    "m.index-bare": index(None, child(OCI, "m.oci", "amd64")),
    "m.nested": index(OCI_INDEX, child(OCI_INDEX, "m.index-empty")),
    "m.artifact": image(
        OCI,
        [descriptor("text/plain", "alpha")],
        config=descriptor("application/vnd.example.thing", "braces"),
        artifactType="application/vnd.example.thing",
    ),
    "m.subject": image(OCI, subject=descriptor(OCI, "m.oci")),
    "m.subject-absent": image(OCI, subject={"mediaType": OCI, "digest": f"sha256:{ABSENT}", "size": 3}),
    "m.no-layers": image(OCI, []),
    "m.zstd": image(OCI, [descriptor("application/vnd.oci.image.layer.v1.tar+zstd", "layer")]),
    "m.wrong-size": image(OCI, [descriptor(OCI_LAYER, "layer", size=1)]),
    "m.no-size": image(OCI, [{"mediaType": OCI_LAYER, "digest": digest(CONTENT["layer"])}]),
    "m.unknown-members": image(OCI, extra={"a": [1, None, "<&>"]}),
    "m.spaced": b"\n \t" + image(OCI, annotations={"which": "spaced"}) + b"\n\n",
    "m.same-twice": image(OCI, [descriptor(OCI_LAYER, "layer"), descriptor(OCI_LAYER, "layer")]),
    "m.plugin": image(DOCKER, config=descriptor("application/vnd.docker.plugin.v1+json", "config")),
    "m.unclassed": image(DOCKER, config=descriptor("application/vnd.example.thing", "config")),
    "m.escaped": image(OCI, annotations={"text": '<"&\u2028\u00e9\U0001f600'}),
}

#: By what is wrong with it, the media type and the bytes of a manifest that is refused.
BAD_MANIFESTS: dict[str, tuple[str, bytes]] = {
    "no body": (OCI, b""),
    "words": (OCI, b"words"),
    "null": (OCI, b"null"),
    "a list": (OCI, b"[]"),
    "a number": (OCI, b"2"),
    "a string": (OCI, b'"x"'),
    "an empty object": (OCI, b"{}"),
    "half an object": (OCI, b'{"schemaVersion":2,'),
    "two objects": (OCI, image(OCI) + b"{}"),
    "a trailing comma": (OCI, b'{"schemaVersion":2,}'),
    "schema 0": (OCI, image(OCI, schemaVersion=0)),
    "schema 1": (OCI, image(OCI, schemaVersion=1)),
    "schema 3": (OCI, image(OCI, schemaVersion=3)),
    "schema as text": (OCI, image(OCI, schemaVersion="2")),
    "schema 2.5": (OCI, image(OCI, schemaVersion=2.5)),
    "schema missing": (OCI, image(OCI, schemaVersion=None)),
    "docker without mediaType": (DOCKER, image(None)),
    "docker as oci": (OCI, image(DOCKER)),
    "oci as docker": (DOCKER, image(OCI)),
    "index as oci": (OCI, index(OCI_INDEX)),
    "oci as index": (OCI_INDEX, image(OCI)),
    "list without mediaType": (DOCKER_LIST, index(None)),
    "index as list": (DOCKER_LIST, index(OCI_INDEX)),
    "list as index": (OCI_INDEX, index(DOCKER_LIST)),
    "mediaType in capitals": (OCI, image(OCI.upper())),
    "mediaType a number": (OCI, image(OCI, mediaType=7)),
    "layers no list": (OCI, image(OCI, layers={"a": 1})),
    "layers of texts": (OCI, image(OCI, layers=["a"])),
    "layer of null": (OCI, image(OCI, layers=[None])),
    "config a text": (OCI, image(OCI, config="x")),
    "config missing": (OCI, image(OCI, config=None)),
    "size as text": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", size="7")])),
    "size a fraction": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", size=7.5)])),
    "size negative": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", size=-1)])),
    "size too large": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", size=1 << 63)])),
    "layer absent": (OCI, image(OCI, [_ABSENT_LAYER])),
    "two layers absent": (OCI, image(OCI, [_ABSENT_LAYER, _ABSENT_LAYER | {"digest": "sha256:" + "0" * 64}])),
    "config absent": (OCI, image(OCI, config=_ABSENT_LAYER | {"mediaType": OCI_CONFIG})),
    "docker layer absent": (DOCKER, image(DOCKER, [_ABSENT_LAYER | {"mediaType": DOCKER_LAYER}])),
    "layer digest empty": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", digest="")])),
    "layer digest words": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", digest="words")])),
    "layer digest short": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", digest="sha256:abc")])),
    "layer digest md5": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", digest="md5:" + "0" * 32)])),
    "layer digest in capitals": (
        OCI,
        image(OCI, [descriptor(OCI_LAYER, "layer", digest="sha256:" + "A" * 64)]),
    ),
    "layer digest missing": (OCI, image(OCI, [{"mediaType": OCI_LAYER, "size": 7}])),
    "layer digest a number": (OCI, image(OCI, [descriptor(OCI_LAYER, "layer", digest=7)])),
    "child absent": (OCI_INDEX, index(OCI_INDEX, _ABSENT_LAYER | {"mediaType": OCI})),
    "child of list absent": (DOCKER_LIST, index(DOCKER_LIST, _ABSENT_LAYER | {"mediaType": DOCKER})),
    "child digest empty": (OCI_INDEX, index(OCI_INDEX, child(OCI, "m.oci", digest=""))),
    "child digest short": (OCI_INDEX, index(OCI_INDEX, child(OCI, "m.oci", digest="sha256:abc"))),
    "manifests no list": (OCI_INDEX, index(OCI_INDEX, manifests={"a": 1})),
    "manifests of texts": (OCI_INDEX, index(OCI_INDEX, manifests=["a"])),
    "child a blob": (OCI_INDEX, index(OCI_INDEX, descriptor(OCI_LAYER, "layer"))),
    "oci with manifests": (OCI, image(OCI, manifests=[])),
    "index with layers": (OCI_INDEX, index(OCI_INDEX, layers=[])),
    "index with config": (OCI_INDEX, index(OCI_INDEX, config={})),
    "docker with manifests": (DOCKER, image(DOCKER, manifests=[])),
    "list with layers": (DOCKER_LIST, index(DOCKER_LIST, layers=[])),
    "a key twice": (OCI, image(OCI)[:-1] + b',"schemaVersion":2}'),
    "a key in other case": (OCI, image(OCI)[:-1] + b',"SchemaVersion":2}'),
    "only in other case": (OCI, image(OCI).replace(b"schemaVersion", b"SchemaVersion")),
    "annotations no table": (OCI, image(OCI, annotations=[1])),
    "annotations of numbers": (OCI, image(OCI, annotations={"a": 1})),
    "subject a text": (OCI, image(OCI, subject="x")),
    "subject digest short": (OCI, image(OCI, subject={"mediaType": OCI, "digest": "sha256:ab", "size": 3})),
    "not utf-8": (OCI, image(OCI, annotations={"a": "XX"}).replace(b"XX", b"\xff\xfe")),
    "a BOM": (OCI, b"\xef\xbb\xbf" + image(OCI)),
    "NaN": (OCI, image(OCI).replace(b'"schemaVersion": 2', b'"schemaVersion": NaN')),
    "foreign with url": (
        DOCKER,
        image(DOCKER, [descriptor(DOCKER_FOREIGN, "gamma", urls=["https://example.com/layer"])]),
    ),
    "foreign with ftp": (
        DOCKER,
        image(DOCKER, [descriptor(DOCKER_FOREIGN, "gamma", urls=["ftp://example.com/layer"])]),
    ),
    "foreign without url": (DOCKER, image(DOCKER, [descriptor(DOCKER_FOREIGN, "layer")])),
    "foreign absent without url": (DOCKER, image(DOCKER, [descriptor(DOCKER_FOREIGN, "gamma")])),
    "non-distributable with url": (
        OCI,
        image(OCI, [descriptor(OCI_FOREIGN, "gamma", urls=["https://example.com/layer"])]),
    ),
    "non-distributable without url": (OCI, image(OCI, [descriptor(OCI_FOREIGN, "layer")])),
    "layer with url": (
        OCI,
        image(OCI, [descriptor(OCI_LAYER, "layer", urls=["https://example.com/layer"])]),
    ),
    "absent layer with url": (
        OCI,
        image(OCI, [_ABSENT_LAYER | {"urls": ["https://example.com/layer"]}]),
    ),
    "largest": (OCI, image(OCI) + b" " * (LIMIT - len(image(OCI)))),
    "too large": (OCI, image(OCI) + b" " * (LIMIT - len(image(OCI)) + 1)),
}

CONTENT |= {f"bad.{name}": data for name, (_, data) in BAD_MANIFESTS.items()}


def variables() -> dict[str, str]:
    """What every script can name: the digests of all content, and some that are wrong."""
    found = {name: digest(data) for name, data in CONTENT.items()}
    for name in ("alpha", "beta", "m.oci"):
        for algorithm in ("sha384", "sha512"):
            found[f"{name}.{algorithm}"] = digest(CONTENT[name], algorithm)
    hexadecimal = found["alpha"].removeprefix("sha256:")
    return found | {
        "absent": f"sha256:{ABSENT}",
        "absent512": digest(b"nobody ever stores this", "sha512"),
        "short": "sha256:abc",
        "long": f"sha256:{ABSENT}00",
        "capitals": f"sha256:{hexadecimal.upper()}",
        "capital-name": f"SHA256:{hexadecimal}",
        "md5": "md5:" + "0" * 32,
        "unknown": f"blake3:{ABSENT}",
        "no-hex": "sha256:" + "g" * 64,
        "plain": hexadecimal,
        "encoded": f"sha256%3A{hexadecimal}",
    }
