"""Tests for the careful and the lenient reading of JSON."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import json_values
from txregistry.model.document import (
    COMMA_LIMIT,
    DEPTH_LIMIT,
    SIZE_LIMIT,
    STRING_LIMIT,
    InvalidDocument,
    Members,
    fold,
    known,
    read_document,
)


def nested(depth: int) -> bytes:
    """An object in which *depth* objects and lists lie in each other, itself counted."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


class ReadDocumentTests(SynchronousTestCase):
    """From bytes to an object."""

    def refused(self, payload: bytes, careful: bool = True) -> str:
        """The reason why *payload* is refused."""
        with self.assertRaises(InvalidDocument, msg=repr(payload[:60])) as caught:
            read_document(payload, careful)
        return str(caught.exception.reason)

    def test_both_refuse(self) -> None:
        """What is no JSON object is refused, carefully read or not."""
        for payload, reason in (
            (b"", "not JSON"),
            (b"[]", "not a JSON object"),
            (b"null", "not a JSON object"),
            (b'"{}"', "not a JSON object"),
            (b"1", "not a JSON object"),
            (b"{", "not JSON"),
            (b"{}x", "not JSON"),
            (b"{} {}", "not JSON"),
            (b"{'a':1}", "not JSON"),
            (b'{"a":1,}', "not JSON"),
            (b'{"a":01}', "not JSON"),
            (b'{"a":"\n"}', "not JSON"),
            (b'{"a":"\\x"}', "not JSON"),
            (b"\xef\xbb\xbf{}", "not JSON"),
            ("{}".encode("utf-16"), "not"),
            ("{}".encode("utf-32-le"), "not JSON"),
            (b'{"a":NaN}', "NaN"),
            (b'{"a":[Infinity]}', "Infinity"),
            (b'{"a":-Infinity}', "-Infinity"),
            (b'{"a":' + b"9" * 5000 + b"}", "too many digits"),
            (b'{"a":' * 100_000, "deep"),
            (nested(100_000), "deep"),
            (b'{"a":[' + b"{}," * SIZE_LIMIT + b"{}]}", "objects and lists"),
            (b'{"a":[' + b'"",' * STRING_LIMIT + b'""]}', "strings"),
            (b'{"a":[' + b"1," * COMMA_LIMIT + b"1,1]}", "commas"),
        ):
            for careful in (True, False):
                self.assertIn(reason, self.refused(payload, careful), repr(payload[:40]))

    def test_duplicates(self) -> None:
        """Equal names in one object are refused wherever they stand; leniently read, the last counts."""
        for payload in (b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"b":1,"a":{"c":1},"a":2}'):
            self.assertIn("twice", self.refused(payload))
            self.assertEqual(read_document(payload, careful=False)["a"], 2)
        self.assertIn("twice", self.refused(b'{"x":[{"y":{"a":null,"a":null}}]}'))

    def test_same_name_elsewhere(self) -> None:
        """Different objects may use the same name."""
        self.assertEqual(read_document(b'{"a":{"a":1},"b":{"a":2}}'), {"a": {"a": 1}, "b": {"a": 2}})

    def test_not_utf8(self) -> None:
        """Other bytes than UTF-8 are refused, where they are; leniently read, they are replaced."""
        for payload in (b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\x80"}'):
            self.assertIn("UTF-8 at byte 6", self.refused(payload))
            self.assertIn("\ufffd", read_document(payload, careful=False)["a"])

    def test_surrogates(self) -> None:
        """Half of a surrogate pair is refused, or replaced; a whole pair is a character."""
        for payload in (b'{"a":"\\ud800"}', b'{"a":"\\udfff\\ud800"}', b'{"a":{"\\uDBFF":"?"}}'):
            self.assertIn("surrogate", self.refused(payload))
            json.dumps(read_document(payload, careful=False), ensure_ascii=False).encode()
        self.assertEqual(read_document(b'{"a":"\\ud83d\\ude00"}'), {"a": "\U0001f600"})
        self.assertEqual(read_document(b'{"a":"\\\\ud800"}'), {"a": "\\ud800"})

    def test_depth(self) -> None:
        """The limit of depth is exact, and counts levels, not brackets."""
        read_document(nested(DEPTH_LIMIT))
        self.assertIn(str(DEPTH_LIMIT), self.refused(nested(DEPTH_LIMIT + 1)))
        read_document(b'{"a":[' + b"[]," * 1000 + b'"[[[["]}')
        read_document(nested(DEPTH_LIMIT + 100), careful=False)

    def test_much(self) -> None:
        """What is inside of strings counts little: documents in documents may be large."""
        inner = json.dumps([{"a": 1}] * 50_000)
        self.assertEqual(read_document(json.dumps({"a": inner, "b": inner}).encode())["b"], inner)

    @given(json_values())
    def test_any_json(self, value: Any) -> None:
        """An object reads as the standard reader reads it; another value is refused."""
        payload = json.dumps(value).encode()
        if isinstance(value, dict) and b"NaN" not in payload and b"Infinity" not in payload:
            self.assertEqual(read_document(payload), value)
        else:
            with contextlib.suppress(InvalidDocument):
                self.assertIsInstance(read_document(payload), dict)

    @given(st.binary(), st.booleans())
    def test_any_bytes(self, payload: bytes, careful: bool) -> None:
        """Any bytes are an object or refused with a reason."""
        try:
            self.assertIsInstance(read_document(payload, careful), dict)
        except InvalidDocument as e:
            self.assertTrue(e.reason)


class MembersTests(SynchronousTestCase):
    """Typed access to known members."""

    NAMES = known("mediaType", "size", "urls", "table")

    def test_fold(self) -> None:
        """Names fold as Go folds them, its two look-alikes included, and no further."""
        self.assertEqual(fold("MEDIAtype"), "mediatype")
        self.assertEqual(fold("url\u017f"), "urls")
        self.assertEqual(fold("\u212aey"), "key")
        self.assertNotEqual(fold("con\ufb01g"), "config")
        self.assertNotEqual(fold("\uff55rls"), "urls")

    def test_other_case(self) -> None:
        """A known member is found in any letter case; unknown ones are left out."""
        members = Members.of({"MEDIATYPE": "x", "other": 1, "Url\u017f": ["u"]}, self.NAMES, "it")
        self.assertEqual((members.text("mediaType"), members.texts("urls")), ("x", ("u",)))
        self.assertNotIn("other", members)

    def test_twice(self) -> None:
        """Two spellings of one known member are refused, null or not; unknown ones are not compared."""
        for values in ({"size": 1, "Size": 1}, {"SIZE": None, "size": 1}, {"size": 1, "siZe": None}):
            self.assertRaises(InvalidDocument, Members.of, values, self.NAMES, "it")
        Members.of({"other": 1, "Other": 2}, self.NAMES, "it")

    def test_last_counts(self) -> None:
        """Leniently, the last spelling counts, null included."""
        self.assertEqual(
            Members.of({"size": 1, "SIZE": 2}, self.NAMES, "it", careful=False).integer("size"), 2
        )
        self.assertNotIn("size", Members.of({"size": 1, "SIZE": None}, self.NAMES, "it", careful=False))

    def test_absent(self) -> None:
        """What is absent or null is empty."""
        nulls: dict[str, Any] = {"mediaType": None, "size": None, "urls": None, "table": None}
        for values in ({}, nulls):
            members = Members.of(values, self.NAMES, "it")
            self.assertNotIn("size", members)
            self.assertEqual(
                (
                    members.text("mediaType"),
                    members.integer("size"),
                    members.items("urls"),
                    members.table("table"),
                ),
                ("", 0, [], {}),
            )

    def test_types(self) -> None:
        """Values of another type are refused, and the reason names the member and its place."""
        cases: tuple[tuple[Callable[[Members, str], object], tuple[Any, ...]], ...] = (
            (Members.text, (1, True, [], {}, 1.5)),
            (Members.integer, ("1", True, False, 1.0, [], {}, 1 << 63, -(1 << 63) - 1, float("inf"))),
            (Members.items, ("", {}, 0, "abc")),
            (Members.texts, ("", {}, [1], ["a", None], [["a"]])),
            (Members.table, ("", [], {"a": 1}, {"a": None}, {"a": {}})),
        )
        for read, wrong in cases:
            for value in wrong:
                members = Members.of({"SIZE": value}, self.NAMES, "the thing")
                with self.assertRaises(InvalidDocument, msg=repr(value)) as caught:
                    read(members, "size")
                self.assertTrue(caught.exception.reason.startswith("size in the thing is not"))

    def test_bounds(self) -> None:
        """64 bits, signed, are enough for an integer."""
        for value in ((1 << 63) - 1, -(1 << 63)):
            self.assertEqual(Members.of({"size": value}, self.NAMES, "it").integer("size"), value)

    def test_no_object(self) -> None:
        """Members of something else than an object are refused."""
        values: tuple[object, ...] = (None, [], "x", 1)
        for value in values:
            self.assertRaises(InvalidDocument, Members.of, value, self.NAMES, "it")
