"""Tests for the storage layout: the paths that distribution uses, and the way back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import digests, repository_names, tags
from txregistry.model.digest import Digest
from txregistry.model.names import RepositoryName, Tag
from txregistry.storage import layout
from txregistry.storage.layout import BlobPlace, LayerPlace, RevisionPlace, TagPlace, UploadPlace, locate

HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DIGEST = Digest("sha256", HEX)
NAME, TAG = RepositoryName("library/hello"), Tag("v1")
ID = "0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11"
HERE = "/docker/registry/v2/repositories/library/hello"


class PathTests(SynchronousTestCase):
    """The paths, letter by letter."""

    def test_paths(self) -> None:
        """Each thing is where distribution looks for it."""
        wide = Digest("sha512", "ab" * 64)
        for path, expected in (
            (layout.blob_data(DIGEST), f"/docker/registry/v2/blobs/sha256/9f/{HEX}/data"),
            (layout.blob_data(wide), f"/docker/registry/v2/blobs/sha512/ab/{'ab' * 64}/data"),
            (layout.blob_directory(DIGEST), f"/docker/registry/v2/blobs/sha256/9f/{HEX}"),
            (layout.blobs_of("sha256"), "/docker/registry/v2/blobs/sha256"),
            (layout.blobs_shelf("sha256", "9f"), "/docker/registry/v2/blobs/sha256/9f"),
            (layout.repository(NAME), HERE),
            (layout.layers(NAME), f"{HERE}/_layers"),
            (layout.layers_of(NAME, "sha256"), f"{HERE}/_layers/sha256"),
            (layout.layer_link(NAME, DIGEST), f"{HERE}/_layers/sha256/{HEX}/link"),
            (layout.manifests(NAME), f"{HERE}/_manifests"),
            (layout.revisions_of(NAME, "sha256"), f"{HERE}/_manifests/revisions/sha256"),
            (layout.revision_link(NAME, DIGEST), f"{HERE}/_manifests/revisions/sha256/{HEX}/link"),
            (layout.tags(NAME), f"{HERE}/_manifests/tags"),
            (layout.tag(NAME, TAG), f"{HERE}/_manifests/tags/v1"),
            (layout.tag_current(NAME, TAG), f"{HERE}/_manifests/tags/v1/current/link"),
            (layout.tag_index(NAME, TAG, DIGEST), f"{HERE}/_manifests/tags/v1/index/sha256/{HEX}/link"),
            (layout.uploads(NAME), f"{HERE}/_uploads"),
            (layout.upload(NAME, ID), f"{HERE}/_uploads/{ID}"),
            (layout.upload_data(NAME, ID), f"{HERE}/_uploads/{ID}/data"),
            (layout.upload_started(NAME, ID), f"{HERE}/_uploads/{ID}/startedat"),
            (layout.upload_state(NAME, ID, 90), f"{HERE}/_uploads/{ID}/hashstates/sha256/90"),
        ):
            self.assertEqual(path, expected)


class LocateTests(SynchronousTestCase):
    """From a path to what it stores."""

    @given(digests())
    def test_blobs(self, digest: Digest) -> None:
        """Every blob is found again from its path."""
        self.assertEqual(locate(layout.blob_data(digest)), BlobPlace(digest))

    @given(repository_names(), digests())
    def test_links(self, name: RepositoryName, digest: Digest) -> None:
        """Every blob link and manifest link is found again, however its repository is called."""
        self.assertEqual(locate(layout.layer_link(name, digest)), LayerPlace(name, digest))
        self.assertEqual(locate(layout.revision_link(name, digest)), RevisionPlace(name, digest))

    @given(repository_names(), tags(), digests())
    def test_tags(self, name: RepositoryName, tag: Tag, digest: Digest) -> None:
        """Every tag is found again, and what it pointed to earlier."""
        self.assertEqual(locate(layout.tag_current(name, tag)), TagPlace(name, tag))
        self.assertEqual(locate(layout.tag_index(name, tag, digest)), TagPlace(name, tag, digest))

    @given(repository_names(), st.uuids(), st.integers(0, 1 << 62))
    def test_uploads(self, name: RepositoryName, id: object, size: int) -> None:
        """Every file of a session is found again."""
        text = str(id)
        self.assertTrue(layout.is_upload_id(text))
        for path, part in (
            (layout.upload_data(name, text), "data"),
            (layout.upload_started(name, text), "startedat"),
            (layout.upload_state(name, text, size), f"hashstates/sha256/{size}"),
        ):
            self.assertEqual(locate(path), UploadPlace(name, text, part))

    def test_nothing_of_ours(self) -> None:
        """What the layout does not know is nothing, not a mistake."""
        for path in (
            "",
            "/",
            "/docker/registry/v2",
            "/scheduler-state.json",
            layout.blob_directory(DIGEST),
            f"{layout.blob_data(DIGEST)}\n",
            f"/docker/registry/v2/blobs/sha256/00/{HEX}/data",
            "/docker/registry/v2/blobs/sha256/9f/9f/data",
            f"/docker/registry/v2/blobs/md5/9f/{HEX}/data",
            f"{HERE}/_layers/sha256/{HEX[:-1]}/link",
            f"{HERE}/_manifests/revisions/sha256/{HEX}/signatures/sha256/{HEX}/link",
            f"{HERE}/_manifests/tags/.v1/current/link",
            f"{HERE}/_uploads/not-an-id/data",
            f"/docker/registry/v2/repositories/UPPER/lower/UPPER/_layers/sha256/{HEX}/link",
            f"/docker/registry/v2/repositories/_layers/sha256/{HEX}/link",
        ):
            self.assertIsNone(locate(path), path)


class NamedTests(SynchronousTestCase):
    """From a listed name to what it stands for."""

    @given(digests())
    def test_digests(self, digest: Digest) -> None:
        """A digest's directory is named by its encoded part."""
        self.assertEqual(layout.digest_named(digest.algorithm, digest.encoded), digest)

    @given(tags())
    def test_tags(self, tag: Tag) -> None:
        """A tag's directory has its name."""
        self.assertEqual(layout.tag_named(tag.text), tag)

    def test_strange_names(self) -> None:
        """Names that stand for nothing are passed over."""
        self.assertIsNone(layout.digest_named("sha256", "9f"))
        self.assertIsNone(layout.digest_named("sha512", HEX))
        self.assertIsNone(layout.digest_named("md5", HEX))
        self.assertIsNone(layout.tag_named(".hidden"))
        for id in ("", "x", ID[:-1], f"{ID}\n", f"{ID}/..", ID.replace("-", "")):
            self.assertFalse(layout.is_upload_id(id), id)

    def test_repository_components(self) -> None:
        """The layout's own directories, and what could lead out of it, are not parts of names."""
        for name in ("a", "0", "a-b", "Example.com"):
            self.assertTrue(layout.is_repository_component(name), name)
        for name in ("", "_manifests", "_x", ".", "..", ".a", "a/b", "a\n", "a\0", "ä"):
            self.assertFalse(layout.is_repository_component(name), name)

    def test_shelves(self) -> None:
        """Blobs lie on shelves of two hex characters."""
        self.assertTrue(layout.is_shelf("9f"))
        for name in ("", "9", "9F", "9fa", "..", "9f\n"):
            self.assertFalse(layout.is_shelf(name), name)
