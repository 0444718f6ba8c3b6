"""Tests of :mod:`txregistry.drivers._listings`."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.drivers._listings import SETTLED, Listings, page
from txregistry.interfaces import Entry


def status(**changes: int) -> Any:
    """A directory's status with *changes*, in the form that the module looks at."""
    values = {"st_dev": 1, "st_ino": 2, "st_ctime_ns": 3, "st_mtime_ns": 3, "st_nlink": 4, **changes}
    return type("Status", (), values)


def entries(*names: str) -> tuple[Entry, ...]:
    """An entry for each of *names*."""
    return tuple(Entry(name, True) for name in names)


class PageTests(SynchronousTestCase):
    """Pages of a whole listing."""

    @given(st.sets(st.text("abc", min_size=1, max_size=3)), st.text("abc", max_size=3), st.integers(0, 5))
    def test_every(self, names: set[str], after: str, limit: int) -> None:
        """They hold what sorts behind a name, whether or not that is listed, up to a number."""
        found = page(entries(*sorted(names)), after, limit)
        behind = sorted(name for name in names if name > after)
        self.assertEqual([entry.name for entry in found.items], behind[:limit])
        self.assertEqual(found.more, len(behind) > limit)


class ListingsTests(SynchronousTestCase):
    """What is remembered, and for how long."""

    def test_proven(self) -> None:
        """A listing holds as long as nothing in the directory's status tells of a change."""
        listings = Listings()
        self.assertIsNone(listings.proven("/a", status()))
        listings.note("/a", status(), entries("x"))
        self.assertEqual(listings.proven("/a", status()), entries("x"))
        self.assertIsNone(listings.proven("/b", status()))
        for field in ("st_dev", "st_ino", "st_ctime_ns", "st_mtime_ns", "st_nlink"):
            self.assertIsNone(listings.proven("/a", status(**{field: 99})))

    def test_noted_again(self) -> None:
        """The newest listing counts, and its predecessor's names are not counted any more."""
        listings = Listings(limit=4)
        for number in range(10):
            listings.note("/a", status(st_ino=number), entries("x", str(number)))
        self.assertEqual(listings.proven("/a", status(st_ino=9)), entries("x", "9"))
        listings.note("/b", status(), ())
        self.assertIsNotNone(listings.proven("/a", status(st_ino=9)))

    def test_limit(self) -> None:
        """What was not used for the longest goes first; empty directories count, too."""
        listings = Listings(limit=6)
        for name in ("a", "b"):
            listings.note(f"/{name}", status(), entries("x", "y"))
        listings.proven("/a", status())
        listings.note("/c", status(), ())
        self.assertEqual(
            [listings.proven(f"/{name}", status()) is not None for name in "abc"], [True, False, True]
        )

    def test_worth_noting(self) -> None:
        """Only what changed some time ago, by either clock, and leaves room for others."""
        listings = Listings(limit=10)
        changed = 1_000_000_000_000
        old = status(st_ctime_ns=changed, st_mtime_ns=changed)
        self.assertTrue(listings.worth_noting(old, changed + SETTLED + 1, 5))
        self.assertFalse(listings.worth_noting(old, changed + SETTLED, 5))
        self.assertFalse(listings.worth_noting(old, changed + SETTLED + 1, 6))
        self.assertFalse(listings.worth_noting(old, changed - 1, 5))
        for field in ("st_ctime_ns", "st_mtime_ns"):
            one = {"st_ctime_ns": 0, "st_mtime_ns": 0, field: changed}
            self.assertFalse(listings.worth_noting(status(**one), changed + SETTLED, 5))

    def test_real_status(self) -> None:
        """A real directory's status is another one after a name came, and after one went."""
        directory = self.mktemp()
        os.mkdir(directory)
        listings = Listings()
        for change in (lambda: os.mkdir(f"{directory}/x"), lambda: os.rmdir(f"{directory}/x")):
            before = os.stat(directory)
            listings.note(directory, before, ())
            self.assertIsNotNone(listings.proven(directory, os.stat(directory)))
            # Within one tick of the kernel's clock the times may stay; the number of links does not.
            change()
            self.assertIsNone(listings.proven(directory, os.stat(directory)))
