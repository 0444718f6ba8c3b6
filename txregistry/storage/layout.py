"""
The paths of distribution's storage layout, and the way back from a path to what it stores.

This is the only module that builds or takes apart a driver path.  It is
pure: nothing here knows whether anything is stored.
"""

from __future__ import annotations

import re

from attrs import frozen

from txregistry.model.digest import ALGORITHMS, Digest, InvalidDigest
from txregistry.model.names import InvalidName, InvalidTag, RepositoryName, Tag

ROOT = "/docker/registry/v2"
BLOBS = f"{ROOT}/blobs"
REPOSITORIES = f"{ROOT}/repositories"

#: The directory whose presence makes a repository appear in the catalog.
MANIFESTS = "_manifests"
#: The directory of a repository's upload sessions.
UPLOADS = "_uploads"

#: Bytes that a link file may hold at most; the longest digest has 135.
LINK_LIMIT = 512

#: Bytes that a ``startedat`` file may hold at most.
STARTED_LIMIT = 64

_UPLOAD_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_SHELF = re.compile(r"[0-9a-f]{2}\Z")
_COMPONENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


# --- blobs ------------------------------------------------------------------


def blobs_of(algorithm: str) -> str:
    """Where the blobs of *algorithm* are spread over directories of two hex characters."""
    return f"{BLOBS}/{algorithm}"


def blobs_shelf(algorithm: str, first: str) -> str:
    """Where the blobs of *algorithm* whose encoded digest begins with the two characters *first* are."""
    return f"{BLOBS}/{algorithm}/{first}"


def blob_directory(digest: Digest) -> str:
    """All that is stored of one blob."""
    return f"{BLOBS}/{digest.algorithm}/{digest.encoded[:2]}/{digest.encoded}"


def blob_data(digest: Digest) -> str:
    """The content of a blob: a layer, a configuration or a manifest."""
    return f"{blob_directory(digest)}/data"


# --- repositories -----------------------------------------------------------


def repository(name: RepositoryName | str) -> str:
    """What a repository holds, and the repositories nested below its name."""
    return f"{REPOSITORIES}/{name}"


def layers(name: RepositoryName) -> str:
    """All blob links of a repository."""
    return f"{REPOSITORIES}/{name}/_layers"


def layers_of(name: RepositoryName, algorithm: str) -> str:
    """The blob links of one digest algorithm."""
    return f"{REPOSITORIES}/{name}/_layers/{algorithm}"


def layer_link(name: RepositoryName, digest: Digest) -> str:
    """The link that makes a blob visible in a repository."""
    return f"{REPOSITORIES}/{name}/_layers/{digest.algorithm}/{digest.encoded}/link"


def manifests(name: RepositoryName | str) -> str:
    """The manifests and the tags of a repository."""
    return f"{REPOSITORIES}/{name}/{MANIFESTS}"


def revisions_of(name: RepositoryName, algorithm: str) -> str:
    """The manifest links of one digest algorithm."""
    return f"{REPOSITORIES}/{name}/_manifests/revisions/{algorithm}"


def revision_link(name: RepositoryName, digest: Digest) -> str:
    """The link that makes a manifest visible in a repository."""
    return f"{REPOSITORIES}/{name}/_manifests/revisions/{digest.algorithm}/{digest.encoded}/link"


def tags(name: RepositoryName) -> str:
    """All tags of a repository."""
    return f"{REPOSITORIES}/{name}/_manifests/tags"


def tag(name: RepositoryName, tag: Tag) -> str:
    """All that is stored of one tag."""
    return f"{REPOSITORIES}/{name}/_manifests/tags/{tag}"


def tag_current(name: RepositoryName, tag: Tag) -> str:
    """The link to the manifest that a tag points to."""
    return f"{REPOSITORIES}/{name}/_manifests/tags/{tag}/current/link"


def tag_index(name: RepositoryName, tag: Tag, digest: Digest) -> str:
    """The link that remembers that a tag points, or pointed, to a manifest."""
    return f"{REPOSITORIES}/{name}/_manifests/tags/{tag}/index/{digest.algorithm}/{digest.encoded}/link"


# --- uploads ----------------------------------------------------------------


def is_upload_id(id: str) -> bool:
    """Whether *id* has the form of an upload's id, and so may become part of a path."""
    return _UPLOAD_ID.match(id) is not None


def uploads(name: RepositoryName | str) -> str:
    """All upload sessions of a repository."""
    return f"{REPOSITORIES}/{name}/{UPLOADS}"


