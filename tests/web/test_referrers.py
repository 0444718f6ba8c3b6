"""Tests of :mod:`txregistry.web.referrers`, and of what a push says of subjects and tags."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.web.registry import Registry, expect
from tests.web.wire import Answer
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_INDEX, OCI_MANIFEST

SUBJECT = Digest.of(b"never pushed")
SIGNATURE = "application/x-signature"


class ReferrersCase(SynchronousTestCase):
    """A registry."""

    def setUp(self) -> None:
        self.registry = Registry(referrers=2)

    def push(self, reference: str = "", query: str = "", **more: Any) -> tuple[str, Answer]:
        """Push an artifact about :data:`SUBJECT`; return its digest and the answer."""
        about = {"mediaType": OCI_MANIFEST, "digest": str(SUBJECT), "size": 3}
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": about, **more}
        body = json.dumps(document).encode()
        digest = str(Digest.of(body))
        path = f"/v2/a/b/manifests/{reference or digest}{query}"
        return digest, self.registry.ask("PUT", path, [("Content-Type", OCI_INDEX)], body)

    def listed(self, query: str = "") -> Answer:
        """The answer to the question for referrers."""
        return self.registry.ask("GET", f"/v2/a/b/referrers/{SUBJECT}{query}")


class ListTests(ReferrersCase):
    """The list of referrers."""

    def test_empty(self) -> None:
        """What nobody knows has an empty list, in a repository that nobody knows, too."""
        answer = self.listed()
        self.assertEqual(answer.header("Content-Type"), OCI_INDEX)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json(), {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
        self.assertIsNone(answer.header("OCI-Filters-Applied"))

    def test_entry(self) -> None:
        """An entry is a descriptor; what a manifest does not say is left out."""
        digest, _ = self.push(artifactType=SIGNATURE, annotations={"a": "<b>"})
        (entry,) = self.listed().json()["manifests"]
        size = entry.pop("size")
        self.assertEqual(
            entry,
            {
                "mediaType": OCI_INDEX,
                "digest": digest,
                "artifactType": SIGNATURE,
                "annotations": {"a": "<b>"},
            },
        )
        stored = self.registry.ask("GET", f"/v2/a/b/manifests/{digest}")
        self.assertEqual(size, len(stored.body))
        bare, _ = self.push()
        (other,) = (each for each in self.listed().json()["manifests"] if each["digest"] == bare)
        self.assertEqual(set(other), {"mediaType", "digest", "size"})

    def test_head(self) -> None:
        """HEAD says how long the list is."""
        self.push()
        head = self.registry.ask("HEAD", f"/v2/a/b/referrers/{SUBJECT}")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("Content-Length"), str(len(self.listed().body)))

    def test_filter(self) -> None:
        """A filter is applied, and said to be, on an empty list, too."""
        digest, _ = self.push(artifactType=SIGNATURE)
        self.push()
        answer = self.listed(f"?artifactType={SIGNATURE}")
        self.assertEqual([each["digest"] for each in answer.json()["manifests"]], [digest])
        self.assertEqual(answer.header("OCI-Filters-Applied"), "artifactType")
        none = self.listed("?artifactType=x")
        self.assertEqual((none.json()["manifests"], none.header("OCI-Filters-Applied")), ([], "artifactType"))
        every = self.listed("?artifactType=")
        self.assertEqual((len(every.json()["manifests"]), every.header("OCI-Filters-Applied")), (2, None))

    def test_pages(self) -> None:
        """A list that is too long goes on behind its Link, with the same filter."""
        digests = sorted(self.push(artifactType=SIGNATURE, annotations={"n": str(n)})[0] for n in range(5))
        self.push()
        found: list[str] = []
        path = f"/v2/a/b/referrers/{SUBJECT}?artifactType={SIGNATURE.replace('/', '%2F')}"
        while path:
            answer = expect(self.registry.ask("GET", path), 200)
            page = [each["digest"] for each in answer.json()["manifests"]]
            self.assertLessEqual(len(page), 2)
            self.assertEqual(answer.header("OCI-Filters-Applied"), "artifactType")
            found += page
            link = answer.header("Link") or ""
            path = link.partition("<")[2].partition(">")[0]
        self.assertEqual(found, digests)

    def test_bad_digest(self) -> None:
        """What is no digest is a 400."""
        for digest in ("sha256:abc", "latest", "md5:" + "0" * 32):
            answer = self.registry.ask("GET", f"/v2/a/b/referrers/{digest}")
            self.assertEqual((answer.status, answer.codes()), (400, ["DIGEST_INVALID"]))

    def test_methods(self) -> None:
        """A list cannot be written to."""
        answer = self.registry.ask("PUT", f"/v2/a/b/referrers/{SUBJECT}", body=b"")
        self.assertEqual((answer.status, answer.header("Allow")), (405, "GET, HEAD"))


class SubjectTests(ReferrersCase):
    """What a push answers about its subject."""

    def test_said(self) -> None:
        """The subject comes back, whether the push was by tag or by digest, first or repeated."""
        for reference in ("", "", "v1"):
            _, answer = self.push(reference)
            self.assertEqual((answer.status, answer.header("OCI-Subject")), (201, str(SUBJECT)))

    def test_none(self) -> None:
        """A manifest without subject gets no such header."""
        _, answer = self.push(subject=None)
        self.assertEqual((answer.status, answer.header("OCI-Subject")), (201, None))


class TagParameterTests(ReferrersCase):
    """Tags that come with a push by digest."""

    def test_tags(self) -> None:
        """Each is set, and said to be, once."""
        digest, answer = self.push(query="?tag=v1&tag=v1.0&tag=v1")
        self.assertEqual((answer.status, answer.all("OCI-Tag")), (201, ["v1", "v1.0"]))
        for tag in ("v1", "v1.0"):
            head = self.registry.ask("HEAD", f"/v2/a/b/manifests/{tag}")
            self.assertEqual(head.header("Docker-Content-Digest"), digest)

    def test_without(self) -> None:
        """Without the parameter no tag is set."""
        _, answer = self.push()
        self.assertEqual(answer.all("OCI-Tag"), [])
        self.assertEqual(self.registry.ask("GET", "/v2/a/b/tags/list").json()["tags"], [])

    def test_invalid(self) -> None:
        """One that is no tag makes the push fail before anything is stored."""
        for wrong in ("-x", "", "a%2Fb", "x" * 129):
            digest, answer = self.push(query=f"?tag=good&tag={wrong}")
            self.assertEqual((answer.status, answer.codes()), (400, ["TAG_INVALID"]), wrong)
            for reference in ("good", digest):
                self.assertEqual(self.registry.ask("GET", f"/v2/a/b/manifests/{reference}").status, 404)

    def test_wrong_digest(self) -> None:
        """With a digest that is not the content's no tag is set."""
        _, answer = self.push(str(Digest.of(b"other")), "?tag=v1")
        self.assertEqual((answer.status, answer.codes()), (400, ["DIGEST_INVALID"]))
        self.assertEqual(self.registry.ask("GET", "/v2/a/b/manifests/v1").status, 404)

    def test_many(self) -> None:
        """64 at once are possible, in fewer than 100 headers; more are a 414."""
        query = "&".join(f"tag=v{number}" for number in range(64))
        _, answer = self.push(query=f"?{query}")
        self.assertEqual((answer.status, len(answer.all("OCI-Tag"))), (201, 64))
        _, answer = self.push(query=f"?{query}&tag=more")
        self.assertEqual((answer.status, answer.codes()), (414, ["TAG_INVALID"]))

    def test_beside_a_tag(self) -> None:
        """With a push by tag the parameter has no meaning, which a warning says."""
        _, answer = self.push("v1", "?tag=v2")
        self.assertEqual((answer.status, answer.all("OCI-Tag")), (201, []))
        self.assertTrue((answer.header("Warning") or "").startswith('299 - "'))
        self.assertEqual(self.registry.ask("GET", "/v2/a/b/manifests/v2").status, 404)
