"""Tests for remembered manifests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.repositories import descriptor_of, image
from txregistry.model.manifest import Manifest
from txregistry.storage.payloads import ManifestMemory


def manifest(number: int, layers: int = 0) -> Manifest:
    """One of some manifests that are all of one size."""
    return image(descriptor_of(b"%04d" % number), [descriptor_of(b"layer")] * layers)


class ManifestMemoryTests(SynchronousTestCase):
    """What is remembered, and what has to go."""

    def test_remembers(self) -> None:
        """What was added is there, as itself; what was not is not."""
        memory, one = ManifestMemory(1 << 20), manifest(1)
        memory.add(one)
        self.assertIs(memory.get(one.digest), one)
        self.assertIsNone(memory.get(manifest(2).digest))

    def test_least_used_goes(self) -> None:
        """When there is no more room, the one not asked for the longest goes."""
        probe = ManifestMemory(1 << 20)
        probe.add(manifest(0))
        memory = ManifestMemory(probe.used * 3)
        made = [manifest(number) for number in range(4)]
        for each in made[:3]:
            memory.add(each)
        memory.get(made[0].digest)
        memory.add(made[3])
        kept = [each for each in made if memory.get(each.digest) is not None]
        self.assertEqual(kept, [made[0], made[2], made[3]])
        self.assertEqual(memory.used, probe.used * 3)

    def test_added_twice(self) -> None:
        """What is remembered already takes no room again."""
        memory = ManifestMemory(1 << 20)
        memory.add(manifest(1))
        used = memory.used
        memory.add(manifest(1))
        self.assertEqual(memory.used, used)

    def test_references_count(self) -> None:
        """A manifest of many references takes more room than its bytes."""
        memory, large = ManifestMemory(1 << 20), manifest(1, layers=100)
        memory.add(large)
        self.assertGreater(memory.used, len(large.payload) + 100 * 400)

    def test_never_fills(self) -> None:
        """A manifest that would drive most others out is not remembered, nor is any without room."""
        large = manifest(1, layers=100)
        memory = ManifestMemory(100_000)
        memory.add(manifest(2))
        memory.add(large)
        self.assertIsNone(memory.get(large.digest))
        self.assertIsNotNone(memory.get(manifest(2).digest))
        nothing = ManifestMemory(0)
        nothing.add(manifest(1))
        self.assertIsNone(nothing.get(manifest(1).digest))
