"""The sections ``log`` and ``loglevel``."""

from __future__ import annotations

import json

from txregistry.config.cursor import Cursor
from txregistry.config.values import LOG_FORMATTERS, FieldValue, LogConfig


def read_log(root: Cursor) -> LogConfig:
    """Read what is logged, from the top of the configuration."""
    log = root.section("log")
    legacy_level = root.text("loglevel", LogConfig().level)
    return LogConfig(
        level=log.text("level", legacy_level),
        formatter=_formatter(log),
        fields=_fields(log.section("fields")),
        accesslog_disabled=log.section("accesslog").boolean("disabled"),
    )


def _formatter(log: Cursor) -> str:
    default = LogConfig().formatter
    formatter = log.text("formatter") or default
    if formatter in LOG_FORMATTERS:
        return formatter
    log.fault("formatter", f"must be one of {', '.join(LOG_FORMATTERS)}, not {formatter!r}")
    return default


def _fields(fields: Cursor) -> dict[str, FieldValue]:
    values: dict[str, FieldValue] = {}
    for key in fields:
        value = fields.raw(key)
        if isinstance(value, dict | list):
            values[key] = json.dumps(value, ensure_ascii=False)
        elif value is not None:
            values[key] = value
    return values
