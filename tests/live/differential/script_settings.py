"""What is played on daemons with other settings than most of the script."""

from __future__ import annotations

from functools import cache

from attrs import evolve

from tests.live.differential import script_auth, script_htpasswd, script_tokens
from tests.live.differential.content import OCI_INDEX
from tests.live.differential.script_paths import ADDRESSES
from tests.live.differential.settings import Setting
from tests.live.differential.steps import Step, chapter, push, put_manifest, start, step


def _below(prefix: str, steps: list[Step]) -> list[Step]:
    """*steps* where the API is mounted at *prefix*; what comes from a ``Location`` has it already."""
    return [
        evolve(each, target=prefix + each.target, name=each.name) if each.target.startswith("/") else each
        for each in steps
    ]


_REFUSED = [
    *push("refused/a", "alpha"),
    put_manifest("refused/a", "tag", "m.index-empty", OCI_INDEX),
    start("refused/a"),
    step("DELETE", "{u}"),
    step("DELETE", "/v2/refused/a/blobs/{alpha}"),
    step("DELETE", "/v2/refused/a/blobs/{absent}"),
    step("DELETE", "/v2/refused/a/blobs/{short}"),
    step("DELETE", "/v2/refused/a/manifests/tag"),
    step("DELETE", "/v2/refused/a/manifests/none"),
    step("DELETE", "/v2/refused/a/manifests/{m.index-empty}"),
    step("DELETE", "/v2/refused/a/manifests/{absent}"),
    step("OPTIONS", "/v2/refused/a/manifests/tag"),
    step("GET", "/v2/refused/a/manifests/tag", Accept=OCI_INDEX),
]

_MANY = [f"many/{number:02}" for number in range(1, 9)]

_CATALOG = [
    *[
        each
        for name in _MANY
        for each in (*push(name, "one"), put_manifest(name, "t", "m.index-empty", OCI_INDEX))
    ],
    step("GET", "/v2/_catalog"),
    *[step("GET", f"/v2/_catalog?n={count}") for count in (0, 1, 4, 5, 6, 100)],
    step("GET", "/v2/_catalog?last=many%2F05"),
    step("GET", "/v2/_catalog?n=3&last=many%2F05"),
]

#: Requests that no route takes, some of which carry the configured headers.
_PLAIN = [
    step("GET", "/"),
    step("GET", "/v2/"),
    step("GET", "/v2"),
    step("GET", "/v2/words"),
    step("POST", "/v2/_catalog", b""),
    step("GET", "/v2/refused/a/blobs/{absent}"),
    step("HEAD", "/v2/refused/a/blobs/{alpha}"),
    step("GET", "/v2/refused/a/blobs/{alpha}", Range="bytes=99-"),
    step("GET", "/v2/refused/a/blobs/{alpha}", If_None_Match="*"),
]

_PREFIX = "/sub/registry"

_READ_ONLY = [
    step(method, path, b"" if method in ("PUT", "PATCH", "POST") else None, Accept=OCI_INDEX)
    for path in (
        "/v2/",
        "/v2/_catalog?n=0",
        "/v2/tags/one/tags/list",
        "/v2/tags/one/manifests/first",
        "/v2/tags/one/manifests/{m.index-empty}",
        "/v2/blobs/keep/blobs/{alpha}",
        "/v2/blobs/keep/blobs/uploads/",
        "/v2/blobs/keep/blobs/uploads/?mount={alpha}&from=blobs/keep",
        "/v2/blobs/keep/blobs/uploads/0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11",
        "/v2/blobs/keep/blobs/uploads/0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11?_state=abc",
    )
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
]

_NO_DELETE = {"delete": {"enabled": False}}

_SETTINGS: tuple[Setting, ...] = (
    Setting(
        {
            "storage": _NO_DELETE,
            "http": {"headers": {"X-Content-Type-Options": ["nosniff"], "X-Two": ["a", "b"]}},
            "catalog": {"maxentries": 5},
        },
        (
            chapter("catalog of five", _CATALOG),
            chapter("without deletion", _REFUSED),
            chapter("with headers", _PLAIN),
        ),
    ),
    Setting(
        {"http": {"prefix": _PREFIX + "/"}},
        (
            chapter("prefix: addresses", _below(_PREFIX, ADDRESSES)),
            chapter(
                "prefix",
                [
                    *_below(_PREFIX, _PLAIN),
                    step("GET", "/v2/"),
                    step("GET", "/"),
                    step("GET", _PREFIX),
                    step("GET", _PREFIX + "/v2"),
                    step("GET", "/sub/v2/"),
                    step("GET", _PREFIX + "x/v2/"),
                    step("GET", _PREFIX + "/v2/_catalog?n=0"),
                    step("GET", "/x/.." + _PREFIX + "/v2/"),
                ],
            ),
        ),
    ),
    Setting({"http": {"relativeurls": True}}, (chapter("relative addresses", ADDRESSES),)),
    Setting(
        {"http": {"host": "https://registry.example.com:8443/base/"}},
        (chapter("addresses on a host", [each for each in ADDRESSES if each.target.startswith("/")]),),
    ),
    Setting(
        {"storage": {"maintenance": {"readonly": {"enabled": True}}}},
        (chapter("read-only", _READ_ONLY),),
        again=True,
    ),
)


@cache
def settings() -> tuple[Setting, ...]:
    """All of them, in the order in which they are played."""
    return (*_SETTINGS, *script_auth.SETTINGS, *script_htpasswd.SETTINGS, *script_tokens.settings())
