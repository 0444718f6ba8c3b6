"""What every ``IFileWriter`` promises, and its driver about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.contracts.stored import begin, paths_below, write_all
from txregistry.errors import ContentBusy, ContentTruncated, PathNotFound, StorageError
from txregistry.interfaces import IFileWriter, IStorageDriver

if TYPE_CHECKING:
    _Case = TestCase
else:  # mixed in beside it
    _Case = object


class FileWriterContract(_Case):
    """Part of the contract of drivers, which is what to mix in."""

    driver: IStorageDriver

    async def test_write(self) -> None:
        """What was written in pieces is whole after the commit."""
        writer = await begin(self.driver, "/up/1/data")
        self.assertEqual(writer.size, 0)
        await writer.write([b"one ", b"", b"two "])
        self.assertEqual(writer.size, 8)
        await writer.write([])
        await writer.write([b"three"])
        self.assertEqual(writer.size, 13)
        await writer.commit("/b/data")
        self.assertEqual(await self.driver.get("/b/data", 100), b"one two three")

    async def test_write_many_pieces(self) -> None:
        """One write takes any number of pieces."""
        pieces = [str(number).encode() for number in range(5000)]
        await write_all(self.driver, "/up/1/data", "/b/data", *pieces)
        self.assertEqual(await self.driver.get("/b/data", 1 << 20), b"".join(pieces))

    async def test_write_nothing(self) -> None:
        """A writer that wrote nothing commits empty content."""
        await write_all(self.driver, "/up/1/data", "/b/data")
        self.assertEqual(await self.driver.get("/b/data", 0), b"")

    async def test_write_later(self) -> None:
        """A closed writer's bytes are there for the next one, which appends."""
        await self.driver.put("/up/1/data", b"zero ")
        for chunk in (b"one ", b"two ", b"three"):
            writer = await self.driver.writer("/up/1/data")
            before = writer.size
            await writer.write([chunk])
            self.assertEqual(writer.size, before + len(chunk))
            await writer.close()
        self.assertEqual(await self.driver.get("/up/1/data", 100), b"zero one two three")
        writer = await self.driver.writer("/up/1/data")
        await writer.write([b"!"])
        await writer.commit("/b/data")
        self.assertEqual(await self.driver.get("/b/data", 100), b"zero one two three!")

    async def test_read_back(self) -> None:
        """A writer can read all that was written, by others before it, too; and not a byte more."""
        writer = await begin(self.driver, "/up/1/data")
        await writer.write([b"01234"])
        await writer.close()
        writer = await self.driver.writer("/up/1/data")
        await writer.write([b"567", b"89"])
        for offset, length in ((0, 10), (3, 4), (9, 1), (10, 0)):
            self.assertEqual(await writer.read(offset, length), b"0123456789"[offset : offset + length])
        for offset, length in ((0, 11), (10, 1)):
            with self.assertRaises(ContentTruncated):
                await writer.read(offset, length)
        await writer.cancel()

    async def test_one_writer(self) -> None:
        """While a writer is open there is no second for its path, but there is for others."""
        writer = await begin(self.driver, "/up/1/data")
        other = await begin(self.driver, "/up/2/data")
        for _ in range(2):
            with self.assertRaises(ContentBusy) as caught:
                await self.driver.writer("/up/1/data")
            self.assertEqual(caught.exception.path, "/up/1/data")
        await writer.write([b"kept"])
        await writer.close()
        await other.cancel()
        for end in ("commit", "cancel"):
            writer = await self.driver.writer("/up/1/data")
            self.assertEqual(writer.size, 4)
            await (writer.commit("/b") if end == "commit" else writer.cancel())
            with self.assertRaises(PathNotFound):
                await self.driver.writer("/up/1/data")
            await self.driver.put("/up/1/data", b"next")

    async def test_one_of_many_writers(self) -> None:
        """Of those who want to write at the same time exactly one may."""
        await self.driver.put("/up/1/data", b"")
        wanted = [Deferred.fromCoroutine(self.driver.writer("/up/1/data")) for _ in range(20)]
        results: list[IFileWriter | ContentBusy] = []
        for each in wanted:
            try:
                results.append(await each)
            except ContentBusy as error:
                results.append(error)
        writers = [each for each in results if not isinstance(each, ContentBusy)]
        self.assertEqual(len(writers), 1)
        await writers[0].cancel()

    async def test_cancel(self) -> None:
        """Cancelling leaves nothing, not even of earlier writers."""
        writer = await begin(self.driver, "/up/1/data")
        await writer.write([b"early"])
        await writer.close()
        writer = await self.driver.writer("/up/1/data")
        await writer.write([b"late"])
        await writer.cancel()
        self.assertEqual(await paths_below(self.driver, "/"), [])

    async def test_cancel_spares_a_successor(self) -> None:
        """Cancelling does not touch what took the path meanwhile."""
        writer = await begin(self.driver, "/up/1/data")
        await writer.write([b"mine"])
        await self.driver.delete("/up/1")
        await self.driver.put("/up/1/data", b"another's")
        await writer.cancel()
        self.assertEqual(await self.driver.get("/up/1/data", 100), b"another's")

    async def test_cancel_after_delete(self) -> None:
        """Cancelling is well when what was written is gone already."""
        writer = await begin(self.driver, "/up/1/data")
        await self.driver.delete("/up/1")
        await writer.cancel()
        self.assertEqual(await paths_below(self.driver, "/"), [])

    async def test_commit(self) -> None:
        """Committed content has its new path and no other; the old one is free."""
        target = "/blobs/sha256/ab/abcd/data"
        await write_all(self.driver, "/up/1/data", target, b"layer")
        self.assertEqual(await paths_below(self.driver, "/"), [target])
        with self.assertRaises(PathNotFound):
            await self.driver.writer("/up/1/data")
        writer = await begin(self.driver, "/up/1/data")
        await writer.write([b"next"])
        await writer.close()
        self.assertEqual(await self.driver.get(target, 100), b"layer")

    async def test_commit_replaces(self) -> None:
        """What was at the target is replaced; who reads it goes on reading."""
        await self.driver.put("/b/old", b"old content")
        reader = await self.driver.open("/b/old")
        await write_all(self.driver, "/a/new", "/b/old", b"new")
        self.assertEqual(await self.driver.get("/b/old", 100), b"new")
        self.assertEqual(await reader.read(0, reader.size), b"old content")
        reader.close()

    async def test_commit_after_delete(self) -> None:
        """What was deleted, or has another's path by now, is not committed; the target keeps what it has."""
        await self.driver.put("/b/old", b"old")
        for successor in (False, True):
            writer = await begin(self.driver, "/up/1/data")
            await writer.write([b"mine"])
            await self.driver.delete("/up/1")
            if successor:
                await self.driver.put("/up/1/data", b"another's")
            with self.assertRaises(PathNotFound) as caught:
                await writer.commit("/b/old")
            self.assertEqual(caught.exception.path, "/up/1/data")
        self.assertEqual(await self.driver.get("/b/old", 100), b"old")
        self.assertEqual(await self.driver.get("/up/1/data", 100), b"another's")

    async def test_failed_commit(self) -> None:
        """A commit that fails ends the writer, and leaves the content to the next one."""
        writer = await begin(self.driver, "/up/1/data")
        await writer.write([b"kept"])
        with self.assertRaises(StorageError):
            await writer.commit("/no good")
        writer = await self.driver.writer("/up/1/data")
        self.assertEqual(writer.size, 4)
        await writer.commit("/good")
        self.assertEqual(await self.driver.get("/good", 10), b"kept")

    async def test_commit_and_writer_race(self) -> None:
        """Who wants to write to content that is just committed is late, or too early; never right."""
        for number in range(20):
            writer = await begin(self.driver, "/up/1/data")
            await writer.write([b"whole"])
            committing = Deferred.fromCoroutine(writer.commit(f"/b/{number}"))
            with self.assertRaises((ContentBusy, PathNotFound)):
                await self.driver.writer("/up/1/data")
            await committing
            self.assertEqual(await self.driver.get(f"/b/{number}", 100), b"whole")
