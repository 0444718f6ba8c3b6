"""The same manifests before Debian's ``docker-registry`` and before us, with the same configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from tests.live.case import LiveTestCase
from tests.live.registries import Registry, start_docker_registry, start_txregistry
from tests.model.documents import FOREIGN, body, descriptor
from txregistry.model.digest import Digest
from txregistry.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, MEDIA_TYPES, OCI_INDEX, OCI_MANIFEST

CONFIG, LAYER, MISSING, OTHER = (Digest.of(content) for content in (b"{}", b"layer", b"missing", b"other"))
DOCKER_IMAGE = "application/vnd.docker.container.image.v1+json"
OCI_IMAGE = "application/vnd.oci.image.config.v1+json"
NON_DISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"

Settings = Mapping[str, Mapping[str, object]]
#: A status and the codes of the errors.
Verdict = tuple[int, tuple[str, ...]]

TAKEN: Verdict = (201, ())
MISSED: Verdict = (400, ("MANIFEST_BLOB_UNKNOWN",))
INVALID: Verdict = (400, ("MANIFEST_INVALID",))
NO_DIGEST: Verdict = (400, ("DIGEST_INVALID",))
DENIED: Verdict = (403, ("DENIED",))
#: What docker-registry says of URLs and digests that it does not like.
FAULT: Verdict = (500, ("UNKNOWN", "UNKNOWN", "MANIFEST_BLOB_UNKNOWN"))


@frozen
class Case:
    """A manifest, what docker-registry says of it, and what we say if that is not the same."""

    document: Mapping[str, Any]
    there: Verdict
    here: Verdict | None = None
    content_type: str = ""


def image(media_type: str = OCI_MANIFEST, **more: Any) -> dict[str, Any]:
    """An image whose parts are there, but for *more* members."""
    config = descriptor(CONFIG, DOCKER_IMAGE if media_type == DOCKER_MANIFEST else OCI_IMAGE)
    return body(media_type, **{"config": config, "layers": [descriptor(LAYER, GZIP)], **more})


def layered(digest: Digest, media_type: str, *urls: str) -> dict[str, Any]:
    """An image with such a layer."""
    kind = DOCKER_MANIFEST if media_type == FOREIGN else OCI_MANIFEST
    return image(kind, layers=[descriptor(digest, media_type, urls=list(urls))])


def index(*children: dict[str, Any], media_type: str = OCI_INDEX, **more: Any) -> dict[str, Any]:
    """An index with these children."""
    return body(media_type, manifests=list(children), **more)


PLAIN = [
    *[Case(index(media_type=kind), TAKEN) for kind in (OCI_INDEX, DOCKER_LIST)],
    *[Case(image(kind, layers=[]), TAKEN) for kind in (OCI_MANIFEST, DOCKER_MANIFEST)],
    *[Case(image(kind, layers=None), TAKEN) for kind in (OCI_MANIFEST, DOCKER_MANIFEST)],
    *[
        Case(image(config=descriptor(CONFIG, config)), TAKEN)
        for config in ("", "application/x", DOCKER_IMAGE)
    ],
    Case(image(subject=descriptor(MISSING, OCI_MANIFEST), artifactType="application/x"), TAKEN),
    Case(image(config=descriptor(CONFIG, "application/x", data="e30=")), TAKEN),
    Case(image(config=descriptor(MISSING)), MISSED),
    Case(image(layers=[descriptor(MISSING), descriptor(OTHER)]), (400, ("MANIFEST_BLOB_UNKNOWN",) * 2)),
    Case(image(layers=[descriptor(MISSING)] * 2), (400, ("MANIFEST_BLOB_UNKNOWN",) * 2), MISSED),
    Case(image(layers=[descriptor(MISSING, OCI_MANIFEST)]), MISSED),
    Case(index(descriptor(MISSING, OCI_MANIFEST)), MISSED),
    Case(index(descriptor(MISSING, OCI_INDEX), media_type=DOCKER_LIST), MISSED),
    Case(
        index(descriptor(LAYER, GZIP), descriptor(CONFIG, "application/vnd.buildkit.cacheconfig.v0")), TAKEN
    ),
    Case(image(layers=[descriptor("")]), (400, ("DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN")), NO_DIGEST),
    Case(image(layers=[descriptor("sha256:abc")]), FAULT, NO_DIGEST),
    Case(image(layers=[descriptor("md5:" + "0" * 32)]), FAULT, NO_DIGEST),
    Case(image(config=None), (400, ("DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN")), NO_DIGEST),
    Case(image(manifests=[]), INVALID),
    Case(image(manifests=None), TAKEN),
    Case(image(DOCKER_MANIFEST, manifests=[]), TAKEN, INVALID),
    Case(index(layers=[]), INVALID),
    Case(index(config=None), TAKEN),
    Case(index(media_type=DOCKER_LIST, layers=[]), TAKEN, INVALID),
    *[
        Case(image(mediaType=kind), INVALID, content_type=OCI_MANIFEST)
        for kind in MEDIA_TYPES
        if kind != OCI_MANIFEST
    ],
    *[Case(index(mediaType=kind), INVALID, content_type=DOCKER_LIST) for kind in ("", ..., OCI_INDEX)],
    *[Case(image(mediaType=none), TAKEN, content_type=OCI_MANIFEST) for none in ("", ..., None)],
    Case(image(schemaVersion=3), (500, ("UNKNOWN",)), INVALID),
    Case(image(schemaVersion="2"), INVALID),
    Case(image(layers={}), INVALID),
    Case(image(layers=[descriptor(LAYER, size=7.5)]), INVALID),
    Case(image(layers=[descriptor(LAYER, size=-1)]), TAKEN, INVALID),
    Case(image(annotations={"a": 1}), INVALID),
    Case(image(annotations={"a": None}), TAKEN, INVALID),
    Case(image(artifactType=1), TAKEN, INVALID),
    Case(image(subject=descriptor("x")), TAKEN, NO_DIGEST),
    *[
        Case(image(), verdict, content_type=OCI_MANIFEST + rest)
        for rest, verdict in (("; a=b", TAKEN), (";", TAKEN), ("; a", INVALID), (", x/y", INVALID))
    ],
    *[
        Case(image(), INVALID, content_type=kind)
        for kind in ("application/json", "application/vnd.docker.distribution.manifest.v1+prettyjws")
    ],
]

URLS_WITHOUT_RULES = [
    Case(layered(MISSING, FOREIGN, "https://good.test/"), FAULT, TAKEN),
    Case(layered(MISSING, NON_DISTRIBUTABLE, "http://good.test/"), FAULT, TAKEN),
    Case(layered(LAYER, GZIP, "https://good.test/"), FAULT, TAKEN),
    Case(layered(LAYER, GZIP, "ftp://good.test/"), FAULT, INVALID),
    Case(layered(MISSING, FOREIGN, "https://good.test/#x"), FAULT, INVALID),
    Case(layered(MISSING, FOREIGN), FAULT, MISSED),
    Case(layered(LAYER, FOREIGN), FAULT, TAKEN),
    Case(layered(MISSING, NON_DISTRIBUTABLE), MISSED),
    Case(layered(LAYER, ZSTD, "ipfs://x"), TAKEN),
    Case(layered(MISSING, ZSTD, "https://good.test/"), TAKEN, MISSED),
]

URL_RULES: Settings = {
    "validation": {"manifests": {"urls": {"allow": ["^https://([a-z]+\\.)*test/"], "deny": ["(?i)EVIL"]}}}
}
URLS_WITH_RULES = [
    Case(layered(MISSING, FOREIGN, "https://good.test/", "https://other.test/x"), TAKEN),
    Case(layered(MISSING, NON_DISTRIBUTABLE, "https://a.b.test/"), TAKEN),
    Case(layered(LAYER, GZIP, "https://good.test/"), TAKEN),
    Case(layered(MISSING, FOREIGN, "https://good.test/", "http://good.test/"), FAULT, INVALID),
    Case(layered(MISSING, NON_DISTRIBUTABLE, "https://evil.test/"), FAULT, INVALID),
    Case(layered(LAYER, GZIP, "https://good.test.x/"), FAULT, INVALID),
    Case(layered(LAYER, ZSTD, "https://evil.test/"), TAKEN, INVALID),
]

DISABLED: Settings = {"validation": {"disabled": True}}
WITHOUT_VALIDATION = [
    Case(layered(MISSING, FOREIGN, "https://good.test/"), TAKEN),
    Case(layered(MISSING, FOREIGN, "ftp://good.test/"), FAULT, INVALID),
    Case(image(config=descriptor(MISSING)), MISSED),
    Case(index(descriptor(MISSING, OCI_MANIFEST)), MISSED, TAKEN),  # as 3.1
]

IMAGES_ONLY: Settings = {"policy": {"repository": {"classes": ["image"]}}}
CLASSES = [
    Case(image(), TAKEN),
    Case(image(DOCKER_MANIFEST), TAKEN),
    Case(index(), TAKEN),
    Case(index(media_type=DOCKER_LIST), TAKEN),
    Case(image(DOCKER_MANIFEST, config=descriptor(CONFIG, "application/vnd.docker.plugin.v1+json")), DENIED),
    Case(image(DOCKER_MANIFEST, config=descriptor(CONFIG, OCI_IMAGE)), DENIED),
    Case(image(config=descriptor(MISSING, "application/x")), DENIED),
    Case(image(config=descriptor(CONFIG, "")), DENIED),
]


class ManifestRulesTests(LiveTestCase):
    """What is taken, and how the rest is refused."""

    def play(self, cases: list[Case], settings: Settings | None = None) -> None:
        """Push each manifest to both, and compare the verdicts."""
        there, here = self.start(start_docker_registry, settings), self.start(start_txregistry, settings)
        for case in cases:
            wanted = case.there, case.here or case.there
            got = _verdict(there, case), _verdict(here, case)
            self.assertEqual([each[0] for each in got], list(wanted), case)
            if wanted[1] == DENIED:
                self.assertEqual(got[1][1], got[0][1], case)

    def start(self, starter: Any, settings: Settings | None) -> Registry:
        """A registry with the parts of an image."""
        registry: Registry = starter(self.directory() / "storage", self.directory(), settings=settings)
        self.addCleanup(registry.program.terminate)
        for content in (b"{}", b"layer"):
            location = registry.wire.start_upload("a/b")
            registry.wire.request("PUT", f"{location}&digest={Digest.of(content)}", content)
        return registry

    def test_plain(self) -> None:
        """Without a word in the configuration."""
        self.play(PLAIN + URLS_WITHOUT_RULES)

    def test_url_rules(self) -> None:
        """With expressions for URLs."""
        self.play(URLS_WITH_RULES, URL_RULES)

    def test_disabled(self) -> None:
        """With validation switched off."""
        self.play(WITHOUT_VALIDATION, DISABLED)

    def test_classes(self) -> None:
        """With a policy for classes, the messages are equal, too."""
        self.play(CLASSES, IMAGES_ONLY)


def _verdict(registry: Registry, case: Case) -> tuple[Verdict, list[str]]:
    """The status, the codes, and the messages."""
    headers = {"Content-Type": case.content_type or case.document["mediaType"]}
    payload = json.dumps(case.document).encode()
    answer = registry.wire.request("PUT", "/v2/a/b/manifests/v1", payload, headers)
    errors = json.loads(answer.body)["errors"] if answer.body else []
    return (answer.status, tuple(each["code"] for each in errors)), [each["message"] for each in errors]
