"""Differences of who may do what, and of what is said to those who may not."""

from __future__ import annotations

from tests.live.differential.judge import Known

_EVERY = ("silly", "htpasswd", "tokens")
_REFUSED = [
    Known(
        [f"{each}*: * {path}" for each in ("silly", "htpasswd", "*tokens") for path in ("/", "/ Auth*")],
        "one set of headers for all answers",
        {"Docker-Distribution-Api-Version": ("-", "registry/2.0")},
    ),
    Known(
        [f"{each}*: PUT * in chunks of 1000" for each in _EVERY],
        "a body that nobody wants, of unknown length, is not waited for",
        {"Connection": ("-", "close")},
    ),
    Known(
        [
            f"{each}*: * {path}*"
            for each in ("silly", "htpasswd", "*tokens")
            for path in ("/v2/auth/a/manifests/-", "/v2/auth/a/blobs/words", "/v2/Auth/A/", "/v2/auth/a%22b/")
        ],
        "who asks is known before anything that the address says, names included",
        {
            "outcome": ("404 404 page not found", "401 UNAUTHORIZED"),
            "WWW-Authenticate": ("-", "*"),
        },
    ),
    Known(
        [f"{each}*: POST * Content-Type: application/x-www-form-urlencoded*" for each in _EVERY],
        "a body is no query, and nobody reads it before it is known who asks",
        {
            "detail": (
                '*, {"Type": "repository", "Class": "", "Name": "auth/b", "Action": "pull"}]',
                '*"Name": "auth/a", "Action": "push"}]',
            ),
            "WWW-Authenticate": ('*repository:auth/b:pull"*', '*"repository:auth/a:p*"*'),
        },
    ),
    Known(
        [f"{each}*: *?from=Auth%22B%C3%A9%00*" for each in _EVERY],
        "headers are ASCII",
        {"WWW-Authenticate": ('*Auth\\"B\u00c3\u00a9\\x00:pull*', '*Auth\\"B\\u00e9\\x00:pull*')},
    ),
]
_HTPASSWD = [
    Known(
        "passwords: '1a' right",
        "there is no such kind of hash",
        {"outcome": ("404 NAME_UNKNOWN", "401 UNAUTHORIZED"), "WWW-Authenticate": ("-", 'Basic realm="*"')},
    ),
    Known(
        ("a bad line: *", "a directory: *"),
        "errors are JSON whoever finds them",
        {"outcome": ("400 -", "400 UNKNOWN")},
    ),
    Known(
        ("a bad line: HEAD *", "a directory: HEAD *"),
        "errors are JSON whoever finds them",
        {"Content-Length": ("-", "that of an error"), "Content-Type": ("-", "application/json")},
    ),
]

_LET_IN = {
    "outcome": ("401 UNAUTHORIZED", "404 NAME_UNKNOWN"),
    "WWW-Authenticate": ('*error="invalid_token"', "-"),
}
_KEPT_OUT = {
    "outcome": ("404 NAME_UNKNOWN", "401 UNAUTHORIZED"),
    "WWW-Authenticate": ("-", '*error="invalid_token"'),
}


def _tokens(*names: str) -> list[str]:
    return [f"token *: GET * Authorization: Bearer {{t.{name}}}" for name in names]


