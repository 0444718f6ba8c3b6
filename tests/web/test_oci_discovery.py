"""OCI distribution-spec, "Content Discovery": tags and referrers; and "Enabling the Referrers API"."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.storage.making import done
from tests.web.oci import (
    CONFIG,
    CONFIG_TYPE,
    EMPTY_TYPE,
    LAYER,
    NAME,
    NO_DIGESTS,
    NOBODYS,
    OnDisk,
    SpecCase,
    descriptor,
    each_algorithm,
    index,
    manifest,
)
from tests.web.registry import Registry
from tests.web.wire import Answer
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_INDEX, OCI_MANIFEST
from txregistry.model.names import RepositoryName, Tag
from txregistry.storage import layout

_NEXT = re.compile(r'<([^<>]+)>; rel="next"\Z')


def next_page(answer: Answer) -> str | None:
    """Where the ``Link`` header leads, which must have the form of RFC 8288."""
    link = answer.header("Link")
    if link is None:
        return None
    found = _NEXT.match(link)
    if found is None:
        raise AssertionError(f"no link to a next page: {link}")
    return found[1]


class ListingTagsTests(SpecCase):
    """ "Listing Tags"."""

    TAGS = (
        "0",
        "9.10",
        "9.9",
        "Latest",
        "V1",
        "_x",
        "a",
        "a-b",
        "a.b",
        "aa",
        "latest",
        "v1",
        "v1.0",
        "v10",
        "v2",
    )

    def setUp(self) -> None:
        super().setUp()
        payload = self.push_image()
        self.push(payload, *reversed(self.TAGS))

    def tags(self, query: str = "") -> list[str]:
        answer = self.ask("GET", f"tags/list{query}")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()["name"], NAME)
        tags: list[str] = answer.json()["tags"]
        return tags

    def test_all(self) -> None:
        """MUST: a 200 with name and tags in JSON, and the tags in order, byte by byte."""
        answer = self.ask("GET", "tags/list")
        self.assertEqual(answer.json(), {"name": NAME, "tags": sorted(self.TAGS)})
        self.assertIsNone(next_page(answer))

    def test_unknown(self) -> None:
        """MUST: a repository that is not there is a 404."""
        for path in (
            "/v2/oci/nobody/tags/list",
            "/v2/oci/nobody/tags/list?n=0",
            "/v2/oci/tags/list?n=1&last=a",
        ):
            self.refused(self.ask("GET", path), 404, "NAME_UNKNOWN")

    def test_number(self) -> None:
        """MUST: with ``n`` there are so many, in order; fewer only if there are no more."""
        for count in (1, 2, 7, len(self.TAGS), 99):
            self.assertEqual(self.tags(f"?n={count}"), sorted(self.TAGS)[:count])

    def test_zero(self) -> None:
        """MUST: none with ``n=0``; MUST NOT: a Link."""
        answer = self.ask("GET", "tags/list?n=0")
        self.assertEqual((answer.status, answer.json()["tags"]), (200, []))
        self.assertIsNone(answer.header("Link"))

    def test_last(self) -> None:
        """MUST: with ``last``, and with or without ``n``, come those behind it, whether it exists or not."""
        for last in (*self.TAGS, "v", "zzz", "Z", "0.0"):
            behind = [tag for tag in sorted(self.TAGS) if tag > last]
            self.assertEqual(self.tags(f"?last={last}"), behind)
            self.assertEqual(self.tags(f"?last={last}&n=2"), behind[:2])
            self.assertEqual(self.tags(f"?n=0&last={last}"), [])

    def test_no_index(self) -> None:
        """MUST NOT: ``last`` is no number of a position."""
        self.assertEqual(self.tags("?last=9&n=1"), ["9.10"])

    def test_link(self) -> None:
        """MUST: Link leads to the next page, in the form of RFC 8288; the pages hold each tag once."""
        for count in (1, 4, 5, 14):
            found: list[str] = []
            path: str | None = f"tags/list?n={count}"
            while path is not None:
                answer = self.ask("GET", path)
                page = answer.json()["tags"]
                path = next_page(answer)
                self.assertEqual(len(page), min(count, len(self.TAGS) - len(found)))
                found += page
            self.assertEqual(found, sorted(self.TAGS))

    def test_limited(self) -> None:
        """MAY: a registry may send fewer than ``n``; MUST: then there is a Link to the rest."""
        self.registry = Registry(self.registry.driver, maxtags=4)
        answer = self.ask("GET", "tags/list?n=10")
        self.assertEqual(answer.json()["tags"], sorted(self.TAGS)[:4])
        self.assertIsNotNone(next_page(answer))

    def test_bad_number(self) -> None:
        """SHOULD: an ``n`` that is no number is a 400."""
        for number in ("-1", "x", "1.5", "0x10", "1e3", "%20"):
            self.refused(self.ask("GET", f"tags/list?n={number}"), 400)

    def test_untagged(self) -> None:
        """MUST: what was pushed by digest alone is no tag."""
        self.push(manifest(annotations={"a": "b"}))
        self.assertEqual(self.tags(), sorted(self.TAGS))


class ListingTagsFromDiskTests(OnDisk, ListingTagsTests):
    """The same from files."""

    def test_none_left(self) -> None:
        """MAY: the list of a repository without tags is empty."""
        for tag in self.TAGS:
            self.assertEqual(self.status("DELETE", f"manifests/{tag}"), 202)
        self.assertEqual(self.tags(), [])


class ReferrersCase(SpecCase):
    """An image to which others refer."""

    def setUp(self) -> None:
        super().setUp()
        self.payload = self.push_image("latest")
        self.digest = Digest.of(self.payload)
        self.subject = descriptor(OCI_MANIFEST, self.payload)

    def listed(self, query: str = "", digest: object = None) -> list[dict[str, Any]]:
        """The entries of the answer, which is checked for what all answers must have."""
        answer = self.ask("GET", f"referrers/{digest or self.digest}{query}")
        return self.entries(answer)

    def entries(self, answer: Answer) -> list[dict[str, Any]]:
        self.assertEqual((answer.status, answer.header("Content-Type")), (200, OCI_INDEX), answer)
        document = json.loads(answer.body)
        self.assertEqual((document["schemaVersion"], document["mediaType"]), (2, OCI_INDEX))
        entries: list[dict[str, Any]] = document["manifests"]
        self.assertEqual(len({entry["digest"] for entry in entries}), len(entries))
        return entries

    def digests(self, query: str = "", digest: object = None) -> set[str]:
        return {entry["digest"] for entry in self.listed(query, digest)}

    def signature(self, kind: str = "application/x.signature", **members: Any) -> bytes:
        """A manifest that refers to the image."""
        return manifest(config_type=EMPTY_TYPE, **({"subject": self.subject, "artifactType": kind} | members))


class ListingReferrersTests(ReferrersCase):
    """ "Listing Referrers"."""

    def test_none(self) -> None:
        """MUST: without any, and for what nobody knows, the list is empty; MUST NOT: a 404."""
        for path in (
            f"referrers/{self.digest}",
            f"referrers/{NOBODYS}",
            f"referrers/{Digest.of(LAYER, 'sha512')}",
            f"/v2/oci/nobody/referrers/{self.digest}",
        ):
            self.assertEqual(self.entries(self.ask("GET", path)), [])

    def test_no_digest(self) -> None:
        """MUST: what is no digest is a 400."""
        for digest in (*NO_DIGESTS, "latest", "x"):
            self.refused(self.ask("GET", f"referrers/{digest}"), 400)

    def test_descriptor(self) -> None:
        """MUST: each referrer is there with its type, digest and size, and they are true."""
        payload = self.signature()
        self.push(payload, "signature")
        [entry] = self.listed()
        self.assertEqual(entry, descriptor(OCI_MANIFEST, payload, artifactType="application/x.signature"))
        self.assertEqual(self.ask("GET", f"manifests/{entry['digest']}").body, payload)

    def test_untagged(self) -> None:
        """MUST: it is there though it has no tag, at once."""
        self.assertEqual(self.digests(), set())
        self.assertEqual(self.digests("?artifactType=application/x.signature"), set())
        first = self.push(self.signature())
        self.assertEqual(self.digests(), {str(first)})
        second = self.push(self.signature("application/x.sbom"))
        self.assertEqual(self.digests(), {str(first), str(second)})

    def test_artifact_type(self) -> None:
        """MUST: the type of artifact is the manifest's own, else its config's; an index without has none."""
        own = self.push(self.signature("application/x.own"))
        of_config = self.push(manifest(LAYER, subject=self.subject))
        empty = self.push(self.signature(artifactType=""))
        plain_index = self.push(index(self.payload, subject=self.subject), media_type=OCI_INDEX)
        typed = index(subject=self.subject, artifactType="application/x.index")
        typed_index = self.push(typed, media_type=OCI_INDEX)
        found = {entry["digest"]: entry.get("artifactType", "none") for entry in self.listed()}
        expected = {
            own: "application/x.own",
            of_config: CONFIG_TYPE,
            empty: EMPTY_TYPE,
            plain_index: "none",
            typed_index: "application/x.index",
        }
        self.assertEqual(found, {str(digest): kind for digest, kind in expected.items()})

    def test_annotations(self) -> None:
        """MUST: its annotations are there."""
        annotations = {"org.opencontainers.image.created": "2024-01-01T00:00:00Z", "a": "<\u00e9>", "": ""}
        self.push(self.signature(annotations=annotations))
        self.push(index(subject=self.subject, annotations=annotations), media_type=OCI_INDEX)
        self.assertEqual([entry["annotations"] for entry in self.listed()], [annotations] * 2)

    def test_own_subject_only(self) -> None:
        """MUST: those that refer to something else are not there: children, layers, and other subjects."""
        other = manifest(LAYER, annotations={"a": "b"})
        self.push(other)
        self.push(index(self.payload), "index", media_type=OCI_INDEX)
        mine = self.push(self.signature())
        theirs = self.push(self.signature(subject=descriptor(OCI_MANIFEST, other)))
        self.assertEqual(self.digests(), {str(mine)})
        self.assertEqual(self.digests(digest=Digest.of(other)), {str(theirs)})
        self.assertEqual(self.digests(digest=Digest.of(LAYER)), set())

    def test_of_referrers(self) -> None:
        """MUST: a referrer may itself have referrers."""
        signature = self.signature()
        self.push(signature)
        of_it = self.push(self.signature(subject=descriptor(OCI_MANIFEST, signature)))
        self.assertEqual(self.digests(digest=Digest.of(signature)), {str(of_it)})

    def test_missing_subject(self) -> None:
        """MUST ("Push"): referrers are listed before their subject is pushed."""
        late = manifest(LAYER, annotations={"late": "yes"})
        first = self.push(self.signature(subject=descriptor(OCI_MANIFEST, late)))
        self.assertEqual(self.digests(digest=Digest.of(late)), {str(first)})
        self.push(late)
        self.assertEqual(self.digests(digest=Digest.of(late)), {str(first)})

    def test_algorithms(self) -> None:
        """MUST: subject and referrer may be named by any algorithm; the name counts, not the content."""
        for digest in each_algorithm(self.payload):
            subject = descriptor(OCI_MANIFEST, self.payload, digest.algorithm)
            payload = self.signature(subject=subject, annotations={"by": digest.algorithm})
            own = Digest.of(payload, digest.algorithm)
            self.assertEqual(self.put(own, payload).status, 201)
            self.assertEqual(self.digests(digest=digest), {str(own)})

    def test_repository(self) -> None:
        """MUST: only those of the same repository are there."""
        self.push(self.signature())
        path = f"/v2/oci/other/referrers/{self.digest}"
        self.assertEqual(self.entries(self.ask("GET", path)), [])

    def test_head(self) -> None:
        """MUST (RFC 9110): HEAD says what GET says."""
        self.push(self.signature())
        get = self.ask("GET", f"referrers/{self.digest}")
        head = self.ask("HEAD", f"referrers/{self.digest}")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("Content-Length"), str(len(get.body)))

    def test_deleted(self) -> None:
        """MUST: what was deleted is not there; what refers to something deleted is."""
        first = self.push(self.signature(), "signature")
        second = self.push(self.signature("application/x.sbom"))
        self.assertEqual(self.status("DELETE", f"manifests/{first}"), 202)
        self.assertEqual(self.digests(), {str(second)})
        self.assertEqual(self.status("DELETE", f"manifests/{self.digest}"), 202)
        self.assertEqual(self.digests(), {str(second)})
        self.push(self.signature())
        self.assertEqual(self.digests(), {str(first), str(second)})

    def test_tag_deleted(self) -> None:
        """MUST: a referrer whose tag was deleted is still there."""
        digest = self.push(self.signature(), "signature")
        self.assertEqual(self.status("DELETE", "manifests/signature"), 202)
        self.assertEqual(self.digests(), {str(digest)})

    def test_pages(self) -> None:
        """MUST: a list that is not sent at once has a Link to the rest; the pages hold each once."""
        expected = {
            str(self.push(self.signature(kind, annotations={"number": str(number)})))
            for number in range(4)
            for kind in ("application/x.a", "application/x.b")
        }
        self.registry = Registry(self.registry.driver, referrers=3)
        for query, count in (("", 8), ("?artifactType=application/x.a", 4)):
            found: list[str] = []
            path: str | None = f"referrers/{self.digest}{query}"
            pages = 0
            while path is not None:
                answer = self.ask("GET", path)
                found += [entry["digest"] for entry in self.entries(answer)]
                path, pages = next_page(answer), pages + 1
            self.assertEqual((len(found), len(set(found))), (count, count))
            self.assertLessEqual(set(found), expected)
            self.assertEqual(pages, -(-count // 3))

    def test_after_restart(self) -> None:
        """MUST: a registry that starts anew over the same storage lists the same."""
        digest = self.push(self.signature())
        self.registry = Registry(self.registry.driver)
        self.assertEqual(self.digests(), {str(digest)})


class ListingReferrersFromDiskTests(OnDisk, ListingReferrersTests):
    """The same from files."""


class FilteringReferrersTests(ReferrersCase):
    """The filter of "Listing Referrers"."""

    def setUp(self) -> None:
        super().setUp()
        self.signed = self.push(self.signature("application/x.signature"))
        self.image = self.push(manifest(LAYER, subject=self.subject))
        self.listing = self.push(index(subject=self.subject), media_type=OCI_INDEX)

    def test_filtered(self) -> None:
        """SHOULD: only those of the artifact type are listed; MUST: the answer says that it was filtered."""
        for kind, digest in (("application/x.signature", self.signed), (CONFIG_TYPE, self.image)):
            answer = self.ask("GET", f"referrers/{self.digest}?artifactType={kind.replace('+', '%2B')}")
            self.assertEqual([entry["digest"] for entry in self.entries(answer)], [str(digest)])
            self.assertEqual(answer.header("OCI-Filters-Applied"), "artifactType")

    def test_encoded(self) -> None:
        """MUST (RFC 3986): the type may be percent-encoded."""
        self.assertEqual(self.digests("?artifactType=application%2Fx%2Esignature"), {str(self.signed)})

    def test_exact(self) -> None:
        """SHOULD: a type is matched as a whole; MUST: without a match the list is empty."""
        for kind in ("application/x", "application/x.signature.v1", "x.signature", "APPLICATION/X.SIGNATURE"):
            answer = self.ask("GET", f"referrers/{self.digest}?artifactType={kind}")
            self.assertEqual(self.entries(answer), [])
            self.assertEqual(answer.header("OCI-Filters-Applied"), "artifactType")

    def test_unfiltered(self) -> None:
        """MUST: an answer that was not filtered doesn't say that it was."""
        answer = self.ask("GET", f"referrers/{self.digest}")
        self.assertEqual(len(self.entries(answer)), 3)
        self.assertIsNone(answer.header("OCI-Filters-Applied"))

    def test_other_parameters(self) -> None:
        """MUST: the answer names no filter that nobody knows."""
        answer = self.ask("GET", f"referrers/{self.digest}?colour=green&artifactType=application/x.signature")
        self.assertEqual(answer.header("OCI-Filters-Applied"), "artifactType")
        self.assertEqual(len(self.entries(answer)), 1)


