"""Nodes to plain values."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txregistry.config.decoding import Value, decode, describe, printed
from txregistry.config.document import parse_document
from txregistry.config.findings import Findings
from txregistry.config.shapes import Kind, ListOf, MapOf, NameOrMap, Shape, section

SECTION = section(
    {
        "text": Kind.TEXT,
        "list": ListOf(Kind.TEXT),
        "map": MapOf(Kind.TEXT),
        "inner": section({"a": Kind.INTEGER, "b": Kind.INTEGER}),
    }
)


class DecodeTests(SynchronousTestCase):
    """Each shape takes what it takes in distribution."""

    def setUp(self) -> None:
        self.findings = Findings()

    def decode(self, text: str, shape: Shape) -> Value:
        """Decode the value of the key ``k``."""
        return decode(parse_document(text).root, shape, ("k",), self.findings)

    def good(self, text: str, shape: Shape) -> Value:
        """Decode something without fault or warning."""
        value = self.decode(text, shape)
        self.assertEqual(([], []), (self.findings.faults, self.findings.warnings))
        return value

    def bad(self, text: str, shape: Shape) -> str:
        """Decode something with one fault, and give what it says."""
        self.decode(text, shape)
        (fault,) = self.findings.faults
        self.findings.faults.clear()
        return fault.removeprefix("k: ")

    def test_text(self) -> None:
        """Any scalar is text as it was written."""
        for text, value in [("0x10", "0x10"), ("yes", "yes"), ("1.50", "1.50"), ("'a b'", "a b"), ("''", "")]:
            self.assertEqual(value, self.good(text, Kind.TEXT))
        self.assertEqual("must be text, not a list", self.bad("[a]", Kind.TEXT))
        self.assertEqual("must be text, not a mapping", self.bad("{a: b}", Kind.TEXT))

    def test_boolean(self) -> None:
        """Words for true and false are booleans, text and numbers are not."""
        self.assertIs(True, self.good("y", Kind.BOOLEAN))
        self.assertIs(False, self.good("off", Kind.BOOLEAN))
        self.assertEqual("must be true or false, not 'true'", self.bad("'true'", Kind.BOOLEAN))
        self.assertEqual("must be true or false, not '1'", self.bad("1", Kind.BOOLEAN))

    def test_integer(self) -> None:
        """A fraction loses what follows its point; text and what takes more than 63 bits is refused."""
        for text, value in [("010", 8), ("-3", -3), ("10.7", 10), ("-10.7", -10), ("1e3", 1000)]:
            self.assertEqual(value, self.good(text, Kind.INTEGER))
        for text in ("'5'", "x", "yes", ".inf", ".nan", "9223372036854775808", "1e30"):
            self.assertEqual(f"must be an integer, not {text.strip(chr(39))!r}", self.bad(text, Kind.INTEGER))

    def test_duration(self) -> None:
        """A bare number is nanoseconds, text needs a unit."""
        for text, value in [("1m30s", 90.0), ("'20ms'", 0.02), ("5", 5e-9), ("1.9", 1e-9), ("'0'", 0.0)]:
            self.assertEqual(value, self.good(text, Kind.DURATION))
        self.assertEqual("must be a duration such as 30s, not '5'", self.bad("'5'", Kind.DURATION))

    def test_level(self) -> None:
        """The name of a level counts in any case."""
        self.assertEqual("warn", self.good("WARN", Kind.LEVEL))
        self.assertEqual(
            "must be one of error, warn, info, debug, not 'warning'", self.bad("warning", Kind.LEVEL)
        )

    def test_nothing(self) -> None:
        """An empty value is nothing in any shape."""
        for shape in (*Kind, ListOf(Kind.TEXT), MapOf(Kind.TEXT), NameOrMap(MapOf(Kind.TEXT)), SECTION):
            self.assertIsNone(self.good("~", shape))

    def test_list(self) -> None:
        """Each item is decoded; an empty text is an empty text."""
        self.assertEqual(["1", "yes", ""], self.good("[1, yes, ~]", ListOf(Kind.TEXT)))
        self.assertEqual("[1]: must be an integer, not 'x'", self.bad("[1, x]", ListOf(Kind.INTEGER))[1:])

    def test_no_list(self) -> None:
        """Where a list belongs, the message does not repeat a text, for it may be a credential."""
        self.assertEqual("must be a list, not a single value", self.bad("Bearer abc", ListOf(Kind.TEXT)))

    def test_map(self) -> None:
        """Keys are text as it was written; the last of two alike counts, with a warning."""
        self.assertEqual(
            {"0x1": "a", "yes": "b", "": "c"}, self.good("{0x1: a, yes: b, ~: c}", MapOf(Kind.TEXT))
        )
        self.assertEqual({"a": {"c": "2"}}, self.decode("{a: {b: 1}, a: {c: 2}}", MapOf(MapOf(Kind.TEXT))))
        self.assertEqual(["k.a: given more than once, what line 1 says counts"], self.findings.warnings)

    def test_name_or_map(self) -> None:
        """A name alone is a mapping with that one key."""
        shape = NameOrMap(MapOf(MapOf(Kind.ANYTHING)))
        self.assertEqual({"inmemory": {}}, self.good("inmemory", shape))
        self.assertEqual({"s3": {"v4auth": True}}, self.good("{s3: {v4auth: yes}}", shape))
        self.assertEqual("must be a mapping, not a list", self.bad("[inmemory]", shape))

    def test_anything(self) -> None:
        """Free values become what YAML makes of them, to any depth."""
        self.assertEqual(
            {"a": [1, {"b": None, "2": 2001}], "c": "2001-01-01"},
            self.good("{a: [1, {b: , 2: 2001}], c: 2001-01-01}", Kind.ANYTHING),
        )

    def test_unknown_keys(self) -> None:
        """A key that a section does not know is a warning, and what it holds is not looked at."""
        self.assertEqual({"text": "a"}, self.decode("{text: a, Text: b, foo: {bar: [!x y]}}", SECTION))
        self.assertEqual(
            ["k.Text: unknown key, ignored", "k.foo: unknown key, ignored"], self.findings.warnings
        )

    def test_repeated_key(self) -> None:
        """Of two values the last counts, with a warning that names its line."""
        self.assertEqual({"text": "b"}, self.decode("text: a\ntext: b\n", SECTION))
        self.assertEqual(["k.text: given more than once, what line 2 says counts"], self.findings.warnings)

    def test_repeated_section(self) -> None:
        """A section given again adds to what it said before; an empty one wipes it out."""
        self.assertEqual(
            {"inner": {"a": 1, "b": 3}}, self.decode("inner: {a: 1, b: 2}\ninner: {b: 3}\n", SECTION)
        )
        self.assertEqual({"inner": None}, self.decode("inner: {a: 1}\ninner:\n", SECTION))

    def test_merged_key(self) -> None:
        """Merging is no repetition: what stands later in the file counts, and nobody is warned."""
        merging = "inner: {<<: {a: 1, b: 2}, b: 3}\n"
        self.assertEqual({"inner": {"a": 1, "b": 3}}, self.decode(merging, SECTION))
        self.assertEqual(
            {"inner": {"a": 1, "b": 2}}, self.decode("inner: {b: 3, <<: {a: 1, b: 2}}\n", SECTION)
        )

    def test_all_faults(self) -> None:
        """One fault does not hide the next."""
        self.decode("{text: [], list: a, inner: {a: x, b: y}}", SECTION)
        self.assertEqual(
            [
                "k.text: must be text, not a list",
                "k.list: must be a list, not a single value",
                "k.inner.a: must be an integer, not 'x'",
                "k.inner.b: must be an integer, not 'y'",
            ],
            self.findings.faults,
        )


class PrintedTests(SynchronousTestCase):
    """Values as text."""

    def test_printed(self) -> None:
        """Scalars are printed as Go prints them."""
        self.assertEqual(
            ["true", "false", "10", "10", "1.5", "a"],
            [printed(True), printed(False), printed(10), printed(10.0), printed(1.5), printed("a")],
        )
        self.assertEqual("inf", printed(float("inf")))

    def test_describe(self) -> None:
        """Messages never show the content of lists and mappings."""
        self.assertEqual(
            ["a mapping", "a list", "empty", "'true'"],
            [describe({"password": "x"}), describe(["x"]), describe(None), describe(True)],
        )
