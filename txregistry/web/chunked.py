"""
The chunked transfer coding (RFC 9112, section 7.1), read in large pieces.

Docker sends a layer in chunks of 32 KiB.  Twisted's decoder hands on each of
them by itself, and moves what it holds at every step; here all chunks that
came in one read are joined and handed on at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.web.http import _MalformedChunkedDataError as Malformed

__all__ = ["ChunkedDecoder", "Malformed"]

#: A chunk's size line, its extensions included, has at most this many bytes.
LINE_LIMIT = 1024
#: All trailer fields together have at most this many bytes.
TRAILER_LIMIT = 64 * 1024

_EXTENSIONS = rb"(?:;[\t\x20-\x7e\x80-\xff]*)?"
_SIZE = rb"([0-9A-Fa-f]{1,16})" + _EXTENSIONS + rb"\r\n"
_FIRST = re.compile(_SIZE)
_NEXT = re.compile(rb"\r\n" + _SIZE)
#: What may yet become a size line when more comes.
_BEGINNING = re.compile(rb"(?:[0-9A-Fa-f]{1,16}" + _EXTENSIONS + rb"\r?)?\Z")
#: A trailer field: what ends lines for others only must not hide a request from us.
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class ChunkedDecoder:
    """
    Take a chunked body apart.

    :param deliver: told the content, in order.
    :param finish: told once, after all content, what came behind the body.

    Trailer fields are dropped.
    """

    def __init__(self, deliver: Callable[[bytes], object], finish: Callable[[bytes], object]) -> None:
        self._deliver, self._finish = deliver, finish
        self._line = _FIRST  # what the next size line looks like
        self._left = 0  # bytes to come of the chunk
        self._rest = b""  # of a line that is not complete
        self._trailer: int | None = None  # bytes of trailer fields, once they have begun

    def dataReceived(self, data: bytes) -> None:
        """
        Take in *data*.

        :raises Malformed: the coding is broken; the content before that was delivered.
        """
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self._trailer is not None:
            self._end(data, 0)
            return
        if len(data) < self._left:  # the middle of a chunk, and nothing else
            self._left -= len(data)
            self._deliver(data)
            return
        try:
            position = self._content(data)
        except Malformed:
            self._left = 0
            raise
        if self._trailer is not None:
            self._end(data, position)

    def noMoreData(self) -> None:
        """Nothing: whoever reads the body is told of a lost connection."""

    def _content(self, data: bytes) -> int:
        """Deliver the content in *data*, and return where the trailer begins or a line is not complete."""
        view = memoryview(data)
        pieces: list[memoryview] = []
        position, end, left = 0, len(data), self._left
        line = self._line
        try:
            while True:
                if left:
                    piece = view[position : position + left]
                    if piece:
                        pieces.append(piece)
                    left -= len(piece)
                    if left:
                        return end
                    position, line = position + len(piece), _NEXT
                found = line.match(data, position)
                if found is None:
                    self._rest = self._beginning(data[position:], line)
                    return end
                position = found.end()
                if position - found.start() > LINE_LIMIT:
                    raise Malformed("a chunk's size line is too long")
                left = int(found[1], 16)
                if not left:
                    self._trailer = 0
                    return position
        finally:
            self._left, self._line = left, line
            if pieces:
                self._deliver(b"".join(pieces))

    @staticmethod
    def _beginning(rest: bytes, line: re.Pattern[bytes]) -> bytes:
        """Return *rest* if it can become a size line."""
        text = rest
        if line is _NEXT:
            if not b"\r\n".startswith(rest[:2]):
                raise Malformed("a chunk does not end where it should")
            text = rest[2:]
        if len(rest) > LINE_LIMIT or not _BEGINNING.match(text):
            raise Malformed("a chunk's size is malformed")
        return rest

    def _end(self, data: bytes, position: int) -> None:
        assert self._trailer is not None
        while True:
            stop = data.find(b"\r\n", position)
            if stop == position:
                self._finish(data[stop + 2 :])
                return
            length = (len(data) if stop < 0 else stop + 2) - position
            if self._trailer + length > TRAILER_LIMIT:
                raise Malformed("the trailer fields are too large")
            if stop < 0:
                self._rest = data[position:]
                return
            if not _FIELD.fullmatch(data, position, stop + 2):
                raise Malformed("a trailer field is malformed")
            self._trailer += length
            position = stop + 2
