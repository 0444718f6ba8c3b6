"""What every ``IReferrerService`` of a repository promises."""

from __future__ import annotations

from tests.contracts.repositories import (
    HERE,
    THERE,
    RepositoriesCase,
    descriptor_of,
    image,
    index,
    push_blob,
)
from txregistry.interfaces import INamespace, IRepository
from txregistry.model.digest import CANONICAL, Digest
from txregistry.model.manifest import OCI_MANIFEST, Manifest
from txregistry.model.names import Page, Tag
from txregistry.model.referrers import Referrer, fallback_tag

SUBJECT = Digest.of(b"never pushed")
CONFIG = b"{}"


def referring(number: int, subject: Digest = SUBJECT, algorithm: str = CANONICAL, **more: object) -> Manifest:
    """An image without layers that says something about *subject*."""
    about = {"mediaType": OCI_MANIFEST, "digest": str(subject), "size": 7}
    annotations = {"number": str(number)}
    said = {"subject": about, "annotations": annotations, **more}
    return image(descriptor_of(CONFIG), [], algorithm, **said)


class ReferrerServiceContract(RepositoriesCase):
    """Mix in beside a ``SynchronousTestCase``."""

    def put(self, repository: IRepository, *manifests: Manifest, tags: tuple[Tag, ...] = ()) -> None:
        """Push *manifests*, which need the usual config."""
        self.successResultOf(push_blob(repository, CONFIG))
        for manifest in manifests:
            self.successResultOf(repository.manifests.put(manifest, tags))

    def filled(self, *manifests: Manifest) -> tuple[INamespace, IRepository]:
        """A registry, and a repository that has *manifests*."""
        namespace = self.make_namespace()
        here = namespace.repository(HERE)
        self.put(here, *manifests)
        return namespace, here

    def listed(
        self, repository: IRepository, subject: Digest = SUBJECT, artifact_type: str = ""
    ) -> list[str]:
        """The digests of the referrers of *subject*."""
        page: Page[Referrer] = self.successResultOf(repository.referrers.list(subject, artifact_type))
        self.assertFalse(page.more)
        return [str(each.descriptor.digest) for each in page.items]

    def test_none(self) -> None:
        """A repository without anything, and one with something else, have no referrers."""
        namespace = self.make_namespace()
        self.assertEqual(self.listed(namespace.repository(HERE)), [])
        self.put(
            namespace.repository(HERE), referring(1, Digest.of(b"other")), image(descriptor_of(CONFIG), [])
        )
        self.assertEqual(self.listed(namespace.repository(HERE)), [])

    def test_entry(self) -> None:
        """An entry tells type, size, artifact type and annotations."""
        plain, typed = referring(1), referring(2, artifactType="application/x-signature")
        _, here = self.filled(plain, typed)
        page = self.successResultOf(here.referrers.list(SUBJECT))
        self.assertEqual(
            page, Page(sorted(map(Referrer.of, (plain, typed)), key=lambda each: str(each.descriptor.digest)))
        )
        kinds = {each.artifact_type for each in page.items}
        self.assertEqual(kinds, {"application/vnd.oci.image.config.v1+json", "application/x-signature"})

    def test_kinds(self) -> None:
        """Indexes refer, too, and so do manifests of other digest algorithms."""
        image_, large = referring(1), referring(2, algorithm="sha512")
        _, here = self.filled(image_, large)
        about = index(image_, subject={"mediaType": OCI_MANIFEST, "digest": str(SUBJECT), "size": 7})
        self.put(here, about)
        found = self.listed(here)
        self.assertEqual(found, sorted(str(each.digest) for each in (image_, large, about)))

    def test_blob(self) -> None:
        """What is but a blob here refers to nothing, also if it was a manifest before."""
        manifest = referring(1)
        _, here = self.filled(manifest)
        self.assertEqual(self.listed(here), [str(manifest.digest)])
        self.successResultOf(here.manifests.delete(manifest.digest))
        self.successResultOf(push_blob(here, manifest.payload))
        self.assertEqual(self.listed(here), [])
        self.put(here, manifest)
        self.assertEqual(self.listed(here), [str(manifest.digest)])

    def test_subjects(self) -> None:
        """Each subject has its own, whatever its algorithm and whether or not it exists."""
        subjects = [Digest.of(b"s", algorithm) for algorithm in ("sha256", "sha384", "sha512")]
        manifests = [referring(number, subject) for number, subject in enumerate(subjects)]
        _, here = self.filled(*manifests)
        for subject, manifest in zip(subjects, manifests, strict=True):
            self.assertEqual(self.listed(here, subject), [str(manifest.digest)])

    def test_of_one_repository(self) -> None:
        """Referrers belong to their repository."""
        namespace, here = self.filled(referring(1))
        there = namespace.repository(THERE)
        self.assertEqual(self.listed(there), [])
        self.put(there, referring(2))
        self.assertEqual(self.listed(here), [str(referring(1).digest)])

    def test_later(self) -> None:
        """What comes or goes after the first question counts for the next."""
        first, second = referring(1), referring(2)
        _, here = self.filled(first)
        self.assertEqual(self.listed(here), [str(first.digest)])
        self.put(here, second)
        self.assertEqual(self.listed(here), sorted((str(first.digest), str(second.digest))))
        self.successResultOf(here.manifests.delete(first.digest))
        self.assertEqual(self.listed(here), [str(second.digest)])
        self.put(here, first)
        self.assertEqual(len(self.listed(here)), 2)

    def test_filter(self) -> None:
        """Only those of exactly the given type."""
        one, other = referring(1, artifactType="a/b"), referring(2, artifactType="a/bc")
        _, here = self.filled(one, other, referring(3))
        self.assertEqual(self.listed(here, artifact_type="a/b"), [str(one.digest)])
        self.assertEqual(self.listed(here, artifact_type="a"), [])

    def test_pages(self) -> None:
        """Pages of any size, one behind the other, hold each referrer once, filtered or not."""
        manifests = [referring(number, artifactType=f"t/{number % 2}") for number in range(20)]
        _, here = self.filled(*manifests)
        for kind in ("", "t/1"):
            expected = self.listed(here, artifact_type=kind)
            for size in (1, 3, 9, 10, 20, 21):
                found: list[str] = []
                more = True
                while more:
                    after = found[-1] if found else ""
                    page = self.successResultOf(here.referrers.list(SUBJECT, kind, after, size))
                    self.assertTrue(1 <= len(page.items) <= size)
                    found += [str(each.descriptor.digest) for each in page.items]
                    more = page.more
                self.assertEqual(found, expected)

    def test_large_pages(self) -> None:
        """Annotations without end make pages shorter, and each still has something."""
        long = {"x": "y" * 700_000}
        manifests = [referring(0, artifactType=f"t/{number}", annotations=long) for number in range(4)]
        _, here = self.filled(*manifests)
        found: set[str] = set()
        after, more = "", True
        while more:
            page = self.successResultOf(here.referrers.list(SUBJECT, "", after, 1000))
            after, more = str(page.items[-1].descriptor.digest), page.more
            found |= {str(each.descriptor.digest) for each in page.items}
        self.assertEqual(found, {str(each.digest) for each in manifests})

    def test_long_types(self) -> None:
        """Artifact types without end make pages shorter, too."""
        _, here = self.filled(*(referring(number, artifactType="x" * 700_000) for number in range(3)))
        page = self.successResultOf(here.referrers.list(SUBJECT))
        self.assertEqual((len(page.items), page.more), (1, True))

    def test_fallback_tag(self) -> None:
        """An index under the fallback tag adds nothing twice, and nothing that is not there."""
        here_one, gone = referring(1), referring(2)
        no_subject = image(descriptor_of(CONFIG), [])
        _, here = self.filled(here_one, gone, no_subject)
        self.put(here, index(here_one, gone, no_subject), tags=(fallback_tag(SUBJECT),))
        self.successResultOf(here.manifests.delete(gone.digest))
        self.assertEqual(self.listed(here), [str(here_one.digest)])
