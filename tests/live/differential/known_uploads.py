"""Differences of uploads and mounts."""

from __future__ import annotations

from tests.live.differential.judge import Known

_STARTED = {
    "Docker-Upload-Uuid": ("-", "UUID"),
    "Location": ("-", "http://HOST/v2/*/blobs/uploads/UUID?_state=(*)"),
    "Range": ("-", "0-*"),
}
_STARTED_THERE = {part: (ours, theirs) for part, (theirs, ours) in _STARTED.items()}

_UPLOADS = [
    Known(
        "starting: * /v2/up/blobs/uploads/",
        "what can only be posted to says so",
        {"Allow": ("DELETE, GET, HEAD, PATCH, POST, PUT", "POST")},
    ),
    Known(
        "starting: HEAD /v2/up/blobs/uploads/",
        "what can only be posted to says so",
        {"outcome": ("404 -", "405 -"), "Allow": ("-", "POST")},
    ),
    Known(
        "starting: POST *?digest-algorithm=md5",
        "a session that cannot end is not begun",
        {"outcome": ("202", "400 DIGEST_INVALID"), **_STARTED_THERE},
    ),
    Known(
        "whole in a PUT: * Content-Type: application/x-www-form-urlencoded <beta>",
        "a body is a body",
        {
            "outcome": ("400 DIGEST_INVALID", "201"),
            "Docker-Content-Digest": ("-", "sha256:*"),
            "Location": ("-", "http://HOST/v2/up/blobs/sha256:*"),
        },
    ),
    *[
        Known(
            f"whole in a PUT: * Content-Range: {value} <alpha>",
            "the last bytes must say where they belong, too (OCI), and be as long as they say",
            {
                "outcome": ("201", outcome),
                "Docker-Content-Digest": ("{alpha}", "-"),
                "Docker-Upload-Uuid": ("-", "UUID"),
                "Location": ("http://HOST/v2/up/blobs/{alpha}", "http://HOST/v2/up/blobs/uploads/UUID?* 0)"),
                "Range": ("-", "0-0"),
            },
        )
        for value, outcome in (("1-26", "416 RANGE_INVALID"), ("0-26", "400 SIZE_INVALID"))
    ],
    Known(
        "digests of the closing PUT: *",
        "says what is wrong",
        {"detail": ('"digest parsing failed"', '"*"')},
        ("400 DIGEST_INVALID", "400 DIGEST_INVALID"),
    ),
    Known(
        "digests of the closing PUT: *",
        "details are text (3.1), not Go's structures",
        {
            "detail": (
                '{"Digest": "*", "Reason": {}}',
                '"invalid digest for referenced layer: *, content does not match digest"',
            )
        },
    ),
    Known(
        "digests of the closing PUT: GET {u} (2)",
        "how far a session is can be asked with any state",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "204"), **_STARTED},
    ),
    Known(
        (
            "digests of the closing PUT: * {u}&digest={beta.sha*",
            "digests of the closing PUT: * /v2/*/blobs/{beta.sha*",
        ),
        "content is stored by the digest that the client chose (OCI)",
        {
            "Docker-Content-Digest": ("sha256:*", "sha*:*"),
            "Etag": ('"sha256:*"', '"sha*:*"'),
            "Location": ("http://HOST/v2/up/sha512/blobs/sha256:*", "http://HOST/v2/up/sha512/blobs/sha*:*"),
        },
    ),
    Known(
        "digests of the closing PUT: GET /v2/up/sha512/blobs/{beta}",
        "content is stored by the digest that the client chose (OCI), and by no other",
        {
            "outcome": ("200", "404 BLOB_UNKNOWN"),
            "Accept-Ranges": ("bytes", "-"),
            "Cache-Control": ("max-age=31536000", "-"),
            "Docker-Content-Digest": ("sha256:*", "-"),
            "Etag": ('"sha256:*"', "-"),
        },
    ),
    Known(
        "in pieces: PATCH {u} Content-Type: *",
        "the bytes are the bytes, whatever they are called",
        {"outcome": ("500 UNKNOWN", "202"), **_STARTED},
    ),
    Known(
        "wrong Content-Range: *",
        "a chunk must say where it belongs, and be as long as it says (OCI; 3.1)",
        {
            "outcome": ("202", "416 RANGE_INVALID"),
            "Location": ("* UUID 10)", "* UUID 0)"),
            "Range": ("0-9", "0-0"),
        },
    ),
    Known(
        "wrong Content-Range: *",
        "a chunk must say where it belongs, and be as long as it says (OCI; 3.1)",
        {
            "outcome": ("202", "400 SIZE_INVALID"),
            "Location": ("* UUID 10)", "* UUID 0)"),
            "Range": ("0-9", "0-0"),
        },
    ),
]

_READ_ONLY = [
    Known(
        "read-only: * /v2/blobs/keep/blobs/uploads/*",
        "what can only be posted to, and not now, can do nothing",
        {"Allow": ("GET, HEAD", "")},
        ("*", "*"),
    ),
    Known(
        "read-only: GET /v2/blobs/keep/blobs/uploads/*",
        "what can only be posted to, and not now, can do nothing",
        {"outcome": ("404 BLOB_UPLOAD_UNKNOWN", "405 UNSUPPORTED"), "Allow": ("-", "")},
    ),
    Known(
        "read-only: HEAD /v2/blobs/keep/blobs/uploads/*",
        "what can only be posted to, and not now, can do nothing",
        {"outcome": ("404 -", "405 -"), "Allow": ("-", "")},
    ),
    Known(
        "read-only: * /v2/blobs/keep/blobs/uploads/0f*",
        "the method is looked at before the state",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "405 UNSUPPORTED"), "Allow": ("-", "GET, HEAD")},
    ),
    Known(
        "read-only: OPTIONS /v2/blobs/keep/blobs/uploads/0f*",
        "the method is looked at before the state",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "200"), "Allow": ("-", "GET, HEAD")},
    ),
    Known(
        "read-only: GET /v2/blobs/keep/blobs/uploads/0f*",
        "a session is found by its path, or not",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "404 BLOB_UPLOAD_UNKNOWN")},
    ),
    Known(
        "read-only: *_state=*",
        "details are text (3.1)",
        {"detail": ("0", '"illegal base64 data at input byte 0"')},
    ),
]

