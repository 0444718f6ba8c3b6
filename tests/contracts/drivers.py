"""What every ``IStorageDriver`` promises."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from txregistry.errors import ContentBusy, ContentTooLarge, ContentTruncated, PathNotFound, StorageError
from txregistry.interfaces import Entry, IContentReader, IFileWriter, IStorageDriver

if TYPE_CHECKING:
    _Case = TestCase
else:  # mixed in beside it
    _Case = object

INVALID_PATHS = (
    "",
    "a",
    "/",
    "/a/",
    "//a",
    "/a//b",
    "/a b",
    "/a/../b",
    "/..",
    "/./a",
    "/a/b\0",
    "/a\n",
    "/é",
)


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


class StorageDriverContract(_Case):
    """Mix in beside a ``TestCase``."""

    def make_driver(self) -> IStorageDriver:
        """A driver that stores nothing yet."""
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.driver = self.make_driver()

    async def test_provides(self) -> None:
        """The driver, its readers and its writers keep the signatures of their interfaces."""
        verifyObject(IStorageDriver, self.driver)
        writer = await begin(self.driver, "/w")
        verifyObject(IFileWriter, writer)
        await writer.commit("/a")
        reader = await self.driver.open("/a")
        verifyObject(IContentReader, reader)
        reader.close()

    # --- put, get, stat ---

    async def test_put_get(self) -> None:
        """What was put is what one gets."""
        await self.driver.put("/a/b/link", b"sha256:00")
        self.assertEqual(await self.driver.get("/a/b/link", 100), b"sha256:00")

    async def test_sizes(self) -> None:
        """Content may be empty, as long as a read buffer, or longer than any."""
        for size in (0, 1, 16383, 16384, 16385, 1 << 20, (3 << 20) + 17):
            content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            await self.driver.put("/sizes/some", content)
            self.assertEqual(await self.driver.get("/sizes/some", 4 << 20), content)
            self.assertEqual(await read_all(self.driver, "/sizes/some"), content)
            self.assertEqual((await self.driver.stat("/sizes/some")).size, size)

    async def test_put_replaces(self) -> None:
        """A second put leaves nothing of the first, also when it is shorter or not durable."""
        await self.driver.put("/a/link", b"the first content")
        await self.driver.put("/a/link", b"second")
        self.assertEqual(await self.driver.get("/a/link", 100), b"second")
        await self.driver.put("/a/link", b"3", durable=False)
        self.assertEqual(await self.driver.get("/a/link", 100), b"3")
        self.assertEqual(await paths_below(self.driver, "/"), ["/a/link"])

    async def test_get_limit(self) -> None:
        """Exactly as much as the limit is handed out, one byte more is refused."""
        for size in (0, 9, 16384, 100_000):
            await self.driver.put("/a/some", b"x" * size)
            self.assertEqual(len(await self.driver.get("/a/some", size)), size)
            await self.driver.put("/a/some", b"x" * (size + 1))
            with self.assertRaises(ContentTooLarge) as caught:
                await self.driver.get("/a/some", size)
            self.assertEqual((caught.exception.path, caught.exception.limit), ("/a/some", size))

    async def test_stat(self) -> None:
        """Stat tells path, size and the time of the last change, in UTC."""
        await self.driver.put("/a/some", b"12345")
        info = await self.driver.stat("/a/some")
        self.assertEqual((info.path, info.size), ("/a/some", 5))
        self.assertEqual(info.modified.utcoffset(), timedelta(0))
        self.assertLess(abs(datetime.now(UTC) - info.modified), timedelta(minutes=1))

    async def test_nothing_there(self) -> None:
        """Whatever needs content says which path has none."""
        await self.driver.put("/a/here", b"")
        for path in ("/a/gone", "/b/c/gone", "/a/here/below"):
            for call in (
                self.driver.get(path, 10),
                self.driver.stat(path),
                self.driver.open(path),
                self.driver.writer(path),
                self.driver.delete(path),
                self.driver.list(path),
            ):
                with self.assertRaises(PathNotFound) as caught:
                    await call
                self.assertEqual(caught.exception.path, path)
                self.assertIn(f"{self.driver.name}: Path not found: {path}", str(caught.exception))
        self.assertEqual(await paths_below(self.driver, "/"), ["/a/here"])

    async def test_prefix_is_no_content(self) -> None:
        """A prefix of stored paths counts as nothing for those who want content."""
        await self.driver.put("/a/b/c", b"x")
        for path in ("/a", "/a/b"):
            for call in (
                self.driver.get(path, 10),
                self.driver.stat(path),
                self.driver.open(path),
                self.driver.writer(path),
            ):
                with self.assertRaises(PathNotFound):
                    await call
        self.assertEqual(await paths_below(self.driver, "/"), ["/a/b/c"])

    async def test_invalid_paths(self) -> None:
        """A path that breaks the grammar, or tries to climb, is refused by every call."""
        await self.driver.put("/a/b", b"x")
        for path in INVALID_PATHS:
            calls: list[Coroutine[Deferred[Any], Any, Any]] = [
                self.driver.get(path, 10),
                self.driver.put(path, b"x"),
                self.driver.stat(path),
                self.driver.open(path),
                self.driver.writer(path),
                (await begin(self.driver, "/w")).commit(path),
                self.driver.delete(path),
            ]
            if path != "/":
                calls.append(self.driver.list(path))
            for call in calls:
                with self.assertRaises(StorageError) as caught:
                    await call
                self.assertNotIsInstance(caught.exception, PathNotFound)
        self.assertEqual(await paths_below(self.driver, "/"), ["/a/b", "/w"])

    async def test_concurrent_puts(self) -> None:
        """Puts into one new prefix at the same time all arrive."""
        paths = [f"/deep/down/here/{number:02}/link" for number in range(40)]
        await gatherResults([Deferred.fromCoroutine(self.driver.put(path, path.encode())) for path in paths])
        self.assertEqual(await paths_below(self.driver, "/"), paths)
        for path in paths:
            self.assertEqual(await self.driver.get(path, 100), path.encode())

    async def test_concurrent_replacing(self) -> None:
        """Who reads while others replace gets one of the contents, whole."""
        contents = [bytes([65 + number]) * 50_000 for number in range(8)]
        await self.driver.put("/a/some", contents[0])
        puts = [Deferred.fromCoroutine(self.driver.put("/a/some", each, durable=False)) for each in contents]
        gets = [Deferred.fromCoroutine(self.driver.get("/a/some", 50_000)) for _ in range(20)]
        await gatherResults(puts)
        for each in await gatherResults(gets):
            self.assertIn(each, contents)

    async def test_redirect_url(self) -> None:
        """A redirect is a URL, or nothing."""
        await self.driver.put("/a/some", b"x")
        self.assertIsInstance(await self.driver.redirect_url("/a/some", "GET"), (str, type(None)))

    # --- readers ---

    async def test_read_ranges(self) -> None:
        """Any range inside the size can be read, in any order."""
        content = bytes(range(256)) * 300
        await self.driver.put("/a/some", content)
        reader = await self.driver.open("/a/some")
        self.assertEqual(reader.size, len(content))
        for offset, length in ((70_000, 6_800), (0, 1), (76_799, 1), (5, 0), (0, 76_800)):
            self.assertEqual(await reader.read(offset, length), content[offset : offset + length])
        reader.close()

    async def test_read_too_far(self) -> None:
        """A read that cannot be had in full fails; nothing shorter is handed out."""
        await self.driver.put("/a/some", b"12345")
        reader = await self.driver.open("/a/some")
        for offset, length in ((0, 6), (4, 2), (5, 1), (100, 1)):
            with self.assertRaises(ContentTruncated):
                await reader.read(offset, length)
        reader.close()

    async def test_reader_keeps_content(self) -> None:
        """An open reader reads what it opened, after that was replaced or deleted."""
        await self.driver.put("/a/some", b"old content")
        reader = await self.driver.open("/a/some")
        await self.driver.put("/a/some", b"new")
        self.assertEqual(await reader.read(0, reader.size), b"old content")
        await self.driver.delete("/a")
        self.assertEqual(await reader.read(4, 7), b"content")
        reader.close()

    async def test_reader_closed(self) -> None:
        """Closing twice is fine, reading afterwards is not."""
        await self.driver.put("/a/some", b"12345")
        reader = await self.driver.open("/a/some")
        reader.close()
        reader.close()
        self.assertIsNone(reader.fileno())
        with self.assertRaises(StorageError):
            await reader.read(0, 1)

    # --- writers ---

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

    # --- delete ---

    async def test_delete(self) -> None:
        """A deleted path is gone, its neighbours are not."""
        for path in ("/a/b", "/a/bc", "/a/b-c", "/ab/b"):
            await self.driver.put(path, b"x")
        await self.driver.delete("/a/b")
        self.assertEqual(await paths_below(self.driver, "/"), ["/a/b-c", "/a/bc", "/ab/b"])
        with self.assertRaises(PathNotFound):
            await self.driver.delete("/a/b")

    async def test_delete_prefix(self) -> None:
        """A deleted prefix takes everything below it along, and nothing that only begins alike."""
        for path in ("/a/b/c/d", "/a/b/e", "/a/bc/d", "/a/b.c/d"):
            await self.driver.put(path, b"x")
        await self.driver.delete("/a/b")
        self.assertEqual(await paths_below(self.driver, "/"), ["/a/b.c/d", "/a/bc/d"])
        with self.assertRaises(PathNotFound):
            await self.driver.list("/a/b")
        with self.assertRaises(PathNotFound):
            await self.driver.delete("/a/b")

    async def test_delete_and_put_race(self) -> None:
        """A put beside a delete of its prefix succeeds, and is there or deleted, never in between."""
        for _ in range(20):
            await self.driver.put("/t/x/current/link", b"1")
            put = Deferred.fromCoroutine(self.driver.put("/t/x/current/link", b"2"))
            delete = Deferred.fromCoroutine(self.driver.delete("/t/x"))
            await put
            await delete
            for path in await paths_below(self.driver, "/"):
                self.assertEqual(await self.driver.get(path, 10), b"2")

    # --- list ---

    async def test_list(self) -> None:
        """A listing names what is directly below, byte-wise ascending, and says where there is more below."""
        names = ["-dash", "0", "10", "9", "Z", "_layers", "a", "a-b", "a.b", "ab", "b"]
        for name in reversed(names):
            await self.driver.put(f"/r/{name}", b"")
        await self.driver.put("/r/deep/down/link", b"")
        await self.driver.put("/rr/other", b"")
        page = await self.driver.list("/r")
        expected = [Entry(name, prefix=False) for name in names] + [Entry("deep", prefix=True)]
        self.assertEqual(list(page.items), expected)
        self.assertFalse(page.more)

    async def test_list_root(self) -> None:
        """All that is stored is below ``/``."""
        with self.assertRaises(PathNotFound):
            await self.driver.list("/")
        await self.driver.put("/b/x", b"")
        await self.driver.put("/a", b"")
        page = await self.driver.list("/")
        self.assertEqual(list(page.items), [Entry("a", prefix=False), Entry("b", prefix=True)])

    async def test_list_of_content(self) -> None:
        """Below content there is nothing."""
        await self.driver.put("/a/b", b"")
        with self.assertRaises(PathNotFound):
            await self.driver.list("/a/b")

    async def test_list_pages(self) -> None:
        """Pages of any size visit each name once, and the last one knows that it is the last."""
        names = [f"tag-{number:02}" for number in range(12)]
        for name in names:
            await self.driver.put(f"/t/{name}/current/link", b"")
        for limit in (1, 5, 6, 12, 13):
            seen: list[str] = []
            more = True
            while more:
                page = await self.driver.list("/t", after=seen[-1] if seen else "", limit=limit)
                self.assertLessEqual(len(page.items), limit)
                seen += [entry.name for entry in page.items]
                more = page.more
            self.assertEqual(seen, names)

    async def test_list_after(self) -> None:
        """A listing begins behind *after*, whether or not that exists."""
        for name in ("b", "d"):
            await self.driver.put(f"/t/{name}", b"")
        for after, expected in (("", "bd"), ("a", "bd"), ("b", "d"), ("c", "d"), ("d", ""), ("e", "")):
            page = await self.driver.list("/t", after=after)
            self.assertEqual("".join(entry.name for entry in page.items), expected)
            self.assertFalse(page.more)
