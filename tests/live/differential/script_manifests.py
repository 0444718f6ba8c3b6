"""Manifests: what may be pushed, what a client gets by what it accepts, conditions, tags and deleting."""

from __future__ import annotations

from tests.live.differential.content import (
    BAD_MANIFESTS,
    DOCKER,
    DOCKER_LIST,
    OCI,
    OCI_INDEX,
    SCHEMA1,
)
from tests.live.differential.steps import Chapter, Step, chapter, push, put_manifest, step

#: What is pushed, by the media type that it is pushed as.
_GOOD = {
    "m.docker": DOCKER,
    "m.oci": OCI,
    "m.bare": OCI,
    "m.other": OCI,
    "m.list": DOCKER_LIST,
    "m.list-arm": DOCKER_LIST,
    "m.index": OCI_INDEX,
    "m.index-bare": OCI_INDEX,
    "m.index-empty": OCI_INDEX,
    "m.nested": OCI_INDEX,
    "m.artifact": OCI,
    "m.subject": OCI,
    "m.subject-absent": OCI,
    "m.no-layers": OCI,
    "m.zstd": OCI,
    "m.wrong-size": OCI,
    "m.no-size": OCI,
    "m.unknown-members": OCI,
    "m.spaced": OCI,
    "m.same-twice": OCI,
    "m.escaped": OCI,
}


def _set_up(repository: str, *manifests: str) -> list[Step]:
    """Push manifests under their own names, with all that they need."""
    steps = push(repository, "layer", "config", "alpha", "braces")
    return steps + [put_manifest(repository, name, name, _GOOD[name]) for name in manifests]


_TAGS = [
    "latest",
    "v1.0",
    "V1",
    "_x",
    "0",
    "a" * 128,
    "a" * 129,
    ".x",
    "-x",
    "a%20b",
    "a+b",
    "a~b",
    "%C3%A9",
    "a%2Fb",
    "a,b",
    "a@b",
    "a=b",
    "sha256",
]

_DIGESTS = [
    "absent",
    "absent512",
    "short",
    "long",
    "capitals",
    "capital-name",
    "md5",
    "unknown",
    "no-hex",
    "encoded",
    "m.oci.sha512",
]

_ACCEPTS: list[tuple[str, ...]] = [
    (),
    ("",),
    ("*/*",),
    ("application/*",),
    ("application/json",),
    ("text/html",),
    (DOCKER,),
    (DOCKER_LIST,),
    (OCI,),
    (OCI_INDEX,),
    (SCHEMA1,),
    (DOCKER, DOCKER_LIST, OCI, OCI_INDEX),
    (f"{DOCKER}, {DOCKER_LIST}, {OCI}, {OCI_INDEX}",),
    (f"{OCI};q=0.5, {OCI_INDEX};q=0.1, {DOCKER};q=0, {DOCKER_LIST}",),
    (f"{OCI} ; q=1",),
    (f"  {OCI}  ,,",),
    (OCI.upper(),),
    (f"{OCI}, */*",),
    ("garbage",),
]


def _get(target: str, accept: tuple[str, ...], method: str = "GET") -> Step:
    return Step(method, target, tuple(("Accept", value) for value in accept))


_ALL = ", ".join((DOCKER, DOCKER_LIST, OCI, OCI_INDEX))

