"""
Storage trees as no registry of today leaves them: old, damaged, tampered with, or visited by other programs.

Everything odd comes with questions that a client may ask about it; what the right answers are, others say.
"""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.live.registries import SECRET
from tests.live.written_tree import LAYER, WrittenTree, named, parts, write
from txregistry.model.upload import UploadState

STARTED = "2020-01-02T03:04:05Z"

BROKEN_LINKS: Mapping[str, Callable[[str], str]] = {
    "with a newline": lambda digest: digest + "\n",
    "with a line end": lambda digest: digest + "\r\n",
    "with a blank": lambda digest: " " + digest,
    "empty": lambda digest: "",
    "of junk": lambda digest: "junk",
    "in capitals": str.upper,
    "cut short": lambda digest: digest[:-1],
    "huge": lambda digest: "x" * 5000,
    "not ASCII": lambda digest: "sha256:é",
    "of an unknown kind": lambda digest: "md5:" + "a" * 32,
    "with a zero": lambda digest: digest + "\0",
    "written twice": lambda digest: digest * 2,
    "that dangles": lambda digest: "sha256:" + "0" * 64,
}


def _empty(place: Path) -> None:
    write(place, b"")


def _make_a_directory(place: Path) -> None:
    place.unlink()
    place.mkdir()


def _make_the_directory_a_file(place: Path) -> None:
    shutil.rmtree(place.parent)
    write(place.parent, b"")


def _move_the_directory(place: Path) -> None:
    place.parent.rename(place.parent.parent / "elsewhere")


SPOILT_DATA: Mapping[str, Callable[[Path], None]] = {
    "data was emptied": _empty,
    "data is a directory": _make_a_directory,
    "data is gone": Path.unlink,
    "directory is a file": _make_the_directory_a_file,
    "directory is elsewhere": _move_the_directory,
}

SPOILT_LINKS: Mapping[str, Callable[[Path], None]] = {
    "a directory": _make_a_directory,
    "missing": Path.unlink,
    "missing with its directory, a file": _make_the_directory_a_file,
}


