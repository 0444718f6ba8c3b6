"""The ways in which a blob is pushed, whole and broken off."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from bench.errors import BenchFailed
from bench.soak.pieces import BLOCK, Piece
from bench.soak.session import Session, leave
from bench.wire import path_of, with_digest

__all__ = ["WAYS", "abandon", "push"]

_OCTETS = {"Content-Type": "application/octet-stream"}
_CHUNKED = {"Transfer-Encoding": "chunked", **_OCTETS}
_PARTS = 3


def push(session: Session, repository: str, piece: Piece) -> None:
    """
    Push *piece* in one of the ways there are.

    :raises Fault: it was not confirmed.
    """
    session.dice.choice(WAYS)(session, repository, piece)


def abandon(session: Session, repository: str, piece: Piece) -> None:
    """Begin to push *piece*, perhaps send some of it, and never come back."""
    location = _start(session, repository)
    if session.dice.random() < 0.7:
        _break_off(session, location, piece, 0)


def _in_patches(session: Session, repository: str, piece: Piece) -> None:
    """In chunked coding, one PATCH or several, as docker and others do."""
    location = _start(session, repository)
    for begin, end in _cut(session, piece):
        sent = session.ask("PATCH", location, [202], _CHUNKED, slices=_chunked(piece.slices(begin, end)))
        location = path_of(sent.header("location"))
    session.ask("PUT", with_digest(location, piece.digest), [201])


def _in_ranges(session: Session, repository: str, piece: Piece) -> None:
    """In PATCHes that say where they belong."""
    location = _start(session, repository)
    for begin, end in _cut(session, piece):
        headers = {"Content-Range": f"{begin}-{end - 1}", "Content-Length": str(end - begin), **_OCTETS}
        sent = session.ask("PATCH", location, [202], headers, slices=piece.slices(begin, end))
        location = path_of(sent.header("location"))
    session.ask("PUT", with_digest(location, piece.digest), [201])


def _in_put(session: Session, repository: str, piece: Piece) -> None:
    """All in the closing PUT."""
    location = with_digest(_start(session, repository), piece.digest)
    headers = {"Content-Length": str(piece.size), **_OCTETS}
    session.ask("PUT", location, [201], headers, slices=piece.slices())


def _in_post(session: Session, repository: str, piece: Piece) -> None:
    """All in a single POST."""
    headers = {"Content-Length": str(piece.size), **_OCTETS}
    location = f"/v2/{repository}/blobs/uploads/?digest={piece.digest}"
    session.ask("POST", location, [201], headers, slices=piece.slices())


def _resumed(session: Session, repository: str, piece: Piece) -> None:
    """Broken off in the middle, asked how far it came, and gone on with."""
    location = _start(session, repository)
    _break_off(session, location, piece, 0)
    known = session.ask("GET", location, [204])
    come = _come(known.header("range"))
    location = path_of(known.header("location"))
    # Always with the range: who is not told whether one byte has come must say that it is sent again.
    where = {"Content-Range": f"{come}-{piece.size - 1}"}
    headers = {"Content-Length": str(piece.size - come), **where, **_OCTETS}
    if come == piece.size:
        session.ask("PUT", with_digest(location, piece.digest), [201])
        return
    # The bytes that were under way when the connection broke may come to rest only now.
    sent = session.ask("PATCH", location, [202, 416], headers, slices=piece.slices(come))
    if sent.status == 416:
        session.ask("DELETE", location, [204])
        _in_put(session, repository, piece)
        return
    session.ask("PUT", with_digest(path_of(sent.header("location")), piece.digest), [201])


WAYS: tuple[Callable[[Session, str, Piece], None], ...] = (
    _in_patches,
    _in_patches,
    _in_ranges,
    _in_put,
    _in_post,
    _resumed,
)
"""One is chosen for each push."""


def _start(session: Session, repository: str) -> str:
    return path_of(session.ask("POST", f"/v2/{repository}/blobs/uploads/", [202]).header("location"))


def _break_off(session: Session, location: str, piece: Piece, begin: int) -> None:
    """Announce all from *begin*, send some of it, and leave."""
    link = session.connect()
    headers = {"Authorization": session.setting.authorization, "Content-Length": str(piece.size - begin)}
    stop = session.dice.randrange(begin, piece.size)
    with contextlib.suppress(BenchFailed, OSError):
        link.send(link.head("PATCH", location, {**headers, **_OCTETS}))
        for data in piece.slices(begin, stop):
            link.send(data)
    leave(link, session.dice)


def _cut(session: Session, piece: Piece) -> Iterator[tuple[int, int]]:
    """Ranges that make up the whole, one or a few."""
    parts = session.dice.randint(1, _PARTS) if piece.size > BLOCK // 4 else 1
    marks = [0, *sorted(session.dice.sample(range(1, piece.size), parts - 1)), piece.size]
    yield from pairwise(marks)


def _chunked(slices: Iterable[bytes]) -> Iterator[bytes]:
    for data in slices:
        yield b"%x\r\n%b\r\n" % (len(data), data)
    yield b"0\r\n\r\n"


def _come(given: str) -> int:
    """How many bytes a ``Range: 0-N`` confirms; 0-0 may be one or none, and then none is the safe guess."""
    last = int(given.rpartition("-")[2])
    return last + 1 if last else 0
