"""
The table of differences for random requests.

It speaks of kinds of requests, not of single ones, and of results alone; no run has all of them.
"""

from __future__ import annotations

from tests.live.differential.judge import Known


def _results(steps: str | tuple[str, ...], reason: str, *results: tuple[str, str]) -> list[Known]:
    return [Known(steps, reason, {"result": each}) for each in results]


KNOWN: tuple[Known, ...] = (
    *_results(
        ("random: strange path", "random: method *"),
        "errors are JSON whoever finds them, and say what is wrong",
        ("4xx text", "4xx *"),
        ("4xx BLOB_UPLOAD_UNKNOWN", "4xx *"),
    ),
    *_results(
        "random: strange path",
        "an address is cleaned before its parts are read",
        ("4xx text", "3xx"),
    ),
    *_results(
        "random: strange path",
        "what is escaped is meant",
        ("3xx", "4xx *"),
    ),
    *_results(
        "random: strange path",
        "there, the descriptor cache refuses names that docker.io would not have",
        ("5xx text", "*"),
    ),
    *_results(
        "random: strange path",
        "a wrong name, or a wrong digest, is a fault of the client's",
        ("5xx UNKNOWN", "4xx NAME_INVALID"),
        ("5xx UNKNOWN", "4xx DIGEST_INVALID"),
    ),
    *_results(
        ("random: method HEAD catalog", "random: method HEAD tags"),
        "lists have a HEAD like all that can be read",
        ("4xx -", "2xx"),
    ),
    *_results(
        ("random: DELETE tag", "random: method DELETE manifest"),
        "a tag can be deleted (OCI; 3.1)",
        ("4xx DIGEST_INVALID", "4xx MANIFEST_UNKNOWN"),
        ("4xx DIGEST_INVALID", "2xx"),
    ),
    *_results(
        ("random: GET tags *n=*", "random: GET catalog *n=*"),
        "what is no number is a fault (3.1)",
        ("2xx", "4xx PAGINATION_NUMBER_INVALID"),
        ("4xx NAME_UNKNOWN", "4xx PAGINATION_NUMBER_INVALID"),
    ),
    *_results(
        ("random: GET tags *", "random: strange path"),
        "a repository without tags is known all the same",
        ("4xx NAME_UNKNOWN", "2xx"),
    ),
    *_results(
        ("random: PATCH state=lost *", "random: PUT state=lost *", "random: * session state=lost"),
        "a session is found by its path",
        ("4xx BLOB_UPLOAD_INVALID", "2xx"),
        ("4xx BLOB_UPLOAD_INVALID", "4xx *_INVALID"),
        ("4xx -", "2xx"),
    ),
    *_results(
        ("random: PATCH * range=ahead", "random: PATCH * range=words"),
        "a chunk must say where it belongs (OCI; 3.1)",
        ("2xx", "4xx RANGE_INVALID"),
    ),
    *_results(
        "random: GET range*",
        "errors are JSON whoever finds them",
        ("4xx -", "4xx RANGE_INVALID"),
        ("4xx text", "4xx RANGE_INVALID"),
    ),
    *_results(
        "random: PUT bad *",
        "a bad manifest is a fault of the client's",
        ("5xx UNKNOWN", "*"),
        ("4xx MANIFEST_BLOB_UNKNOWN", "4xx *_INVALID"),
        ("2xx", "4xx *_INVALID"),
    ),
    *_results(
        "random: * manifest accepting some",
        "who names everything takes everything; an OCI index is served to everybody (3.1)",
        ("4xx MANIFEST_UNKNOWN", "2xx"),
        ("4xx -", "2xx"),
    ),
    *_results(
        "random: * manifest accepting some",
        "nothing is converted to schema 1 (3.1), which does not always succeed",
        ("4xx MANIFEST_INVALID", "2xx"),
    ),
    *[
        Known(
            f"random: {method} manifest accepting some",
            "nothing is converted to schema 1 (3.1)",
            {"Docker-Content-Digest": ("*", "sha256:*"), "body": (body, "*")},
        )
        for method, body in (("HEAD", ""), ("GET", '{\n   "schemaVersion": 1,*'))
    ],
    *[
        Known(
            "random: GET range of nothing",
            "there is no range of no bytes (RFC 9110, 14.1.2)",
            {part: ("*", "*")},
        )
        for part in ("result", "body", "Content-Range")
    ],
)
