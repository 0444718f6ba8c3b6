"""
The tokens that the scripts show, made anew for each run, since they are soon too old.

A step names one as ``{t.NAME}``; what it is good for does not change from run to run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tests.auth.making import ISSUER, SERVICE
from tests.live.differential import token_claims, token_headers
from tests.live.differential.settings import FILES, Provision, Sections
from tests.live.differential.token_keys import keys

_GROUPS: Mapping[str, Callable[[int], dict[str, str]]] = {
    "rights": token_claims.rights,
    "claims": token_claims.claims,
    "headers": token_headers.headers,
    "forms": token_headers.forms,
}


def options(**more: object) -> Sections:
    """The section ``auth`` that believes the tokens."""
    given = {"realm": "https://auth.example/token?a=b", "issuer": ISSUER, "service": SERVICE}
    return {"auth": {"token": {**given, "rootcertbundle": FILES + "/bundle.pem", **more}}}


def provide() -> Provision:
    """The file of certificates, and the tokens."""
    now = int(time.time())
    found: dict[str, str] = {}
    for make in _GROUPS.values():
        made = {f"t.{name}": token for name, token in make(now).items()}
        assert not found.keys() & made.keys(), "two tokens of one name"
        found |= made
    return Provision({"bundle.pem": keys().bundle}, found)


def names(group: str) -> tuple[str, ...]:
    """The names of the tokens of one group: ``rights``, ``claims``, ``headers`` or ``forms``."""
    return tuple(_GROUPS[group](0))
