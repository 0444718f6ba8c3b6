"""What a registry demands of manifests, as clients see it."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.model.documents import FOREIGN, body, descriptor
from tests.storage.making import done
from tests.web.registry import Registry
from tests.web.wire import Answer
from txregistry.model.digest import Digest
from txregistry.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, MEDIA_TYPES, OCI_INDEX, OCI_MANIFEST
from txregistry.model.names import RepositoryName
from txregistry.model.policy import ClassPolicy
from txregistry.model.validation import Children, UrlRules, Validation
from txregistry.storage import layout
from txregistry.storage.namespace import Rules

NAME = "library/hello"
CONFIG, LAYER, MISSING = Digest.of(b"{}"), Digest.of(b"layer"), Digest.of(b"missing")
OCI_IMAGE = "application/vnd.oci.image.config.v1+json"
LINUX = {"architecture": "amd64", "os": "linux"}


def image(media_type: str = OCI_MANIFEST, **more: Any) -> dict[str, Any]:
    """An image whose parts are there; *more* or other members."""
    parts = {"config": descriptor(CONFIG, OCI_IMAGE), "layers": [descriptor(LAYER)]}
    return body(media_type, **{**parts, **more})


class _RulesCase(SynchronousTestCase):
    def begin(self, rules: Rules | None = None) -> None:
        """Start a registry with *rules* and the parts of an image."""
        self.registry = Registry(rules=Rules(delete_enabled=True) if rules is None else rules)
        self.registry.push_blob(NAME, b"{}")
        self.registry.push_blob(NAME, b"layer")

    def put(self, document: dict[str, Any], media_type: str | None = None) -> Answer:
        """Push *document* as what it says that it is."""
        headers = [("Content-Type", media_type or document["mediaType"])]
        return self.registry.ask("PUT", f"/v2/{NAME}/manifests/v1", headers, json.dumps(document).encode())

    def assertTaken(self, document: dict[str, Any]) -> None:
        """*document* is stored."""
        answer = self.put(document)
        self.assertEqual(answer.status, 201, answer.body)

    def assertRefused(self, document: dict[str, Any], status: int, *errors: dict[str, Any]) -> None:
        """*document* is refused with *errors*, and nothing is stored."""
        answer = self.put(document)
        self.assertEqual((answer.status, json.loads(answer.body)["errors"]), (status, list(errors)))
        self.assertEqual(self.registry.ask("GET", f"/v2/{NAME}/manifests/v1").status, 404)


def unknown(digest: Digest) -> dict[str, Any]:
    """The error for something missing."""
    return {"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": str(digest)}


def invalid(detail: str) -> dict[str, Any]:
    """The error for a manifest that breaks a rule."""
    return {"code": "MANIFEST_INVALID", "message": "manifest invalid", "detail": detail}


class ReferenceTests(_RulesCase):
    """What must exist."""

    def test_each_missing(self) -> None:
        """Everything that is missing has its own error with its digest, in the manifest's order."""
        self.begin()
        first, second = Digest.of(b"first"), Digest.of(b"second", "sha512")
        layers = [descriptor(second), descriptor(LAYER), descriptor(first), descriptor(second)]
        for media_type in (OCI_MANIFEST, DOCKER_MANIFEST):
            document = image(media_type, config=descriptor(MISSING), layers=layers)
            self.assertRefused(document, 400, unknown(MISSING), unknown(second), unknown(first))
        for media_type in (OCI_INDEX, DOCKER_LIST):
            document = body(media_type, manifests=[descriptor(first), descriptor(LAYER), descriptor(second)])
            self.assertRefused(document, 400, unknown(first), unknown(second))

    def test_build_cache(self) -> None:
        """A cache of BuildKit, an index whose children are blobs, is taken when the blobs are there."""
        self.begin()
        children = [
            descriptor(LAYER, "application/vnd.oci.image.layer.v1.tar+gzip", annotations={"a": "b"}),
            descriptor(CONFIG, "application/vnd.buildkit.cacheconfig.v0"),
        ]
        self.assertTaken(body(OCI_INDEX, manifests=children))
        self.assertTaken(body(DOCKER_LIST, manifests=children))
        missing = descriptor(MISSING, "application/vnd.oci.image.layer.v1.tar+gzip")
        answer = self.put(body(OCI_INDEX, manifests=[*children, missing]))
        self.assertEqual((answer.status, json.loads(answer.body)["errors"]), (400, [unknown(MISSING)]))

    def test_layer_that_is_a_manifest(self) -> None:
        """A manifest that stands among the layers must be there as a blob: as a manifest it is none."""
        self.begin()
        inner = image()
        self.assertTaken(inner)
        digest = Digest.of(json.dumps(inner).encode())
        answer = self.put(image(layers=[descriptor(digest, OCI_MANIFEST)]))
        self.assertEqual((answer.status, json.loads(answer.body)["errors"]), (400, [unknown(digest)]))

    def test_artifacts(self) -> None:
        """Any type of config and layer will do, and none; layers may be empty or missing."""
        self.begin()
        for config in ("application/vnd.cncf.helm.config.v1+json", "application/vnd.oci.empty.v1+json", ""):
            for layers in ([], None, [descriptor(LAYER, "text/x-spdx")], ...):
                self.assertTaken(image(config=descriptor(CONFIG, config, data="e30="), layers=layers))

    def test_embedded_data(self) -> None:
        """Content that is embedded must be pushed all the same."""
        self.begin()
        document = image(config=descriptor(MISSING, "application/x", data="bWlzc2luZw=="))
        self.assertRefused(document, 400, unknown(MISSING))

    def test_sparse_image(self) -> None:
        """Where blobs need not exist an image without any is taken, and served; children still must."""
        self.begin(Rules(validation=Validation(blobs=False)))
        self.assertTaken(image(config=descriptor(MISSING), layers=[descriptor(Digest.of(b"b"))]))
        self.assertEqual(self.registry.ask("GET", f"/v2/{NAME}/manifests/v1").status, 200)
        answer = self.put(body(OCI_INDEX, manifests=[descriptor(MISSING)]))
        self.assertEqual(json.loads(answer.body)["errors"], [unknown(MISSING)])

    def test_sparse_index(self) -> None:
        """Where children need not exist an index without any is taken; blobs still must exist."""
        self.begin(Rules(validation=Validation(children=Children.NONE)))
        self.assertTaken(body(OCI_INDEX, manifests=[descriptor(MISSING)]))
        answer = self.put(image(config=descriptor(MISSING)))
        self.assertEqual(json.loads(answer.body)["errors"], [unknown(MISSING)])

    def test_listed_platforms(self) -> None:
        """Only children for the listed platforms must exist."""
        listed = Validation(children=Children.LISTED, platforms=frozenset({("amd64", "linux")}))
        self.begin(Rules(validation=listed))
        other = descriptor(Digest.of(b"other"), platform={**LINUX, "architecture": "arm64"})
        mine = descriptor(MISSING, platform=LINUX)
        self.assertRefused(body(OCI_INDEX, manifests=[other, mine]), 400, unknown(MISSING))
        self.assertTaken(body(OCI_INDEX, manifests=[other, descriptor(Digest.of(b"any"))]))


