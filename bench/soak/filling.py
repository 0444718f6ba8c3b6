"""What the registry holds, and remembers, before the load begins."""

import random

from bench.soak.owner import MANIFEST, image
from bench.soak.pieces import SIZES, Piece
from bench.soak.pushing import push
from bench.soak.reader import MOVING
from bench.soak.session import Session, sha256
from bench.soak.setting import SHARED, Image, Setting

__all__ = ["fill", "warm"]

_IMAGES = 4
_REMEMBERED = 10_500
"""More manifests than the daemon remembers, and more deletions of blobs."""
_PASSING = "soak/passing"


def fill(setting: Setting) -> tuple[Image, ...]:
    """
    Push a few images, the first of them small, the last with the largest blob.

    :raises Fault: the registry did not take them.
    """
    session = Session(setting, random.Random())
    images = []
    for number in range(_IMAGES):
        pieces = tuple(Piece(f"shared {number}", size) for size in SIZES[: number + 2])
        for piece in pieces:
            push(session, SHARED, piece)
        text = image([*pieces[1:]], pieces[0])
        made = Image(f"image-{number}", sha256(text), text.decode(), pieces)
        for tag in (made.tag, MOVING):
            path = f"/v2/{SHARED}/manifests/{tag}"
            session.ask("PUT", path, [201], {"Content-Type": MANIFEST}, text)
        images.append(made)
    session.close()
    return tuple(images)


def warm(setting: Setting, count: int = _REMEMBERED) -> None:
    """
    Push so many manifests of no size to speak of as blobs and as manifests, and delete both again.

    After this all that the daemon remembers up to a limit is at that limit:
    what memory rises by from here on is not that.

    :raises Fault: the registry did not take them.
    """
    session = Session(setting, random.Random())
    config, layer = (Piece(f"passing {number}", SIZES[0]) for number in range(2))
    for piece in (config, layer):
        push(session, _PASSING, piece)
    paths = []
    for number in range(count):
        text = image([layer], config, annotations={"number": str(number)})
        digest = sha256(text)
        session.ask("POST", f"/v2/{_PASSING}/blobs/uploads/?digest={digest}", [201], body=text)
        paths.append(f"/v2/{_PASSING}/manifests/{digest}")
        session.ask("PUT", paths[-1], [201], {"Content-Type": MANIFEST}, text)
    for path in paths:
        session.ask("DELETE", path, [202])  # which deletes the blob, too
    session.close()