class OddTree(WrittenTree):
    """Everything odd that there is."""

    def old_signatures(self) -> None:
        """Signatures of schema 1 manifests, which registries stored before 2.4, below revisions."""
        digest = self.image("signed")
        signature = self.blob(b"a JWS signature")
        write(self.revision("signed", digest).parent / "signatures" / parts(signature) / "link", signature)
        self.ask_all("signatures", "signed", digest)

    def sessions(self) -> None:
        """Uploads that were left over, in all states."""
        digest = self.image("uploads")
        complete = {"data": b"abc", "startedat": STARTED.encode()}
        for what, files in {
            "whole": complete,
            "without a start": {"data": b"abc"},
            "without data": {"startedat": STARTED.encode()},
            "with states only": {"hashstates/sha256/0": b"x" * 108, "hashstates/sha256/3": b"x"},
            "without anything": {},
            "with strange states": {
                **complete,
                "hashstates/sha256/3": b"sha\x03" + b"z" * 104,
                "hashstates/sha256/0x3": b"",
                "hashstates/sha256/-1": b"",
                "hashstates/sha256/003": b"x",
                "hashstates/sha256/junk": b"",
                "hashstates/md5/3": b"",
            },
            "begun at no time": {**complete, "startedat": b"yesterday"},
            "with an empty start": {**complete, "startedat": b""},
            "with a newline behind its start": {**complete, "startedat": STARTED.encode() + b"\n"},
            "with a long start": {**complete, "startedat": STARTED.encode() + b" " * 100},
            "begun in another zone": {**complete, "startedat": b"2020-01-02T03:04:05+02:00"},
            "begun between two seconds": {**complete, "startedat": b"2020-01-02T03:04:05.123456789Z"},
        }.items():
            self._session(what, str(uuid.uuid4()), files)
        self._session("of a strange name", "not-a-uuid", complete)
        self._session("without dashes", uuid.uuid4().hex, complete)
        self._session("in capitals", str(uuid.uuid4()).upper(), complete)
        self._session(
            "whose data is a directory", str(uuid.uuid4()), {"startedat": STARTED.encode(), "data/x": b""}
        )
        uploads = self.repositories / "uploads" / "_uploads"
        write(uploads / str(uuid.uuid4()), b"a file in the place of a session")
        self.foreign(uploads)
        self.ask_all("left-over uploads", "uploads", digest)

    def links(self) -> None:
        """Links that hold something else than a digest."""
        for number, (what, broken) in enumerate(BROKEN_LINKS.items()):
            name = f"links{number}"
            digest, other = self.image(name), self.image(name, "v2")
            write(self.layer(name, named(LAYER)), broken(named(LAYER)))
            for method in ("HEAD", "GET"):
                self.ask(f"{method} blob by a link {what}", f"{name}/blobs/{named(LAYER)}", method)
            write(self.tag(name, "odd", digest), broken(digest))
            self.ask(f"tag by a link {what}", f"{name}/manifests/odd")
            self.ask(f"tags beside a link {what}", f"{name}/tags/list")
            write(self.revision(name, other), broken(other))
            self.ask(f"manifest by a link {what}", f"{name}/manifests/{other}")
            self.ask(f"tag and manifest by a link {what}", f"{name}/manifests/v2")
            self.ask(f"good tag beside a link {what}", f"{name}/manifests/v1")

    def tags(self) -> None:
        """Tags that are not whole, and what is no tag among them."""
        digest = self.image("tags")
        tags = self.repositories / "tags" / "_manifests" / "tags"
        self.tag("tags", "noindex", digest, index=False)
        self.tag("tags", "nocurrent", digest).unlink()
        (tags / "empty").mkdir()
        self.tag("tags", "dangling", "sha256:" + "1" * 64)
        unlinked = self.image("tags", "unlinked")
        shutil.rmtree(self.revision("tags", unlinked).parent)
        self.tag("tags", "layer", named(LAYER))
        write(tags / "file", digest)
        (tags / "directory" / "current" / "link").mkdir(parents=True)
        write(tags / "nodirectory" / "current", digest)
        self.tag("tags", "_under", digest)
        self.tag("tags", "v2.tmp", digest)
        self.ask("manifest of a tag alone", f"tags/manifests/{unlinked}")
        for tag in ("noindex", "nocurrent", "empty", "dangling", "unlinked", "layer", "file", "directory"):
            self.ask(f"tag {tag}", f"tags/manifests/{tag}")
        for tag in ("nodirectory", "_under", "v2.tmp"):
            self.ask(f"tag {tag}", f"tags/manifests/{tag}")
        self.ask_all("odd tags", "tags", digest)

    def revisions(self) -> None:
        """Manifests that are not whole, or none at all."""
        digest = self.image("revisions")
        self.revision("revisions", self.image("revisions", "nolink")).unlink()
        self.ask("tag of a revision without a link", "revisions/manifests/nolink")
        by_layer = self.image("revisions", "bylayer")
        self.layer("revisions", by_layer)
        shutil.rmtree(self.revision("revisions", by_layer).parent)
        for reference in ("bylayer", by_layer):
            self.ask(f"manifest by a blob link, by {reference[:7]}", f"revisions/manifests/{reference}")
        self.ask("layer as a manifest", f"revisions/manifests/{named(LAYER)}")
        for what, content in (("JSON", b'{"not":"a manifest"}'), ("text", b"no manifest"), ("nothing", b"")):
            self.ask(f"revision of {what}", f"revisions/manifests/{self.revised('revisions', content)}")
        lost = self.revised("revisions", b"lost")
        self.layer("revisions", lost)
        shutil.rmtree(self.data(lost).parent)
        for family in ("manifests", "blobs"):
            self.ask(f"link to lost content among {family}", f"revisions/{family}/{lost}")
        revisions = self.repositories / "revisions" / "_manifests" / "revisions"
        write(revisions / "md5" / "abc" / "link", b"md5:abc")
        write(revisions / "sha256" / "junk" / "link", b"junk")
        self.foreign(revisions, revisions / "sha256")
        self.ask_all("odd revisions", "revisions", digest)

    def damage(self) -> None:
        """Content that is not what it was."""
        digest = self.image("damaged")
        for what, content in (("emptied", b""), ("changed", b'{"schemaVersion":2}')):
            spoilt = self.image("damaged", what)
            write(self.data(spoilt), content)
            for method in ("HEAD", "GET"):
                self.ask(f"{method} manifest whose data was {what}", f"damaged/manifests/{spoilt}", method)
        for what, spoil in SPOILT_DATA.items():
            self._spoil(f"blob whose {what}", self.data, spoil)
        for what, spoil in SPOILT_LINKS.items():
            self._spoil(f"blob whose link is {what}", lambda digest: self.layer("damaged", digest), spoil)
        self.ask_all("damage", "damaged", digest)

    def aliases(self) -> None:
        """Links from a SHA-512 to what is stored by its SHA-256, as distribution leaves them."""
        digest = self.image("alias")
        alias = named(LAYER, "sha512")
        write(self.layer("alias", alias), named(LAYER))
        dangling = "sha512:" + "5" * 128
        write(self.layer("alias", dangling), "sha256:" + "5" * 64)
        lying = "sha512:" + "6" * 128
        write(self.layer("alias", lying), named(LAYER))
        for what, known in (("", alias), (" that dangles", dangling), (" that lies", lying)):
            for method in ("HEAD", "GET"):
                self.ask(f"{method} alias{what}", f"alias/blobs/{known}", method)
        self.ask_all("aliases", "alias", digest)

    def schema1(self) -> None:
        """An image from before 2016."""
        manifest = {
            "schemaVersion": 1,
            "name": "old",
            "tag": "v1",
            "architecture": "amd64",
            "fsLayers": [{"blobSum": named(LAYER)}],
            "history": [{"v1Compatibility": '{"id":"a"}'}],
        }
        self.image("old", "v2")
        digest = self.revised("old", json.dumps(manifest, indent=3).encode())
        self.tag("old", "v1", digest)
        self.ask_all("schema 1", "old", digest)

    def names(self) -> None:
        """Repositories nested in others, some of one letter, and directories that can be none."""
        for name in ("n", "n/e", "n/e/s-t/e_d", "0", "x/0", "dot.tmp", "a__b"):
            self.ask_all(f"name {name}", name, self.image(name))
        for name in ("Upper", "has blank", "-dash", "under___score", "_private", "_private/below", "ü"):
            self.image(name)
        self.ask("tags of a parent", "x/tags/list")

    def empty(self) -> None:
        """Directories without anything in them."""
        for number, path in enumerate(
            (
                "",
                "_layers",
                "_layers/sha256",
                f"_layers/sha256/{'a' * 64}",
                "_manifests",
                "_manifests/tags",
                "_manifests/revisions/sha256",
                "_uploads",
                "sub/sub",
            )
        ):
            name = f"empty{number}"
            (self.repositories / name / path).mkdir(parents=True)
            what = f"with an empty {path[:20]}" if path else "empty"
            self.ask(f"tags of one {what}", f"{name}/tags/list")
            self.ask(f"tag of one {what}", f"{name}/manifests/v1")
            self.ask(f"manifest of one {what}", f"{name}/manifests/{named(LAYER)}")
            self.ask(f"blob of one {what}", f"{name}/blobs/{named(LAYER)}")
            self.ask(f"blob whose directory is empty, of one {what}", f"{name}/blobs/sha256:{'a' * 64}")

    def strangers(self) -> None:
        """Foreign files and directories at every level."""
        digest = self.image("foreign")
        layer = self.data(named(LAYER)).parent
        repository = self.repositories / "foreign"
        tags = repository / "_manifests" / "tags"
        self.foreign(
            *(self.storage, self.storage / "docker", self.layout.parent, self.layout),
            *(layer.parent.parent.parent, layer.parent.parent, layer.parent, layer),
            *(self.repositories, repository, repository / "_layers", repository / "_layers" / "sha256"),
            *(self.layer("foreign", named(LAYER)).parent, repository / "_manifests"),
            *(tags, tags / "v1", tags / "v1" / "index", tags / "v1" / "current"),
        )
        write(self.repositories / "manifestsfile" / "_manifests", b"")
        self.ask("tags where _manifests is a file", "manifestsfile/tags/list")
        self.ask("blob beside foreign files", f"foreign/blobs/{named(LAYER)}")
        self.ask_all("foreign files", "foreign", digest)

    def symbolic_links(self, elsewhere: Path) -> None:
        """``blobs`` and a repository on another disk, and links that lead nowhere."""
        digest = self.image("moved")
        elsewhere.mkdir()
        for place in (self.repositories / "moved", self.layout / "blobs"):
            os.rename(place, elsewhere / place.name)
            place.symlink_to(elsewhere / place.name)
        (self.repositories / "nowhere").symlink_to("/nowhere/at/all")
        self.ask_all("symbolic links", "moved", digest)
        for path in ("tags/list", "manifests/v1", f"blobs/{named(LAYER)}"):
            self.ask(f"{path[:5]} behind a link to nowhere", f"nowhere/{path}")

    def _spoil(self, what: str, place: Callable[[str], Path], spoil: Callable[[Path], None]) -> None:
        digest = self.blob(what.encode())
        self.layer("damaged", digest)
        spoil(place(digest))
        for method in ("HEAD", "GET"):
            self.ask(f"{method} {what}", f"damaged/blobs/{digest}", method)

    def _session(self, what: str, id: str, files: Mapping[str, bytes]) -> None:
        place = self.repositories / "uploads" / "_uploads" / id
        place.mkdir(parents=True)
        for path, content in files.items():
            write(place / path, content)
        state = UploadState("uploads", id, 3, datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)).pack(SECRET.encode())
        self.ask(f"upload {what}", f"uploads/blobs/uploads/{id}?_state={state}")