CHAPTERS: list[Chapter] = [
    chapter(
        "pushing manifests",
        [
            *_set_up("man/push"),
            *[
                each
                for name, media_type in _GOOD.items()
                for each in (
                    put_manifest("man/push", "tag", name, media_type),
                    step("GET", "/v2/man/push/manifests/tag", Accept=_ALL, name=f"GET {name} by tag"),
                    step("HEAD", f"/v2/man/push/manifests/{{{name}}}", Accept=_ALL),
                    put_manifest("man/push", "{" + name + "}", name, media_type),
                )
            ],
        ],
    ),
    chapter(
        "bad manifests",
        [
            *_set_up("man/bad", "m.oci"),
            *[
                put_manifest("man/bad", "tag", f"bad.{name}", media_type)
                for name, (media_type, _) in BAD_MANIFESTS.items()
            ],
        ],
    ),
    chapter(
        "media types of a push",
        [
            *_set_up("man/types"),
            *[
                put_manifest("man/types", "tag", "m.oci", media_type)
                for media_type in (
                    None,
                    "",
                    "application/json",
                    "text/plain",
                    "words",
                    "a/b/c",
                    ";",
                    f"{OCI};",
                    f"{OCI}; charset=utf-8",
                    f"{OCI}; charset",
                    f'{OCI}; charset="a;b"',
                    f"{OCI}, {OCI}",
                    OCI.upper(),
                    f" {OCI} ",
                    f"{OCI}+x",
                    SCHEMA1,
                    "application/vnd.docker.distribution.manifest.v1+json",
                    "application/x-www-form-urlencoded",
                )
            ],
        ],
    ),
    chapter(
        "references of a push",
        [
            *_set_up("man/refs"),
            *[put_manifest("man/refs", tag, "m.oci", OCI) for tag in _TAGS],
            *[put_manifest("man/refs", "{" + name + "}", "m.oci", OCI) for name in _DIGESTS],
            put_manifest("man/refs", "{m.other}", "m.oci", OCI),
            put_manifest("man/refs", "{m.oci}", "m.oci", OCI),
            put_manifest("man/refs", "{m.oci}?tag=a&tag=b", "m.oci", OCI),
            put_manifest("man/refs", "by-tag?tag=a", "m.oci", OCI),
            put_manifest("man/refs", "{m.oci}?tag=.x", "m.oci", OCI),
            put_manifest("man/refs", "moved", "m.oci", OCI),
            put_manifest("man/refs", "moved", "m.other", OCI),
            step("GET", "/v2/man/refs/manifests/moved", Accept=OCI),
            put_manifest("man/nothing", "tag", "m.oci", OCI),
            put_manifest("man/nothing", "tag", "m.index-empty", OCI_INDEX),
            step(
                "PUT",
                "/v2/man/refs/manifests/in-pieces",
                "m.oci",
                chunked=100,
                Content_Type=OCI,
            ),
        ],
    ),
    chapter(
        "references of a pull",
        [
            *_set_up("man/pull", "m.oci"),
            *[
                step(method, f"/v2/man/pull/manifests/{tag}", Accept=_ALL)
                for tag in (*_TAGS, *("{" + name + "}" for name in _DIGESTS), "{layer}", "{config}")
                for method in ("GET", "HEAD")
            ],
            step("GET", "/v2/man/pull/blobs/{m.oci}"),
            step("GET", "/v2/man/none/manifests/latest", Accept=_ALL),
            step("GET", "/v2/man/none/manifests/{m.oci}", Accept=_ALL),
            step("GET", "/v2/man/pull/manifests/m.oci", Accept=_ALL, Range="bytes=0-3"),
            step("GET", "/v2/man/pull/manifests/m.oci", Accept=_ALL, Accept_Encoding="gzip"),
            step("GET", "/v2/man/pull/manifests/m.oci?ns=docker.io", Accept=_ALL),
            step("GET", "/v2/man/pull/manifests/m.oci", b"a body", Accept=_ALL),
        ],
    ),
    chapter(
        "accepting",
        [
            *_set_up(
                "man/accept", "m.docker", "m.oci", "m.bare", "m.list", "m.list-arm", "m.index", "m.index-bare"
            ),
            *[
                _get(f"/v2/man/accept/manifests/{reference}", accept)
                for name in ("m.docker", "m.oci", "m.bare", "m.list", "m.list-arm", "m.index", "m.index-bare")
                for reference in (name, "{" + name + "}")
                for accept in _ACCEPTS
            ],
            *[
                _get(f"/v2/man/accept/manifests/{name}", accept, "HEAD")
                for name in ("m.docker", "m.oci", "m.list", "m.index")
                for accept in ((), (OCI,), (DOCKER,))
            ],
        ],
    ),
    chapter(
        "conditions of manifests",
        [
            *_set_up("man/if", "m.oci"),
            *[
                step(method, f"/v2/man/if/manifests/{reference}", Accept=_ALL, If_None_Match=value)
                for value in (
                    '"{m.oci}"',
                    "{m.oci}",
                    'W/"{m.oci}"',
                    "*",
                    '"{m.other}"',
                    '"x", "{m.oci}"',
                    '"{m.oci}", "x"',
                    "",
                )
                for reference in ("m.oci", "{m.oci}")
                for method in ("GET", "HEAD")
            ],
            Step(
                "GET",
                "/v2/man/if/manifests/m.oci",
                (("Accept", _ALL), ("If-None-Match", '"x"'), ("If-None-Match", '"{m.oci}"')),
            ),
            step("GET", "/v2/man/if/manifests/m.oci", If_None_Match='"{m.oci}"', Accept=DOCKER),
            step("GET", "/v2/man/if/manifests/{absent}", If_None_Match='"{absent}"'),
            step("GET", "/v2/man/if/manifests/m.oci", Accept=_ALL, If_Match='"x"'),
            step("GET", "/v2/man/if/manifests/m.oci", Accept=_ALL, If_Modified_Since="x"),
        ],
    ),
    chapter(
        "deleting manifests",
        [
            *_set_up("man/delete", "m.oci", "m.other", "m.index"),
            put_manifest("man/delete", "second", "m.oci", OCI),
            *[step("DELETE", f"/v2/man/delete/manifests/{{{name}}}") for name in _DIGESTS],
            step("DELETE", "/v2/man/delete/manifests/{layer}"),
            step("DELETE", "/v2/man/delete/manifests/none"),
            step("DELETE", "/v2/man/delete/manifests/.x"),
            step("DELETE", "/v2/man/delete/manifests/{m.oci}"),
            step("GET", "/v2/man/delete/manifests/m.oci", Accept=_ALL),
            step("GET", "/v2/man/delete/manifests/second", Accept=_ALL),
            step("GET", "/v2/man/delete/manifests/{m.oci}", Accept=_ALL),
            step("GET", "/v2/man/delete/manifests/m.index", Accept=_ALL),
            step("DELETE", "/v2/man/delete/manifests/{m.oci}"),
            put_manifest("man/delete", "m.oci", "m.oci", OCI),
            step("GET", "/v2/man/delete/manifests/m.oci", Accept=_ALL),
            step("DELETE", "/v2/man/delete/manifests/m.other"),
            step("DELETE", "/v2/man/none/manifests/{m.oci}"),
            step("DELETE", "/v2/man/none/manifests/latest"),
        ],
    ),
    chapter(
        "methods of manifests",
        [
            *_set_up("man/methods", "m.oci"),
            *[
                step(method, f"/v2/man/methods/manifests/{reference}")
                for reference in ("m.oci", "{m.oci}", "{short}")
                for method in ("POST", "PATCH", "OPTIONS", "TRACE", "FOO")
            ],
        ],
    ),
    chapter(
        "referrers",
        [
            *_set_up("man/referred", "m.oci", "m.subject"),
            *[
                step(method, f"/v2/man/referred/referrers/{reference}")
                for reference in ("{m.oci}", "{absent}", "{short}", "words", "{m.oci}/", "")
                for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
            ],
            step("GET", "/v2/man/none/referrers/{m.oci}"),
            step("GET", "/v2/man/referred/referrers/{m.oci}?artifactType=a/b"),
        ],
    ),
]
