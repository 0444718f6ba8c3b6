"""Tests of :mod:`txregistry.drivers._disk`, through the driver that stands before it."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import uuid4

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.stored import begin, paths_below, read_all, write_all
from tests.drivers.disk_calls import DiskCalls, open_descriptors
from tests.fakes.workers import InlineWorkers
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.errors import ContentBusy, PathNotFound, StorageError, StorageFull
from txregistry.interfaces import Entry

T = TypeVar("T")


class DiskCase(SynchronousTestCase):
    """A driver whose disk calls are noted, and which may leave no descriptor open."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        before = open_descriptors()
        self.addCleanup(lambda: self.assertEqual(open_descriptors(), before))
        self.calls = DiskCalls(self, self.root)
        self.driver = FilesystemDriver(self.root, InlineWorkers())

    def now(self, call: Coroutine[Deferred[Any], Any, T]) -> T:
        """What *call* returns."""
        return self.successResultOf(Deferred.fromCoroutine(call))

    def refused(self, kind: type[Exception], call: Coroutine[Deferred[Any], Any, Any]) -> str:
        """The text of the failure, of exactly *kind*, of *call*."""
        failure = self.failureResultOf(Deferred.fromCoroutine(call), kind)
        self.assertIs(failure.type, kind)
        return str(failure.value)

    def files(self) -> list[str]:
        """Every file below the root, whatever it is called."""
        return sorted(
            os.path.join(directory, name)[len(self.root) :]
            for directory, _, names in os.walk(self.root)
            for name in names
        )


class DurabilityTests(DiskCase):
    """What has reached the disk when a call returns."""

    def test_put(self) -> None:
        """The content is synced before it gets its name, and the way to it afterwards, up to the root."""
        self.now(self.driver.put("/a/b/link", b"x"))
        self.assertEqual(
            self.calls.take(),
            [
                *("mkdir /a", "mkdir /a/b"),
                *("fsync /a/b/link.TMP", "replace /a/b/link.TMP /a/b/link"),
                *("fsync /a/b", "fsync /a", "fsync /"),
            ],
        )

    def test_put_again(self) -> None:
        """Directories that are known to be safe are not synced again, but for the one that has the entry."""
        self.now(self.driver.put("/a/b/link", b"x"))
        self.calls.take()
        self.now(self.driver.put("/a/b/link", b"y"))
        self.assertEqual(
            self.calls.take(), ["fsync /a/b/link.TMP", "replace /a/b/link.TMP /a/b/link", "fsync /a/b"]
        )

    def test_put_not_durable(self) -> None:
        """A put that need not be durable replaces as a whole, and syncs nothing."""
        self.now(self.driver.put("/a/state", b"x", durable=False))
        self.assertEqual(self.calls.take(), ["mkdir /a", "replace /a/state.TMP /a/state"])

    def test_put_into_unsynced_directories(self) -> None:
        """Directories that a put made without syncing are synced by the first who needs them."""
        self.now(self.driver.put("/a/b/state", b"x", durable=False))
        self.calls.take()
        self.now(self.driver.put("/a/b/link", b"x"))
        self.assertEqual(self.calls.take()[-3:], ["fsync /a/b", "fsync /a", "fsync /"])

    def test_put_after_delete(self) -> None:
        """Directories that were deleted and made again are synced again."""
        self.now(self.driver.put("/t/tag/current/link", b"x"))
        self.now(self.driver.delete("/t/tag"))
        self.calls.take()
        self.now(self.driver.put("/t/tag/current/link", b"x"))
        self.assertEqual(self.calls.take()[-3:], ["fsync /t/tag/current", "fsync /t/tag", "fsync /t"])

    def test_upload(self) -> None:
        """An upload's data is synced before it gets its place for good, and the way there afterwards."""
        writer = self.now(begin(self.driver, "/up/1/data"))
        self.now(writer.write([b"x"]))
        self.calls.take()
        self.now(writer.commit("/b/ab/data"))
        self.assertEqual(
            self.calls.take(),
            [
                *("fsync /up/1/data", "mkdir /b", "mkdir /b/ab", "rename /up/1/data /b/ab/data"),
                *("fsync /b/ab", "fsync /b", "fsync /"),
            ],
        )

    def test_upload_kept(self) -> None:
        """An upload that is closed for later has its data on disk."""
        writer = self.now(begin(self.driver, "/up/1/data"))
        self.now(writer.write([b"x"]))
        self.calls.take()
        self.now(writer.close())
        self.assertEqual(self.calls.take(), ["fdatasync /up/1/data"])


