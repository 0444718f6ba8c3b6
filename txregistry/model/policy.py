"""Which classes of manifests a registry takes: images, and plugins of docker."""

from __future__ import annotations

from attrs import frozen

from txregistry.model.manifest import DOCKER_MANIFEST, OCI_MANIFEST, Manifest

IMAGE, PLUGIN = "image", "plugin"

#: The class by the media types of manifest and config.
_CLASSES = {
    DOCKER_MANIFEST: {
        "application/vnd.docker.container.image.v1+json": IMAGE,
        "application/vnd.docker.plugin.v1+json": PLUGIN,
    },
    OCI_MANIFEST: {"application/vnd.oci.image.config.v1+json": IMAGE},
}


class UnknownClass(ValueError):
    """The manifest belongs to no class that has a name; the text is fit for a client."""


def manifest_class(manifest: Manifest) -> str | None:
    """
    The class of *manifest*; ``None`` for an index, which belongs to none and is always taken.

    :raises UnknownClass: its config is of a type that makes no class.
    """
    classes = _CLASSES.get(manifest.media_type)
    if classes is None:
        return None
    config = manifest.config_media_type or ""
    if config not in classes:
        raise UnknownClass(f"unknown manifest class for {config[:200]}")
    return classes[config]


@frozen
class ClassPolicy:
    """The *classes* that a registry takes; if none is named, it takes everything."""

    classes: frozenset[str] = frozenset()

    def refusal(self, manifest: Manifest) -> str | None:
        """Why *manifest* is not taken, in words fit for a client; ``None`` if it is."""
        if not self.classes:
            return None
        try:
            found = manifest_class(manifest)
        except UnknownClass as e:
            return str(e)
        if found is None or found in self.classes:
            return None
        return f"registry does not allow {found} manifest"

    def unauthorized(self, manifest: Manifest, granted: frozenset[str] | None) -> str | None:
        """
        Why *manifest*, which :meth:`refusal` lets pass, is not taken from a client; ``None`` if it is.

        :param granted: the classes that the client's rights are for; ``None`` if they know no classes.
        """
        if not self.classes or granted is None or self.refusal(manifest) is not None:
            return None
        found = manifest_class(manifest)
        if found is None or found in granted:
            return None
        return f"repository not authorized for {found} manifest"