class EarlierReferrersTests(ReferrersCase):
    """ "Enabling the Referrers API", and the "Referrers Tag Schema" that clients used before."""

    def store(self, path: str, content: bytes | str) -> None:
        """Put something where distribution keeps it."""
        done(self.registry.driver.put(path, content.encode() if isinstance(content, str) else content))

    def pushed_before(self, payload: bytes, tag: str | None = None, algorithm: str = "sha256") -> str:
        """Store a manifest as a registry without the API did; its digest."""
        name, digest = RepositoryName(NAME), Digest.of(payload, algorithm)
        self.store(layout.blob_data(digest), payload)
        self.store(layout.revision_link(name, digest), str(digest))
        if tag is not None:
            self.store(layout.tag_current(name, Tag(tag)), str(digest))
            self.store(layout.tag_index(name, Tag(tag), digest), str(digest))
        return str(digest)

    def tag_of(self, digest: Digest | None = None) -> str:
        digest = digest or self.digest
        return f"{digest.algorithm}-{digest.encoded[:64]}"

    def test_listed_by_clients(self) -> None:
        """MUST: manifests in the index with the fallback tag that have the subject are there."""
        payload = self.signature()
        digest = self.pushed_before(payload)
        self.pushed_before(index(payload), self.tag_of())
        self.assertEqual(
            self.listed(), [descriptor(OCI_MANIFEST, payload, artifactType="application/x.signature")]
        )
        self.assertEqual(self.digests(), {digest})

    def test_not_listed(self) -> None:
        """MAY: other manifests from before that have the subject are there, too."""
        digest = self.pushed_before(self.signature())
        self.assertEqual(self.digests(), {digest})

    def test_pushed_while_running(self) -> None:
        """MUST: those that another program pushes after somebody asked are there, too."""
        self.assertEqual(self.digests(), set())
        digest = self.pushed_before(self.signature())
        self.assertEqual(self.digests(), {digest})

    def test_with_new_ones(self) -> None:
        """MUST: new ones are there as well; SHOULD NOT: anything is there twice."""
        payload = self.signature()
        before = self.pushed_before(payload)
        self.pushed_before(index(payload, payload), self.tag_of())
        after = self.push(self.signature("application/x.sbom"))
        self.assertEqual(self.digests(), {before, str(after)})
        self.push(payload)
        self.assertEqual(self.digests(), {before, str(after)})

    def test_without_subject(self) -> None:
        """MUST: what the index lists counts only with a valid subject, and this one."""
        other = manifest(LAYER, annotations={"no": "subject"})
        foreign = self.signature(subject=descriptor(OCI_MANIFEST, other))
        broken = self.signature(subject="not a descriptor")
        for payload in (other, foreign, broken):
            self.pushed_before(payload)
        self.pushed_before(index(other, foreign, broken), self.tag_of())
        self.assertEqual(self.digests(), set())
        self.assertEqual(self.digests(digest=Digest.of(other)), {str(Digest.of(foreign))})

    def test_gone(self) -> None:
        """MUST: what the index lists and nobody has is not there."""
        self.pushed_before(index(self.signature()), self.tag_of())
        self.assertEqual(self.digests(), set())

    def test_no_index(self) -> None:
        """MUST: a fallback tag that is no index does no harm."""
        digest = self.pushed_before(self.signature())
        self.pushed_before(manifest(LAYER), self.tag_of())
        self.assertEqual(self.digests(), {digest})

    def test_kept_by_clients(self) -> None:
        """MUST: clients may go on to push the index with the fallback tag; it is a tag like others."""
        payload = self.signature()
        self.push(payload)
        for listing in (index(), index(payload)):
            self.push(listing, self.tag_of(), media_type=OCI_INDEX)
            self.assertEqual(self.ask("GET", f"manifests/{self.tag_of()}").body, listing)
            self.assertEqual(self.digests(), {str(Digest.of(payload))})

    def test_long_digest(self) -> None:
        """MUST: for a sha512 subject the tag has the first 64 characters of it."""
        subject = Digest.of(self.payload, "sha512")
        payload = self.signature(subject=descriptor(OCI_MANIFEST, self.payload, "sha512"))
        self.assertEqual(len(self.tag_of(subject)), len("sha512-") + 64)
        digest = self.pushed_before(payload)
        self.pushed_before(index(payload), self.tag_of(subject))
        self.assertEqual(self.digests(digest=subject), {digest})

    def test_config_stays(self) -> None:
        """MUST: the image itself and its parts are as before."""
        self.pushed_before(self.signature())
        self.assertEqual(self.ask("GET", "manifests/latest").body, self.payload)
        self.assertEqual(self.ask("GET", f"blobs/{Digest.of(CONFIG)}").body, CONFIG)


class EarlierReferrersOnDiskTests(OnDisk, EarlierReferrersTests):
    """The same with files."""
