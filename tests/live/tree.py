"""What must hold for a storage tree at any moment, also after a crash."""

from pathlib import Path

from tests.live.images import file_digest
from tests.live.registries import LAYOUT


def tree_faults(storage: Path) -> list[str]:
    """
    Look for anything in a storage tree that a client could be served wrongly.

    Each blob must have the content that its digest says.  Each link must be a digest without a line end,
    agree with its path, and lead to a blob.

    :return: a line for each fault.
    """
    return [*_blob_faults(storage / LAYOUT / "blobs"), *_link_faults(storage / LAYOUT)]


def _blob_faults(blobs: Path) -> list[str]:
    faults = []
    for data in blobs.rglob("data"):
        encoded = data.parent.name
        if data.parent.parent.name != encoded[:2] or file_digest(data) != f"sha256:{encoded}":
            faults.append(f"{data}: the content is not what its path says")
    return faults


def _link_faults(layout: Path) -> list[str]:
    faults = []
    for link in (layout / "repositories").rglob("link"):
        digest = link.read_text()
        encoded = digest.removeprefix("sha256:")
        if len(digest) != 71 or not digest.startswith("sha256:"):
            faults.append(f"{link}: holds {digest!r}")
        elif link.parent.name not in (encoded, "current"):
            faults.append(f"{link}: leads to {digest}, against its path")
        elif not (layout / "blobs" / "sha256" / encoded[:2] / encoded / "data").is_file():
            faults.append(f"{link}: leads to {digest}, which is not there")
    return faults
