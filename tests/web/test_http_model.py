"""The whole API used at random, against dictionaries that say what each answer must be."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.drivers.disk_calls import open_descriptors
from tests.fakes.workers import InlineWorkers
from tests.web.checking import CheckedRegistry, query_of
from tests.web.documents import (
    APP,
    BILL,
    CONFIG,
    CONTENTS,
    DOCUMENTS,
    OCI_INDEX,
    OCI_MANIFEST,
    SIGNATURE,
    SUBJECTS,
    Document,
    fallback_tag,
)
from tests.web.expected import (
    EMPTY,
    NOT_THIS_SESSION,
    Chunk,
    Session,
    digest_of,
    refusal,
)
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IStorageDriver

ALGORITHMS = ("sha256", "sha256", "sha512")
#: What manifests refer to, by digest.
PARTS = {
    digest_of(content, algorithm): content
    for content in (*CONTENTS, *(document.payload for document in DOCUMENTS))
    for algorithm in ("sha256", "sha512")
}
TAGS_OF_ALL = ("1", "latest", "Z", "_.-", fallback_tag(SUBJECTS[0]), fallback_tag(SUBJECTS[1]))

names = st.sampled_from(["a/b", "a/b", "a/b", "a", "a-b", "b"])
tags = st.sampled_from(TAGS_OF_ALL)
documents = st.sampled_from((*DOCUMENTS, DOCUMENTS[-1], DOCUMENTS[-1]))
contents = st.sampled_from(CONTENTS + tuple(document.payload for document in DOCUMENTS[:4]))
digests = st.builds(
    digest_of,
    contents | st.sampled_from([document.payload for document in DOCUMENTS]) | st.just(b"never pushed"),
    st.sampled_from(ALGORITHMS),
)
#: One of those that the repository has, by its place in their order; or any.
held = st.integers(0, 99)
reading = st.sampled_from(["GET", "GET", "HEAD"])
pieces = st.binary(max_size=12) | st.sampled_from(CONTENTS)
offsets = st.none() | st.integers(-1, 30)
counts = st.sampled_from([None, "0", "1", "2", "3", "9", "-1", "x"])
ranges = st.none() | st.lists(
    st.builds("{}-{}".format, st.integers(0, 8), st.just("") | st.integers(8, 2000))
    | st.builds("-{}".format, st.integers(0, 30)),
    min_size=1,
    max_size=3,
).map(",".join)
sessions = Bundle("sessions")


class ClientMachine(CheckedRegistry, RuleBasedStateMachine):
    """A client that knows what the registry must hold; after each step it has answered as it must."""

    sessions = sessions

    # --- processes ---

    @initialize(images=st.lists(st.tuples(names, documents, st.none() | tags, st.booleans()), max_size=5))
    def earlier(self, images: list[tuple[str, Document, str | None, bool]]) -> None:
        """There are images already."""
        for each in images:
            self.push_image(*each)

    @rule()
    def another_process(self) -> None:
        """A new process takes over, remembering nothing."""
        self.restart()

    # --- sessions ---

    @rule(target=sessions, name=names)
    def begin(self, name: str) -> Session:
        """An upload begins."""
        return self.began(self.ask("POST", f"/v2/{name}/blobs/uploads/"), name)

    @rule(target=sessions, name=names, which=held | held | digests, source=names, named=st.booleans())
    def mount(self, name: str, which: int | str, source: str, named: bool) -> Any:
        """A blob is mounted if it is there, and otherwise an upload begins."""
        digest = self.blob_of(source, which)
        query = f"mount={digest}" + f"&from={source}" * named
        answer = self.ask("POST", f"/v2/{name}/blobs/uploads/?{query}")
        outcome = self.model.mount(name, digest, source if named else None)
        if outcome is None:
            return self.began(answer, name)
        self.compare(answer, outcome)
        return multiple()

    @rule(name=names, content=contents, wrong=st.booleans(), algorithm=st.sampled_from(ALGORITHMS))
    def post_whole(self, name: str, content: bytes, wrong: bool, algorithm: str) -> None:
        """A blob comes with the request that would begin an upload."""
        digest = digest_of(content + b"!" * wrong, algorithm)
        if not content and digest != EMPTY:
            return  # this does begin one
        answer = self.ask("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", content)
        self.compare(answer, self.model.post_whole(name, digest, content))

    @rule(
        session=sessions,
        body=pieces,
        stale=offsets,
        span=st.none() | st.tuples(st.integers(-2, 2), st.integers(-2, 2)),
        in_chunks=st.booleans(),
    )
    def patch(
        self, session: Session, body: bytes, stale: int | None, span: tuple[int, int] | None, in_chunks: bool
    ) -> None:
        """A chunk, at the end or elsewhere, with whatever Content-Range."""
        chunk, offset, path = self.prepared(session, body, stale, span, in_chunks)
        outcome = self.model.patch(session, offset, chunk)
        self.standing(self.send(("PATCH"), path, chunk), session, outcome)

    @rule(session=sessions, body=pieces, lost=st.booleans())
    def go_on(self, session: Session, body: bytes, lost: bool) -> None:
        """The next chunk, as clients mostly send it; or as one that has lost its state."""
        path = session.location.partition("?")[0] if lost else session.location
        outcome = self.model.patch(session, None if lost else session.known, Chunk(body))
        self.standing(self.ask("PATCH", path, body), session, outcome)

    @rule(session=sessions, body=pieces, repeated=st.integers(0, 20), other=st.booleans())
    def repeat(self, session: Session, body: bytes, repeated: int, other: bool) -> None:
        """A client that missed an answer sends the end of what is stored again, and more."""
        offset = max(len(session.content) - repeated, 0)
        again = session.content[offset:] + body
        if other and again:
            again = bytes([again[0] ^ 1]) + again[1:]
        chunk, said, path = self.prepared(session, again, offset, None, False)
        outcome = self.model.patch(session, said, chunk)
        self.standing(self.send("PATCH", path, chunk), session, outcome)

    @rule(session=sessions, body=pieces, sent=st.integers(0, 12), in_chunks=st.booleans())
    def leave(self, session: Session, body: bytes, sent: int, in_chunks: bool) -> None:
        """A client leaves in the middle of a chunk; what has come is kept."""
        head = f"Content-Length: {len(body) + 1}"
        data = body[:sent]
        if in_chunks:
            head, data = "Transfer-Encoding: chunked", b"%x\r\n%s" % (len(body) + 1, data)
        path = session.location.partition("registry.test")[2]
        connection = self.registry.connect()
        connection.send(f"PATCH {path} HTTP/1.1\r\nHost: registry.test\r\n{head}\r\n\r\n".encode() + data)
        connection.hang_up()
        self.model.begin_patch(session, session.known, body[:sent])

    @rule(
        session=sessions,
        body=st.just(b"") | pieces,
        stale=offsets,
        span=st.none(),
        in_chunks=st.booleans(),
        digest=st.sampled_from(["right", "right", "right", "sha512", "wrong", "other", "none"]),
        pick=digests,
    )
    def close(
        self,
        session: Session,
        body: bytes,
        stale: int | None,
        span: tuple[int, int] | None,
        in_chunks: bool,
        digest: str,
        pick: str,
    ) -> None:
        """The session is to become a blob."""
        chunk, offset, path = self.prepared(session, body, stale, span, in_chunks)
        start = max(offset, 0)
        whole = session.content[:start] + body
        whole += session.content[len(whole) :]
        named = {
            "right": digest_of(whole),
            "sha512": digest_of(whole, "sha512"),
            "wrong": digest_of(whole + b"!"),
            "other": pick,
            "none": None,
        }[digest]
        if named is not None:
            path += f"{'&' if '?' in path else '?'}digest={named}"
        outcome = self.model.put(session, offset, chunk, named)
        self.standing(self.send("PUT", path, chunk), session, outcome)

    @rule(session=sessions, method=reading, stale=offsets)
    def status(self, session: Session, method: str, stale: int | None) -> None:
        """How far is it, whatever the client believes?"""
        _, _, path = self.prepared(session, b"", stale, None, False)
        self.standing(self.ask(method, path), session, self.model.status(session)) if method == "GET" else (
            self.compare(self.ask(method, path), self.model.status(session), method)
        )

    @rule(session=sessions)
    def cancel(self, session: Session) -> None:
        """The session is given up."""
        self.compare(self.ask("DELETE", session.location), self.model.cancel(session))

    @rule(session=sessions, other=sessions, method=st.sampled_from(["GET", "PATCH", "PUT", "DELETE"]))
    def foreign_state(self, session: Session, other: Session, method: str) -> None:
        """The state of another session, and one that nobody signed, are refused."""
        path, _, token = session.location.partition("?")
        forged = token[:-4] + ("AAA%3D" if not token.endswith("AAA%3D") else "BBB%3D")
        foreign = [forged] if other is session else [forged, other.location.partition("?")[2]]
        for each in foreign:
            self.compare(self.ask(method, f"{path}?{each}", b"y"), NOT_THIS_SESSION)

    # --- blobs ---

    @rule(
        name=names,
        which=held | held | digests,
        method=reading,
        wanted=ranges,
        known=st.sampled_from(["", "", "same", "*"]),
    )
    def get_blob(self, name: str, which: int | str, method: str, wanted: str | None, known: str) -> None:
        """A blob, or parts of it."""
        digest = self.blob_of(name, which)
        etag = {"": None, "same": f'"{digest}"', "*": "*"}[known]
        given = None if wanted is None else f"bytes={wanted}"
        answer = self.ask(method, f"/v2/{name}/blobs/{digest}", Range=given, If_None_Match=etag)
        self.compare(answer, self.model.get_blob(name, digest, wanted, etag), method)

    @rule(name=names, which=held | held | digests)
    def delete_blob(self, name: str, which: int | str) -> None:
        """A blob is deleted."""
        digest = self.blob_of(name, which)
        self.compare(self.ask("DELETE", f"/v2/{name}/blobs/{digest}"), self.model.delete_blob(name, digest))

    # --- manifests ---

    @rule(name=names, document=documents, reference=st.none() | tags, as_blobs=st.booleans())
    def push_image(self, name: str, document: Document, reference: str | None, as_blobs: bool) -> None:
        """A client pushes an image with all that belongs to it; of a list the children, perhaps as blobs."""
        for wanted, child in document.references:
            content = PARTS[wanted]
            if child and not as_blobs:
                self.push_image(name, self.model.documents[content], None, False)
                continue
            session = self.began(self.ask("POST", f"/v2/{name}/blobs/uploads/"), name)
            path = f"{session.location}&digest={wanted}"
            self.compare(self.ask("PUT", path, content), self.model.put(session, 0, Chunk(content), wanted))
        self.put_manifest(name, document, reference, "sha256", [], False)

    @rule(
        name=names,
        document=documents,
        tag=st.none() | tags,
        algorithm=st.sampled_from(ALGORITHMS),
        more=st.lists(tags, max_size=3),
        wrong=st.booleans(),
    )
    def put_manifest(
        self, name: str, document: Document, tag: str | None, algorithm: str, more: list[str], wrong: bool
    ) -> None:
        """A manifest is pushed, by tag or digest; it is stored if all that it needs is there."""
        digest = digest_of(document.payload + b" " * wrong, algorithm)
        query = "&".join(f"tag={each}" for each in more)
        path = f"/v2/{name}/manifests/{tag or digest}?{query}".rstrip("?")
        answer = self.ask("PUT", path, document.payload, Content_Type=document.media_type)
        outcome, missing = self.model.put_manifest(name, tag or digest, document, more)
        self.compare(answer, outcome)
        if missing:
            assert [error["detail"] for error in answer.json()["errors"]] == missing
        if outcome.status == 201:
            assert (answer.header("Warning") is not None) == bool(tag and more)

    @rule(name=names, document=documents, tag=tags, how=st.integers(0, 4))
    def put_nonsense(self, name: str, document: Document, tag: str, how: int) -> None:
        """What is no manifest, or has an impossible name, is refused, and nothing is changed."""
        payload, media_type, path, code = [
            (document.payload[:-1], document.media_type, tag, "MANIFEST_INVALID"),
            (document.payload, "application/json", tag, "MANIFEST_INVALID"),
            (b"[]", OCI_INDEX, tag, "MANIFEST_INVALID"),
            (document.payload, document.media_type, "-no-tag", "TAG_INVALID"),
            (document.payload, document.media_type, f"{document.digest()}?tag={tag}&tag=.", "TAG_INVALID"),
        ][how]
        answer = self.ask("PUT", f"/v2/{name}/manifests/{path}", payload, Content_Type=media_type)
        self.compare(answer, refusal(400, code))

    @rule(
        name=names,
        which=held | held | tags | digests,
        method=reading,
        accept=st.sampled_from([None, "*/*", OCI_MANIFEST, OCI_INDEX]),
        known=st.booleans(),
    )
    def get_manifest(self, name: str, which: int | str, method: str, accept: str | None, known: bool) -> None:
        """A manifest, by tag or digest."""
        reference = self.manifest_of(name, which)
        digest = self.model.at(name).tags.get(reference, reference)
        etag = f'"{digest}"' if known else None
        answer = self.ask(method, f"/v2/{name}/manifests/{reference}", Accept=accept, If_None_Match=etag)
        self.compare(answer, self.model.get_manifest(name, reference, accept, etag), method)

    @rule(name=names, which=held | held | tags | digests)
    def delete_manifest(self, name: str, which: int | str) -> None:
        """A tag, or a manifest and what points to it, is deleted."""
        reference = self.manifest_of(name, which)
        answer = self.ask("DELETE", f"/v2/{name}/manifests/{reference}")
        self.compare(answer, self.model.delete_manifest(name, reference))

    # --- lists ---

    @rule(name=names, n=counts, last=st.none() | tags | st.sampled_from(["", "y"]))
    def list_tags(self, name: str, n: str | None, last: str | None) -> None:
        """A page of tags."""
        answer = self.ask("GET", f"/v2/{name}/tags/list{query_of(n=n, last=last)}")
        self.compare(answer, self.model.tag_list(name, n, last or None))

    @rule(n=counts, last=st.none() | names | st.sampled_from(["", "a/", "a0"]))
    def list_repositories(self, n: str | None, last: str | None) -> None:
        """A page of the catalog."""
        answer = self.ask("GET", f"/v2/_catalog{query_of(n=n, last=last)}")
        self.compare(answer, self.model.catalog(n, last or None))

    @rule(
        name=names,
        subject=st.sampled_from(SUBJECTS),
        kind=st.sampled_from([None, None, SIGNATURE, BILL, CONFIG, "none/such"]),
        behind=st.none() | digests,
    )
    def list_referrers(self, name: str, subject: str, kind: str | None, behind: str | None) -> None:
        """A page of what refers to a manifest."""
        path = f"/v2/{name}/referrers/{subject}{query_of(artifactType=kind, last=behind)}"
        self.compare(self.ask("GET", path), self.model.referrers(name, subject, kind, behind))

    # --- what is left behind ---

    @invariant()
    def rests(self) -> None:
        """Nothing is left over from the last request."""
        self.at_rest()

    def teardown(self) -> None:
        """Everything is where it should be, and nowhere else."""
        for name in list(self.model.repositories):
            self.look_through(name)
        for last in (None, "a", "a/b"):
            self.list_repositories(None, last)
        self.look_into_storage()

    def look_through(self, name: str) -> None:
        """Ask for all that a repository could hold."""
        here = self.model.at(name)
        for last in (None, *TAGS_OF_ALL):
            self.list_tags(name, None, last)
        for reference in {*TAGS_OF_ALL, *here.manifests, *here.blobs, APP.digest()}:
            self.get_manifest(name, reference, "GET", None, False)
        for digest in {*here.manifests, *here.blobs, *map(digest_of, CONTENTS)}:
            self.get_blob(name, digest, "HEAD", None, "")
        for subject in SUBJECTS:
            self.list_referrers(name, subject, None, None)


class HttpModelTests(SynchronousTestCase):
    """Runs the machine."""

    def check(self, make: Callable[[], IStorageDriver], keeps_directories: bool, cached: bool) -> None:
        """Run it over drivers that *make* makes."""
        machine: Any = lambda: ClientMachine(make(), keeps_directories, cached)  # noqa: E731
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=50,
                    stateful_step_count=40,
                    deadline=None,
                    suppress_health_check=[HealthCheck.too_slow],
                ),
            )
        except AssertionError as error:
            # Trial shows no notes, and the steps that lead there are one.
            raise AssertionError("\n".join([str(error), *getattr(error, "__notes__", ())])) from error
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_in_memory(self) -> None:
        """Whatever clients ask for in whatever order, the answers are those of a few dictionaries."""
        self.check(InMemoryDriver, keeps_directories=False, cached=False)

    def test_cached(self) -> None:
        """The same where descriptors are remembered."""
        self.check(InMemoryDriver, keeps_directories=False, cached=True)

    def test_filesystem(self) -> None:
        """The same over files, of which none stays open."""
        for name in ("fsync", "fdatasync"):
            self.patch(os, name, lambda _: None)  # thousands of them, and no power failure to come
        before = open_descriptors()
        self.check(self.make_filesystem, keeps_directories=True, cached=False)
        self.assertEqual(open_descriptors(), before)

    def make_filesystem(self) -> IStorageDriver:
        """A driver that never waits, over an empty directory."""
        return FilesystemDriver(self.mktemp(), InlineWorkers(), sleep=lambda _: None)