class UrlTests(_RulesCase):
    """From where layers may come."""

    def test_default(self) -> None:
        """A foreign layer may stay wherever http and https lead."""
        self.begin()
        for url in ("http://a.test/x", "https://a.test/x"):
            self.assertTaken(image(layers=[descriptor(MISSING, FOREIGN, urls=[url])]))

    def test_no_url(self) -> None:
        """A foreign layer without a URL must be there."""
        self.begin()
        self.assertRefused(image(layers=[descriptor(MISSING, FOREIGN)]), 400, unknown(MISSING))
        self.assertTaken(image(layers=[descriptor(LAYER, FOREIGN)]))

    def test_bad_url(self) -> None:
        """Another URL is refused, whether the layer is there or not."""
        self.begin()
        for digest in (MISSING, LAYER):
            document = image(layers=[descriptor(digest, FOREIGN, urls=["ftp://a.test/x"])])
            self.assertRefused(document, 400, invalid("invalid URL on layer: ftp://a.test/x"))

    def test_rules(self) -> None:
        """With rules a URL must match what is allowed and must not match what is denied, whoever has it."""
        self.begin(Rules(validation=Validation(UrlRules.of(["^https://"], ["evil"]))))
        for url in ("http://a.test/x", "https://evil.test/x"):
            error = invalid(f"invalid URL on layer: {url}")
            for media_type in (FOREIGN, "application/vnd.oci.image.layer.v1.tar+zstd"):
                self.assertRefused(image(layers=[descriptor(LAYER, media_type, urls=[url])]), 400, error)
            self.assertRefused(image(config=descriptor(CONFIG, OCI_IMAGE, urls=[url])), 400, error)
            self.assertRefused(body(OCI_INDEX, manifests=[descriptor(LAYER, urls=[url])]), 400, error)
        self.assertTaken(image(layers=[descriptor(MISSING, FOREIGN, urls=["https://good.test/x"])]))

    def test_many_urls(self) -> None:
        """URLs that take long are compared elsewhere, with the same result."""
        self.begin(Rules(validation=Validation(UrlRules.of(["^https://(a|b)+\\.test/"], []))))
        urls = [f"https://{'ab' * 300}.test/{number}" for number in range(20)]
        self.assertTaken(image(layers=[descriptor(MISSING, FOREIGN, urls=urls)]))
        answer = self.put(image(layers=[descriptor(MISSING, FOREIGN, urls=[*urls, "https://c.test/"])]))
        self.assertEqual(
            json.loads(answer.body)["errors"], [invalid("invalid URL on layer: https://c.test/")]
        )


