"""What every ``IEventListener`` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface.verify import verifyObject

from txregistry.interfaces import IEventListener
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.manifest import OCI_INDEX, parse_manifest
from txregistry.model.names import RepositoryName, Tag

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Base
else:
    _Base = object


class EventListenerContract(_Base):
    """Mix in beside a ``TestCase``."""

    def make_listener(self) -> IEventListener:
        """A fresh listener."""
        raise NotImplementedError

    def test_provides(self) -> None:
        """The listener declares and keeps the ``IEventListener`` signatures."""
        self.assertTrue(verifyObject(IEventListener, self.make_listener()))

    def test_takes_everything(self) -> None:
        """Each event is taken at once, without an error and without an answer."""
        listener = self.make_listener()
        name, other = RepositoryName("a/b"), RepositoryName("c")
        digest, tag = Digest.of(b"x"), Tag("v1")
        descriptor = Descriptor(OCTET_STREAM, digest, 1)
        manifest = parse_manifest(OCI_INDEX, b'{"schemaVersion":2}')
        calls = (
            (listener.manifest_pushed, (name, manifest, (tag,))),
            (listener.manifest_pushed, (name, manifest, ())),
            (listener.manifest_pulled, (name, manifest, tag)),
            (listener.manifest_pulled, (name, manifest, None)),
            (listener.manifest_deleted, (name, digest)),
            (listener.tag_deleted, (name, tag)),
            (listener.blob_pushed, (name, descriptor)),
            (listener.blob_pulled, (name, descriptor)),
            (listener.blob_mounted, (name, descriptor, other)),
            (listener.blob_deleted, (name, digest)),
            (listener.repository_deleted, (name,)),
        )
        for method, arguments in calls:
            self.assertIsNone(method(*arguments))
