"""
The state of an unfinished SHA-256 as Go's ``crypto/sha256`` marshals it.

distribution leaves it beside the data of an upload, so that whoever goes on
with the upload need not read the data again.  Only the format is here.
"""

from __future__ import annotations

import struct

from attrs import frozen

_MAGIC = b"sha\x03"
_FORMAT = struct.Struct(">4s8I64sQ")

#: Bytes of a marshalled state.
SIZE = _FORMAT.size

#: Bytes that SHA-256 takes in at a time.
BLOCK = 64

#: SHA-256 counts bits in 64 bits.
_MOST = (1 << 61) - 1


class InvalidHashState(ValueError):
    """Content that is no marshalled SHA-256 state."""


@frozen(slots=True)
class HashState:
    """
    A SHA-256 after *length* bytes: the eight chaining *words*, and the
    *pending* bytes behind the last whole block.
    """

    words: tuple[int, int, int, int, int, int, int, int]
    pending: bytes
    length: int

    @classmethod
    def decode(cls, content: bytes) -> HashState:
        """:raises InvalidHashState: wrong size, kind or length."""
        if len(content) != SIZE:
            raise InvalidHashState(f"{len(content)} bytes")
        magic, *words, block, length = _FORMAT.unpack(content)
        if magic != _MAGIC:
            raise InvalidHashState("not of SHA-256")
        if length > _MOST:
            raise InvalidHashState("impossible length")
        a, b, c, d, e, f, g, h = words
        return cls((a, b, c, d, e, f, g, h), block[: length % BLOCK], length)

    def encode(self) -> bytes:
        """The 108 bytes that Go reads."""
        return _FORMAT.pack(_MAGIC, *self.words, self.pending, self.length)
