"""Tests for :mod:`bench.soak.facts`."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.soak.facts import Fact, Facts

TAG = Fact("tag", "a/b", "latest")
BLOB = Fact("blob", "a/b", "sha256:1")


class FactsTests(SynchronousTestCase):
    """What may be true, and how it outlives who noted it."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.facts = self.load()

    def load(self) -> Facts:
        """As whoever comes next does."""
        facts = Facts(self.file)
        self.addCleanup(facts.close)
        return facts

    def test_unheard(self) -> None:
        """What nobody asked for is not there."""
        self.assertEqual({None}, self.facts.possible(TAG))
        self.assertEqual([], [*self.facts.heard()])

    def test_asked(self) -> None:
        """Between question and answer both may be true, also for whoever comes next."""
        self.facts.maybe(TAG, "sha256:1")
        self.assertEqual({None, "sha256:1"}, self.facts.possible(TAG))
        self.assertEqual({None, "sha256:1"}, self.load().possible(TAG))
        self.assertEqual([], self.facts.known("tag", "a/b"))

    def test_confirmed(self) -> None:
        """After the answer only one is."""
        for value in ("sha256:1", "sha256:2"):
            self.facts.maybe(TAG, value)
            self.facts.surely(TAG, value)
        self.assertEqual({"sha256:2"}, self.load().possible(TAG))
        self.assertEqual([TAG], self.load().known("tag", "a/b"))

    def test_moving(self) -> None:
        """A tag that is being moved is at the old place or the new one, and surely there."""
        self.facts.surely(TAG, "sha256:1")
        self.facts.maybe(TAG, "sha256:2")
        self.assertEqual({"sha256:1", "sha256:2"}, self.facts.possible(TAG))
        self.assertEqual([TAG], self.facts.known("tag", "a/b"))

    def test_without(self) -> None:
        """A tag whose manifest was deleted is gone, or where else it may have been; another's stays."""
        self.facts.surely(TAG, "sha256:1")
        self.facts.without(TAG, "sha256:2")
        self.assertEqual({"sha256:1"}, self.facts.possible(TAG))
        self.facts.maybe(TAG, "sha256:2")
        self.facts.without(TAG, "sha256:1")
        self.assertEqual({"sha256:2", None}, self.facts.possible(TAG))

    def test_kinds(self) -> None:
        """What is known is told by kind and repository."""
        self.facts.surely(TAG, "sha256:1")
        self.facts.surely(BLOB, BLOB.name)
        self.assertEqual([BLOB], self.facts.known("blob", "a/b"))
        self.assertEqual([], self.facts.known("blob", "a/c"))

    def test_forget(self) -> None:
        """A repository that is no more is not looked for by whoever comes next."""
        other = Fact("tag", "c", "latest")
        self.facts.surely(TAG, "sha256:1")
        self.facts.surely(other, "sha256:1")
        self.facts.forget("a/b")
        self.assertEqual(["c"], self.facts.repositories())
        self.assertEqual([other], [*self.load().heard()])
