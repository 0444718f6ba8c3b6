"""Tests for :mod:`bench.payload`."""

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from bench.payload import CHUNK, SLICE, Payload


def unchunk(data: bytes) -> bytes:
    """Decode chunked transfer coding, strictly."""
    body = b""
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        body += data[:size]
        if data[size : size + 2] != b"\r\n":
            raise AssertionError("a chunk does not end where it should")
        data = data[size + 2 :]
        if not size:
            return body if not data else body + b"left: " + data


class PayloadTests(SynchronousTestCase):
    """Unique blobs with known digests."""

    sizes = (16, 17, 4096, CHUNK, SLICE - 1, SLICE, SLICE + 1, SLICE + 16, 3 * SLICE + 5 * CHUNK)

    def test_digest(self) -> None:
        """The digest and the size are those of the slices, for sizes round every boundary."""
        for size in self.sizes:
            (payload,) = Payload.make(size, 1)
            data = b"".join(payload.slices())
            self.assertEqual(size, len(data))
            self.assertEqual(f"sha256:{hashlib.sha256(data).hexdigest()}", payload.digest)

    def test_chunked(self) -> None:
        """The chunked form carries the same bytes."""
        for size in self.sizes:
            (payload,) = Payload.make(size, 1)
            self.assertEqual(b"".join(payload.slices()), unchunk(b"".join(payload.chunked())))

    def test_unique(self) -> None:
        """No two of many are alike."""
        self.assertEqual(500, len({payload.digest for payload in Payload.make(4096, 500)}))

    def test_too_small(self) -> None:
        """Blobs too small to differ are refused."""
        self.assertRaises(ValueError, Payload.make, 15, 1)
