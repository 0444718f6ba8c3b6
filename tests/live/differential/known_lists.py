"""Differences of the catalog and of the lists of tags."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.live.differential.judge import Known

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
        ("catalog: HEAD *", "tags: HEAD *", "read-only: HEAD */v2/_catalog*", "read-only: HEAD *tags/list *"),
        "lists have a HEAD like all that can be read",
        {"outcome": ("405 -", "200"), "Allow": ("GET", "-")},
    ),
    Known(
        ("*: * /v2/_catalog*", "*: * /v2/tags/one/tags/list*"),
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


KNOWN: list[Known] = [*_LISTS]
