"""What the clients of a soak know: where the daemon is, what it holds for all, and where things are noted."""

import json
from pathlib import Path

from attrs import asdict, frozen

from bench.soak.pieces import Piece

__all__ = ["SHARED", "Image", "Setting"]

SHARED = "soak/shared"
"""The repository that is filled before the load begins, and never emptied."""


@frozen
class Image:
    """
    An image in the shared repository.

    :ivar manifest: its text, which is what *digest* belongs to.
    """

    tag: str
    digest: str
    manifest: str
    pieces: tuple[Piece, ...]


@frozen
class Setting:
    """
    :ivar authorization: the header that lets a client in.
    :ivar directory: where clients keep their notes.
    :ivar storage: the registry's root directory, for what an operator does there: removing what is deleted.
    :ivar pause: seconds that a client rests after each step, on the average.
    """

    port: int
    encrypted: bool
    authorization: str
    directory: Path
    storage: Path
    pause: float
    images: tuple[Image, ...] = ()

    @property
    def out_of_service(self) -> Path:
        """Exists while the registry may refuse everything with 503."""
        return self.directory / "out-of-service"

    def save(self, file: Path) -> None:
        """Write it for the clients."""
        file.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> "Setting":
        """Read what :meth:`save` wrote."""
        said = json.loads(file.read_text(encoding="utf-8"))
        images = tuple(
            Image(
                each["tag"], each["digest"], each["manifest"], tuple(Piece(**one) for one in each["pieces"])
            )
            for each in said.pop("images")
        )
        directory, storage = Path(said.pop("directory")), Path(said.pop("storage"))
        return cls(directory=directory, storage=storage, images=images, **said)
