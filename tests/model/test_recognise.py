"""Tests for manifests found in the storage."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.model.documents import CHILD, CONFIG, LAYER, body, descriptor
from tests.strategies import json_values
from txregistry.model.digest import Digest
from txregistry.model.document import SIZE_LIMIT
from txregistry.model.manifest import (
    DOCKER_LIST,
    MEDIA_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    REFERENCE_LIMIT,
    InvalidManifest,
    Kind,
    Manifest,
    parse_manifest,
    recognise,
)


def stored(document: object) -> Manifest:
    """*document*, found in the storage."""
    payload = json.dumps(document).encode()
    return recognise(payload, Digest.of(payload))


class RecogniseTests(SynchronousTestCase):
    """What is found in the storage."""

    def refused(self, document: object) -> str:
        """The reason why *document* is no manifest."""
        with self.assertRaises(InvalidManifest) as caught:
            stored(document)
        return str(caught.exception.reason)

    def test_stated(self) -> None:
        """The type that the bytes state is theirs."""
        for media_type in MEDIA_TYPES:
            manifest = stored(body(media_type))
            self.assertEqual(manifest.media_type, media_type)
            self.assertEqual(
                manifest.references,
                parse_manifest(media_type, json.dumps(body(media_type)).encode()).references,
            )

    def test_not_stated(self) -> None:
        """Without a type, children make an index, and everything else is an image manifest."""
        for media_type in (OCI_MANIFEST, OCI_INDEX):
            for none in ("", None, ...):
                self.assertEqual(stored(body(media_type, mediaType=none)).media_type, media_type)
        self.assertEqual(stored({"schemaVersion": 2, "manifests": []}).media_type, OCI_INDEX)
        self.assertEqual(stored({"schemaVersion": 2, "manifests": None}).media_type, OCI_MANIFEST)
        self.assertEqual(stored({"schemaVersion": 2}).media_type, OCI_MANIFEST)

    def test_ambiguous(self) -> None:
        """Without a type, both kinds of members leave nothing to decide by; with one, it decides."""
        both = {"config": descriptor(CONFIG), "manifests": [descriptor(CHILD)]}
        self.assertIn("found manifest", self.refused({"schemaVersion": 2, **both}))
        manifest = stored({"schemaVersion": 2, "mediaType": DOCKER_LIST, **both})
        self.assertEqual([reference.digest for reference in manifest.references], [CHILD])

    def test_schema1(self) -> None:
        """Schema 1 is recognised, and not supported."""
        self.assertIn("schema 1", self.refused({"schemaVersion": 1, "name": "a", "fsLayers": []}))

    def test_refused(self) -> None:
        """Other versions and types are not manifests, nor is anything that is no object."""
        self.assertIn("version 3", self.refused(body(OCI_INDEX, schemaVersion=3)))
        self.assertIn("version 0", self.refused({}))
        self.assertIn("content type text/plain", self.refused(body(OCI_INDEX, mediaType="text/plain")))
        self.assertIn("not a JSON object", self.refused([]))
        self.assertIn("not a list", self.refused(body(OCI_INDEX, manifests={})))

    def test_digest(self) -> None:
        """The digest is the one under which the bytes were found."""
        digest = Digest.of(b"x", "sha512")
        self.assertEqual(recognise(json.dumps(body(OCI_INDEX)).encode(), digest).digest, digest)

    def test_unusable_descriptors(self) -> None:
        """Descriptors that can refer to nothing are left out; the others count."""
        children = [descriptor("sha256:abc"), descriptor(CHILD, size=-1), {}, None, descriptor("md5:x")]
        manifest = stored(body(OCI_INDEX, manifests=children))
        self.assertEqual([reference.digest for reference in manifest.references], [CHILD])
        self.assertEqual(stored(body(OCI_MANIFEST, config=None)).references[0].kind, Kind.LAYER)
        self.assertIsNone(stored(body(OCI_MANIFEST, subject=descriptor("x"))).subject)

    def test_unread_members(self) -> None:
        """What distribution never reads may hold anything, and then says nothing."""
        members: tuple[dict[str, Any], ...] = (
            {"subject": []},
            {"subject": {"digest": 1}},
            {"annotations": []},
            {"annotations": {"a": 1}},
            {"artifactType": {}},
            {"manifests": [descriptor(CHILD, data=1, artifactType=[])]},
        )
        for more in members:
            manifest = stored(body(OCI_INDEX, **more))
            self.assertEqual([reference.digest for reference in manifest.references], [CHILD])
            self.assertEqual((manifest.subject, manifest.artifact_type), (None, None))
            self.assertEqual(dict(manifest.annotations), {})

    def test_oci_members(self) -> None:
        """Subject, artifactType and annotations are read."""
        manifest = stored(
            body(OCI_INDEX, subject=descriptor(LAYER), artifactType="a/b", annotations={"a": "b"})
        )
        self.assertEqual((manifest.subject, manifest.artifact_type), (LAYER, "a/b"))
        self.assertEqual(dict(manifest.annotations), {"a": "b"})

    def test_last_counts(self) -> None:
        """Of members given twice, in one spelling or two, the last counts, as for distribution."""
        text = json.dumps(body(OCI_MANIFEST))
        for names in ('"layers": [], "layers"', '"layers": [], "LAYERS": [], "layers"'):
            manifest = recognise(text.replace('"layers"', names).encode(), CHILD)
            self.assertEqual([reference.digest for reference in manifest.references], [CONFIG, LAYER])
        manifest = recognise((text[:-1] + ', "LAYERS": []}').encode(), CHILD)
        self.assertEqual([reference.digest for reference in manifest.references], [CONFIG])

    def test_bad_text(self) -> None:
        """Text that is no Unicode does not keep a stored manifest from being served."""
        text = json.dumps(body(OCI_MANIFEST, annotations={"a": "b"}))
        for bad in (b'"\xff"', b'"\\ud800"'):
            manifest = recognise(text.encode().replace(b'"b"', bad), CHILD)
            self.assertEqual(len(manifest.references), 2)
            json.dumps(dict(manifest.annotations), ensure_ascii=False).encode()

    def test_many_references(self) -> None:
        """More references than may be pushed are read, as many as fit into a manifest."""
        children = [descriptor(CHILD)] * (REFERENCE_LIMIT + 1)
        self.assertEqual(len(stored(body(OCI_INDEX, manifests=children)).references), REFERENCE_LIMIT + 1)
        self.assertGreater(SIZE_LIMIT, (4 << 20) // len('{"digest":"sha256:"},') / 4)

    @given(st.binary() | json_values().map(lambda value: json.dumps(value).encode()))
    def test_any_bytes(self, payload: bytes) -> None:
        """Whatever is stored is a manifest or refused with a reason."""
        try:
            recognise(payload, CHILD)
        except InvalidManifest as e:
            self.assertTrue(e.reason)
