"""Tests for the SHA-256 that can stop and go on."""

from __future__ import annotations

import ctypes
import hashlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.storage.hashing import (
    Libcrypto,
    NativeDigest,
    PlainDigest,
    RunningDigest,
    digest_source,
    keeps_state,
)
from txregistry.storage.hashstate import HashState

#: What docker-registry 2.8.2 left behind after it had received this content in one request.
CONTENT = bytes(range(256)) * 3 + b"tail of it"
LEFT = bytes.fromhex(
    "7368610372e2b435d176fff210a3070edf15df188066d190ef5d930be64c869c504f087e"
    "7461696c206f66206974" + 54 * "00" + "000000000000030a"
)


class _Library:
    """A libcrypto whose functions do nothing."""

    class _Nothing:
        def __call__(self, *arguments: object) -> int:
            return 1

    SHA256_Init = _Nothing()
    SHA256_Update = _Nothing()
    SHA256_Final = _Nothing()


class DigestSourceTests(SynchronousTestCase):
    """The digest that this machine offers; in the test environment its state can be stored."""

    def setUp(self) -> None:
        self.new = digest_source()

    def test_native(self) -> None:
        """libcrypto is found."""
        self.assertIsInstance(self.new(), NativeDigest)

    @given(st.lists(st.binary(max_size=300)))
    def test_any_pieces(self, pieces: list[bytes]) -> None:
        """However content is cut, its digest is hashlib's, and asking for it disturbs nothing."""
        running, whole = self.new(), hashlib.sha256()
        for piece in pieces:
            running.update(piece)
            whole.update(piece)
            self.assertEqual(running.hexdigest(), whole.hexdigest())
        self.assertEqual(running.length, sum(map(len, pieces)))

    @given(st.binary(max_size=1000), st.lists(st.integers(0, 1000), max_size=5))
    def test_any_stops(self, content: bytes, stops: list[int]) -> None:
        """However often it is stopped, stored and continued, the digest comes out right."""
        running = self.new()
        cuts = sorted({0, len(content), *(stop for stop in stops if stop < len(content))})
        for start, end in pairwise(cuts):
            running.update(content[start:end])
            state = running.export()
            assert state is not None
            running = self.new()
            self.assertTrue(running.resume(state))
            self.assertEqual(running.length, end)
        self.assertEqual(running.hexdigest(), hashlib.sha256(content).hexdigest())

    def test_writes_what_go_writes(self) -> None:
        """The state after some content is, byte for byte, what docker-registry stores after it."""
        running = self.new()
        running.update(CONTENT)
        self.assertEqual(running.export(), LEFT)

    def test_goes_on_from_what_go_wrote(self) -> None:
        """A state that docker-registry stored is taken up."""
        running = self.new()
        self.assertTrue(running.resume(LEFT))
        running.update(b", and more")
        self.assertEqual(running.hexdigest(), hashlib.sha256(CONTENT + b", and more").hexdigest())

    def test_beyond_four_gigabytes(self) -> None:
        """The length counts beyond 32 bits, in bits and in bytes."""
        for length in ((1 << 29) - 64, 1 << 29, 1 << 32, 1 << 40):
            running = self.new()
            state = HashState(HashState.decode(LEFT).words, b"", length)
            self.assertTrue(running.resume(state.encode()))
            running.update(b"x" * 128)
            exported = running.export()
            assert exported is not None
            self.assertEqual(HashState.decode(exported).length, length + 128)
            padded = running.hexdigest()
            block = b"\x80" + bytes(55) + ((length + 128) * 8).to_bytes(8, "big")
            running.update(block)
            exported = running.export()
            assert exported is not None
            words = HashState.decode(exported).words
            self.assertEqual(padded, b"".join(word.to_bytes(4, "big") for word in words).hex())

    def test_damaged_state(self) -> None:
        """A state that cannot be used changes nothing."""
        running = self.new()
        running.update(b"content")
        self.assertFalse(running.resume(LEFT[:-1]))
        self.assertFalse(running.resume(b"\0" * len(LEFT)))
        self.assertEqual(running.hexdigest(), hashlib.sha256(b"content").hexdigest())

    def test_apart(self) -> None:
        """Two digests do not disturb each other."""
        one, other = self.new(), self.new()
        one.update(b"one")
        other.update(b"other")
        self.assertEqual(one.hexdigest(), hashlib.sha256(b"one").hexdigest())


class FallbackTests(SynchronousTestCase):
    """What happens where libcrypto cannot be used."""

    def test_plain(self) -> None:
        """hashlib's digest is right, and has no state to store."""
        running: RunningDigest = PlainDigest()
        running.update(CONTENT)
        self.assertEqual(running.hexdigest(), hashlib.sha256(CONTENT).hexdigest())
        self.assertEqual(running.length, len(CONTENT))
        self.assertIsNone(running.export())
        self.assertFalse(running.resume(LEFT))

    def test_trial(self) -> None:
        """A library that computes something else, or nothing, does not pass the trial."""
        broken = Libcrypto(_Library())  # type: ignore[arg-type]
        self.assertFalse(keeps_state(lambda: NativeDigest(broken)))
        self.assertFalse(keeps_state(PlainDigest))
        self.assertTrue(keeps_state(digest_source()))

    def test_not_there(self) -> None:
        """Where no library has the functions, hashlib does the work."""

        class Empty:
            def __init__(self, place: str) -> None:
                pass

        self.patch(ctypes, "CDLL", Empty)
        self.assertIs(digest_source(), PlainDigest)

    def test_not_to_be_opened(self) -> None:
        """Where no library can be opened, hashlib does the work."""

        def refuse(place: str) -> None:
            raise OSError(place)

        self.patch(ctypes, "CDLL", refuse)
        self.assertIs(digest_source(), PlainDigest)
