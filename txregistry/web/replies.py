"""Answers as values, and what each domain failure becomes on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from attrs import frozen

from txregistry import errors
from txregistry.model.access import Access
from txregistry.model.digest import InvalidDigest
from txregistry.model.manifest import InvalidManifest, InvalidReferenceDigest
from txregistry.model.names import InvalidName, InvalidTag
from txregistry.web.body import BodyMalformed, BodyTooLarge, BodyTooSlow

JSON = b"application/json"

Headers = tuple[tuple[bytes, bytes], ...]

_REASONS = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_REASONS[413] = b"Request Entity Too Large"
_REASONS[416] = b"Requested Range Not Satisfiable"

#: Answers of these statuses end with their headers.
BODILESS = frozenset((204, 304))
#: What every reply of the API carries (docker's name of the protocol).
API_VERSION = (b"Docker-Distribution-Api-Version", b"registry/2.0")


@frozen(slots=True)
class Reply:
    """
    A whole answer: *status*, *headers* in order, and *body*.

    ``Content-Length`` is added from *body* unless *headers* hold one (as an
    answer to HEAD does, which has a length and no body).
    """

    status: int
    headers: Headers = ()
    body: bytes = b""


@frozen(slots=True)
class ProblemReply(Reply):
    """
    An answer that says what is wrong.

    :ivar problems: what stands in its body, and in the log.
    :ivar minor: the log takes them for no errors: distribution has no line for them.
    """

    problems: tuple[Problem, ...] = ()
    minor: bool = False


class _Null(str):
    """See :data:`NULL`."""


#: A detail that stands in the envelope as ``null``; with ``None`` there is none.
NULL: Final = _Null("null")


@frozen(slots=True)
class Problem:
    """One entry of the error envelope (OCI distribution-spec, "Error Codes")."""

    status: int
    code: str
    message: str
    detail: Any = None


def reason(status: int) -> bytes:
    """The reason phrase of *status*."""
    return _REASONS.get(status, b"Unknown")


def to_json(document: object) -> bytes:
    """*document* as distribution writes JSON: compact, a newline at the end, ``<>&`` escaped."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text.encode("utf-8", "backslashreplace") + b"\n"


def framed(reply: Reply) -> Headers:
    """The headers of *reply*, with the length of its body where it can have one."""
    if reply.status in BODILESS or any(name == b"Content-Length" for name, _ in reply.headers):
        return reply.headers
    return (*reply.headers, (b"Content-Length", b"%d" % len(reply.body)))


