"""Tests for :mod:`bench.soak.pieces`."""

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from bench.soak.pieces import BLOCK, Piece


class PieceTests(SynchronousTestCase):
    """Content that follows from a name."""

    def test_size_and_digest(self) -> None:
        """It has the size that it should, and the digest of its bytes; an empty one has neither."""
        for size in (0, 1, 7, 8, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5):
            data = Piece("a", size).read()
            self.assertEqual(size, len(data))
            self.assertEqual(f"sha256:{hashlib.sha256(data).hexdigest()}", Piece("a", size).digest)

    def test_part(self) -> None:
        """A part is what slicing the whole gives, wherever it begins and ends."""
        piece = Piece("a", 3 * BLOCK)
        whole = piece.read()
        for begin, end in ((0, 1), (BLOCK - 1, BLOCK + 1), (BLOCK, 2 * BLOCK), (5, 3 * BLOCK), (9, 9)):
            self.assertEqual(whole[begin:end], piece.read(begin, end))

    def test_different(self) -> None:
        """Names differ, and so do the blocks of one: bytes at a wrong place are seen."""
        self.assertNotEqual(Piece("a", 100).digest, Piece("b", 100).digest)
        data = Piece("a", 2 * BLOCK).read()
        self.assertNotEqual(data[:BLOCK], data[BLOCK:])
