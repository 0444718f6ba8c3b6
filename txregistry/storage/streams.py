"""Going through stored content from end to end."""

from __future__ import annotations

from txregistry.interfaces import IFileWriter, IWorkers
from txregistry.model.digest import Digest
from txregistry.storage.concurrency import both

#: Bytes read at a time.
PIECE = 1024 * 1024


async def content_digest(writer: IFileWriter, algorithm: str, workers: IWorkers) -> Digest:
    """
    The digest of all that *writer* and those before it wrote; the next piece is read while one is hashed.

    :raises ContentTruncated: it became shorter meanwhile.
    """
    running = Digest(algorithm, "").hasher()
    offset, piece = 0, b""
    while offset < writer.size:
        length = min(PIECE, writer.size - offset)

        async def take_in(piece: bytes = piece) -> None:
            if piece:
                await workers.run(running.update, piece)

        piece, _ = await both(writer.read(offset, length), take_in())
        offset += length
    await workers.run(running.update, piece)
    return Digest(algorithm, running.hexdigest())
