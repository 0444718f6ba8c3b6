"""Upload sessions: the token that carries their state, and which chunk of data fits."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attrs import frozen

from txregistry.model.document import InvalidDocument, Members, known, read_document
from txregistry.model.times import NEVER, format_time, parse_time

_MAC_SIZE = 32
_MEMBERS = known("Name", "UUID", "Offset", "StartedAt")
_QUANTA = re.compile(r"(?:[A-Za-z0-9_-]{4})*")
_LAST_QUANTUM = re.compile(r"(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?\Z")
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


class InvalidToken(ValueError):
    """An upload token that this registry did not make; *reason* says what is wrong, fit for a client."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IllegalBase64(InvalidToken):
    """The token is not even base64, from byte *position* on."""

    def __init__(self, position: int) -> None:
        super().__init__(f"illegal base64 data at input byte {position}")
        self.position = position


class ForgedToken(InvalidToken):
    """The token was not signed with our secret."""

    def __init__(self) -> None:
        super().__init__("invalid secret")


@frozen(slots=True)
class UploadState:
    """
    What a client carries between the requests of one upload.

    Packed, it is distribution's ``_state`` token: instances that share a
    secret understand each other's, whichever program they are.
    """

    name: str
    uuid: str
    offset: int
    started_at: datetime = NEVER

    def pack(self, secret: bytes | None) -> str:
        """The token, signed with *secret*; without one, in a way that anybody could."""
        members = {
            "Name": self.name,
            "UUID": self.uuid,
            "Offset": self.offset,
            "StartedAt": format_time(self.started_at),
        }
        text = json.dumps(members, separators=(",", ":")).encode("ascii")
        return base64.urlsafe_b64encode(_mac(secret, text) + text).decode("ascii")

    @classmethod
    def unpack(cls, token: str, secret: bytes | None) -> UploadState:
        """
        Read and verify a token.

        Without a *secret* it is read and believed, whoever made it.

        Members that it lacks count as empty, and as distribution does, their
        names are matched without regard to case.

        :raises IllegalBase64: it is not base64 in its one canonical form.
        :raises ForgedToken: it is too short, or *secret* did not sign it.
        :raises InvalidToken: it is signed, and yet holds no upload state.
        """
        signed = _decode(token)
        mac, text = signed[:_MAC_SIZE], signed[_MAC_SIZE:]
        if len(mac) < _MAC_SIZE or (secret is not None and not hmac.compare_digest(mac, _mac(secret, text))):
            raise ForgedToken()
        try:
            members = Members.of(read_document(text, careful=False), _MEMBERS, "the state", careful=False)
            started_at = members.text("StartedAt")
            return cls(
                members.text("Name"),
                members.text("UUID"),
                members.integer("Offset"),
                parse_time(started_at) if started_at else NEVER,
            )
        except InvalidDocument as e:
            raise InvalidToken(e.reason) from None
        except ValueError as e:
            raise InvalidToken(str(e)) from None


def _mac(secret: bytes | None, text: bytes) -> bytes:
    return hmac.digest(secret or b"", text, "sha256")


def _decode(token: str) -> bytes:
    quanta = _QUANTA.match(token)
    assert quanta is not None  # it may be empty
    done = quanta.end()
    if not _LAST_QUANTUM.match(token, done):
        raise IllegalBase64(_illegal_at(token, done))
    content = base64.urlsafe_b64decode(token)
    if base64.urlsafe_b64encode(content).decode("ascii") != token:
        raise IllegalBase64(token.index("=") - 1)  # bits that nothing encodes are set
    return content


def _illegal_at(token: str, done: int) -> int:
    """Where Go's decoder says that *token*, fine up to *done*, goes wrong."""
    letters = _ALPHABET.match(token, done)
    assert letters is not None  # it may be empty
    first = letters.end()
    if first == len(token):
        return done  # the last four characters are not complete
    if token[first] != "=" or first - done < 2:
        return first
    if first - done == 3 or token.startswith("==", first):
        return done + 4  # something follows the padding
    return len(token) if first + 1 == len(token) else first


