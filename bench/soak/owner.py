"""A client that fills repositories of its own, knows what must be in them, and empties them again."""

import json
import random
import shutil
import time
from collections.abc import Callable

from bench.soak.errors import Fault
from bench.soak.facts import Fact, Facts
from bench.soak.pieces import SIZES, Piece
from bench.soak.pushing import abandon, push
from bench.soak.reader import check_blob
from bench.soak.session import ACCEPT, Session, sha256
from bench.soak.setting import SHARED, Setting

__all__ = ["INDEX", "MANIFEST", "Owner", "image", "references"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"

_TAGS = ("latest", "v1", "v2", "nightly")
_FULL = 40
_CHILDREN = 4
_POOL = 4
"""So many blobs of each size are in the pool."""
_WEIGHTS = (40, 30, 20, 8, 2)
_ORPHANS = 3.0
"""Seconds after which nothing goes on any more that a killed client had asked for."""


def image(layers: list[Piece], config: Piece, **more: object) -> bytes:
    """An image manifest."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": config.digest, "size": config.size},
        "layers": [{"mediaType": _LAYER, "digest": one.digest, "size": one.size} for one in layers],
    }
    return json.dumps(document | more).encode()


def references(text: bytes) -> set[str]:
    """What must be there before a registry takes this manifest."""
    said = json.loads(text)
    entries = [*said.get("layers", ()), *said.get("manifests", ())]
    return {each["digest"] for each in entries} | ({said["config"]["digest"]} if "config" in said else set())


class Owner:
    """
    Does one thing after another in repositories that nobody else writes to.

    :param name: of the client; whoever has it after one was killed finds its facts in the same file.
    """

    def __init__(self, setting: Setting, name: str, dice: random.Random) -> None:
        self._setting, self._name, self._dice = setting, name, dice
        self._session = Session(setting, dice)
        self._facts = Facts(setting.directory / f"{name}.facts")
        self._texts: dict[str, bytes] = {}
        self._repository = ""
        self._steps = 0
        self._unique = 0
        self._begun = False

    def step(self) -> str:
        """Do one thing and say what; the first time, look after what the one before has left."""
        if not self._begun:
            left = self._facts.repositories()
            if left:
                time.sleep(_ORPHANS)
            for repository in left:
                self._clear(repository)
            self._begun = True
            return "succeeded a killed client"
        if not self._repository or self._steps >= _FULL:
            self.finish()
            self._repository = f"soak/{self._name}/{time.time_ns():x}"
            self._steps = 0
        self._steps += 1
        names = [*_STEPS]
        (name,) = self._dice.choices(names, [_STEPS[each][0] for each in names])
        _STEPS[name][1](self)
        return name

    def finish(self) -> None:
        """Check all that must be there, remove it, and see that it is gone."""
        for repository in self._facts.repositories():
            self._clear(repository)
        self._repository = ""

    def close(self) -> None:
        """Leave the registry."""
        self._session.close()
        self._facts.close()

    # --- steps ---

    def _push_image(self) -> None:
        layers = [self._push(self._some_piece()) for _ in range(self._dice.randint(1, 3))]
        manifest = image(layers, self._push(self._unique_piece()))
        self._put(manifest, MANIFEST, self._dice.choice(_TAGS))

    def _push_index(self) -> None:
        texts = [text for text in self._whole() if json.loads(text)["mediaType"] == MANIFEST]
        entries = [
            {"mediaType": MANIFEST, "digest": sha256(text), "size": len(text)} for text in texts[:_CHILDREN]
        ]
        document = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": entries,
            "annotations": {"n": self._fresh()},
        }
        self._put(json.dumps(document).encode(), INDEX, self._dice.choice(_TAGS))

    def _push_referrer(self) -> None:
        manifests = self._facts.known("manifest", self._repository)
        config = self._push(self._unique_piece())
        subject = sha256(b"nothing") if not manifests else self._dice.choice(manifests).name
        described = {"mediaType": MANIFEST, "digest": subject, "size": 1}
        manifest = image([], config, subject=described, artifactType="application/vnd.soak")
        digest = self._put(manifest, MANIFEST, None)
        path = f"/v2/{self._repository}/referrers/{subject}"
        listed = json.loads(self._session.ask("GET", path, [200]).body)["manifests"]
        if digest not in [each["digest"] for each in listed]:
            raise Fault(f"{digest} is not in {path}: {listed}")

    def _move_tag(self) -> None:
        texts = self._whole()
        if texts:
            text = self._dice.choice(texts)
            self._put(text, json.loads(text)["mediaType"], self._dice.choice(_TAGS))

    def _mount(self) -> None:
        piece = self._dice.choice(self._dice.choice(self._setting.images).pieces)
        fact = Fact("blob", self._repository, piece.digest)
        self._facts.maybe(fact, piece.digest)
        query = f"mount={piece.digest}&from={SHARED}"
        answer = self._session.ask("POST", f"/v2/{self._repository}/blobs/uploads/?{query}", [201])
        if answer.header("docker-content-digest") != piece.digest:
            raise Fault(f"mounted {piece.digest}, told {answer.headers}")
        self._facts.surely(fact, piece.digest)

    def _abandon(self) -> None:
        abandon(self._session, f"soak/left/{self._name}", self._some_piece())

    def _look(self) -> None:
        facts = [*self._facts.heard(self._repository)]
        if facts:
            self._check(self._dice.choice(facts))

    def _list(self) -> None:
        self._check_tags(self._repository)

    def _delete(self) -> None:
        facts = [*self._facts.heard(self._repository)]
        if facts:
            self._remove(self._dice.choice(facts))

    # --- what they are made of ---

    def _fresh(self) -> str:
        self._unique += 1
        return f"{self._name} {time.time_ns()} {self._unique}"

    def _whole(self) -> list[bytes]:
        """The manifests that are surely there, with all that they refer to."""
        there = {
            fact.name for kind in ("manifest", "blob") for fact in self._facts.known(kind, self._repository)
        }
        return [text for digest, text in self._texts.items() if digest in there and references(text) <= there]

    def _unique_piece(self) -> Piece:
        return Piece(self._fresh(), self._dice.randint(1000, 16_000))

    def _some_piece(self) -> Piece:
        (size,) = self._dice.choices(SIZES, _WEIGHTS)
        return Piece(f"pool {self._dice.randrange(_POOL)}", size)

    def _push(self, piece: Piece) -> Piece:
        fact = Fact("blob", self._repository, piece.digest)
        self._facts.maybe(fact, piece.digest)
        push(self._session, self._repository, piece)
        self._facts.surely(fact, piece.digest)
        if self._dice.random() < 0.3:
            self._check(fact)
        return piece

    def _put(self, text: bytes, media_type: str, tag: str | None) -> str:
        digest = sha256(text)
        self._texts[digest] = text
        fact = Fact("manifest", self._repository, digest)
        self._facts.maybe(fact, digest)
        tagged = Fact("tag", self._repository, tag) if tag else None
        if tagged:
            self._facts.maybe(tagged, digest)
        path = f"/v2/{self._repository}/manifests/{tag or digest}"
        answer = self._session.ask("PUT", path, [201], {"Content-Type": media_type}, text)
        if answer.header("docker-content-digest") != digest:
            raise Fault(f"pushed {digest}, told {answer.headers}")
        self._facts.surely(fact, digest)
        if tagged:
            self._facts.surely(tagged, digest)
        if self._dice.random() < 0.3:
            self._check(tagged or fact)
        return digest

    def _path(self, fact: Fact) -> str:
        return f"/v2/{fact.repository}/{'blobs' if fact.kind == 'blob' else 'manifests'}/{fact.name}"

    def _check(self, fact: Fact) -> None:
        """See that the registry has for *fact* what it may have, and that the content is right."""
        possible, path = self._facts.possible(fact), self._path(fact)
        expected = [*([200] if possible - {None} else []), *([404] if None in possible else [])]
        head = self._session.ask("HEAD", path, expected, ACCEPT)
        if head.status == 404:
            return
        if head.header("docker-content-digest") not in possible:
            raise Fault(f"{path} is {head.header('docker-content-digest')}, expected one of {possible}")
        if fact.kind == "blob":
            if None not in possible:
                check_blob(self._session, path, fact.name, int(head.header("content-length")))
            return
        got = self._session.ask("GET", path, expected, ACCEPT)
        if got.status == 200 and sha256(got.body) not in possible:
            raise Fault(f"the text of {path} hashes to {sha256(got.body)}, expected one of {possible}")

    def _check_tags(self, repository: str) -> None:
        facts = [fact for fact in self._facts.heard(repository) if fact.kind == "tag"]
        sure = {fact.name for fact in facts if None not in self._facts.possible(fact)}
        maybe = {fact.name for fact in facts if self._facts.possible(fact) != {None}}
        answer = self._session.ask("GET", f"/v2/{repository}/tags/list", [200] if sure else [200, 404])
        listed = set(json.loads(answer.body)["tags"] or ()) if answer.status == 200 else set()
        if not sure <= listed <= maybe:
            raise Fault(f"{repository} lists the tags {listed}; there must be {sure}, may be {maybe}")

    def _remove(self, fact: Fact) -> None:
        """Delete what *fact* is about, and see that it is gone."""
        possible = self._facts.possible(fact)
        tags = [
            each
            for each in self._facts.heard(fact.repository)
            if fact.kind == "manifest" and each.kind == "tag" and fact.name in self._facts.possible(each)
        ]
        for each in [fact, *tags]:
            self._facts.maybe(each, None)
        expected = [*([202] if possible - {None} else []), *([404] if None in possible else [])]
        self._session.ask("DELETE", self._path(fact), expected)
        self._facts.surely(fact, None)
        for each in tags:
            self._facts.without(each, fact.name)
        self._session.ask("HEAD", self._path(fact), [404], ACCEPT)

    def _clear(self, repository: str) -> None:
        """Check all, delete all, see that nothing is left; then remove what no request removes."""
        facts = [*self._facts.heard(repository)]
        for fact in facts:
            self._check(fact)
        self._check_tags(repository)
        for kind in ("tag", "manifest", "blob"):
            for fact in facts:
                if fact.kind == kind:
                    self._remove(fact)
        self._check_tags(repository)
        tree = self._setting.storage / "docker" / "registry" / "v2"
        shutil.rmtree(tree / "repositories" / repository, ignore_errors=True)
        pool = {Piece(f"pool {number}", size).digest for number in range(_POOL) for size in SIZES}
        pool |= {piece.digest for each in self._setting.images for piece in each.pieces}
        for fact in facts:
            if fact.kind != "tag" and fact.name not in pool:
                hexadecimal = fact.name.partition(":")[2]
                shutil.rmtree(tree / "blobs" / "sha256" / hexadecimal[:2] / hexadecimal, ignore_errors=True)
        self._facts.forget(repository)
        self._texts.clear()


_STEPS: dict[str, tuple[int, Callable[[Owner], None]]] = {
    "image pushed": (30, Owner._push_image),
    "index pushed": (5, Owner._push_index),
    "referrer pushed": (5, Owner._push_referrer),
    "tag moved": (10, Owner._move_tag),
    "blob mounted": (8, Owner._mount),
    "upload given up": (8, Owner._abandon),
    "content checked": (20, Owner._look),
    "tags listed": (6, Owner._list),
    "content deleted": (14, Owner._delete),
}
"""How often, of the sum of all, each thing is done."""
