"""
The section ``auth``: which access controller, and what it is told.

One frozen class and one pure reader per kind.  The table of kinds
(:mod:`txregistry.auth.table`) names them; this module knows no controller.
Files are not looked at here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from attrs import frozen

from txregistry.config.cursor import Cursor
from txregistry.config.decoding import describe
from txregistry.config.findings import quoted
from txregistry.config.values import AuthConfig

#: How an options reader looks: parameters to a frozen options object, faults noted on the cursor.
OptionsReader = Callable[[Cursor], object]

#: What ``auth.token.signingalgorithms`` may name, and what it is by default: what distribution 3.1 knows.
SIGNING_ALGORITHMS = (
    "EdDSA",
    *("HS256", "HS384", "HS512"),
    *("RS256", "RS384", "RS512"),
    *("ES256", "ES384", "ES512"),
    *("PS256", "PS384", "PS512"),
)

#: Where ``auth.token.autoredirect`` leads by default.
AUTOREDIRECT_PATH = "/auth/token"


class AccessKind(Protocol):
    """A row of the table of access controllers, as far as the configuration cares."""

    @property
    def name(self) -> str:
        """The key under ``auth`` that chooses it."""

    @property
    def read_options(self) -> OptionsReader:
        """Makes the options object out of what stands below that key."""


@frozen
class SillyOptions:
    """Whoever sends any credentials passes; for tests."""

    realm: str = ""
    service: str = ""


@frozen
class HtpasswdOptions:
    """Users and their passwords stand in the file *path*."""

    realm: str = ""
    path: str = ""


@frozen
class TokenOptions:
    """Tokens that *issuer* signs for *service*; clients get them at *realm*."""

    realm: str = ""
    issuer: str = ""
    service: str = ""
    #: A PEM file of certificates, or empty.
    rootcertbundle: str = ""
    #: A JSON Web Key Set file, or empty.
    jwks: str = ""
    signing_algorithms: tuple[str, ...] = SIGNING_ALGORITHMS
    #: Clients get their tokens at *autoredirect_path* of the host that they ask, whatever *realm* says.
    autoredirect: bool = False
    autoredirect_path: str = AUTOREDIRECT_PATH


def read_auth(root: Cursor, kinds: Mapping[str, AccessKind]) -> AuthConfig:
    """Read who may do what, from the top of the configuration."""
    auth = root.section("auth")
    given = tuple(auth)
    if len(given) > 1:
        root.fault("auth", f"must name exactly one kind, not {' and '.join(map(repr, sorted(given)))}")
        return AuthConfig()
    for kind in given:
        # An empty name comes from an empty variable of the environment.
        name = kind if kind and kind.lower() != "none" else "none"
        if name not in kinds:
            auth.fault(kind, "unknown kind of access control")
            return AuthConfig()
        options = auth.section(kind)
        read = kinds[name].read_options(options)
        options.warn_unread()
        return AuthConfig(name, read)
    return AuthConfig()


def read_no_options(cursor: Cursor) -> None:
    """Read ``auth.none``: there is nothing to be told."""


def read_silly_options(cursor: Cursor) -> SillyOptions:
    """Read ``auth.silly``."""
    return SillyOptions(_required(cursor, "realm"), _required(cursor, "service"))


def read_htpasswd_options(cursor: Cursor) -> HtpasswdOptions:
    """Read ``auth.htpasswd``."""
    return HtpasswdOptions(_required(cursor, "realm"), _required(cursor, "path"))


def read_token_options(cursor: Cursor) -> TokenOptions:
    """Read ``auth.token``."""
    bundle, jwks = cursor.text("rootcertbundle"), cursor.text("jwks")
    if not bundle and not jwks:
        cursor.fault("rootcertbundle", "must be given, or jwks, since tokens need a key to be verified with")
    path = cursor.text("autoredirectpath") or AUTOREDIRECT_PATH
    return TokenOptions(
        _required(cursor, "realm"),
        _required(cursor, "issuer"),
        _required(cursor, "service"),
        bundle,
        jwks,
        _signing_algorithms(cursor),
        cursor.boolean("autoredirect"),
        path if path.startswith("/") else f"/{path}",
    )


#: The reader of each kind's options.
AUTH_OPTIONS: Mapping[str, OptionsReader] = MappingProxyType(
    {
        "none": read_no_options,
        "silly": read_silly_options,
        "htpasswd": read_htpasswd_options,
        "token": read_token_options,
    }
)


def _required(cursor: Cursor, key: str) -> str:
    """A text that must be given, though it may be empty."""
    if cursor.raw(key) is None and cursor.raw(key) != "":
        cursor.fault(key, "must be given")
    return cursor.text(key)


def _signing_algorithms(cursor: Cursor) -> tuple[str, ...]:
    value = cursor.raw("signingalgorithms")
    if value is None:
        return SIGNING_ALGORITHMS
    if not isinstance(value, list):
        cursor.fault("signingalgorithms", f"must be a list, not {describe(value)}")
        return SIGNING_ALGORITHMS
    for index, name in enumerate(value):
        if name not in SIGNING_ALGORITHMS:
            shown = quoted(name) if isinstance(name, str) else describe(name)
            cursor.fault_item("signingalgorithms", index, f"no signing algorithm is called {shown}")
    return cursor.texts("signingalgorithms") or SIGNING_ALGORITHMS
