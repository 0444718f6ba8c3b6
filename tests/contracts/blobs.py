"""What every ``IBlobStore`` and ``IBlobServer`` of a repository promises."""

from __future__ import annotations

from tests.contracts.repositories import HERE, THERE, RepositoriesCase, descriptor_of, push_blob
from txregistry.errors import BlobUnknown
from txregistry.interfaces import IBlobServer
from txregistry.model.digest import EMPTY, OCTET_STREAM, Descriptor, Digest

CONTENT = bytes(range(256)) * 20


class BlobStoreContract(RepositoriesCase):
    """Mix in beside a ``SynchronousTestCase``."""

    def test_stat(self) -> None:
        """A pushed blob is described by its digest, its size and the one media type of blobs."""
        here = self.make_namespace().repository(HERE)
        self.successResultOf(push_blob(here, CONTENT))
        descriptor = self.successResultOf(here.blobs.stat(Digest.of(CONTENT)))
        self.assertEqual(descriptor, Descriptor(OCTET_STREAM, Digest.of(CONTENT), len(CONTENT)))

    def test_stat_of_empty_blob(self) -> None:
        """Nothing at all can be a blob."""
        here = self.make_namespace().repository(HERE)
        self.successResultOf(push_blob(here, b""))
        self.assertEqual(self.successResultOf(here.blobs.stat(EMPTY)), Descriptor(OCTET_STREAM, EMPTY, 0))

    def test_look(self) -> None:
        """A look finds what there is, and only that."""
        here = self.make_namespace().repository(HERE)
        self.failureResultOf(here.blobs.look(Digest.of(CONTENT)), BlobUnknown)
        pushed = self.successResultOf(push_blob(here, CONTENT))
        self.assertEqual(self.successResultOf(here.blobs.look(pushed.digest)), pushed)
        self.successResultOf(here.blobs.delete(pushed.digest))
        self.failureResultOf(here.blobs.look(pushed.digest), BlobUnknown)

    def test_unknown(self) -> None:
        """A blob that nobody pushed is unknown, and the error says which."""
        here = self.make_namespace().repository(HERE)
        failure = self.failureResultOf(here.blobs.stat(EMPTY), BlobUnknown)
        self.assertEqual(failure.value.digest, EMPTY)

    def test_other_algorithm(self) -> None:
        """A blob is stored under the digest by which it was pushed, and under no other."""
        here = self.make_namespace().repository(HERE)
        for algorithm in ("sha512", "sha384"):
            self.successResultOf(push_blob(here, CONTENT, algorithm))
            descriptor = self.successResultOf(here.blobs.stat(Digest.of(CONTENT, algorithm)))
            self.assertEqual(descriptor, descriptor_of(CONTENT, algorithm))
        self.failureResultOf(here.blobs.stat(Digest.of(CONTENT)), BlobUnknown)

    def test_other_repositories_do_not_see(self) -> None:
        """What one repository has, another has not."""
        namespace = self.make_namespace()
        self.successResultOf(push_blob(namespace.repository(HERE), CONTENT))
        self.failureResultOf(namespace.repository(THERE).blobs.stat(Digest.of(CONTENT)), BlobUnknown)

    def test_mount(self) -> None:
        """A mounted blob is visible in both repositories, each by itself."""
        namespace = self.make_namespace()
        here, there = namespace.repository(HERE), namespace.repository(THERE)
        pushed = self.successResultOf(push_blob(here, CONTENT))
        self.assertEqual(self.successResultOf(there.blobs.mount(pushed.digest, HERE)), pushed)
        self.successResultOf(here.blobs.delete(pushed.digest))
        self.assertEqual(self.successResultOf(there.blobs.stat(pushed.digest)), pushed)

    def test_mount_from_without(self) -> None:
        """What the source does not have cannot be mounted, wherever else it is."""
        namespace = self.make_namespace()
        here, there = namespace.repository(HERE), namespace.repository(THERE)
        pushed = self.successResultOf(push_blob(here, CONTENT))
        self.failureResultOf(here.blobs.mount(pushed.digest, THERE), BlobUnknown)
        self.failureResultOf(there.blobs.mount(EMPTY, HERE), BlobUnknown)
        self.failureResultOf(there.blobs.stat(EMPTY), BlobUnknown)

    def test_link(self) -> None:
        """Linking makes content visible; doing it again changes nothing."""
        namespace = self.make_namespace()
        pushed = self.successResultOf(push_blob(namespace.repository(HERE), CONTENT))
        there = namespace.repository(THERE)
        for _ in range(2):
            self.successResultOf(there.blobs.link(pushed))
            self.assertEqual(self.successResultOf(there.blobs.stat(pushed.digest)), pushed)

    def test_deletable(self) -> None:
        """What there is can be deleted, and is there still when somebody asked for that."""
        here = self.make_namespace().repository(HERE)
        self.failureResultOf(here.blobs.deletable(Digest.of(CONTENT)), BlobUnknown)
        pushed = self.successResultOf(push_blob(here, CONTENT))
        for _ in range(2):
            self.assertEqual(self.successResultOf(here.blobs.deletable(pushed.digest)), pushed)
        self.assertEqual(self.successResultOf(here.blobs.stat(pushed.digest)), pushed)
        self.successResultOf(here.blobs.delete(pushed.digest))
        self.failureResultOf(here.blobs.deletable(pushed.digest), BlobUnknown)

    def test_delete(self) -> None:
        """A deleted blob is unknown, until it is pushed again."""
        here = self.make_namespace().repository(HERE)
        pushed = self.successResultOf(push_blob(here, CONTENT))
        self.successResultOf(here.blobs.delete(pushed.digest))
        self.failureResultOf(here.blobs.stat(pushed.digest), BlobUnknown)
        self.failureResultOf(here.blobs.delete(pushed.digest), BlobUnknown)
        self.successResultOf(push_blob(here, CONTENT))
        self.assertEqual(self.successResultOf(here.blobs.stat(pushed.digest)), pushed)


