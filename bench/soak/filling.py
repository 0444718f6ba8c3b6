"""What the shared repository holds."""

import random

from bench.soak.owner import MANIFEST, image
from bench.soak.pieces import SIZES, Piece
from bench.soak.pushing import push
from bench.soak.reader import MOVING
from bench.soak.session import Session, sha256
from bench.soak.setting import SHARED, Image, Setting

__all__ = ["fill"]

_IMAGES = 4


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
