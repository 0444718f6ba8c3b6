"""The sections ``log`` and ``loglevel``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from txregistry.config.addresses import Address, NotAnAddress, is_host, parse_address
from txregistry.config.cursor import Cursor
from txregistry.config.findings import quoted
from txregistry.config.values import (
    HOOK_LEVELS,
    LOG_FORMATTERS,
    FieldValue,
    LogConfig,
    MailHookConfig,
)

#: An address without a name beside it, as a mail server takes it: each part of letters that need no quotes.
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+(@[A-Za-z0-9_.-]+|@\[[0-9A-Fa-f:.]+\])?")


def read_log(root: Cursor) -> LogConfig:
    """Read what is logged, from the top of the configuration."""
    log = root.section("log")
    legacy_level = root.text("loglevel", LogConfig().level)
    return LogConfig(
        level=log.text("level", legacy_level),
        formatter=_formatter(log),
        fields=_fields(log.section("fields")),
        accesslog_disabled=log.section("accesslog").boolean("disabled"),
        reportcaller=log.boolean("reportcaller"),
        hooks=tuple(_hooks(log)),
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


def _hooks(log: Cursor) -> Iterator[MailHookConfig]:
    for hook in log.sections("hooks"):
        if hook.boolean("disabled"):
            continue
        if hook.text("type") != "mail":
            hook.warn("type", f"no hook is called {quoted(hook.text('type'))}, ignored")
            continue
        mail = _mail_hook(hook)
        if mail.levels:
            yield mail
        else:
            hook.warn("levels", "names none, so nothing is mailed")


def _mail_hook(hook: Cursor) -> MailHookConfig:
    options = hook.section("options")
    smtp = options.section("smtp")
    address = _server(smtp)
    username, password = smtp.text("username"), smtp.text("password")
    if username and not password:
        smtp.fault("password", "must be given with a username")
    elif password and not username:
        smtp.warn("password", "has no effect without a username")
    return MailHookConfig(
        _levels(hook),
        address.host,
        address.port,
        _sender(options),
        tuple(_recipients(options)),
        username,
        password,
        smtp.boolean("insecure"),
    )


def _levels(hook: Cursor) -> frozenset[str]:
    levels = set()
    for index, given in enumerate(hook.texts("levels")):
        level = given.lower()
        level = "warning" if level == "warn" else level
        if level in HOOK_LEVELS:
            levels.add(level)
        else:
            text = f"must be one of {', '.join(HOOK_LEVELS)}, not {quoted(given)}"
            hook.fault_item("levels", index, text)
            levels.add(HOOK_LEVELS[0])
    return frozenset(levels)


def _server(smtp: Cursor) -> Address:
    addr = smtp.text("addr")
    try:
        address = parse_address(addr)
        if is_host(address.host) and address.port:
            return address
        problem = "must be host:port"
    except NotAnAddress as wrong:
        problem = str(wrong)
    smtp.fault("addr", f"{problem}, not {quoted(addr)}")
    return Address("localhost", 25)


def _sender(options: Cursor) -> str:
    sender = options.text("from")
    if not _MAILBOX.fullmatch(sender):
        options.fault("from", f"must be an address such as registry@example.com, not {quoted(sender)}")
    return sender


def _recipients(options: Cursor) -> Iterator[str]:
    recipients = options.texts("to")
    if not recipients:
        options.fault("to", "must name somebody who gets the mail")
    for index, recipient in enumerate(recipients):
        if not _MAILBOX.fullmatch(recipient):
            text = f"must be an address such as admin@example.com, not {quoted(recipient)}"
            options.fault_item("to", index, text)
        yield recipient
