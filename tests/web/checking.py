"""A registry whose every answer is compared with what the model says: the tools of ``test_http_model``."""

from __future__ import annotations

import re

from tests.storage.making import tree
from tests.web.documents import DOCUMENTS, UNPUSHED
from tests.web.expected import (
    REFERRERS,
    REPOSITORIES,
    TAGS,
    Chunk,
    Model,
    Outcome,
    Session,
    digest_of,
)
from tests.web.registry import SECRET, Registry
from tests.web.wire import Answer, chunked, request_bytes
from txregistry.cache.caching import CachingBlobs, Generations
from txregistry.cache.inmemory import InMemoryDescriptorCache
from txregistry.interfaces import IStorageDriver
from txregistry.model.upload import UploadState
from txregistry.storage.namespace import WrapBlobs

_PART_HEAD = re.compile(rb"\r\nContent-Range: bytes (\d+)-(\d+)/(\d+)\r\n")


class CheckedRegistry:
    """
    A registry over *driver*, and what it must hold.

    :param keeps_directories: see :class:`~tests.web.expected.Model`.
    :param cached: descriptors are remembered.
    """

    def __init__(self, driver: IStorageDriver, keeps_directories: bool, cached: bool) -> None:
        super().__init__()
        self.driver, self.cached = driver, cached
        self.model = Model(DOCUMENTS, keeps_directories)
        self.restart()

    def restart(self) -> None:
        """Begin anew, with nothing but what is stored."""
        self.registry = Registry(
            self.driver,
            maxtags=TAGS,
            maxentries=REPOSITORIES,
            referrers=REFERRERS,
            wrap_blobs=remembering() if self.cached else None,
        )

    # --- asking and comparing ---

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str | None) -> Answer:
        """Ask one thing."""
        given = [(name.replace("_", "-"), value) for name, value in headers.items() if value is not None]
        return self.registry.ask(method, path, given, body)

    def compare(self, answer: Answer, outcome: Outcome, method: str = "") -> None:
        """The answer is the one that must come."""
        assert answer.status == outcome.status, (answer, outcome)
        assert answer.header("Docker-Distribution-Api-Version") == "registry/2.0"
        for name, value in outcome.headers.items():
            assert (", ".join(answer.all(name)) or None) == value, (name, answer, outcome)
        if method == "HEAD":
            assert answer.body == b""
            if outcome.body is not None and outcome.status != 304:
                assert answer.header("Content-Length") == str(len(outcome.body)), (answer, outcome)
            return
        if outcome.codes:
            assert tuple(answer.codes()) == outcome.codes, (answer, outcome)
        elif outcome.body is not None:
            assert answer.body == outcome.body, (answer, outcome)
        elif outcome.status == 206:
            assert parts_of(answer) == outcome.document
        elif outcome.document is not None:
            assert answer.json() == outcome.document, (answer, outcome)

    def standing(self, answer: Answer, session: Session, outcome: Outcome) -> None:
        """The answer is the one that must come, and says where the session goes on."""
        self.compare(answer, outcome)
        if "Range" in outcome.headers:
            location = answer.header("Location") or ""
            path, _, query = location.partition("?_state=")
            assert path == f"http://registry.test/v2/{session.repository}/blobs/uploads/{session.id}"
            assert query
            session.location, session.known = location, len(session.content)

    def blob_of(self, name: str, which: int | str) -> str:
        """The digest meant by *which*."""
        return chosen(sorted(self.model.at(name).blobs), which)

    def manifest_of(self, name: str, which: int | str) -> str:
        """The tag or the digest of a manifest meant by *which*."""
        here = self.model.at(name)
        return chosen([*sorted(here.manifests), *sorted(here.tags)], which)

    def began(self, answer: Answer, name: str) -> Session:
        """A session that *answer* tells of."""
        session = Session(name, answer.header("Docker-Upload-Uuid") or "")
        assert re.fullmatch(r"[0-9a-f-]{36}", session.id)
        self.standing(answer, session, session.standing(202))
        self.model.sessions.append(session)
        return session

    def prepared(
        self, session: Session, body: bytes, stale: int | None, span: tuple[int, int] | None, in_chunks: bool
    ) -> tuple[Chunk, int, str]:
        """A chunk, the offset that its state says, and where it goes."""
        path = session.location.partition("?")[0]
        if stale is None:
            offset, path = session.known, session.location
        else:
            offset = stale
            state = UploadState(session.repository, session.id, stale).pack(SECRET)
            path = f"{path}?_state={state.replace('=', '%3D')}"
        at = None
        if span is not None:
            first = max(offset + span[0], 0)
            at = (first, max(first + len(body) - 1 + span[1], 0))
        return Chunk(body, in_chunks, at), offset, path

    def send(self, method: str, path: str, chunk: Chunk) -> Answer:
        """Send a chunk."""
        path = path.partition("registry.test")[2]
        headers = [] if chunk.span is None else [("Content-Range", "{}-{}".format(*chunk.span))]
        if not chunk.chunked:
            return self.registry.send(request_bytes(method, path, headers, chunk.body), method)
        head = request_bytes(method, path, [*headers, ("Transfer-Encoding", "chunked")])
        cut = len(chunk.body) // 2
        several = [piece for piece in (chunk.body[:cut], chunk.body[cut:]) if piece]
        return self.registry.send(head + chunked(*several), method)

    # --- what is left behind ---

    def at_rest(self) -> None:
        """No connection, no request, no call and no byte of a body is left."""
        site = self.registry.site
        assert not site.connections and not site.serving and not site.budget.held
        assert self.registry.clock.getDelayedCalls() == []

    def look_into_storage(self) -> None:
        """Storage holds the sessions that live, and content that is what it is called."""
        stored = tree(self.driver)
        found = {path.split("/_uploads/")[1].split("/")[0] for path in stored if "/_uploads/" in path}
        assert found == {session.id for session in self.model.sessions if session.alive}
        blobs = set()
        for path, content in stored.items():
            if "/v2/blobs/" in path:
                _, algorithm, _, encoded, _ = path.rsplit("/", 4)
                blobs.add(f"{algorithm}:{encoded}")
                assert digest_of(content, algorithm) == f"{algorithm}:{encoded}"
        for path, content in stored.items():
            if path.endswith("/link"):
                assert content.decode() in blobs, path


def remembering() -> WrapBlobs:
    """Put the descriptor cache round the blobs of a registry's repositories."""
    cache, generations = InMemoryDescriptorCache(), Generations()
    return lambda name, blobs: CachingBlobs(blobs, cache, name, generations)


def chosen(there: list[str], which: int | str) -> str:
    """What *which* means, of those that are *there*."""
    if isinstance(which, str):
        return which
    return there[which % len(there)] if there else UNPUSHED


def query_of(**parameters: str | None) -> str:
    """A query of those *parameters* that are given."""
    given = [f"{name}={value.replace('+', '%2B')}" for name, value in parameters.items() if value is not None]
    return "?" + "&".join(given) if given else ""


def parts_of(answer: Answer) -> list[bytes]:
    """The parts of a multipart body, which must be framed well."""
    match = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", answer.header("Content-Type") or "")
    assert match is not None, answer
    boundary = b"--" + match[1].encode()
    before, *parts, after = (b"\r\n" + answer.body).split(b"\r\n" + boundary)
    assert (before, after) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        where = _PART_HEAD.search(head + b"\r\n")
        assert where is not None and int(where[2]) + 1 - int(where[1]) == len(content)
        found.append(content)
    return found
