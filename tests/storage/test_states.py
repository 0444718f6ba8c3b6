"""A registry used at random, against a dictionary that says what it should hold."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.repositories import descriptor_of, image, index
from tests.storage.making import done, make_namespace
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import (
    BlobUnknown,
    DigestMismatch,
    ManifestUnknown,
    NameUnknown,
    ReferencesUnknown,
    TagUnknown,
)
from txregistry.interfaces import IRepository
from txregistry.model.digest import Digest
from txregistry.model.manifest import Kind, Manifest, required
from txregistry.model.names import RepositoryName, Tag, listing_key
from txregistry.storage.catalog import Catalog, Remover

CONTENTS = (b"", b"one", b"two", b"x" * 70_000)
IMAGES = tuple(
    image(descriptor_of(first), [descriptor_of(second)]) for first in CONTENTS for second in CONTENTS
)
INDEXES = (index(*IMAGES[:2]), index(IMAGES[5]), index())

names = st.sampled_from([RepositoryName("a"), RepositoryName("a/b"), RepositoryName("a-b")])
contents = st.sampled_from(CONTENTS)
manifests = st.sampled_from(IMAGES + INDEXES)
tags = st.sampled_from([Tag("v1"), Tag("v2"), Tag("latest")])


class Expected:
    """What one repository should hold."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.manifests: dict[Digest, Manifest] = {}
        self.tags: dict[Tag, Digest] = {}
        self.listed = False

    def missing(self, manifest: Manifest) -> list[Digest]:
        """What keeps *manifest* from being stored."""
        return [
            each.digest
            for each in required(manifest)
            if each.digest not in self.blobs
            and not (each.kind is Kind.CHILD and each.digest in self.manifests)
        ]


