"""
What a client may expect of a registry, said with dictionaries: the model of ``test_http_model``.

Each method of :class:`Model` is one request: it changes the model, and
returns the answer that the registry has to give.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import define, field, frozen

from tests.web.documents import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, Document, fallback_tag

#: Entries of a page, whatever more is asked for.
TAGS, REPOSITORIES, REFERRERS = 3, 2, 2

EMPTY = f"sha256:{hashlib.sha256().hexdigest()}"


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    """The digest of *content*, as text."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


@frozen
class Outcome:
    """
    An answer that must come.

    :ivar codes: those in the error envelope; an answer with one needs none of what follows.
    :ivar headers: those that it must have, and with ``None`` must not have.
    :ivar body: to the byte.
    :ivar document: what its body must say in JSON.
    """

    status: int
    codes: tuple[str, ...] = ()
    headers: Mapping[str, str | None] = field(factory=dict)
    body: bytes | None = None
    document: Any = None


def refusal(status: int, *codes: str, **headers: str) -> Outcome:
    """An answer with an error envelope."""
    return Outcome(status, codes, {name.replace("_", "-"): value for name, value in headers.items()})


NO_BLOB = refusal(404, "BLOB_UNKNOWN")
NO_MANIFEST = refusal(404, "MANIFEST_UNKNOWN")
NO_SESSION = refusal(404, "BLOB_UPLOAD_UNKNOWN")
NOT_THIS_SESSION = refusal(404, "BLOB_UPLOAD_INVALID")
WRONG_DIGEST = refusal(400, "DIGEST_INVALID")
WRONG_SIZE = refusal(400, "SIZE_INVALID")


@define(eq=False)
class Session:
    """
    An upload.

    :ivar id: as the registry named it.
    :ivar location: the last address that the registry gave for it.
    :ivar known: the size that it had then, which the state in the address says.
    """

    repository: str
    id: str
    location: str = ""
    known: int = 0
    content: bytes = b""
    alive: bool = True

    def standing(self, status: int, *codes: str) -> Outcome:
        """An answer that says how far the session has come."""
        return Outcome(status, codes, {"Range": self.range(), "Docker-Upload-Uuid": self.id})

    def range(self) -> str:
        """The value of ``Range``."""
        return f"0-{max(len(self.content) - 1, 0)}"


@frozen
class Chunk:
    """
    The body of a PATCH or a PUT.

    :ivar chunked: it comes without a Content-Length.
    :ivar span: first and last byte in the Content-Range, if there is one.
    """

    body: bytes
    chunked: bool = False
    span: tuple[int, int] | None = None


@define(eq=False)
class Repository:
    """
    What one repository holds, by digest and by tag.

    :ivar had_manifests: there was one, at some time.
    """

    blobs: dict[str, bytes] = field(factory=dict)
    manifests: dict[str, Document] = field(factory=dict)
    tags: dict[str, str] = field(factory=dict)
    had_manifests: bool = False


