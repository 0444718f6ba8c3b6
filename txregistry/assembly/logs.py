"""Where lines of the log go, and what is made of them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from txregistry import __version__
from txregistry.config.values import LogConfig, MailHookConfig
from txregistry.endpoints import host_endpoint
from txregistry.lines import LineWriter
from txregistry.log import FORMATTERS, LineObserver
from txregistry.mailing.hook import MailHook


def line_observer(config: LogConfig, writer: LineWriter, hooks: list[MailHook]) -> LineObserver:
    """What makes lines of events, and has *hooks* hear of them."""
    return LineObserver(
        writer,
        config.level,
        FORMATTERS[config.formatter],
        {"instance.id": str(uuid4()), "version": __version__, **config.fields},
        config.reportcaller,
        hooks,
    )


def mail_hook(config: MailHookConfig, reactor: Any) -> MailHook:
    """What sends mail about lines of the log."""
    # Here, because twisted.mail takes the reactor that is installed when it is imported.
    from txregistry.mailing.smtp import SmtpSend

    send = SmtpSend(
        reactor,
        host_endpoint(reactor, config.host, config.port),
        config.host,
        config.sender,
        config.to,
        config.username,
        config.password,
        config.insecure,
    )
    return MailHook(reactor, config.levels, config.host, config.sender, config.to, send)


def is_quiet(config: LogConfig) -> bool:
    """Whether nobody would see a line of the level ``info``."""
    return config.level in ("error", "warn")
