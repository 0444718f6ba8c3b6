"""
Blobs to push: each unique, none hashed while the clock runs.

All blobs of one size share their beginning and differ in a short end, so that their digests cost a
copy of one hash state each, and their bytes two megabytes of memory for all of them.
"""

import hashlib
import os
from collections.abc import Iterator

from attrs import frozen

__all__ = ["CHUNK", "SLICE", "Payload"]

SLICE = 1024 * 1024
"""How much is handed to the kernel in one call."""

CHUNK = 32 * 1024
"""The chunk size of Go's HTTP client, hence of docker."""

_STAMP = 16


@frozen
class _Shared:
    """What all blobs of one size begin with: *whole* times *block*, then *rest*; both chunked too."""

    whole: int
    block: bytes
    rest: bytes
    chunked_block: bytes
    chunked_rest: bytes


@frozen
class Payload:
    """One blob: *slices*, or *chunked*, give its bytes in order."""

    digest: str
    size: int
    _shared: _Shared
    _stamp: bytes

    @classmethod
    def make(cls, size: int, count: int) -> list["Payload"]:
        """
        Make *count* different blobs of *size* bytes.

        :raises ValueError: *size* leaves no room for what makes them differ.
        """
        if size < _STAMP:
            raise ValueError(f"a payload needs {_STAMP} bytes or more, not {size}")
        whole, rest = divmod(size - _STAMP, SLICE)
        block = os.urandom(SLICE if whole else rest)
        shared = _Shared(whole, block, block[:rest], _chunks(block) if whole else b"", _chunks(block[:rest]))
        begun = hashlib.sha256()
        for _ in range(whole):
            begun.update(block)
        begun.update(shared.rest)
        made = []
        for _ in range(count):
            stamp = os.urandom(_STAMP)
            running = begun.copy()
            running.update(stamp)
            made.append(cls(f"sha256:{running.hexdigest()}", size, shared, stamp))
        return made

    def slices(self) -> Iterator[bytes]:
        """The bytes as they are, for a body with a Content-Length."""
        for _ in range(self._shared.whole):
            yield self._shared.block
        yield self._shared.rest + self._stamp

    def chunked(self) -> Iterator[bytes]:
        """The bytes in chunked transfer coding, end mark included; all but the end was coded beforehand."""
        for _ in range(self._shared.whole):
            yield self._shared.chunked_block
        yield self._shared.chunked_rest + _chunks(self._stamp) + b"0\r\n\r\n"


def _chunks(data: bytes) -> bytes:
    pieces = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