class Model:
    """
    A registry.

    :param documents: the manifests that anybody may push.
    :param keeps_directories: a repository stays one when its last manifest is gone.
    """

    def __init__(self, documents: Iterable[Document], keeps_directories: bool) -> None:
        self.documents = {document.payload: document for document in documents}
        self.keeps_directories = keeps_directories
        self.repositories: dict[str, Repository] = {}
        self.sessions: list[Session] = []

    def at(self, name: str) -> Repository:
        """The repository *name*, empty if nobody ever used it."""
        return self.repositories.setdefault(name, Repository())

    # --- blobs ---

    def get_blob(self, name: str, digest: str, ranges: str | None, if_none_match: str | None) -> Outcome:
        """GET of a blob; *ranges* is what stands behind ``bytes=``."""
        content = self.at(name).blobs.get(digest)
        if content is None:
            return NO_BLOB
        headers: dict[str, str | None] = {
            "Docker-Content-Digest": digest,
            "Etag": f'"{digest}"',
            "Cache-Control": "max-age=31536000",
        }
        if if_none_match in (f'"{digest}"', "*"):
            return Outcome(304, headers=headers, body=b"")
        headers |= {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        parts = None if ranges is None or not content else _slices(ranges, len(content))
        if parts is None or sum(end - start for start, end in parts) > len(content):
            return Outcome(200, headers=headers | {"Content-Range": None}, body=content)
        if not parts:
            return refusal(416, "RANGE_INVALID", Content_Range=f"bytes */{len(content)}")
        if len(parts) > 1:
            del headers["Content-Type"]
            return Outcome(206, headers=headers, document=[content[start:end] for start, end in parts])
        (start, end), *_ = parts
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        return Outcome(206, headers=headers, body=content[start:end])

    def delete_blob(self, name: str, digest: str) -> Outcome:
        """DELETE of a blob: it is seen no more, here."""
        if self.at(name).blobs.pop(digest, None) is None:
            return NO_BLOB
        return Outcome(202, body=b"")

    def mount(self, name: str, digest: str, source: str | None) -> Outcome | None:
        """POST with a mount; ``None`` where a session begins instead."""
        sources = self.repositories.values() if source is None else [self.at(source)]
        for each in list(sources):
            if digest in each.blobs:
                return self.link(name, digest, each.blobs[digest])
        return None

    def link(self, name: str, digest: str, content: bytes) -> Outcome:
        """Make *content* a blob."""
        self.at(name).blobs[digest] = content
        return Outcome(
            201,
            headers={
                "Location": f"http://registry.test/v2/{name}/blobs/{digest}",
                "Docker-Content-Digest": digest,
            },
            body=b"",
        )

    def post_whole(self, name: str, digest: str, content: bytes) -> Outcome:
        """POST with a digest and the content."""
        if not _names(digest, content):
            return WRONG_DIGEST
        return self.link(name, digest, content)

    # --- sessions ---

    def patch(self, session: Session, offset: int | None, chunk: Chunk) -> Outcome:
        """PATCH, with a state of ours that says *offset*, or with none."""
        if not session.alive:
            return NO_SESSION
        return self._receive(session, offset, chunk) or session.standing(202)

    def put(self, session: Session, offset: int | None, chunk: Chunk, digest: str | None) -> Outcome:
        """The PUT that closes a session."""
        if digest is None:
            return WRONG_DIGEST
        blobs = self.at(session.repository).blobs
        if not session.alive:
            return self.link(session.repository, digest, blobs[digest]) if digest in blobs else NO_SESSION
        refused = self._receive(session, offset, chunk)
        if refused is not None:
            return refused
        if not _names(digest, session.content):
            return WRONG_DIGEST
        session.alive = False
        return self.link(session.repository, digest, session.content)

    def begin_patch(self, session: Session, offset: int | None, arrived: bytes) -> None:
        """A PATCH of which *arrived* has come when the client leaves."""
        if session.alive:
            self._receive(session, offset, Chunk(arrived))

    def status(self, session: Session) -> Outcome:
        """GET of a session."""
        return session.standing(204) if session.alive else NO_SESSION

    def cancel(self, session: Session) -> Outcome:
        """DELETE of a session."""
        if not session.alive:
            return NO_SESSION
        session.alive = False
        return Outcome(204, headers={"Docker-Upload-Uuid": session.id}, body=b"")

    @staticmethod
    def _receive(session: Session, offset: int | None, chunk: Chunk) -> Outcome | None:
        """Append what is new in *chunk*, or say why not."""
        out_of_order = session.standing(416, "RANGE_INVALID")
        stored = session.content
        up_to_date = offset is None or offset == len(stored)
        start = len(stored) if offset is None else offset
        if not 0 <= start <= len(stored):
            return out_of_order
        body = chunk.body
        if chunk.span is not None:
            start, last = chunk.span
            if last < start or start > len(stored) or (up_to_date and start != len(stored)):
                return out_of_order
            if not chunk.chunked and len(body) != last + 1 - start:
                return WRONG_SIZE
            body = body[: last + 1 - start]
        known = stored[start : start + len(body)]
        if not body.startswith(known):
            return session.standing(416, "RANGE_INVALID")
        session.content = stored + body[len(known) :]
        if chunk.span is not None and len(chunk.body) != chunk.span[1] + 1 - chunk.span[0]:
            return WRONG_SIZE
        return None

    # --- manifests ---

    def put_manifest(
        self, name: str, reference: str, document: Document, tags: Iterable[str] = ()
    ) -> tuple[Outcome, list[str]]:
        """PUT of a manifest, *tags* in the query; and which of its parts are missing."""
        here = self.at(name)
        by_tag = ":" not in reference
        algorithm = "sha256" if by_tag else reference.partition(":")[0]
        digest = digest_of(document.payload, algorithm)
        if not by_tag and reference != digest:
            return WRONG_DIGEST, []
        missing = [
            wanted
            for wanted, child in document.references
            if wanted not in here.blobs and not (child and wanted in here.manifests)
        ]
        missing = list(dict.fromkeys(missing))
        if missing:
            return refusal(400, *["MANIFEST_BLOB_UNKNOWN"] * len(missing)), missing
        here.manifests[digest] = document
        here.had_manifests = True
        tags = list(dict.fromkeys(tags))
        for tag in [reference] if by_tag else tags:
            here.tags[tag] = digest
        return (
            Outcome(
                201,
                headers={
                    "Location": f"http://registry.test/v2/{name}/manifests/{digest}",
                    "Docker-Content-Digest": digest,
                    "OCI-Subject": document.subject,
                    "OCI-Tag": None if by_tag else (", ".join(tags) or None),
                },
                body=b"",
            ),
            [],
        )

    def get_manifest(
        self, name: str, reference: str, accept: str | None, if_none_match: str | None
    ) -> Outcome:
        """GET of a manifest."""
        digest = self._digest(name, reference)
        document = None if digest is None else self._manifest(name, digest)
        if document is None or digest is None:
            return NO_MANIFEST
        if if_none_match == f'"{digest}"':
            return Outcome(304, body=b"")
        if accept not in (None, "*/*", document.media_type):
            if document.media_type == OCI_MANIFEST:
                return NO_MANIFEST
            if document.media_type == DOCKER_LIST and ":" not in reference:
                digest = document.for_amd64
                document = None if digest is None else self._manifest(name, digest)
                if document is None or digest is None:
                    return NO_MANIFEST
        return Outcome(
            200,
            headers={
                "Content-Type": document.media_type,
                "Docker-Content-Digest": digest,
                "Etag": f'"{digest}"',
            },
            body=document.payload,
        )

    def delete_manifest(self, name: str, reference: str) -> Outcome:
        """DELETE by tag: the tag goes.  By digest: the manifest goes, with every tag that points to it."""
        here = self.at(name)
        if ":" not in reference:
            return NO_MANIFEST if here.tags.pop(reference, None) is None else Outcome(202, body=b"")
        if self._manifest(name, reference) is None:
            return NO_MANIFEST
        here.manifests.pop(reference, None)
        here.blobs.pop(reference, None)
        here.tags = {tag: digest for tag, digest in here.tags.items() if digest != reference}
        return Outcome(202, body=b"")

    def _digest(self, name: str, reference: str) -> str | None:
        return reference if ":" in reference else self.at(name).tags.get(reference)

    def _manifest(self, name: str, digest: str) -> Document | None:
        """A manifest that was pushed as one, or as a blob."""
        here = self.at(name)
        return here.manifests.get(digest) or self.documents.get(here.blobs.get(digest, b""))

    # --- lists ---

    def tag_list(self, name: str, n: str | None, last: str | None) -> Outcome:
        """The tags."""
        here = self.at(name)
        count = _number(n)
        if count is not None and count < 0:
            return refusal(400, "PAGINATION_NUMBER_INVALID")
        if not self._is_repository(here):
            return refusal(404, "NAME_UNKNOWN")
        if count is not None:
            count = min(count, TAGS)
        page, link = _page(sorted(here.tags), str, last, count)
        path = f"/v2/{name}/tags/list?last={link}&n={count}"
        return Outcome(200, headers=_next(path if link else None), document={"name": name, "tags": page})

    def _is_repository(self, here: Repository) -> bool:
        return bool(here.manifests or here.tags or (self.keeps_directories and here.had_manifests))

    def catalog(self, n: str | None, last: str | None) -> Outcome:
        """The repositories."""
        count = _number(n)
        if count is None:
            count = REPOSITORIES
        if not 0 <= count <= REPOSITORIES:
            return refusal(400, "PAGINATION_NUMBER_INVALID")
        listed = [name for name, here in self.repositories.items() if self._is_repository(here)]
        page, link = _page(sorted(listed, key=_by_parts), _by_parts, last, count)
        path = f"/v2/_catalog?last={(link or '').replace('/', '%2F')}&n={count}"
        return Outcome(200, headers=_next(path if link else None), document={"repositories": page})

    def referrers(self, name: str, subject: str, artifact_type: str | None, last: str | None) -> Outcome:
        """The manifests that name *subject*: those pushed as such, and those that its fallback tag lists."""
        here = self.at(name)
        found = {
            digest: document for digest, document in here.manifests.items() if document.subject == subject
        }
        tagged = here.tags.get(fallback_tag(subject))
        index = None if tagged is None else self._manifest(name, tagged)
        if index is not None and index.media_type == OCI_INDEX:
            for digest, _ in index.references:
                child = self._manifest(name, digest)
                if child is not None and child.subject == subject:
                    found[digest] = child
        listed = sorted(digest for digest, each in found.items() if artifact_type in (None, each.listed_type))
        page, link = _page(listed, str, last, REFERRERS)
        query = f"artifactType={(artifact_type or '').replace('/', '%2F')}&" if artifact_type else ""
        path = f"/v2/{name}/referrers/{subject}?{query}last={(link or '').replace(':', '%3A')}"
        entries = [_entry(digest, found[digest]) for digest in page]
        return Outcome(
            200,
            headers={
                "Content-Type": OCI_INDEX,
                "OCI-Filters-Applied": "artifactType" if artifact_type else None,
                **_next(path if link else None),
            },
            document={"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries},
        )


def _names(digest: str, content: bytes) -> bool:
    return digest == digest_of(content, digest.partition(":")[0])


def _slices(ranges: str, size: int) -> list[tuple[int, int]] | None:
    """What *ranges* leave of content of *size* bytes, which are some."""
    found = []
    for each in ranges.split(","):
        first, _, last = each.partition("-")
        start = int(first) if first else max(size - int(last), 0)
        end = int(last) + 1 if first and last else size
        if start < min(end, size):
            found.append((start, min(end, size)))
    return found


def _number(n: str | None) -> int | None:
    if n is None:
        return None
    return int(n) if re.fullmatch(r"-?\d+", n) else -1


def _by_parts(name: str) -> Any:
    return name.split("/")


def _page(
    names: list[str], key: Callable[[str], Any], last: str | None, count: int | None
) -> tuple[list[str], str | None]:
    """The *count* names behind *last*, and the last of them if others follow."""
    rest = [name for name in names if last is None or key(name) > key(last)]
    page = rest[:count]
    return page, page[-1] if page and len(rest) > len(page) else None


def _next(path: str | None) -> dict[str, str | None]:
    return {"Link": None if path is None else f'<{path}>; rel="next"'}


def _entry(digest: str, document: Document) -> dict[str, object]:
    entry: dict[str, object] = {
        "mediaType": document.media_type,
        "digest": digest,
        "size": len(document.payload),
    }
    if document.listed_type:
        entry["artifactType"] = document.listed_type
    if document.annotations:
        entry["annotations"] = dict(document.annotations)
    return entry
