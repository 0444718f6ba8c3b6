"""
Content that can be made again from a few letters: whoever knows the name of a blob can check its bytes.

Large ones come from a small pool, so that a long run does not fill the disk; small ones are unique.
"""

import hashlib
import random
from collections.abc import Iterator
from functools import lru_cache
from itertools import count

from attrs import frozen

__all__ = ["BLOCK", "SIZES", "Piece"]

BLOCK = 1024 * 1024
_COUNTER = 8

SIZES = (4 * 1024, 64 * 1024, BLOCK, 8 * BLOCK, 64 * BLOCK)
"""Of the blobs in the pool."""


@frozen
class Piece:
    """*size* bytes that follow from *name*."""

    name: str
    size: int

    @property
    def digest(self) -> str:
        """Its digest, remembered for the pieces that are used most."""
        return _digest(self)

    def slices(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from *begin* to *end*, at most a block at a time."""
        end = self.size if end is None else end
        block = _block(self.name)
        first = begin // BLOCK
        for number in count(first):
            start = number * BLOCK
            if start >= end:
                return
            whole = number.to_bytes(_COUNTER, "big") + block[_COUNTER:]
            yield whole[max(begin - start, 0) : min(end - start, BLOCK)]

    def read(self, begin: int = 0, end: int | None = None) -> bytes:
        """The same in one; for small parts."""
        return b"".join(self.slices(begin, end))


@lru_cache(maxsize=2)
def _block(name: str) -> bytes:
    return random.Random(name).randbytes(BLOCK)


@lru_cache(maxsize=256)
def _digest(piece: Piece) -> str:
    running = hashlib.sha256()
    for data in piece.slices():
        running.update(data)
    return f"sha256:{running.hexdigest()}"
