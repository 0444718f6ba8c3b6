"""Uploads: whole and in pieces, states that are good, old, lost and forged, mounts, and how they end."""

from __future__ import annotations

from tests.live.differential.steps import Chapter, Step, chapter, push, start, step

_UPLOADS = "/v2/up/blobs/uploads/"
_UUID = "0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11"
#: Signed with another secret.
_FORGED = (
    "RGwV-16hDWxgUxeofpOBD5KvtANDGTljY3BekgzyrQN7Ik5hbWUiOiJsaWJyYXJ5L2FscGluZSIsIlVVSUQiOiIwZjBjMmI1ZS04YTJhLTRi"
    "OGUtOWE1OC05ZDNhNGY5ZjVkMTEiLCJPZmZzZXQiOjkwLCJTdGFydGVkQXQiOiIyMDI0LTA1LTAxVDEwOjIwOjMwWiJ9"
)

_ALPHA = b"the blob alpha, 26 bytes.\n"


def _close(content: str = "alpha") -> Step:
    return step("PUT", "{u}&digest={" + content + "}", b"")


def _patch(
    data: bytes,
    target: str = "{u}",
    keep: str = "u",
    *,
    chunked: int = 0,
    content_range: str | None = None,
    content_type: str | None = None,
) -> Step:
    given = (("Content-Type", content_type), ("Content-Range", content_range))
    fields = tuple((name, value) for name, value in given if value is not None)
    return step("PATCH", target, data, keep=keep, chunked=chunked, fields=fields)


