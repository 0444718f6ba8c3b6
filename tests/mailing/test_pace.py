"""How often mails go out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.mailing.pace import APART, HOURLY, Pace


class PaceTests(SynchronousTestCase):
    """When the next one may."""

    def test_first(self) -> None:
        """The first one may go at once."""
        self.assertEqual(Pace().wait(5), 0)

    def test_apart(self) -> None:
        """The next one waits until a minute is over, or as long as is asked for."""
        pace = Pace()
        pace.sent(100)
        self.assertEqual([pace.wait(now) for now in (100, 130, 160, 500)], [60, 30, 0, 0])
        self.assertEqual(pace.wait(100, 0), 0)

    def test_hourly(self) -> None:
        """When a dozen were sent within an hour, the next one waits until it is over."""
        pace = Pace()
        for number in range(HOURLY):
            pace.sent(number * APART)
        now = (HOURLY - 1) * APART
        self.assertEqual(now + pace.wait(now), 3600)
        self.assertEqual(now + pace.wait(now, 0), 3600)

    @given(st.lists(st.floats(0, 2000), max_size=60))
    def test_never_many(self, pauses: list[float]) -> None:
        """Whatever happens, no hour has more than a dozen, and no minute more than one."""
        pace, now = Pace(), 0.0
        sent: list[float] = []
        for pause in pauses:
            now += pause
            now += pace.wait(now)
            pace.sent(now)
            sent.append(now)
        for first, second in pairwise(sent):
            self.assertGreater(second - first, APART - 0.001)
        for first, last in zip(sent, sent[HOURLY:], strict=False):
            self.assertGreater(last - first, 3599.999)
