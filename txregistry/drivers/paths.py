"""The grammar of driver paths, which every driver holds its callers to."""

from __future__ import annotations

import re

from txregistry.errors import StorageError

_PATH = re.compile(r"(?:/[A-Za-z0-9._-]+)+\Z")
_DOTS = re.compile(r"/\.{1,2}(?:/|\Z)")
_COMPONENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]+\Z")


def checked(driver: str, path: str) -> str:
    """
    Return *path* if content may be stored there.

    :param driver: who refuses, for the error's text.
    :raises StorageError: it breaks the grammar, or a component is ``.`` or ``..``.
    """
    if not _PATH.match(path) or _DOTS.search(path):
        raise StorageError(f"{driver}: invalid path: {path[:300]!r}")
    return path


def checked_prefix(driver: str, path: str) -> str:
    """As :func:`checked`, for a path to list: ``/`` is one too, and comes back as ``""``."""
    return "" if path == "/" else checked(driver, path)


def is_component(name: str) -> bool:
    """Whether *name* can stand between two slashes of a driver path."""
    return _COMPONENT.match(name) is not None
