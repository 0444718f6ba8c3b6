"""Tests for :mod:`bench.soak.setting`."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.soak.pieces import Piece
from bench.soak.setting import Image, Setting


class SettingTests(SynchronousTestCase):
    """What clients are told through a file."""

    def test_again(self) -> None:
        """They read what was written."""
        image = Image("v1", "sha256:1", '{"a": "b"}', (Piece("x", 5), Piece("y", 6)))
        setting = Setting(5000, True, "Basic me", Path("/notes"), Path("/storage"), 0.25, (image,))
        file = Path(self.mktemp())
        setting.save(file)
        self.assertEqual(setting, Setting.load(file))
