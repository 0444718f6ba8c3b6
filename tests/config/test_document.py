"""YAML texts as nodes."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.config import document
from txregistry.config.document import (
    DEEPEST,
    LONGEST_TEXT,
    DocumentFault,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    parse_document,
)


def plain(node: Node | None) -> object:
    """Make lists, pairs and values of nodes."""
    if isinstance(node, MappingNode):
        return [(entry.key.text, plain(entry.value)) for entry in node.entries]
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return None if node is None else node.value


class ParseDocumentTests(SynchronousTestCase):
    """One text, one tree."""

    def fault(self, text: str) -> str:
        """Parse what cannot be parsed, and give the one line that says why."""
        line = str(self.assertRaises(DocumentFault, parse_document, text))
        self.assertNotIn("\n", line)
        return line

    def test_nodes(self) -> None:
        """Mappings keep their order and repetitions, scalars their text and line."""
        root = parse_document("a: 0x10\nb: [1, 'x']\na: {}\n").root
        self.assertEqual([("a", 16), ("b", [1, "x"]), ("a", [])], plain(root))
        assert isinstance(root, MappingNode)
        self.assertEqual(ScalarNode("0x10", 16, 1), root.entries[0].value)

    def test_nothing(self) -> None:
        """A text with comments only holds no root."""
        for text in ("", "\n", "# nothing\n"):
            self.assertIsNone(parse_document(text).root)

    def test_first_document_only(self) -> None:
        """What follows the first document is noticed, and not read."""
        parsed = parse_document("a: 1\n---\nb: [\n")
        self.assertEqual([("a", 1)], plain(parsed.root))
        self.assertTrue(parsed.more)
        self.assertFalse(parse_document("a: 1\n...\n").more)

    def test_aliases(self) -> None:
        """An alias stands for the value of its anchor."""
        self.assertEqual([("a", [1]), ("b", [1])], plain(parse_document("a: &x [1]\nb: *x\n").root))

    def test_merge(self) -> None:
        """The merge key brings entries in where it stands; of a list the first mapping comes last."""
        text = "x: &x {a: 1, b: 2}\ny: &y {a: 3}\nz: {c: 4, <<: [*y, *x], b: 5}\n"
        root = parse_document(text).root
        assert isinstance(root, MappingNode)
        self.assertEqual([("c", 4), ("a", 1), ("b", 2), ("a", 3), ("b", 5)], plain(root.entries[2].value))

    def test_quoted_merge_key(self) -> None:
        """In quotes it is a key like any other."""
        self.assertEqual([("<<", 1)], plain(parse_document("'<<': 1\n").root))

    def test_bad_merge(self) -> None:
        """Only mappings can be merged."""
        self.assertEqual("line 1: '<<' needs a mapping or a list of mappings", self.fault("<<: 1\n"))
        self.assertEqual("line 2: '<<' needs a mapping or a list of mappings", self.fault("a: 1\n<<: [1]\n"))

    def test_syntax(self) -> None:
        """A mistake is told with its line."""
        self.assertTrue(self.fault("a: 1\nb: [\n").startswith("line 3: not valid YAML: "))
        self.assertTrue(self.fault("a: 1\n\tb: 2\n").startswith("line 2: not valid YAML: "))

    def test_forbidden_characters(self) -> None:
        """Control characters and lone surrogates are told with their line."""
        self.assertEqual("line 2: not valid YAML: holds the character '\\x01'", self.fault("a: 1\n# \x01"))
        self.assertEqual("line 1: not valid YAML: holds the character '\\udc80'", self.fault("a: '\udc80'"))

    def test_unknown_anchor(self) -> None:
        """An alias needs an anchor before it; so no value can hold itself."""
        self.assertEqual("line 2: the anchor 'x' is not known here", self.fault("a: 1\nb: *x\n"))
        self.assertEqual("line 1: the anchor 'x' is not known here", self.fault("a: &x [*x]\n"))

    def test_contradicting_tag(self) -> None:
        """A value against its tag is told with its line."""
        self.assertEqual("line 2: 'x' cannot be !!int", self.fault("a: 1\nb: !!int x\n"))

    def test_key_that_is_a_list(self) -> None:
        """Only a scalar can be a key."""
        self.assertEqual("line 1: a list or mapping cannot be a key", self.fault("? [a]\n: b\n"))

    def test_aliases_that_multiply(self) -> None:
        """A short text that stands for millions of values is refused at once."""
        lines = ["a0: &a0 x"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
        self.assertIn("values when its aliases are written out", self.fault("\n".join(lines)))

    def test_depth(self) -> None:
        """A text may nest so deep, written out or through aliases, and no deeper."""
        parse_document("[" * DEEPEST + "]" * DEEPEST)
        self.assertIn("within each other", self.fault("[" * 100_000))
        chain = ["a0: &a0 []"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, DEEPEST + 1)]
        self.assertIn("within each other", self.fault("\n".join(chain)))

    def test_length(self) -> None:
        """A text may have so many characters, and no more."""
        self.assertIn("longer than", self.fault("#" * (LONGEST_TEXT + 1)))

    def test_without_libyaml(self) -> None:
        """The parser in pure Python, where there is no other, gives the same nodes."""
        text = "a: &x {b: 0x10, c: 'd'}\ne: [*x, !!str 5]\n"
        with_libyaml = parse_document(text)
        self.patch(document, "_PARSER", yaml.SafeLoader)
        self.assertEqual(with_libyaml, parse_document(text))

    @given(st.text("ab:-[]{}&*!<?,'\"#|>% \n\t012~"))
    def test_any_text(self, text: str) -> None:
        """Every text is either a document or a fault of one line."""
        try:
            parse_document(text)
        except DocumentFault as fault:
            self.assertNotIn("\n", str(fault))
