"""Upload sessions: POST, PATCH, PUT, GET and DELETE under ``/blobs/uploads/``."""

from __future__ import annotations

from datetime import datetime

from attrs import define
from twisted.internet.task import deferLater
from twisted.logger import Logger

from txregistry.aftermath import tell_failure
from txregistry.errors import BlobUnknown, UploadDiffers, UploadUnknown
from txregistry.interfaces import IBlobFinder, IRepository, IUpload
from txregistry.model import upload as rules
from txregistry.model.digest import ALGORITHMS, EMPTY, Descriptor, Digest, InvalidDigest
from txregistry.model.names import InvalidName, RepositoryName
from txregistry.web.receiving import LengthDiffers, receive
from txregistry.web.replies import (
    Headers,
    Problem,
    Reply,
    digest_invalid,
    problem_reply,
    problems_of,
    range_invalid,
    upload_invalid,
)
from txregistry.web.request import RegistryRequest
from txregistry.web.shield import shielded
from txregistry.web.urls import Urls

#: Seconds between the looks for the blob of a PUT whose session is gone.
AGAIN = (0.1, 0.4)

_SIZE_INVALID = Problem(400, "SIZE_INVALID", "provided length did not match content length")


@define(eq=False)
class UploadRoutes:
    """
    The upload sessions of one repository.

    :ivar secret: signs the state that clients carry from one request to the next.  Without one,
        nobody knows what other instances sign with, and states count whoever made them.
    :ivar finder: finds what is to be mounted from anywhere.
    """

    _log = Logger()

    urls: Urls
    secret: bytes | None
    finder: IBlobFinder

    # --- the collection ---

    async def post(self, request: RegistryRequest, repository: IRepository) -> Reply:
        """
        Begin a session; or mount a blob; or take a whole blob at once
        (OCI distribution-spec, "Pushing blobs").
        """
        try:
            mounted = await self._mount(request, repository)
            if mounted is not None:
                return self._created(request, repository, mounted)
        except (InvalidDigest, InvalidName, BlobUnknown):
            pass  # an ordinary upload instead, as the specification has it
        hint = request.query(b"digest-algorithm")
        if hint and hint not in ALGORITHMS:
            return problem_reply([digest_invalid("unsupported digest algorithm")])
        given = request.query(b"digest")
        if given and (request.body.length != 0 or given == str(EMPTY)):
            return await self._post_whole(request, repository, given)
        status = await shielded(
            repository.uploads.start(), request.site, lambda status: _forget(repository, status.id)
        )
        return self._accepted(request, repository, status.id, status.size, status.started_at)

    async def _mount(self, request: RegistryRequest, repository: IRepository) -> Descriptor | None:
        """What the request wants mounted, if it does and may."""
        mount, source = request.query(b"mount"), request.query(b"from")
        if not mount:
            return None
        digest = Digest.parse(mount)
        if source:
            if not request.reads_source:
                return None
            return await repository.blobs.mount(digest, RepositoryName.parse(source))
        if not request.reads_everything:
            return None
        try:
            return await repository.blobs.look(digest)
        except BlobUnknown:
            found = await self.finder.repository_with(digest)
        return None if found is None else await repository.blobs.mount(digest, found)

    async def _post_whole(self, request: RegistryRequest, repository: IRepository, given: str) -> Reply:
        digest = Digest.parse(given)
        upload = await shielded(
            _opened(repository, digest.algorithm), request.site, lambda upload: upload.cancel()
        )
        received = False
        try:
            await receive(request.body, upload, rules.Append(0))
            received = True
        finally:
            if not received:
                await upload.cancel()
        descriptor = await shielded(self._commit_or_cancel(repository, upload, digest), request.site)
        return self._created(request, repository, descriptor)

    async def _commit_or_cancel(self, repository: IRepository, upload: IUpload, digest: Digest) -> Descriptor:
        """A commit that fails keeps the session for another try, but nobody knows the address of this one."""
        try:
            return await upload.commit(digest)
        except Exception:
            try:
                await (await repository.uploads.resume(upload.id)).cancel()
            except Exception:
                tell_failure(
                    self._log, "upload {id}, which nobody knows, could not be cancelled", id=upload.id
                )
            raise

    # --- a session ---

    async def get(self, request: RegistryRequest, repository: IRepository, id: str) -> Reply:
        """How far the session has come."""
        refusal = self._state(request, repository, id)
        if isinstance(refusal, Reply):
            return refusal
        status = await repository.uploads.status(id)
        return Reply(204, self._where(request, repository, id, status.size, status.started_at))

    async def patch(self, request: RegistryRequest, repository: IRepository, id: str) -> Reply:
        """Append a chunk."""
        state = self._state(request, repository, id)
        if isinstance(state, Reply):
            return state
        upload = await repository.uploads.resume(id)
        try:
            refusal = await self._take(request, repository, upload, state)
        finally:
            await upload.close()
        return refusal or self._accepted(request, repository, id, upload.size, upload.started_at)

    async def put(self, request: RegistryRequest, repository: IRepository, id: str) -> Reply:
        """Append the last chunk, if there is one, and make the whole a blob."""
        state = self._state(request, repository, id)
        if isinstance(state, Reply):
            return state
        given = request.query(b"digest")
        if not given:
            return problem_reply([digest_invalid("digest missing")])
        digest = Digest.parse(given)
        try:
            upload = await repository.uploads.resume(id, digest.algorithm)
        except UploadUnknown:
            return await self._put_again(request, repository, digest)
        ended = False
        try:
            refusal = await self._take(request, repository, upload, state)
            if refusal is not None:
                return refusal
            ended = True
            descriptor = await shielded(upload.commit(digest), request.site)
        finally:
            if not ended:
                await upload.close()
        return self._created(request, repository, descriptor)

    async def _put_again(self, request: RegistryRequest, repository: IRepository, digest: Digest) -> Reply:
        """
        The session is gone: a client that never saw the answer to its PUT gets that answer now.

        The first PUT may be about to link the blob; it is given a moment.
        """
        for delay in (*AGAIN, None):
            try:
                descriptor = await repository.blobs.stat(digest)
            except BlobUnknown:
                if delay is not None:
                    await deferLater(request.site.clock, delay)
            else:
                return self._created(request, repository, descriptor)
        raise UploadUnknown(request.vars.get("uuid", ""))

    async def delete(self, request: RegistryRequest, repository: IRepository, id: str) -> Reply:
        """Give the session up."""
        state = self._state(request, repository, id)
        if isinstance(state, Reply):
            return state
        upload = await repository.uploads.resume(id)
        await shielded(upload.cancel(), request.site)
        return Reply(204, ((b"Docker-Upload-Uuid", id.encode()),))

    # --- inside ---

    def _state(
        self, request: RegistryRequest, repository: IRepository, id: str
    ) -> rules.UploadState | Reply | None:
        """The state that the client carries, ``None`` if it lost it, or the refusal of a wrong one."""
        if not rules.may_be_upload_id(id):
            raise UploadUnknown(id)
        token = request.query(b"_state")
        if not token:
            return None
        try:
            state = rules.UploadState.unpack(token, self.secret)
        except rules.InvalidToken as error:
            return problem_reply([upload_invalid(error.reason)])
        if state.name not in ("", str(repository.name)) or state.uuid not in ("", id):
            return problem_reply([upload_invalid()])
        return state

    async def _take(
        self,
        request: RegistryRequest,
        repository: IRepository,
        upload: IUpload,
        state: rules.UploadState | None,
    ) -> Reply | None:
        """
        Bring the body into the session, or refuse it.

        Every refusal says how far the session is then, so that the client can go on from there.
        """
        offset = None if state is None else state.offset
        place = rules.place(upload.size, offset, request.header(b"Content-Range"), request.body.length)
        match place:
            case rules.Append() | rules.Repeat():
                try:
                    await receive(request.body, upload, place)
                    return None
                except UploadDiffers as error:
                    problems = problems_of(error) or []
                except LengthDiffers:
                    problems = [_SIZE_INVALID]
            case rules.OutOfOrder():
                problems = [range_invalid()]
            case rules.BadLength():
                problems = [_SIZE_INVALID]
            case rules.Malformed():
                problems = [range_invalid("malformed Content-Range")]
        where = self._where(request, repository, upload.id, upload.size, upload.started_at)
        return problem_reply(problems, where)

    def _where(
        self,
        request: RegistryRequest,
        repository: IRepository,
        id: str,
        size: int,
        started_at: datetime,
    ) -> Headers:
        name = str(repository.name)
        state = rules.UploadState(name, id, size, started_at).pack(self.secret)
        return (
            (b"Location", self.urls.upload(request, name, id, state)),
            (b"Range", rules.range_header(size).encode()),
            (b"Docker-Upload-Uuid", id.encode()),
        )

    def _accepted(
        self,
        request: RegistryRequest,
        repository: IRepository,
        id: str,
        size: int,
        started_at: datetime,
    ) -> Reply:
        return Reply(202, self._where(request, repository, id, size, started_at))

    def _created(self, request: RegistryRequest, repository: IRepository, descriptor: Descriptor) -> Reply:
        digest = descriptor.digest
        return Reply(
            201,
            (
                (b"Location", self.urls.blob(request, str(repository.name), digest)),
                (b"Docker-Content-Digest", str(digest).encode()),
            ),
        )


async def _opened(repository: IRepository, algorithm: str) -> IUpload:
    """A new session, open for content that *algorithm* names."""
    status = await repository.uploads.start()
    upload: IUpload = await repository.uploads.resume(status.id, algorithm)
    return upload


async def _forget(repository: IRepository, id: str) -> None:
    """Remove a session whose client left before it was told the address."""
    await (await repository.uploads.resume(id)).cancel()