class BlobServerContract(RepositoriesCase):
    """Mix in beside a ``SynchronousTestCase``."""

    def served(self, server: IBlobServer, digest: Digest) -> bytes:
        """The content that a client gets from *server* itself."""
        served = self.successResultOf(server.serve(digest, "GET"))
        self.assertIsNone(served.redirect)
        reader = self.successResultOf(server.open(served.descriptor))
        self.addCleanup(reader.close)
        self.assertEqual(reader.size, served.descriptor.size)
        content: bytes = self.successResultOf(reader.read(0, reader.size))
        return content

    def test_serves(self) -> None:
        """A client gets exactly what was pushed."""
        here = self.make_namespace().repository(HERE)
        for content in (CONTENT, b""):
            self.successResultOf(push_blob(here, content))
            self.assertEqual(self.served(here.server, Digest.of(content)), content)

    def test_reads_ranges(self) -> None:
        """A reader gives any part of the content."""
        here = self.make_namespace().repository(HERE)
        pushed = self.successResultOf(push_blob(here, CONTENT))
        reader = self.successResultOf(here.server.open(pushed))
        for offset, length in ((0, 1), (255, 3), (len(CONTENT) - 1, 1), (len(CONTENT), 0)):
            part = self.successResultOf(reader.read(offset, length))
            self.assertEqual(part, CONTENT[offset : offset + length])
        reader.close()
        reader.close()

    def test_serves_what_is_visible(self) -> None:
        """What the repository does not see is not served, though it is stored."""
        namespace = self.make_namespace()
        here, there = namespace.repository(HERE), namespace.repository(THERE)
        pushed = self.successResultOf(push_blob(here, CONTENT))
        self.failureResultOf(there.server.serve(pushed.digest, "GET"), BlobUnknown)
        self.successResultOf(here.blobs.delete(pushed.digest))
        self.failureResultOf(here.server.serve(pushed.digest, "HEAD"), BlobUnknown)

    def test_open_unknown(self) -> None:
        """A descriptor of nothing opens nothing."""
        here = self.make_namespace().repository(HERE)
        self.failureResultOf(here.server.open(descriptor_of(CONTENT)), BlobUnknown)
