"""Blobs: reading them whole and in parts, conditions, deleting, and addresses that are none."""

from __future__ import annotations

from tests.live.differential.steps import Chapter, chapter, push, step

_ALPHA = "/v2/blobs/read/blobs/{alpha}"

_RANGES = [
    "bytes=0-0",
    "bytes=0-9",
    "bytes=5-9",
    "bytes=25-25",
    "bytes=0-25",
    "bytes=0-26",
    "bytes=0-999",
    "bytes=20-",
    "bytes=0-",
    "bytes=25-",
    "bytes=26-",
    "bytes=27-",
    "bytes=26-30",
    "bytes=1000-2000",
    "bytes=-1",
    "bytes=-5",
    "bytes=-26",
    "bytes=-27",
    "bytes=-1000",
    "bytes=-0",
    "bytes=-",
    "bytes=",
    "bytes=,",
    "bytes= ,",
    "bytes",
    "bytes=5",
    "bytes=a-b",
    "bytes=1-b",
    "bytes=9-5",
    "bytes=5-4",
    "bytes=--5",
    "bytes=+1-5",
    "bytes=1-+5",
    "bytes=-+5",
    "bytes=1-5-9",
    "bytes=0x1-0x5",
    "bytes=0-9223372036854775807",
    "bytes=0-9223372036854775808",
    "bytes=9223372036854775807-",
    "bytes=9223372036854775808-",
    "bytes=99999999999999999999999-",
    "bytes=-9223372036854775808",
    "bytes=-99999999999999999999999",
    "bytes=00000000000000000000000001-5",
    "bytes= 0-9",
    "bytes=0 - 9",
    "bytes=0- 9",
    "bytes =0-9",
    " bytes=0-9",
    "Bytes=0-9",
    "BYTES=0-9",
    "items=0-9",
    "none",
    "bytes=0-1,3-4",
    "bytes=0-1, 3-4",
    "bytes=3-4,0-1",
    "bytes=0-0,1-1,2-2",
    "bytes=0-9,5-14",
    "bytes=0-1,0-1",
    "bytes=0-1,,3-4",
    "bytes=,0-1",
    "bytes=0-1,",
    "bytes=0-1,26-",
    "bytes=26-,0-1",
    "bytes=26-,27-",
    "bytes=0-1,-1",
    "bytes=-1,-2",
    "bytes=0-25,0-25",
    "bytes=0-24,0-24",
    "bytes=0-1,a-b",
    "bytes=0-1,9-5",
    "bytes=0-1;3-4",
    "bytes=42-0",
    "bytes=42-0,0-1",
    "bytes=0-1,42-0",
]

_IF_NONE_MATCH = [
    '"{alpha}"',
    "{alpha}",
    '"{beta}"',
    "*",
    'W/"{alpha}"',
    'w/"{alpha}"',
    '"x", "{alpha}"',
    '"x","{alpha}"',
    '"x" "{alpha}"',
    'x, "{alpha}"',
    '"{alpha}", x',
    ', "{alpha}"',
    '"{alpha}',
    '""',
    '"*"',
    "* , x",
]

_IF_MATCH = ['"{alpha}"', "{alpha}", '"{beta}"', "*", 'W/"{alpha}"', '"x", "{alpha}"', "x"]

_IF_RANGE = [
    '"{alpha}"',
    "{alpha}",
    '"{beta}"',
    'W/"{alpha}"',
    "*",
    "Wed, 21 Oct 2015 07:28:00 GMT",
    '"{alpha}", "{beta}"',
]

_DATES = ["Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2099 07:28:00 GMT", "words"]

_DIGESTS = [
    "absent",
    "absent512",
    "short",
    "long",
    "capitals",
    "capital-name",
    "md5",
    "unknown",
    "no-hex",
    "plain",
    "encoded",
    "alpha.sha512",
    "alpha.sha384",
]

