"""The access controllers that exist, by the name that a configuration gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from txregistry.auth.htpasswd import HtpasswdAccess
from txregistry.auth.open import OpenAccess
from txregistry.auth.silly import SillyAccess
from txregistry.auth.token import build as build_token
from txregistry.interfaces import IAccessController, IWorkers


@frozen
class Means:
    """
    What an access controller may use.

    :ivar workers: threads for files and for what takes long.
    :ivar now: the time, in seconds since 1970.
    :ivar threads: as many of the workers may be kept busy for long; there is
        one more, which soon comes to whatever else is to be done.
    """

    workers: IWorkers
    now: Callable[[], float]
    threads: int


@frozen
class AccessKind:
    """
    One kind of access controller.

    :ivar name: the key below ``auth`` that chooses it.
    :ivar build: makes a controller from its options.  What the options are is
        the configuration's affair: an object with the attributes that the row
        below names.  One that is a service too is started and stopped with
        the daemon.  Raises :class:`~txregistry.errors.Misconfigured`.
    """

    name: str
    build: Callable[[Any, Means], IAccessController]


def _none(options: Any, means: Means) -> IAccessController:
    return OpenAccess()


def _silly(options: Any, means: Means) -> IAccessController:
    return SillyAccess(options.realm, options.service)


def _htpasswd(options: Any, means: Means) -> IAccessController:
    return HtpasswdAccess(options.realm, options.path, means.workers, means.threads, means.now)


def _token(options: Any, means: Means) -> IAccessController:
    return build_token(
        realm=options.realm,
        issuer=options.issuer,
        service=options.service,
        rootcertbundle=options.rootcertbundle,
        jwks=options.jwks,
        signing_algorithms=options.signing_algorithms,
        autoredirect_path=options.autoredirect_path if options.autoredirect else None,
        workers=means.workers,
        now=means.now,
    )


#: Every kind by its name.
ACCESS: Mapping[str, AccessKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            AccessKind("none", _none),
            AccessKind("silly", _silly),
            AccessKind("htpasswd", _htpasswd),
            AccessKind("token", _token),
        )
    }
)
