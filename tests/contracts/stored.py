"""Whole contents through a driver, for tests."""

from __future__ import annotations

from txregistry.errors import PathNotFound
from txregistry.interfaces import IFileWriter, IStorageDriver


async def read_all(driver: IStorageDriver, path: str) -> bytes:
    """The content at *path*, through a reader."""
    reader = await driver.open(path)
    try:
        return await reader.read(0, reader.size)
    finally:
        reader.close()


async def begin(driver: IStorageDriver, path: str) -> IFileWriter:
    """A writer at *path*, where nothing is stored yet."""
    await driver.put(path, b"", durable=False)
    return await driver.writer(path)


async def write_all(driver: IStorageDriver, path: str, target: str, *chunks: bytes) -> None:
    """Write *chunks* at *path*, and commit them to *target*."""
    writer = await begin(driver, path)
    await writer.write(chunks)
    await writer.commit(target)


async def paths_below(driver: IStorageDriver, path: str, limit: int = 1000) -> list[str]:
    """The paths of all contents below *path*, found by listing pages of *limit*."""
    found: list[str] = []
    after, more = "", True
    while more:
        try:
            page = await driver.list(path, after, limit)
        except PathNotFound:
            return found
        for entry in page.items:
            child = f"{path.rstrip('/')}/{entry.name}"
            found += await paths_below(driver, child, limit) if entry.prefix else [child]
            after = entry.name
        more = page.more
    return found
