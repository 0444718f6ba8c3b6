"""Tests for the search for a repository that has a blob."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.contracts.repositories import push_blob
from tests.storage.faulty import FaultyDriver
from tests.storage.making import done, make_namespace
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IBlobFinder
from txregistry.model.digest import Digest
from txregistry.model.names import RepositoryName
from txregistry.storage import layout
from txregistry.storage.finding import BlobFinder

CONTENT = b"a layer"
DIGEST = Digest.of(CONTENT)


class BlobFinderTests(SynchronousTestCase):
    """A registry in memory, and the search in it."""

    def setUp(self) -> None:
        self.driver = FaultyDriver(InMemoryDriver())
        self.namespace = make_namespace(self.driver)

    def push(self, name: str, content: bytes = CONTENT) -> None:
        done(push_blob(self.namespace.repository(RepositoryName(name)), content))

    def found(self, digest: Digest = DIGEST, patience: int = 100) -> str | None:
        name = done(BlobFinder(self.driver, patience).repository_with(digest))
        return None if name is None else name.text

    def test_provides(self) -> None:
        """It declares and keeps the signature of ``IBlobFinder``."""
        self.assertTrue(verifyObject(IBlobFinder, BlobFinder(self.driver)))

    def test_found(self) -> None:
        """A repository with the blob is found at any depth, beside and below those without it."""
        for name in ("a", "a/b/c", "z/y", "Registry.test/a"):
            self.setUp()
            self.assertIsNone(self.found())
            for other in ("a", "b", "a/b", "a/d", "z"):
                self.push(other, b"another")
            self.push(name)
            self.assertEqual(self.found(), name)

    def test_any_algorithm(self) -> None:
        """Blobs are found by the digest under which they are stored."""
        digest = Digest.of(CONTENT, "sha512")
        done(push_blob(self.namespace.repository(RepositoryName("a")), CONTENT, "sha512"))
        self.assertEqual(self.found(digest), "a")
        self.assertIsNone(self.found())

    def test_deleted(self) -> None:
        """Content without a link is not found."""
        for name in ("a", "b"):
            self.push(name)
        for name in ("a", "b"):
            self.assertIsNotNone(self.found())
            done(self.namespace.repository(RepositoryName(name)).blobs.delete(DIGEST))
        self.assertIsNone(self.found())

    def test_not_stored(self) -> None:
        """What is not stored is not searched for, whatever links there are."""
        self.push("a")
        done(self.driver.delete(layout.blob_data(DIGEST)))
        self.driver.calls.clear()
        self.assertIsNone(self.found())
        self.assertNotIn("list", [call for call, _ in self.driver.calls])

    def test_patience(self) -> None:
        """The search ends after so many repositories."""
        for number in range(9):
            self.push(f"r{number}", b"another")
        self.push("r0/deep")
        self.assertEqual(self.found(patience=100), "r0/deep")
        self.driver.calls.clear()
        self.assertIsNone(self.found(patience=5))
        self.assertLess(len(self.driver.calls), 20)

    def test_foreign_names(self) -> None:
        """Directories that no repository can have are passed over."""
        self.push("a", b"another")
        self.push("ok")
        for name in ("UPPER", "a-", "..a", "_layers"):
            done(self.driver.put(f"{layout.REPOSITORIES}/{name}/_layers/sha256/{DIGEST.encoded}/link", b"x"))
        self.assertEqual(self.found(), "ok")
