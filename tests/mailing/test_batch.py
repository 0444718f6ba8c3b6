"""What waits for a mail."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.mailing.making import entry
from txregistry.mailing.batch import KEPT, Batch


class BatchTests(SynchronousTestCase):
    """Entries gathered."""

    def setUp(self) -> None:
        self.batch = Batch()

    def told(self) -> list[tuple[str, int]]:
        return [(told.entry.message, told.times) for told in self.batch]

    def test_empty(self) -> None:
        """There is nothing in a new one."""
        self.assertEqual((bool(self.batch), self.batch.total, self.told()), (False, 0, []))

    def test_same(self) -> None:
        """What went wrong several times in the same way is told once, with the last time."""
        for number in range(3):
            self.batch.add(entry("a", after=number, err__code="unknown", http__request__id=number))
        self.batch.add(entry("a", after=1, err__code="denied"))
        self.assertEqual((self.told(), self.batch.total), ([("a", 3), ("a", 1)], 4))
        first, _ = self.batch
        self.assertEqual((first.last - first.entry.when).seconds, 2)

    def test_different(self) -> None:
        """Level, message, status and error make a difference."""
        for each in (
            entry("a"),
            entry("b"),
            entry("a", level="warning"),
            entry("a", http__response__status=404),
            entry("a", http__response__status=500),
            entry("a", err__detail="x"),
        ):
            self.batch.add(each)
        self.assertEqual([times for _, times in self.told()], [1] * 6)

    def test_bound(self) -> None:
        """Of very many the first are kept, the others counted; those that are known still count as these."""
        for number in range(KEPT + 120):
            self.batch.add(entry(f"{number}"))
        self.batch.add(entry("0"))
        self.assertEqual((len(self.told()), self.batch.more, self.batch.total), (KEPT, 120, KEPT + 121))
        self.assertEqual(self.told()[0], ("0", 2))

    def test_extend(self) -> None:
        """What came later is told after, and what is the same together."""
        later = Batch()
        self.batch.add(entry("a"))
        for number in range(KEPT + 3):
            later.add(entry("ab"[number] if number < 2 else f"{number}", after=9))
        self.batch.extend(later)
        self.assertEqual(self.told()[:2], [("a", 2), ("b", 1)])
        self.assertEqual((len(self.told()), self.batch.more, self.batch.total), (KEPT, 3, KEPT + 4))
