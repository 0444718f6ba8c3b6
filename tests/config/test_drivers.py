"""What storage drivers can be told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import read
from txregistry.config.drivers import FilesystemOptions, InMemoryOptions


def options(parameters: str, driver: str = "filesystem") -> object:
    """Read the parameters of a driver."""
    config = read(f"version: 0.1\nstorage: {{{driver}: {parameters}}}\nhttp: {{addr: ':0'}}\n").require()
    return config.storage.parameters


def faults(parameters: str) -> tuple[str, ...]:
    """Read bad parameters of the filesystem driver."""
    return read(f"version: 0.1\nstorage: {{filesystem: {parameters}}}\nhttp: {{addr: ':0'}}\n").faults


class FilesystemOptionsTests(SynchronousTestCase):
    """``storage.filesystem``."""

    def test_defaults(self) -> None:
        """Without parameters the usual directory and a hundred threads."""
        for parameters in ("", "{}", "{maxthreads: }"):
            self.assertEqual(FilesystemOptions("/var/lib/registry", 100), options(parameters))

    def test_root_directory(self) -> None:
        """Any scalar names a directory, by what it means."""
        for text, root in [
            ("/srv", "/srv"),
            ("./var", "./var"),
            ("1", "1"),
            ("0777", "511"),
            ("yes", "true"),
        ]:
            self.assertEqual(FilesystemOptions(root), options(f"{{rootdirectory: {text}}}"))

    def test_no_root_directory(self) -> None:
        """An empty one is refused, where distribution would write to a strange place."""
        for parameters in ("{rootdirectory: }", "{rootdirectory: ''}"):
            self.assertEqual(("storage.filesystem.rootdirectory: must name a directory",), faults(parameters))

    def test_max_threads(self) -> None:
        """Numbers may be quoted; fewer than 25 are 25."""
        for text, number in [("30", 30), ("'30'", 30), ("'0x40'", 64), ("1", 25), ("-5", 25), ("'0'", 25)]:
            self.assertEqual(FilesystemOptions(max_threads=number), options(f"{{maxthreads: {text}}}"))

    def test_bad_max_threads(self) -> None:
        """Other text, fractions, booleans and quoted negative numbers are refused."""
        for text in ("x", "30.0", "30.5", "true", "'-5'", "'+5'", "''", "'1.5'"):
            (fault,) = faults(f"{{maxthreads: {text}}}")
            self.assertTrue(
                fault.startswith("storage.filesystem.maxthreads: must be an integer, not "), fault
            )


class InMemoryOptionsTests(SynchronousTestCase):
    """``storage.inmemory``."""

    def test_nothing_to_choose(self) -> None:
        """It has no parameters."""
        self.assertEqual(InMemoryOptions(), options("", "inmemory"))
