"""Tests for :mod:`bench.soak.owner`."""

import json

from twisted.trial.unittest import SynchronousTestCase

from bench.soak.owner import image, references
from bench.soak.pieces import Piece


class ReferencesTests(SynchronousTestCase):
    """What must be there before a manifest."""

    def test_image(self) -> None:
        """An image needs its layers and its configuration, but not its subject."""
        config, layer = Piece("c", 10), Piece("l", 20)
        text = image([layer], config, subject={"digest": "sha256:1", "size": 1})
        self.assertEqual({config.digest, layer.digest}, references(text))

    def test_index(self) -> None:
        """An index needs its manifests."""
        text = json.dumps({"manifests": [{"digest": "sha256:1"}, {"digest": "sha256:2"}]}).encode()
        self.assertEqual({"sha256:1", "sha256:2"}, references(text))
