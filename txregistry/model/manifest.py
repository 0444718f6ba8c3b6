"""
Manifests: from bytes and a media type to what they refer to.

A manifest's bytes are its identity and are never rewritten.  What is read
out of them here decides what must exist before it is stored, what garbage
collection keeps, and what it is served as.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from txregistry.model.digest import CANONICAL, Digest, InvalidDigest
from txregistry.model.document import InvalidDocument, Members, known, read_document

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"

#: Layers that may stay where their URLs say instead of being pushed.
NON_DISTRIBUTABLE = frozenset(
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    )
)

#: Layers whose URLs must be such that clients can follow them.
_WITH_URLS = NON_DISTRIBUTABLE | {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
}

#: How the media types of docker's schema 1 begin, and what is said to whoever pushes or pulls it.
_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+"
_NO_SCHEMA1 = "schema 1 manifests are not supported"

#: What may follow the type in a ``Content-Type`` (RFC 9110, 5.6.6).
_PARAMETERS = re.compile(
    r"""(?:\s*;\s*[^\s;=,"]+\s*=\s*(?:[^\s;=,"]+|"(?:[^"\\]|\\.)*"))*\s*(?:;\s*)?""", re.ASCII
)

#: How many references a pushed manifest may have.
REFERENCE_LIMIT = 10_000


class InvalidManifest(ValueError):
    """The bytes are no manifest that can be served; *reason* says why, in words fit for a client."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidReferenceDigest(InvalidManifest):
    """A descriptor inside the manifest has the unusable digest *text*."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(reason)
        self.text = text


class Kind(Enum):
    """The part that referenced content plays in a manifest."""

    CONFIG = "config"
    LAYER = "layer"
    CHILD = "child"


@frozen(slots=True)
class Platform:
    """The machine that a child of an index is for; empty strings where nothing is said."""

    architecture: str
    os: str
    variant: str = ""


@frozen(slots=True)
class Reference:
    """A descriptor inside a manifest.  *size* and *media_type* are claims that nobody verified."""

    media_type: str
    digest: Digest
    size: int
    urls: tuple[str, ...]
    kind: Kind
    platform: Platform | None = None

    @property
    def external(self) -> bool:
        """Whether clients may fetch this from its URLs, so that the registry need not hold it."""
        return self.kind is Kind.LAYER and bool(self.urls) and self.media_type in NON_DISTRIBUTABLE


@frozen(eq=False, slots=True)
class Manifest:
    """
    A manifest, read.

    :ivar payload: its bytes exactly as they were pushed.
    :ivar references: config first, then layers; or the children; in the
        document's order, repetitions included.
    :ivar subject: the manifest that this one says something about (OCI only).
    :ivar artifact_type: its own ``artifactType``, if it states one (OCI only).
    :ivar config_media_type: the media type of the config, for image manifests.
    :ivar annotations: its own annotations (OCI only).
    """

    media_type: str
    payload: bytes = field(repr=False)
    digest: Digest
    references: tuple[Reference, ...] = field(repr=False)
    subject: Digest | None = None
    artifact_type: str | None = None
    config_media_type: str | None = None
    annotations: Mapping[str, str] = field(factory=dict, repr=False)


def required(manifest: Manifest) -> tuple[Reference, ...]:
    """
    The references that the repository must hold before it may store *manifest*.

    Configs and layers must be there as blobs, children as manifests or as
    blobs (BuildKit's cache indexes list layers).  A subject need not exist,
    and embedded ``data`` replaces nothing.
    """
    return tuple(reference for reference in manifest.references if not reference.external)


@frozen(slots=True)
class _Type:
    """
    What the rules say of one media type.

    :ivar image: it has a config and layers; otherwise it has children.
    :ivar stated: the body must state the media type; otherwise it may.
    :ivar oci: subject, artifactType and annotations have a meaning.
    :ivar mismatch: the complaint about another media type in the body.
    :ivar ambiguous: the complaint about members of the opposite kind.
    """

    image: bool
    stated: bool
    oci: bool
    mismatch: str
    ambiguous: str


