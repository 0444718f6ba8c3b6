"""A client that pulls what all share, in every way there is, and looks at each byte."""

import hashlib
import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from bench.errors import BenchFailed
from bench.soak.errors import Fault
from bench.soak.pieces import Piece
from bench.soak.session import ACCEPT, Session, leave, sha256
from bench.soak.setting import SHARED, Image, Setting
from bench.wire import path_of

__all__ = ["MOVING", "Reader", "check_blob"]

MOVING = "moving"
"""The tag in the shared repository that changes all the time."""

_AT_ONCE = 6
_SLOW_SECONDS = 6.0
_SLOW_PIECE = 16 * 1024
_LONGEST = 64 * 1024


def check_blob(session: Session, path: str, digest: str, size: int, slow: bool = False) -> None:
    """
    Read a blob and compare its digest and length; *slow* takes little at a time for a while.

    :raises Fault: they differ, or the answer was cut short.
    """
    link, left, rest = session.stream(path)
    try:
        if left != size:
            raise Fault(f"{path}: {left} bytes are announced, not {size}")
        running = hashlib.sha256(rest)
        left -= len(rest)
        until = time.monotonic() + (_SLOW_SECONDS if slow else 0)
        while left:
            slowly = slow and time.monotonic() < until
            data = link.receive_some(min(left, _SLOW_PIECE) if slowly else left)
            running.update(data)
            left -= len(data)
            if slowly:
                time.sleep(0.05)
    except (BenchFailed, OSError) as failed:
        raise Fault(f"{path}: {type(failed).__name__} {failed}") from None
    finally:
        leave(link, session.dice)
    if f"sha256:{running.hexdigest()}" != digest:
        raise Fault(f"the bytes of {path} hash to {running.hexdigest()}")


