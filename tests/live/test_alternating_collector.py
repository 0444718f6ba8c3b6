"""What ``docker-registry garbage-collect`` makes of a tree to which we stored, too."""

import hashlib
import json
import random
import uuid

from tests.live.images import CONFIG, MANIFEST, TAR, canonical_json, digest_of
from tests.live.registries import Registry
from tests.live.shared_tree import ACCEPT, Players, SharedDirectoryCase, collect_garbage

TYPE = {"Content-Type": MANIFEST}


class CollectorTests(SharedDirectoryCase):
    """What docker-registry's collector makes of what only we store."""

    def setUp(self) -> None:
        """Store an image whose blobs and manifest are named by sha512, beside one that is not."""
        super().setUp()
        players = Players(self.sources, self.ledger, random.Random(1), self.short_directory())
        self.plain = self.sources.image()
        players.push(self.ours, "plain", "v1", self.plain)
        self.ledger.exists("long")
        self.contents = [b"{}", b"a layer" * 1000]
        self.digests = [sha512(content) for content in self.contents]
        for digest, content in zip(self.digests, self.contents, strict=True):
            self.assertEqual(self.ours.wire.push_blob("long", digest, content).status, 201)
        descriptors = [
            {"mediaType": kind, "digest": digest, "size": len(content)}
            for kind, digest, content in zip((CONFIG, TAR), self.digests, self.contents, strict=True)
        ]
        self.manifest = canonical_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptors[0],
                "layers": descriptors[1:],
                "subject": {"mediaType": MANIFEST, "digest": self.plain, "size": 1},
            }
        )
        self.digest = sha512(self.manifest)
        self.put_manifest(self.digest)

    def test_kept(self) -> None:
        """What is named by sha512 is served by docker-registry, and kept by its collector."""
        for _ in range(2):
            for server in (self.ours, self.theirs):
                self.assertEqual(self.served(server), [self.digest, *self.digests], server.program.name)
            collect_garbage(self.storage, self.work)
            self.assert_no_faults("the collection")

    def test_collected(self) -> None:
        """Deleted through docker-registry it is collected, and gone for us at once; a push brings it back."""
        self.assertEqual(self.theirs.wire.request("DELETE", f"/v2/long/manifests/{self.digest}").status, 202)
        collect_garbage(self.storage, self.work)
        for server in (self.ours, self.theirs):
            self.assertEqual(self.served(server), [None] * 3, server.program.name)
        self.assert_no_faults("the collection")
        for digest, content in zip(self.digests, self.contents, strict=True):
            self.assertEqual(self.ours.wire.push_blob("long", digest, content).status, 201)
        self.put_manifest(self.digest)
        self.assertEqual(self.served(self.ours), [self.digest, *self.digests])

    def test_unfinished(self) -> None:
        """Uploads under way, and what a crash left of ours, are neither in its way nor collected."""
        location = self.ours.wire.start_upload("plain")
        location = self.ours.wire.patch(location, b"half").location
        suffix = f".{uuid.uuid4()}.tmp"
        for path in [*self.storage.rglob("link"), *self.storage.rglob("data")]:
            (path.parent / (path.name + suffix)).write_bytes(b"half")
        collect_garbage(self.storage, self.work)
        self.assert_no_faults("the collection")
        self.assertEqual(self.served(self.ours), [self.digest, *self.digests])
        finished = self.ours.wire.finish_upload(location, digest_of(b"half whole"), b" whole")
        self.assertEqual(finished.status, 201)

    def test_referrers(self) -> None:
        """Who refers to what is right whatever docker-registry pushes or deletes, and stored nowhere."""
        [config, *_] = self.sources.blobs(self.plain)
        referrer = canonical_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": config, "size": 1},
                "layers": [],
                "subject": {"mediaType": MANIFEST, "digest": self.plain, "size": 1},
            }
        )
        digest = digest_of(referrer)
        self.assertEqual(self.referrers(), [])
        pushed = self.theirs.wire.request("PUT", f"/v2/plain/manifests/{digest}", referrer, TYPE)
        self.assertEqual((pushed.status, self.referrers()), (201, [digest]))
        collect_garbage(self.storage, self.work)
        self.assertEqual(self.referrers(), [digest])
        self.assertEqual(self.theirs.wire.request("DELETE", f"/v2/plain/manifests/{digest}").status, 202)
        self.assertEqual(self.referrers(), [])
        names = {path.name for path in self.storage.rglob("*") if path.is_file()}
        self.assertEqual(names, {"data", "link"})

    def referrers(self) -> list[str]:
        """Ask us who refers to the plain image."""
        answer = self.ours.wire.request("GET", f"/v2/plain/referrers/{self.plain}")
        return [entry["digest"] for entry in json.loads(answer.body)["manifests"]]

    def put_manifest(self, reference: str) -> None:
        """Push the manifest with the long digest to us."""
        answer = self.ours.wire.request("PUT", f"/v2/long/manifests/{reference}", self.manifest, TYPE)
        self.assertEqual(answer.status, 201, answer)

    def served(self, server: Registry) -> list[str | None]:
        """Ask for the manifest and the blobs by their long digests; the digest of what came, each time."""
        paths = [f"manifests/{self.digest}", *(f"blobs/{digest}" for digest in self.digests)]
        answers = [server.wire.request("GET", f"/v2/long/{path}", headers=ACCEPT) for path in paths]
        self.assertLessEqual({answer.status for answer in answers}, {200, 404}, server.program.name)
        return [sha512(answer.body) if answer.status == 200 else None for answer in answers]


def sha512(content: bytes) -> str:
    """Name content by its SHA-512."""
    return "sha512:" + hashlib.sha512(content).hexdigest()
