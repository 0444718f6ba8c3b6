"""Tests for conditional requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import digests
from txregistry.model.conditions import Outcome, check, etag, has_manifest, range_applies
from txregistry.model.digest import Digest

DIGEST = Digest.of(b"content")
ETAG = etag(DIGEST)


class CheckTests(SynchronousTestCase):
    """Preconditions of blobs."""

    def none_match(self, header: str) -> Outcome:
        return check(ETAG, None, header)

    def match(self, header: str) -> Outcome:
        return check(ETAG, header, None)

    def test_no_conditions(self) -> None:
        """Without conditions, or with empty ones, the request proceeds."""
        self.assertEqual(check(ETAG, None, None), Outcome.PROCEED)
        self.assertEqual(check(ETAG, "", ""), Outcome.PROCEED)

    def test_none_match(self) -> None:
        """``If-None-Match`` hits by the tag, weak or not, alone or in a list, and by ``*``."""
        for header in (
            ETAG,
            f"  {ETAG}\t",
            f"W/{ETAG}",
            f'"x", {ETAG}',
            f'"x",,\t"y" ,{ETAG}, "z"',
            "*",
            '"x", *',
        ):
            self.assertEqual(self.none_match(header), Outcome.NOT_MODIFIED, header)

    def test_none_match_misses(self) -> None:
        """Other tags, and everything behind the first thing that is no tag, do not hit."""
        for header in (
            '"x"',
            str(DIGEST),
            ETAG.upper(),
            f"x, {ETAG}",
            f"w/{ETAG}",
            ETAG[:-1],
            ETAG[1:],
            "'*'",
            f'" {ETAG[1:]}',
        ):
            self.assertEqual(self.none_match(header), Outcome.PROCEED, header)

    def test_match(self) -> None:
        """``If-Match`` is satisfied by the strong tag, alone or in a list, and by ``*``."""
        for header in (ETAG, f'"x", {ETAG}', "*"):
            self.assertEqual(self.match(header), Outcome.PROCEED, header)

    def test_match_fails(self) -> None:
        """Anything else fails the precondition, a weak tag included."""
        for header in ('"x"', f"W/{ETAG}", str(DIGEST), ",", " "):
            self.assertEqual(self.match(header), Outcome.FAILED, header)

    def test_match_first(self) -> None:
        """A failed ``If-Match`` decides before ``If-None-Match``."""
        self.assertEqual(check(ETAG, '"x"', ETAG), Outcome.FAILED)
        self.assertEqual(check(ETAG, ETAG, ETAG), Outcome.NOT_MODIFIED)

    @given(digests(), st.text() | st.text('W/",* abc'), st.text() | st.text('W/",* abc'))
    def test_any_header(self, digest: Digest, if_match: str, if_none_match: str) -> None:
        """Every header comes to an outcome, and only ``*`` or the tag itself to a hit."""
        outcome = check(etag(digest), None, if_none_match)
        if outcome is Outcome.NOT_MODIFIED:
            self.assertIn("*", if_none_match)
        self.assertIsInstance(check(etag(digest), if_match, if_none_match), Outcome)


class RangeAppliesTests(SynchronousTestCase):
    """``If-Range``."""

    def test_applies(self) -> None:
        """Without the header, and with the very tag, the range counts."""
        for header in (None, "", ETAG, f" {ETAG} "):
            self.assertTrue(range_applies(ETAG, header))

    def test_does_not_apply(self) -> None:
        """A weak or another tag, or a date, makes the range not count."""
        for header in (f"W/{ETAG}", '"x"', str(DIGEST), "*", "Wed, 21 Oct 2015 07:28:00 GMT"):
            self.assertFalse(range_applies(ETAG, header))


class HasManifestTests(SynchronousTestCase):
    """``If-None-Match`` of manifests."""

    def test_hits(self) -> None:
        """Any one line that is the digest, quoted or not, hits."""
        for lines in ([str(DIGEST)], [ETAG], ["x", ETAG], [f" {DIGEST} "]):
            self.assertTrue(has_manifest(DIGEST, lines), lines)

    def test_misses(self) -> None:
        """Lists, weak tags, ``*`` and other digests do not."""
        for lines in ([], [""], ["*"], [f"W/{ETAG}"], [f'"x", {ETAG}'], [str(Digest.of(b"other"))]):
            self.assertFalse(has_manifest(DIGEST, lines), lines)
