"""
The section ``middleware``: what wraps the storage, the registry and its repositories, in which order.

One frozen class and one pure reader for each middleware that comes with the daemon; the table of them
(:mod:`txregistry.middleware.table`) knows how to build them.  Others are plug-ins, which read their options
themselves; they are looked for only if a name is none of ours.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from attrs import field, frozen

from txregistry.config.addresses import is_absolute, url_problem
from txregistry.config.cursor import Cursor
from txregistry.config.findings import quoted
from txregistry.config.values import MiddlewareConfig, MiddlewareUse

#: How an options reader looks: options to an object, faults noted on the cursor.
OptionsReader = Callable[[Cursor], object]

#: What can be wrapped.
LAYERS = ("storage", "registry", "repository")

#: Middlewares of distribution that do not exist here yet.
NOT_YET = frozenset({("storage", "cloudfront")})

#: What Go leaves as it is in the path of a URL.
_PLAIN_IN_PATH = "$&+,/:;=@-_.~"
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class MiddlewareKind(Protocol):
    """A middleware that a configuration may choose, as far as the configuration cares."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""

    @property
    def read_options(self) -> OptionsReader:
        """Makes an object of what stands below ``options``."""


#: Kinds of middleware by layer and name.
MiddlewareKinds = Mapping[tuple[str, str], MiddlewareKind]


@frozen
class Plugins:
    """
    What others have installed.

    :ivar broken: a line for each plug-in that cannot be used, by the name of its module.
    """

    kinds: MiddlewareKinds = field(factory=dict)
    broken: Mapping[str, str] = field(factory=dict)


@frozen
class RedirectOptions:
    """
    Clients fetch blobs from another server.

    :ivar base: scheme and host of it, and a path without a slash at its end, if there is one.
    """

    base: str = ""


@frozen
class RewriteOptions:
    """What replaces parts of the address that a client is sent to; what is empty replaces nothing."""

    scheme: str = ""
    host: str = ""
    #: Taken away from the begin of its path.
    trimpathprefix: str = ""


def read_middleware(
    root: Cursor, known: MiddlewareKinds, find_plugins: Callable[[], Plugins]
) -> MiddlewareConfig:
    """
    Read which middlewares there are, from the top of the configuration.

    :param known: those that come with the daemon.
    :param find_plugins: looks for others, and is called once at most.
    """
    middleware = root.section("middleware")
    for layer in middleware:
        if layer not in LAYERS and any(middleware.sections(layer)):
            middleware.warn(layer, "unknown key, ignored")
    reader = _Reader(middleware, known, find_plugins)
    return MiddlewareConfig(*(reader.read(layer) for layer in LAYERS))


class _Reader:
    def __init__(
        self, middleware: Cursor, known: MiddlewareKinds, find_plugins: Callable[[], Plugins]
    ) -> None:
        self._middleware, self._known, self._find_plugins = middleware, known, find_plugins
        self._plugins: Plugins | None = None

    def read(self, layer: str) -> tuple[MiddlewareUse, ...]:
        """Those of *layer* that are not switched off, in the order of the file."""
        given = self._middleware.raw(layer)
        for index, item in enumerate(given if isinstance(given, list) else ()):
            if item is None:
                self._middleware.fault_item(layer, index, "must be a mapping such as {name: redirect}")
        uses = []
        for index, entry in self._middleware.indexed_sections(layer):
            if entry.boolean("disabled"):
                continue
            name = entry.text("name")
            kind = self._kind(entry, layer, name)
            if kind is not None:
                options = entry.section("options")
                read = kind.read_options(options)
                options.warn_unread()
                uses.append(MiddlewareUse(f"middleware.{layer}[{index}]", name, kind, read))
        return tuple(uses)

    def _kind(self, entry: Cursor, layer: str, name: str) -> MiddlewareKind | None:
        if not name:
            entry.fault("name", "must be given")
            return None
        if kind := self._known.get((layer, name)):
            return kind
        if (layer, name) in NOT_YET:
            entry.fault("name", f"{name}: not supported yet")
            return None
        plugins = self._look_for_plugins()
        if kind := plugins.kinds.get((layer, name)):
            return kind
        others = sorted(other for where, other in (*self._known, *plugins.kinds) if where == layer)
        offered = f"not one of {', '.join(others)}" if others else "and no plug-in is installed that has one"
        entry.fault("name", f"unknown {layer} middleware {quoted(name)}, {offered}{self._suspects()}")
        return None

    def _look_for_plugins(self) -> Plugins:
        if self._plugins is None:
            self._plugins = self._find_plugins()
            for module, problem in self._plugins.broken.items():
                self._middleware.warn_of(module, problem)
        return self._plugins

    def _suspects(self) -> str:
        broken = self._plugins.broken if self._plugins else {}
        return f"; it may be in {' or '.join(sorted(broken))}, see the warning" if broken else ""


def read_redirect_options(options: Cursor) -> RedirectOptions:
    """Read the options of ``redirect``."""
    text = options.text("baseurl")
    if not text:
        options.fault("baseurl", "must be given")
        return RedirectOptions()
    if problem := _base_problem(text):
        wanted = "must be a URL such as https://cdn.example.com/"
        options.fault("baseurl", f"{wanted}, but {quoted(text)} {problem}")
        return RedirectOptions()
    parts = urlsplit(text)
    _, at, host = parts.netloc.rpartition("@")
    for what, there in (("user name", at), ("query", parts.query), ("fragment", parts.fragment)):
        if there:
            options.warn("baseurl", f"its {what} has no effect")
    return RedirectOptions(f"{parts.scheme}://{host}{_base_path(parts.path)}")


def _base_problem(text: str) -> str | None:
    if problem := url_problem(text):
        return problem
    if "\\" in text:
        return "holds a backslash, which browsers take for a slash"
    if not is_absolute(text):
        return "lacks scheme or host"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        return "is neither http nor https"
    return None if _HOST.fullmatch(parts.netloc.rpartition("@")[2]) else "has a bad host name"


def _base_path(path: str) -> str:
    """*path* as distribution 3.1 puts it before others: cleaned, escaped anew, without a slash at its end."""
    cleaned = posixpath.normpath("/" + unquote(path)).lstrip("/")
    return f"/{quote(cleaned, safe=_PLAIN_IN_PATH)}" if cleaned else ""


def read_rewrite_options(options: Cursor) -> RewriteOptions:
    """Read the options of ``rewrite``."""
    read = RewriteOptions(options.text("scheme"), options.text("host"), options.text("trimpathprefix"))
    if read == RewriteOptions():
        options.warn("scheme", "nothing is rewritten without scheme, host or trimpathprefix")
    if read.scheme not in ("", "http", "https"):
        options.fault("scheme", f"must be http or https, not {quoted(read.scheme)}")
    if read.host and not _HOST.fullmatch(read.host):
        options.fault("host", f"must be a host name with or without a port, not {quoted(read.host)}")
    return read


#: The reader of the options of each middleware that comes with the daemon.
MIDDLEWARE_OPTIONS: Mapping[tuple[str, str], OptionsReader] = MappingProxyType(
    {
        ("storage", "redirect"): read_redirect_options,
        ("storage", "rewrite"): read_rewrite_options,
    }
)
