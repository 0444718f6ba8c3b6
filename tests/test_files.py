"""Tests for reading the files that a configuration names."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from txregistry.files import LARGEST, read_file


class ReadFileTests(SynchronousTestCase):
    """Files of every kind."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def refused(self, path: str) -> str:
        return str(self.assertRaises(OSError, read_file, path).strerror)

    def test_read(self) -> None:
        """A regular file is read, through links too, up to the limit."""
        for content in (b"", b"a key", b"x" * LARGEST):
            self.path.write_bytes(content)
            self.assertEqual(read_file(str(self.path)), content)
        link = self.mktemp()
        os.symlink(self.path.absolute(), link)
        self.assertEqual(len(read_file(link)), LARGEST)

    def test_too_large(self) -> None:
        """A larger one is not, nor one without an end."""
        self.path.write_bytes(b"x" * (LARGEST + 1))
        self.assertIn("longer than", self.refused(str(self.path)))
        self.assertIn("not a regular file", self.refused("/dev/zero"))

    def test_pipe(self) -> None:
        """A pipe that nobody writes to holds up nobody."""
        os.mkfifo(self.path)
        self.assertIn("not a regular file", self.refused(str(self.path)))

    def test_none(self) -> None:
        """What is not there, or a directory, is refused as the system does it; and so is no name at all."""
        self.assertIn("No such file", self.refused(str(self.path)))
        self.path.mkdir()
        self.assertIn("directory", self.refused(str(self.path)))
        self.assertRaises(ValueError, read_file, "a\0b")
