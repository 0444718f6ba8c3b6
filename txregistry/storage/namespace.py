"""Repositories by name, each with its parts, over one storage driver."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from txregistry.interfaces import (
    IBlobServer,
    IBlobStore,
    IManifestService,
    INamespace,
    IReferrerService,
    IRepository,
    IStorageDriver,
    ITagService,
    IUploadStore,
    IWorkers,
)
from txregistry.model.digest import Digest
from txregistry.model.names import Page, RepositoryName
from txregistry.model.policy import ClassPolicy
from txregistry.model.validation import Validation
from txregistry.storage.blobs import SharedBlobs
from txregistry.storage.catalog import Catalog
from txregistry.storage.finding import BlobFinder
from txregistry.storage.hashing import RunningDigest, digest_source
from txregistry.storage.links import BlobServer, LinkedBlobs
from txregistry.storage.manifests import Manifests
from txregistry.storage.payloads import ManifestMemory
from txregistry.storage.referrers import Referrers, SubjectMemory
from txregistry.storage.tags import Tags
from txregistry.storage.upload import UploadTools
from txregistry.storage.uploads import UploadStore

WrapBlobs = Callable[[RepositoryName, IBlobStore], IBlobStore]


def utc_now() -> datetime:
    """The date and time of this machine's clock."""
    return datetime.now(UTC)


def unwrapped(name: RepositoryName, blobs: IBlobStore) -> IBlobStore:
    """Leave *blobs* as they are."""
    return blobs


@frozen
class Rules:
    """
    What a registry's configuration says about its repositories.

    :ivar delete_enabled: blobs, manifests and tags may be deleted.
    :ivar redirect_enabled: clients may be sent to the storage behind the driver.
    :ivar manifest_limit: the largest manifest that is read, in bytes.
    :ivar lookup_concurrency: how many tags of one repository are read at the same time.
    :ivar validation: what is demanded of manifests that are pushed.
    :ivar policy: which of them are taken.
    """

    delete_enabled: bool = False
    redirect_enabled: bool = True
    manifest_limit: int = 4 * 1024 * 1024
    lookup_concurrency: int = 8
    validation: Validation = field(factory=Validation)
    policy: ClassPolicy = field(factory=ClassPolicy)


@frozen
class _Parts:
    """What all repositories of a namespace share."""

    driver: IStorageDriver
    workers: IWorkers
    clock: IReactorTime
    now: Callable[[], datetime]
    new_digest: Callable[[], RunningDigest]
    shared: SharedBlobs
    memory: ManifestMemory
    subjects: SubjectMemory
    wrap_blobs: WrapBlobs
    rules: Rules


@implementer(IRepository)
class Repository:
    """One repository; each of its parts is made when it is first asked for."""

    def __init__(self, name: RepositoryName, parts: _Parts) -> None:
        self.name = name
        self._parts = parts

    @cached_property
    def _linked(self) -> LinkedBlobs:
        parts = self._parts
        return LinkedBlobs(self.name, parts.driver, parts.shared, parts.rules.delete_enabled)

    @cached_property
    def blobs(self) -> IBlobStore:
        """The repository's blobs, as wrapped by whoever made the namespace."""
        return self._parts.wrap_blobs(self.name, self._linked)

    @cached_property
    def server(self) -> IBlobServer:
        """Hands out what :attr:`blobs` says is there."""
        parts = self._parts
        return BlobServer(self.blobs, parts.driver, parts.shared, parts.rules.redirect_enabled)

    @cached_property
    def uploads(self) -> IUploadStore:
        """Sessions that end in :attr:`blobs`."""
        parts = self._parts
        tools = UploadTools(parts.driver, parts.workers, parts.shared, self.blobs)
        return UploadStore(self.name, tools, parts.clock, parts.now, parts.new_digest)

    @cached_property
    def manifests(self) -> IManifestService:
        """Manifests, whose references are looked up in storage itself."""
        parts = self._parts
        return Manifests(
            self.name,
            parts.driver,
            parts.workers,
            parts.shared,
            blobs=self.blobs,
            tags=self.tags,
            memory=parts.memory,
            delete_enabled=parts.rules.delete_enabled,
            limit=parts.rules.manifest_limit,
            validation=parts.rules.validation,
            policy=parts.rules.policy,
        )

    @cached_property
    def tags(self) -> ITagService:
        """The tags."""
        rules = self._parts.rules
        return Tags(self.name, self._parts.driver, rules.delete_enabled, rules.lookup_concurrency)

    @cached_property
    def referrers(self) -> IReferrerService:
        """What refers to what."""
        parts = self._parts
        return Referrers(
            self.name,
            parts.driver,
            parts.workers,
            parts.shared,
            self.manifests,
            self.tags,
            parts.subjects,
            parts.rules.manifest_limit,
        )


@implementer(INamespace)
class Namespace:
    """
    The repositories stored in *driver*.

    :param workers: hash and parse what is too large for the reactor thread.
    :param clock: times the waiting for busy upload sessions.
    :param memory: remembers manifests.
    :param wrap_blobs: puts something, such as a cache, round a repository's blobs.
    :param now: tells the date and time, UTC.
    :param new_digest: makes a running SHA-256; by default the best that this machine offers.
    :param subjects: remembers to what manifests refer.
    :ivar shared: the blobs, whichever repository sees them.
    """

    def __init__(
        self,
        driver: IStorageDriver,
        workers: IWorkers,
        clock: IReactorTime,
        memory: ManifestMemory,
        rules: Rules,
        wrap_blobs: WrapBlobs = unwrapped,
        now: Callable[[], datetime] = utc_now,
        new_digest: Callable[[], RunningDigest] | None = None,
        subjects: SubjectMemory | None = None,
    ) -> None:
        self.shared = SharedBlobs(driver)
        self._catalog, self._finder = Catalog(driver), BlobFinder(driver)
        self._parts = _Parts(
            driver,
            workers,
            clock,
            now,
            new_digest if new_digest is not None else digest_source(),
            self.shared,
            memory,
            SubjectMemory() if subjects is None else subjects,
            wrap_blobs,
            rules,
        )

    async def repositories(self, after: str = "", limit: int = 100) -> Page[str]:
        """As :class:`Catalog` finds them."""
        return await self._catalog.repositories(after, limit)

    async def repository_with(self, digest: Digest) -> RepositoryName | None:
        """As :class:`BlobFinder` finds it."""
        return await self._finder.repository_with(digest)

    def repository(self, name: RepositoryName) -> IRepository:
        """Costs nothing: the parts come when they are asked for."""
        return Repository(name, self._parts)
