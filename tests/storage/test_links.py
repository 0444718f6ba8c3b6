"""Tests for what a repository sees of the shared blobs, beyond the contracts."""

from __future__ import annotations

from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.repositories import push_blob
from tests.storage.making import NAME, make_namespace, make_repository, tree
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import BlobUnknown, Unsupported
from txregistry.interfaces import IStorageDriver
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.names import RepositoryName
from txregistry.storage import layout
from txregistry.storage.blobs import SharedBlobs
from txregistry.storage.links import LinkedBlobs
from txregistry.storage.namespace import Rules

CONTENT = b"a layer"
DIGEST, ALIAS = Digest.of(CONTENT), Digest.of(CONTENT, "sha512")
OTHER = RepositoryName("other")


class LinkTests(SynchronousTestCase):
    """What links mean."""

    def setUp(self) -> None:
        self.driver = InMemoryDriver()
        self.here = make_repository(self.driver)
        self.successResultOf(push_blob(self.here, CONTENT))

    def alias(self) -> None:
        """Leave a link as distribution does for a blob pushed by sha512."""
        path = layout.layer_link(NAME, ALIAS)
        self.successResultOf(self.driver.put(path, str(DIGEST).encode()))

    def test_alias(self) -> None:
        """An alias leads to the content that it names, which is served as such."""
        self.alias()
        expected = Descriptor(OCTET_STREAM, DIGEST, len(CONTENT))
        self.assertEqual(self.successResultOf(self.here.blobs.stat(ALIAS)), expected)
        served = self.successResultOf(self.here.server.serve(ALIAS, "GET"))
        self.assertEqual(served.descriptor, expected)
        self.successResultOf(self.here.server.open(served.descriptor)).close()

    def test_alias_is_mounted_whole(self) -> None:
        """An alias mounted elsewhere can be asked for there by either digest."""
        self.alias()
        other = make_namespace(self.driver).repository(OTHER)
        self.successResultOf(other.blobs.mount(ALIAS, NAME))
        for digest in (ALIAS, DIGEST):
            self.assertEqual(self.successResultOf(other.blobs.stat(digest)).digest, DIGEST)
        link = self.successResultOf(self.driver.get(layout.layer_link(OTHER, ALIAS), 200))
        self.assertEqual(link, str(DIGEST).encode())

    def test_broken_link(self) -> None:
        """A link that holds no digest is none, so that clients push the blob again, which repairs it."""
        for content in (b"", b"sha256:"):
            self.successResultOf(self.driver.put(layout.layer_link(NAME, DIGEST), content))
            self.failureResultOf(self.here.blobs.stat(DIGEST), BlobUnknown)
            self.failureResultOf(self.here.server.serve(DIGEST, "GET"), BlobUnknown)
            other = make_namespace(self.driver).repository(OTHER)
            self.failureResultOf(other.blobs.mount(DIGEST, NAME), BlobUnknown)
            self.successResultOf(push_blob(self.here, CONTENT))
            self.assertEqual(self.successResultOf(self.here.blobs.stat(DIGEST)).digest, DIGEST)

    def test_lying_alias(self) -> None:
        """What a link says counts, wherever it lies; a push by the other digest makes the link its own."""
        self.alias()
        self.successResultOf(push_blob(self.here, CONTENT, "sha512"))
        self.assertEqual(self.successResultOf(self.here.blobs.stat(ALIAS)).digest, ALIAS)
        self.assertEqual(self.successResultOf(self.here.blobs.stat(DIGEST)).digest, DIGEST)

    def test_dangling_link(self) -> None:
        """A link to content that a collector took away is no blob; the error names what was asked for."""
        self.alias()
        self.successResultOf(self.driver.delete(layout.blob_directory(DIGEST)))
        for digest in (DIGEST, ALIAS):
            failure = self.failureResultOf(self.here.blobs.stat(digest), BlobUnknown)
            self.assertEqual(failure.value.digest, digest)
        self.failureResultOf(self.here.blobs.delete(DIGEST), BlobUnknown)

    def test_delete_removes_the_link_only(self) -> None:
        """Deleting a blob takes one link away; its content is for the collector."""
        before = tree(self.driver)
        self.successResultOf(self.here.blobs.delete(DIGEST))
        gone = before.keys() - tree(self.driver).keys()
        self.assertEqual(gone, {layout.layer_link(NAME, DIGEST)})

    def test_deletion_switched_off(self) -> None:
        """Where deletion is off, nothing is deleted, and nothing is told about what exists."""
        here = make_repository(self.driver, Rules())
        self.failureResultOf(here.blobs.delete(DIGEST), Unsupported)
        self.failureResultOf(here.blobs.delete(ALIAS), Unsupported)
        self.failureResultOf(here.blobs.deletable(DIGEST), Unsupported)
        self.failureResultOf(here.blobs.deletable(ALIAS), Unsupported)
        self.successResultOf(here.blobs.stat(DIGEST))

    def test_enumeration(self) -> None:
        """Links are listed by the digest under which they lie."""
        self.alias()
        links = LinkedBlobs(NAME, self.driver, SharedBlobs(self.driver), delete_enabled=True)
        self.assertEqual(self.successResultOf(links.digests("sha256")).items, (DIGEST,))
        self.assertEqual(self.successResultOf(links.digests("sha512")).items, (ALIAS,))
        self.successResultOf(links.delete(DIGEST))
        self.assertEqual(self.successResultOf(links.digests("sha256")).items, ())


class RedirectingDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """Lets clients fetch by themselves, but does not answer HEAD so."""

    async def redirect_url(self, path: str, method: str) -> str | None:
        return f"https://storage.example{path}" if method == "GET" else None


class RedirectTests(SynchronousTestCase):
    """Sending clients to the storage."""

    def setUp(self) -> None:
        self.driver = RedirectingDriver(InMemoryDriver())
        self.successResultOf(push_blob(make_repository(self.driver), CONTENT))

    def test_redirect(self) -> None:
        """If the driver knows a URL for the content, it is handed out with what is known of the blob."""
        here = make_repository(self.driver)
        served = self.successResultOf(here.server.serve(DIGEST, "GET"))
        self.assertEqual(served.redirect, f"https://storage.example{layout.blob_data(DIGEST)}")
        self.assertEqual(served.descriptor.size, len(CONTENT))
        self.assertIsNone(self.successResultOf(here.server.serve(DIGEST, "HEAD")).redirect)

    def test_unknown_first(self) -> None:
        """Nobody is sent to a blob that the repository does not have."""
        other = make_namespace(self.driver).repository(OTHER)
        self.failureResultOf(other.server.serve(DIGEST, "GET"), BlobUnknown)

    def test_switched_off(self) -> None:
        """Where redirects are off, the registry serves by itself."""
        here = make_repository(self.driver, Rules(redirect_enabled=False))
        self.assertIsNone(self.successResultOf(here.server.serve(DIGEST, "GET")).redirect)
