"""The look at the storage when the registry starts."""

from __future__ import annotations

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.failing import FailingDriver
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.storage.layout import ROOT
from txregistry.storage.look import FirstLook


class FirstLookTests(SynchronousTestCase):
    """What the log says."""

    def setUp(self) -> None:
        self.driver = FailingDriver(InMemoryDriver())

    def said(self) -> list[tuple[str, str]]:
        """Start; the levels and texts of what the log says."""
        with capturedLogs() as events:
            FirstLook(self.driver).startService()
        return [(event["log_level"].name, event["log_format"].format(**event)) for event in events]

    def test_empty(self) -> None:
        """An empty storage is worth a warning."""
        [(level, text)] = self.said()
        self.assertEqual(level, "warn")
        self.assertIn("nothing is stored in the inmemory storage", text)

    def test_failing(self) -> None:
        """One that fails is an error, with the reason."""
        self.driver.failing.add("list")
        [(level, text)] = self.said()
        self.assertEqual(level, "error")
        self.assertIn("storage failed: ", text)

    def test_used(self) -> None:
        """One that holds something is not worth a line."""
        self.successResultOf(self.driver.put(f"{ROOT}/blobs/x", b""))
        self.assertEqual(self.said(), [])
