"""Differences of reading and deleting blobs."""

from __future__ import annotations

from tests.live.differential.judge import Known

_BLOBS = [
    Known(
        ("*/blobs/{plain}", "*/blobs/{capital-name}"),
        "what stands behind blobs/ is meant to be a digest, and a wrong one is told so",
        {"outcome": ("404 404 page not found", "400 DIGEST_INVALID")},
    ),
    Known(
        ("*: HEAD */blobs/{plain}", "*: HEAD */blobs/{capital-name}"),
        "what stands behind blobs/ is meant to be a digest, and a wrong one is told so",
        {"outcome": ("404 -", "400 -")},
    ),
]

_RANGES = [
    Known(
        "reading: GET * in chunks of 2",
        "a body that nobody wants, of unknown length, is not waited for",
        {"Connection": ("-", "close")},
    ),
    Known(
        "ranges: GET more ranges than we count",
        "the work for one request is bounded",
        {
            "outcome": ("206", "400 RANGE_INVALID"),
            "Accept-Ranges": ("bytes", "-"),
            "Cache-Control": ("max-age=31536000", "-"),
            "Docker-Content-Digest": ("{gamma}", "-"),
            "Etag": ('"{gamma}"', "-"),
        },
    ),
    *[
        Known(
            ("ranges: *", "conditions: *", "with headers: * Range: *"),
            "errors are JSON with a length of their own, and say nothing of the blob",
            {
                "outcome": (f"{theirs} *", ours),
                "form": ("* bytes of *", "-"),
                "Cache-Control": ("max-age=31536000", "-"),
                "Docker-Content-Digest": ("sha256:*", "-"),
                "Etag": ('"sha256:*"', "-"),
            },
        )
        for theirs, ours in (("416", "416 RANGE_INVALID"), ("412", "412 UNSUPPORTED"))
    ],
    Known(
        "*: HEAD *",
        "errors are JSON with a length of their own, and say nothing of the blob",
        {
            "Cache-Control": ("max-age=31536000", "-"),
            "Docker-Content-Digest": ("sha256:*", "-"),
            "Etag": ('"sha256:*"', "-"),
            "Content-Type": ("*", "application/json"),
            "X-Content-Type-Options": ("nosniff", "-"),
        },
        ("41* -", "41* -"),
    ),
    Known(
        [f"ranges: * Range: bytes={value}" for value in ("99999*", "9223372036854775808-")],
        "a number too large to count is beyond the end, like any other",
        {"Content-Range": ("-", "bytes */26")},
    ),
    Known(
        [
            f"ranges: * Range: bytes={value}"
            for value in ("-999*", "-9223372036854775808", "0-9223372036854775808")
        ],
        "a number too large to count is beyond the end, like any other",
        {
            "outcome": ("416 invalid range", "206"),
            "form": ("* bytes of *", "-"),
            "Accept-Ranges": ("-", "bytes"),
            "Content-Range": ("-", "bytes 0-25/26"),
        },
    ),
    Known(
        [f"ranges: * Range: {value}" for value in ("BYTES=0-9", "Bytes=0-9")],
        "names of units are in any case (RFC 9110, 14.1)",
        {
            "outcome": ("416 invalid range", "206"),
            "form": ("* bytes of *", "-"),
            "Accept-Ranges": ("-", "bytes"),
            "Content-Range": ("-", "bytes 0-9/26"),
        },
    ),
    Known(
        [f"ranges: * Range: {value}" for value in ("bytes =0-9", "items=0-9")],
        "ranges in a unit that nobody knows are ignored (RFC 9110, 14.2)",
        {
            "outcome": ("416 invalid range", "200"),
            "form": ("* bytes of *", "-"),
            "Accept-Ranges": ("-", "bytes"),
        },
    ),
    Known(
        [f"ranges: * Range: bytes={value}" for value in ("+1-5", "1-+5", "-+5")],
        "a number has no sign",
        {
            "outcome": ("206", "416 RANGE_INVALID"),
            "Accept-Ranges": ("bytes", "-"),
            "Cache-Control": ("max-age=31536000", "-"),
            "Content-Range": ("bytes *", "-"),
            "Docker-Content-Digest": ("sha256:*", "-"),
            "Etag": ('"sha256:*"', "-"),
        },
    ),
    Known(
        "ranges: * Range: bytes=-0",
        "there is no range of no bytes (RFC 9110, 14.1.2)",
        {
            "outcome": ("206", "416 RANGE_INVALID"),
            "Accept-Ranges": ("bytes", "-"),
            "Cache-Control": ("max-age=31536000", "-"),
            "Content-Range": ("bytes 26-25/26", "bytes */26"),
            "Docker-Content-Digest": ("sha256:*", "-"),
            "Etag": ('"sha256:*"', "-"),
        },
    ),
    Known(
        "ranges: */{empty} Range: bytes=0-",
        "of no bytes all is served, as newer Go does it",
        {"outcome": ("416 -", "200"), "Accept-Ranges": ("-", "bytes"), "Content-Range": ("bytes */0", "-")},
    ),
    Known(
        "ranges: */{empty} Range: bytes=-5",
        "of no bytes all is served, as newer Go does it",
        {"outcome": ("206", "200"), "Content-Range": ("bytes 0--1/0", "-")},
    ),
    Known(
        'conditions: * If-Range: "{alpha}", "{beta}"',
        "If-Range takes one tag; a list confirms nothing",
        {"outcome": ("206", "200"), "Content-Range": ("bytes 0-3/26", "-")},
    ),
]


KNOWN: list[Known] = [*_BLOBS, *_RANGES]
