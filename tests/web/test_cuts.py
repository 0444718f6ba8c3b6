"""Requests in packets that are cut anywhere."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.web.serving import Server, echo
from tests.web.wire import chunked, read_answers, request_bytes
from txregistry.web.body import LINGER

CHUNKED = (("Transfer-Encoding", "chunked"),)

#: Three requests that between them use every way of framing.
_STREAM = (
    request_bytes("PUT", "/a", body=b"first body")
    + request_bytes("GET", "/b?c=d")
    + request_bytes("PUT", "/c", CHUNKED)
    + chunked(b"sec", b"ond", b" body")
    + request_bytes("DELETE", "/d", [("Connection", "close")])
)


class CutTests(SynchronousTestCase):
    """Where packets begin and end means nothing."""

    def answers(self, pieces: list[bytes]) -> tuple[list[str], list[bytes], bool]:
        server = Server(echo)
        connection = server.connect()
        connection.send_each(pieces)
        server.clock.advance(LINGER[1])
        connection.deliver()
        bodies = [answer.body for answer in read_answers(connection.received())]
        return server.served, bodies, connection.closing

    def test_every_byte(self) -> None:
        """A stream of requests cut in two at every byte gets the same answers."""
        whole = self.answers([_STREAM])
        self.assertEqual(whole[0], ["PUT /a", "GET /b", "PUT /c", "DELETE /d"])
        self.assertEqual(whole[1], [b"first body", b"", b"second body", b""])
        for cut in range(1, len(_STREAM)):
            self.assertEqual(self.answers([_STREAM[:cut], _STREAM[cut:]]), whole, f"cut at {cut}")

    def test_single_bytes(self) -> None:
        """So does one that comes byte by byte."""
        pieces = [_STREAM[at : at + 1] for at in range(len(_STREAM))]
        self.assertEqual(self.answers(pieces), self.answers([_STREAM]))

    @given(st.sets(st.integers(1, len(_STREAM) - 1)))
    def test_any_split(self, cuts: set[int]) -> None:
        """So does one cut anywhere, any number of times."""
        edges = [0, *sorted(cuts), len(_STREAM)]
        pieces = [_STREAM[start:end] for start, end in pairwise(edges)]
        self.assertEqual(self.answers(pieces), self.answers([_STREAM]))
