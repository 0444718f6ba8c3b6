"""Differences of pushing, negotiating and deleting manifests."""

from __future__ import annotations

from collections.abc import Sequence

from tests.live.differential.content import DOCKER, DOCKER_LIST
from tests.live.differential.judge import Known

_OCI_SUBJECT = [
    Known(
        ("pushing manifests: * <m.subject>", "referrers: PUT * <m.subject>"),
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

_WHY_REFERRERS = "referrers are listed (OCI, end-12)"
_REFERRERS = [
    Known(
        "references of a push: */by-tag?tag=a *",
        "tags in the query go with a digest only, and a client that gives others should know (OCI)",
        {"Warning": ("-", '299 - "*"')},
    ),
    Known(
        "references of a push: *?tag=.x *",
        "a push by digest can set tags (OCI, end-7b), if they are tags",
        {
            "outcome": ("201", "400 TAG_INVALID"),
            "Docker-Content-Digest": ("{m.oci}", "-"),
            "Location": ("http://HOST/v2/man/refs/manifests/{m.oci}", "-"),
        },
    ),
    Known(
        ("referrers: GET */{m.oci}", "referrers: GET */{absent}"),
        _WHY_REFERRERS,
        {"outcome": ("404 404 page not found", "200")},
    ),
    Known(
        ("referrers: HEAD */{m.oci}", "referrers: HEAD */{absent}"),
        _WHY_REFERRERS,
        {"outcome": ("404 -", "200")},
    ),
    Known(
        "referrers: *?artifactType=a/b",
        _WHY_REFERRERS,
        {"outcome": ("404 404 page not found", "200"), "OCI-Filters-Applied": ("-", "artifactType")},
    ),
    Known(
        "referrers: GET *",
        _WHY_REFERRERS,
        {"outcome": ("404 404 page not found", "400 DIGEST_INVALID")},
    ),
    Known("referrers: HEAD *", _WHY_REFERRERS, {"outcome": ("404 -", "400 -")}),
    Known(
        ("referrers: PUT *", "referrers: DELETE *"),
        _WHY_REFERRERS,
        {"outcome": ("404 404 page not found", "405 UNSUPPORTED"), "Allow": ("-", "GET, HEAD")},
    ),
    Known(
        "referrers: OPTIONS *",
        _WHY_REFERRERS,
        {"outcome": ("404 404 page not found", "200"), "Allow": ("-", "GET, HEAD")},
    ),
    Known(
        "referrers: */{m.oci}/",
        _WHY_REFERRERS,
        {"outcome": ("404 *", "301"), "Location": ("-", "/v2/man/referred/referrers/{m.oci}")},
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


KNOWN: list[Known] = [*_OCI_SUBJECT, *_REFERRERS, *_REFERENCES, *_NEGOTIATION, *_MANIFESTS]