# --- chunks -----------------------------------------------------------------

_CONTENT_RANGE = re.compile(r"(?:bytes[ \t]+)?([0-9]{1,19})-([0-9]{1,19})(?:/(?:\*|[0-9]{1,19}))?\Z", re.I)


@frozen(slots=True)
class Append:
    """The body goes on at *at*, where the session ends.  It has *length* bytes, where the headers said so."""

    at: int
    length: int | None = None


@frozen(slots=True)
class Repeat:
    """
    The body begins at *at*, before the session ends.

    What is stored there already must come again as it is; only what lies
    beyond is new.  It has *length* bytes, where the headers said so.
    """

    at: int
    length: int | None = None


@frozen(slots=True)
class OutOfOrder:
    """The chunk does not begin at *expected*, where the upload goes on."""

    expected: int


@frozen(slots=True)
class BadLength:
    """``Content-Range`` spans *range* bytes, while ``Content-Length`` says *length*."""

    range: int
    length: int


@frozen(slots=True)
class Malformed:
    """``Content-Range`` is not of the form ``START-END``."""

    header: str


def place(
    stored: int, offset: int | None, content_range: str | None, length: int | None
) -> Append | Repeat | OutOfOrder | BadLength | Malformed:
    """
    Where the body of a PATCH or a closing PUT goes, before any of it is read.

    A client whose token is the present one, or that has none, says nothing
    about what it did before, so that its body goes to the end or nowhere.
    One whose token is *behind* what is stored has missed an answer: it may
    repeat what it sent.

    :param stored: the bytes that the session holds.
    :param offset: the offset in the client's token; ``None`` without a token.
    :param content_range: the ``Content-Range`` header: ``START-END``, both
        inclusive; RFC 9110's form of it is understood too.
    :param length: the ``Content-Length`` header; ``None`` for a chunked body.
    """
    if offset is not None and not 0 <= offset <= stored:
        return OutOfOrder(stored)
    if offset is None:
        offset = stored
    start, span = offset, length
    if content_range is not None:
        match = _CONTENT_RANGE.match(content_range.strip(" \t"))
        if match is None:
            return Malformed(content_range)
        start, end = int(match[1]), int(match[2])
        span = end - start + 1
        if span < 1 or start > stored or (start < stored and offset == stored):
            return OutOfOrder(stored)
        if length is not None and length != span:
            return BadLength(span, length)
    return Append(start, span) if start == stored else Repeat(start, span)


def divide(chunks: Sequence[bytes], count: int) -> tuple[list[bytes], list[bytes]]:
    """The first *count* bytes of *chunks*, or all that there are, and the rest."""
    first: list[bytes] = []
    for position, chunk in enumerate(chunks):
        if len(chunk) > count:
            cut = [chunk[:count]] if count else []
            return first + cut, [chunk[count:], *chunks[position + 1 :]]
        first.append(chunk)
        count -= len(chunk)
    return first, []


def repeats(stored: bytes, chunks: Sequence[bytes]) -> bool:
    """Whether *chunks* together are *stored*, byte for byte."""
    position = 0
    for chunk in chunks:
        if not stored.startswith(chunk, position):
            return False
        position += len(chunk)
    return position == len(stored)


def range_header(size: int) -> str:
    """The value of ``Range`` for a session of *size* bytes; 0 and 1 look alike, as clients expect."""
    return f"0-{max(size - 1, 0)}"


# --- session ids ------------------------------------------------------------

_UPLOAD_ID = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")


def new_upload_id(entropy: bytes) -> str:
    """A random (version 4) UUID, made of 16 random bytes."""
    return str(UUID(bytes=entropy, version=4))


def may_be_upload_id(text: str) -> bool:
    """
    Whether a session could be stored under the id *text*, so that asking the storage is safe.

    UUIDs pass, with and without dashes.  Distribution's route also lets ``=``
    through, but no session can have it in its path.
    """
    return bool(_UPLOAD_ID.match(text)) and text not in (".", "..")
