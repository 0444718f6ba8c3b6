"""
Which manifests of a repository refer to which.

Nothing is stored for this.  A manifest's subject is part of its content, so
what was once read of it stays true for ever, whoever stores or deletes what;
which manifests there are is asked of the storage each time.  So the answer
is right whatever other programs do to the tree, and there is nothing to be
repaired: a registry that starts anew reads each manifest of a repository
once, when somebody first asks for referrers there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial

from zope.interface import implementer

from txregistry.errors import (
    BlobUnknown,
    ContentTooLarge,
    ManifestInvalid,
    ManifestUnknown,
    PathNotFound,
    TagUnknown,
)
from txregistry.interfaces import IManifestService, IReferrerService, IStorageDriver, ITagService, IWorkers
from txregistry.model.digest import ALGORITHMS, Digest
from txregistry.model.manifest import OCI_INDEX, InvalidManifest, recognise
from txregistry.model.names import Page, RepositoryName
from txregistry.model.referrers import Referrer, fallback_tag, may_have_subject
from txregistry.storage import layout
from txregistry.storage.blobs import SharedBlobs
from txregistry.storage.concurrency import KeyedLock, concurrently
from txregistry.storage.linkfile import present, read_link
from txregistry.storage.manifests import CorruptManifest

#: Manifests that are read at the same time.
_WIDTH = 8
#: So many manifests are read before others have their turn: what is in memory is read without any wait.
_AT_A_TIME = 200
#: Names that are listed at a time.
_NAMES = 10_000
#: A manifest of more bytes is parsed by a worker.
_LARGE = 32 * 1024
#: A page ends when what its manifests say of themselves has so many characters; it has one entry at least.
PAGE_SIZE = 1024 * 1024

#: The subject of a manifest that has none.
_NONE = ""
#: Bytes that it takes to remember of a manifest that it has none; measured.  A subject takes as many again.
_COST = 192


def _nothing() -> None:
    """The work of a worker that is only asked to come back."""


def _subject(payload: bytes, digest: Digest) -> str:
    try:
        subject = recognise(payload, digest).subject
    except InvalidManifest:
        return _NONE
    return _NONE if subject is None else str(subject)


class SubjectMemory:
    """
    The subjects of manifests that were read, as texts; of the *limit* that were asked for last.

    :ivar reading: who reads the manifests of a repository, so that a crowd does it once.
    """

    def __init__(self, limit: int = 50_000) -> None:
        self.reading = KeyedLock()
        self._limit = limit
        self._subjects: OrderedDict[str, str] = OrderedDict()
        self._named = 0

    @property
    def used(self) -> int:
        """Bytes that the subjects take, by estimate."""
        return _COST * (len(self._subjects) + self._named)

    def get(self, digest: str) -> str | None:
        """The subject of the manifest *digest*, empty if it has none; ``None`` if that is not known."""
        subject = self._subjects.get(digest)
        if subject is not None:
            self._subjects.move_to_end(digest)
        return subject

    def add(self, digest: str, subject: str) -> None:
        """Remember a *subject*, or that there is none."""
        if digest not in self._subjects:
            self._named += subject != _NONE
        self._subjects[digest] = subject
        while len(self._subjects) > self._limit:
            _, oldest = self._subjects.popitem(last=False)
            self._named -= oldest != _NONE


@implementer(IReferrerService)
class Referrers:
    """
    The referrers in the repository *name*.

    :param limit: the largest manifest that is read, in bytes.
    """

    def __init__(
        self,
        name: RepositoryName,
        driver: IStorageDriver,
        workers: IWorkers,
        shared: SharedBlobs,
        manifests: IManifestService,
        tags: ITagService,
        memory: SubjectMemory,
        limit: int,
    ) -> None:
        self._name, self._driver, self._workers, self._shared = name, driver, workers, shared
        self._manifests, self._tags, self._memory, self._limit = manifests, tags, memory, limit

    async def list(
        self, subject: Digest, artifact_type: str = "", after: str = "", limit: int = 1000
    ) -> Page[Referrer]:
        """Ask for all manifests that there are, and read those whose subject is not known yet."""
        tagged = frozenset(await self._tagged(subject))
        candidates = tagged.union(await self._referring(str(subject)))
        rest = sorted((each for each in candidates if str(each) > after), key=str)

        async def load(digest: Digest) -> Referrer | None:
            # Without a look at the link, one that was deleted, and is a blob here, would still be read.
            there = digest in tagged or await present(self._driver, layout.revision_link(self._name, digest))
            return await self._load(digest, subject) if there else None

        found: list[Referrer] = []
        size = 0
        while rest:
            batch, rest = rest[:_WIDTH], rest[_WIDTH:]
            loaded = await concurrently(load, batch, _WIDTH)
            for referrer in loaded:
                if referrer is None or (artifact_type and referrer.artifact_type != artifact_type):
                    continue
                size += len(referrer.artifact_type)
                size += sum(len(key) + len(value) for key, value in referrer.annotations.items())
                if found and (len(found) == limit or size > PAGE_SIZE):
                    return Page(found, more=True)
                found.append(referrer)
        return Page(found)

    async def _referring(self, subject: str) -> Iterable[Digest]:
        """The manifests whose content names *subject*, by what their directories say."""
        found: list[Digest] = []
        for algorithm in ALGORITHMS:
            digests = await self._revisions(algorithm)
            subjects: Sequence[str | None] = [self._memory.get(digest) for digest in digests]
            if None in subjects:
                subjects = await self._memory.reading.run(self._name, partial(self._learn, digests))
            found += [
                Digest.parse(digest)
                for digest, named in zip(digests, subjects, strict=True)
                if named == subject
            ]
        return found

    async def _revisions(self, algorithm: str) -> Sequence[str]:
        """The manifests of *algorithm* that are, or were, in the repository, as texts."""
        directory = layout.revisions_of(self._name, algorithm)
        length = ALGORITHMS[algorithm]
        digests: list[str] = []
        after, more = "", True
        while more:
            try:
                page = await self._driver.list(directory, after, _NAMES)
            except PathNotFound:
                break
            digests += [f"{algorithm}:{entry.name}" for entry in page.items if len(entry.name) == length]
            more = page.more
            if page.items:
                after = page.items[-1].name
        return digests

    async def _learn(self, digests: Sequence[str]) -> Sequence[str | None]:
        subjects: list[str | None] = []
        for start in range(0, len(digests), _AT_A_TIME):
            subjects += await concurrently(self._subject_of, digests[start : start + _AT_A_TIME], _WIDTH)
            await self._workers.run(_nothing)  # a trip, in which the reactor gets to others
        return subjects

    async def _subject_of(self, text: str) -> str:
        known = self._memory.get(text)
        if known is not None:
            return known
        digest = layout.digest_named(*text.split(":"))
        if digest is None:
            return _NONE
        try:
            target = await read_link(self._driver, layout.revision_link(self._name, digest))
            payload = await self._shared.get(target, self._limit)
        except (PathNotFound, BlobUnknown, ContentTooLarge):
            return _NONE
        subject: str = _NONE
        if may_have_subject(payload):
            if len(payload) > _LARGE:
                subject = await self._workers.run(_subject, payload, digest)
            else:
                subject = _subject(payload, digest)
        self._memory.add(text, subject)
        return subject

    async def _tagged(self, subject: Digest) -> Sequence[Digest]:
        """What clients that know no referrers API left in the index with the fallback tag."""
        try:
            index = await self._manifests.get(await self._tags.get(fallback_tag(subject)))
        except (TagUnknown, ManifestUnknown, ManifestInvalid, CorruptManifest):
            return ()
        if index.media_type != OCI_INDEX:
            return ()
        return [reference.digest for reference in index.references]

    async def _load(self, digest: Digest, subject: Digest) -> Referrer | None:
        """The entry for *digest*, if it is there still, and refers to *subject*."""
        try:
            manifest = await self._manifests.get(digest)
        except (ManifestUnknown, ManifestInvalid, CorruptManifest):
            return None
        return Referrer.of(manifest) if manifest.subject == subject else None
