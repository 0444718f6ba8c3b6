"""What every ``IStorageDriver`` promises."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from tests.contracts.stored import begin, paths_below, read_all
from tests.contracts.writers import FileWriterContract
from txregistry.errors import ContentTooLarge, ContentTruncated, PathNotFound, StorageError
from txregistry.interfaces import Entry, IContentReader, IFileWriter, IStorageDriver

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


class StorageDriverContract(FileWriterContract):
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
