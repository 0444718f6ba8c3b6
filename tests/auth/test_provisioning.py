"""Tests for the htpasswd file that a new registry gets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from txregistry.auth import provisioning
from txregistry.auth.users import Users


def permissions(path: Path) -> int:
    """Who may do what with *path*."""
    return stat.S_IMODE(path.stat().st_mode)


class ProvideTests(SynchronousTestCase):
    """A file is made where there is nothing."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()

    def provide(self, path: Path) -> str:
        """The password in the file that is made."""
        password = provisioning.provide(str(path))
        assert password is not None
        return password

    def test_file(self) -> None:
        """It has one user, with a bcrypt hash of cost 10, no line end, and is readable by its owner alone."""
        path = self.root / "a" / "b" / "htpasswd"
        password = self.provide(path)
        self.assertRegex(password, r"\A[A-Za-z0-9_-]{43}\Z")
        content = path.read_bytes()
        self.assertRegex(content, rb"\Adocker:\$2a\$10\$[./A-Za-z0-9]{53}\Z")
        found = Users.parse(content).expected(b"docker", b"")
        self.assertTrue(found.matches(password.encode()))
        self.assertEqual(permissions(path), 0o600)
        self.assertEqual((permissions(path.parent), permissions(path.parent.parent)), (0o700, 0o700))

    def test_new_passwords(self) -> None:
        """No two files have the same password."""
        self.assertNotEqual(self.provide(self.root / "a"), self.provide(self.root / "b"))

    def test_relative(self) -> None:
        """A path without a directory is fine."""
        here = Path.cwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.root)
        self.provide(Path("htpasswd"))
        self.assertTrue(Path("htpasswd").is_file())

    def test_there_already(self) -> None:
        """What is there stays as it is: a file, a directory, a pipe that nobody writes to."""
        file, directory, pipe = self.root / "file", self.root / "directory", self.root / "pipe"
        file.write_bytes(b"anything")
        directory.mkdir()
        os.mkfifo(pipe)
        for path in (file, directory, pipe):
            self.assertIsNone(provisioning.provide(str(path)))
        self.assertEqual(file.read_bytes(), b"anything")
        self.assertEqual(list(directory.iterdir()), [])

    def test_link(self) -> None:
        """A link that leads nowhere leads to the file then."""
        link = self.root / "link"
        link.symlink_to(self.root / "target")
        self.provide(link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(permissions(self.root / "target"), 0o600)

    def test_somebody_else_was_faster(self) -> None:
        """A file that turns up in the last moment stays as it is."""
        path = self.root / "htpasswd"

        def meanwhile(_: str) -> None:
            path.write_bytes(b"theirs")

        self.patch(provisioning, "_make_directories", meanwhile)
        self.assertIsNone(provisioning.provide(str(path)))
        self.assertEqual(path.read_bytes(), b"theirs")

    def test_impossible(self) -> None:
        """Where no file can be made, that is said."""
        (self.root / "file").write_bytes(b"")
        for path in (str(self.root / "file" / "htpasswd"), str(self.root / "new") + "/", ""):
            with self.assertRaises(OSError):
                provisioning.provide(path)

    def test_half_a_file(self) -> None:
        """A file that cannot be written leaves nothing behind, which would lock everybody out."""

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        with self.assertRaises(OSError):
            provisioning.provide(str(self.root / "htpasswd"))
        self.assertEqual(list(self.root.iterdir()), [])
