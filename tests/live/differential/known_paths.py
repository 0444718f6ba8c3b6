"""Differences of headers, paths, methods and addresses."""

from __future__ import annotations

from tests.live.differential.judge import Known

#: Our ``Content-Type`` of JSON, and theirs.
_JSON = ("application/json; charset=utf-8", "application/json")

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
        ("base: * /*", "with headers: GET /", "prefix: GET / (2)"),
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
        ("paths and methods: HEAD /v2/words", "referrers: HEAD /v2/man/referred/referrers/"),
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
        ("paths: GET *://example.com/v2*",),
        "an address that is given whole is redirected like any other",
        {"Location": ("http://example.com/v2/*", "/v2/*")},
    ),
    Known(
        "paths: GET http://example.com",
        "no path is the root (RFC 9110, 4.2.3)",
        {
            "outcome": ("301", "200"),
            "Location": ("http://example.com/", "-"),
            "Cache-Control": ("-", "no-cache"),
        },
    ),
    Known(
        "paths: GET ftp://example.com/v2/",
        "we do not speak FTP",
        {"outcome": ("200", "404 UNSUPPORTED")},
    ),
    Known(
        ("paths: GET v2/", "paths: GET ?"),
        "errors are JSON whoever finds them",
        {
            "outcome": ("400 400 Bad Request", "404 UNSUPPORTED"),
            "form": ("a body without a length", "-"),
            "Docker-Distribution-Api-Version": ("-", "registry/2.0"),
            "Connection": ("close", "-"),
            "Date": ("-", "DATE"),
        },
    ),
    Known(
        "paths: GET a star",
        "a star is no path",
        {"outcome": ("301", "404 UNSUPPORTED"), "Location": ("/%2A", "-")},
    ),
    Known(
        "forwarded: * Host: *",
        "errors are JSON whoever finds them",
        {
            "outcome": ("400 400 Bad Request*", "400 UNSUPPORTED"),
            "form": ("a body without a length", "-"),
            "Docker-Distribution-Api-Version": ("-", "registry/2.0"),
            "Connection": ("close", "-"),
            "Date": ("-", "DATE"),
        },
    ),
    Known(
        "forwarded: * Host: a,b",
        "no host has such a name, so nobody can be sent there",
        {
            "outcome": ("202", "400 UNSUPPORTED"),
            "Docker-Upload-Uuid": ("UUID", "-"),
            "Location": ("http://a,b/v2/*", "-"),
            "Range": ("0-0", "-"),
        },
    ),
    Known(
        ("paths: GET /v2/%2e%2e/_catalog", "paths: GET /%2e%2e/v2/"),
        "dots and slashes that are escaped are meant",
        {"outcome": ("301", "404 UNSUPPORTED"), "Location": ("/*", "-")},
    ),
    Known(
        ("paths: GET /%2Fv2/_catalog?n=0", "paths: GET /%2Fv2/a/tags/list"),
        "dots and slashes that are escaped are meant",
        {"outcome": ("301", "404 UNSUPPORTED"), "Location": ("/*", "-")},
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


KNOWN: list[Known] = [*_EVERYWHERE, *_ROUTES, *_PATHS]
