"""A listener that remembers what it was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zope.interface import implementer

from txregistry.interfaces import IEventListener
from txregistry.model.digest import Descriptor, Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import RepositoryName, Tag


@implementer(IEventListener)
class RecordingListener:
    """
    Keeps what it hears.

    :ivar heard: a tuple for each call: the method's name, then its arguments
        in the order of the interface; sequences as tuples.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def manifest_pushed(self, repository: RepositoryName, manifest: Manifest, tags: Sequence[Tag]) -> None:
        self.heard.append(("manifest_pushed", repository, manifest, tuple(tags)))

    def manifest_pulled(self, repository: RepositoryName, manifest: Manifest, tag: Tag | None) -> None:
        self.heard.append(("manifest_pulled", repository, manifest, tag))

    def manifest_deleted(self, repository: RepositoryName, digest: Digest) -> None:
        self.heard.append(("manifest_deleted", repository, digest))

    def tag_deleted(self, repository: RepositoryName, tag: Tag) -> None:
        self.heard.append(("tag_deleted", repository, tag))

    def blob_pushed(self, repository: RepositoryName, descriptor: Descriptor) -> None:
        self.heard.append(("blob_pushed", repository, descriptor))

    def blob_pulled(self, repository: RepositoryName, descriptor: Descriptor) -> None:
        self.heard.append(("blob_pulled", repository, descriptor))

    def blob_mounted(
        self, repository: RepositoryName, descriptor: Descriptor, source: RepositoryName
    ) -> None:
        self.heard.append(("blob_mounted", repository, descriptor, source))

    def blob_deleted(self, repository: RepositoryName, digest: Digest) -> None:
        self.heard.append(("blob_deleted", repository, digest))

    def repository_deleted(self, repository: RepositoryName) -> None:
        self.heard.append(("repository_deleted", repository))
