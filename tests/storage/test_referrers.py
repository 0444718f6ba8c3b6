"""Tests of :mod:`txregistry.storage.referrers`: how it finds out, beyond what the contract promises."""

from __future__ import annotations

import json
import sys
import tracemalloc
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.referrers import CONFIG, SUBJECT, referring
from tests.contracts.repositories import HERE, THERE, push_blob
from tests.fakes.workers import InlineWorkers
from tests.storage.making import make_namespace
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import INamespace
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest
from txregistry.storage import layout
from txregistry.storage.referrers import SubjectMemory


class CountingDriver(InMemoryDriver):
    """Notes which contents are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    async def get(self, path: str, limit: int) -> bytes:
        self.read.append(path)
        return await super().get(path, limit)


class SubjectMemoryTests(SynchronousTestCase):
    """What is remembered of subjects."""

    def test_limit(self) -> None:
        """What was not asked for the longest goes first."""
        memory = SubjectMemory(2)
        memory.add("a", "x")
        memory.add("b", "")
        self.assertEqual(memory.get("a"), "x")
        memory.add("c", "y")
        self.assertEqual([memory.get(each) for each in "abc"], ["x", None, "y"])

    def test_used(self) -> None:
        """It says what it takes, about as Python's allocator counts it, and no more once it is full."""
        digests = [str(Digest.of(b"%d" % number)) for number in range(2000)]
        memory = SubjectMemory(len(digests))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for number, digest in enumerate(digests):
            memory.add("".join(digest), digest[::-1] if number % 2 else "")
        after, _ = tracemalloc.get_traced_memory()
        # The text of the digest is somebody else's here.
        taken = after - before + sum(map(sys.getsizeof, digests))
        self.assertTrue(0.7 < memory.used / taken < 1.3, (memory.used, taken))
        full = memory.used
        for digest in digests:
            memory.add(f"another {digest}", "x")
            self.assertLessEqual(memory.used, 2 * full)
        for digest in digests:
            memory.add(digest, "")
        self.assertEqual(memory.used, 192 * len(digests))


class FindingTests(SynchronousTestCase):
    """What is read from storage, and what is made of a tree that others wrote."""

    def setUp(self) -> None:
        self.driver = CountingDriver()
        self.namespace: INamespace = make_namespace(self.driver, Clock())
        self.here = self.namespace.repository(HERE)
        self.now(push_blob(self.here, CONFIG))

    def now(self, call: Any) -> Any:
        """What *call* returns."""
        return self.successResultOf(Deferred.fromCoroutine(call))

    def listed(self, subject: Digest = SUBJECT) -> list[str]:
        """The digests of the referrers of *subject*."""
        return [str(each.descriptor.digest) for each in self.now(self.here.referrers.list(subject)).items]

    def plant(self, manifest: Manifest, name: Any = HERE) -> None:
        """Store *manifest* as another program does it."""
        self.now(self.driver.put(layout.blob_data(manifest.digest), manifest.payload))
        self.now(self.driver.put(layout.revision_link(name, manifest.digest), str(manifest.digest).encode()))

    def test_foreign_push(self) -> None:
        """What another program pushed is found, before and after the first question."""
        for number in range(3):
            self.plant(referring(number))
            self.assertEqual(len(self.listed()), number + 1)

    def test_foreign_delete(self) -> None:
        """What another program deleted is gone at once."""
        manifest = referring(1)
        self.plant(manifest)
        self.assertEqual(len(self.listed()), 1)
        self.now(self.driver.delete(layout.revision_link(HERE, manifest.digest)))
        self.assertEqual(self.listed(), [])

    def test_read_once(self) -> None:
        """A manifest is read to learn its subject once, whichever repository has it."""
        others = [referring(number, Digest.of(b"other")) for number in range(10)]
        for each in others:
            self.plant(each)
            self.plant(each, THERE)
        self.assertEqual(self.listed(), [])
        self.driver.read.clear()
        self.assertEqual(self.listed(), [])
        self.now(self.namespace.repository(THERE).referrers.list(SUBJECT))
        self.assertEqual([path for path in self.driver.read if "blobs" in path], [])

    def test_crowd(self) -> None:
        """Many who ask at once make each manifest be read once."""
        for number in range(10):
            self.plant(referring(number))
        asking = [Deferred.fromCoroutine(self.here.referrers.list(SUBJECT)) for _ in range(20)]
        for each in asking:
            self.assertEqual(len(self.successResultOf(each).items), 10)
        contents = [path for path in self.driver.read if "/blobs/" in path]
        self.assertEqual(len(contents), 2 * len(set(contents)))  # its subject, and then its entry

    def test_others_have_their_turn(self) -> None:
        """Between some hundred manifests that storage has at hand, others have their turn."""
        for number in range(450):
            self.plant(referring(number, Digest.of(b"other")))
        self.driver.read.clear()
        after: list[int] = []
        run = InlineWorkers.run

        def noted(workers: InlineWorkers, work: Any, *arguments: Any) -> Deferred[Any]:
            after.append(sum("/blobs/" in path for path in self.driver.read))
            return run(workers, work, *arguments)

        self.patch(InlineWorkers, "run", noted)
        self.assertEqual(self.listed(), [])
        self.assertEqual(after, [200, 400, 450])

    def test_odd_contents(self) -> None:
        """What is no manifest, not there, too large or not what its digest says is nobody's referrer."""
        good = referring(1)
        self.plant(good)
        empty = Digest.of(b"empty")
        self.now(self.driver.put(layout.revision_link(HERE, empty), str(empty).encode()))
        spoilt = Digest.of(b"spoilt")
        self.now(self.driver.put(layout.revision_link(HERE, spoilt), b"nonsense"))
        for content in (b"subject", b'{"subject":1}', json.dumps({"subject": "x" * 5_000_000}).encode()):
            digest = Digest.of(content)
            self.now(self.driver.put(layout.blob_data(digest), content))
            self.now(self.driver.put(layout.revision_link(HERE, digest), str(digest).encode()))
        forged = Digest.of(b"forged")
        self.now(self.driver.put(layout.blob_data(forged), good.payload))
        self.now(self.driver.put(layout.revision_link(HERE, forged), str(forged).encode()))
        self.now(self.driver.put(f"{layout.revisions_of(HERE, 'sha256')}/{'x' * 64}/link", b"x"))
        self.assertEqual(self.listed(), [str(good.digest)])
        self.flushLoggedErrors()