class AtomicityTests(DiskCase):
    """What is left when a call fails half-way."""

    def test_put_fails(self) -> None:
        """Whatever a put fails at, the old content stays, and nothing else is left."""
        self.now(self.driver.put("/a/link", b"old"))
        for name in ("open", "write", "fsync", "replace"):
            failing = self.calls.fail(name, errno.EIO, lambda path: path.endswith(".TMP"))
            message = self.refused(StorageError, self.driver.put("/a/link", b"new"))
            failing.restore()
            self.assertEqual(message, "filesystem: /a/link: Input/output error")
            self.assertEqual(self.files(), ["/a/link"])
            self.assertEqual(self.now(self.driver.get("/a/link", 10)), b"old")

    def test_put_writes_in_parts(self) -> None:
        """The system may take less than it was given: the rest follows."""
        real = os.write
        self.patch(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
        self.now(self.driver.put("/a/link", bytes(range(100))))
        self.assertEqual(self.now(self.driver.get("/a/link", 100)), bytes(range(100)))

    def test_put_when_the_directory_goes(self) -> None:
        """A put whose directory is deleted under it begins again."""
        real, times = os.replace, [1, 2, 3]

        def replace(source: str, target: str) -> None:
            if times:
                times.pop()
                os.unlink(source)
                os.rmdir(os.path.dirname(source))
            real(source, target)

        self.patch(os, "replace", replace)
        self.now(self.driver.put("/t/tag/link", b"x"))
        self.assertEqual((times, self.files()), ([], ["/t/tag/link"]))

    def test_put_gives_up(self) -> None:
        """It does not begin again for ever."""
        self.calls.fail("replace", errno.ENOENT)
        self.assertIn("/t/link", self.refused(StorageError, self.driver.put("/t/link", b"x")))
        self.assertEqual(self.files(), [])

    def test_delete_while_others_create(self) -> None:
        """A directory that gets a new entry while it is deleted is gone in the end."""
        self.now(self.driver.put("/t/tag/link", b"x"))
        real, times = os.rmdir, [1, 2]

        def rmdir(directory: str) -> None:
            if times:
                times.pop()
                with open(f"{directory}/new", "wb"):
                    pass
            real(directory)

        self.patch(os, "rmdir", rmdir)
        self.now(self.driver.delete("/t/tag"))
        self.assertEqual((times, self.files()), ([], []))

    def test_delete_while_others_delete(self) -> None:
        """What somebody else deletes at the same time is no failure."""
        for name in ("a", "b", "deep/c"):
            self.now(self.driver.put(f"/t/{name}", b"x"))
        real = os.unlink

        def unlink(place: str) -> None:
            real(place)
            if not place.endswith("/t"):
                raise FileNotFoundError(errno.ENOENT, "No such file or directory", place)

        self.patch(os, "unlink", unlink)
        self.now(self.driver.delete("/t"))
        self.assertEqual(os.listdir(self.root), [])


class LeftoverTests(DiskCase):
    """Temporary files that a killed process left."""

    def setUp(self) -> None:
        super().setUp()
        self.now(self.driver.put("/a/link", b"x"))
        self.name = f"link.{uuid4()}.tmp"
        with open(f"{self.root}/a/{self.name}", "wb") as file:
            file.write(b"half")

    def test_unlisted(self) -> None:
        """They are not listed, and take no place on a page."""
        page = self.now(self.driver.list("/a", limit=1))
        self.assertEqual([entry.name for entry in page.items], ["link"])
        self.assertFalse(page.more)

    def test_unreadable(self) -> None:
        """Their names are no content's."""
        path = f"/a/{self.name}"
        for reading in (
            self.driver.get(path, 10),
            self.driver.stat(path),
            self.driver.open(path),
            self.driver.writer(path),
        ):
            self.refused(PathNotFound, reading)
        for writing in (
            self.driver.put(path, b"x"),
            self.now(self.driver.writer("/a/link")).commit(path),
        ):
            self.assertIn("temporary", self.refused(StorageError, writing))

    def test_deleted(self) -> None:
        """They are deleted with their directory."""
        self.now(self.driver.delete("/a"))
        self.assertEqual(os.listdir(self.root), [])

    def test_directory_of_that_name(self) -> None:
        """A tag may be called like one; its directory is as good as any other."""
        self.now(self.driver.put(f"/tags/{self.name}/current/link", b"x"))
        self.assertEqual(self.now(paths_below(self.driver, "/tags")), [f"/tags/{self.name}/current/link"])
        self.now(self.driver.delete(f"/tags/{self.name}"))
        self.assertEqual(self.now(paths_below(self.driver, "/tags")), [])


class FailureTests(DiskCase):
    """What a failed system call is called."""

    def setUp(self) -> None:
        super().setUp()
        self.now(self.driver.put("/a/link", b"x"))

    def test_reading(self) -> None:
        """Any other reason than absence is a failure of the storage, which says where and why."""
        for number in (errno.EACCES, errno.EMFILE, errno.EIO):
            failing = [self.calls.fail(name, number) for name in ("open", "stat", "scandir", "unlink")]
            for call, path in (
                (self.driver.get("/a/link", 10), "/a/link"),
                (self.driver.stat("/a/link"), "/a/link"),
                (self.driver.open("/a/link"), "/a/link"),
                (self.driver.list("/a"), "/a"),
                (self.driver.delete("/a/link"), "/a/link"),
            ):
                text = self.refused(StorageError, call)
                self.assertEqual(text, f"filesystem: {path}: {os.strerror(number)}")
            for each in failing:
                each.restore()

    def test_writing(self) -> None:
        """A full disk or an exhausted quota has its own name."""
        for number, kind in (
            (errno.ENOSPC, StorageFull),
            (errno.EDQUOT, StorageFull),
            (errno.EACCES, StorageError),
            (errno.EROFS, StorageError),
        ):
            writer = self.now(self.driver.writer("/a/link"))
            failing = [self.calls.fail(name, number) for name in ("open", "mkdir", "rename")]
            for call in (self.driver.put("/a/b", b"x"), writer.commit("/b"), self.driver.writer("/a/link")):
                self.assertIn(os.strerror(number), self.refused(kind, call))
            for each in failing:
                each.restore()
        self.assertEqual(self.files(), ["/a/link"])

    def test_write(self) -> None:
        """A writer that meets a full disk says so, and can be closed for later."""
        writer = self.now(begin(self.driver, "/up/data"))
        self.now(writer.write([b"kept"]))
        failing = self.calls.fail("writev", errno.ENOSPC)
        self.refused(StorageFull, writer.write([b"lost"]))
        self.assertEqual(writer.size, 4)
        failing.restore()
        self.now(writer.close())
        self.assertEqual(self.now(self.driver.get("/up/data", 10)), b"kept")

    def test_read(self) -> None:
        """A read error of an open file is one of the storage."""
        reader = self.now(self.driver.open("/a/link"))
        self.calls.fail("pread", errno.EIO)
        self.refused(StorageError, reader.read(0, 1))
        reader.close()

    def test_name_too_long(self) -> None:
        """A component that the file system cannot take is a failure, not an absence."""
        path = "/a/" + "x" * 300
        writer = self.now(self.driver.writer("/a/link"))
        for call in (
            self.driver.get(path, 10),
            self.driver.put(path, b""),
            self.driver.writer(path),
            writer.commit(path),
        ):
            self.assertIn("too long", self.refused(StorageError, call))

    def test_content_in_the_way(self) -> None:
        """Nothing can be stored below content, or in place of a prefix."""
        for call in (
            self.driver.put("/a/link/below", b"x"),
            self.driver.put("/a", b"x"),
            self.now(begin(self.driver, "/b")).commit("/a/link/below"),
            self.now(begin(self.driver, "/c")).commit("/a"),
        ):
            self.refused(StorageError, call)
        self.assertEqual(self.files(), ["/a/link", "/b", "/c"])

    def test_full_device(self) -> None:
        """A device that is full for real."""
        os.symlink("/dev/full", self.root + "/a/full")
        self.refused(PathNotFound, self.driver.get("/a/full", 100_000))
        self.refused(PathNotFound, self.driver.stat("/a/full"))
        self.refused(PathNotFound, self.driver.open("/a/full"))
        self.refused(PathNotFound, self.driver.writer("/a/full"))


class EmptiedTests(DiskCase):
    """Files that another program empties before it writes to them again, as distribution 2.8 does."""

    def setUp(self) -> None:
        super().setUp()
        self.slept: list[float] = []
        self.writes_after = 100
        self.driver = FilesystemDriver(self.root, InlineWorkers(), sleep=self.sleep)
        self.now(self.driver.put("/link", b"before"))
        os.truncate(self.root + "/link", 0)

    def sleep(self, seconds: float) -> None:
        """Be the other program meanwhile, which writes in the end."""
        self.slept.append(seconds)
        if len(self.slept) == self.writes_after:
            with open(self.root + "/link", "wb") as file:
                file.write(b"after")

    def test_written_soon(self) -> None:
        """Who reads in between waits for what is to come."""
        self.writes_after = 3
        self.assertEqual(self.now(self.driver.get("/link", 10)), b"after")
        self.assertEqual(len(self.slept), 3)

    def test_never_written(self) -> None:
        """After a tenth of a second or two the file is taken for what it is."""
        self.assertEqual(self.now(self.driver.get("/link", 10)), b"")
        self.assertTrue(0.1 < sum(self.slept) < 0.2, self.slept)

    def test_emptied_long_ago(self) -> None:
        """A file that has been empty for some seconds keeps nobody waiting."""
        os.utime(self.root + "/link", (0, time.time() - 3))
        self.assertEqual(self.now(self.driver.get("/link", 10)), b"")
        self.assertEqual(self.slept, [])

    def test_deleted_meanwhile(self) -> None:
        """A file that goes away while it is waited for is absent."""
        self.driver = FilesystemDriver(
            self.root, InlineWorkers(), sleep=lambda _: os.unlink(self.root + "/link")
        )
        self.refused(PathNotFound, self.driver.get("/link", 10))


class OddFilesTests(DiskCase):
    """Things in the directory that are no plain content."""

    def test_fifo(self) -> None:
        """A FIFO is nothing, and nobody waits for its other end."""
        os.mkfifo(self.root + "/fifo")
        for call in (
            self.driver.get("/fifo", 10),
            self.driver.stat("/fifo"),
            self.driver.open("/fifo"),
            self.driver.writer("/fifo"),
        ):
            self.refused(PathNotFound, call)
        self.now(self.driver.put("/fifo", b"replaced"))
        self.assertEqual(self.now(self.driver.get("/fifo", 10)), b"replaced")

    def test_unaddressable_names(self) -> None:
        """Names that no driver path can have are not listed."""
        for name in ("lost+found", "a b", "é", "~"):
            os.mkdir(f"{self.root}/{name}")
        self.now(self.driver.put("/a", b""))
        self.assertEqual(self.now(paths_below(self.driver, "/")), ["/a"])

    def test_links_are_followed(self) -> None:
        """Operators may put directories and files elsewhere with symbolic links."""
        elsewhere = os.path.abspath(self.mktemp())
        os.mkdir(elsewhere)
        os.symlink(elsewhere, self.root + "/blobs")
        self.now(self.driver.put("/blobs/ab/data", b"x"))
        os.symlink(f"{elsewhere}/ab/data", self.root + "/one")
        self.assertEqual(os.listdir(elsewhere), ["ab"])
        self.assertEqual(self.now(paths_below(self.driver, "/")), ["/blobs/ab/data", "/one"])
        self.assertEqual(self.now(read_all(self.driver, "/one")), b"x")
        self.assertEqual(self.now(self.driver.stat("/one")).size, 1)

    def test_links_are_not_followed_by_delete(self) -> None:
        """Deleting takes the link, and not what it leads to."""
        elsewhere = os.path.abspath(self.mktemp())
        os.makedirs(elsewhere + "/ab")
        os.mkdir(self.root + "/a")
        os.symlink(elsewhere, self.root + "/a/blobs")
        self.now(self.driver.delete("/a"))
        self.assertEqual((os.listdir(self.root), os.listdir(elsewhere)), ([], ["ab"]))

    def test_dangling_link(self) -> None:
        """A link that leads nowhere is nothing to read."""
        os.symlink("/nowhere/at/all", self.root + "/link")
        self.refused(PathNotFound, self.driver.get("/link", 10))
        self.refused(PathNotFound, self.driver.list("/link"))

    def test_circular_link(self) -> None:
        """A link that leads to itself is nothing to read, and does not spoil the listing that it is in."""
        self.now(self.driver.put("/a/b/link", b"x"))
        os.symlink("circle", self.root + "/a/circle")
        self.refused(PathNotFound, self.driver.get("/a/circle", 10))
        self.refused(PathNotFound, self.driver.get("/a/circle/below", 10))
        self.refused(PathNotFound, self.driver.list("/a/circle"))
        page = self.now(self.driver.list("/a"))
        self.assertEqual(page.items, (Entry("b", True), Entry("circle", False)))

    def test_empty_directory(self) -> None:
        """An empty directory is a prefix below which there is nothing yet."""
        os.mkdir(self.root + "/empty")
        page = self.now(self.driver.list("/empty"))
        self.assertEqual((page.items, page.more), ((), False))

    def test_modes(self) -> None:
        """The umask alone decides who may read."""
        self.addCleanup(os.umask, os.umask(0o027))
        self.now(self.driver.put("/a/link", b"x"))
        self.now(write_all(self.driver, "/u/data", "/b/data", b"x"))
        for path, mode in (("/a", 0o750), ("/a/link", 0o640), ("/b", 0o750), ("/b/data", 0o640)):
            self.assertEqual(stat.S_IMODE(os.stat(self.root + path).st_mode), mode)


class CommitTests(DiskCase):
    """Giving content its place, between directories and between disks."""

    def setUp(self) -> None:
        super().setUp()
        self.writer = self.now(begin(self.driver, "/up/1/data"))
        self.now(self.writer.write([bytes(range(256)) * 50_000]))
        self.calls.take()

    def test_other_disk(self) -> None:
        """Where a rename cannot lead, content is copied, and the original removed when the copy is safe."""
        self.calls.fail("rename", errno.EXDEV)
        self.now(self.writer.commit("/b/data"))
        self.assertEqual(self.now(self.driver.get("/b/data", 1 << 30)), bytes(range(256)) * 50_000)
        self.assertEqual(self.files(), ["/b/data"])
        self.assertEqual(
            self.calls.take(),
            [
                *("fsync /up/1/data", "mkdir /b", "fsync /b/data.TMP", "replace /b/data.TMP /b/data"),
                *("fsync /b", "fsync /", "unlink /up/1/data"),
            ],
        )

    def test_other_disk_full(self) -> None:
        """When the copy fails, the original is there as before, and nothing is at the target."""
        self.calls.fail("rename", errno.EXDEV)
        self.calls.fail("sendfile", errno.ENOSPC)
        self.refused(StorageFull, self.writer.commit("/b/data"))
        self.assertEqual(self.files(), ["/up/1/data"])

    def test_nothing_changes_on_the_way(self) -> None:
        """From before the sync until the way to its place is safe, nobody else can write to the content."""
        tried: list[str] = []

        def attempt(name: str) -> None:
            real = getattr(os, name)

            def call(*arguments: Any) -> None:
                kind = ContentBusy if os.path.exists(f"{self.root}/up/1/data") else PathNotFound
                self.refused(kind, self.driver.writer("/up/1/data"))
                tried.append(name)
                real(*arguments)

            self.patch(os, name, call)

        for name in ("fsync", "mkdir", "rename"):
            attempt(name)
        self.now(self.writer.commit("/b/data"))
        self.assertEqual(tried, ["fsync", "mkdir", "rename", "fsync", "fsync"])
        self.assertEqual(self.files(), ["/b/data"])

    def test_target_deleted_meanwhile(self) -> None:
        """When somebody removes the target's directory in the last moment, it is made once more."""
        real, times = os.rename, [1, 2]

        def rename(source: str, target: str) -> None:
            if times:
                times.pop()
                os.rmdir(os.path.dirname(target))
            real(source, target)

        self.patch(os, "rename", rename)
        self.now(self.writer.commit("/b/data"))
        self.assertEqual((times, self.files()), ([], ["/b/data"]))

    def test_target_always_deleted(self) -> None:
        """It is not made for ever."""
        self.calls.fail("rename", errno.ENOENT)
        self.assertIn("/b/data", self.refused(StorageError, self.writer.commit("/b/data")))
        self.assertEqual(self.files(), ["/up/1/data"])

    def test_source_deleted_meanwhile(self) -> None:
        """When the content is deleted in the last moment, that is what the writer hears."""
        real = os.mkdir

        def mkdir(directory: str) -> None:
            os.unlink(f"{self.root}/up/1/data")
            real(directory)

        self.patch(os, "mkdir", mkdir)
        self.refused(PathNotFound, self.writer.commit("/b/data"))
        self.assertEqual(self.files(), [])
