"""
One request of a script, as data.

Targets and header values may name variables in braces: the digests of :mod:`content`, and what earlier
answers brought.  A step that keeps ``u`` sets ``{u}``, the path and query of the answer's ``Location``, and
its parts ``{u.path}``, ``{u.uuid}`` and ``{u.state}``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from attrs import evolve, field, frozen

Fields = tuple[tuple[str, str], ...]


@frozen
class Step:
    """
    A request.

    :ivar body: bytes, or the name of one of :data:`content.CONTENT`; ``None`` sends none and no length.
    :ivar chunked: the body is sent in the chunked coding, in pieces of so many bytes.
    :ivar keep: the variable that the ``Location`` of the answer becomes.
    :ivar name: what the table of differences calls it; by default made from all the rest.
    """

    method: str
    target: str
    headers: Fields = ()
    body: bytes | str | None = None
    chunked: int = 0
    keep: str = ""
    name: str = field()

    @name.default
    def _name(self) -> str:
        words = [self.method, self.target, *(f"{name}: {value}" for name, value in self.headers)]
        if isinstance(self.body, str):
            words.append(f"<{self.body}>")
        elif self.body:
            words.append(f"<{len(self.body)} bytes>")
        if self.chunked:
            words.append(f"in chunks of {self.chunked}")
        return " ".join(words)


@frozen
class Chapter:
    """Steps that belong together, to be played in their order; each has a name of its own."""

    title: str
    steps: tuple[Step, ...]


def step(
    method: str,
    target: str,
    body: bytes | str | None = None,
    *,
    chunked: int = 0,
    keep: str = "",
    name: str = "",
    fields: Fields = (),
    **headers: str,
) -> Step:
    """Write a step with the headers *fields* and *headers*, the latter with underscores for hyphens."""
    fields += tuple((key.replace("_", "-"), value) for key, value in headers.items())
    made = Step(method, target, fields, body, chunked, keep)
    return evolve(made, name=name) if name else made


def chapter(title: str, steps: Iterable[Step]) -> Chapter:
    """Gather steps; equal names are numbered."""
    counts: Counter[str] = Counter()
    named = []
    for each in steps:
        counts[each.name] += 1
        suffix = f" ({counts[each.name]})" if counts[each.name] > 1 else ""
        named.append(evolve(each, name=f"{title}: {each.name}{suffix}"))
    return Chapter(title, tuple(named))


def start(repository: str, keep: str = "u") -> Step:
    """Begin an upload."""
    return step("POST", f"/v2/{repository}/blobs/uploads/", b"", keep=keep)


def push(repository: str, *contents: str) -> list[Step]:
    """Push blobs, each in one PUT."""
    made = []
    for content in contents:
        made.append(start(repository, "pushing"))
        made.append(step("PUT", "{pushing}&digest={" + content + "}", content))
    return made


def put_manifest(repository: str, reference: str, content: str, media_type: str | None) -> Step:
    """Push a manifest."""
    fields = () if media_type is None else (("Content-Type", media_type),)
    return step("PUT", f"/v2/{repository}/manifests/{reference}", content, fields=fields)
