"""What every ``IDescriptorCache`` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface.verify import verifyObject

from txregistry.interfaces import IDescriptorCache
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.names import RepositoryName

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Base
else:
    _Base = object

HERE, THERE = RepositoryName("here"), RepositoryName("here/there")
DIGEST, OTHER = Digest.of(b"one"), Digest.of(b"two")
DESCRIPTOR = Descriptor(OCTET_STREAM, DIGEST, 3)


class DescriptorCacheContract(_Base):
    """
    Mix in beside a ``SynchronousTestCase``.

    The caches under test are asked soon and rarely, so here they do remember.
    """

    def make_cache(self) -> IDescriptorCache:
        """An empty cache with room for a dozen entries."""
        raise NotImplementedError

    def test_provides(self) -> None:
        """The cache declares and keeps the ``IDescriptorCache`` signatures."""
        self.assertTrue(verifyObject(IDescriptorCache, self.make_cache()))

    def test_empty(self) -> None:
        """What nobody set is unknown."""
        self.assertIsNone(self.successResultOf(self.make_cache().get(HERE, DIGEST)))

    def test_remembers(self) -> None:
        """What was set is answered, all of it."""
        cache = self.make_cache()
        self.successResultOf(cache.set(HERE, DIGEST, DESCRIPTOR))
        self.assertEqual(self.successResultOf(cache.get(HERE, DIGEST)), DESCRIPTOR)

    def test_replaces(self) -> None:
        """What is set last counts."""
        cache = self.make_cache()
        later = Descriptor("text/plain", DIGEST, 1 << 40)
        self.successResultOf(cache.set(HERE, DIGEST, DESCRIPTOR))
        self.successResultOf(cache.set(HERE, DIGEST, later))
        self.assertEqual(self.successResultOf(cache.get(HERE, DIGEST)), later)

    def test_repositories_are_apart(self) -> None:
        """What one repository has, another has not; to forget it there makes nothing wrong here."""
        cache = self.make_cache()
        self.successResultOf(cache.set(HERE, DIGEST, DESCRIPTOR))
        self.assertIsNone(self.successResultOf(cache.get(THERE, DIGEST)))
        self.successResultOf(cache.forget(THERE, DIGEST))
        self.assertIn(self.successResultOf(cache.get(HERE, DIGEST)), (DESCRIPTOR, None))

    def test_digests_are_apart(self) -> None:
        """Entries are found by the whole digest, algorithm included."""
        cache = self.make_cache()
        self.successResultOf(cache.set(HERE, DIGEST, DESCRIPTOR))
        for digest in (OTHER, Digest.of(b"one", "sha512"), Digest("sha512", DIGEST.encoded)):
            self.assertIsNone(self.successResultOf(cache.get(HERE, digest)))

    def test_alias(self) -> None:
        """The descriptor may have another digest than the one it is remembered under."""
        cache = self.make_cache()
        alias = Digest.of(b"one", "sha512")
        self.successResultOf(cache.set(HERE, alias, DESCRIPTOR))
        self.assertEqual(self.successResultOf(cache.get(HERE, alias)), DESCRIPTOR)
        self.assertIsNone(self.successResultOf(cache.get(HERE, DIGEST)))

    def test_forgets(self) -> None:
        """What was forgotten is unknown, until it is set again."""
        cache = self.make_cache()
        self.successResultOf(cache.set(HERE, DIGEST, DESCRIPTOR))
        self.successResultOf(cache.forget(HERE, DIGEST))
        self.assertIsNone(self.successResultOf(cache.get(HERE, DIGEST)))
        self.successResultOf(cache.set(HERE, DIGEST, DESCRIPTOR))
        self.assertEqual(self.successResultOf(cache.get(HERE, DIGEST)), DESCRIPTOR)

    def test_forgets_nothing(self) -> None:
        """Forgetting what is unknown is no error."""
        self.assertIsNone(self.successResultOf(self.make_cache().forget(HERE, DIGEST)))