def upload(name: RepositoryName | str, id: str) -> str:
    """All that is stored of one upload session."""
    return f"{REPOSITORIES}/{name}/{UPLOADS}/{id}"


def upload_data(name: RepositoryName | str, id: str) -> str:
    """What a session received so far; its presence makes the session exist."""
    return f"{REPOSITORIES}/{name}/{UPLOADS}/{id}/data"


def upload_started(name: RepositoryName | str, id: str) -> str:
    """When a session began, in RFC 3339."""
    return f"{REPOSITORIES}/{name}/{UPLOADS}/{id}/startedat"


def upload_state(name: RepositoryName | str, id: str, size: int) -> str:
    """The state of the SHA-256 over the first *size* bytes of a session."""
    return f"{REPOSITORIES}/{name}/{UPLOADS}/{id}/hashstates/sha256/{size}"


# --- and back ---------------------------------------------------------------


def is_repository_component(name: str) -> bool:
    """Whether a listed *name* may be part of a repository's name, not one of the layout's own directories."""
    return _COMPONENT.match(name) is not None


def is_shelf(name: str) -> bool:
    """Whether *name* is a directory over which :func:`blobs_of` spreads blobs."""
    return _SHELF.match(name) is not None


def digest_named(algorithm: str, name: str) -> Digest | None:
    """The digest whose encoded part is the listed *name*, if it is one."""
    try:
        return Digest.parse(f"{algorithm}:{name}")
    except InvalidDigest:
        return None


def tag_named(name: str) -> Tag | None:
    """The tag whose directory is the listed *name*, if it is one."""
    try:
        return Tag.parse(name)
    except InvalidTag:
        return None


@frozen(slots=True)
class BlobPlace:
    """The content of a blob."""

    digest: Digest


@frozen(slots=True)
class LayerPlace:
    """A blob link."""

    name: RepositoryName
    digest: Digest


@frozen(slots=True)
class RevisionPlace:
    """A manifest link."""

    name: RepositoryName
    digest: Digest


@frozen(slots=True)
class TagPlace:
    """What a tag points to or, when *past* is set, pointed to."""

    name: RepositoryName
    tag: Tag
    past: Digest | None = None


@frozen(slots=True)
class UploadPlace:
    """A file of an upload session: *part* is its path within the session."""

    name: RepositoryName
    id: str
    part: str


Place = BlobPlace | LayerPlace | RevisionPlace | TagPlace | UploadPlace

_ALGORITHM = f"(?:{'|'.join(ALGORITHMS)})"
_PLACES = re.compile(
    rf"{ROOT}/(?:"
    rf"blobs/(?P<blob>{_ALGORITHM}/(?P<shelf>[0-9a-f]{{2}})/(?P<hex>[0-9a-f]+))/data"
    r"|repositories/(?P<name>[^_/][^/]*(?:/[^_/][^/]*)*)/(?:"
    rf"_layers/(?P<layer>{_ALGORITHM}/[0-9a-f]+)/link"
    rf"|_manifests/revisions/(?P<revision>{_ALGORITHM}/[0-9a-f]+)/link"
    rf"|_manifests/tags/(?P<tag>[^/]+)/(?:current|index/(?P<past>{_ALGORITHM}/[0-9a-f]+))/link"
    r"|_uploads/(?P<id>[^/]+)/(?P<part>data|startedat|hashstates/sha256/[0-9]+)"
    r"))\Z"
)


def locate(path: str) -> Place | None:
    """What is stored at *path* by this layout; ``None`` when it is nothing of ours."""
    found = _PLACES.match(path)
    if found is None:
        return None
    try:
        return _place(found)
    except (InvalidDigest, InvalidName, InvalidTag):
        return None


def _place(found: re.Match[str]) -> Place | None:
    if found["blob"] is not None:
        if not found["hex"].startswith(found["shelf"]):
            return None
        algorithm, _, _ = found["blob"].partition("/")
        return BlobPlace(Digest.parse(f"{algorithm}:{found['hex']}"))
    name = RepositoryName.parse(found["name"])
    if found["layer"] is not None:
        return LayerPlace(name, _digest(found["layer"]))
    if found["revision"] is not None:
        return RevisionPlace(name, _digest(found["revision"]))
    if found["tag"] is not None:
        past = found["past"]
        return TagPlace(name, Tag.parse(found["tag"]), None if past is None else _digest(past))
    return UploadPlace(name, found["id"], found["part"]) if is_upload_id(found["id"]) else None


def _digest(text: str) -> Digest:
    return Digest.parse(text.replace("/", ":", 1))