_TOKENS = [
    Known(
        _tokens("aud-list", "aud-list-of-two"),
        "tokens may be for more than one service (RFC 7519, 4.1.3; 3.1)",
        _LET_IN,
    ),
    Known(_tokens("alg-PS256"), "PS256 is an algorithm (3.1)", _LET_IN),
    Known(_tokens("kid-thumbprint", "jwk-thumbprint"), "keys have ids of both generations (3.1)", _LET_IN),
    Known(_tokens("jwk-empty-kid", "jwk-null-kid"), "no id is none", _LET_IN),
    Known(_tokens("typ-number"), "nobody needs typ", _LET_IN),
    Known(
        _tokens("payload-twice-in-capitals"),
        "names in JSON are in one case (RFC 7519, 10.1.1), so this is another claim",
        _LET_IN,
    ),
    Known(
        _tokens("payload-capitals", "part-capitals"),
        "names in JSON are in one case (RFC 7519, 10.1.1)",
        _KEPT_OUT,
    ),
    Known(
        _tokens("access-members-in-capitals"),
        "names in JSON are in one case (RFC 7519, 10.1.1)",
        {
            "outcome": ("404 NAME_UNKNOWN", "401 UNAUTHORIZED"),
            "WWW-Authenticate": ("-", '*error="insufficient_scope"'),
        },
    ),
    Known(_tokens("payload-twice-right"), "two readers could see two tokens", _KEPT_OUT),
    Known(
        _tokens("payload-not-UTF-8", "payload-surrogate", "payload-deep"),
        "two readers could see two tokens",
        _KEPT_OUT,
    ),
    Known(_tokens("access-actions-with-null"), "null is no action", _KEPT_OUT),
    Known(
        _tokens("access-with-null"),
        "there, the request ends in a panic",
        {
            "outcome": ("0", "401 UNAUTHORIZED"),
            "Date": ("-", "DATE"),
            "Docker-Distribution-Api-Version": ("-", "registry/2.0"),
            "WWW-Authenticate": ("-", '*error="invalid_token"'),
        },
    ),
    Known(
        _tokens("header-crit", "header-b64"),
        "what is critical, and not understood, is refused (RFC 7515, 4.1.11)",
        _KEPT_OUT,
    ),
    Known(_tokens("jwk-x5c-text"), "a chain is a list", _KEPT_OUT),
    Known(
        _tokens("padded-signature", "padded-parts", "padded-too-little", "odd-last-bits"),
        "there is one way to write bytes in base64url (RFC 7515, 2)",
        _KEPT_OUT,
    ),
    Known(
        "mounts: POST *",
        "who may push, and may not read there, begins an upload (OCI)",
        {
            "outcome": ("401 UNAUTHORIZED", "202"),
            "Docker-Upload-Uuid": ("-", "UUID"),
            "Location": ("-", "http://HOST/v2/auth/a/blobs/uploads/UUID?_state=(* auth/a UUID 0)"),
            "Range": ("-", "0-0"),
            "WWW-Authenticate": ('*error="insufficient_scope"', "-"),
        },
    ),
    Known(
        ("mounts: GET */blobs/uploads/?*", "mounts: PUT */blobs/uploads/?*"),
        "what can only be posted to says so",
        {"outcome": ("404 BLOB_UPLOAD_UNKNOWN", "405 UNSUPPORTED"), "Allow": ("-", "POST")},
    ),
    Known(
        ("mounts: GET /v2/_catalog*", "* admitted: GET /v2/_catalog *"),
        "a repository is what has had manifests (3.1)",
        {"body": ('{"repositories":["auth/a"*]}\n', '{"repositories":[]}\n')},
    ),
    Known(
        (
            "odd paths with tokens: * /v2/auth/a/manifests/-*",
            "odd paths with tokens: * /v2/auth/a/blobs/words*",
        ),
        "a client that asks for what cannot be is told so",
        {"outcome": ("404 404 page not found", "4*"), "Allow": ("-", "DELETE, GET, HEAD")},
    ),
    Known(
        "autoredirect: * X-Forwarded-Proto: http",
        "a proxy says how clients come (3.1)",
        {"WWW-Authenticate": ('Bearer realm="https://HOST/*', 'Bearer realm="http://HOST/*')},
    ),
    Known(
        "autoredirect: GET http://other.example/v2/ *",
        "the header says for whom a request is, as everywhere",
        {"WWW-Authenticate": ('*"https://other.example/*', '*"https://registry.example.com/*')},
    ),
    Known(
        "classes: PUT */manifests/plugin * Bearer {t.class-of-other-type} *",
        "what something of another type and the same name is for says nothing of the repository",
        {
            "outcome": ("201", "403 DENIED"),
            "Docker-Content-Digest": ("sha256:*", "-"),
            "Location": ("*", "-"),
        },
    ),
    Known(
        "read-only with tokens: * /v2/auth/a/blobs/uploads/ *",
        "what can only be posted to, and not now, can do nothing",
        {"outcome": ("40* *", "405 *"), "Allow": ("*", "")},
        ("*", "*"),
    ),
]

KNOWN: list[Known] = [*_REFUSED, *_HTPASSWD, *_TOKENS]