class RegistryMachine(RuleBasedStateMachine):
    """Pushes, tags, mounts and deletes in any order; after each step the registry holds what it should."""

    def __init__(self) -> None:
        super().__init__()
        self.driver = InMemoryDriver()
        self.expected: dict[RepositoryName, Expected] = {}
        self.uploads: dict[RepositoryName, tuple[str, bytes]] = {}
        self.restart()

    def at(self, name: RepositoryName) -> tuple[IRepository, Expected]:
        """A repository and what it should hold."""
        return self.namespace.repository(name), self.expected.setdefault(name, Expected())

    @rule()
    def restart(self) -> None:
        """A new process takes over, remembering nothing."""
        self.namespace = make_namespace(self.driver)

    @rule(name=names, content=contents)
    def receive(self, name: RepositoryName, content: bytes) -> None:
        """A session receives something."""
        here, _ = self.at(name)
        if name not in self.uploads:
            self.uploads[name] = done(here.uploads.start()).id, b""
        id, received = self.uploads[name]
        upload = done(here.uploads.resume(id))
        done(upload.write([content[:5], content[5:]]))
        done(upload.close())
        self.uploads[name] = id, received + content
        assert done(here.uploads.status(id)).size == len(received + content)

    @rule(name=names, right=st.booleans())
    def finish(self, name: RepositoryName, right: bool) -> None:
        """A session becomes a blob, if its digest is right."""
        here, expected = self.at(name)
        if name not in self.uploads:
            return
        id, received = self.uploads[name]
        upload = done(here.uploads.resume(id))
        try:
            descriptor = done(upload.commit(Digest.of(received if right else received + b"!")))
        except DigestMismatch:
            assert not right
            return
        assert right and descriptor == descriptor_of(received)
        del self.uploads[name]
        expected.blobs[descriptor.digest] = received

    @rule(name=names, content=contents)
    def push(self, name: RepositoryName, content: bytes) -> None:
        """A blob is pushed in one go."""
        here, expected = self.at(name)
        upload = done(here.uploads.resume(done(here.uploads.start()).id))
        done(upload.write([content]))
        done(upload.commit(Digest.of(content)))
        expected.blobs[Digest.of(content)] = content

    @rule(name=names, source=names, content=contents)
    def mount(self, name: RepositoryName, source: RepositoryName, content: bytes) -> None:
        """A blob is mounted from another repository, if that has it."""
        here, expected = self.at(name)
        digest = Digest.of(content)
        try:
            done(here.blobs.mount(digest, source))
        except BlobUnknown:
            assert digest not in self.at(source)[1].blobs
        else:
            expected.blobs[digest] = self.at(source)[1].blobs[digest]

    @rule(name=names, manifest=manifests, to=st.lists(tags, max_size=2))
    def put(self, name: RepositoryName, manifest: Manifest, to: list[Tag]) -> None:
        """A manifest is pushed, if all that it needs is there."""
        here, expected = self.at(name)
        missing = expected.missing(manifest)
        try:
            done(here.manifests.put(manifest, to))
        except ReferencesUnknown as e:
            assert set(e.digests) == set(missing)
            return
        assert not missing
        expected.manifests[manifest.digest] = manifest
        expected.listed = True
        expected.tags |= dict.fromkeys(to, manifest.digest)

    @rule(name=names, manifest=manifests)
    def delete(self, name: RepositoryName, manifest: Manifest) -> None:
        """A manifest is deleted with its tags, as a client's request does it."""
        here, expected = self.at(name)
        try:
            done(here.manifests.delete(manifest.digest))
        except ManifestUnknown:
            assert manifest.digest not in expected.manifests
            return
        del expected.manifests[manifest.digest]
        for tag in done(here.tags.lookup(manifest.digest)):
            done(here.tags.untag(tag))
        expected.tags = {tag: digest for tag, digest in expected.tags.items() if digest != manifest.digest}
        self.note_listed(name)

    @rule(name=names, tag=tags)
    def untag(self, name: RepositoryName, tag: Tag) -> None:
        """A tag is removed."""
        here, expected = self.at(name)
        try:
            done(here.tags.untag(tag))
        except TagUnknown:
            assert tag not in expected.tags
        else:
            del expected.tags[tag]
            self.note_listed(name)

    @rule(name=names, content=contents)
    def delete_blob(self, name: RepositoryName, content: bytes) -> None:
        """A blob is deleted."""
        here, expected = self.at(name)
        try:
            done(here.blobs.delete(Digest.of(content)))
        except BlobUnknown:
            assert Digest.of(content) not in expected.blobs
        else:
            del expected.blobs[Digest.of(content)]

    @rule(name=names)
    def remove(self, name: RepositoryName) -> None:
        """A whole repository is removed."""
        try:
            done(Remover(self.driver).remove(name))
        except NameUnknown:
            expected = self.at(name)[1]
            assert not (expected.blobs or expected.manifests or expected.tags or name in self.uploads)
        self.expected[name] = Expected()
        self.uploads.pop(name, None)

    def note_listed(self, name: RepositoryName) -> None:
        """In memory nothing remains of a repository that has lost its last manifest and tag."""
        expected = self.expected[name]
        expected.listed = bool(expected.manifests or expected.tags)

    @invariant()
    def holds(self) -> None:
        """Each repository has what it should have, byte for byte, and nothing else."""
        for name in list(self.expected):
            here, expected = self.at(name)
            for content in CONTENTS:
                digest = Digest.of(content)
                try:
                    reader = done(here.server.open(done(here.server.serve(digest, "GET")).descriptor))
                except BlobUnknown:
                    assert digest not in expected.blobs
                else:
                    assert done(reader.read(0, reader.size)) == content
                    assert digest in expected.blobs
            for manifest in IMAGES + INDEXES:
                try:
                    found = done(here.manifests.get(manifest.digest))
                except ManifestUnknown:
                    assert manifest.digest not in expected.manifests
                else:
                    assert found.payload == manifest.payload
                    assert manifest.digest in expected.manifests

    @invariant()
    def tagged_can_be_read(self) -> None:
        """Every tag is listed, and what it points to can be read."""
        for name in list(self.expected):
            here, expected = self.at(name)
            try:
                listed = done(here.tags.list()).items
            except NameUnknown:
                listed = ()
            assert set(listed) == {tag.text for tag in expected.tags}
            for text in listed:
                digest = done(here.tags.get(Tag(text)))
                assert digest == expected.tags[Tag(text)]
                assert done(here.manifests.get(digest)).digest == digest

    @invariant()
    def catalog(self) -> None:
        """The catalog has the repositories that have manifests."""
        listed = [name.text for name, expected in self.expected.items() if expected.listed]
        found = done(Catalog(self.driver).repositories())
        assert list(found.items) == sorted(listed, key=listing_key)


class RegistryStateTests(SynchronousTestCase):
    """Runs the machine."""

    def test_any_order(self) -> None:
        """Whatever is done to a registry in whatever order, it holds what it should."""
        run_state_machine_as_test(
            RegistryMachine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
        )
