"""Tests of :mod:`txregistry.drivers._directories`."""

from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from tests.drivers.disk_calls import DiskCalls, open_descriptors
from txregistry.drivers._directories import Directories, sync_directory


class DirectoriesTests(SynchronousTestCase):
    """Which directories are synced, and which are known not to need it."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        self.calls = DiskCalls(self, self.root)
        self.directories = Directories(self.root)

    def make(self, path: str) -> None:
        """Make the directory *path*."""
        self.directories.make(self.root + path)

    def settle(self, path: str) -> list[str]:
        """Settle the directory *path*, and return the paths that were synced for it."""
        self.calls.take()
        self.directories.settle(self.root + path)
        return [call.removeprefix("fsync ") for call in self.calls.take()]

    def test_make(self) -> None:
        """Everything that is missing above is made, what exists is left alone."""
        self.make("/a/b/c")
        self.assertEqual(self.calls.take(), ["mkdir /a", "mkdir /a/b", "mkdir /a/b/c"])
        self.make("/a/b/c")
        self.assertEqual(self.calls.take(), [])

    def test_settle_all(self) -> None:
        """What was never settled here is synced up to the root, made here or not."""
        os.makedirs(self.root + "/a/b/c")
        self.assertEqual(self.settle("/a/b/c"), ["/a/b/c", "/a/b", "/a", "/"])

    def test_settled_before(self) -> None:
        """The second time only the directory itself has a new entry."""
        self.make("/a/b")
        self.settle("/a/b")
        self.assertEqual(self.settle("/a/b"), ["/a/b"])
        self.assertEqual(self.settle("/a"), ["/a"])

    def test_settled_above(self) -> None:
        """A new directory below a settled one is synced into it, and no further."""
        self.make("/a/b")
        self.settle("/a/b")
        self.make("/a/b/c/d")
        self.assertEqual(self.settle("/a/b/c/d"), ["/a/b/c/d", "/a/b/c", "/a/b"])

    def test_root(self) -> None:
        """The root's own entry is not ours to sync."""
        self.assertEqual(self.settle(""), ["/"])

    def test_failure_settles_nothing(self) -> None:
        """When one directory on the way cannot be synced, the next attempt syncs all of them."""
        self.make("/a/b")
        failing = True
        self.calls.fail("fsync", errno.EIO, lambda path: failing and path == "/")
        with self.assertRaises(OSError):
            self.directories.settle(self.root + "/a/b")
        failing = False
        self.assertEqual(self.settle("/a/b"), ["/a/b", "/a", "/"])

    def test_removed(self) -> None:
        """A directory that was removed and made again is synced again."""
        self.make("/a/b")
        self.settle("/a/b")
        with self.directories.removal():
            self.directories.remove(self.root + "/a/b")
        self.make("/a/b")
        self.assertEqual(self.settle("/a/b"), ["/a/b", "/a"])

    def test_made_again_after_another_removed_it(self) -> None:
        """So is one that somebody else removed and this process made again."""
        self.make("/a/b")
        self.settle("/a/b")
        os.rmdir(self.root + "/a/b")
        self.make("/a/b")
        self.assertEqual(self.settle("/a/b"), ["/a/b", "/a"])

    def test_settle_beside_a_removal(self) -> None:
        """What is synced while a removal runs may be removed and made again by then: it does not count."""
        self.make("/a/b")
        with self.directories.removal():
            self.assertEqual(self.settle("/a/b"), ["/a/b", "/a", "/"])
        self.assertEqual(self.settle("/a/b"), ["/a/b", "/a", "/"])
        self.assertEqual(self.settle("/a/b"), ["/a/b"])

    def test_removal_begins_meanwhile(self) -> None:
        """The same holds for a removal that begins, or even ends, between two of the syncs."""
        self.make("/a/b")
        real = os.fsync

        def fsync(descriptor: int) -> None:
            real(descriptor)
            with self.directories.removal():
                pass

        self.patch(os, "fsync", fsync)
        self.directories.settle(self.root + "/a/b")
        self.patch(os, "fsync", real)
        self.assertEqual(self.settle("/a/b"), ["/a/b", "/a", "/"])

    def test_gone(self) -> None:
        """There is nothing to settle in a directory that was deleted."""
        self.directories.settle(self.root + "/none/at/all")
        self.assertEqual(self.calls.take(), [])

    def test_forgets(self) -> None:
        """The least recently used settled directories are forgotten, which only costs syncs."""
        self.directories = Directories(self.root, remembered=3)
        for path in ("/a/1", "/a/2", "/a/3"):
            self.make(path)
            self.settle(path)
        self.assertEqual(self.settle("/a/3"), ["/a/3"])
        self.assertEqual(self.settle("/a/1"), ["/a/1", "/a"])

    def test_new_root(self) -> None:
        """A root that has to be made is synced into what is above it, as is what is made above it."""
        self.root += "/new/root"
        self.directories = Directories(self.root)
        self.directories.make(self.root + "/a")
        expected = ["mkdir /new", "fsync /", "mkdir /new/root", "fsync /new", "mkdir /new/root/a"]
        self.assertEqual(self.calls.take(), expected)

    def test_dangling_link(self) -> None:
        """A link that leads nowhere is an error, not an endless attempt."""
        os.symlink("/nowhere/at/all", self.root + "/link")
        with self.assertRaises(FileNotFoundError):
            self.make("/link/a")


class SyncDirectoryTests(SynchronousTestCase):
    """Syncing one directory."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        self.calls = DiskCalls(self, self.root)
        self.before = open_descriptors()

    def test_unable(self) -> None:
        """A file system that cannot sync directories is no failure."""
        self.calls.fail("fsync", errno.EINVAL)
        sync_directory(self.root)
        self.assertEqual(open_descriptors(), self.before)

    def test_failing(self) -> None:
        """A disk that fails is one."""
        self.calls.fail("fsync", errno.EIO)
        with self.assertRaises(OSError):
            sync_directory(self.root)
        self.assertEqual(open_descriptors(), self.before)
