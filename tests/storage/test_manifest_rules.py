"""Tests for what is demanded of manifests before they are stored."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.repositories import descriptor_of, image, index, push_blob
from tests.fakes.workers import HeldWorkers, InlineWorkers
from tests.storage.faulty import FaultyDriver
from tests.storage.making import NAME, make_repository, tree
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import ManifestDenied, ManifestInvalid, ReferencesUnknown
from txregistry.interfaces import IManifestService, IWorkers
from txregistry.model.manifest import Manifest
from txregistry.model.policy import ClassPolicy
from txregistry.model.validation import Children, UrlRules, Validation
from txregistry.storage.namespace import Namespace, Rules
from txregistry.storage.payloads import ManifestMemory

MISSING = descriptor_of(b"missing")
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


def foreign(*urls: str) -> Manifest:
    """An image whose one layer is elsewhere; its config is missing."""
    layer = {"mediaType": FOREIGN, "digest": str(MISSING.digest), "size": 7, "urls": list(urls)}
    return image(MISSING, [], layers=[layer])


class RulesTests(SynchronousTestCase):
    """A manifest is stored when the rules are kept."""

    def setUp(self) -> None:
        self.driver = FaultyDriver(InMemoryDriver())

    def manifests(self, rules: Rules, workers: IWorkers | None = None) -> IManifestService:
        """The manifests of a repository with *rules*."""
        workers = InlineWorkers() if workers is None else workers
        namespace = Namespace(self.driver, workers, Clock(), ManifestMemory(0), rules)
        return namespace.repository(NAME).manifests

    def test_nothing_is_asked(self) -> None:
        """What need not exist is not looked for."""
        sparse = Rules(validation=Validation(blobs=False, children=Children.NONE))
        for manifest in (image(MISSING, [MISSING]), index(image(MISSING, []))):
            self.driver.calls.clear()
            self.successResultOf(self.manifests(sparse).put(manifest))
            self.assertEqual(
                [path for call, path in self.driver.calls if str(MISSING.digest.encoded) in path], []
            )
            found = self.successResultOf(self.manifests(sparse).get(manifest.digest))
            self.assertEqual(found.payload, manifest.payload)

    def test_order(self) -> None:
        """The policy comes first, then the URLs, then what must exist; what is refused leaves nothing."""
        rules = {
            ManifestDenied: Rules(
                policy=ClassPolicy(frozenset({"plugin"})), validation=Validation(UrlRules.of(["other"], []))
            ),
            ManifestInvalid: Rules(validation=Validation(UrlRules.of(["other"], []))),
            ReferencesUnknown: Rules(),
        }
        for error, each in rules.items():
            self.failureResultOf(self.manifests(each).put(foreign("https://a.test/")), error)
            self.assertEqual(tree(self.driver), {})

    def test_short_urls(self) -> None:
        """A few URLs are compared on the spot."""
        workers = InlineWorkers()
        here = self.manifests(Rules(validation=Validation(UrlRules.of(["a"], []), blobs=False)), workers)
        self.successResultOf(here.put(foreign("https://a.test/")))
        self.assertEqual(workers.calls, 0)

    def test_long_urls(self) -> None:
        """Many are compared by a worker, those of one manifest at a time."""
        workers = HeldWorkers()
        here = self.manifests(Rules(validation=Validation(UrlRules.of(["/1$"], []), blobs=False)), workers)
        long = "https://a.test/" + "x" * 5000
        good = Deferred.fromCoroutine(here.put(foreign(long + "/1")))
        bad = Deferred.fromCoroutine(here.put(foreign(long + "/2")))
        self.assertEqual(len(workers.waiting), 1)
        workers.step()
        self.successResultOf(good)
        self.assertEqual(len(workers.waiting), 1)
        workers.step()
        self.failureResultOf(bad, ManifestInvalid)

    def test_too_long_urls(self) -> None:
        """More than can be compared is refused at once."""
        here = self.manifests(Rules(validation=Validation(UrlRules.of([], ["x"]))), HeldWorkers())
        failure = self.failureResultOf(
            here.put(foreign("https://a.test/" + "y" * 1_100_000)), ManifestInvalid
        )
        self.assertIn("characters", failure.value.reason)

    def test_by_default(self) -> None:
        """Without rules everything must exist."""
        repository = make_repository(self.driver)
        config = self.successResultOf(push_blob(repository, b"{}"))
        self.failureResultOf(repository.manifests.put(image(config, [MISSING])), ReferencesUnknown)
        self.successResultOf(repository.manifests.put(image(config, [config])))