def json_reply(status: int, document: object, headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """An answer whose body is *document*."""
    return Reply(status, ((b"Content-Type", JSON), *headers), to_json(document))


def problem_reply(
    problems: Iterable[Problem], headers: Iterable[tuple[bytes, bytes]] = (), minor: bool = False
) -> ProblemReply:
    """The error envelope; the first problem decides the status."""
    listed = tuple(problems)
    entries: list[dict[str, Any]] = []
    for problem in listed:
        entry: dict[str, Any] = {"code": problem.code, "message": problem.message}
        if problem.detail is not None:
            entry["detail"] = None if problem.detail is NULL else problem.detail
        entries.append(entry)
    body = to_json({"errors": entries})
    return ProblemReply(listed[0].status, ((b"Content-Type", JSON), *headers), body, listed, minor)


def warning(text: str) -> tuple[bytes, bytes]:
    """A header for people (OCI distribution-spec, "Warnings"); *text* is short ASCII without quotes."""
    return (b"Warning", f'299 - "{text}"'.encode("ascii"))


UNKNOWN = Problem(500, "UNKNOWN", "unknown error")
UNSUPPORTED = Problem(405, "UNSUPPORTED", "The operation is unsupported.")


def digest_invalid(detail: object) -> Problem:
    """A digest that is malformed, or not that of the content."""
    return Problem(400, "DIGEST_INVALID", "provided digest did not match uploaded content", detail)


def manifest_invalid(detail: object) -> Problem:
    """A manifest that breaks a rule."""
    return Problem(400, "MANIFEST_INVALID", "manifest invalid", detail)


def upload_invalid(detail: object = None) -> Problem:
    """An upload session asked for in a way that cannot be right."""
    return Problem(404, "BLOB_UPLOAD_INVALID", "blob upload invalid", detail)


def range_invalid(detail: object = None) -> Problem:
    """A chunk that does not fit where the upload session is."""
    return Problem(416, "RANGE_INVALID", "invalid content range", detail)


def page_invalid(given: object) -> Problem:
    """A page size that makes no sense."""
    return Problem(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", {"n": given})


def _described(access: Access) -> dict[str, str]:
    return {"Type": access.type, "Class": "", "Name": access.name, "Action": access.action}


def headers_of(error: BaseException, problems: Sequence[Problem]) -> Headers:
    """The headers of the answer to *error*, which is one of *problems*."""
    if isinstance(error, errors.Unauthorized):
        return ((b"WWW-Authenticate", error.challenge.encode()),)
    if isinstance(error, errors.TooManyAttempts):
        return ((b"Retry-After", b"%d" % error.retry_after),)
    return ((b"Retry-After", b"1"),) if problems[0].status == 503 else ()


def problems_of(error: BaseException) -> list[Problem] | None:
    """What a client is told of *error*; ``None`` for what is a fault of ours."""
    match error:
        case errors.BlobUnknown():
            return [Problem(404, "BLOB_UNKNOWN", "blob unknown to registry", str(error.digest))]
        case errors.ManifestUnknown():
            detail = f"unknown manifest name={error.name} revision={error.digest}"
            return [Problem(404, "MANIFEST_UNKNOWN", "manifest unknown", detail)]
        case errors.TagUnknown():
            return [Problem(404, "MANIFEST_UNKNOWN", "manifest unknown", f"unknown tag={error.tag}")]
        case errors.NameUnknown():
            message = "repository name not known to registry"
            return [Problem(404, "NAME_UNKNOWN", message, {"name": error.name})]
        case errors.ReferencesUnknown():
            return [
                Problem(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", str(digest))
                for digest in error.digests
            ]
        case InvalidReferenceDigest():
            return [digest_invalid(str(error))]
        case errors.ManifestInvalid() | InvalidManifest():
            return [manifest_invalid(error.reason)]
        case errors.ManifestDenied():
            return [Problem(403, "DENIED", error.reason)]
        case errors.ManifestTooLarge() | BodyTooLarge():
            return [Problem(413, "SIZE_INVALID", "manifest too large", f"the limit is {error.limit} bytes")]
        case errors.DigestMismatch():
            detail = f"invalid digest for referenced layer: {error.expected}, content does not match digest"
            return [digest_invalid(detail)]
        case InvalidDigest():
            return [digest_invalid(error.reason)]
        case InvalidName():
            return [Problem(400, "NAME_INVALID", "invalid repository name", error.reason)]
        case InvalidTag():
            return [Problem(400, "TAG_INVALID", "manifest tag did not match URI", "invalid tag")]
        case errors.UploadUnknown():
            return [Problem(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")]
        case errors.UploadDiffers():
            return [range_invalid("the content differs from what was received before")]
        case errors.UploadBusy():
            message = "somebody else is writing to this upload"
            return [Problem(503, "UNAVAILABLE", message)]
        case errors.Unsupported():
            return [UNSUPPORTED]
        case errors.Unauthorized():
            wanted = [_described(access) for access in error.wanted]
            return [Problem(401, "UNAUTHORIZED", "authentication required", wanted or NULL)]
        case errors.AccessUndecided():
            return [Problem(400, "UNKNOWN", "access cannot be decided, the registry's log says why")]
        case errors.TooManyAttempts():
            return [Problem(429, "TOOMANYREQUESTS", "too many requests", str(error))]
        case BodyMalformed():
            return [Problem(400, "SIZE_INVALID", "malformed request body", str(error))]
        case BodyTooSlow():
            return [Problem(408, "UNAVAILABLE", "the request body did not come in time")]
        case errors.StorageFull():
            return [Problem(507, "UNKNOWN", "the registry's storage is full")]
        case errors.StorageError():
            return [Problem(500, "UNKNOWN", "unknown error", "the registry's storage failed")]
        case _:
            return None