_TYPES: dict[str, _Type] = {
    DOCKER_MANIFEST: _Type(
        image=True,
        stated=True,
        oci=False,
        mismatch="mediaType in manifest should be '{}' not '{}'",
        ambiguous="schema2: expected manifest but found manifest list",
    ),
    DOCKER_LIST: _Type(
        image=False,
        stated=True,
        oci=False,
        mismatch="mediaType in manifest list should be '{}' not '{}'",
        ambiguous="manifestlist: expected manifest list but found manifest",
    ),
    OCI_MANIFEST: _Type(
        image=True,
        stated=False,
        oci=True,
        mismatch="if present, mediaType in manifest should be '{}' not '{}'",
        ambiguous="ocimanifest: expected manifest but found index",
    ),
    OCI_INDEX: _Type(
        image=False,
        stated=False,
        oci=True,
        mismatch="if present, mediaType in image index should be '{}' not '{}'",
        ambiguous="index: expected index but found manifest",
    ),
}

#: The media types of manifests that can be pushed and served.
MEDIA_TYPES = tuple(_TYPES)

_ROOT = known(
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "subject",
    "artifactType",
    "annotations",
)
_DESCRIPTOR = known(
    "mediaType",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "platform",
    "artifactType",
)
_PLATFORM = known("architecture", "os", "os.version", "os.features", "variant", "features")


def parse_manifest(content_type: str, payload: bytes, algorithm: str = CANONICAL) -> Manifest:
    """
    Read a manifest that is being pushed.

    :param content_type: the request's ``Content-Type``, which alone decides the type.
    :param algorithm: the algorithm of the digest that the client uses.
    :raises InvalidReferenceDigest: a descriptor's digest is unusable.
    :raises InvalidManifest: it breaks another rule.  No other error is raised.
    """
    stated_type, parameters, rest = content_type.partition(";")
    if not _PARAMETERS.fullmatch(parameters + rest):
        raise InvalidManifest("mime: invalid media parameter")
    media_type = stated_type.strip().lower()
    rules = _TYPES.get(media_type)
    if media_type.startswith(_SCHEMA1):
        raise InvalidManifest(_NO_SCHEMA1)
    if rules is None:
        raise InvalidManifest(f"unsupported manifest media type and no default available: {media_type[:200]}")
    try:
        root = Members.of(read_document(payload), _ROOT, "the manifest")
        if _opposite(root, rules):
            raise InvalidManifest(rules.ambiguous)
        stated = root.text("mediaType")
        if stated != media_type and (stated or rules.stated):
            raise InvalidManifest(rules.mismatch.format(media_type, stated[:200]))
        if root.integer("schemaVersion") != 2:
            raise InvalidManifest(f"unrecognized manifest schema version {root.integer('schemaVersion')}")
        return _manifest(root, media_type, payload, Digest.of(payload, algorithm), careful=True)
    except InvalidDocument as e:
        raise InvalidManifest(e.reason) from e


def recognise(payload: bytes, digest: Digest) -> Manifest:
    """
    Read a manifest that was stored as *digest*, here or by distribution.

    No storage keeps the media type, so the bytes decide it.  Whatever
    distribution let in is taken: of equal members the last counts, and
    descriptors without a usable digest, which can refer to nothing, are left
    out of the references.  The bytes are not compared with *digest*.

    :raises InvalidManifest: the bytes are no manifest of a known type.
    """
    try:
        root = Members.of(read_document(payload, careful=False), _ROOT, "the manifest", careful=False)
        version = root.integer("schemaVersion")
        if version == 1:
            raise InvalidManifest(_NO_SCHEMA1)
        if version != 2:
            raise InvalidManifest(f"unrecognized manifest schema version {version}")
        media_type = root.text("mediaType")
        if not media_type:
            media_type = OCI_INDEX if "manifests" in root else OCI_MANIFEST
            if _opposite(root, _TYPES[media_type]):
                raise InvalidManifest(_TYPES[media_type].ambiguous)
        if media_type not in _TYPES:
            raise InvalidManifest(f"unrecognized manifest content type {media_type[:200]}")
        return _manifest(root, media_type, payload, digest, careful=False)
    except InvalidDocument as e:
        raise InvalidManifest(e.reason) from e


