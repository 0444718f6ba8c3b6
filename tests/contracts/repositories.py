"""What every ``INamespace`` and ``IRepository`` promises, and pieces to fill repositories with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from txregistry.errors import BlobUnknown, ManifestUnknown, NameUnknown, TagUnknown, UploadUnknown
from txregistry.interfaces import (
    IBlobServer,
    IBlobStore,
    IManifestService,
    INamespace,
    IReferrerService,
    IRepository,
    ITagService,
    IUploadStore,
)
from txregistry.model.digest import CANONICAL, OCTET_STREAM, Descriptor, Digest
from txregistry.model.manifest import OCI_INDEX, OCI_MANIFEST, Manifest, parse_manifest
from txregistry.model.names import RepositoryName, Tag

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Base
else:
    _Base = object

HERE, THERE = RepositoryName("library/hello"), RepositoryName("library/hello/again")

#: An id that no session has.
NO_UPLOAD = "0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11"


def descriptor_of(content: bytes, algorithm: str = CANONICAL) -> Descriptor:
    """What a registry says of *content* once it is a blob."""
    return Descriptor(OCTET_STREAM, Digest.of(content, algorithm), len(content))


def _json(descriptor: Descriptor, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(descriptor.digest), "size": descriptor.size}


def image(
    config: Descriptor, layers: Sequence[Descriptor], algorithm: str = CANONICAL, /, **more: object
) -> Manifest:
    """An OCI manifest; *more* members make it another one."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _json(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [_json(layer, "application/vnd.oci.image.layer.v1.tar+gzip") for layer in layers],
        **more,
    }
    return parse_manifest(OCI_MANIFEST, json.dumps(document).encode(), algorithm)


def index(*children: Manifest, **more: object) -> Manifest:
    """An OCI index; *more* members make it another one."""
    described = [
        _json(Descriptor(OCI_MANIFEST, child.digest, len(child.payload)), child.media_type)
        for child in children
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described, **more}
    return parse_manifest(OCI_INDEX, json.dumps(document).encode())


async def push_blob(repository: IRepository, content: bytes, algorithm: str = CANONICAL) -> Descriptor:
    """Bring *content* into *repository* as a client does."""
    session = await repository.uploads.start()
    upload = await repository.uploads.resume(session.id)
    await upload.write([content])
    return await upload.commit(Digest.of(content, algorithm))


async def push_image(repository: IRepository, content: bytes, tags: Sequence[Tag] = ()) -> Manifest:
    """Bring an image with one layer of *content* into *repository*."""
    manifest = image(await push_blob(repository, b"{}"), [await push_blob(repository, content)])
    await repository.manifests.put(manifest, tags)
    return manifest


class RepositoriesCase(_Base):
    """What the contracts of repositories and of their parts begin with."""

    #: Drives the namespace that was made last.
    clock: Clock

    def make_namespace(self) -> INamespace:
        """
        An empty registry, in which deletion is allowed, on :attr:`clock`.

        What it does is done when the call returns, unless it waits for the clock.
        """
        raise NotImplementedError


class NamespaceContract(RepositoriesCase):
    """Mix in beside a ``SynchronousTestCase``."""

    def test_provides(self) -> None:
        """The namespace declares and keeps the ``INamespace`` signatures."""
        self.assertTrue(verifyObject(INamespace, self.make_namespace()))

    def test_parts(self) -> None:
        """A repository and each of its parts declare and keep their signatures."""
        repository = self.make_namespace().repository(HERE)
        self.assertTrue(verifyObject(IRepository, repository))
        self.assertTrue(verifyObject(IBlobStore, repository.blobs))
        self.assertTrue(verifyObject(IBlobServer, repository.server))
        self.assertTrue(verifyObject(IUploadStore, repository.uploads))
        self.assertTrue(verifyObject(IManifestService, repository.manifests))
        self.assertTrue(verifyObject(ITagService, repository.tags))
        self.assertTrue(verifyObject(IReferrerService, repository.referrers))

    def test_found(self) -> None:
        """What was pushed to is listed once it has a manifest, and found by its blobs."""
        namespace = self.make_namespace()
        digest = Digest.of(b"a layer")
        self.assertIsNone(self.successResultOf(namespace.repository_with(digest)))
        self.successResultOf(push_blob(namespace.repository(HERE), b"a layer"))
        self.assertEqual(self.successResultOf(namespace.repository_with(digest)), HERE)
        self.assertEqual(list(self.successResultOf(namespace.repositories()).items), [])
        for name in (HERE, THERE):
            self.successResultOf(push_image(namespace.repository(name), b"a layer"))
        names = sorted([HERE.text, THERE.text])
        self.assertEqual(list(self.successResultOf(namespace.repositories()).items), names)
        self.assertEqual(list(self.successResultOf(namespace.repositories(names[0])).items), names[1:])
        self.assertTrue(self.successResultOf(namespace.repositories(limit=1)).more)

    def test_name(self) -> None:
        """A repository knows its name."""
        self.assertEqual(self.make_namespace().repository(HERE).name, HERE)

    def test_nothing_there(self) -> None:
        """A repository to which nothing was pushed has nothing, and asking does not change that."""
        namespace = self.make_namespace()
        digest, tag = Digest.of(b"something"), Tag("v1")
        for _ in range(2):
            repository = namespace.repository(HERE)
            self.failureResultOf(repository.blobs.stat(digest), BlobUnknown)
            self.failureResultOf(repository.server.serve(digest, "GET"), BlobUnknown)
            self.failureResultOf(repository.uploads.status(NO_UPLOAD), UploadUnknown)
            self.failureResultOf(repository.manifests.get(digest), ManifestUnknown)
            self.failureResultOf(repository.tags.get(tag), TagUnknown)
            self.failureResultOf(repository.tags.list(), NameUnknown)

    def test_same_repository(self) -> None:
        """All repositories of one name are one."""
        namespace = self.make_namespace()
        manifest = self.successResultOf(push_image(namespace.repository(HERE), b"layer", [Tag("v1")]))
        again = namespace.repository(RepositoryName(HERE.text))
        self.assertEqual(self.successResultOf(again.tags.get(Tag("v1"))), manifest.digest)

    def test_nested_repositories_are_apart(self) -> None:
        """A repository whose name continues another's shares nothing with it."""
        namespace = self.make_namespace()
        manifest = self.successResultOf(push_image(namespace.repository(HERE), b"layer", [Tag("v1")]))
        nested = namespace.repository(THERE)
        self.failureResultOf(nested.tags.get(Tag("v1")), TagUnknown)
        self.failureResultOf(nested.manifests.get(manifest.digest), ManifestUnknown)
        self.failureResultOf(nested.blobs.stat(manifest.references[0].digest), BlobUnknown)
