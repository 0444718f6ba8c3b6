"""Tests for link files."""

from __future__ import annotations

from hypothesis import given
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import digests
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import LinkInvalid, PathNotFound
from txregistry.model.digest import Digest
from txregistry.storage.linkfile import present, read_link, stored_digests, write_link

PATH = "/some/link"


class LinkFileTests(SynchronousTestCase):
    """Reading and writing one link."""

    def setUp(self) -> None:
        self.driver = InMemoryDriver()

    @given(digests())
    def test_inverse(self, digest: Digest) -> None:
        """What was written is read, and is nothing but the digest's text."""
        self.successResultOf(write_link(self.driver, PATH, digest))
        self.assertEqual(self.successResultOf(read_link(self.driver, PATH)), digest)
        content = self.successResultOf(self.driver.get(PATH, 1000))
        self.assertEqual(content, str(digest).encode())

    def test_missing(self) -> None:
        """No link is not a broken link."""
        self.failureResultOf(read_link(self.driver, PATH), PathNotFound)
        self.assertFalse(self.successResultOf(present(self.driver, PATH)))

    def test_line_end(self) -> None:
        """A line end, as editors leave one, does not change what a link says."""
        digest = Digest.of(b"")
        for end in ("\n", "\r\n"):
            self.successResultOf(self.driver.put(PATH, f"{digest}{end}".encode()))
            self.assertEqual(self.successResultOf(read_link(self.driver, PATH)), digest)

    def test_broken(self) -> None:
        """Whatever else is not exactly a digest is as good as no link, and the log says where it lies."""
        text = str(Digest.of(b"")).encode()
        for content in (
            b"",
            b"\n",
            text + b"\n\n",
            text + b"\n" + text,
            text + b"\0",
            b" " + text,
            text[:-1],
            text.upper(),
            text.replace(b"sha256", b"md5"),
            b"\xff" * 71,
            b"x" * 100_000,
        ):
            self.successResultOf(self.driver.put(PATH, content))
            with capturedLogs() as logged:
                failure = self.failureResultOf(read_link(self.driver, PATH), LinkInvalid)
            self.assertIsInstance(failure.value, PathNotFound)
            self.assertEqual((failure.value.path, logged[0]["path"]), (PATH, PATH))


class StoredDigestsTests(SynchronousTestCase):
    """Listing the digests for which something is stored."""

    def setUp(self) -> None:
        self.driver = InMemoryDriver()
        self.known = sorted(Digest.of(b"%d" % number).encoded for number in range(25))
        for encoded in self.known:
            self.successResultOf(self.driver.put(f"/links/{encoded}/link", b"whatever"))

    def listed(self, after: str, limit: int) -> tuple[list[str], bool]:
        page = self.successResultOf(
            stored_digests(
                self.driver,
                "/links",
                "sha256",
                lambda digest: f"/links/{digest.encoded}/link",
                after,
                limit,
            )
        )
        return [digest.encoded for digest in page.items], page.more

    def test_all(self) -> None:
        """All are listed in order."""
        self.assertEqual(self.listed("", 1000), (self.known, False))

    def test_pages(self) -> None:
        """Pages of any size visit each once, and the last says that it is the last."""
        for size in (1, 4, 24, 25, 26):
            seen: list[str] = []
            more = True
            while more:
                page, more = self.listed(seen[-1] if seen else "", size)
                self.assertLessEqual(len(page), size)
                seen += page
            self.assertEqual(seen, self.known)

    def test_passed_over(self) -> None:
        """Names that are no digests, and digests of which only a directory is left, do not count."""
        self.successResultOf(self.driver.put("/links/0000/link", b""))
        self.successResultOf(self.driver.put(f"/links/{'0' * 64}/signatures/link", b""))
        self.successResultOf(self.driver.put(f"/links/{'f' * 64}/signatures/link", b""))
        self.assertEqual(self.listed("", 3), (self.known[:3], True))
        self.assertEqual(self.listed("", 25), (self.known, False))

    def test_nothing(self) -> None:
        """Where nothing is stored, nothing is listed."""
        self.driver = InMemoryDriver()
        self.assertEqual(self.listed("", 10), ([], False))
