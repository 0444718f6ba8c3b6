"""Tests for reading regular expressions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.model.characters import Characters
from txregistry.model.regex import (
    DEPTH_LIMIT,
    Alternation,
    Concatenation,
    Edge,
    InvalidRegex,
    Repetition,
    parse_regex,
)

A, B = (Characters(((ord(letter),) * 2,)) for letter in "ab")

#: What Go's ``regexp`` refuses.
BAD = [
    *("(", ")", "a)", "(a", "(?", "(?i", "(?P<n", "(?P<>a)", "(?x)a", "(?i-)a"),
    *("(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "(?#a)", "(?P=n)", "(?R)"),
    *("*", "+a", "?", "|*", "(*)", "(|*a)", "{2}", "a|{2,}"),
    *("a**", "a*+", "a++", "a??+", "a{2}{3}", "a{2}*", "a*?*"),
    *(
        "a{1001}",
        "a{2,1}",
        "a{1001,}",
        "a{0,1001}",
        "a{99999999999}",
        "(a{100}){11}",
        "((a{10}){10}){11}",
        "((a{0}){1000}){2}",
    ),
    *("[", "[]", "[a", "[^]", "[a-", "[z-a]", "[a-\\d]", "[[:nothing:]]", "[[:Alpha:]]", "[\\", "[\\q]"),
    *("\\", "\\1", "\\8", "\\Z", "\\G", "\\C", "\\R", "\\E", "\\y", "\\é", "\\h", "\\K"),
    *("\\x", "\\x1", "\\x{", "\\x{}", "\\x{110000}", "\\x{zz}", "\\p", "\\p{", "\\p{}", "\\pQ", "\\p{Foo}"),
]
#: What Go's ``regexp`` takes, some of it to the surprise of others.
GOOD = [
    *("", "a|", "|a", "()", "(|)", "^*", "(^)*$+", "\\b*", "a{,2}", "a{", "a{x}", "{", "}", "]", "a{01}"),
    *(
        "a*?",
        "a+?",
        "a??",
        "a{2}?",
        "a{2,}?",
        "a{0}",
        "a{0,0}",
        "(a{10}){100}",
        "(a*){1000}",
    ),
    *(
        "[]a]",
        "[^]a]",
        "[a-]",
        "[-a]",
        "[--a]",
        "[a-c-e]",
        "[\\d-z]",
        "[[:alpha:]-]",
        "[[:x]",
        "[[]",
        "[\\]]",
    ),
    *("[[:^space:][:word:]]", "[\\pL\\D]", "[^\\x00-\\x{10FFFF}]", "[*+?{}()|^$.]"),
    *(
        "\\Q*+?\\E",
        "\\Q",
        "\\Q\\E",
        "a\\Qb\\E*",
        "\\Qa",
        "\\.",
        "\\_",
        "\\-",
        "\\/",
        "\\ ",
        "\\0",
        "\\012",
        "\\12",
    ),
    *("\\a\\f\\n\\r\\t\\v", "\\pN", "\\PN", "\\p{Lu}", "\\p{^Lu}", "\\P{^L}", "\\p{Any}", "\\A\\z\\b\\B"),
    *(
        "(?i)a",
        "a(?i)b(?-i)c",
        "(?i-s:a)",
        "(?imsU)a",
        "(?:)",
        "(?)a",
        "(?P<n>a)",
        "(?P<n>a)(?<n>b)",
        "(?-ims)a",
        "(?U)a+?",
    ),
    *("é", "日本", "\\x{65e5}", "\x00", "\\x41\\101"),
]


class ParseRegexTests(SynchronousTestCase):
    """Which expressions there are."""

    def test_refused(self) -> None:
        """What Go refuses is refused, with a reason."""
        for text in BAD:
            with self.assertRaises(InvalidRegex, msg=text) as caught:
                parse_regex(text)
            self.assertTrue(caught.exception.reason)

    def test_taken(self) -> None:
        """What Go takes is taken."""
        for text in GOOD:
            parse_regex(text)

    def test_reason(self) -> None:
        """A reason says where the fault is."""
        with self.assertRaises(InvalidRegex) as caught:
            parse_regex("ab(c")
        self.assertEqual(caught.exception.reason, "missing ) at character 4")

    def test_scripts(self) -> None:
        """The scripts of Unicode are the one thing of Go's that is not known here, and that is said."""
        with self.assertRaises(InvalidRegex) as caught:
            parse_regex("\\p{Greek}")
        self.assertIn("Greek", caught.exception.reason)

    def test_tree(self) -> None:
        """An expression becomes the tree of its parts."""
        whole = Concatenation((Edge.BEGIN, Repetition(A, 0, None), B, Edge.END))
        self.assertEqual(parse_regex("^a*b$"), whole)
        self.assertEqual(parse_regex("\\Aa*?b\\z"), whole)
        self.assertEqual(
            parse_regex("a|(?:b+)"),
            Alternation((Concatenation((A,)), Concatenation((Concatenation((Repetition(B, 1, None),)),)))),
        )
        self.assertEqual(parse_regex("a{2,5}"), Concatenation((Repetition(A, 2, 5),)))
        self.assertEqual(parse_regex("(?m)^$"), Concatenation((Edge.LINE_BEGIN, Edge.LINE_END)))

    def test_flags(self) -> None:
        """Flags hold to the end of their group."""
        folded = Characters(A.ranges, folded=True)
        self.assertEqual(
            parse_regex("a((?i)a)a(?i:a)a(?i)a(?-i)a"),
            Concatenation((A, Concatenation((folded,)), A, Concatenation((folded,)), A, folded, A)),
        )

    def test_depth(self) -> None:
        """Groups nest up to a limit."""
        parse_regex("(" * DEPTH_LIMIT + ")" * DEPTH_LIMIT)
        with self.assertRaises(InvalidRegex):
            parse_regex("(" * 100_000 + ")" * 100_000)

    @given(st.text("ab()[]{}|*+?.^$\\-,0123:<>Pimsx=!dQEpLé", max_size=20))
    def test_any_text(self, text: str) -> None:
        """Any text is an expression, or refused with a reason, and never another error."""
        try:
            parse_regex(text)
        except InvalidRegex as e:
            self.assertTrue(e.reason)
