"""The base, the catalog and the tags, with all that a page can be asked for."""

from __future__ import annotations

from tests.live.differential.content import OCI, OCI_INDEX
from tests.live.differential.steps import Chapter, Step, chapter, push, put_manifest, start, step

#: The order of the catalog is not that of the texts.
_REPOSITORIES = ["cat/a", "cat/a-b", "cat/a/b", "cat/aa", "cat/b", "cat/b/c/d", "cat-x", "dog", "a.b", "a_b"]

_COUNTS = [
    "0",
    "1",
    "3",
    "5",
    "09",
    "+2",
    "%2B2",
    "1000",
    "1001",
    "99999999999999999999",
    "-1",
    "-0",
    "abc",
    "",
    "1.5",
    "1e2",
    "0x3",
    "%203",
    "3%20",
    "%E2%91%A1",
    "1&n=2",
]

_LASTS = [
    "",
    "cat",
    "cat/a",
    "cat/a/b",
    "cat/a-",
    "cat/b/c",
    "cat%2Fb",
    "zzz",
    "NOT%20A+NAME",
    "../..",
    "%00",
    "%FF",
    "/",
    "dog/",
]


def _pages(target: str, count: int, names: list[str]) -> list[Step]:
    """Go through a listing by pages."""
    return [step("GET", f"{target}?n={count}&last={name.replace('/', '%2F')}") for name in names]


_METHODS = ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO")

CHAPTERS: list[Chapter] = [
    # It comes first: it would list what other chapters have left behind, and they leave different things.
    chapter(
        "catalog",
        [
            step("GET", "/v2/_catalog", name="GET the empty catalog"),
            *[
                each
                for name in _REPOSITORIES
                for each in (*push(name, "one"), put_manifest(name, "t", "m.index-empty", OCI_INDEX))
            ],
            step("GET", "/v2/_catalog"),
            *[step("GET", f"/v2/_catalog?n={count}") for count in _COUNTS],
            *[step("GET", f"/v2/_catalog?last={last}") for last in _LASTS],
            *_pages("/v2/_catalog", 1, _REPOSITORIES),
            *_pages("/v2/_catalog", 4, _REPOSITORIES),
            step("GET", "/v2/_catalog?n=2&last=cat&more=%26"),
            step("GET", "/v2/_catalog?N=2"),
            step("GET", "/v2/_catalog?last=cat&last=dog"),
            *[step(method, "/v2/_catalog") for method in _METHODS],
            step("GET", "/v2/_catalog", b"n=2", Content_Type="application/x-www-form-urlencoded"),
            *push("only/blobs", "one"),
            put_manifest("only/manifests", "t", "m.index-empty", OCI_INDEX),
            start("only/uploads"),
            step("GET", "/v2/_catalog?last=only"),
            step("DELETE", "/v2/dog/manifests/{m.index-empty}"),
            step("DELETE", "/v2/dog/blobs/{one}"),
            step("GET", "/v2/_catalog?last=cat-x&n=1"),
        ],
    ),
    chapter(
        "base",
        [
            *[step(method, "/v2/") for method in ("GET", *_METHODS)],
            step("GET", "/v2/?n=1"),
            step("GET", "/v2/", Accept="text/html"),
            step("GET", "/v2/", Authorization="Basic eDp5"),
            step("GET", "/v2/", b"a body"),
            *[step(method, "/") for method in ("GET", *_METHODS)],
            step("GET", "/?n=1"),
        ],
    ),
    chapter(
        "tags",
        [
            step("GET", "/v2/tags/none/tags/list"),
            *push("tags/untagged", "layer"),
            step("GET", "/v2/tags/untagged/tags/list"),
            put_manifest("tags/one", "first", "m.index-empty", OCI_INDEX),
            *[step("GET", f"/v2/tags/one/tags/list{query}") for query in ("", "?n=0", "?n=1", "?last=first")],
            step("GET", "/v2/tags/one/tags/list?n=abc"),
            step("GET", "/v2/tags/none/tags/list?n=0"),
            *[step(method, "/v2/tags/one/tags/list") for method in _METHODS],
            *push("tags/by-digest", "layer", "config"),
            put_manifest("tags/by-digest", "{m.oci}", "m.oci", OCI),
            step("GET", "/v2/tags/by-digest/tags/list"),
            put_manifest("tags/by-digest", "t", "m.oci", OCI),
            step("DELETE", "/v2/tags/by-digest/manifests/{m.oci}"),
            step("GET", "/v2/tags/by-digest/tags/list"),
        ],
    ),
    chapter(
        "many tags",
        [
            *[
                put_manifest("tags/many", tag, "m.index-empty", OCI_INDEX)
                for tag in ("b", "B", "a", "1", "_", "a-b", "a.b", "aa", "10", "2")
            ],
            step("GET", "/v2/tags/many/tags/list"),
            *[step("GET", f"/v2/tags/many/tags/list?n={count}") for count in _COUNTS],
            *[step("GET", f"/v2/tags/many/tags/list?last={last}") for last in ("a", "a-", "zz", "%00")],
            *_pages("/v2/tags/many/tags/list", 3, ["1", "a", "aa"]),
        ],
    ),
]
