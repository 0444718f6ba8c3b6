"""
The table of differences, each with its reason.

What is meant stands in ``docs/compatibility.md``, too; a fault of ours that waits to be mended is marked
``FAULT``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.live.differential.content import DOCKER, DOCKER_LIST
from tests.live.differential.judge import Known

#: Our ``Content-Type`` of JSON, and theirs.
_JSON = ("application/json; charset=utf-8", "application/json")

_WRONG_DETAILS = (
    "invalid checksum digest length",
    "invalid checksum digest format",
    "unsupported digest algorithm",
)

_EVERYWHERE = [
    Known("*", "JSON needs no charset (3.1)", {"Content-Type": _JSON}),
    Known(
        "*",
        "details of digests are text (3.1), not Go's structures, of which nothing can be seen",
        {"detail": ("{}", '"*"')},
    ),
    Known(
        "*",
        "details are text (3.1), not Go's structures",
        {"detail": ('{"Tag": "*"}', '"unknown tag=*"')},
    ),
    Known("*: HEAD *", "a body that HEAD leaves out has its length", {"Content-Length": ("-", "0")}),
]

_ROUTES = [
    Known(
        "base: * /*",
        "one set of headers for all answers",
        {"Docker-Distribution-Api-Version": ("-", "registry/2.0")},
    ),
    Known(
        "*",
        "errors are JSON whoever finds them",
        {"outcome": ("405 Method not allowed", "405 UNSUPPORTED")},
    ),
    Known(
        "methods of blobs: * /v2/blobs/methods/blobs/{short}",
        "a method that no digest would have is refused before the digest is read",
        {"outcome": ("400 DIGEST_INVALID", "*"), "Allow": ("-", "DELETE, GET, HEAD")},
    ),
]

_PATHS = [
    Known(
        "*",
        "errors are JSON whoever finds them",
        {"outcome": ("404 404 page not found", "404 UNSUPPORTED")},
    ),
    Known(
        "paths and methods: HEAD /v2/words",
        "errors are JSON whoever finds them",
        {
            "Content-Type": ("text/plain; charset=utf-8", "application/json"),
            "X-Content-Type-Options": ("nosniff", "-"),
        },
    ),
    Known(
        "*",
        "nobody reads the body of a redirect",
        {
            "body": ('<a href="*">Moved Permanently</a>.\n\n', ""),
            "Content-Type": ("text/html; charset=utf-8", "-"),
            "Content-Length": ("*", "0"),
        },
        ("301", "301"),
    ),
    Known(
        "names*",
        "a client with a wrong name is told so, not that the registry has no such page",
        {"outcome": ("404 404 page not found", "400 NAME_INVALID")},
    ),
    Known(
        "names*",
        "a name that is too long, or has a port, is a fault of the client's",
        {"outcome": ("500 UNKNOWN", "400 NAME_INVALID")},
    ),
    Known(
        "names: *",
        "there, the descriptor cache refuses names that docker.io would not have",
        {"outcome": ("500 {}", "404 NAME_UNKNOWN")},
    ),
    Known(
        "names of manifests: *",
        "there, the descriptor cache refuses names that docker.io would not have",
        {"outcome": ("500 {}", "404 MANIFEST_UNKNOWN")},
    ),
    Known(
        "names of uploads: *",
        "there, the descriptor cache refuses names that docker.io would not have",
        {
            "outcome": ("500 {}", "202"),
            "Docker-Upload-Uuid": ("-", "UUID"),
            "Location": ("-", "http://HOST/v2/*/blobs/uploads/UUID?_state=(* UUID 0)"),
            "Range": ("-", "0-0"),
        },
    ),
    Known(
        "names*: * /v2/a b/*",
        "errors are JSON whoever finds them",
        {
            "outcome": ("400 400 Bad Request", "400 UNSUPPORTED"),
            "form": ("a body without a length", "-"),
            "Docker-Distribution-Api-Version": ("-", "registry/2.0"),
        },
    ),
    Known(
        ("names*: * /v2/a%/*", "names*: * /v2/a%zz/*"),
        "errors are JSON whoever finds them; a sign that stands for itself is no reason to hang up",
        {
            "outcome": ("400 400 Bad Request", "400 NAME_INVALID"),
            "form": ("a body without a length", "-"),
            "Docker-Distribution-Api-Version": ("-", "registry/2.0"),
            "Connection": ("close", "-"),
            "Date": ("-", "DATE"),
        },
    ),
    Known(
        "paths*: * /v2/a/blobs/words",
        "what stands behind blobs/ is meant to be a digest, and a wrong one is told so",
        {"outcome": ("404 404 page not found", "*"), "Allow": ("-", "DELETE, GET, HEAD")},
    ),
    Known(
        "paths and methods: HEAD /v2/a/blobs/words",
        "what stands behind blobs/ is meant to be a digest, and a wrong one is told so",
        {"outcome": ("404 -", "400 -")},
    ),
    Known(
        "paths: GET /v2/a/tags/list/.",
        "a dot at the end stands for a directory (RFC 3986, 5.2.4)",
        {"Location": ("/v2/a/tags/list", "/v2/a/tags/list/")},
    ),
    Known(
        "paths: GET /v2/a/tags/list/..",
        "a dot at the end stands for a directory (RFC 3986, 5.2.4)",
        {"Location": ("/v2/a/tags", "/v2/a/tags/")},
    ),
    Known(
        ("paths: GET /v2/a/%2*/tags/list", "paths: GET /v2/a%2f%2fb/tags/list"),
        "dots and slashes that are escaped are meant, so they are part of a name, and of a wrong one",
        {"outcome": ("301", "400 NAME_INVALID"), "Location": ("/v2/*", "-")},
    ),
    Known(
        "paths: GET /v2/%2e%2e/_catalog",
        "dots and slashes that are escaped are meant",
        {"outcome": ("301", "404 UNSUPPORTED"), "Location": ("/_catalog", "-")},
    ),
    Known(
        "forwarded: *",
        "an address that a proxy's headers would spoil is given without scheme and host",
        {
            "Location": (
                "*/v2/paths/forwarded/blobs/uploads/UUID?*",
                "/v2/paths/forwarded/blobs/uploads/UUID?*",
            )
        },
    ),
    Known(
        "forwarded: * X-Forwarded-Host: , other.example.com",
        "an empty name of a host is none",
        {"Location": ("http:///v2/paths/*", "http://HOST/v2/paths/*")},
    ),
    Known(
        "*: * */blobs/uploads/",
        "what can only be posted to says so",
        {"outcome": ("404 BLOB_UPLOAD_UNKNOWN", "405 UNSUPPORTED"), "Allow": ("-", "POST")},
    ),
]

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
    *[
        Known(
            ("ranges: *", "conditions: *"),
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

_ALL_TAGS = ("1", "10", "2", "B", "_", "a", "a-b", "a.b", "aa", "b")


def _tags(queries: Sequence[str], tags: Sequence[str], link: str = "") -> Known:
    """Tags that our list has, in order; the other knows neither order nor pages."""
    listed = json.dumps(tags, separators=(",", ":"))
    parts = {
        "body": ('{"name":"tags/many","tags":[*]}\n', f'{{"name":"tags/many","tags":{listed}}}\n'),
    }
    if link:
        parts["Link"] = ("-", f'</v2/tags/many/tags/list?{link}>; rel="next"')
    steps = [f"many tags: GET /v2/tags/many/tags/list{query}" for query in queries]
    return Known(steps, "tags are in order, and come in pages (OCI; 3.1)", parts)


_LISTS = [
    Known(
        ("catalog: *?n=*", "many tags: *?n=*", "tags: *?n=abc"),
        "what is no number is a fault (3.1)",
        {"outcome": ("200", "400 PAGINATION_NUMBER_INVALID")},
    ),
    Known(
        ("catalog: HEAD *", "tags: HEAD *"),
        "lists have a HEAD like all that can be read",
        {"outcome": ("405 -", "200"), "Allow": ("GET", "-")},
    ),
    Known(
        ("catalog: * /v2/_catalog", "tags: * /v2/tags/one/tags/list"),
        "lists have a HEAD like all that can be read",
        {"Allow": ("GET", "GET, HEAD")},
    ),
    Known(
        "catalog: GET /v2/_catalog?last=only",
        "a repository is what has had manifests (3.1)",
        {
            "body": (
                '{"repositories":["only/blobs"]}\n',
                '{"repositories":["only/manifests"]}\n',
            )
        },
    ),
    Known(
        "tags: GET /v2/tags/one/tags/list?*",
        "tags are in order, and come in pages (OCI; 3.1)",
        {"body": ('{"name":"tags/one","tags":["first"]}\n', '{"name":"tags/one","tags":[]}\n')},
    ),
    Known(
        "tags: GET /v2/tags/by-digest/tags/list",
        "a repository without tags is known all the same",
        {"outcome": ("404 NAME_UNKNOWN", "200")},
    ),
    Known(
        "tags: GET /v2/tags/by-digest/tags/list (2)",
        "a list of nothing is a list",
        {"body": ('{"name":"tags/by-digest","tags":null}\n', '{"name":"tags/by-digest","tags":[]}\n')},
    ),
    _tags(("", "?n=1000", "?n=1001", "?n=", "?last=%00"), _ALL_TAGS),
    _tags(("?n=0", "?n=-0", "?last=zz"), ()),
    _tags(("?n=1", "?n=1&n=2"), _ALL_TAGS[:1], "last=1&n=1"),
    _tags(("?n=%2B2",), _ALL_TAGS[:2], "last=10&n=2"),
    _tags(("?n=3",), _ALL_TAGS[:3], "last=2&n=3"),
    _tags(("?n=5",), _ALL_TAGS[:5], "last=_&n=5"),
    _tags(("?n=09",), _ALL_TAGS[:9], "last=aa&n=9"),
    _tags(("?n=3&last=1",), _ALL_TAGS[1:4], "last=B&n=3"),
    _tags(("?n=3&last=a",), _ALL_TAGS[6:9], "last=aa&n=3"),
    _tags(("?last=a", "?last=a-"), _ALL_TAGS[6:]),
    _tags(("?n=3&last=aa",), _ALL_TAGS[9:]),
]

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

_OCI_SUBJECT = [
    Known(
        "pushing manifests: * <m.subject>",
        "referrers are listed, and whoever pushes one is told so (OCI)",
        {"OCI-Subject": ("-", "{m.oci}")},
    ),
    Known(
        "pushing manifests: * <m.subject-absent>",
        "referrers are listed, and whoever pushes one is told so (OCI)",
        {"OCI-Subject": ("-", "{absent}")},
    ),
    Known(
        "references of a push: *?tag=a&tag=b*",
        "a push by digest can set tags (OCI, end-7b)",
        {"OCI-Tag": ("-", "a | b")},
    ),
]

_REFERENCES = [
    Known(
        "references of a push: *",
        "what stands behind manifests/ is meant to be a tag, and a wrong one is told so",
        {"outcome": ("404 404 page not found", "400 TAG_INVALID")},
    ),
    Known(
        ("references of a p*/{capital-name} *", "deleting manifests: */{capital-name}"),
        "what has a colon is meant to be a digest, and a wrong one is told so",
        {"outcome": ("404 404 page not found", "400 DIGEST_INVALID")},
    ),
    Known(
        "references of a pull: HEAD */{capital-name} *",
        "what has a colon is meant to be a digest, and a wrong one is told so",
        {"outcome": ("404 -", "400 -")},
    ),
    Known(
        "references of a p*",
        "a wrong digest is a fault of the client's",
        {"outcome": ("500 UNKNOWN", "400 DIGEST_INVALID")},
    ),
    Known(
        "references of a pull: HEAD *",
        "a wrong digest is a fault of the client's",
        {"outcome": ("500 -", "400 -")},
    ),
    Known(
        "references of a push: */{m.oci.sha512} *",
        "content is stored by the digest that the client chose (OCI)",
        {
            "outcome": ("400 DIGEST_INVALID", "201"),
            "Docker-Content-Digest": ("-", "{m.oci.sha512}"),
            "Location": ("-", "http://HOST/v2/man/refs/manifests/{m.oci.sha512}"),
        },
    ),
    Known(
        ("references of a pull: *", "deleting manifests: *"),
        "errors are JSON whoever finds them; there is no manifest of this name",
        {"outcome": ("404 404 page not found", "404 MANIFEST_UNKNOWN")},
    ),
    Known(
        "references of a pull: HEAD *",
        "errors are JSON whoever finds them; there is no manifest of this name",
        {
            "Content-Type": ("text/plain; charset=utf-8", "application/json"),
            "X-Content-Type-Options": ("nosniff", "-"),
        },
    ),
    Known(
        "*",
        "details are text (3.1), not Go's structures",
        {"detail": ('{"Name": "*", "Revision": "*"}', '"unknown manifest name=* revision=*"')},
    ),
    Known(
        [f"references of a pull: GET */{{{name}}} *" for name in ("encoded", "layer", "config")],
        "a blob is no manifest; there, the descriptor cache takes it for one",
        {"outcome": ("500 UNKNOWN", "404 MANIFEST_UNKNOWN")},
    ),
    Known(
        [f"references of a pull: HEAD */{{{name}}} *" for name in ("encoded", "layer", "config")],
        "a blob is no manifest; there, the descriptor cache takes it for one",
        {"outcome": ("500 -", "404 -")},
    ),
    Known(
        ("deleting manifests: DELETE */{encoded}", "deleting manifests: DELETE */{layer}"),
        "a blob is no manifest; there, the descriptor cache takes it for one",
        {"outcome": ("202", "404 MANIFEST_UNKNOWN")},
    ),
    Known(
        "conditions of manifests: *{absent}*",
        "what is not there is not unchanged",
        {"outcome": ("304", "404 MANIFEST_UNKNOWN")},
    ),
    Known(
        "deleting manifests: *",
        "says what is missing, or wrong",
        {"detail": ("-", '"*"')},
    ),
    Known(
        ("deleting manifests: DELETE */none", "deleting manifests: DELETE */latest"),
        "a tag can be deleted (OCI; 3.1)",
        {"outcome": ("400 DIGEST_INVALID", "404 MANIFEST_UNKNOWN")},
    ),
    Known(
        "deleting manifests: DELETE */m.other",
        "a tag can be deleted (OCI; 3.1)",
        {"outcome": ("400 DIGEST_INVALID", "202")},
    ),
]


def _served(name: str) -> dict[str, tuple[str, str]]:
    return {"Docker-Content-Digest": ("-", f"{{{name}}}"), "Etag": ("-", f'"{{{name}}}"')}


def _not_converted(name: str, accepts: Sequence[str], served: str, media_type: str) -> Known:
    return Known(
        [f"accepting: * /v2/man/accept/manifests/{name}{accept}" for accept in accepts],
        "nothing is converted to schema 1 (3.1)",
        {
            "Content-Length": ("11*", "*"),
            "Content-Type": ("application/vnd.docker.distribution.manifest.v1+prettyjws", media_type),
            "Docker-Content-Digest": ("sha256:*", f"{{{served}}}"),
            "Etag": ('"sha256:*"', f'"{{{served}}}"'),
            "body": ('*"signatures"*', f'{{"schemaVersion": 2, "mediaType": "{media_type}", *'),
        },
        ("200", "200"),
    )


#: No ``Accept``, or one that takes everything.
_ANYTHING = ("", " Accept: ", " Accept: */*", " Accept: application/*")

_NEGOTIATION = [
    *[
        Known(
            [
                f"accepting: * /v2/man/accept/manifests/{reference}{accept}"
                for reference in (name, f"{{{name}}}")
                for accept in (*_ANYTHING, " Accept: APPLICATION/VND.OCI.IMAGE.MANIFEST.V1+JSON")
            ],
            "who names nothing, or everything, takes everything (RFC 9110, 12.5.1); in any case (3.1)",
            {"outcome": ("404 *", "200"), **_served(name)},
        )
        for name in ("m.oci", "m.bare")
    ],
    Known(
        (
            "accepting: * /v2/man/accept/manifests/m.index*",
            "accepting: * /v2/man/accept/manifests/{m.index}*",
        ),
        "an OCI index is served to everybody (3.1)",
        {"outcome": ("404 *", "200"), **_served("m.index")},
    ),
    Known(
        [f"accepting: GET /v2/man/accept/manifests/m.list-arm{accept}*" for accept in ("*, */", *_ANYTHING)],
        "who names nothing, or everything, takes everything (RFC 9110, 12.5.1)",
        {"outcome": ("404 MANIFEST_UNKNOWN", "200"), **_served("m.list-arm")},
    ),
    Known(
        "accepting: GET /v2/man/accept/manifests/m.list-arm Accept: *",
        "says what is missing",
        {"detail": ("-", '"unknown tag=amd64/linux"')},
    ),
    _not_converted("m.docker", ("", " Accept: *"), "m.docker", DOCKER),
    _not_converted("m.list", (*_ANYTHING, " Accept: *, */*"), "m.list", DOCKER_LIST),
    _not_converted("m.list", (" Accept: *",), "m.docker", DOCKER),
]

_STORED_THERE = {
    "Docker-Content-Digest": ("sha256:*", "-"),
    "Location": ("http://HOST/v2/man/bad/manifests/sha256:*", "-"),
}
_STORED_HERE = {
    "Docker-Content-Digest": ("-", "sha256:*"),
    "Location": ("-", "http://HOST/v2/man/bad/manifests/sha256:*"),
}


def _bad(*faults: str) -> list[str]:
    return [f"bad manifests: * <bad.{fault}>" for fault in faults]


_MANIFESTS = [
    Known(
        "bad manifests: *",
        "details are text (3.1), in words of our own",
        {"detail": ('{"*}', '"*"')},
        ("400 MANIFEST_INVALID", "400 MANIFEST_INVALID"),
    ),
    Known(
        _bad("null", "an empty object", "schema*"),
        "a wrong schemaVersion is a fault of the client's",
        {"outcome": ("500 UNKNOWN", "400 MANIFEST_INVALID")},
    ),
    Known(
        "bad manifests: *",
        "a wrong digest is named once",
        {"outcome": ("400 DIGEST_INVALID MANIFEST_BLOB_UNKNOWN", "400 DIGEST_INVALID")},
    ),
    Known(
        "bad manifests: *",
        "a wrong digest is a fault of the client's",
        {"outcome": ("500 UNKNOWN UNKNOWN MANIFEST_BLOB_UNKNOWN", "400 DIGEST_INVALID")},
    ),
    Known(
        _bad("size negative"),
        "no content has a negative size",
        {"outcome": ("201", "400 MANIFEST_INVALID"), **_STORED_THERE},
    ),
    Known(
        _bad("docker with manifests", "list with layers", "a key*"),
        "two readers could see two manifests in it (CVE-2021-41190)",
        {"outcome": ("201", "400 MANIFEST_INVALID"), **_STORED_THERE},
    ),
    Known(
        _bad("not utf-8"),
        "what is not UTF-8 is not JSON (RFC 8259, 8.1)",
        {"outcome": ("201", "400 MANIFEST_INVALID"), **_STORED_THERE},
    ),
    Known(
        _bad("subject*"),
        "a subject is a descriptor (OCI)",
        {"outcome": ("201", "400 *_INVALID"), **_STORED_THERE},
    ),
    Known(
        _bad("foreign with url", "non-distributable with url"),
        "a layer that may stay elsewhere is taken with the address where it is",
        {"outcome": ("500 UNKNOWN UNKNOWN MANIFEST_BLOB_UNKNOWN", "201"), **_STORED_HERE},
    ),
    Known(
        _bad("foreign without url", "layer with url"),
        "a layer that is here can be served, whatever is said of it",
        {"outcome": ("500 UNKNOWN UNKNOWN MANIFEST_BLOB_UNKNOWN", "201"), **_STORED_HERE},
    ),
    Known(
        _bad("foreign with ftp", "foreign absent without url", "absent layer with url"),
        "a layer that cannot be fetched from anywhere is a fault of the client's",
        {"outcome": ("500 UNKNOWN UNKNOWN MANIFEST_BLOB_UNKNOWN", "400 MANIFEST_*")},
    ),
    Known(
        _bad("too large"),
        "too large is 413 (OCI), and nobody reads the rest",
        {"outcome": ("400 MANIFEST_INVALID", "413 SIZE_INVALID"), "Connection": ("-", "close")},
    ),
]

KNOWN: list[Known] = [
    *_EVERYWHERE,
    *_ROUTES,
    *_PATHS,
    *_BLOBS,
    *_RANGES,
    *_LISTS,
    *_UPLOADS,
    *_SESSIONS,
    *_OCI_SUBJECT,
    *_REFERENCES,
    *_NEGOTIATION,
    *_MANIFESTS,
]
