"""What other programs left in a storage, and old registries, which must disturb nobody: for each driver."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.repositories import image, index, push_blob
from tests.fakes.workers import InlineWorkers
from tests.storage.making import NAME, done, make_namespace, receive, tree
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import BlobUnknown, ManifestUnknown, TagUnknown, UploadUnknown
from txregistry.interfaces import IStorageDriver
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import RepositoryName, Tag
from txregistry.storage import layout
from txregistry.storage.catalog import Catalog
from txregistry.storage.links import LinkedBlobs

if TYPE_CHECKING:
    _SynchronousCase = SynchronousTestCase
else:  # mixed in beside it
    _SynchronousCase = object

CONFIG, LAYER = b"{}", b"a layer"
TAG = Tag("v1")
STRANGERS = ("README", "Thumbs.db", "x.tmp", "junk", "md5/abc/link", "-dash/link", "00/link")
STARTED = b"2020-01-02T03:04:05Z"


class OddTrees(_SynchronousCase):
    """A registry with one image, to whose storage others write; mix in beside a ``SynchronousTestCase``."""

    def make_driver(self) -> IStorageDriver:
        """A driver that stores nothing yet."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.driver = self.make_driver()
        self.namespace = make_namespace(self.driver)
        self.here = self.namespace.repository(NAME)
        self.config, self.layer = done(push_blob(self.here, CONFIG)), done(push_blob(self.here, LAYER))
        self.manifest = image(self.config, [self.layer])
        done(self.here.manifests.put(self.manifest, [TAG]))

    def put(self, path: str, content: bytes | str = b"foreign") -> None:
        """Store something as another program would."""
        done(self.driver.put(path, content.encode() if isinstance(content, str) else content))

    def test_strangers(self) -> None:
        """Foreign files at every level are in no list and in nobody's way."""
        repository = layout.repository(NAME)
        revision = layout.revision_link(NAME, self.manifest.digest).removesuffix("/link")
        for directory in (
            *("/docker", layout.ROOT, layout.BLOBS, layout.blobs_of("sha256"), layout.REPOSITORIES),
            *(layout.blob_directory(self.layer.digest), layout.blobs_shelf("sha256", "00"), repository),
            *(layout.layers(NAME), layout.layers_of(NAME, "sha256"), layout.manifests(NAME)),
            *(layout.revisions_of(NAME, "sha256"), revision, layout.tag(NAME, TAG), layout.uploads(NAME)),
        ):
            for name in STRANGERS:
                self.put(f"{directory}/{name}")
        for name in ("README", ".DS_Store"):
            self.put(f"{layout.tags(NAME)}/{name}")
        self.assertEqual(list(done(Catalog(self.driver).repositories()).items), [NAME.text])
        self.assertEqual(list(done(self.here.tags.list()).items), ["v1"])
        self.assertEqual(list(done(self.here.tags.lookup(self.manifest.digest))), [TAG])
        linked = LinkedBlobs(NAME, self.driver, self.namespace.shared, True)
        blobs = {self.config.digest, self.layer.digest}
        self.assertEqual(set(done(linked.digests("sha256")).items), blobs)
        self.assertEqual(
            set(done(self.namespace.shared.digests("sha256")).items), {*blobs, self.manifest.digest}
        )
        done(self.here.manifests.delete(self.manifest.digest))
        self.failureResultOf(self.here.manifests.get(self.manifest.digest), ManifestUnknown)

    def test_signatures(self) -> None:
        """Old signatures below a manifest's link stay where they are, and are nothing to us."""
        signature = Digest.of(b"a signature")
        below = layout.revision_link(NAME, self.manifest.digest).removesuffix("/link")
        path = f"{below}/signatures/sha256/{signature.encoded}/link"
        self.put(path, str(signature))
        self.assertEqual(done(self.here.manifests.get(self.manifest.digest)), self.manifest)
        self.assertEqual(list(done(self.here.referrers.list(self.manifest.digest)).items), [])
        done(self.here.manifests.delete(self.manifest.digest))
        self.failureResultOf(self.here.manifests.get(self.manifest.digest), ManifestUnknown)
        self.assertIn(path, tree(self.driver))

    def test_parts_of_tags(self) -> None:
        """A tag is where its current link leads, however much else of it there is; any tag can be removed."""
        self.put(layout.tag_current(NAME, Tag("alone")), str(self.manifest.digest))
        self.put(layout.tag_index(NAME, Tag("past"), self.manifest.digest), str(self.manifest.digest))
        self.put(layout.tag_current(NAME, Tag("dangling")), str(Digest.of(b"nothing")))
        self.assertEqual(list(done(self.here.tags.list()).items), ["alone", "dangling", "past", "v1"])
        self.assertEqual(done(self.here.tags.get(Tag("alone"))), self.manifest.digest)
        self.failureResultOf(self.here.tags.get(Tag("past")), TagUnknown)
        self.assertEqual(list(done(self.here.tags.lookup(self.manifest.digest))), [Tag("alone"), TAG])
        for name in ("alone", "past", "dangling"):
            done(self.here.tags.untag(Tag(name)))
        self.assertEqual(list(done(self.here.tags.list()).items), ["v1"])

    def test_sessions(self) -> None:
        """A session needs its data and its start; hash states that mean nothing are ignored."""
        for parts in (
            {"data": b"abc"},
            {"startedat": STARTED},
            {"hashstates/sha256/3": b"x" * 108},
            {"data": b"abc", "startedat": b""},
            {"data": b"abc", "startedat": b"yesterday"},
            {"data": b"abc", "startedat": STARTED + b" " * 100},
        ):
            id = str(uuid4())
            for part, content in parts.items():
                self.put(f"{layout.upload(NAME, id)}/{part}", content)
            self.failureResultOf(self.here.uploads.status(id), UploadUnknown)
            self.failureResultOf(self.here.uploads.resume(id), UploadUnknown)
        for state in (b"", b"x" * 108, b"sha\x03" + b"x" * 104, b"x" * 5000):
            id = str(uuid4())
            for part, content in (("data", b"abc"), ("startedat", STARTED), ("hashstates/sha256/3", state)):
                self.put(f"{layout.upload(NAME, id)}/{part}", content)
            self.put(f"{layout.upload(NAME, id)}/hashstates/md5/junk", b"junk")
            self.assertEqual(done(self.here.uploads.status(id)).size, 3)
            receive(self.here, id, b"def")
            upload = done(self.here.uploads.resume(id))
            self.assertEqual(done(upload.commit(Digest.of(b"abcdef"))).size, 6)
            self.failureResultOf(self.here.uploads.status(id), UploadUnknown)
            self.assertEqual([path for path in tree(self.driver) if id in path], [])

    def test_nested(self) -> None:
        """Repositories below others are their own, down to names of one letter."""
        names = ["library", NAME.text, f"{NAME}/x", "x", "x/0"]
        for name in names:
            done(self.namespace.repository(RepositoryName(name)).manifests.put(bare(name), [TAG]))
        for name in ("Upper", "x/_private/y", "under___score"):
            self.put(f"{layout.REPOSITORIES}/{name}/_manifests/tags/v1/current/link")
        self.assertEqual(list(done(Catalog(self.driver).repositories()).items), names)
        for name in names:
            there = self.namespace.repository(RepositoryName(name))
            self.assertEqual(done(there.tags.get(TAG)), bare(name).digest)
            done(there.tags.untag(TAG))
            self.failureResultOf(there.tags.get(TAG), TagUnknown)

    def test_content_in_the_way(self) -> None:
        """Content where a link's or a blob's directory should be is no link and no blob."""
        for digest, path in (
            (Digest.of(b"1"), layout.layer_link(NAME, Digest.of(b"1")).removesuffix("/link")),
            (Digest.of(b"2"), layout.blob_directory(Digest.of(b"2"))),
            (Digest.of(b"3"), layout.layer_link(NAME, Digest.of(b"3")) + "/below"),
            (Digest.of(b"4"), layout.blob_data(Digest.of(b"4")) + "/below"),
        ):
            self.put(path)
            for link in (layout.layer_link(NAME, digest), layout.revision_link(NAME, digest)):
                if not path.startswith(link.removesuffix("/link")):
                    self.put(link, str(digest))
            self.failureResultOf(self.here.blobs.stat(digest), BlobUnknown)
            self.failureResultOf(self.here.manifests.get(digest), ManifestUnknown)


def bare(name: str) -> Manifest:
    """A manifest that is another one for each *name*, and needs nothing."""
    return index(annotations={"name": name})


class OddDirectoryTests(OddTrees, SynchronousTestCase):
    """In files."""

    def make_driver(self) -> IStorageDriver:
        return FilesystemDriver(self.mktemp(), InlineWorkers(), sleep=lambda _: None)


class OddMemoryTests(OddTrees, SynchronousTestCase):
    """In memory."""

    def make_driver(self) -> IStorageDriver:
        return InMemoryDriver()
