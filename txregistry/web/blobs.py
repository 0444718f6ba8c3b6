"""Blobs: GET, HEAD and DELETE."""

from __future__ import annotations

import re
import secrets

from attrs import define, frozen

from txregistry.errors import BlobUnknown, StorageError
from txregistry.interfaces import IContentReader, IRepository, IWorkers
from txregistry.model import ranges
from txregistry.model.conditions import Outcome, check, etag, range_applies
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.web.replies import Headers, Problem, Reply, problem_reply
from txregistry.web.request import RegistryRequest
from txregistry.web.sending import Slice, send_content

_BYTES = (b"Accept-Ranges", b"bytes")
_FOR_A_YEAR = (b"Cache-Control", b"max-age=31536000")
#: Where clients may be sent.  A backslash is a slash to browsers, who would leave for another host.
_TARGET = re.compile(r"https?://[!-\[\]-~]+", re.IGNORECASE)
_OCTETS = (b"Content-Type", OCTET_STREAM.encode())


@frozen(slots=True)
class ContentReply:
    """
    An answer whose body is stored content: *head* first, then *parts* of *reader*.

    Whoever sends it closes *reader*.
    """

    head: Reply
    parts: tuple[bytes | Slice, ...]
    reader: IContentReader

    async def send(self, request: RegistryRequest, workers: IWorkers) -> None:
        """Write everything; :meth:`RegistryRequest.finish` is still to be called."""
        try:
            request.begin_answer(self.head.status, self.head.headers)
            await send_content(request, self.reader, self.parts, workers)
        finally:
            self.reader.close()


def _length(size: int) -> tuple[bytes, bytes]:
    return (b"Content-Length", b"%d" % size)


def _unmet(problem: Problem, *headers: tuple[bytes, bytes]) -> Reply:
    """The answer to a precondition or a range that the blob does not meet."""
    return problem_reply([problem], headers, minor=True)


@define(eq=False)
class BlobRoutes:
    """The blobs of one repository."""

    async def get(
        self, request: RegistryRequest, repository: IRepository, digest: str
    ) -> Reply | ContentReply:
        """The content, part of it, or the way to it (OCI distribution-spec, "Pulling blobs")."""
        served = await repository.server.serve(Digest.parse(digest), request.method.decode("ascii"))
        if served.redirect is not None:
            if not _TARGET.fullmatch(served.redirect):
                raise StorageError(f"clients cannot be sent to {served.redirect[:200]!r}")
            return Reply(307, ((b"Location", served.redirect.encode()),))
        descriptor = served.descriptor
        named: Headers = (
            (b"Docker-Content-Digest", str(descriptor.digest).encode()),
            (b"Etag", etag(descriptor.digest).encode()),
        )
        match check(
            etag(descriptor.digest),
            ", ".join(request.header_lines(b"If-Match")),
            ", ".join(request.header_lines(b"If-None-Match")),
        ):
            case Outcome.NOT_MODIFIED:
                return Reply(304, (_FOR_A_YEAR, *named))
            case Outcome.FAILED:
                return _unmet(Problem(412, "UNSUPPORTED", "the blob does not match If-Match"))
        choice = self._chosen(request, descriptor)
        headers: Headers = (_BYTES, _FOR_A_YEAR, *named)
        parts: tuple[bytes | Slice, ...]
        match choice:
            case ranges.Whole():
                status, size = 200, descriptor.size
                headers += (_OCTETS, _length(size))
                parts = (Slice(0, size),)
            case ranges.Partial(ranges=((start, end),)):
                status = 206
                where = ranges.content_range(start, end, descriptor.size)
                headers += (_OCTETS, _length(end - start), (b"Content-Range", where.encode()))
                parts = (Slice(start, end),)
            case ranges.Partial(ranges=several):
                status = 206
                framed = ranges.multipart(several, descriptor.size, OCTET_STREAM, secrets.token_hex(30))
                headers += ((b"Content-Type", framed.content_type.encode()), _length(framed.length))
                parts = tuple(
                    piece for part in framed.parts for piece in (part.head, Slice(part.start, part.end))
                )
                parts += (framed.tail,)
            case ranges.Unsatisfiable():
                where = ranges.unsatisfied_range(descriptor.size)
                return _unmet(
                    Problem(416, "RANGE_INVALID", "invalid range"), (b"Content-Range", where.encode())
                )
            case ranges.TooMany(limit=limit):
                return _unmet(Problem(400, "RANGE_INVALID", "too many ranges", f"at most {limit} are served"))
            case _:
                return _unmet(Problem(416, "RANGE_INVALID", "malformed range"))
        if request.method == b"HEAD":
            return Reply(status, headers)
        reader = await repository.server.open(descriptor)
        return ContentReply(Reply(status, headers), parts, reader)

    @staticmethod
    def _chosen(request: RegistryRequest, descriptor: Descriptor) -> object:
        if not range_applies(etag(descriptor.digest), request.header(b"If-Range")):
            return ranges.Whole()
        return ranges.choose(request.header(b"Range"), descriptor.size)

    async def delete(self, request: RegistryRequest, repository: IRepository, digest: str) -> Reply:
        """Make the blob invisible in this repository."""
        try:
            await repository.blobs.delete(Digest.parse(digest))
        except BlobUnknown:
            return problem_reply([Problem(404, "BLOB_UNKNOWN", "blob unknown to registry")])
        return Reply(202)
