"""Tests for tags over storage, beyond the contract."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import InlineWorkers
from tests.storage.faulty import FaultyDriver
from tests.storage.making import NAME, make_repository, tree
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import NameUnknown, PathNotFound, StorageFull, TagUnknown, Unsupported
from txregistry.interfaces import IStorageDriver
from txregistry.model.digest import Digest
from txregistry.model.names import Page, Tag
from txregistry.storage import layout
from txregistry.storage import tags as tags_module
from txregistry.storage.namespace import Rules

ONE, OTHER = Digest.of(b"one"), Digest.of(b"other")
TAG = Tag("v1")


class _Listing(FaultyDriver):
    """Notes which pages it was asked for."""

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.asked: list[tuple[str, int]] = []

    async def list(self, path: str, after: str = "", limit: int = 1000) -> Any:
        self.asked.append((after, limit))
        return await self._driver.list(path, after, limit)


class TagFilesTests(SynchronousTestCase):
    """What tags are in storage."""

    def setUp(self) -> None:
        self.driver = FaultyDriver(InMemoryDriver())
        self.tags = make_repository(self.driver).tags

    def put(self, path: str, content: bytes) -> None:
        self.successResultOf(self.driver.put(path, content))

    def test_files(self) -> None:
        """A tag has a link to what it points to, and one for everything that it ever pointed to."""
        self.successResultOf(self.tags.tag(TAG, ONE))
        self.successResultOf(self.tags.tag(TAG, OTHER))
        self.assertEqual(
            tree(self.driver),
            {
                layout.tag_current(NAME, TAG): str(OTHER).encode(),
                layout.tag_index(NAME, TAG, ONE): str(ONE).encode(),
                layout.tag_index(NAME, TAG, OTHER): str(OTHER).encode(),
            },
        )

    def test_moved_by_others(self) -> None:
        """Another process may move a tag at any time."""
        self.successResultOf(self.tags.tag(TAG, ONE))
        self.put(layout.tag_current(NAME, TAG), str(OTHER).encode())
        self.assertEqual(self.successResultOf(self.tags.get(TAG)), OTHER)

    def test_failed_move(self) -> None:
        """A tag that could not be moved points to where it did."""
        self.successResultOf(self.tags.tag(TAG, ONE))
        self.driver.broken.add(("put", "/current/"))
        self.failureResultOf(self.tags.tag(TAG, OTHER), StorageFull)
        self.assertEqual(self.successResultOf(self.tags.get(TAG)), ONE)

    def test_without_current_link(self) -> None:
        """A tag of which only the index is left is listed but points nowhere."""
        self.put(layout.tag_index(NAME, TAG, ONE), str(ONE).encode())
        self.assertEqual(self.successResultOf(self.tags.list()), Page(("v1",)))
        self.failureResultOf(self.tags.get(TAG), TagUnknown)
        self.assertEqual(list(self.successResultOf(self.tags.lookup(ONE))), [])
        self.successResultOf(self.tags.untag(TAG))
        self.failureResultOf(self.tags.list(), NameUnknown)

    def test_strangers(self) -> None:
        """What is no tag is not listed."""
        self.successResultOf(self.tags.tag(TAG, ONE))
        self.put(f"{layout.tags(NAME)}/.hidden/current/link", b"")
        self.put(f"{layout.tags(NAME)}/a-file", b"")
        self.assertEqual(self.successResultOf(self.tags.list()), Page(("v1",)))
        self.assertEqual(self.successResultOf(self.tags.list("", 1)), Page(("v1",)))

    def test_broken_link(self) -> None:
        """A tag whose link is broken leads nowhere, and does not keep others from being found."""
        for name in ("a", "b", "c"):
            self.successResultOf(self.tags.tag(Tag(name), ONE))
        self.put(layout.tag_current(NAME, Tag("b")), b"junk")
        self.failureResultOf(self.tags.get(Tag("b")), TagUnknown)
        self.assertEqual(list(self.successResultOf(self.tags.lookup(ONE))), [Tag("a"), Tag("c")])
        self.successResultOf(self.tags.tag(Tag("b"), ONE))
        self.assertEqual(self.successResultOf(self.tags.get(Tag("b"))), ONE)

    def test_switched_off(self) -> None:
        """Where deletion is off, tags stay."""
        tags = make_repository(self.driver, Rules()).tags
        self.successResultOf(tags.tag(TAG, ONE))
        self.failureResultOf(tags.untag(TAG), Unsupported)
        self.failureResultOf(tags.untag(Tag("none")), Unsupported)
        self.assertEqual(self.successResultOf(tags.get(TAG)), ONE)

    def test_many(self) -> None:
        """More tags than a driver lists at once are all listed, and in pages."""
        names = sorted(f"t{number}" for number in range(2300))
        for name in names:
            self.put(layout.tag_current(NAME, Tag(name)), str(ONE).encode())
        self.assertEqual(self.successResultOf(self.tags.list()), Page(names))
        self.assertEqual(self.successResultOf(self.tags.list("", 2299)), Page(names[:2299], True))
        self.assertEqual(len(self.successResultOf(self.tags.lookup(ONE))), 2300)

    def test_page_reads_a_page(self) -> None:
        """A page of tags does not list what lies before it, nor all that follows."""
        for number in range(50):
            self.put(layout.tag_current(NAME, Tag(f"t{number:02}")), str(ONE).encode())
        listing = _Listing(self.driver)
        page = self.successResultOf(make_repository(listing).tags.list("t20", 3))
        self.assertEqual(page, Page(("t21", "t22", "t23"), True))
        self.assertEqual(listing.asked, [("t20", 4)])

    def test_few_pages(self) -> None:
        """All of many tags are read in few pages: file systems read the whole directory for each of them."""
        self.patch(tags_module, "_PAGE", 2)
        for number in range(1000):
            self.put(layout.tag_current(NAME, Tag(f"t{number:03}")), str(ONE).encode())
        for limit in (None, 999):
            listing = _Listing(self.driver)
            page = self.successResultOf(make_repository(listing).tags.list("", limit))
            self.assertEqual(page.items, tuple(f"t{number:03}" for number in range(limit or 1000)))
            self.assertLess(len(listing.asked), 6)


class FilesystemTagsTests(SynchronousTestCase):
    """What file systems do differently: directories outlive what was in them."""

    def test_all_removed(self) -> None:
        """A repository whose tags are all gone has an empty list of them."""
        driver = FilesystemDriver(self.mktemp(), InlineWorkers())
        tags = make_repository(driver).tags
        self.successResultOf(tags.tag(TAG, ONE))
        self.successResultOf(tags.untag(TAG))
        self.assertEqual(self.successResultOf(tags.list()), Page(()))
        self.failureResultOf(tags.untag(TAG), TagUnknown)
        self.failureResultOf(driver.stat(layout.tag(NAME, TAG)), PathNotFound)
