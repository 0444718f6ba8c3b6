"""Tests for :mod:`bench.machine`."""

from twisted.trial.unittest import SynchronousTestCase

from bench.machine import cpu_model, peer_version


class CpuModelTests(SynchronousTestCase):
    """The name of the processor."""

    def test_named(self) -> None:
        """The first model name counts."""
        self.assertEqual(
            "Fast CPU: 9", cpu_model("processor\t: 0\nmodel name\t: Fast CPU: 9\n\nprocessor: 1\n")
        )

    def test_unnamed(self) -> None:
        """Some architectures give none."""
        self.assertEqual("unknown processor", cpu_model("processor\t: 0\n"))


class PeerVersionTests(SynchronousTestCase):
    """What ``docker-registry --version`` says."""

    def test_last_word(self) -> None:
        """The version comes last."""
        self.assertEqual("2.8.2+ds1", peer_version("docker-registry example.org/distribution 2.8.2+ds1\n"))

    def test_silence(self) -> None:
        """No words, no version."""
        self.assertEqual("unknown", peer_version("\n"))
