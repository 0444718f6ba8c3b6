"""What is played on daemons that want to know who asks, with whatever anybody may show: ``silly``."""

from __future__ import annotations

from collections.abc import Iterable

from tests.live.differential.settings import Setting
from tests.live.differential.steps import Chapter, Step, chapter, step

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
_UUID = "0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11"
#: One of each route.
ROUTES = (
    "/v2/",
    "/v2/_catalog",
    "/v2/auth/a/tags/list",
    "/v2/auth/a/manifests/tag",
    "/v2/auth/a/blobs/{absent}",
    "/v2/auth/a/blobs/uploads/",
    "/v2/auth/a/blobs/uploads/" + _UUID,
)
#: Addresses that are no other route, yet may be asked about in another way; or no route at all.
_ODD_ROUTES = (
    "/",
    "/v2",
    "/v2/words",
    "/v2/_catalog/",
    "/v2/_catalog?n=abc",
    "/v2/auth/a/tags/list/",
    "/v2/auth/a/tags/list?from=auth/b",
    "/v2/auth/a/manifests/{absent}",
    "/v2/auth/a/manifests/{short}",
    "/v2/auth/a/manifests/-",
    "/v2/auth/a/blobs/{short}",
    "/v2/auth/a/blobs/words",
    f"/v2/auth/a/blobs/uploads/{_UUID}?_state=abc",
    "/v2/auth/a/blobs/uploads/words",
    "/v2/auth/" + "a" * 300 + "/tags/list",
    "/v2/auth/" + "a" * 300 + "/manifests/tag",
    "/v2/Auth/A/tags/list",
    "/v2/auth/a%22b/tags/list",
    "/v2//tags/list",
)
#: How a blob is asked to come from elsewhere, and how not.
_SOURCES = (
    "mount={absent}&from=auth/b",
    "mount={absent}&from=auth/a",
    "mount={absent}&from=",
    "mount={absent}",
    "from=auth/b",
    "from=auth/b&from=auth/c",
    "from=&from=auth/c",
    "from=Auth%22B%C3%A9%00",
    "from=auth/b%20repository:auth/c:pull",
    "FROM=auth/b",
    "from=" + "b" * 300,
)


def asked(routes: tuple[str, ...], methods: tuple[str, ...] = METHODS) -> list[Step]:
    """Ask each of *routes* in each way."""
    return [
        step(method, route, b"" if method in ("PUT", "PATCH", "POST") else None)
        for route in routes
        for method in methods
    ]


def showing(authorization: str, steps: Iterable[Step]) -> list[Step]:
    """*steps*, with that header."""
    return [
        Step(
            each.method,
            each.target,
            (*each.headers, ("Authorization", authorization)),
            each.body,
            each.chunked,
            each.keep,
        )
        for each in steps
    ]


def refused(title: str, methods: tuple[str, ...] = METHODS, authorization: str | None = None) -> Chapter:
    """Ask for all there is, by *methods*, with nothing that opens any of it."""
    steps = [
        *asked(ROUTES, methods),
        *asked(_ODD_ROUTES, ("GET", "PUT", "DELETE")),
        *asked(tuple(f"/v2/auth/a/blobs/uploads/?{query}" for query in _SOURCES), ("POST", "GET")),
        *asked(("/v2/auth/a/manifests/tag?from=auth/b",), methods),
        step(
            "POST",
            "/v2/auth/a/blobs/uploads/",
            b"mount=x&from=auth/b",
            Content_Type="application/x-www-form-urlencoded",
        ),
        step("PUT", "/v2/auth/a/manifests/tag", "alpha"),
        step("PUT", "/v2/auth/a/manifests/tag", "gamma", chunked=1000),
    ]
    return chapter(title, steps if authorization is None else showing(authorization, steps))


def admitted(title: str, authorization: str) -> Chapter:
    """Push a little, and read it; and ask for some of what is not there."""
    steps = [
        step("GET", "/v2/"),
        step("GET", "/v2/_catalog"),
        step("POST", "/v2/auth/a/blobs/uploads/", b"", keep="u"),
        step("PUT", "{u}&digest={alpha}", "alpha"),
        step("GET", "/v2/auth/a/blobs/{alpha}"),
        step("POST", "/v2/auth/b/blobs/uploads/?mount={alpha}&from=auth/a", b""),
        step("DELETE", "/v2/auth/a/blobs/{alpha}"),
        step("GET", "/v2/words"),
        step("OPTIONS", "/v2/auth/a/blobs/{absent}"),
        step("GET", "/v2/auth/a/manifests/none"),
        step("GET", "/v2/auth/a/tags/list?from=auth/none"),
    ]
    return chapter(title, showing(authorization, steps))


_SILLY = chapter(
    "silly headers",
    [
        *[
            step("GET", "/v2/auth/a/manifests/none", Authorization=value)
            for value in ("", " ", "x", "Basic", "Bearer", "Bearer x", "\u00e9")
        ],
        step("GET", "/v2/", fields=(("Authorization", ""), ("Authorization", "x"))),
        step("GET", "/v2/", fields=(("Authorization", "x"), ("Authorization", ""))),
        step("GET", "/v2/", fields=(("AUTHORIZATION", "x"),)),
        step("GET", "/v2/", fields=(("Proxy-Authorization", "x"),)),
        step("GET", "http://a:b@127.0.0.1/v2/"),
    ],
)

SETTINGS: tuple[Setting, ...] = (
    Setting(
        {"auth": {"silly": {"realm": 'a "realm" \\', "service": "the service"}}},
        (refused("silly"), _SILLY, admitted("silly admitted", authorization="x")),
    ),
)
