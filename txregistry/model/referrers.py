"""
Referrers: manifests that name another one as their subject (OCI distribution-spec, "Listing Referrers").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import field, frozen

from txregistry.model.digest import Descriptor, Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import Tag

_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9._-]")


@frozen
class Referrer:
    """
    What a list of referrers says of one of them.

    :ivar artifact_type: what kind of thing it is; empty when nobody says.
    """

    descriptor: Descriptor
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(factory=dict)

    @classmethod
    def of(cls, manifest: Manifest) -> Referrer:
        """The entry for *manifest*: images without a type of their own have that of their config."""
        return cls(
            Descriptor(manifest.media_type, manifest.digest, len(manifest.payload)),
            manifest.artifact_type or manifest.config_media_type or "",
            manifest.annotations,
        )


def fallback_tag(subject: Digest) -> Tag:
    """The tag under which clients of registries without this API keep the referrers of *subject*."""
    return Tag.parse(_NOT_IN_TAGS.sub("-", f"{subject.algorithm[:32]}-{subject.encoded[:64]}"))


def may_have_subject(payload: bytes) -> bool:
    """Whether the manifest *payload* can possibly have a subject; cheap, and never wrong with a no."""
    return b"\\u" in payload or b"subject" in payload.lower()
