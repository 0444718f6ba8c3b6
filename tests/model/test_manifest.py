"""Tests for manifests."""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.model.documents import CHILD, CONFIG, FOREIGN, IMAGES, INDEXES, LAYER, body, descriptor
from tests.strategies import digests, json_values
from txregistry.model.digest import Digest
from txregistry.model.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MEDIA_TYPES,
    NON_DISTRIBUTABLE,
    OCI_INDEX,
    OCI_MANIFEST,
    REFERENCE_LIMIT,
    InvalidManifest,
    InvalidReferenceDigest,
    Kind,
    Manifest,
    Platform,
    parse_manifest,
    recognise,
    required,
)


def parse(document: object, media_type: str = OCI_MANIFEST) -> Manifest:
    """*document*, pushed."""
    return parse_manifest(media_type, json.dumps(document).encode())


class ParseManifestTests(SynchronousTestCase):
    """What may be pushed."""

    def refused(self, document: object, media_type: str = OCI_MANIFEST) -> str:
        """The reason why *document* is refused."""
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        with self.assertRaises(InvalidManifest, msg=repr(payload[:200])) as caught:
            parse_manifest(media_type, payload)
        return str(caught.exception.reason)

    def test_image(self) -> None:
        """An image manifest refers to its config, then to its layers, in order and with repetitions."""
        for media_type in IMAGES:
            document = body(media_type, layers=[descriptor(LAYER), descriptor(CHILD), descriptor(LAYER)])
            manifest = parse(document, media_type)
            self.assertEqual(manifest.media_type, media_type)
            self.assertEqual(manifest.config_media_type, "application/config")
            self.assertEqual(
                [(reference.kind, reference.digest) for reference in manifest.references],
                [
                    (Kind.CONFIG, CONFIG),
                    (Kind.LAYER, LAYER),
                    (Kind.LAYER, CHILD),
                    (Kind.LAYER, LAYER),
                ],
            )
            self.assertEqual(manifest.references[0].size, 7)
            self.assertEqual(required(manifest), manifest.references)

    def test_index(self) -> None:
        """An index refers to its children, with their platforms."""
        for media_type in INDEXES:
            platform = {"architecture": "arm64", "os": "linux", "variant": "v8", "os.features": ["x"]}
            children = [
                descriptor(CHILD, platform=platform),
                descriptor(LAYER),
                descriptor(CONFIG, platform={}),
            ]
            manifest = parse(body(media_type, manifests=children), media_type)
            self.assertEqual([reference.kind for reference in manifest.references], [Kind.CHILD] * 3)
            self.assertEqual(
                [reference.platform for reference in manifest.references],
                [Platform("arm64", "linux", "v8"), None, Platform("", "")],
            )
            self.assertIsNone(manifest.config_media_type)
            self.assertEqual(required(manifest), manifest.references)

    @given(st.sampled_from(MEDIA_TYPES), st.sampled_from(("sha256", "sha384", "sha512")), st.text(" \n\t"))
    def test_payload(self, media_type: str, algorithm: str, space: str) -> None:
        """The bytes are kept as they came, and the digest is theirs, by the algorithm asked for."""
        payload = space.encode() + json.dumps(body(media_type)).encode() + space.encode()
        manifest = parse_manifest(media_type, payload, algorithm)
        self.assertEqual(manifest.payload, payload)
        self.assertEqual(manifest.digest, Digest.of(payload, algorithm))

    def test_content_type(self) -> None:
        """The type is found without its parameters, in any letter case."""
        for header in (OCI_INDEX, OCI_INDEX + "; charset=utf-8", f" {OCI_INDEX.upper()} ;a=b;c=d"):
            self.assertEqual(parse(body(OCI_INDEX), header).media_type, OCI_INDEX)

    def test_unknown_content_type(self) -> None:
        """Other types are refused by name; the body is not looked at."""
        for header, name in (
            ("", ""),
            ("application/json", "application/json"),
            ("Text/Plain; a=b", "text/plain"),
            (";", ""),
            (f"{OCI_INDEX}, {OCI_MANIFEST}",) * 2,
        ):
            self.assertEqual(
                self.refused(b"not looked at", header),
                f"unsupported manifest media type and no default available: {name}",
            )

    def test_content_type_parameters(self) -> None:
        """What follows the type must be parameters."""
        for header in (";;", "; charset", "; =b", "; a b=c", "; a=b c", '; a="b', "; a=b, c", "; a=b;;"):
            self.assertEqual(
                self.refused(body(OCI_INDEX), OCI_INDEX + header), "mime: invalid media parameter"
            )
        for header in (";", " ; ", "; a=b;", '; a = "b;\\"=" ; c=d'):
            parse_manifest(OCI_INDEX + header, json.dumps(body(OCI_INDEX)).encode())

    def test_long_parameters(self) -> None:
        """Blanks without end between parameters are read in a time that grows with their number only."""
        begin = time.perf_counter()
        self.refused(body(OCI_INDEX), f"{OCI_INDEX};a=b{' ' * 90_000}x")
        self.assertLess(time.perf_counter() - begin, 5)  # it was half a minute when each was tried with each

    def test_schema_1(self) -> None:
        """Docker's first schema is refused in words of its own."""
        for form in ("json", "prettyjws"):
            media_type = f"application/vnd.docker.distribution.manifest.v1+{form}"
            self.assertEqual(
                self.refused(b"not looked at", media_type), "schema 1 manifests are not supported"
            )

    def test_embedded_data(self) -> None:
        """Embedded content must be base64; nobody compares it with its digest."""
        parse(body(OCI_MANIFEST, config=descriptor(CONFIG, data="e30=")))
        for data in ("e30", "%%", "e30=\n", "\u00e9", "e3 0="):
            document = body(OCI_MANIFEST, config=descriptor(CONFIG, data=data))
            self.assertEqual(self.refused(document), "data in a config descriptor is not base64")

    def test_media_type(self) -> None:
        """A body that states another type than the request is refused (CVE-2021-41190)."""
        for media_type in MEDIA_TYPES:
            for other in MEDIA_TYPES:
                if other != media_type:
                    reason = self.refused(body(media_type, mediaType=other), media_type)
                    self.assertIn(f"should be '{media_type}' not '{other}'", reason)
            self.assertIn("not 'X'", self.refused(body(media_type, mediaType="X"), media_type))
            self.assertIn("not a string", self.refused(body(media_type, mediaType=["x"]), media_type))

    def test_no_media_type(self) -> None:
        """OCI bodies may leave the type out, docker's may not."""
        for missing in (..., None, ""):
            for media_type in (OCI_MANIFEST, OCI_INDEX):
                manifest = parse(body(media_type, mediaType=missing), media_type)
                self.assertEqual(manifest.media_type, media_type)
            for media_type in (DOCKER_MANIFEST, DOCKER_LIST):
                reason = self.refused(body(media_type, mediaType=missing), media_type)
                self.assertIn(f"should be '{media_type}' not ''", reason)

    def test_ambiguous(self) -> None:
        """No type may have members of the opposite kind, in any letter case (CVE-2021-41190)."""
        for media_type in IMAGES:
            for name in ("manifests", "Manifests", "MANIFESTS", "manife\u017ft\u017f"):
                for value in ([], [descriptor(CHILD)], "x"):
                    self.assertIn(
                        "expected manifest", self.refused(body(media_type, **{name: value}), media_type)
                    )
        members: tuple[object, ...] = ([], {}, [descriptor(LAYER)], descriptor(CONFIG))
        for media_type in INDEXES:
            for name in ("config", "layers", "Layers", "CONFIG"):
                for member in members:
                    reason = self.refused(body(media_type, **{name: member}), media_type)
                    self.assertIn("found manifest", reason)

    def test_null_is_absent(self) -> None:
        """A null member of the opposite kind is no member."""
        parse(body(OCI_MANIFEST, manifests=None))
        parse(body(OCI_INDEX, config=None, layers=None), OCI_INDEX)

    def test_two_spellings(self) -> None:
        """A known member given in two spellings is refused, at the root and in descriptors."""
        self.assertIn("layers is given twice", self.refused(body(OCI_MANIFEST, LAYERS=[])))
        self.assertIn("mediaType is given twice", self.refused(body(OCI_MANIFEST, mediatype=OCI_MANIFEST)))
        twice = descriptor(LAYER, Digest=str(CONFIG))
        self.assertIn("digest is given twice", self.refused(body(OCI_MANIFEST, layers=[twice])))
        self.assertIn("digest is given twice", self.refused(body(OCI_MANIFEST, config=twice)))
        self.assertIn("digest is given twice", self.refused(body(OCI_INDEX, manifests=[twice]), OCI_INDEX))
        self.assertIn("digest is given twice", self.refused(body(OCI_MANIFEST, subject=twice)))

    def test_other_spelling(self) -> None:
        """A known member in another spelling counts as that member: nothing hides behind a capital."""
        document = {
            "SchemaVersion": 2,
            "Config": {"Digest": str(CONFIG), "SIZE": 1},
            "LAYERS": [{"DIGEST": str(LAYER)}],
            "Subject": {"diGest": str(CHILD)},
        }
        manifest = parse(document)
        self.assertEqual([reference.digest for reference in manifest.references], [CONFIG, LAYER])
        self.assertEqual(manifest.subject, CHILD)

    def test_same_name_twice(self) -> None:
        """A name given twice is refused anywhere, known or not."""
        text = json.dumps(body(OCI_MANIFEST))
        for payload in (
            text.replace('"layers"', '"layers": [], "layers"', 1),
            text.replace('"schemaVersion"', '"a": 1, "a": 1, "schemaVersion"', 1),
            text.replace('"schemaVersion"', '"annotations": {"a": "1", "a": "2"}, "schemaVersion"', 1),
        ):
            self.assertIn("twice", self.refused(payload.encode()))

    def test_schema_version(self) -> None:
        """The schema version must be the integer 2."""
        for media_type in MEDIA_TYPES:
            for version, shown in ((1, "1"), (3, "3"), (0, "0"), (None, "0"), (..., "0"), (-2, "-2")):
                self.assertEqual(
                    self.refused(body(media_type, schemaVersion=version), media_type),
                    f"unrecognized manifest schema version {shown}",
                )
            for wrong in ("2", 2.0, True, [2], 1 << 70):
                reason = self.refused(body(media_type, schemaVersion=wrong), media_type)
                self.assertIn("not a 64 bit", reason)

    def test_types(self) -> None:
        """Members of a wrong type are refused."""
        members: tuple[dict[str, Any], ...] = (
            {"layers": {}},
            {"layers": "x"},
            {"layers": [1]},
            {"layers": [[]]},
            {"config": []},
            {"config": "x"},
            {"subject": []},
            {"annotations": []},
            {"annotations": {"a": 1}},
            {"artifactType": 1},
        )
        for more in members:
            self.assertTrue(self.refused(body(OCI_MANIFEST, **more)))
        inner: tuple[dict[str, Any], ...] = (
            {"digest": 1},
            {"mediaType": 1},
            {"size": "7"},
            {"size": 7.0},
            {"size": True},
            {"size": -1},
            {"size": 1 << 63},
            {"urls": "http://a"},
            {"urls": [1]},
            {"annotations": {"a": None}},
            {"platform": "linux"},
            {"platform": {"os": 1}},
            {"platform": {"os.features": "x"}},
            {"data": {}},
            {"artifactType": []},
        )
        for wrong in inner:
            item = {**descriptor(LAYER), **wrong}
            self.assertTrue(self.refused(body(OCI_MANIFEST, layers=[item])), wrong)
            self.assertTrue(self.refused(body(DOCKER_LIST, manifests=[item]), DOCKER_LIST), wrong)

    def test_negative_size(self) -> None:
        """A negative size is refused in every descriptor."""
        wrong = descriptor(LAYER, size=-1)
        for more in ({"config": wrong}, {"layers": [wrong]}, {"subject": wrong}):
            self.assertIn("negative", self.refused(body(OCI_MANIFEST, **more)))

    def test_empty(self) -> None:
        """Layers and children may be none or missing."""
        nones: tuple[object, ...] = ([], None, ...)
        for none in nones:
            for media_type in IMAGES:
                manifest = parse(body(media_type, layers=none), media_type)
                self.assertEqual([reference.digest for reference in manifest.references], [CONFIG])
            for media_type in INDEXES:
                self.assertEqual(parse(body(media_type, manifests=none), media_type).references, ())

    def test_bad_digests(self) -> None:
        """An unusable digest in any descriptor has its own error; so has a config that is missing."""
        for text in (
            "",
            "sha256:abc",
            str(LAYER).upper(),
            "md5:" + "0" * 32,
            "../../etc/passwd",
            "sha256:" + "a" * 65,
        ):
            bad = descriptor(text)
            for media_type, more in (
                (OCI_MANIFEST, {"config": bad}),
                (OCI_MANIFEST, {"layers": [descriptor(LAYER), bad]}),
                (OCI_MANIFEST, {"subject": bad}),
                (DOCKER_MANIFEST, {"layers": [bad]}),
                (OCI_INDEX, {"manifests": [bad]}),
                (DOCKER_LIST, {"manifests": [bad]}),
            ):
                with self.assertRaises(InvalidReferenceDigest) as caught:
                    parse(body(media_type, **more), media_type)
                self.assertEqual(caught.exception.text, text)
        for media_type in IMAGES:
            configs: tuple[object, ...] = (None, ..., {})
            for config in configs:
                with self.assertRaises(InvalidReferenceDigest):
                    parse(body(media_type, config=config), media_type)

    @given(digests())
    def test_good_digests(self, digest: Digest) -> None:
        """Digests of every supported algorithm may be referred to."""
        manifest = parse(body(OCI_MANIFEST, layers=[descriptor(digest)]))
        self.assertEqual(manifest.references[1].digest, digest)

    def test_oci_members(self) -> None:
        """Subject, artifactType and annotations are read from OCI documents, and mean nothing in docker's."""
        more = {
            "subject": descriptor(CHILD),
            "artifactType": "application/sbom",
            "annotations": {"a": "b"},
        }
        for media_type in MEDIA_TYPES:
            manifest = parse(body(media_type, **more), media_type)
            facts = (manifest.subject, manifest.artifact_type, dict(manifest.annotations))
            if media_type in (OCI_MANIFEST, OCI_INDEX):
                self.assertEqual(facts, (CHILD, "application/sbom", {"a": "b"}))
            else:
                self.assertEqual(facts, (None, None, {}))
            self.assertNotIn(CHILD if media_type in IMAGES else LAYER, [r.digest for r in required(manifest)])

    def test_any_config_type(self) -> None:
        """Configs, layers and children may have any media type, or none."""
        for media_type in (
            "application/vnd.cncf.helm.config.v1+json",
            "application/vnd.oci.empty.v1+json",
            "",
        ):
            manifest = parse(body(OCI_MANIFEST, config=descriptor(CONFIG, media_type)))
            self.assertEqual(manifest.config_media_type, media_type)
        children = [descriptor(LAYER, "application/vnd.oci.image.layer.v1.tar+gzip")]
        manifest = parse(body(OCI_INDEX, manifests=children), OCI_INDEX)
        self.assertEqual([reference.kind for reference in required(manifest)], [Kind.CHILD])

    def test_external_layers(self) -> None:
        """A non-distributable layer with URLs need not exist; without, it must."""
        for layer_type in NON_DISTRIBUTABLE:
            for media_type in IMAGES:
                for urls, needed in (
                    (["https://a.test/layer"], False),
                    (["http://a.test:81/x?y=z", "https://b.test/\u00e9"], False),
                    ([], True),
                    (None, True),
                    (..., True),
                ):
                    layer = descriptor(LAYER, layer_type, urls=urls)
                    layer = {name: value for name, value in layer.items() if value is not ...}
                    manifest = parse(body(media_type, layers=[layer]), media_type)
                    self.assertEqual(len(manifest.references), 2)
                    digests = [reference.digest for reference in required(manifest)]
                    self.assertEqual(LAYER in digests, needed, (layer_type, urls))

    def test_urls_elsewhere(self) -> None:
        """URLs excuse nothing but non-distributable layers, and embedded data nothing at all."""
        urls = ["https://a.test/x"]
        layer = descriptor(LAYER, "application/vnd.oci.image.layer.v1.tar+gzip", urls=urls)
        config = descriptor(CONFIG, FOREIGN, urls=urls, data="e30=")
        manifest = parse(body(OCI_MANIFEST, config=config, layers=[layer]))
        self.assertEqual(required(manifest), manifest.references)
        child = descriptor(CHILD, FOREIGN, urls=urls, data="e30=")
        manifest = parse(body(OCI_INDEX, manifests=[child]), OCI_INDEX)
        self.assertEqual(required(manifest), manifest.references)

    def test_bad_urls(self) -> None:
        """A URL from which nobody should fetch a layer is refused."""
        for url in (
            "",
            "ftp://a.test/x",
            "file:///etc/passwd",
            "//a.test/x",
            "a.test/x",
            "http:",
            "http:///x",
            "https://a.test/x#y",
            "https://a.test/x#",
            "http://[::1",
            "http://a.test:99999/",
            "http://a.test:x/",
            "http://a.test/\n",
            "http://a\r\n.test/",
            "http://a .test/",
            " http://a.test/",
            "http://a.test/\x00",
            "javascript:alert(1)",
        ):
            layer = descriptor(LAYER, FOREIGN, urls=["https://a.test/fine", url])
            reason = self.refused(body(DOCKER_MANIFEST, layers=[layer]), DOCKER_MANIFEST)
            self.assertIn("invalid URL on layer", reason)

    def test_whose_urls(self) -> None:
        """The URLs of layers that have types of their own are looked at, and no others."""
        for layer_type, looked_at in (
            ("application/vnd.oci.image.layer.v1.tar", True),
            ("application/vnd.oci.image.layer.v1.tar+gzip", True),
            ("application/vnd.oci.image.layer.v1.tar+zstd", False),
            ("application/x", False),
        ):
            document = body(OCI_MANIFEST, layers=[descriptor(LAYER, layer_type, urls=["ipfs://x"])])
            if looked_at:
                self.assertEqual(self.refused(document), "invalid URL on layer: ipfs://x")
            else:
                self.assertEqual(parse(document).references[1].urls, ("ipfs://x",))
        parse(body(OCI_MANIFEST, config=descriptor(CONFIG, FOREIGN, urls=["ipfs://x"])))
        parse(body(OCI_INDEX, manifests=[descriptor(CHILD, FOREIGN, urls=["ipfs://x"])]), OCI_INDEX)

    def test_reference_limit(self) -> None:
        """The number of references is bounded, the config counted."""
        layers = [descriptor(LAYER)] * (REFERENCE_LIMIT - 1)
        self.assertEqual(len(parse(body(OCI_MANIFEST, layers=layers)).references), REFERENCE_LIMIT)
        self.assertIn(str(REFERENCE_LIMIT), self.refused(body(OCI_MANIFEST, layers=layers + layers[:1])))
        children = [descriptor(CHILD)] * (REFERENCE_LIMIT + 1)
        self.assertIn(str(REFERENCE_LIMIT), self.refused(body(OCI_INDEX, manifests=children), OCI_INDEX))

    def test_not_json(self) -> None:
        """What is no JSON object in UTF-8 is refused; so are depth, huge numbers, and text that is none."""
        for payload in (
            b"",
            b"[]",
            b"null",
            b"\xef\xbb\xbf{}",
            b'{"a":"\xff"}',
            b'{"a":"\\ud800"}',
            b'{"a":NaN}',
            b'{"a":' + b"9" * 5000 + b"}",
            b"[" * 5000,
            b'{"a":' * 5000,
        ):
            for media_type in MEDIA_TYPES:
                self.assertTrue(self.refused(payload, media_type))

    def test_bounded_time(self) -> None:
        """Four hostile megabytes are read or refused in a moment."""
        size = 4 << 20
        fill = [
            (b"", b"[", b""),
            (b"", b'{"a":', b""),
            (b'{"schemaVersion":2,"manifests":[', b"{},", b"{}]}"),
            (b'{"schemaVersion":2,"a":[', b"[],", b"[]]}"),
            (b'{"schemaVersion":2,"a":[', b"1,", b"1]}"),
            (b'{"schemaVersion":2,"a":[', b"9" * 4300 + b",", b"1]}"),
            (b'{"schemaVersion":2,"a":', b"9", b"}"),
            (b'{"schemaVersion":2,"a":"', b"\\ud800", b'"}'),
            (b'{"schemaVersion":2,"a":"', b"\\", b'"}'),
            (b'{"schemaVersion":2,"', b" ", b'":1}'),
            (b'{"schemaVersion":2,"annotations":{', b'"":"",', b'"":""}}'),
        ]
        started = time.process_time()
        for before, unit, after in fill:
            payload = before + unit * ((size - len(before) - len(after)) // len(unit)) + after
            for careful in (True, False):
                with_reason = None
                try:
                    if careful:
                        parse_manifest(OCI_INDEX, payload)
                    else:
                        recognise(payload, CHILD)
                except InvalidManifest as e:
                    with_reason = e.reason
                self.assertNotEqual(with_reason, "")
        self.assertLess(time.process_time() - started, 20)

    @given(st.sampled_from(MEDIA_TYPES), st.binary())
    def test_any_bytes(self, media_type: str, payload: bytes) -> None:
        """Whatever is pushed is a manifest or refused with a reason."""
        try:
            parse_manifest(media_type, payload)
        except InvalidManifest as e:
            self.assertTrue(e.reason)

    @given(
        st.sampled_from(MEDIA_TYPES),
        st.dictionaries(
            st.sampled_from(
                (
                    "schemaVersion",
                    "mediaType",
                    "config",
                    "layers",
                    "manifests",
                    "subject",
                    "annotations",
                    "Layers",
                )
            ),
            json_values(),
        ),
        st.dictionaries(
            st.sampled_from(
                ("mediaType", "digest", "size", "urls", "platform", "annotations", "data", "Digest")
            ),
            json_values(),
        ),
    )
    def test_any_members(self, media_type: str, root: dict[str, Any], inner: dict[str, Any]) -> None:
        """Whatever the known members hold, it is a manifest or refused; what was pushed can be read."""
        for name in ("layers", "manifests"):
            if name in body(media_type):
                root.setdefault(name, [{**descriptor(LAYER), **inner}])
        payload = json.dumps(body(media_type, **root)).encode()
        try:
            manifest = parse_manifest(media_type, payload)
        except InvalidManifest as e:
            self.assertTrue(e.reason)
            try:
                recognise(payload, Digest.of(payload))
            except InvalidManifest as e:
                self.assertTrue(e.reason)
        else:
            self.assertEqual(recognise(payload, manifest.digest).references, manifest.references)
