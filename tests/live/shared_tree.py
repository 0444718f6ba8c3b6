"""
What must be found in one directory that two daemons serve, whichever of them is asked.

A test tells the ledger what was pushed and deleted, through whichever daemon; the ledger asks both about
everything that it knows of.
"""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tests.live.case import LiveTestCase
from tests.live.images import (
    INDEX,
    MANIFEST,
    Image,
    Layout,
    Stored,
    digest_of,
    layout_blobs,
    tagged_digest,
    tar_of,
)
from tests.live.processes import require, run
from tests.live.registries import Registry, start_docker_registry
from tests.live.skopeo import Skopeo

ACCEPT = {"Accept": f"{MANIFEST}, {INDEX}"}


def collect_garbage(storage: Path, output: Path, *options: str) -> str:
    """
    Run docker-registry's collector on *storage*.

    :return: what it printed.
    :raises AssertionError: it failed, which it does on a tree that it does not understand.
    """
    config = output / "collector.yml"
    filesystem = {"rootdirectory": str(storage)}
    config.write_text(yaml.safe_dump({"version": 0.1, "storage": {"filesystem": filesystem}}))
    return run([require("docker-registry"), "garbage-collect", *options, str(config)])


class Sources:
    """
    Images of which no two are alike, made as they are needed, with some layers in common.

    :param root: a new directory for them.
    """

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._base = [self._layout.layer(tar_of({"base": bytes([number])})) for number in range(3)]
        self._made = 0

    def image(self) -> str:
        """Make an image, and give the digest of its manifest."""
        return self._tagged(self._image(None).manifest)

    def index(self) -> str:
        """Make an index over two images."""
        return self._tagged(self._layout.index([self._image(name) for name in ("amd64", "arm64")]))

    def name(self, digest: str) -> str:
        """Say how skopeo calls what was made."""
        return f"oci:{self._layout.root}:{digest.removeprefix('sha256:')}"

    def content(self, digest: str) -> bytes:
        """Give a blob or a manifest."""
        return self._layout.blob(digest).read_bytes()

    def manifests(self, digest: str) -> list[str]:
        """Give the digest of a manifest, and those of its children."""
        children = json.loads(self.content(digest)).get("manifests", ())
        return [digest, *(child["digest"] for child in children)]

    def blobs(self, digest: str) -> list[str]:
        """Give the digests of the configuration and the layers of an image, or of all images of an index."""
        documents = [json.loads(self.content(manifest)) for manifest in self.manifests(digest)]
        return [
            blob["digest"]
            for document in documents
            if "layers" in document
            for blob in (document["config"], *document["layers"])
        ]

    def _image(self, architecture: str | None) -> Image:
        self._made += 1
        own = self._layout.layer(tar_of({"own": b"%d" % self._made}))
        return self._layout.image([self._base[self._made % len(self._base)], own], architecture)

    def _tagged(self, manifest: Stored) -> str:
        self._layout.tag(manifest.digest.removeprefix("sha256:"), manifest)
        return manifest.digest


class Ledger:
    """
    What the repositories must hold, and how to find out whether they do.

    :ivar tags: by repository, the digest of each tag.
    :ivar manifests: by repository, those that are there.
    :ivar blobs: by repository, those that are there.
    :ivar gone: by repository, the manifests that were deleted.
    :ivar gone_blobs: by repository, the blobs that were deleted or collected.
    """

    def __init__(self, sources: Sources, servers: Sequence[Registry]) -> None:
        self._sources, self._servers = sources, servers
        self.tags: dict[str, dict[str, str]] = {}
        self.manifests: dict[str, set[str]] = {}
        self.blobs: dict[str, set[str]] = {}
        self.gone: dict[str, set[str]] = {}
        self.gone_blobs: dict[str, set[str]] = {}

    def exists(self, name: str) -> None:
        """Note that there is a repository, even if nothing else is known of it."""
        self.tags.setdefault(name, {})
        for held in (self.manifests, self.blobs, self.gone, self.gone_blobs):
            held.setdefault(name, set())

    def pushed(self, name: str, tag: str, digest: str) -> None:
        """Note that an image was pushed whole."""
        self.exists(name)
        self.tags[name][tag] = digest
        manifests, blobs = set(self._sources.manifests(digest)), set(self._sources.blobs(digest))
        self.manifests[name] |= manifests
        self.blobs[name] |= blobs
        self.gone[name] -= manifests
        self.gone_blobs[name] -= blobs

    def untagged(self, name: str, tag: str) -> None:
        """Note that a tag was deleted."""
        del self.tags[name][tag]

    def deleted(self, name: str, digest: str) -> None:
        """Note that a manifest was deleted, and its tags with it."""
        self.tags[name] = {tag: held for tag, held in self.tags[name].items() if held != digest}
        self.manifests[name].discard(digest)
        self.gone[name].add(digest)

    def blob_deleted(self, name: str, digest: str) -> None:
        """Note that a blob was deleted from one repository."""
        self.blobs[name].discard(digest)
        self.gone_blobs[name].add(digest)

    def collected(self) -> None:
        """Note that whatever no manifest refers to was collected, the links to it left where they are."""
        kept = {
            blob
            for manifests in self.manifests.values()
            for manifest in manifests
            for blob in self._sources.blobs(manifest)
        }
        for name, blobs in self.blobs.items():
            self.gone_blobs[name] |= blobs - kept
            blobs &= kept

    def faults(self) -> list[str]:
        """Ask every server about everything; a line for each answer that is not right."""
        return [fault for server in self._servers for fault in self._faults_of(server)]

    def _faults_of(self, server: Registry) -> Iterator[str]:
        who = server.program.name
        catalog = json.loads(server.wire.request("GET", "/v2/_catalog?n=1000").body)["repositories"]
        if catalog != sorted(self.tags):
            yield f"{who}: the catalog is {catalog}, not {sorted(self.tags)}"
        for name, tags in self.tags.items():
            listed = json.loads(server.wire.request("GET", f"/v2/{name}/tags/list").body).get("tags")
            if sorted(listed or ()) != sorted(tags):
                yield f"{who}: the tags of {name} are {listed}, not {sorted(tags)}"
            for tag, digest in tags.items():
                yield from self._manifest_fault(server, name, tag, digest)
            for digest in self.manifests[name]:
                yield from self._manifest_fault(server, name, digest, digest)
            for digest in self.gone[name]:
                yield from self._manifest_fault(server, name, digest, None)
            for digest in self.blobs[name]:
                yield from self._blob_fault(server, name, digest, 200)
            for digest in self.gone_blobs[name]:
                yield from self._blob_fault(server, name, digest, 404)

    def _manifest_fault(
        self, server: Registry, name: str, reference: str, digest: str | None
    ) -> Iterator[str]:
        answer = server.wire.request("GET", f"/v2/{name}/manifests/{reference}", headers=ACCEPT)
        found = digest_of(answer.body) if answer.status == 200 else None
        if found != digest or answer.status not in (200, 404):
            yield f"{server.program.name}: {name}, {reference}: {answer.status}, {found}, not {digest}"

    def _blob_fault(self, server: Registry, name: str, digest: str, status: int) -> Iterator[str]:
        for method in ("HEAD", "GET"):
            answer = server.wire.request(method, f"/v2/{name}/blobs/{digest}")
            if answer.status != status or (
                method == "GET" and status == 200 and digest_of(answer.body) != digest
            ):
                yield f"{server.program.name}: {method} {name}, {digest}: {answer.status}, not {status}"


