"""Tests for the differences between two configurations."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.changes import changed_keys


class ChangedKeysTests(SynchronousTestCase):
    """Two mappings."""

    def changed(self, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        return list(changed_keys(before, after))

    def test_same(self) -> None:
        """What is the same, or empty on both sides, is no change."""
        for one, other in (
            ({}, {}),
            ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
            ({"a": None}, {}),
            ({"a": {}}, {"a": None}),
            ({"a": {"b": None}}, {}),
        ):
            self.assertEqual((self.changed(one, other), self.changed(other, one)), ([], []))

    def test_changed(self) -> None:
        """Each key that has another value, came or went, is named with its path."""
        before = {"a": 1, "b": {"c": 1, "d": [1]}, "e": {"f": 1}, "g": {"h": 1}}
        after = {"a": 2, "b": {"c": 1, "d": [2]}, "g": 5, "i": {"j": {"k": False}}}
        expected = ["a", "b.d", "e.f", "g", "i.j.k"]
        self.assertEqual(self.changed(before, after), expected)
        self.assertEqual(sorted(self.changed(after, before)), sorted(expected))

    def test_readings(self) -> None:
        """A reading has what the file and the environment say."""
        before = read(LEAST)
        after = read(LEAST + "log: {level: debug}\n", {"REGISTRY_HTTP_SECRET": "x"})
        self.assertEqual(list(changed_keys(before.settings, after.settings)), ["http.secret", "log.level"])
        self.assertNotIn("'x'", repr(after))
