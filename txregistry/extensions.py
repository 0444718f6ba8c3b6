"""
Middlewares that a configuration may choose: those that come with the daemon, and plug-ins.

Plug-ins are looked for as :func:`twisted.plugin.getPlugins` does it, among the objects of the modules of
:mod:`txregistry.plugins`, but without its cache, which it would write into the installation; and what is
wrong with one of them is a line for the operator, not a traceback in the log.
"""

from __future__ import annotations

import pkgutil
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from attrs import field, frozen
from twisted.plugin import IPlugin
from zope.interface.interface import InterfaceClass
from zope.interface.verify import verifyObject

import txregistry.plugins
from txregistry.config.cursor import Cursor
from txregistry.config.middleware import MIDDLEWARE_OPTIONS, OptionsReader, Plugins
from txregistry.config.values import MiddlewareUse
from txregistry.errors import BadOption, Misconfigured
from txregistry.interfaces import (
    INamespace,
    IRegistryMiddlewareFactory,
    IRepositoryMiddleware,
    IRepositoryMiddlewareFactory,
    IStorageDriver,
    IStorageMiddlewareFactory,
    MiddlewareMeans,
)
from txregistry.middleware.table import STORAGE

#: By layer, what a factory for it provides, and what that builds.
_FACTORIES: Mapping[str, tuple[InterfaceClass, InterfaceClass]] = MappingProxyType(
    {
        "storage": (IStorageMiddlewareFactory, IStorageDriver),
        "registry": (IRegistryMiddlewareFactory, INamespace),
        "repository": (IRepositoryMiddlewareFactory, IRepositoryMiddleware),
    }
)


@frozen
class Offer:
    """
    A middleware that a configuration may choose.

    :ivar build: makes it, of what it wraps (but for repositories), its options, and its means.
    """

    name: str
    read_options: OptionsReader
    build: Callable[..., object] = field(repr=False)


#: Those that come with the daemon, by layer and name.
BUILT_IN: Mapping[tuple[str, str], Offer] = MappingProxyType(
    {
        ("storage", name): Offer(name, MIDDLEWARE_OPTIONS["storage", name], kind.build)
        for name, kind in STORAGE.items()
    }
)


def find_plugins(package: ModuleType = txregistry.plugins) -> Plugins:
    """Import all modules of *package*, and see what they offer."""
    kinds: dict[tuple[str, str], Offer] = {}
    origins: dict[tuple[str, str], str] = {}
    broken: dict[str, str] = {}
    for found in sorted(pkgutil.iter_modules(package.__path__, f"{package.__name__}."), key=_name_of):
        try:
            module = import_module(found.name)
        except (Exception, SystemExit) as error:
            broken[found.name] = f"this plug-in cannot be imported: {told(error)}"
            continue
        try:
            offers = dict(_offers(module))
        except Exception as error:
            broken[found.name] = f"this plug-in cannot be used: {told(error)}"
            continue
        for key, offer in offers.items():
            if key in origins:
                layer, name = key
                broken[found.name] = (
                    f"its {layer} middleware {name} is in {origins[key]} too, so neither is used"
                )
                kinds.pop(key, None)
            else:
                kinds[key], origins[key] = offer, found.name
    return Plugins(kinds, broken)


def _name_of(found: pkgutil.ModuleInfo) -> str:
    return found.name


def _offers(module: ModuleType) -> Iterator[tuple[tuple[str, str], Offer]]:
    for candidate in vars(module).values():
        if not IPlugin.providedBy(candidate):
            continue
        for layer, (interface, _) in _FACTORIES.items():
            if interface.providedBy(candidate):
                verifyObject(interface, candidate)
                name = str(candidate.name)
                yield (layer, name), Offer(name, partial(_read, candidate), candidate.build)


class _Asked(Mapping[str, object]):
    """Options that note on the cursor which of them were asked for."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor, self._options = cursor, cursor.plain()

    def __getitem__(self, key: str) -> object:
        value = self._options[key]
        self._cursor.raw(key)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)


def _read(factory: Any, cursor: Cursor) -> object:
    """Have a plug-in read its options."""
    try:
        return factory.read_options(_Asked(cursor))
    except BadOption as problem:
        for key in cursor:
            cursor.raw(key)  # it may not have come to them
        cursor.fault(problem.key, problem.text)
    except Exception as error:
        cursor.fault("", f"the middleware {factory.name} fails to read them: {told(error)}")
    return None


def build_stack(
    layer: str, uses: Sequence[MiddlewareUse], inner: object, means: MiddlewareMeans
) -> list[Any]:
    """
    Build the middlewares of the *layer* ``storage`` or ``registry``, each round the one before it.

    :param inner: what the first one wraps.
    :raises Misconfigured: one cannot be built, or is not what it should be.
    """
    built: list[Any] = []
    for use in uses:
        built.append(_build(layer, use, (built[-1] if built else inner,), means))
    return built


def build_beside(uses: Sequence[MiddlewareUse], means: MiddlewareMeans) -> list[Any]:
    """
    Build the middlewares of the layer ``repository``, which wrap nothing yet.

    :raises Misconfigured: one cannot be built, or is not what it should be.
    """
    return [_build("repository", use, (), means) for use in uses]


def _build(layer: str, use: MiddlewareUse, wrapped: tuple[object, ...], means: MiddlewareMeans) -> Any:
    try:
        built = use.kind.build(*wrapped, use.options, means)
    except BadOption as problem:
        key = f".{problem.key}" if problem.key else ""
        raise Misconfigured(f"{use.path}.options{key}: {problem.text}") from None
    except Misconfigured:
        raise
    except Exception as error:
        raise Misconfigured(f"{use.path}: {use.name} cannot be built: {told(error)}") from error
    _, interface = _FACTORIES[layer]
    if not interface.providedBy(built):
        raise Misconfigured(
            f"{use.path}: {use.name} built no {interface.__name__}, but {type(built).__name__}"
        )
    return built


def told(error: BaseException) -> str:
    """*error* in one line, with the place that raised it."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError):
        return text
    places = traceback.extract_tb(error.__traceback__)
    return f"{text} ({places[-1].filename}, line {places[-1].lineno})" if places else text
