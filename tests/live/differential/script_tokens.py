"""What is played on daemons that believe the tokens of somebody else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from tests.live.differential import tokens
from tests.live.differential.content import DOCKER, OCI_INDEX
from tests.live.differential.script_auth import METHODS, admitted, asked, refused, showing
from tests.live.differential.settings import Setting
from tests.live.differential.steps import Chapter, Step, chapter, push, put_manifest, step
from tests.live.differential.token_claims import RIGHTS
from tests.live.differential.token_keys import NAME

_BLOB = f"/v2/{NAME}/blobs/{{absent}}"
_LIST = f"/v2/{NAME}/tags/list"


def bearer(token: str) -> str:
    """The header that shows the token of that name."""
    return f"Bearer {{t.{token}}}"


_RIGHTS = [
    each
    for token in RIGHTS
    for each in [
        *showing(bearer(token), asked((_BLOB,), METHODS[:8])),
        *showing(bearer(token), asked(("/v2/", "/v2/_catalog"), ("GET", "DELETE"))),
    ]
]

_MOUNTS = [
    each
    for token in ("both", "a+b", "a-push+b", "pull,push", "push", "b", "none")
    for query in (
        "mount={alpha}&from=auth/b",
        "mount={absent}&from=auth/b",
        "mount={alpha}&from=auth/a",
        "mount={alpha}&from=",
        "from=auth/b",
        "from=auth/b&from=auth/none",
        "from=auth/none&mount={short}",
        "mount=words&from=b%22B",
    )
    for each in showing(bearer(token), asked((f"/v2/auth/a/blobs/uploads/?{query}",), ("POST", "GET", "PUT")))
]
_FROM = [
    each
    for token in ("both", "a+b", "pull,push,delete", "pull", "b", "none")
    for each in showing(
        bearer(token),
        asked(
            (
                f"{_BLOB}?from=auth/b",
                f"{_LIST}?from=auth/none",
                "/v2/?from=auth/b",
                "/v2/_catalog?from=auth/b",
            ),
            ("GET", "DELETE", "OPTIONS"),
        ),
    )
]


def _shown(names: Iterable[str]) -> list[Step]:
    return [step("GET", _LIST, Authorization=bearer(name)) for name in names]


def _header(name: str, *values: str) -> Step:
    return step("GET", _LIST, name=name, fields=tuple(("Authorization", value) for value in values))


_GOOD = "{t.good}"
_HEADERS = [
    *[_header(f"scheme {scheme}", f"{scheme} {_GOOD}") for scheme in ("bearer", "BEARER", "bEaReR", "Bear")],
    *[_header(f"scheme {scheme}", f"{scheme} {_GOOD}") for scheme in ("Basic", "Token", "Bearer:", "\u00df")],
    _header("no token", "Bearer"),
    _header("a blank alone", "Bearer "),
    _header("empty", ""),
    _header("no scheme", _GOOD),
    _header("no blank", f"Bearer{_GOOD}"),
    _header("two blanks", f"Bearer  {_GOOD}"),
    _header("a tab", f"Bearer\t{_GOOD}"),
    _header("blanks around", f"  Bearer {_GOOD}  "),
    _header("another word", f"Bearer {_GOOD} x"),
    _header("two tokens", f"Bearer {_GOOD} {_GOOD}"),
    _header("a list", f"Bearer {_GOOD}, Bearer {_GOOD}"),
    _header("a comma", f"Bearer {_GOOD},"),
    _header("in quotes", f'Bearer "{_GOOD}"'),
    _header("right, wrong", f"Bearer {_GOOD}", "Bearer x"),
    _header("wrong, right", "Bearer x", f"Bearer {_GOOD}"),
    _header("basic, right", "Basic YTpi", f"Bearer {_GOOD}"),
    _header("user and password", "Basic YTpi"),
    _header("not ASCII", "Bearer \u00e9"),
    _header("very long", "Bearer " + "x" * 30_000),
    step("GET", f"{_LIST}?access_token={_GOOD}", name="in the query"),
]

_AUTOREDIRECT = [
    step("GET", "/v2/"),
    step("GET", _LIST),
    step("GET", "/v2/", Authorization="Bearer x"),
    step("GET", "/v2/", Host="registry.example.com"),
    step("GET", "/v2/", Host="registry.example.com:5000"),
    step("GET", "/v2/", Host="[::1]:5000"),
    step("GET", "http://other.example/v2/", Host="registry.example.com"),
    step("GET", "/v2/", Host=""),
    step("GET", "/v2/", X_Forwarded_Proto="http"),
    step("GET", "/v2/", X_Forwarded_Proto="https"),
    step("GET", "/v2/", X_Forwarded_Host="other.example"),
    step("GET", "/v2/", Forwarded="host=other.example;proto=http"),
    step("GET", "/v2/", Authorization=bearer("good")),
]


_CLASSES = [
    *showing(bearer("pull,push"), push(NAME, "layer", "config", "braces")),
    *[
        each
        for token in (
            "pull,push",
            "star",
            "image",
            "plugin",
            "other-class",
            "two-classes",
            "class-of-other-type",
        )
        for each in showing(
            bearer(token),
            [
                put_manifest(NAME, "image", "m.docker", DOCKER),
                put_manifest(NAME, "plugin", "m.plugin", DOCKER),
                put_manifest(NAME, "unknown", "m.unclassed", DOCKER),
                put_manifest(NAME, "index", "m.index-empty", OCI_INDEX),
            ],
        )
    ],
    *showing(bearer("pull,push"), [step("GET", f"/v2/{NAME}/manifests/plugin", Accept=DOCKER)]),
]

_READ_ONLY = [
    each
    for token in ("both", "pull", "none")
    for each in showing(
        bearer(token), asked(("/v2/", "/v2/auth/a/manifests/none", "/v2/auth/a/blobs/uploads/"))
    )
]

_ODD = [
    each
    for token in ("both", "none", "word")
    for each in showing(
        bearer(token),
        asked(
            (
                "/",
                "/v2",
                "/v2/words",
                "/v2/_catalog/",
                "/v2/auth/" + "a" * 300 + "/tags/list",
                "/v2/Auth/A/tags/list",
                "/v2/auth/a/manifests/-",
                "/v2/auth/a/blobs/words",
            ),
            ("GET", "PUT"),
        ),
    )
]


def _chapters() -> tuple[Chapter, ...]:
    return (
        refused("tokens"),
        refused("tokens malformed", authorization="Bearer x"),
        refused("tokens of little use", METHODS[:6], authorization=bearer("none")),
        chapter("rights", _RIGHTS),
        chapter(
            "mounts",
            [
                *showing(bearer("both"), push("auth/b", "alpha")),
                *_MOUNTS,
                *_FROM,
            ],
        ),
        chapter("odd paths with tokens", _ODD),
        chapter("token claims", _shown(tokens.names("claims"))),
        chapter("token headers", _shown(tokens.names("headers"))),
        chapter("token forms", _shown(tokens.names("forms"))),
        chapter("bearer headers", _HEADERS),
        admitted("tokens admitted", authorization=bearer("both")),
    )


@cache
def settings() -> tuple[Setting, ...]:
    """All of it; this makes keys."""
    return (
        Setting(tokens.options(), _chapters(), provide=tokens.provide),
        Setting(
            tokens.options(autoredirect=True),
            (chapter("autoredirect", _AUTOREDIRECT),),
            provide=tokens.provide,
        ),
        Setting(
            {**tokens.options(), "policy": {"repository": {"classes": ["image", "plugin"]}}},
            (chapter("classes", _CLASSES),),
            provide=tokens.provide,
        ),
        Setting(
            {**tokens.options(), "storage": {"maintenance": {"readonly": {"enabled": True}}}},
            (chapter("read-only with tokens", _READ_ONLY),),
            provide=tokens.provide,
        ),
    )
