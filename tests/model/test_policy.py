"""Tests for the classes of manifests."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.model.documents import CONFIG, INDEXES, body, descriptor
from txregistry.model.manifest import DOCKER_MANIFEST, OCI_MANIFEST, Manifest, parse_manifest
from txregistry.model.policy import ClassPolicy, UnknownClass, manifest_class

DOCKER_IMAGE = "application/vnd.docker.container.image.v1+json"
DOCKER_PLUGIN = "application/vnd.docker.plugin.v1+json"
OCI_IMAGE = "application/vnd.oci.image.config.v1+json"


def manifest(media_type: str, config: str | None = None) -> Manifest:
    """A manifest whose config has the type *config*."""
    more = {} if config is None else {"config": descriptor(CONFIG, config)}
    return parse_manifest(media_type, json.dumps(body(media_type, **more)).encode())


class ManifestClassTests(SynchronousTestCase):
    """Which class a manifest has."""

    def test_known(self) -> None:
        """The type of the config decides, by the type of the manifest."""
        self.assertEqual(manifest_class(manifest(DOCKER_MANIFEST, DOCKER_IMAGE)), "image")
        self.assertEqual(manifest_class(manifest(DOCKER_MANIFEST, DOCKER_PLUGIN)), "plugin")
        self.assertEqual(manifest_class(manifest(OCI_MANIFEST, OCI_IMAGE)), "image")

    def test_unknown(self) -> None:
        """Other configs make no class, and neither does one that belongs to the other type of manifest."""
        for media_type, config in (
            (DOCKER_MANIFEST, OCI_IMAGE),
            (DOCKER_MANIFEST, "application/x"),
            (OCI_MANIFEST, DOCKER_IMAGE),
            (OCI_MANIFEST, DOCKER_PLUGIN),
            (OCI_MANIFEST, "application/vnd.oci.empty.v1+json"),
            (OCI_MANIFEST, ""),
        ):
            with self.assertRaises(UnknownClass) as caught:
                manifest_class(manifest(media_type, config))
            self.assertEqual(str(caught.exception), f"unknown manifest class for {config}")

    def test_indexes(self) -> None:
        """Lists and indexes have no class."""
        for media_type in INDEXES:
            self.assertIsNone(manifest_class(manifest(media_type)))


class ClassPolicyTests(SynchronousTestCase):
    """What a registry takes."""

    def test_off(self) -> None:
        """Without classes everything is taken."""
        for media_type, config in ((DOCKER_MANIFEST, DOCKER_PLUGIN), (OCI_MANIFEST, "application/x")):
            self.assertIsNone(ClassPolicy().refusal(manifest(media_type, config)))

    def test_on(self) -> None:
        """With classes the others are refused, and so is what has none, but for lists and indexes."""
        policy = ClassPolicy(frozenset({"image"}))
        self.assertIsNone(policy.refusal(manifest(DOCKER_MANIFEST, DOCKER_IMAGE)))
        self.assertIsNone(policy.refusal(manifest(OCI_MANIFEST, OCI_IMAGE)))
        for media_type in INDEXES:
            self.assertIsNone(policy.refusal(manifest(media_type)))
        plugin = manifest(DOCKER_MANIFEST, DOCKER_PLUGIN)
        self.assertEqual(policy.refusal(plugin), "registry does not allow plugin manifest")
        artifact = manifest(OCI_MANIFEST, "application/x")
        self.assertEqual(policy.refusal(artifact), "unknown manifest class for application/x")
        self.assertIsNone(ClassPolicy(frozenset({"plugin", "image"})).refusal(plugin))
        image = manifest(OCI_MANIFEST, OCI_IMAGE)
        self.assertEqual(
            ClassPolicy(frozenset({"plugin"})).refusal(image), "registry does not allow image manifest"
        )

    def test_rights(self) -> None:
        """Rights that know classes let only these pass; lists and indexes have none."""
        policy = ClassPolicy(frozenset({"image", "plugin"}))
        image, plugin = manifest(OCI_MANIFEST, OCI_IMAGE), manifest(DOCKER_MANIFEST, DOCKER_PLUGIN)
        for granted in (None, frozenset({"image"}), frozenset({"image", "plugin"})):
            self.assertIsNone(policy.unauthorized(image, granted))
        for granted in (None, frozenset({"plugin"}), frozenset({"image", "plugin"})):
            self.assertIsNone(policy.unauthorized(plugin, granted))
        refusal = "repository not authorized for plugin manifest"
        for granted in (frozenset({"image"}), frozenset[str]()):
            self.assertEqual(policy.unauthorized(plugin, granted), refusal)
            for media_type in INDEXES:
                self.assertIsNone(policy.unauthorized(manifest(media_type), granted))

    def test_rights_without_policy(self) -> None:
        """Where all classes are taken, rights are not asked for theirs; what is refused anyway is, too."""
        plugin = manifest(DOCKER_MANIFEST, DOCKER_PLUGIN)
        self.assertIsNone(ClassPolicy().unauthorized(plugin, frozenset({"image"})))
        policy = ClassPolicy(frozenset({"image"}))
        for refused in (plugin, manifest(OCI_MANIFEST, "application/x")):
            self.assertIsNone(policy.unauthorized(refused, frozenset({"other"})))
