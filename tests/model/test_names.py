"""Tests for names, tags, references, and the order of listings."""

from __future__ import annotations

import contextlib
import re
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import digests, repository_names, tags
from txregistry.model.digest import Digest, InvalidDigest
from txregistry.model.names import (
    NAME_LIMIT,
    InvalidName,
    InvalidTag,
    Page,
    RepositoryName,
    Tag,
    listing_key,
    page_of,
    parse_reference,
)

# The grammar written a second time, from distribution's own parts.
_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|[-]*)[a-z0-9]+)*"
_HOST = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_HOST}(?:\.{_HOST})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?"
DISTRIBUTION = re.compile(f"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*")

ACCEPTED = (
    "a",
    "library/alpine",
    "a/b/c/d/e/f/g",
    "a.b_c__d-e--f---g/h",
    "0/1",
    "Example.com/a",
    "UPPER/a",
    "a" * NAME_LIMIT,
    "tags/list",
    "blobs/uploads",
    "v2/x",
)
REFUSED = (
    "Example.com:5000/a/b",
    "localhost:5000/a",
    "[fe80::1]:5000/a",
    "[::]/a",
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/..",
    "a/../b",
    "./a",
    "a/./b",
    "A",
    "UPPER",
    "a/B",
    "localhost:5000",
    "a:5000/",
    "a_/b/_c",
    "_a",
    "a_",
    "-a/b/c-",
    "a-",
    "a._b",
    "a..b",
    "a___b",
    "a/_uploads",
    "_catalog",
    "a b",
    "a\n",
    "a\0b",
    "a\\b",
    "a%2fb",
    "é",
    "\uff41",
    "a/\u0661",
    "[g]/a",
    "[]/a",
    "-x/a",
    "x-/a",
    "a:b/c",
)


class RepositoryNameTests(SynchronousTestCase):
    """Which texts are names."""

    def test_accepted(self) -> None:
        """Names of distribution's grammar pass, an upper-case domain in front included."""
        for text in ACCEPTED:
            self.assertEqual(str(RepositoryName.parse(text)), text)

    def test_refused(self) -> None:
        """Nothing else does: no empty or reserved component, no way up, no other character."""
        for text in REFUSED:
            with self.assertRaises(InvalidName, msg=repr(text)) as caught:
                RepositoryName.parse(text)
            self.assertEqual(
                (caught.exception.text, caught.exception.reason), (text, "invalid repository name")
            )

    def test_too_long(self) -> None:
        """A name of 256 characters is refused, with another reason."""
        with self.assertRaises(InvalidName) as caught:
            RepositoryName.parse("a" * (NAME_LIMIT + 1))
        self.assertIn("255", caught.exception.reason)

    @given(repository_names())
    def test_generated(self, name: RepositoryName) -> None:
        """Names made by the grammar pass."""
        self.assertEqual(RepositoryName.parse(name.text), name)

    @given(st.text("abAB01._-/:[]", max_size=20) | st.from_regex(DISTRIBUTION, fullmatch=True))
    def test_same_as_distribution(self, text: str) -> None:
        """What distribution's grammar takes is taken if a path can hold it, and nothing else."""
        storable = not set(text) & set(":[]")
        expected = bool(DISTRIBUTION.fullmatch(text)) and storable and len(text) <= NAME_LIMIT
        try:
            RepositoryName.parse(text)
        except InvalidName:
            self.assertFalse(expected, repr(text))
        else:
            self.assertTrue(expected, repr(text))

    def test_no_backtracking(self) -> None:
        """The worst texts that we could think of are decided in no time."""
        started = time.process_time()
        for unit in (
            "a",
            "a-",
            "a.",
            "a--",
            "-",
            "a_",
            "A",
            "A-",
            "A.",
            "a/",
            "0:",
            "[:",
            ":",
            "a.b-",
            "aA",
            "__",
        ):
            for end in ("", "!", "/", "-", "/!", "A!"):
                for length in (NAME_LIMIT - 3, 1 << 20):
                    text = (unit * length)[: length - 2] + end
                    with contextlib.suppress(InvalidName):
                        RepositoryName.parse(text)
                    with contextlib.suppress(InvalidTag):
                        Tag.parse(text)
        self.assertLess(time.process_time() - started, 5)


