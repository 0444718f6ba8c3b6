"""The middlewares that come with the daemon, by the name that a configuration gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from txregistry.interfaces import IStorageDriver, MiddlewareMeans
from txregistry.middleware.redirect import RedirectDriver
from txregistry.middleware.rewrite import RewriteDriver


@frozen
class StorageMiddleware:
    """
    One kind of middleware round the storage.

    :ivar name: what chooses it.
    :ivar build: wraps a driver.  What the options are is the configuration's
        affair: an object with the attributes that the row below names.
    """

    name: str
    build: Callable[[IStorageDriver, Any, MiddlewareMeans], IStorageDriver]


def _redirect(inner: IStorageDriver, options: Any, means: MiddlewareMeans) -> IStorageDriver:
    driver: IStorageDriver = RedirectDriver(inner, options.base)
    return driver


def _rewrite(inner: IStorageDriver, options: Any, means: MiddlewareMeans) -> IStorageDriver:
    driver: IStorageDriver = RewriteDriver(inner, options.scheme, options.host, options.trimpathprefix)
    return driver


#: Every kind by its name; of the other layers there are none.
STORAGE: Mapping[str, StorageMiddleware] = MappingProxyType(
    {
        kind.name: kind
        for kind in (StorageMiddleware("redirect", _redirect), StorageMiddleware("rewrite", _rewrite))
    }
)