def _opposite(root: Members, rules: _Type) -> bool:
    """Whether *root* has members that belong to the opposite kind of manifest."""
    return "manifests" in root if rules.image else "config" in root or "layers" in root


def _manifest(root: Members, media_type: str, payload: bytes, digest: Digest, careful: bool) -> Manifest:
    rules = _TYPES[media_type]
    found: list[Reference | None] = []
    config_media_type = None
    if rules.image:
        named = [(Kind.CONFIG, root.values.get("config", {}))]
        named += [(Kind.LAYER, layer) for layer in root.items("layers")]
    else:
        named = [(Kind.CHILD, child) for child in root.items("manifests")]
    if careful and len(named) > REFERENCE_LIMIT:
        raise InvalidManifest(f"more than {REFERENCE_LIMIT} references")
    for kind, value in named:
        members = _descriptor(value, kind.value, careful)
        if kind is Kind.CONFIG:
            config_media_type = members.text("mediaType")
        found.append(_reference(members, kind, careful))
    references = tuple(reference for reference in found if reference is not None)
    manifest = Manifest(media_type, payload, digest, references, config_media_type=config_media_type)
    return _with_oci_members(manifest, root, careful) if rules.oci else manifest


def _with_oci_members(manifest: Manifest, root: Members, careful: bool) -> Manifest:
    """*manifest* with what OCI added; distribution may have stored anything there."""
    try:
        subject = None
        if "subject" in root:
            subject = _digest(_descriptor(root.values["subject"], "subject", careful), careful)
        return evolve(
            manifest,
            subject=subject,
            artifact_type=root.text("artifactType") or None,
            annotations=root.table("annotations"),
        )
    except InvalidDocument:
        if careful:
            raise
        return manifest


def _descriptor(value: Any, where: str, careful: bool) -> Members:
    """The members of a descriptor, with every type checked."""
    members = Members.of({} if value is None else value, _DESCRIPTOR, f"a {where} descriptor", careful)
    members.text("mediaType")
    members.table("annotations")
    if careful:
        _check_data(members)
        members.text("artifactType")
        if members.integer("size") < 0:
            raise InvalidManifest(f"size in {members.where} is negative")
    return members


def _check_data(members: Members) -> None:
    """Refuse embedded content that is no base64; its digest is for clients to compare."""
    try:
        base64.b64decode(members.text("data"), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidManifest(f"data in {members.where} is not base64") from None


def _digest(members: Members, careful: bool) -> Digest | None:
    """A descriptor's digest; ``None`` for an unusable one that is not worth an error."""
    text = members.text("digest")
    try:
        return Digest.parse(text)
    except InvalidDigest as e:
        if careful:
            raise InvalidReferenceDigest(text[:200], f"{e.reason} in {members.where}") from None
        return None


def _reference(members: Members, kind: Kind, careful: bool) -> Reference | None:
    digest = _digest(members, careful)
    if digest is None:
        return None
    platform = None
    if "platform" in members:
        inner = Members.of(members.values["platform"], _PLATFORM, "a platform", careful)
        inner.text("os.version")
        for name in ("os.features", "features"):
            inner.texts(name)
        platform = Platform(inner.text("architecture"), inner.text("os"), inner.text("variant"))
    reference = Reference(
        members.text("mediaType"),
        digest,
        members.integer("size"),
        members.texts("urls"),
        kind,
        platform,
    )
    if careful and kind is Kind.LAYER and reference.media_type in _WITH_URLS:
        for url in reference.urls:
            _check_url(url)
    return reference


def _check_url(url: str) -> None:
    """Refuse what is no plain ``http`` or ``https`` URL with a host and without a fragment."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "#" in url or not url.isprintable() or " " in url:
        raise InvalidManifest(f"invalid URL on layer: {url[:200]}")
