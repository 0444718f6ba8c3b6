"""
Every contract of txregistry, readable in one sitting.

Unless a docstring says otherwise: methods may be called concurrently;
cancelling a call abandons its answer, while work that already runs in a
thread goes on to its end; any call may raise a
:class:`~txregistry.errors.StorageError` when the storage fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from txregistry.model.access import Access, Grant
from txregistry.model.digest import CANONICAL, Descriptor, Digest
from txregistry.model.manifest import Manifest
from txregistry.model.names import Page, RepositoryName, Tag
from txregistry.model.referrers import Referrer

# --- work outside the reactor thread ---------------------------------------


class IWorkers(Interface):
    """A bounded set of threads."""

    def run(work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """
        Call *work* in a thread.

        :return: fires in the reactor thread with what *work* returned or
            raised.  Cancelling it drops the answer; *work* runs to its end.
        """


# --- storage drivers --------------------------------------------------------


@frozen(slots=True)
class FileInfo:
    """What a driver knows of stored content.  *size* is in bytes."""

    path: str
    size: int
    modified: datetime


@frozen(slots=True)
class Entry:
    """One name directly below a listed path; *prefix* when there is more below it."""

    name: str
    prefix: bool


class IContentReader(Interface):
    """Stored content, open for reading.  Whoever opened it calls :meth:`close`."""

    size: int = Attribute("Bytes in the content when it was opened.")

    async def read(offset: int, length: int) -> bytes:
        """
        The *length* bytes at *offset*, both inside *size*.

        :raises ContentTruncated: the content has become shorter.
        """

    def fileno() -> int | None:
        """
        A descriptor of a local file with exactly this content, for
        ``sendfile``; ``None`` when there is no such thing.  It stays owned
        by the reader and valid until :meth:`close`.
        """

    def close() -> None:
        """Give the content up, now or as soon as a running read ends.  May be called twice."""


class IFileWriter(Interface):
    """
    Content being written, by one writer at a time over all processes.

    One call at a time: the caller waits for each method before the next.
    Exactly one of :meth:`close`, :meth:`commit` and :meth:`cancel` ends it,
    also when that fails.
    """

    size: int = Attribute("Bytes written so far, those of earlier writers included.")

    async def write(chunks: Sequence[bytes]) -> None:
        """
        Append *chunks*.

        When it fails, *size* says what was kept.

        :raises StorageFull: no space is left.
        """

    async def read(offset: int, length: int) -> bytes:
        """
        The *length* bytes at *offset*, both inside *size*.

        :raises ContentTruncated: the content has become shorter.
        """

    async def close() -> None:
        """Keep what was written, durably, for a later writer to go on with."""

    async def commit(target: str) -> None:
        """
        Give the content the path *target* instead of its own, whole and
        durable, replacing what was there.

        Nobody else can have written to it when it gets there, and nobody can
        append to it any more by its old path.  When it fails, a later writer
        can go on with what is left at the old path.

        :raises PathNotFound: the content was deleted meanwhile.
        """

    async def cancel() -> None:
        """Throw away everything that was written."""


class IStorageDriver(Interface):
    """
    Where bytes live: a flat map from paths to content.

    Paths begin with ``/`` and have components of ``[A-Za-z0-9._-]+``.  There
    are no directories to make or to move; a *prefix* is whatever contents'
    paths begin with it.  Object stores and file systems both fit.
    """

    name: str = Attribute("The driver's name in configuration, metrics and error texts.")

    async def get(path: str, limit: int) -> bytes:
        """
        The whole content at *path*, of at most *limit* bytes.

        :raises PathNotFound: nothing is stored there.
        :raises ContentTooLarge: there is more.
        """

    async def put(path: str, content: bytes, durable: bool = True) -> None:
        """
        Store *content* at *path*, replacing what was there, all or nothing.

        :param durable: it survives a power failure once this returned.
            Without, it is only sure to survive the end of the process.
        """

    async def stat(path: str) -> FileInfo:
        """
        What is stored at *path*.

        :raises PathNotFound: nothing is; a mere prefix counts as nothing.
        """

    async def open(path: str) -> IContentReader:
        """:raises PathNotFound: nothing is stored at *path*."""

    async def writer(path: str) -> IFileWriter:
        """
        Append to what was put, or written by earlier writers, at *path*.

        :raises PathNotFound: nothing is stored there; an empty :meth:`put` is a beginning.
        :raises ContentBusy: another writer has *path* open.
        """

    async def delete(path: str) -> None:
        """
        Delete what is stored at *path* and below it.

        :raises PathNotFound: there was nothing.
        """

    async def list(path: str, after: str = "", limit: int = 1000) -> Page[Entry]:
        """
        The names directly below *path*, byte-wise ascending, behind *after*.

        :raises PathNotFound: there is nothing below *path*.  A file system
            may also answer with an empty page, for an empty directory.
        """

    async def redirect_url(path: str, method: str) -> str | None:
        """Where a client may read *path* by itself with *method*, or ``None``."""


# --- repositories -----------------------------------------------------------


@frozen(slots=True)
class ServedBlob:
    """How a blob reaches a client: from *redirect* if that is set, else from :meth:`IBlobServer.open`."""

    descriptor: Descriptor
    redirect: str | None = None


class IBlobStatter(Interface):
    """Says which blobs exist."""

    async def stat(digest: Digest) -> Descriptor:
        """
        Say what a blob is without reading it.  The answer's digest is the
        one under which the content is stored (an alias left by distribution
        may name it by another algorithm).

        :raises BlobUnknown: no such blob is to be seen here.
        """


class IBlobStore(IBlobStatter):
    """The blobs that one repository may see."""

    async def look(digest: Digest) -> Descriptor:
        """
        As :meth:`stat`, but sure to ask the storage; whoever remembered
        something else is put right.

        :raises BlobUnknown: no such blob is to be seen here.
        """

    async def link(descriptor: Descriptor) -> None:
        """Make stored content visible in this repository, durably."""

    async def mount(digest: Digest, source: RepositoryName) -> Descriptor:
        """
        Make a blob of the repository *source* visible here.

        :raises BlobUnknown: *source* does not have it.
        """

    async def deletable(digest: Digest) -> Descriptor:
        """
        What :meth:`delete` would make invisible, as the storage has it.  Nothing changes.

        :raises BlobUnknown: it is not visible.
        :raises Unsupported: deletion is switched off, whether or not it is visible.
        """

    async def delete(digest: Digest) -> None:
        """
        Make a blob invisible here; its content stays.

        :raises BlobUnknown: it was not visible.
        :raises Unsupported: deletion is switched off.
        """


class IBlobServer(Interface):
    """Hands blobs out to clients."""

    async def serve(digest: Digest, method: str) -> ServedBlob:
        """
        Decide how a client that asks with *method* gets a blob.

        :raises BlobUnknown: the repository does not have it.
        """

    async def open(descriptor: Descriptor) -> IContentReader:
        """
        The content of a blob that :meth:`serve` described.

        :raises BlobUnknown: it has vanished since.
        """


class IBlobFinder(Interface):
    """Finds out where blobs are."""

    async def repository_with(digest: Digest) -> RepositoryName | None:
        """
        A repository in which *digest* is to be seen, whoever may read there.

        :return: ``None`` also when the search was given up.
        """


class IBlobEnumerator(Interface):
    """Lists blobs, by digest, in pages."""

    async def digests(algorithm: str, after: str = "", limit: int = 1000) -> Page[Digest]:
        """
        The digests of *algorithm* whose encoded part is behind *after*, ascending.
        """


@frozen(slots=True)
class UploadStatus:
    """An upload session: its *id*, the bytes that it holds, and when it began (UTC)."""

    id: str
    size: int
    started_at: datetime


class IUpload(Interface):
    """
    An upload session, open for writing by nobody else.

    Exactly one of :meth:`close`, :meth:`commit` and :meth:`cancel` ends it,
    also after a failure.  One call at a time.
    """

    id: str = Attribute("The session's id.")
    size: int = Attribute("Bytes received so far.")
    started_at: datetime = Attribute("When the session began, UTC.")

    async def write(chunks: Sequence[bytes], at: int | None = None) -> None:
        """
        Append *chunks*; they are hashed on the way.

        :param at: where they begin.  Those of their bytes for which the
            session holds some already are compared with these, and neither
            stored nor hashed again.  By default they begin at the end.
        :raises UploadDiffers: one of them is another, or *at* is behind the
            end.  Nothing of *chunks* was appended, and nothing will be until
            the session is opened again.
        """

    async def close() -> None:
        """Keep the session for later."""

    async def commit(digest: Digest) -> Descriptor:
        """
        Verify the content, store it as a blob, link it in this repository,
        and end the session.  All is durable when this returns.

        :raises DigestMismatch: the content is not what *digest* names; the
            session is kept and closed.
        """

    async def cancel() -> None:
        """End the session and drop its content."""


class IUploadStore(Interface):
    """The upload sessions of one repository."""

    async def start() -> UploadStatus:
        """Begin a session."""

    async def status(id: str) -> UploadStatus:
        """:raises UploadUnknown: there is no session *id*."""

    async def resume(id: str, algorithm: str = CANONICAL) -> IUpload:
        """
        Open a session for writing.

        :param algorithm: that of the digest which the content is likely to
            be committed by; with another one it is read once more.
        :raises UploadUnknown: there is no session *id*.
        :raises UploadBusy: somebody else has it open and does not let go.
        """


@frozen(slots=True)
class StaleUpload:
    """
    An upload session that nobody goes on with.

    :ivar repository: the name of its directory, which need not be that of a repository.
    :ivar started_at: when it began (UTC), or was last written to if nobody can say that.
    :ivar size: the bytes that it holds.
    """

    repository: str
    id: str
    started_at: datetime
    size: int


class IStaleUploads(Interface):
    """Finds the upload sessions of all repositories that were given up, and removes them."""

    def find(before: datetime, unreadable: Callable[[Exception], object]) -> AsyncIterator[StaleUpload]:
        """
        The sessions that began before a time, and were last written to before it.

        :param unreadable: is told of each place that cannot be looked at; the others are, all the same.
        """

    async def remove(upload: StaleUpload) -> bool:
        """
        Remove what :meth:`find` found.

        :return: ``False`` if it is gone, or somebody has gone on with it meanwhile; it is left alone then.
        """


class IManifestService(Interface):
    """The manifests of one repository."""

    async def get(digest: Digest, tag: Tag | None = None) -> Manifest:
        """
        Read a manifest.

        :param tag: the tag by which the client asked, for listeners.
        :raises ManifestUnknown: this repository does not have it.
        """

    async def put(manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        """
        Verify what *manifest* refers to, store it, and point *tags* to it.

        :raises ManifestDenied: the registry does not take manifests of its class.
        :raises ManifestInvalid: what it refers to may not come from where it says.
        :raises ReferencesUnknown: something that it needs is missing here.
        """

    async def delete(digest: Digest) -> None:
        """
        Make a manifest invisible; tags are not touched.

        :raises ManifestUnknown: this repository does not have it.
        :raises Unsupported: deletion is switched off.
        """


class IManifestEnumerator(Interface):
    """Lists the manifests of a repository, tagged or not, in pages."""

    async def digests(algorithm: str, after: str = "", limit: int = 1000) -> Page[Digest]:
        """The digests of *algorithm* whose encoded part is behind *after*, ascending."""


class ITagService(Interface):
    """The tags of one repository."""

    async def get(tag: Tag) -> Digest:
        """
        What *tag* points to, read from storage each time.

        :raises TagUnknown: there is no such tag.
        """

    async def list(after: str = "", limit: int | None = None) -> Page[str]:
        """
        Tag names behind *after*, byte-wise ascending; all of them without *limit*.

        :raises NameUnknown: no manifest was ever pushed to the repository.
        """

    async def tag(tag: Tag, digest: Digest) -> None:
        """Point *tag* to *digest*, durably, creating or moving it."""

    async def untag(tag: Tag) -> None:
        """
        Remove *tag*; the manifest stays.

        :raises TagUnknown: there is no such tag.
        :raises Unsupported: deletion is switched off.
        """

    async def lookup(digest: Digest) -> Sequence[Tag]:
        """The tags that point to *digest* now, ascending."""


class IReferrerService(Interface):
    """The manifests of one repository that refer to another one as their subject."""

    async def list(
        subject: Digest, artifact_type: str = "", after: str = "", limit: int = 1000
    ) -> Page[Referrer]:
        """
        Those whose subject is *subject*, which need not exist, ascending by digest.

        :param artifact_type: only those of this type.
        :param after: the digest, as text, behind which the page begins.
        :param limit: the page may be shorter although more follow.
        """


class IRepository(Interface):
    """The parts of one repository; asking for them does no I/O and creates nothing."""

    name: RepositoryName = Attribute("The repository's name.")
    blobs: IBlobStore = Attribute("An :class:`IBlobStore`.")
    server: IBlobServer = Attribute("An :class:`IBlobServer` of the same blobs.")
    uploads: IUploadStore = Attribute("An :class:`IUploadStore`.")
    manifests: IManifestService = Attribute("An :class:`IManifestService`.")
    tags: ITagService = Attribute("An :class:`ITagService`.")
    referrers: IReferrerService = Attribute("An :class:`IReferrerService`.")


class IRepositoryEnumerator(Interface):
    """Lists repositories (the catalog)."""

    async def repositories(after: str = "", limit: int = 100) -> Page[str]:
        """Names behind *after*, in the order of :func:`txregistry.model.names.listing_key`."""


class INamespace(IRepositoryEnumerator, IBlobFinder):
    """All repositories of a registry: by name, in their order, and by what is in them."""

    def repository(name: RepositoryName) -> IRepository:
        """The repository *name*, whether or not anything was pushed to it yet."""


class IRepositoryRemover(Interface):
    """Removes whole repositories."""

    async def remove(name: RepositoryName) -> None:
        """
        Remove everything that the repository *name* holds; repositories nested
        below its name, and blob content, stay.

        :raises NameUnknown: it holds nothing.
        """


# --- access, cache, events --------------------------------------------------


@frozen(slots=True)
class Credentials:
    """What an access controller may look at: headers of a request, as sent, and the *client*'s address."""

    authorization: str | None
    host: str
    forwarded_proto: str | None = None
    client: str = ""


