"""Tests for the marshalled form of an unfinished SHA-256."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.storage.hashstate import BLOCK, SIZE, HashState, InvalidHashState

INITIAL = bytes.fromhex(
    "736861036a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19" + 72 * "00"
)


@st.composite
def states(draw: st.DrawFn) -> HashState:
    """Any state, whether or not some content leads to it."""
    length = draw(st.integers(0, (1 << 61) - 1))
    words = draw(st.tuples(*[st.integers(0, (1 << 32) - 1)] * 8))
    size = length % BLOCK
    return HashState(words, draw(st.binary(min_size=size, max_size=size)), length)


class HashStateTests(SynchronousTestCase):
    """The form that Go writes."""

    @given(states())
    def test_inverse(self, state: HashState) -> None:
        """Every state is read as it was written, in as many bytes as any other."""
        content = state.encode()
        self.assertEqual(len(content), SIZE)
        self.assertEqual(HashState.decode(content), state)

    def test_initial(self) -> None:
        """The state before the first byte is the one that docker-registry leaves when a session begins."""
        state = HashState.decode(INITIAL)
        self.assertEqual((state.words[0], state.pending, state.length), (0x6A09E667, b"", 0))
        self.assertEqual(state.encode(), INITIAL)

    def test_leftovers_are_ignored(self) -> None:
        """What lies in the block buffer behind the pending bytes means nothing."""
        content = INITIAL[:36] + b"abc" + b"old content".ljust(61, b"\0") + (3).to_bytes(8, "big")
        self.assertEqual(HashState.decode(content).pending, b"abc")

    def test_refused(self) -> None:
        """Content that is no state is refused: too short or long, of another hash, of impossible length."""
        for content in (
            b"",
            INITIAL[:-1],
            INITIAL + b"\0",
            b"sha\x02" + INITIAL[4:],
            b"SHA\x03" + INITIAL[4:],
            INITIAL[:100] + b"\xff" * 8,
        ):
            with self.assertRaises(InvalidHashState):
                HashState.decode(content)
