"""Going through stored content from end to end."""

from __future__ import annotations

from txregistry.interfaces import IStorageDriver, IWorkers
from txregistry.model.digest import Digest
from txregistry.storage.concurrency import both

#: Bytes read at a time.
PIECE = 1024 * 1024


async def content_digest(driver: IStorageDriver, path: str, algorithm: str, workers: IWorkers) -> Digest:
    """
    The digest of what is stored at *path*; the next piece is read while one is hashed.

    :raises PathNotFound: nothing is stored there.
    :raises ContentTruncated: it became shorter meanwhile.
    """
    running = Digest(algorithm, "").hasher()
    reader = await driver.open(path)
    try:
        offset, piece = 0, b""
        while offset < reader.size:
            length = min(PIECE, reader.size - offset)

            async def take_in(piece: bytes = piece) -> None:
                if piece:
                    await workers.run(running.update, piece)

            piece, _ = await both(reader.read(offset, length), take_in())
            offset += length
        await workers.run(running.update, piece)
    finally:
        reader.close()
    return Digest(algorithm, running.hexdigest())
