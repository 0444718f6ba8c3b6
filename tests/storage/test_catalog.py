"""Tests for listing and removing repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.contracts.repositories import push_blob, push_image
from tests.fakes.workers import InlineWorkers
from tests.storage.making import done, make_namespace, tree
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import BlobUnknown, NameUnknown, UploadUnknown
from txregistry.interfaces import Entry, IRepositoryEnumerator, IRepositoryRemover, IStorageDriver
from txregistry.model.digest import Digest
from txregistry.model.names import Page, RepositoryName, Tag, listing_key
from txregistry.storage import layout
from txregistry.storage.catalog import Catalog, Remover

if TYPE_CHECKING:
    _Base = SynchronousTestCase
else:
    _Base = object

NAMES = ("a", "a/b", "a/b/c", "a-b", "a.b", "a0", "aa", "b/1x", "b/_", "zz9", "zz9/1x", "zz9/bx", "zza")
ORDERED = sorted((name for name in NAMES if "_" not in name), key=listing_key)

_COMPONENTS = st.sampled_from(("a", "0", "aa", "a-b", "a0", "b", "z", "a.b"))
_NAMES = st.lists(_COMPONENTS, min_size=1, max_size=4).map("/".join)


def fill(driver: IStorageDriver, names: list[str] | tuple[str, ...]) -> None:
    """Give each of *names* a tag."""
    for name in names:
        done(driver.put(f"{layout.repository(name)}/_manifests/tags/v1/current/link", b""))


def listed(driver: IStorageDriver, after: str = "", limit: int = 1000) -> tuple[list[str], bool]:
    """A page of the catalog."""
    page = done(Catalog(driver).repositories(after, limit))
    return list(page.items), page.more


class Listing:
    """Counts what is listed of a driver."""

    def __init__(self, driver: IStorageDriver) -> None:
        self._driver = driver
        self.listed: list[str] = []

    async def list(self, path: str, after: str = "", limit: int = 1000) -> Page[Entry]:
        self.listed.append(path.removeprefix(layout.REPOSITORIES).removeprefix("/"))
        return await self._driver.list(path, after, limit)


class _CatalogCase(_Base):
    """Walking over the repositories of any driver."""

    def make_driver(self) -> IStorageDriver:
        raise NotImplementedError

    def setUp(self) -> None:
        self.driver = self.make_driver()

    def test_provides(self) -> None:
        """The catalog declares and keeps its signatures."""
        self.assertTrue(verifyObject(IRepositoryEnumerator, Catalog(self.driver)))

    def test_empty(self) -> None:
        """Without a root there are no repositories, wherever one begins."""
        for after in ("", "a", "a/b"):
            self.assertEqual(listed(self.driver, after), ([], False))

    def test_order(self) -> None:
        """Parents come before their children, whatever these begin with; a child before longer siblings."""
        fill(self.driver, ORDERED)
        self.assertEqual(listed(self.driver), (ORDERED, False))
        self.assertEqual(ORDERED[:5], ["a", "a/b", "a/b/c", "a-b", "a.b"])
        self.assertEqual(ORDERED[-4:], ["zz9", "zz9/1x", "zz9/bx", "zza"])

    def test_pages(self) -> None:
        """Pages of any size visit each repository once, and the last says that it is the last."""
        fill(self.driver, ORDERED)
        for size in range(1, len(ORDERED) + 2):
            seen: list[str] = []
            more = True
            while more:
                page, more = listed(self.driver, seen[-1] if seen else "", size)
                self.assertLessEqual(len(page), size)
                seen += page
            self.assertEqual(seen, ORDERED)

    def test_what_is_a_repository(self) -> None:
        """Manifests make a repository; layers or uploads do not, nor does a name that breaks the grammar."""
        fill(self.driver, ["has/manifests"])
        for path in (
            "layers/_layers/sha256/x/link",
            "uploads/_uploads/x/data",
            "UPPER/lower/_NOT/_manifests/x",
            "low/UPPER/_manifests/tags/v1/current/link",
            "_manifests/tags/v1/current/link",
            "file",
            "afile/_manifests",
        ):
            done(self.driver.put(f"{layout.REPOSITORIES}/{path}", b""))
        self.assertEqual(listed(self.driver), (["has/manifests"], False))

    def test_nothing_wanted(self) -> None:
        """A page of nothing says whether there is anything."""
        self.assertEqual(listed(self.driver, "", 0), ([], False))
        fill(self.driver, ["a"])
        self.assertEqual(listed(self.driver, "", 0), ([], True))

    def test_begins_anywhere(self) -> None:
        """A page may begin behind any text; nothing outside of the repositories is looked at."""
        fill(self.driver, ORDERED)
        for after in (
            "0",
            "a/",
            "a/a",
            "a/b/",
            "a/b/c/d",
            "a//b",
            "A",
            "zz9/",
            "zz9/_",
            "~",
            "a/../a",
            "ä",
        ):
            expected = [name for name in ORDERED if listing_key(name) > listing_key(after)]
            self.assertEqual(listed(self.driver, after), (expected, False), after)

    def test_begins_deep(self) -> None:
        """A text of very many components is no trouble."""
        fill(self.driver, ORDERED)
        self.assertEqual(listed(self.driver, "a/" * 50_000)[0], ORDERED[1:])
        self.assertEqual(listed(self.driver, "/".join(["a"] * 50_000))[0], ["a/b", *ORDERED[2:]])


class InMemoryCatalogTests(_CatalogCase, SynchronousTestCase):
    """The catalog in memory."""

    def make_driver(self) -> IStorageDriver:
        return InMemoryDriver()

    @given(st.sets(_NAMES, max_size=12), _NAMES | st.text("ab0-./_", max_size=8), st.integers(1, 5))
    def test_any_page(self, names: set[str], after: str, size: int) -> None:
        """A page has the names that sort behind its beginning, and says whether there are more."""
        driver = InMemoryDriver()
        fill(driver, sorted(names))
        rest = sorted((name for name in names if listing_key(name) > listing_key(after)), key=listing_key)
        self.assertEqual(listed(driver, after, size), (rest[:size], len(rest) > size))


class FilesystemCatalogTests(_CatalogCase, SynchronousTestCase):
    """The catalog on disk."""

    def make_driver(self) -> IStorageDriver:
        return FilesystemDriver(self.mktemp(), InlineWorkers())


class EffortTests(SynchronousTestCase):
    """How much of the storage a page looks at."""

    def setUp(self) -> None:
        self.driver = InMemoryDriver()
        self.names = [f"{first}/{second}" for first in "abcdef" for second in "uvwxyz"]
        fill(self.driver, self.names)

    def test_not_before(self) -> None:
        """What sorts before the page is not entered."""
        listing = Listing(self.driver)
        page = done(Catalog(listing).repositories("d/x", 3))  # type: ignore[arg-type]
        self.assertEqual(page, Page(("d/y", "d/z", "e/u"), True))
        entered = {path.partition("/")[0] for path in listing.listed}
        self.assertEqual(entered - {""}, {"d", "e"})

    def test_one_listing_each(self) -> None:
        """One listing tells whether a name is a repository and what is below it."""
        listing = Listing(self.driver)
        done(Catalog(listing).repositories())  # type: ignore[arg-type]
        self.assertEqual(len(listing.listed), 1 + 6 + 36)

    def test_wide(self) -> None:
        """A repository with more children than are listed at once is still found before them."""
        wide = [f"wide/{number:04}" for number in range(2100)]
        fill(self.driver, ["wide", *wide])
        self.assertEqual(listed(self.driver, "f/z", 3000), (["wide", *wide], False))
        self.assertEqual(listed(self.driver, "wide/2098", 3000), (["wide/2099"], False))
        done(self.driver.delete(layout.manifests("wide")))
        self.assertEqual(listed(self.driver, "f/z", 2), (wide[:2], True))


class RemoverTests(SynchronousTestCase):
    """Removing a repository."""

    def setUp(self) -> None:
        self.driver = InMemoryDriver()
        self.namespace = make_namespace(self.driver)
        self.name, self.nested = RepositoryName("a"), RepositoryName("a/b")
        for name in (self.name, self.nested):
            done(push_image(self.namespace.repository(name), b"layer", [Tag("v1")]))
            self.upload = done(self.namespace.repository(name).uploads.start())

    def test_provides(self) -> None:
        """The remover declares and keeps its signatures."""
        self.assertTrue(verifyObject(IRepositoryRemover, Remover(self.driver)))

    def test_removes(self) -> None:
        """All that the repository holds goes; repositories below its name, and content, stay."""
        before = tree(self.driver)
        self.successResultOf(Remover(self.driver).remove(self.name))
        after = tree(self.driver)
        prefix = layout.repository(self.name) + "/_"
        self.assertEqual(after, {path: before[path] for path in before if not path.startswith(prefix)})
        self.assertEqual(listed(self.driver), (["a/b"], False))
        here = self.namespace.repository(self.name)
        self.failureResultOf(here.blobs.stat(Digest.of(b"layer")), BlobUnknown)
        self.failureResultOf(here.uploads.status(self.upload.id), UploadUnknown)

    def test_part(self) -> None:
        """A repository that holds some kinds of things only can be removed, too."""
        name = RepositoryName("blobs/only")
        done(push_blob(self.namespace.repository(name), b"layer"))
        self.successResultOf(Remover(self.driver).remove(name))
        self.failureResultOf(Remover(self.driver).remove(name), NameUnknown)

    def test_unknown(self) -> None:
        """What holds nothing cannot be removed, be there repositories below its name or not."""
        for text in ("b", "a/b/c"):
            failure = self.failureResultOf(Remover(self.driver).remove(RepositoryName(text)), NameUnknown)
            self.assertEqual(failure.value.name, text)
        self.successResultOf(Remover(self.driver).remove(self.name))
        self.failureResultOf(Remover(self.driver).remove(self.name), NameUnknown)
