"""What an answer looks like once all that must differ between two daemons is taken out of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from urllib.parse import unquote

from attrs import frozen

from tests.live.differential.player import Answer
from tests.live.registries import SECRET

#: Stands where one of the answers has nothing.
NOTHING = "-"

_DATE = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STATE = re.compile(r"_state=([A-Za-z0-9_%=-]+)")
_BOUNDARY = re.compile(r"\b[0-9a-f]{60}\b")
#: What the other daemon signs anew each time.
_SIGNATURES = re.compile(r'"signatures": \[.*\n   \]\n', re.DOTALL)
_LONG = 2000
_SCOPE = re.compile(r',scope="((?:[^"\\]|\\.)*)"')

#: What follows from the outcome, and is compared only if that is the same.
FROM_OUTCOME = frozenset(
    ("reason", "message", "detail", "body", "Content-Type", "Content-Length", "X-Content-Type-Options")
)


@frozen
class Seen:
    """
    An answer in comparable parts.

    ``outcome`` is the status with the codes of its errors, or with its text; ``message`` and ``detail`` are
    those of the errors, ``body`` is any other body, ``form`` what is wrong with the form; every header is a
    part by its name.
    """

    parts: Mapping[str, str]

    @property
    def outcome(self) -> str:
        """The part that says most."""
        return self.parts["outcome"]


def seen(answer: Answer, port: int, known_uuid: str = "") -> Seen:
    """
    Make *answer* comparable.

    :param port: of the daemon that gave it.
    :param known_uuid: of the upload that was asked about.
    """
    uuids: dict[str, str] = {known_uuid: "UUID"} if known_uuid else {}

    def settled(text: str) -> str:
        text = _STATE.sub(lambda match: f"_state={_state(unquote(match[1]))}", text)
        text = text.replace(f"127.0.0.1:{port}", "HOST")
        text = _SIGNATURES.sub('"signatures": SIGNATURES\n', _BOUNDARY.sub("BOUNDARY", text))
        return _UUID.sub(lambda match: uuids.setdefault(match[0], f"UUID{len(uuids) or ''}"), text)

    parts: dict[str, str] = {"reason": answer.reason, "form": answer.fault or NOTHING}
    for name, value in answer.headers:
        if name == "Date":
            value = "DATE" if _DATE.match(value) else value
        if name == "Www-Authenticate":
            name = "WWW-Authenticate"  # the other daemon writes all names in one way
            value = _SCOPE.sub(_ordered, value)
        if name == "Content-Length" and value == str(len(answer.body)) and answer.body:
            value = "that of the body"
        if name == "Content-Length" and answer.status >= 400 and not answer.body:
            value = "that of an error"  # whose details may differ
        value = settled(value)
        parts[name] = f"{parts[name]} | {value}" if name in parts else value
    for part, value in _content(answer, settled(answer.body.decode("latin-1"))).items():
        parts[part] = settled(value)
    return Seen(parts)


def _ordered(match: re.Match[str]) -> str:
    """
    A scope of the other daemon in one order, the one in which we must give it: its own is that of a hash
    table.

    Where a resource has more than one scope, the order is meant.
    """
    scopes = [scope.rpartition(":") for scope in match[1].split(" ")]
    if len({resource for resource, _, _ in scopes}) < len(scopes):
        return match[0]
    found = [f"{resource}:{','.join(sorted(actions.split(',')))}" for resource, _, actions in scopes]
    return f',scope="{" ".join(sorted(found))}"'


def _content(answer: Answer, text: str) -> dict[str, str]:
    """The outcome, and the parts of the body, which is *text* to be shown."""
    errors = _errors(answer)
    if errors is None:
        if answer.status >= 400:
            return {"outcome": f"{answer.status} {text.strip() or NOTHING}"}
        if len(text) > _LONG:
            text = f"{len(text)} bytes, {hashlib.sha256(text.encode('latin-1')).hexdigest()}"
        return {"outcome": str(answer.status), "body": text}
    codes = " ".join(str(error.get("code")) for error in errors)
    messages = " | ".join(str(error.get("message")) for error in errors)
    details = [json.dumps(error["detail"]) if "detail" in error else NOTHING for error in errors]
    extra = sorted({key for error in errors for key in error} - {"code", "message", "detail"})
    return {
        "outcome": f"{answer.status} {codes}",
        "message": messages,
        "detail": " | ".join(details),
        "body": f"errors with {extra}" if extra else "errors",
    }


def _errors(answer: Answer) -> list[Mapping[str, object]] | None:
    """The errors of the envelope, if the body is one."""
    if answer.status < 400 or not answer.body.startswith(b'{"errors":[') or not answer.body.endswith(b"]}\n"):
        return None
    try:
        found: list[Mapping[str, object]] = json.loads(answer.body)["errors"]
    except ValueError:
        return None
    return found


def _state(token: str) -> str:
    """Name what an upload's state says; one that was signed with another secret stays as it is."""
    try:
        raw = base64.urlsafe_b64decode(token)
        claims = json.loads(raw[32:])
    except ValueError:
        return token
    if not hmac.compare_digest(raw[:32], hmac.digest(SECRET.encode(), raw[32:], "sha256")):
        return token
    keys = ",".join(claims)
    return f"({keys}: {claims.get('Name')} {claims.get('UUID')} {claims.get('Offset')})"
