"""Tests for searching."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.model.automaton import SIZE_LIMIT, Automaton
from txregistry.model.regex import InvalidRegex

#: Expressions, a text in which each is found, and one in which it is not.
FOUND = [
    ("b", "abc", "ac"),
    ("^b", "bc", "abc"),
    ("b$", "ab", "b\n"),
    ("^$", "", "\n"),
    ("(?m)^b$", "a\nb\nc", "a\nbb"),
    ("\\bfoo\\b", "a foo!", "afoo"),
    ("o\\B", "foo", "fo"),
    ("^a.c$", "abc", "a\nc"),
    ("(?s)^a.c$", "a\nc", "ac"),
    ("^a{2,3}$", "aaa", "aaaa"),
    ("^a{2,}$", "aaaaa", "a"),
    ("^a{2}$", "aa", "aaa"),
    ("^a{0}b$", "b", "ab"),
    ("^(a|bc)*d$", "abcad", "abad"),
    ("^(?:a?){3}$", "aa", "aaaa"),
    ("^[^a-c]+$", "xyz", "xbz"),
    ("^[[:alpha:]]\\d[[:^digit:]]$", "a1b", "a11"),
    ("^[\\w.-]+$", "a_b.c-d", "a b"),
    ("^\\D\\S\\W$", "ab-", "ab_"),
    ("^[\\D]$", "x", "5"),
    ("^\\d$", "5", "\u0665"),
    ("^\\w$", "z", "é"),
    ("^\\s$", "\t", "\v"),
    ("(?i)^straSSe$", "STRAsse", "straße"),
    ("(?i)^[^a]$", "b", "A"),
    ("(?i)^k$", "\u212a", "c"),
    ("^\\pL\\p{Nd}\\PL$", "é7!", "77!"),
    ("^\\p{^Lu}$", "a", "A"),
    ("^\\x41\\101\\x{e9}\\n$", "AAé\n", "AA"),
    ("^\\Qa.b\\E+$", "a.bb", "axb"),
    ("^a\\.b$", "a.b", "axb"),
    ("^a|b$", "ax", "xa"),
    ("^(a+)+$", "aaa", "aab"),
    ("(^a)*b", "xb", "xa"),
    (
        "^https?://([a-z0-9-]+\\.)*example\\.com(:\\d+)?/",
        "https://a.b.example.com:80/x",
        "https://example.com.evil/x",
    ),
]


class AutomatonTests(SynchronousTestCase):
    """What is found."""

    def test_found(self) -> None:
        """Each expression is found where it occurs, and nowhere else."""
        for text, yes, no in FOUND:
            automaton = Automaton([text])
            for _ in range(2):  # with what it remembers, too
                self.assertTrue(automaton.search(yes), (text, yes))
                self.assertFalse(automaton.search(no), (text, no))

    def test_any_of_several(self) -> None:
        """Of several expressions one suffices; flags and anchors of one are not those of another."""
        automaton = Automaton(["(?i)^one$", "two", "^three|four$"])
        for text in ("ONE", "a two b", "three x", "x four"):
            self.assertTrue(automaton.search(text), text)
        for text in ("ones", "TWO", "x three", "four x", ""):
            self.assertFalse(automaton.search(text), text)

    def test_none(self) -> None:
        """Without expressions nothing is found; the empty one is found everywhere."""
        self.assertFalse(Automaton([]).search(""))
        self.assertTrue(Automaton([""]).search(""))
        self.assertTrue(Automaton(["a", ""]).search("b"))

    def test_size(self) -> None:
        """The size of all expressions together is bounded, repetitions written out."""
        Automaton(["a{1000}"] * 9)
        for texts in (["a{1000}"] * 11, ["(?:abcdefghijk){1000}"], ["a" * (SIZE_LIMIT + 1)]):
            with self.assertRaises(InvalidRegex):
                Automaton(texts)

    def test_bounded_time(self) -> None:
        """Expressions that take others for ever take a moment."""
        started = time.process_time()
        for text, length in (
            ("^(a+)+$", 200_000),
            ("^(a|aa)+$", 200_000),
            ("(a*)*b", 200_000),
            ("a.{1,900}b", 200_000),
            ("(a?){500}(a?){400}b", 100_000),
            ("(.*)(.*)(.*)(.*)(.*)b", 200_000),
        ):
            self.assertFalse(Automaton([text]).search("a" * length + "!"), text)
        self.assertLess(time.process_time() - started, 20)

    def test_bounded_memory(self) -> None:
        """What is remembered does not grow for ever, and forgetting it changes nothing."""
        automaton = Automaton(["(?i)[^x](.?.){9}\\d"])
        for first in range(0, 60_000, 30):
            text = "".join(chr(0x100 + (first + each * 7) % 60_000) for each in range(30)).replace(
                "\ud800", ""
            )
            self.assertFalse(automaton.search("".join(each for each in text if not each.isdigit())))
        self.assertTrue(automaton.search("abcdefghijklmnopqrstuvw0"))
        self.assertLessEqual(max(len(automaton._steps), len(automaton._reached)), 1000)

    @given(st.data())
    def test_as_python(self, data: st.DataObject) -> None:
        """Where Python's expressions mean the same, the same is found."""
        text = data.draw(expressions)
        subject = data.draw(st.text("ab0 \n", max_size=8))
        expected = re.search(text.replace("\\z", "\\Z"), subject, re.ASCII) is not None
        self.assertEqual(Automaton([text]).search(subject), expected)


def _repeated(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["*", "+", "?", "*?", "{2}", "{0,2}", "{1,}", "{0}"])
    return st.builds("(?:{}){}".format, inner, operators)


expressions = st.recursive(
    st.sampled_from(
        ["a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\W", "\\b", "\\B", "^", "\\z", "\\A", "", "0"]
    ),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        _repeated(inner),
        st.builds("(?m:^{}$)".format, inner),
        st.builds("(?s:{})".format, inner),
        st.builds("(?i:{})".format, inner),
    ),
    max_leaves=8,
)
