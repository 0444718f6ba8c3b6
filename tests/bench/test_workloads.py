"""Tests for :mod:`bench.workloads`."""

from twisted.trial.unittest import SynchronousTestCase

from bench.goals import TIMES
from bench.workloads import WORKLOADS


class WorkloadsTests(SynchronousTestCase):
    """The table of workloads."""

    def test_names(self) -> None:
        """No two have the same name or the same title."""
        for each in ([w.name for w in WORKLOADS], [w.title for w in WORKLOADS]):
            self.assertEqual(sorted(set(each)), sorted(each))

    def test_beside_plain(self) -> None:
        """One with access control, TLS or Redis directly follows the plain one, or others like it."""
        before = ""
        for each in WORKLOADS:
            if each.plain:
                self.assertEqual(before, each.plain)
                self.assertNotEqual("open", each.variant)
            else:
                self.assertEqual("open", each.variant)
                before = each.name

    def test_guarded_goals(self) -> None:
        """Passwords and tokens must cost little, and passwords far less than at the peer."""
        goals = {each.variant: str(each.goal) for each in WORKLOADS if each.plain == "blob-head"}
        self.assertEqual((f"keeps 0.7, ≥ 20 {TIMES}", "keeps 0.7"), (goals["htpasswd"], goals["token"]))

    def test_cached_goals(self) -> None:
        """With Redis it must be twice as fast as the peer with the same one, and hardly slower without it."""
        for plain in ("manifest-head", "manifest-head-digest", "blob-head"):
            goals = {each.variant: str(each.goal) for each in WORKLOADS if each.plain == plain}
            self.assertEqual((f"≥ 2 {TIMES}", "keeps 0.9"), (goals["redis"], goals["redis-away"]))
