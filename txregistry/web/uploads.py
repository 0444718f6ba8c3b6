"""Upload sessions: POST, PATCH, PUT, GET and DELETE under ``/blobs/uploads/``."""

from __future__ import annotations

from datetime import datetime

from attrs import define
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from txregistry.errors import BlobUnknown, DigestMismatch, UploadUnknown
from txregistry.interfaces import IRepository, IUpload, UploadStatus
from txregistry.model import upload as rules
from txregistry.model.digest import EMPTY, Descriptor, Digest, InvalidDigest
from txregistry.model.names import InvalidName, RepositoryName
from txregistry.web.body import BodyLost, BodyMalformed, BodyTooSlow
from txregistry.web.replies import Headers, Problem, Reply, digest_invalid, problem_reply, upload_invalid
from txregistry.web.request import RegistryRequest
from txregistry.web.shield import shielded
from txregistry.web.urls import Urls

#: Seconds between the looks for the blob of a PUT whose session is gone.
AGAIN = (0.1, 0.4)


@define(eq=False)
class UploadRoutes:
    """
    The upload sessions of one repository.

    :ivar secret: signs the state that clients carry from one request to the next.
    """

    urls: Urls
    secret: bytes

    # --- the collection ---

    async def post(self, request: RegistryRequest, repository: IRepository) -> Reply:
        """
        Begin a session; or mount a blob; or take a whole blob at once
        (OCI distribution-spec, "Pushing blobs").
        """
        mount, source = request.query(b"mount"), request.query(b"from")
        if mount and source:
            try:
                descriptor = await repository.blobs.mount(Digest.parse(mount), RepositoryName.parse(source))
                return self._created(request, repository, descriptor)
            except (InvalidDigest, InvalidName, BlobUnknown):
                pass  # an ordinary upload instead, as the specification has it
        given = request.query(b"digest")
        if given and (request.body.length != 0 or given == str(EMPTY)):
            return await self._post_whole(request, repository, given)
        status = await repository.uploads.start()
        return self._accepted(request, repository, status.id, status.size, status.started_at)

    async def _post_whole(self, request: RegistryRequest, repository: IRepository, given: str) -> Reply:
        digest = Digest.parse(given)
        status = await repository.uploads.start()
        upload = await repository.uploads.resume(status.id)
        received = False
        try:
            await _receive(request, upload)
            received = True
        finally:
            if not received:
                await upload.cancel()
        try:
            descriptor = await shielded(upload.commit(digest), request.site)
        except DigestMismatch:
            # The session is kept for another try, but nobody knows its address.
            await (await repository.uploads.resume(status.id)).cancel()
            raise
        return self._created(request, repository, descriptor)

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
            refusal = self._misplaced(request, repository, upload, state)
            if refusal is None:
                await _receive(request, upload)
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
            upload = await repository.uploads.resume(id)
        except UploadUnknown:
            return await self._put_again(request, repository, digest)
        ended = False
        try:
            refusal = self._misplaced(request, repository, upload, state)
            if refusal is not None:
                return refusal
            await _receive(request, upload)
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

    def _misplaced(
        self,
        request: RegistryRequest,
        repository: IRepository,
        status: UploadStatus | IUpload,
        state: rules.UploadState | None,
    ) -> Reply | None:
        """The refusal of a chunk that does not go where the session's content ends."""
        offset = None if state is None else state.offset
        placed = rules.place(status.size, offset, request.header(b"Content-Range"), request.body.length)
        match placed:
            case rules.Append():
                return None
            case rules.BadLength():
                problem = Problem(400, "SIZE_INVALID", "provided length did not match content length")
            case rules.Malformed():
                problem = Problem(416, "RANGE_INVALID", "invalid content range", "malformed Content-Range")
            case _:
                problem = Problem(416, "RANGE_INVALID", "invalid content range")
        where = self._where(request, repository, status.id, status.size, status.started_at)
        return problem_reply([problem], where)

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


async def _receive(request: RegistryRequest, upload: IUpload) -> None:
    """Append the body of *request* to *upload*: a batch is hashed and written while the next one comes in."""
    try:
        while chunks := await request.body.read():
            await upload.write(chunks)
    except (CancelledError, BodyLost, BodyMalformed, BodyTooSlow):
        # Nothing more comes.  The client need not send again what has come.
        rest = request.body.take()
        if rest:
            await upload.write(rest)
        raise