class TagTests(SynchronousTestCase):
    """Which texts are tags."""

    def test_accepted(self) -> None:
        """Letters, digits and ``_`` first, then also dots and dashes, up to 128 characters."""
        for text in ("v1", "_", "A.b-c_", "0", "a" * 128, "sha256-" + "0" * 64, "a.." + "-"):
            self.assertEqual(str(Tag.parse(text)), text)

    def test_refused(self) -> None:
        """Nothing else."""
        for text in (
            "",
            ".",
            "..",
            "-a",
            ".a",
            "a/b",
            "a:b",
            "a b",
            "a\n",
            "é",
            "a\0",
            "a" * 129,
            "a+b",
            "\u0661",
        ):
            with self.assertRaises(InvalidTag, msg=repr(text)) as caught:
                Tag.parse(text)
            self.assertEqual(caught.exception.text, text)

    @given(tags())
    def test_generated(self, tag: Tag) -> None:
        """Tags made by the grammar pass."""
        self.assertEqual(Tag.parse(tag.text), tag)


class ReferenceTests(SynchronousTestCase):
    """What stands behind ``/manifests/``."""

    @given(tags() | digests())
    def test_either(self, reference: Tag | Digest) -> None:
        """A tag is read as a tag and a digest as a digest."""
        self.assertEqual(parse_reference(str(reference)), reference)

    def test_faults(self) -> None:
        """The colon decides which of the two is wrong."""
        self.assertRaises(InvalidDigest, parse_reference, "sha256:baddigeststring")
        self.assertRaises(InvalidDigest, parse_reference, "v1:")
        self.assertRaises(InvalidTag, parse_reference, "v1!")
        self.assertRaises(InvalidTag, parse_reference, "")


class ListingTests(SynchronousTestCase):
    """The order of the catalog, and pages."""

    def test_catalog_order(self) -> None:
        """A repository comes before its children, and they before its longer-named neighbours."""
        names = ["a", "a/b", "a/b/c", "a/c", "a-b", "a-b/c", "a.b", "a0", "aa", "b", "b/0", "b-"]
        self.assertEqual(sorted(sorted(names), key=listing_key), names)
        for parent, child in (("a", "a/0"), ("a/b", "a/b/0")):
            self.assertLess(listing_key(parent), listing_key(child))

    @given(st.lists(repository_names(), unique=True))
    def test_order_by_components(self, names: list[RepositoryName]) -> None:
        """The order is that of the lists of components."""
        texts = [name.text for name in names]
        self.assertEqual(sorted(texts, key=listing_key), sorted(texts, key=lambda text: text.split("/")))

    @given(st.sets(tags().map(str)), st.integers(1, 5))
    def test_pages(self, names: set[str], limit: int) -> None:
        """Going from page to page visits each name once, in order, and ends."""
        visited: list[str] = []
        more = True
        while more:
            page = page_of(names, visited[-1] if visited else "", limit)
            self.assertLessEqual(len(page.items), limit)
            visited += page.items
            more = page.more
        self.assertEqual(visited, sorted(names))

    def test_page_ends(self) -> None:
        """A page that is full says whether anything follows; a page of nothing is allowed."""
        self.assertEqual(page_of("cab", "", 3), Page(("a", "b", "c"), more=False))
        self.assertEqual(page_of("cab", "", 2), Page(("a", "b"), more=True))
        self.assertEqual(page_of("cab", "b", 2), Page(("c",), more=False))
        self.assertEqual(page_of("cab", "bb", 2), Page(("c",), more=False))
        self.assertEqual(page_of("cab", "z", 2), Page((), more=False))
        self.assertEqual(page_of("cab", "", 0), Page((), more=True))