class ClassTests(_RulesCase):
    """Which manifests are taken."""

    def test_refused(self) -> None:
        """Another class, or none, is refused before anything is looked up."""
        self.begin(Rules(policy=ClassPolicy(frozenset({"image"}))))
        for media_type, config, message in (
            (
                DOCKER_MANIFEST,
                "application/vnd.docker.plugin.v1+json",
                "registry does not allow plugin manifest",
            ),
            (DOCKER_MANIFEST, "application/x", "unknown manifest class for application/x"),
            (OCI_MANIFEST, "application/x", "unknown manifest class for application/x"),
        ):
            document = image(media_type, config=descriptor(MISSING, config))
            self.assertRefused(document, 403, {"code": "DENIED", "message": message})

    def test_taken(self) -> None:
        """The listed class is taken; so are lists and indexes, which have none."""
        self.begin(Rules(policy=ClassPolicy(frozenset({"image"}))))
        self.assertTaken(image())
        self.assertTaken(body(OCI_INDEX, manifests=[]))
        self.assertTaken(body(DOCKER_LIST, manifests=[]))


class Schema1Tests(_RulesCase):
    """Docker's first schema, which is not supported."""

    DOCUMENT = {"schemaVersion": 1, "name": NAME, "tag": "v1", "fsLayers": [], "history": []}

    def test_pushed(self) -> None:
        """A push is refused in words that say why, whatever type it states."""
        self.begin()
        for media_type in ("json", "prettyjws"):
            answer = self.put(self.DOCUMENT, f"application/vnd.docker.distribution.manifest.v1+{media_type}")
            self.assertEqual(answer.status, 400)
            self.assertEqual(
                json.loads(answer.body)["errors"], [invalid("schema 1 manifests are not supported")]
            )
        for media_type in MEDIA_TYPES:
            answer = self.put({**self.DOCUMENT, "mediaType": media_type})
            self.assertEqual(answer.status, 400)
            self.assertEqual(
                json.loads(answer.body)["errors"], [invalid("unrecognized manifest schema version 1")]
            )

    def test_stored(self) -> None:
        """One that distribution stored is no fault of ours on GET and HEAD; it can be deleted."""
        self.begin()
        payload = json.dumps(self.DOCUMENT).encode()
        digest, name = Digest.of(payload), RepositoryName(NAME)
        done(self.registry.driver.put(layout.blob_data(digest), payload))
        done(self.registry.driver.put(layout.revision_link(name, digest), str(digest).encode()))
        path = f"/v2/{NAME}/manifests/{digest}"
        answer = self.registry.ask("GET", path)
        self.assertEqual(answer.status, 400)
        self.assertEqual(json.loads(answer.body)["errors"], [invalid("schema 1 manifests are not supported")])
        self.assertEqual(self.registry.ask("HEAD", path).status, 400)
        self.assertEqual(self.registry.ask("DELETE", path).status, 202)
        self.assertEqual(self.registry.ask("GET", path).status, 404)