class Reader:
    """Does one thing after another in the repository that all share."""

    def __init__(self, setting: Setting, name: str, dice: random.Random) -> None:
        self._setting, self._name, self._dice = setting, name, dice
        self._session = Session(setting, dice)

    def step(self) -> str:
        """Do one thing and say what."""
        names = [*_STEPS]
        (name,) = self._dice.choices(names, [_STEPS[each][0] for each in names])
        _STEPS[name][1](self)
        return name

    def finish(self) -> None:
        """There is nothing to put in order."""

    def close(self) -> None:
        """Leave the registry."""
        self._session.close()

    def _image(self) -> Image:
        return self._dice.choice(self._setting.images)

    def _piece(self, largest: int) -> Piece:
        return self._dice.choice(
            [piece for image in self._setting.images for piece in image.pieces if piece.size <= largest]
        )

    def _path(self, piece: Piece) -> str:
        return f"/v2/{SHARED}/blobs/{piece.digest}"

    def _pull_image(self) -> None:
        image = self._image()
        reference = self._dice.choice([image.tag, image.digest])
        got = self._session.ask("GET", f"/v2/{SHARED}/manifests/{reference}", [200], ACCEPT)
        if got.body != image.manifest.encode():
            raise Fault(f"manifest {reference} came back as {got.body[:300]!r}")
        for piece in image.pieces:
            check_blob(self._session, self._path(piece), piece.digest, piece.size)

    def _pull_slowly(self) -> None:
        piece = self._piece(64 << 20)
        check_blob(self._session, self._path(piece), piece.digest, piece.size, slow=True)

    def _pull_at_once(self) -> None:
        pieces = [self._piece(8 << 20) for _ in range(_AT_ONCE)]

        def pull(piece: Piece) -> None:
            check_blob(self._session, self._path(piece), piece.digest, piece.size)

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for _ in threads.map(pull, pieces):
                pass

    def _leave_early(self) -> None:
        piece = self._piece(64 << 20)
        link, _, _ = self._session.stream(self._path(piece))
        time.sleep(self._dice.random() / 2)
        leave(link, self._dice)

    def _range(self) -> None:
        piece = self._piece(64 << 20)
        begin = self._dice.randrange(piece.size)
        end = min(piece.size, begin + self._dice.randint(1, _LONGEST))
        headers = {"Range": f"bytes={begin}-{end - 1}"}
        got = self._session.ask("GET", self._path(piece), [206], headers)
        if got.body != piece.read(begin, end):
            raise Fault(f"bytes {begin} to {end} of {piece.digest} are wrong: {len(got.body)} came")
        if got.header("content-range") != f"bytes {begin}-{end - 1}/{piece.size}":
            raise Fault(f"a range of {piece.digest} is told as {got.header('content-range')}")

    def _beyond(self) -> None:
        piece = self._piece(1 << 20)
        self._session.ask("GET", self._path(piece), [416], {"Range": f"bytes={piece.size}-"})

    def _heads(self) -> None:
        for image in self._setting.images:
            got = self._session.ask("HEAD", f"/v2/{SHARED}/manifests/{image.tag}", [200], ACCEPT)
            if got.header("docker-content-digest") != image.digest:
                raise Fault(f"the tag {image.tag} leads to {got.header('docker-content-digest')}")
            for piece in image.pieces:
                got = self._session.ask("HEAD", self._path(piece), [200])
                if got.header("content-length") != str(piece.size):
                    raise Fault(f"{piece.digest} has {got.header('content-length')} bytes")

    def _unchanged(self) -> None:
        image = self._image()
        headers = {"If-None-Match": f'"{image.digest}"', **ACCEPT}
        self._session.ask("GET", f"/v2/{SHARED}/manifests/{image.tag}", [304], headers)

    def _move(self) -> None:
        image = self._image()
        content = {"Content-Type": json.loads(image.manifest)["mediaType"]}
        path = f"/v2/{SHARED}/manifests/{MOVING}"
        self._session.ask("PUT", path, [201], content, image.manifest.encode())
        got = self._session.ask("GET", path, [200], ACCEPT)
        if sha256(got.body) not in {each.digest for each in self._setting.images}:
            raise Fault(f"the tag that moves leads to {got.body[:300]!r}")

    def _tags(self) -> None:
        wanted = {MOVING, *(image.tag for image in self._setting.images)}
        listed = json.loads(self._session.ask("GET", f"/v2/{SHARED}/tags/list", [200]).body)["tags"]
        if set(listed) != wanted:
            raise Fault(f"{SHARED} lists {listed}, not {wanted}")

    def _catalog(self) -> None:
        path, seen = "/v2/_catalog?n=5", set[str]()
        while path:
            got = self._session.ask("GET", path, [200])
            seen.update(json.loads(got.body)["repositories"])
            link = got.headers.get("link", "")
            path = path_of(link[1 : link.index(">")]) if link else ""
        if SHARED not in seen:
            raise Fault(f"{SHARED} is not in the catalog: {sorted(seen)}")

    def _catalog_from(self) -> None:
        last = quote(SHARED[:-1], safe="")
        listed = json.loads(self._session.ask("GET", f"/v2/_catalog?n=1&last={last}", [200]).body)
        if listed["repositories"] != [SHARED]:
            raise Fault(f"after {SHARED[:-1]} the catalog has {listed}")

    def _base(self) -> None:
        self._session.ask("GET", "/v2/", [200])


_STEPS: dict[str, tuple[int, Callable[[Reader], None]]] = {
    "image pulled": (14, Reader._pull_image),
    "blob pulled slowly": (5, Reader._pull_slowly),
    "blobs pulled at once": (6, Reader._pull_at_once),
    "pull given up": (6, Reader._leave_early),
    "range pulled": (20, Reader._range),
    "range beyond the end": (4, Reader._beyond),
    "everything looked at": (12, Reader._heads),
    "manifest unchanged": (8, Reader._unchanged),
    "shared tag moved": (8, Reader._move),
    "shared tags listed": (6, Reader._tags),
    "catalog walked": (3, Reader._catalog),
    "catalog asked from a name": (4, Reader._catalog_from),
    "base asked": (4, Reader._base),
}
"""How often, of the sum of all, each thing is done."""
