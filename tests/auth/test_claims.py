"""Tests for the rules on claims."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.auth.making import ISSUER, SERVICE, access, make_claims
from txregistry.auth.claims import LEEWAY, Claims
from txregistry.model.access import CATALOG, Access, needed
from txregistry.model.document import InvalidDocument

NOW = 1_700_000_000


def claims(*entries: Any, **changed: Any) -> Claims:
    """Good claims, but for what was *changed*."""
    return Claims.read(make_claims(NOW, *entries, **changed))


class ClaimTypeTests(SynchronousTestCase):
    """What claims may be."""

    def test_wrong_types(self) -> None:
        """A known claim of another type than its own makes no token, used or not."""
        cases: tuple[tuple[str, tuple[Any, ...]], ...] = (
            ("iss", (1, ["x"], {}, True)),
            ("sub", (1, ["x"], {}, False)),
            ("jti", (1, [], {}, 1.5)),
            ("aud", (1, [1], [None], {}, [["x"]], True)),
            ("exp", (1.0, 1.5, "1", True, False, [], {}, 1 << 63, -(1 << 63) - 1, 1e3)),
            ("nbf", (1.5, "1", True, [])),
            ("iat", (1.5, "1", False, {})),
            ("access", ({}, "x", 1, True, [1], [None], ["x"], [[]])),
        )
        for name, wrong in cases:
            for value in wrong:
                self.assertRaises(InvalidDocument, claims, **{name: value})

    def test_wrong_entries(self) -> None:
        """So does an entry of the access list with a wrong member, whatever else is in the list."""
        good = access("a/b", "pull")
        cases: tuple[tuple[str, tuple[Any, ...]], ...] = (
            ("type", (1, [], {})),
            ("name", (1, ["a/b"], {})),
            ("class", (1, [], True)),
            ("actions", ("pull", {}, 1, [1], [None], [["pull"]])),
        )
        for name, wrong in cases:
            for value in wrong:
                self.assertRaises(InvalidDocument, claims, good, {**good, name: value})

    def test_absent(self) -> None:
        """What is absent or null counts as empty, or zero; unknown claims and members are ignored."""
        empty = Claims.read({})
        self.assertEqual((empty.issuer, empty.audiences, empty.expires, empty.begins), ("", ("",), 0, 0))
        self.assertEqual((empty.grant.user, dict(empty.actions)), ("", {}))
        names = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "access")
        self.assertEqual(Claims.read(dict.fromkeys(names)), empty)
        self.assertEqual(Claims.read({"more": [1.5], "ISS": 1, "Exp": "x"}), empty)
        nothing = claims({"type": None, "more": 1}, {})
        self.assertEqual(dict(nothing.actions), {("", ""): frozenset()})


class ClaimFaultTests(SynchronousTestCase):
    """Whether claims count, here and now."""

    def fault(self, now: float = NOW, **changed: Any) -> str:
        return claims(**changed).fault(ISSUER, SERVICE, now) or ""

    def test_good(self) -> None:
        """The right issuer, service and time will do; begin and subject need not be said."""
        self.assertEqual(self.fault(), "")
        self.assertEqual(self.fault(nbf=None, sub=None, iat=None, jti=None, access=None), "")

    def test_issuer(self) -> None:
        """Any other issuer than the configured one is wrong, letter by letter."""
        for issuer in ("", None, ISSUER.upper(), ISSUER + "/", f" {ISSUER}"):
            self.assertIn("issuer is ", self.fault(iss=issuer))

    def test_audience(self) -> None:
        """The service must be the audience, or one of them."""
        for audience in (SERVICE, [SERVICE], ["x", SERVICE], [SERVICE, SERVICE]):
            self.assertEqual(self.fault(aud=audience), "")
        for other in ("", None, [], ["x"], SERVICE + ".", SERVICE.upper(), [SERVICE + "x", "y"], ["a"] * 9):
            self.assertIn("the token is for ", self.fault(aud=other))

    def test_end(self) -> None:
        """A token is good to the last moment of the leeway; without an end it never was."""
        self.assertEqual(self.fault(NOW, exp=NOW - LEEWAY), "")
        self.assertEqual(self.fault(NOW + 0.01, exp=NOW - LEEWAY), "the token expired 60 s ago")
        self.assertEqual(self.fault(NOW + 90, exp=NOW), "the token expired 90 s ago")
        self.assertEqual(self.fault(exp=(1 << 63) - 1), "")
        for missing in (None, 0):
            self.assertEqual(self.fault(exp=missing), "the token has no exp")
        self.assertIn("expired", self.fault(exp=-1))

    def test_begin(self) -> None:
        """A token is good from the first moment of the leeway."""
        self.assertEqual(self.fault(NOW, nbf=NOW + LEEWAY), "")
        self.assertEqual(self.fault(NOW - 0.01, nbf=NOW + LEEWAY), "the token becomes valid in 60 s")
        self.assertEqual(self.fault(nbf=-(1 << 63)), "")
        self.assertIn("becomes valid", self.fault(nbf=(1 << 63) - 1))


class ClaimAccessTests(SynchronousTestCase):
    """What claims are good for."""

    def test_exact(self) -> None:
        """A right is there if the very resource has the very action, or all of them."""
        found = claims(access("a/b", "pull"), access("c", "*"), access("catalog", "*", type="registry"))
        for allowed in (
            (),
            needed("GET", "a/b"),
            needed("PUT", "c", mount_from="a/b"),
            needed("DELETE", "c"),
            CATALOG,
        ):
            self.assertEqual(found.lacking(allowed), [])
        for lacked in (
            needed("DELETE", "a/b"),
            needed("GET", "a/B"),
            needed("GET", "a"),
            needed("GET", "*"),
            needed("GET", "a/b/c"),
            (Access("registry", "a/b", "pull"),),
            (Access("repository", "catalog", "*"),),
            (Access("repository", "a/b", "*"),),
        ):
            self.assertEqual(found.lacking(lacked), list(lacked))

    def test_partly(self) -> None:
        """Only what lacks is named."""
        lacking = claims(access("a/b", "pull")).lacking(needed("PUT", "a/b", mount_from="c"))
        self.assertEqual(lacking, [Access("repository", "a/b", "push"), Access("repository", "c", "pull")])

    def test_merged(self) -> None:
        """Entries on one resource add up, whatever their class."""
        found = claims(access("a/b", "pull"), access("a/b", "push", **{"class": "plugin"}), access("a/b"))
        self.assertEqual(found.lacking(needed("PUT", "a/b")), [])

    def test_classes(self) -> None:
        """Classes are those of the entries on repositories; one that says none is for images."""
        found = claims(
            access("a", "pull"),
            access("b", "pull", **{"class": "plugin"}),
            access("c", "pull", **{"class": ""}),
            access("c", "pull", **{"class": "plugin"}),
            access("d", "pull", type="registry"),
        )
        self.assertEqual(
            dict(found.grant.classes),
            {"a": frozenset(("image",)), "b": frozenset(("plugin",)), "c": frozenset(("image", "plugin"))},
        )
        self.assertFalse(found.grant.reads_everything)
