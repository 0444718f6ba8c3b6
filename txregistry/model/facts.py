"""
What every log line says of the request that it belongs to.

Twisted keeps a ``ContextVar`` per coroutine, so whatever is logged while a
request is served, however deep, finds its request here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol


class LogFacts(Protocol):
    """Knows the log fields of a request; puts them together only for lines that are written."""

    def log_fields(self) -> Mapping[str, object]:
        """Field names in distribution's spelling (``http.request.id`` …) and their values."""


CURRENT: ContextVar[LogFacts | None] = ContextVar("txregistry-request", default=None)
