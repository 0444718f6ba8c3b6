"""Tests of :mod:`txregistry.model.referrers`."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.model.digest import ALGORITHMS, Digest
from txregistry.model.manifest import OCI_INDEX, OCI_MANIFEST, InvalidManifest, recognise
from txregistry.model.names import is_tag
from txregistry.model.referrers import Referrer, fallback_tag, may_have_subject

SUBJECT = Digest.of(b"subject")


def manifest(media_type: str = OCI_MANIFEST, **members: object) -> Referrer:
    """The entry of a manifest with *members*."""
    payload = json.dumps({"schemaVersion": 2, "mediaType": media_type, **members}).encode()
    return Referrer.of(recognise(payload, Digest.of(payload)))


class ReferrerTests(SynchronousTestCase):
    """What an entry says."""

    def test_artifact_type(self) -> None:
        """Its own type, or else its config's, or else none."""
        config = {"mediaType": "a/config", "digest": str(SUBJECT), "size": 1}
        self.assertEqual(manifest(config=config, artifactType="a/type").artifact_type, "a/type")
        self.assertEqual(manifest(config=config).artifact_type, "a/config")
        self.assertEqual(manifest(OCI_INDEX).artifact_type, "")
        self.assertEqual(manifest(OCI_INDEX, artifactType="a/type").artifact_type, "a/type")

    def test_annotations(self) -> None:
        """Those of the manifest."""
        self.assertEqual(manifest(annotations={"a": "b"}).annotations, {"a": "b"})


class FallbackTagTests(SynchronousTestCase):
    """The tag of the referrers tag schema."""

    def test_form(self) -> None:
        """Algorithm and encoded part, the latter cut to 64 characters."""
        self.assertEqual(str(fallback_tag(SUBJECT)), f"sha256-{SUBJECT.encoded}")
        long = Digest.of(b"subject", "sha512")
        self.assertEqual(str(fallback_tag(long)), f"sha512-{long.encoded[:64]}")

    def test_tags(self) -> None:
        """It is a tag for each algorithm."""
        for algorithm in ALGORITHMS:
            self.assertTrue(is_tag(str(fallback_tag(Digest.of(b"", algorithm)))))


class MayHaveSubjectTests(SynchronousTestCase):
    """The quick look at a payload."""

    @given(
        st.sampled_from(('"subject"', '"Subject"', '"SUBJECT"', '"\\u0073ubject"', '"sub\\u006Aect"')),
        st.sampled_from(("", " ", "\n")),
    )
    def test_never_misses(self, name: str, blank: str) -> None:
        """However the member is written, if the reader finds a subject the quick look does."""
        text = f'{{"schemaVersion":2,{name}{blank}:{{"digest":"{SUBJECT}","size":1}}}}'.encode()
        self.assertEqual(recognise(text, Digest.of(text)).subject, SUBJECT)
        self.assertTrue(may_have_subject(text))

    @given(st.binary(max_size=60))
    def test_a_no_is_true(self, payload: bytes) -> None:
        """What it says no to has no subject."""
        if may_have_subject(payload):
            return
        try:
            found = recognise(payload, Digest.of(payload)).subject
        except InvalidManifest:
            found = None
        self.assertIsNone(found)

    def test_no(self) -> None:
        """It says no to an ordinary manifest."""
        self.assertFalse(may_have_subject(b'{"schemaVersion":2,"config":{}}'))
