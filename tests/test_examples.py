"""The examples of the documentation, piece by piece; ``tests.live.test_plugins`` installs them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.contracts.repositories import HERE, descriptor_of, image
from tests.fakes.repository import MemoryRepository
from tests.fakes.workers import InlineWorkers
from txregistry.errors import BadOption, ManifestDenied, Unsupported
from txregistry.interfaces import (
    Caller,
    IManifestService,
    IRepository,
    IRepositoryMiddleware,
    IRepositoryMiddlewareFactory,
    ITagService,
    MiddlewareMeans,
)
from txregistry.model.manifest import Manifest
from txregistry.model.names import Tag

PATH = Path(__file__).parent.parent / "docs" / "examples" / "immutable-tags" / "txregistry_immutable_tags.py"
FIRST, SECOND = (image(descriptor_of(note), []) for note in (b"first", b"second"))
RELEASE, LATEST = Tag("1.0"), Tag("latest")


def example() -> Any:
    """The module of the example."""
    spec = spec_from_file_location("txregistry_immutable_tags", PATH)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ImmutableTagsTests(SynchronousTestCase):
    """Tags that stay where they are."""

    def setUp(self) -> None:
        self.factory = example().ImmutableTagsFactory()
        options = self.factory.read_options({"movable": ["latest"]})
        self.middleware = self.factory.build(options, MiddlewareMeans(Clock(), InlineWorkers()))
        self.stored = MemoryRepository(HERE, {})
        self.manifests: Any = self.stored.manifests
        self.tags: Any = self.stored.tags

    def wrapped(self) -> IRepository:
        """The repository, as one request sees it."""
        repository: IRepository = self.middleware.wrap(self.stored, Caller("alice", "192.0.2.1"))
        return repository

    def test_interfaces(self) -> None:
        """The example provides what it says."""
        here = self.wrapped()
        for interface, thing in (
            (IRepositoryMiddlewareFactory, self.factory),
            (IRepositoryMiddleware, self.middleware),
            (IRepository, here),
            (IManifestService, here.manifests),
            (ITagService, here.tags),
        ):
            self.assertTrue(verifyObject(interface, thing))
        self.assertEqual(here.name, HERE)
        self.assertIs(here.blobs, self.stored.blobs)

    def test_options(self) -> None:
        """Patterns are a list of text, or none."""
        self.assertEqual(self.factory.read_options({}).movable, ())
        for movable in ("latest", [5], {"a": "b"}):
            self.assertRaises(BadOption, self.factory.read_options, {"movable": movable})

    def test_put(self) -> None:
        """A tag stays; a manifest that would move one is not stored, and the log says who tried."""
        self.successResultOf(self.wrapped().manifests.put(FIRST, [RELEASE, LATEST]))
        self.successResultOf(self.wrapped().manifests.put(FIRST, [RELEASE]))
        with capturedLogs() as events:
            self.failureResultOf(self.wrapped().manifests.put(SECOND, [LATEST, RELEASE]), ManifestDenied)
        self.assertEqual([(event["user"], event["tag"]) for event in events], [("alice", "1.0")])
        self.assertEqual(self.tags.pointers, {RELEASE: FIRST.digest, LATEST: FIRST.digest})
        self.assertNotIn(SECOND.digest, self.manifests.stored)
        self.successResultOf(self.wrapped().manifests.put(SECOND, [LATEST]))
        self.assertEqual(self.tags.pointers[LATEST], SECOND.digest)

    def test_delete(self) -> None:
        """Neither a tag that stays nor its manifest is deleted; others are."""
        self.successResultOf(self.wrapped().manifests.put(FIRST, [RELEASE]))
        self.successResultOf(self.wrapped().manifests.put(SECOND, [LATEST]))
        self.failureResultOf(self.wrapped().tags.untag(RELEASE), Unsupported)
        self.failureResultOf(self.wrapped().manifests.delete(FIRST.digest), Unsupported)
        self.successResultOf(self.wrapped().tags.untag(LATEST))
        self.successResultOf(self.wrapped().manifests.delete(SECOND.digest))
        self.assertEqual(self.tags.pointers, {RELEASE: FIRST.digest})

    def test_race(self) -> None:
        """Of two requests that push a new tag at the same time, the first one gets it."""
        waiting: list[Deferred[None]] = []
        put = self.manifests.put

        async def slow(manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
            waiting.append(Deferred())
            await waiting[-1]
            await put(manifest, tags)

        self.patch(self.manifests, "put", slow)
        first = Deferred.fromCoroutine(self.wrapped().manifests.put(FIRST, [RELEASE]))
        second = Deferred.fromCoroutine(self.wrapped().manifests.put(SECOND, [RELEASE]))
        other = Deferred.fromCoroutine(self.wrapped().manifests.put(SECOND, [Tag("2.0")]))
        self.assertEqual(len(waiting), 2)
        self.assertNoResult(second)
        waiting[0].callback(None)
        self.successResultOf(first)
        self.failureResultOf(second, ManifestDenied)
        waiting[1].callback(None)
        self.successResultOf(other)
        self.assertEqual(self.tags.pointers, {RELEASE: FIRST.digest, Tag("2.0"): SECOND.digest})
