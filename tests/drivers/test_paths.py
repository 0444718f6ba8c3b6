"""Tests of :mod:`txregistry.drivers.paths`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.drivers import INVALID_PATHS
from txregistry.drivers.paths import checked, checked_prefix, is_component
from txregistry.errors import StorageError


class PathTests(SynchronousTestCase):
    """Which paths there are."""

    def test_good(self) -> None:
        """Letters, digits, dots, dashes and underscores make a path, dots alone only from three on."""
        for path in ("/a", "/docker/registry/v2/_layers/A-b.c/0", "/...", "/..a/.b/c.."):
            self.assertEqual(checked("x", path), path)
            self.assertEqual(checked_prefix("x", path), path)

    def test_bad(self) -> None:
        """Everything else is refused in the name of the driver."""
        for path in INVALID_PATHS:
            with self.assertRaises(StorageError) as caught:
                checked("some driver", path)
            self.assertTrue(str(caught.exception).startswith("some driver: invalid path: "))

    def test_root(self) -> None:
        """The root can be listed, as the prefix of everything."""
        self.assertEqual(checked_prefix("x", "/"), "")

    def test_components(self) -> None:
        """A component is what makes a path with a slash before it."""
        for name in ("a", "_layers", "...", ".a", "", ".", "..", "a/b", "a b", "é", "a\n", "a\0"):
            try:
                checked("x", f"/{name}")
            except StorageError:
                valid = False
            else:
                valid = "/" not in name
            self.assertEqual(is_component(name), valid, repr(name))
