"""Tokens with the rights that a request needs, with others, and with odd claims."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.auth.making import ISSUER, SERVICE, access, make_claims
from tests.live.differential.token_keys import ALL, NAME, NULL, signed

#: By name of a token, the entries of its claim ``access``.
RIGHTS: Mapping[str, list[Any]] = {
    "none": [],
    "pull": [access(NAME, "pull")],
    "push": [access(NAME, "push")],
    "delete": [access(NAME, "delete")],
    "pull,push": [access(NAME, "pull", "push")],
    "pull,delete": [access(NAME, "pull", "delete")],
    "pull,push,delete": [ALL],
    "star": [access(NAME, "*")],
    "no-actions": [access(NAME)],
    "unknown-action": [access(NAME, "read", "")],
    "capitals": [access(NAME, "PULL", "PUSH", "DELETE")],
    "joined": [access(NAME, "pull,push,delete")],
    "apart": [access(NAME, "pull"), access(NAME, "push"), access(NAME, "delete")],
    "apart-again": [access(NAME, "pull", "push", "delete"), access(NAME)],
    "among-others": [access("x", "pull"), ALL, access("auth/b", "push")],
    "type": [access(NAME, "pull", "push", "delete", type="registry")],
    "type-class": [access(NAME, "pull", "push", "delete", type="repository(image)")],
    "type-capitals": [access(NAME, "pull", "push", "delete", type="Repository")],
    "type-empty": [access(NAME, "pull", "push", "delete", type="")],
    "class": [access(NAME, "pull", "push", "delete", **{"class": "plugin"})],
    "prefix": [access("auth", "*"), access("auth/", "*"), access("auth/a/", "*"), access("auth/*", "*")],
    "longer": [access("auth/a/b", "*"), access("auth/aa", "*"), access("*", "*"), access("", "*")],
    "other-case": [access("Auth/A", "*"), access(" auth/a", "*"), access("auth/a ", "*")],
    "catalog": [access("catalog", "*", type="registry")],
    "catalog-pull": [access("catalog", "pull", type="registry")],
    "catalog-wrong": [access("catalog", "*"), access("_catalog", "*", type="registry")],
    "a+b": [ALL, access("auth/b", "pull")],
    "a-push+b": [access(NAME, "push"), access("auth/b", "pull")],
    "b": [access("auth/b", "pull")],
    "both": [ALL, access("auth/b", "pull", "push", "delete"), access("catalog", "*", type="registry")],
    "image": [access(NAME, "pull", "push", **{"class": "image"})],
    "plugin": [access(NAME, "pull", "push", **{"class": "plugin"})],
    "unclassed": [access(NAME, "pull", "push")],
    "other-class": [access(NAME, "pull", "push", **{"class": "thing"})],
    "two-classes": [
        access(NAME, "pull", "push", **{"class": "image"}),
        access(NAME, "pull", **{"class": "plugin"}),
    ],
    "class-of-other-type": [
        access(NAME, "pull", "push", **{"class": "thing"}),
        access(NAME, "pull", type="thing", **{"class": "plugin"}),
    ],
}


def rights(now: int) -> dict[str, str]:
    """Those of :data:`RIGHTS`."""
    return {name: signed(make_claims(now, *entries)) for name, entries in RIGHTS.items()}


def claims(now: int) -> dict[str, str]:
    """Tokens with odd claims."""
    good = make_claims(now, ALL)
    far = 1 << 62
    changed: dict[str, dict[str, Any]] = {
        "": {},
        "exp": {
            "past-30": now - 30,
            "past-90": now - 90,
            "now": now,
            "zero": 0,
            "negative": -1,
            "null": NULL,
            "missing": None,
            "text": str(now + 300),
            "fraction": now + 300.5,
            "whole-fraction": float(now + 300),
            "far": far,
            "too-far": 1 << 64,
            "true": True,
        },
        "nbf": {
            "future-30": now + 30,
            "future-90": now + 90,
            "zero": 0,
            "negative": -(1 << 62),
            "null": NULL,
            "missing": None,
            "text": str(now),
            "fraction": now - 10.5,
            "far": far,
        },
        "iat": {
            "future": now + 9000,
            "null": NULL,
            "missing": None,
            "text": str(now),
            "fraction": now - 10.5,
            "list": [],
        },
        "jti": {"null": NULL, "missing": None, "number": 7, "empty": ""},
        "iss": {
            "wrong": "other.example",
            "capitals": ISSUER.upper(),
            "longer": ISSUER + "/",
            "empty": "",
            "null": NULL,
            "missing": None,
            "number": 7,
            "list": [ISSUER],
        },
        "aud": {
            "wrong": "other.example",
            "capitals": SERVICE.upper(),
            "empty": "",
            "null": NULL,
            "missing": None,
            "number": 7,
            "list": [SERVICE],
            "list-of-two": ["other.example", SERVICE],
            "list-without": ["other.example"],
            "list-empty": [],
            "list-of-numbers": [SERVICE, 7],
            "object": {SERVICE: SERVICE},
        },
        "sub": {"empty": "", "null": NULL, "missing": None, "number": 7, "odd": '"\n\u00e9'},
        "access": {
            "null": NULL,
            "missing": None,
            "text": "pull",
            "object": ALL,
            "with-null": [None, ALL],
            "with-text": ["x", ALL],
            "with-empty": [{}, ALL],
            "with-list": [[], ALL],
            "actions-null": [ALL | {"actions": None}],
            "actions-text": [ALL | {"actions": "pull"}],
            "actions-numbers": [ALL | {"actions": ["pull", 7]}],
            "actions-with-null": [ALL | {"actions": ["pull", None]}],
            "actions-missing": [{"type": "repository", "name": NAME}],
            "type-missing": [{"name": NAME, "actions": ["pull"]}],
            "type-null": [ALL | {"type": None}],
            "name-missing": [{"type": "repository", "actions": ["pull"]}],
            "name-number": [ALL | {"name": 7}],
            "class-number": [ALL | {"class": 7}],
            "class-null": [ALL | {"class": None}],
            "more-members": [ALL | {"more": [1, {}]}],
            "members-in-capitals": [{name.upper(): value for name, value in ALL.items()}],
        },
        "more": {"object": {"a": [1.5, None]}},
    }
    tokens = {}
    for claim, values in changed.items():
        for name, value in values.items():
            given = {**good, claim: value}
            made = {key: None if each is NULL else each for key, each in given.items() if each is not None}
            tokens[f"{claim}-{name}"] = signed(made)
    text = json.dumps(good).encode()
    payloads = {
        "capitals": json.dumps({name.upper(): value for name, value in good.items()}).encode(),
        "twice": text[:-1] + b',"iss":"other.example"}',
        "twice-right": b'{"iss":"other.example",' + text[1:],
        "twice-in-capitals": text[:-1] + b',"ISS":"other.example"}',
        "exp-exponent": text.replace(str(now + 300).encode(), b"1e15"),
        "exp-NaN": text.replace(str(now + 300).encode(), b"NaN"),
        "list": b"[]",
        "null": b"null",
        "text": b'"x"',
        "empty": b"",
        "words": b"words",
        "half": text[:-1],
        "more": text + b"{}",
        "spaced": b" \n" + text + b"\n ",
        "BOM": b"\xef\xbb\xbf" + text,
        "UTF-16": text.decode().encode("utf-16"),
        "not-UTF-8": text.replace(b"alice", b"\xff\xfe"),
        "surrogate": text.replace(b"alice", b"\\ud800"),
        "empty-object": b"{}",
        "deep": text[:-1] + b',"deep":' + b"[" * 500 + b"]" * 500 + b"}",
    }
    return tokens | {f"payload-{name}": signed(payload) for name, payload in payloads.items()}