CHAPTERS: list[Chapter] = [
    chapter(
        "reading",
        [
            *push("blobs/read", "alpha", "gamma", "one", "empty"),
            *[
                step(method, f"/v2/blobs/read/blobs/{{{name}}}")
                for name in ("alpha", "gamma", "one", "empty", *_DIGESTS)
                for method in ("GET", "HEAD")
            ],
            *[step("GET", f"/v2/blobs/none/blobs/{{{name}}}") for name in ("alpha", "absent", "short")],
            step("GET", _ALPHA + "?ns=docker.io"),
            step("GET", _ALPHA, Accept="application/json"),
            step("GET", _ALPHA, Accept_Encoding="gzip"),
            step("GET", _ALPHA, User_Agent=""),
            step("GET", _ALPHA, b"a body"),
            step("GET", _ALPHA, b"a body", chunked=2),
            step("HEAD", _ALPHA, b"a body"),
            step("GET", _ALPHA, Connection="close"),
            step("HEAD", _ALPHA, Connection="close"),
            step("GET", "/v2/blobs/read/blobs/{absent}", Connection="close"),
            step("GET", _ALPHA, Connection="keep-alive"),
            step("GET", _ALPHA, Expect="100-continue"),
        ],
    ),
    chapter(
        "ranges",
        [
            *push("blobs/read", "alpha", "beta", "gamma", "one", "empty"),
            *[step("GET", _ALPHA, Range=value) for value in _RANGES],
            *[
                step("HEAD", _ALPHA, Range=value)
                for value in ("bytes=0-9", "bytes=26-", "bytes=0-1,3-4", "x")
            ],
            *[step("GET", "/v2/blobs/read/blobs/{empty}", Range=value) for value in ("bytes=0-", "bytes=-5")],
            step("GET", "/v2/blobs/read/blobs/{one}", Range="bytes=0-"),
            step("GET", "/v2/blobs/read/blobs/{one}", Range="bytes=1-"),
            step("GET", "/v2/blobs/read/blobs/{beta}", Range="bytes=100-199,500-599,-10"),
            *[
                step("GET", f"/v2/blobs/read/blobs/{{{name}}}", Range="bytes=" + "0-0," * count, name=what)
                for name, count, what in (
                    ("alpha", 26, "GET every byte, and the first each time"),
                    ("alpha", 27, "GET the first byte more often than there are bytes"),
                    ("beta", 1000, "GET a thousand ranges"),
                    ("gamma", 1025, "GET more ranges than we count"),
                )
            ],
            step("GET", "/v2/blobs/read/blobs/{absent}", Range="bytes=0-"),
            step("GET", "/v2/blobs/read/blobs/{short}", Range="bytes=0-"),
        ],
    ),
    chapter(
        "conditions",
        [
            *push("blobs/read", "alpha", "empty"),
            *[
                step(method, _ALPHA, If_None_Match=value)
                for value in _IF_NONE_MATCH
                for method in ("GET", "HEAD")
            ],
            *[step("GET", _ALPHA, If_Match=value) for value in _IF_MATCH],
            step("HEAD", _ALPHA, If_Match='"x"'),
            *[step("GET", _ALPHA, Range="bytes=0-3", If_Range=value) for value in _IF_RANGE],
            step("GET", _ALPHA, If_Range='"x"'),
            *[step("GET", _ALPHA, If_Modified_Since=value) for value in _DATES],
            *[step("GET", _ALPHA, If_Unmodified_Since=value) for value in _DATES],
            step("GET", _ALPHA, If_Match='"{alpha}"', If_None_Match='"{alpha}"'),
            step("GET", _ALPHA, If_Match='"x"', If_None_Match='"{alpha}"'),
            step("GET", _ALPHA, If_None_Match='"{alpha}"', Range="bytes=0-3"),
            step("GET", _ALPHA, If_Match='"{alpha}"', Range="bytes=0-3"),
            step("GET", _ALPHA, If_Match='"{alpha}"', Range="bytes=99-"),
            step("GET", "/v2/blobs/read/blobs/{empty}", If_None_Match='"{empty}"'),
            step("GET", "/v2/blobs/read/blobs/{absent}", If_None_Match='"{absent}"'),
            step("GET", "/v2/blobs/read/blobs/{absent}", If_None_Match="*"),
        ],
    ),
    chapter(
        "deleting blobs",
        [
            *push("blobs/delete", "alpha", "beta"),
            *push("blobs/keep", "alpha"),
            *[step("DELETE", f"/v2/blobs/delete/blobs/{{{name}}}") for name in _DIGESTS],
            step("DELETE", "/v2/blobs/delete/blobs/{alpha}"),
            step("GET", "/v2/blobs/delete/blobs/{alpha}"),
            step("HEAD", "/v2/blobs/delete/blobs/{alpha}"),
            step("DELETE", "/v2/blobs/delete/blobs/{alpha}"),
            step("GET", "/v2/blobs/keep/blobs/{alpha}"),
            step("GET", "/v2/blobs/delete/blobs/{beta}"),
            step("DELETE", "/v2/blobs/delete/blobs/{beta}", b"a body"),
            step("DELETE", "/v2/blobs/none/blobs/{alpha}"),
            *push("blobs/delete", "alpha"),
            step("GET", "/v2/blobs/delete/blobs/{alpha}"),
        ],
    ),
    chapter(
        "methods of blobs",
        [
            *push("blobs/methods", "alpha"),
            *[
                step(method, f"/v2/blobs/methods/blobs/{{{name}}}")
                for name in ("alpha", "absent", "short")
                for method in ("POST", "PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get")
            ],
        ],
    ),
]