_BLOB_THERE = {
    "outcome": ("202", "201"),
    **_STARTED_THERE,
    "Docker-Content-Digest": ("-", "sha256:*"),
    "Location": ("http://HOST/v2/*/blobs/uploads/UUID?_state=(*)", "http://HOST/v2/*/blobs/sha256:*"),
}

_SESSIONS = [
    Known(
        ("states: GET {s.path}", "states: GET {s.path}?_state=", "stale states: GET {s}"),
        "a session is found by its path; how far it is can be asked with any state",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "204"), **_STARTED},
    ),
    Known(
        "states: HEAD {s.path}",
        "a session is found by its path",
        {"outcome": ("404 -", "204"), **_STARTED},
    ),
    Known(
        "states: *_state=*",
        "details are text (3.1)",
        {"detail": ("0", '"illegal base64 data at input byte 0"')},
    ),
    Known(
        "states: POST {s}",
        "a session cannot be posted to",
        {"outcome": ("202", "405 UNSUPPORTED"), "Allow": ("-", "DELETE, GET, HEAD, PATCH, PUT")}
        | dict.fromkeys(("Docker-Upload-Uuid", "Location"), ("*UUID1*", "-"))
        | {"Range": ("0-0", "-")},
    ),
    Known(
        "states: POST {s.path}",
        "a session cannot be posted to",
        {
            "outcome": ("404 BLOB_UPLOAD_INVALID", "405 UNSUPPORTED"),
            "Allow": ("-", "DELETE, GET, HEAD, PATCH, PUT"),
        },
    ),
    Known(
        ("states: OPTIONS *", "states: TRACE *"),
        "a session cannot be posted to",
        {"Allow": ("DELETE, GET, HEAD, PATCH, POST, PUT", "DELETE, GET, HEAD, PATCH, PUT")},
    ),
    Known(
        "states: * /v2/up/blobs/uploads/*",
        "a session is found by its path, or not",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "404 BLOB_UPLOAD_UNKNOWN")},
    ),
    Known(
        ("states: PUT /v2/up/blobs/uploads/0*", "states: PUT /v2/up/blobs/uploads/words"),
        "a PUT without a digest cannot be right in any session",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "400 DIGEST_INVALID")},
    ),
    Known(
        "stale states: PATCH {s} *",
        "a client that repeats what it sent goes on; bytes that differ are refused",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "202"), **_STARTED},
    ),
    Known(
        "stale states: PATCH {s} <14 bytes>",
        "a client that repeats what it sent goes on; bytes that differ are refused",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "416 RANGE_INVALID"), **_STARTED},
    ),
    Known(
        "stale states: DELETE {s}",
        "a session can be given up with any state",
        {"outcome": ("404 BLOB_UPLOAD_INVALID", "204"), "Docker-Upload-Uuid": ("-", "UUID")},
    ),
    Known(
        ("stale states: PUT {s}&digest={alpha} <alpha>", "ends: PUT {u}&digest={alpha} <alpha> (2)"),
        "a client that repeats what it sent goes on",
        {
            "outcome": ("404 BLOB_UPLOAD_*", "201"),
            "Docker-Content-Digest": ("-", "sha256:*"),
            "Location": ("-", "http://HOST/v2/up/blobs/sha256:*"),
        },
    ),
    Known(
        "*",
        "details are text (3.1), and where the code says all there is none",
        {"detail": ("{}", "-")},
        ("404 BLOB_UPLOAD_UNKNOWN", "404 BLOB_UPLOAD_UNKNOWN"),
    ),
    Known(
        ("mounting: *?mount={alpha}", "mounting: *?mount={alpha}&from="),
        "a blob is mounted from wherever it is (OCI, end-11)",
        _BLOB_THERE,
    ),
    Known(
        ("whole in a POST: POST */post/a/*", "whole in a POST: POST */post/e/*"),
        "a blob can come in one POST (OCI, end-4b)",
        _BLOB_THERE,
    ),
    Known(
        "whole in a POST: GET /v2/post/a/blobs/{alpha}",
        "a blob can come in one POST (OCI, end-4b)",
        {
            "outcome": ("404 BLOB_UNKNOWN", "200"),
            "Accept-Ranges": ("-", "bytes"),
            "Cache-Control": ("-", "max-age=31536000"),
            "Docker-Content-Digest": ("-", "sha256:*"),
            "Etag": ("-", '"sha256:*"'),
        },
    ),
    Known(
        ("whole in a POST: POST */post/c/*", "whole in a POST: POST */post/d/*"),
        "a blob can come in one POST (OCI, end-4b), and be wrong",
        {"outcome": ("202", "400 DIGEST_INVALID"), **_STARTED_THERE},
    ),
]


KNOWN: list[Known] = [*_UPLOADS, *_READ_ONLY, *_SESSIONS]
