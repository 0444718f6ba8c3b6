"""Tests of :mod:`txregistry.drivers.table`."""

from __future__ import annotations

import os

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes.workers import InlineWorkers
from txregistry.drivers.table import DRIVERS
from txregistry.interfaces import IStorageDriver


@frozen
class Options:
    """What rows take from options."""

    root_directory: str
    max_threads: int = 25


class TableTests(SynchronousTestCase):
    """The table names and builds every driver."""

    def test_rows(self) -> None:
        """Each row builds a driver that bears the row's name, and building touches no disk."""
        root = self.mktemp()
        for name, kind in DRIVERS.items():
            driver = kind.build(Options(root), InlineWorkers())
            verifyObject(IStorageDriver, driver)
            self.assertEqual((name, name), (kind.name, driver.name))
        self.assertFalse(os.path.exists(root))

    def test_filesystem_root(self) -> None:
        """The filesystem driver stores below the directory that its options name."""
        root = self.mktemp()
        driver = DRIVERS["filesystem"].build(Options(root), InlineWorkers())
        self.successResultOf(Deferred.fromCoroutine(driver.put("/a/link", b"x")))
        self.assertTrue(os.path.isfile(os.path.join(root, "a", "link")))