class IAccessController(Interface):
    """Decides who may do what."""

    async def authorize(credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """
        Let a request pass.

        Whoever sets :attr:`Grant.reads_everything` lets blobs be mounted from
        any repository, without having been asked for a right to it.

        :param wanted: every right that the request needs; none for the base route.
        :raises Unauthorized: the client must (better) authenticate.
        :raises TooManyAttempts: it would have to wait too long for an answer.
        :raises AccessUndecided: what the decision depends on cannot be read.
        """


class IReloadable(Interface):
    """Holds what files say, and can read them again."""

    async def reload() -> bool:
        """Use what the files hold now; if that is of no use, tell the log, go on as before, return false."""


class IHealth(Interface):
    """Knows whether the registry can serve, from checks that run beside the requests."""

    failing: bool = Attribute("Whether any check fails now.")

    def failures() -> Mapping[str, str]:
        """The checks that fail now, by name, and why; in the order of the configuration."""


class IDescriptorCache(Interface):
    """
    Remembers which blobs a repository has.

    An entry may vanish at any time.  No failure of the cache is a failure of
    its caller: all of them come to :exc:`~txregistry.errors.CacheFailed`, and
    that from :meth:`get` alone.
    """

    async def get(repository: RepositoryName, digest: Digest) -> Descriptor | None:
        """
        What was remembered, or ``None``.

        :raises CacheFailed: nobody can tell.  The storage knows, but what it
            says is not to be remembered.
        """

    async def set(repository: RepositoryName, digest: Digest, descriptor: Descriptor) -> None:
        """Remember *descriptor*, if possible."""

    async def forget(repository: RepositoryName, digest: Digest) -> None:
        """After this returned, :meth:`get` does not answer with *digest* until somebody calls :meth:`set`."""


class ICacheMeter(Interface):
    """Hears how a descriptor cache does.  Methods return at once and raise nothing."""

    def hit() -> None:
        """The cache was asked, and knew."""

    def missed() -> None:
        """The cache was asked, and did not know."""

    def failed() -> None:
        """The cache was asked, and could not tell: :exc:`~txregistry.errors.CacheFailed`."""

    def took(operation: str, seconds: float) -> None:
        """Redis answered to an *operation*, named as distribution names it in its metrics."""


class IEventListener(Interface):
    """
    Hears what happened in repositories, after it did.

    Methods return at once and raise nothing: slow work is the listener's own.
    """

    def manifest_pushed(repository: RepositoryName, manifest: Manifest, tags: Sequence[Tag]) -> None:
        """A manifest was stored, and pointed to by *tags*."""

    def manifest_pulled(repository: RepositoryName, manifest: Manifest, tag: Tag | None) -> None:
        """A manifest was read, asked for by *tag* if that is set."""

    def manifest_deleted(repository: RepositoryName, digest: Digest) -> None:
        """A manifest was made invisible."""

    def tag_deleted(repository: RepositoryName, tag: Tag) -> None:
        """A tag was removed."""

    def blob_pushed(repository: RepositoryName, descriptor: Descriptor) -> None:
        """An upload ended as a blob."""

    def blob_pulled(repository: RepositoryName, descriptor: Descriptor) -> None:
        """A blob was handed out to a client, or the client was sent to it."""

    def blob_mounted(repository: RepositoryName, descriptor: Descriptor, source: RepositoryName) -> None:
        """A blob of *source* was made visible."""

    def blob_deleted(repository: RepositoryName, digest: Digest) -> None:
        """A blob was made invisible."""

    def repository_deleted(repository: RepositoryName) -> None:
        """A whole repository was removed."""


# --- middleware --------------------------------------------------------------


@frozen
class MiddlewareMeans:
    """
    What a middleware may use.

    :ivar reactor: the reactor, whose clock it waits by.
    :ivar workers: threads, for what blocks or takes long.
    """

    reactor: Any
    workers: IWorkers


@frozen(slots=True)
class Caller:
    """Who uses a repository: the *user*, empty if nobody was asked for one, and the *client*'s address."""

    user: str
    client: str


class IMiddlewareFactory(Interface):
    """
    Makes a middleware that a configuration chose by name.

    Plug-ins provide one of the interfaces below, and
    :class:`twisted.plugin.IPlugin`.  What is built and is a
    :class:`~twisted.application.service.IService` too is started and stopped
    with the daemon.
    """

    name: str = Attribute("What the configuration calls it.")

    def read_options(options: Mapping[str, object]) -> object:
        """
        Check what stands below ``options``, before anything starts; no I/O.

        :param options: text, numbers, booleans, ``None``, lists and dicts.
            Keys that are not asked for are told to the operator as unknown.
        :return: whatever :meth:`build` wants.
        :raises BadOption: one of them cannot be used.
        """


class IStorageMiddlewareFactory(IMiddlewareFactory):
    """Wraps the storage driver."""

    def build(inner: IStorageDriver, options: Any, means: MiddlewareMeans) -> IStorageDriver:
        """
        Wrap *inner*, once, at the start.  All that the registry does with its storage goes through it.

        :raises BadOption: it cannot work this way.
        """


class IRegistryMiddlewareFactory(IMiddlewareFactory):
    """Wraps what finds repositories."""

    def build(inner: INamespace, options: Any, means: MiddlewareMeans) -> INamespace:
        """
        Wrap *inner*, once, at the start.  Each request's repository, the catalog, and the search for
        blobs to be mounted come from it.

        :raises BadOption: it cannot work this way.
        """


class IRepositoryMiddleware(Interface):
    """Stands between requests and their repositories."""

    def wrap(inner: IRepository, caller: Caller) -> IRepository:
        """Wrap the repository that one request uses; called for each of them, so it must be quick."""


class IRepositoryMiddlewareFactory(IMiddlewareFactory):
    """Wraps each repository that a request uses."""

    def build(options: Any, means: MiddlewareMeans) -> IRepositoryMiddleware:
        """
        Make it, once, at the start.

        :raises BadOption: it cannot work this way.
        """
