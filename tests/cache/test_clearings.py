"""Tests for what is still to be forgotten."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txregistry.cache.clearings import COST, Clearings, Entry
from txregistry.model.digest import Digest
from txregistry.model.names import RepositoryName

ENTRIES: list[Entry] = [(RepositoryName("here"), Digest.of(b"%d" % number)) for number in range(8)]


class ClearingsTests(SynchronousTestCase):
    """What is kept, and what comes out again."""

    def test_empty(self) -> None:
        """At first nothing is to be forgotten."""
        clearings = Clearings()
        self.assertEqual((bool(clearings), len(clearings), clearings.take(9)), (False, 0, []))

    def test_used(self) -> None:
        """It says what it takes: entries to be forgotten, and those that were."""
        clearings = Clearings()
        self.assertEqual(clearings.used, 0)
        clearings.add(ENTRIES[:3])
        clearings.done(clearings.take(1))
        self.assertEqual(clearings.used, 3 * COST)

    def test_take(self) -> None:
        """Entries come out once, the oldest first."""
        clearings = Clearings()
        clearings.add(ENTRIES[:2])
        clearings.add(ENTRIES[1:3])
        self.assertTrue(clearings)
        self.assertEqual(clearings.take(2), ENTRIES[:2])
        self.assertEqual(clearings.take(2), ENTRIES[2:3])
        self.assertFalse(clearings)

    def test_added_while_taken(self) -> None:
        """What is added while the same is under way is still to be forgotten."""
        clearings = Clearings()
        clearings.add(ENTRIES[:1])
        taken = clearings.take(1)
        clearings.add(ENTRIES[:1])
        clearings.done(taken)
        self.assertEqual(clearings.take(1), ENTRIES[:1])

    def test_too_many(self) -> None:
        """With more than the limit, everything is to go."""
        clearings = Clearings(3)
        clearings.add(ENTRIES[:3])
        self.assertFalse(clearings.all)
        clearings.add(ENTRIES[2:4])
        self.assertEqual((clearings.all, len(clearings), bool(clearings)), (True, 0, True))
        clearings.add(ENTRIES)
        self.assertEqual(len(clearings), 0)

    def test_again(self) -> None:
        """What was forgotten comes back before what is new, once."""
        clearings = Clearings()
        clearings.done(ENTRIES[:2])
        self.assertFalse(clearings)
        clearings.add(ENTRIES[1:3])
        clearings.again()
        self.assertEqual(clearings.take(9), ENTRIES[:3])
        clearings.again()
        self.assertFalse(clearings)

    def test_last_done(self) -> None:
        """Of what was forgotten, the last entries are kept."""
        clearings = Clearings(3)
        clearings.done(ENTRIES[:3])
        clearings.done([ENTRIES[0], ENTRIES[4]])
        clearings.again()
        self.assertEqual(clearings.take(9), [ENTRIES[2], ENTRIES[0], ENTRIES[4]])

    def test_everything_again(self) -> None:
        """When everything is to go, what was forgotten is part of it."""
        clearings = Clearings()
        clearings.done(ENTRIES)
        clearings.add_all()
        clearings.again()
        self.assertEqual(len(clearings), 0)