class Players:
    """
    Does what clients do, each time through the server that it is given, and notes it in the ledger.

    :param chance: decides what is done to what.
    :param directory: for what is pulled.
    """

    def __init__(self, sources: Sources, ledger: Ledger, chance: random.Random, directory: Path) -> None:
        self._sources, self._ledger, self._chance = sources, ledger, chance
        self._directory = directory
        self._skopeo = Skopeo(directory)
        self._pulled = 0

    def push(self, server: Registry, name: str, tag: str, digest: str) -> None:
        """Push an image, or an index with all its images."""
        self._skopeo.copy(self._sources.name(digest), f"docker://{server.address}/{name}:{tag}", "--all")
        self._ledger.pushed(name, tag, digest)

    def copy(self, server: Registry, name: str, tag: str) -> None:
        """Copy something that is tagged to a tag of another repository, or of the same."""
        source, held, digest = self._any()
        here = f"docker://{server.address}"
        self._skopeo.copy(f"{here}/{source}:{held}", f"{here}/{name}:{tag}", "--all")
        self._ledger.pushed(name, tag, digest)

    def untag(self, server: Registry) -> None:
        """Delete a tag, which docker-registry cannot."""
        name, tag, _ = self._any()
        _delete(server, f"/v2/{name}/manifests/{tag}")
        self._ledger.untagged(name, tag)

    def delete(self, server: Registry) -> None:
        """Delete a manifest that is tagged."""
        name, _, digest = self._any()
        _delete(server, f"/v2/{name}/manifests/{digest}")
        self._ledger.deleted(name, digest)

    def delete_blob(self, server: Registry) -> tuple[str, str, str]:
        """
        Delete a blob that something tagged needs.

        :return: the repository, the tag and the digest, to be pushed again.
        """
        name, tag, digest = self._any()
        blob = self._chance.choice(self._sources.blobs(digest))
        _delete(server, f"/v2/{name}/blobs/{blob}")
        self._ledger.blob_deleted(name, blob)
        return name, tag, digest

    def pull(self, server: Registry) -> list[str]:
        """Pull something tagged, whole, and compare it to the byte; a line for each fault."""
        name, tag, digest = self._any()
        self._pulled += 1
        target = self._directory / f"pulled{self._pulled}"
        self._skopeo.copy(f"docker://{server.address}/{name}:{tag}", f"oci:{target}:v1", "--all")
        expected = {*self._sources.manifests(digest), *self._sources.blobs(digest)}
        if tagged_digest(target) != digest or layout_blobs(target) != expected:
            return [f"{server.program.name}: what was pulled as {name}:{tag} is not {digest}"]
        return []

    def _any(self) -> tuple[str, str, str]:
        tagged = [
            (name, tag, digest) for name, tags in self._ledger.tags.items() for tag, digest in tags.items()
        ]
        return self._chance.choice(sorted(tagged))


def _delete(server: Registry, path: str) -> None:
    answer = server.wire.request("DELETE", path)
    if answer.status != 202:
        raise AssertionError(f"{server.program.name} did not delete {path}: {answer}")


class SharedDirectoryCase(LiveTestCase):
    """Both daemons on one directory."""

    def setUp(self) -> None:
        """
        Start both.

        docker-registry remembers nothing: what its descriptor cache still believes after others deleted
        it is its own affair.
        """
        self.work = self.directory()
        self.storage = self.work / "storage"
        self.ours = self.registry(self.storage)
        self.theirs = start_docker_registry(
            self.storage, self.directory(), settings={"storage": {"cache": {}}}
        )
        self.addCleanup(self.theirs.program.terminate)
        self.sources = Sources(self.work / "sources")
        self.ledger = Ledger(self.sources, (self.ours, self.theirs))

    def assert_no_faults(self, after: str) -> None:
        """Ask both daemons about everything."""
        self.assertEqual(self.ledger.faults(), [], f"after {after}")
