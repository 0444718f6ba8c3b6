"""Tests for waiting lines."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from txregistry.auth.lines import Lines, line_of


def served(lines: Lines[str]) -> list[str]:
    """Everybody who waits, in the order of their turns."""
    order = []
    while (one := lines.next()) is not None:
        order.append(one)
        lines.ended()
    return order


class LinesTests(SynchronousTestCase):
    """One place, patience of two seconds: at half a second each, four may wait."""

    def setUp(self) -> None:
        self.lines: Lines[str] = Lines(1, 2.0)
        self.lines.join("", "first")
        self.lines.next()
        self.lines.ended(0.5)

    def joined(self, *ones: str) -> list[str | None]:
        """Who had to go when *ones* came, each to the line of its first letter."""
        return [self.lines.join(one[0], one) for one in ones]

    def test_in_turn(self) -> None:
        """Each line in turn has its first served, so that a long one holds up nobody else."""
        self.joined("a1", "a2", "a3", "b1")
        self.assertEqual(served(self.lines), ["a1", "b1", "a2", "a3"])

    def test_turns_are_kept(self) -> None:
        """A line that was just served waits for the others, although somebody joins it."""
        self.joined("a1", "b1", "c1")
        self.assertEqual(self.lines.next(), "a1")
        self.lines.ended()
        self.joined("a2")
        self.assertEqual(served(self.lines), ["b1", "c1", "a2"])

    def test_places(self) -> None:
        """No more are served at once than there are places."""
        lines: Lines[str] = Lines(2, 2.0)
        for one in ("a1", "a2", "a3"):
            lines.join("a", one)
        self.assertEqual([lines.next() for _ in range(3)], ["a1", "a2", None])
        lines.ended(0.5)
        self.assertEqual(lines.next(), "a3")

    def test_full(self) -> None:
        """When too many wait, a newcomer to the longest line has to go."""
        self.assertEqual(self.joined("a1", "a2", "a3", "a4", "a5"), [None] * 4 + ["a5"])
        self.assertEqual(self.lines.retry_after(), 2)

    def test_short_line(self) -> None:
        """A newcomer to a shorter line stays, and the last of the longest goes."""
        self.joined("a1", "a2", "a3", "a4")
        self.assertEqual(self.joined("b1"), ["a4"])
        self.assertEqual(self.joined("b2"), ["a3"])
        self.assertEqual(self.joined("b3"), ["b3"])
        self.assertEqual(self.joined("c1"), ["a2"])
        self.assertEqual(served(self.lines), ["a1", "b1", "c1", "b2"])

    def test_equal_lines(self) -> None:
        """Nobody has to go for somebody whose line would then be the longest."""
        self.joined("a1", "a2", "b1", "b2")
        self.assertEqual(self.joined("a3", "b3"), ["a3", "b3"])

    def test_many_lines(self) -> None:
        """The first of its line stays although nobody has to go for it, while these are not too many."""
        lines = [chr(ord("a") + number) for number in range(70)]
        gone = [self.lines.join(line, line) for line in lines]
        self.assertEqual(gone, [None] * 64 + lines[64:])
        self.assertEqual(self.lines.join("a", "a2"), "a2")
        self.assertEqual(served(self.lines), lines[:64])

    def test_slow(self) -> None:
        """However long it takes, somebody may wait for each place."""
        for _ in range(32):
            self.joined("a1")
            self.lines.next()
            self.lines.ended(60.0)
        self.assertEqual(self.joined("a1", "a2"), [None, "a2"])
        self.assertEqual(self.lines.retry_after(), 60)

    def test_fast(self) -> None:
        """However fast it goes, there is an end to those who wait."""
        for seconds in (0.0, 1e-9):
            for _ in range(32):
                self.joined("a1")
                self.lines.next()
                self.lines.ended(seconds)
            gone = [self.lines.join("a", str(number)) for number in range(2000)]
            self.assertEqual(gone.count(None), 1000)
            self.assertEqual(self.lines.retry_after(), 1)
            served(self.lines)
            self.lines = Lines(1, 2.0)

    def test_mean(self) -> None:
        """The estimate follows what was measured last."""
        self.joined("a1", "a2", "a3", "a4")
        self.assertEqual(self.lines.wait(), 2.0)
        for _ in range(32):
            self.lines.next()
            self.lines.ended(0.25)
            self.joined("b")
        self.assertEqual(self.lines.wait(), 1.0)
        self.assertEqual(self.lines.retry_after(), 1)

    def test_no_measure(self) -> None:
        """What says nothing of the others, as one that failed does, is not measured."""
        self.joined("a1", "a2", "a3", "a4")
        for _ in range(4):
            self.lines.next()
            self.lines.ended()
        self.assertEqual(self.joined("a1", "a2", "a3", "a4", "a5"), [None] * 4 + ["a5"])
        self.assertEqual(self.lines.wait(), 2.0)

    def test_leave(self) -> None:
        """Who leaves is not served, and makes room."""
        self.joined("a1", "a2", "a3", "b1")
        self.lines.leave("a", "a1")
        self.lines.leave("b", "b1")
        self.assertEqual(self.joined("a4", "a5", "a6"), [None, None, "a6"])
        self.assertEqual(served(self.lines), ["a2", "a3", "a4", "a5"])
        self.assertEqual(self.lines.waiting, 0)


class LineOfTests(SynchronousTestCase):
    """Which line is whose."""

    def test_addresses(self) -> None:
        """An IPv4 address has a line, as has an IPv6 network of 64 bits, and whoever has no address."""
        for client, line in (
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("fe80::1%eth0", "fe80::"),
            ("", ""),
        ):
            self.assertEqual(line_of(client), line)


class LinesMachine(RuleBasedStateMachine):
    """What holds of lines whatever happens."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Lines[int] = Lines(2, 2.0)
        self.model: dict[str, list[int]] = {}
        self.serving = self.count = 0
        #: For each line, how often others were served since it was, or since it began.
        self.passed: Counter[str] = Counter()

    @rule(line=st.sampled_from("abcde"))
    def join(self, line: str) -> None:
        self.count += 1
        before = {name: list(ones) for name, ones in self.model.items()}
        gone = self.lines.join(line, self.count)
        if gone == self.count:
            longest = max(map(len, before.values()))
            assert len(before.get(line, ())) + 1 >= longest
            return
        if gone is not None:
            (name,) = (name for name, ones in before.items() if gone in ones)
            assert before[name][-1] == gone
            assert len(before[name]) == max(map(len, before.values())) > len(before.get(line, ())) + 1
            self.model[name].pop()
        self.model.setdefault(line, []).append(self.count)

    @rule()
    def next(self) -> None:
        one = self.lines.next()
        if one is None:
            assert self.serving == 2 or not self.model
            return
        self.serving += 1
        (name,) = (name for name, ones in self.model.items() if one in ones)
        assert self.model[name].pop(0) == one
        del self.passed[name]
        if not self.model[name]:
            del self.model[name]
        for other in self.model:
            if other != name:
                self.passed[other] += 1
                assert self.passed[other] <= 5

    @precondition(lambda self: self.serving)
    @rule(seconds=st.none() | st.floats(0, 5))
    def ended(self, seconds: float | None) -> None:
        self.serving -= 1
        self.lines.ended(seconds)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        one = data.draw(st.sampled_from(self.model[name]))
        self.lines.leave(name, one)
        self.model[name].remove(one)
        if not self.model[name]:
            del self.model[name], self.passed[name]

    @invariant()
    def nobody_is_lost(self) -> None:
        assert self.lines.waiting == sum(map(len, self.model.values()))
        assert self.serving <= 2
        assert self.lines.retry_after() >= 1


class LinesMachineTests(SynchronousTestCase):
    """Random histories."""

    def test_histories(self) -> None:
        """Nobody is lost, served twice, or passed over; only the longest line loses its last."""
        run_state_machine_as_test(
            LinesMachine, settings=settings(max_examples=100, stateful_step_count=40, deadline=None)
        )
