"""
Random requests, the same ones for the same seed.

The generator knows what both daemons do alike, and brings both into the same state again where they do not:
it drops a session that one of them has refused, and sets a tag again that only one has removed.  What is
special about a step stands in its name, for the table of differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from attrs import define, evolve

from tests.live.differential.content import (
    BAD_MANIFESTS,
    CONTENT,
    DOCKER,
    DOCKER_LIST,
    OCI,
    OCI_INDEX,
)
from tests.live.differential.steps import Fields, Step, push, put_manifest, start, step

#: Steps of one seed, about.
LENGTH = 200

_BLOBS = ("alpha", "beta", "one", "empty", "braces")
_MANIFESTS = {
    "m.docker": DOCKER,
    "m.oci": OCI,
    "m.other": OCI,
    "m.index": OCI_INDEX,
    "m.index-empty": OCI_INDEX,
    "m.list": DOCKER_LIST,
    "m.artifact": OCI,
}
_TAGS = ("t", "v1", "latest")
_NO_DIGESTS = ("short", "long", "capitals", "md5", "unknown", "no-hex")
_ACCEPTS = ("all", DOCKER, DOCKER_LIST, OCI, OCI_INDEX, "*/*", "text/html")
_ALL = ", ".join((DOCKER, DOCKER_LIST, OCI, OCI_INDEX))
_STRANGE = "AZ09._-~/%+:;@ \\\u00e9"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@define
class _Session:
    """An upload that both daemons have, with so many bytes of *content*."""

    variable: str
    repository: str
    content: str
    sent: int = 0


class Generator:
    """
    Makes the steps of one seed.

    :param place: what the names of its repositories begin with.
    """

    def __init__(self, seed: int, place: str) -> None:
        self._random = Random(seed)
        self._repositories = [f"{place}/{name}" for name in ("a", "b", "c/d")]
        self._sessions: list[_Session] = []
        self._count = 0

    def steps(self) -> Iterator[Step]:
        """Make them all, each with the names that the table knows."""
        for repository in self._repositories[:2]:
            yield from self._named("set-up", push(repository, "layer", "config", "alpha", "braces"))
        actions: list[tuple[int, Callable[[], list[Step]]]] = [
            (4, self._begin),
            (10, self._patch),
            (6, self._close),
            (3, self._ask_session),
            (8, self._blob),
            (4, self._range),
            (4, self._push_blob),
            (2, self._delete_blob),
            (8, self._push_manifest),
            (3, self._push_bad),
            (8, self._pull_manifest),
            (3, self._delete_manifest),
            (2, self._delete_tag),
            (3, self._list),
            (5, self._strange_path),
            (3, self._strange_method),
        ]
        weights = [weight for weight, _ in actions]
        for _ in range(LENGTH):
            [(_, action)] = self._random.choices(actions, weights)
            yield from action()

    def _named(self, name: str, steps: list[Step]) -> list[Step]:
        return [evolve(each, name=f"random: {name}") for each in steps]

    def _one(self, name: str, made: Step) -> list[Step]:
        return self._named(name, [made])

    def _repository(self) -> str:
        return self._random.choice(self._repositories)

    # --- uploads ---

    def _begin(self) -> list[Step]:
        """A session, or a mount."""
        repository, source = self._repository(), self._repository()
        if self._random.random() < 0.3:
            digest = self._random.choice((*_BLOBS, "absent", *_NO_DIGESTS))
            query = f"?mount={{{digest}}}&from={source}"
            return self._one("POST mount", step("POST", f"/v2/{repository}/blobs/uploads/{query}", b""))
        self._count += 1
        session = _Session(f"u{self._count}", repository, self._random.choice(_BLOBS))
        self._sessions.append(session)
        return self._one("POST session", start(repository, session.variable))

    def _session(self) -> _Session | None:
        return self._random.choice(self._sessions) if self._sessions else None

    def _state(self, session: _Session) -> tuple[str, str]:
        """How a session is addressed, and what to call that."""
        kind = self._random.choice(("good", "good", "good", "good", "lost", "forged", "spoilt"))
        address = {
            "good": f"{{{session.variable}}}",
            "lost": f"{{{session.variable}.path}}?",
            "forged": f"{{{session.variable}.path}}?_state={'A' * 120}",
            "spoilt": f"{{{session.variable}.path}}?_state={{{session.variable}.state}}x",
        }[kind]
        return kind, address

    def _patch(self) -> list[Step]:
        """A chunk, at the right place or another."""
        session = self._session()
        if session is None:
            return []
        state, address = self._state(session)
        data = CONTENT[session.content]
        piece = data[session.sent : session.sent + self._random.randint(0, len(data))]
        begin, end = session.sent, session.sent + len(piece) - 1
        place = self._random.choice(("none", "none", "none", "right", "ahead", "words"))
        given = {
            "none": "",
            "right": f"{begin}-{end}",
            "ahead": f"{begin + 7}-{end + 7}",
            "words": "words",
        }[place if piece else "none"]
        fields = (("Content-Range", given),) if given else ()
        chunked = self._random.choice((0, 0, 1, 300))
        made = step("PATCH", address, piece, keep=session.variable, chunked=chunked, fields=fields)
        if state in ("forged", "spoilt"):
            made = evolve(made, keep="")
        elif state == "good" and place in ("none", "right"):
            session.sent += len(piece)
        else:
            self._sessions.remove(session)
        return self._one(f"PATCH state={state} range={place if piece else 'none'}", made)

    def _close(self) -> list[Step]:
        """The last PUT."""
        session = self._session()
        if session is None:
            return []
        state, address = self._state(session)
        rest = CONTENT[session.content][session.sent :]
        digest = self._random.choice(("right", "right", "wrong", "missing", "malformed"))
        named = {
            "right": f"&digest={{{session.content}}}",
            "wrong": "&digest={absent}",
            "missing": "",
            "malformed": f"&digest={{{self._random.choice(_NO_DIGESTS)}}}",
        }[digest]
        chunked = self._random.choice((0, 0, 50))
        made = step("PUT", address + named, rest, chunked=chunked)
        if state not in ("forged", "spoilt"):
            self._sessions.remove(session)
        steps = self._one(f"PUT state={state} digest={digest}", made)
        if state == "lost" and digest == "right":
            # Only ours knows the session by its path, and has the blob now.
            steps += self._named("push", push(session.repository, session.content))
        return steps

    def _ask_session(self) -> list[Step]:
        """How far it is, or its end."""
        session = self._session()
        if session is None:
            return []
        state, address = self._state(session)
        method = self._random.choice(("GET", "GET", "HEAD", "DELETE"))
        if method == "DELETE" and state in ("good", "lost"):
            self._sessions.remove(session)
        return self._one(f"{method} session state={state}", step(method, address))

    # --- blobs ---

    def _push_blob(self) -> list[Step]:
        content = self._random.choice((*_BLOBS, "layer", "config"))
        return self._named("push", push(self._repository(), content))

    def _blob(self) -> list[Step]:
        digest = self._random.choice((*_BLOBS, "absent", "absent512", *_NO_DIGESTS))
        method = self._random.choice(("GET", "HEAD"))
        fields: Fields = ()
        if self._random.random() < 0.3:
            tag = self._random.choice((f'"{{{digest}}}"', "*", '"x"', f"{{{digest}}}"))
            fields = (("If-None-Match", tag),)
        target = f"/v2/{self._repository()}/blobs/{{{digest}}}"
        return self._one(f"{method} blob {digest}", step(method, target, fields=fields))

    def _range(self) -> list[Step]:
        content = self._random.choice(("alpha", "beta"))
        size = len(CONTENT[content])

        def number() -> str:
            anywhere = self._random.randrange(2 * size)
            return str(self._random.choice((0, 1, size - 1, size, size + 1, anywhere)))

        ranges = [
            self._random.choice((f"{number()}-{number()}", f"{number()}-", f"-{number()}"))
            for _ in range(self._random.choice((1, 1, 1, 2, 3)))
        ]
        target = f"/v2/{self._repository()}/blobs/{{{content}}}"
        nothing = " of nothing" if "-0" in ranges else ""
        return self._one(f"GET range{nothing}", step("GET", target, Range=f"bytes={','.join(ranges)}"))

    def _delete_blob(self) -> list[Step]:
        digest = self._random.choice((*_BLOBS, "layer", "absent", *_NO_DIGESTS))
        return self._one("DELETE blob", step("DELETE", f"/v2/{self._repository()}/blobs/{{{digest}}}"))

    # --- manifests ---

    def _push_manifest(self) -> list[Step]:
        name = self._random.choice(list(_MANIFESTS))
        reference = self._random.choice((*_TAGS, f"{{{name}}}", "{absent}"))
        kind = {"{absent}": "of another", f"{{{name}}}": "by digest"}.get(reference, "by tag")
        return self._one(
            f"PUT manifest {kind}", put_manifest(self._repository(), reference, name, _MANIFESTS[name])
        )

    def _push_bad(self) -> list[Step]:
        fault = self._random.choice(sorted(set(BAD_MANIFESTS) - {"largest", "too large"}))
        media_type, _ = BAD_MANIFESTS[fault]
        # Nobody looks below: what one of the daemons takes would be there only.
        return self._one(
            f"PUT bad <bad.{fault}>",
            put_manifest(f"{self._repository()}/bad", "bad", f"bad.{fault}", media_type),
        )

    def _pull_manifest(self) -> list[Step]:
        name = self._random.choice(list(_MANIFESTS))
        by_tag = self._random.random() < 0.5
        reference = self._random.choice((*_TAGS, "none")) if by_tag else f"{{{name}}}"
        accept = self._random.choice(_ACCEPTS)
        method = self._random.choice(("GET", "HEAD"))
        target = f"/v2/{self._repository()}/manifests/{reference}"
        made = step(method, target, Accept=_ALL if accept == "all" else accept)
        kind = "all" if accept == "all" else "some"
        return self._one(f"{method} manifest accepting {kind}", made)

    def _delete_manifest(self) -> list[Step]:
        name = self._random.choice((*_MANIFESTS, "absent", *_NO_DIGESTS))
        return self._one("DELETE manifest", step("DELETE", f"/v2/{self._repository()}/manifests/{{{name}}}"))

    def _delete_tag(self) -> list[Step]:
        """Only ours can; so the tag is set again on both."""
        repository, tag = self._repository(), self._random.choice(_TAGS)
        return [
            *self._one("DELETE tag", step("DELETE", f"/v2/{repository}/manifests/{tag}")),
            *self._one("set again", put_manifest(repository, tag, "m.index-empty", OCI_INDEX)),
        ]

    # --- the rest ---

    def _list(self) -> list[Step]:
        repository = self._random.choice((*self._repositories, "none/at/all"))
        count = self._random.choice(("", "?n=1", "?n=0", "?n=-1", "?n=x", "?n=100000", "?last=t"))
        if self._random.random() < 0.5:
            return self._one(f"GET catalog {count}", step("GET", f"/v2/_catalog{count}"))
        return self._one(f"GET tags {count}", step("GET", f"/v2/{repository}/tags/list{count}"))

    def _strange_path(self) -> list[Step]:
        """An address in which something is wrong."""
        target = self._random.choice(
            (
                f"/v2/{self._repository()}/tags/list",
                f"/v2/{self._repository()}/manifests/t",
                f"/v2/{self._repository()}/blobs/sha256:{'0' * 64}",
                f"/v2/{self._repository()}/blobs/uploads/",
                "/v2/_catalog",
            )
        )
        place = self._random.randrange(1, len(target))
        strange = self._random.choice(
            ("/", "//", "/./", "/../", "/..", "%2e", "%2F", "%61", "%zz", *_STRANGE, "")
        )
        target = target[:place] + strange + target[place + self._random.choice((0, 1)) :]
        return self._one("strange path", step("GET", target.replace(" ", "%20"), Accept=_ALL))

    def _strange_method(self) -> list[Step]:
        """A method on an address that most do not have; nothing that could be there is named."""
        method = self._random.choice(_METHODS)
        kind, path = self._random.choice(
            (
                ("base", "/v2/"),
                ("catalog", "/v2/_catalog"),
                ("tags", f"/v2/{self._repository()}/tags/list"),
                ("manifest", f"/v2/{self._repository()}/manifests/none"),
                ("blob", f"/v2/{self._repository()}/blobs/{{absent}}"),
                ("root", "/"),
                ("nothing", "/v2/nothing"),
            )
        )
        return self._one(f"method {method} {kind}", step(method, path))