CHAPTERS: list[Chapter] = [
    chapter(
        "starting",
        [
            start("up"),
            step("POST", _UPLOADS, name="POST without a length"),
            step("POST", _UPLOADS, b"a body"),
            step("POST", _UPLOADS, b"a body", chunked=3),
            step("POST", _UPLOADS, b"", Content_Type="application/x-www-form-urlencoded"),
            step("POST", _UPLOADS + "?unknown=1"),
            step("POST", _UPLOADS + "?digest-algorithm=sha256"),
            step("POST", _UPLOADS + "?digest-algorithm=sha512"),
            step("POST", _UPLOADS + "?digest-algorithm=md5"),
            *[
                step(method, _UPLOADS)
                for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO")
            ],
        ],
    ),
    chapter(
        "whole in a PUT",
        [
            start("up"),
            step("PUT", "{u}&digest={alpha}", "alpha"),
            step("HEAD", "/v2/up/blobs/{alpha}"),
            start("up"),
            step("PUT", "{u}&digest={gamma}", "gamma"),
            step("GET", "/v2/up/blobs/{gamma}"),
            start("up"),
            step("PUT", "{u}&digest={gamma}", "gamma", chunked=4096),
            start("up"),
            step("PUT", "{u}&digest={empty}", b""),
            step("GET", "/v2/up/blobs/{empty}"),
            start("up"),
            step("PUT", "{u}&digest={beta}", "beta", Content_Type="application/octet-stream"),
            start("up"),
            step("PUT", "{u}&digest={beta}", "beta", Content_Type="text/plain"),
            start("up"),
            step("PUT", "{u}&digest={beta}", "beta", Content_Type="application/x-www-form-urlencoded"),
            start("up"),
            step("PUT", "{u}&digest={beta}", "beta", Expect="100-continue"),
            start("up"),
            step("PUT", "{u}&digest={alpha}", "alpha", Content_Range="0-25"),
            start("up"),
            step("PUT", "{u}&digest={alpha}", "alpha", Content_Range="1-26"),
            start("up"),
            step("PUT", "{u}&digest={alpha}", "alpha", Content_Range="0-26"),
            start("up"),
            step("PUT", "{u}&digest={alpha}", "alpha", Content_Encoding="gzip"),
            start("up"),
            step("PUT", "{u.path}?digest={one}&_state={u.state}", "one"),
            start("up"),
            step("PUT", "{u.path}?digest={one}&_state={u.state}&more=1", "one"),
        ],
    ),
    chapter(
        "digests of the closing PUT",
        [
            start("up/wrong"),
            step("PUT", "{u}", "alpha"),
            start("up/wrong"),
            *[
                step("PUT", "{u}&digest={" + name + "}", b"")
                for name in ("short", "long", "capitals", "capital-name", "md5", "unknown", "no-hex", "plain")
            ],
            step("PUT", "{u}&digest=", b""),
            step("GET", "{u}"),
            start("up/wrong"),
            step("PUT", "{u}&digest={absent}", "alpha"),
            step("GET", "{u}"),
            step("GET", "/v2/up/wrong/blobs/{absent}"),
            start("up/wrong"),
            step("PUT", "{u}&digest={alpha}", b""),
            start("up/wrong"),
            step("PUT", "{u}&digest={absent512}", "alpha"),
            start("up/wrong"),
            step("PUT", "{u}&digest={alpha}&digest={absent}", "alpha"),
            start("up/wrong"),
            step("PUT", "{u}&digest={absent}&digest={alpha}", "alpha"),
            start("up/wrong"),
            step("PUT", "{u}&digest={encoded}", "alpha"),
            start("up/sha512"),
            step("PUT", "{u}&digest={beta.sha512}", "beta"),
            step("GET", "/v2/up/sha512/blobs/{beta.sha512}"),
            step("GET", "/v2/up/sha512/blobs/{beta}"),
            start("up/sha512"),
            step("PUT", "{u}&digest={beta.sha384}", "beta"),
            step("HEAD", "/v2/up/sha512/blobs/{beta.sha384}"),
            step("DELETE", "/v2/up/sha512/blobs/{beta.sha512}"),
        ],
    ),
    chapter(
        "in pieces",
        [
            start("up"),
            _patch(_ALPHA[:10]),
            step("GET", "{u}", keep="u"),
            step("HEAD", "{u}", keep="u"),
            _patch(_ALPHA[10:20], chunked=3),
            _patch(b""),
            _patch(_ALPHA[20:], content_type="application/octet-stream"),
            _close(),
            start("up"),
            _patch(_ALPHA[:1]),
            _patch(_ALPHA[1:]),
            _close(),
            start("up"),
            _patch(_ALPHA[:10], content_range="0-9"),
            _patch(_ALPHA[10:], content_range="10-25"),
            _close(),
            start("up"),
            _patch(_ALPHA[:10], chunked=10, content_range="0-9"),
            step("PUT", "{u}&digest={alpha}", _ALPHA[10:]),
            start("up"),
            _patch(_ALPHA[:10]),
            step("PUT", "{u}&digest={alpha}", _ALPHA[10:], chunked=5),
            start("up"),
            _patch(_ALPHA, content_type="text/plain"),
            start("up"),
            _patch(_ALPHA, content_type="application/octet-stream; charset=x"),
            start("up"),
            _patch(b"a=b", content_type="application/x-www-form-urlencoded"),
            start("up"),
            _patch(b""),
            _close("empty"),
        ],
    ),
    chapter(
        "wrong Content-Range",
        [
            each
            for value, data in [
                ("bytes 0-9/*", _ALPHA[:10]),
                ("0-9/26", _ALPHA[:10]),
                ("0-", _ALPHA[:10]),
                ("words", _ALPHA[:10]),
                ("-", _ALPHA[:10]),
                ("1-10", _ALPHA[:10]),
                ("9-0", _ALPHA[:10]),
                ("0-10", _ALPHA[:10]),
                ("0-8", _ALPHA[:10]),
                ("0-99999999999999999999", _ALPHA[:10]),
            ]
            for each in (start("up/range"), _patch(data, keep="", content_range=value))
        ],
    ),
    chapter(
        "states",
        [
            start("up", "s"),
            step("GET", "{s}"),
            step("GET", "{s.path}"),
            step("HEAD", "{s.path}"),
            step("GET", "{s.path}?_state="),
            step("GET", "{s.path}?_state=abc"),
            step("GET", "{s.path}?_state=!!!"),
            step("GET", f"{{s.path}}?_state={_FORGED}"),
            step("PATCH", "{s.path}?_state=abc", b"x"),
            step("PATCH", f"{{s.path}}?_state={_FORGED}", b"x"),
            step("PUT", "{s.path}?_state=abc&digest={one}", "one"),
            step("DELETE", "{s.path}?_state=abc"),
            step("POST", "{s}", b""),
            step("POST", "{s.path}", b""),
            start("up", "t"),
            step("GET", "{s.path}?_state={t.state}"),
            step("PATCH", "{s.path}?_state={t.state}", b"x"),
            step("PUT", "{s.path}?_state={t.state}&digest={one}", "one"),
            step("DELETE", "{s.path}?_state={t.state}"),
            step("GET", "/v2/other/blobs/uploads/{s.uuid}?_state={s.state}"),
            step("PATCH", "/v2/other/blobs/uploads/{s.uuid}?_state={s.state}", b"x"),
            *[
                step(method, f"{_UPLOADS}{uuid}", b"" if method in ("PATCH", "PUT") else None)
                for uuid in (_UUID, "words", "UPPER-case_id.=", "a" * 300)
                for method in ("GET", "PATCH", "PUT", "DELETE")
            ],
            step("GET", f"{_UPLOADS}{_UUID}?_state={{s.state}}"),
            *[step(method, "{s}") for method in ("OPTIONS", "TRACE")],
        ],
    ),
    chapter(
        "stale states",
        [
            start("up", "s"),
            _patch(_ALPHA[:10], "{s}", "t"),
            step("GET", "{s}"),
            step("GET", "{t}"),
            _patch(_ALPHA[:10], "{s}", "u"),
            start("up", "s"),
            _patch(_ALPHA[:10], "{s}", "t"),
            _patch(_ALPHA[5:], "{s}", "u", content_range="5-25"),
            start("up", "s"),
            _patch(_ALPHA[:10], "{s}", "t"),
            _patch(b"something else", "{s}", "u"),
            start("up", "s"),
            _patch(_ALPHA[:10], "{s}", "t"),
            step("DELETE", "{s}"),
            start("up", "s"),
            _patch(_ALPHA[:10], "{s}", "t"),
            step("PUT", "{s}&digest={alpha}", "alpha"),
        ],
    ),
    chapter(
        "ends",
        [
            start("up"),
            _patch(_ALPHA[:10]),
            step("DELETE", "{u}"),
            step("GET", "{u}"),
            step("DELETE", "{u}"),
            _patch(b"x", keep=""),
            step("PUT", "{u}&digest={absent}", b""),
            start("up"),
            step("PUT", "{u}&digest={alpha}", "alpha"),
            step("GET", "{u}"),
            step("DELETE", "{u}"),
            _patch(b"x", keep=""),
            step("PUT", "{u}&digest={alpha}", "alpha"),
            step("PUT", "{u}&digest={absent}", "alpha"),
            start("up"),
            step("DELETE", "{u}", b"a body"),
        ],
    ),
    chapter(
        "mounting",
        [
            *push("mount/source", "alpha", "beta"),
            *[
                step("POST", f"/v2/mount/to/blobs/uploads/?{query}", b"")
                for query in (
                    "mount={alpha}&from=mount/source",
                    "mount={alpha}&from=mount/source",
                    "mount={encoded}&from=mount%2Fsource",
                    "from=mount/source&mount={beta}",
                    "mount={absent}&from=mount/source",
                    "mount={alpha}&from=mount/none",
                    "mount={alpha}&from=",
                    "mount=&from=mount/source",
                    "from=mount/source",
                    "mount={alpha}&from=NOT/A/NAME",
                    "mount={alpha}&from=_x",
                    "mount={short}&from=mount/source",
                    "mount={capitals}&from=mount/source",
                    "mount={md5}&from=mount/source",
                    "mount={plain}&from=mount/source",
                    "mount={alpha.sha512}&from=mount/source",
                    "mount={alpha}&from=mount/to",
                    "mount={absent}&from=mount/to",
                )
            ],
            step("GET", "/v2/mount/to/blobs/{alpha}"),
            step("HEAD", "/v2/mount/to/blobs/{beta}"),
            step("GET", "/v2/mount/to/blobs/{absent}"),
            step("POST", "/v2/mount/body/blobs/uploads/?mount={alpha}&from=mount/source", b"a body"),
            step("POST", "/v2/mount/self/blobs/uploads/?mount={alpha}&from=mount/self", b""),
            step("POST", "/v2/mount/without/blobs/uploads/?mount={alpha}", b""),
            step("POST", "/v2/mount/without/blobs/uploads/?mount={absent}", b""),
            step("DELETE", "/v2/mount/to/blobs/{alpha}"),
            step("GET", "/v2/mount/source/blobs/{alpha}"),
        ],
    ),
    chapter(
        "whole in a POST",
        [
            step("POST", "/v2/post/a/blobs/uploads/?digest={alpha}", "alpha"),
            step("GET", "/v2/post/a/blobs/{alpha}"),
            step("POST", "/v2/post/b/blobs/uploads/?digest={alpha}", b""),
            step("POST", "/v2/post/c/blobs/uploads/?digest={absent}", "alpha"),
            step("POST", "/v2/post/d/blobs/uploads/?digest={short}", "alpha"),
            step("POST", "/v2/post/e/blobs/uploads/?digest={empty}", b""),
        ],
    ),
]
