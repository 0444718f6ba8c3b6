"""
How log events become lines.

The shapes are those of distribution: logrus' text, its JSON, and logstash's.
stderr gets the log, stdout the access log, and neither anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii
from typing import Protocol

from attrs import frozen
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from txregistry.callers import Caller, caller
from txregistry.model.facts import CURRENT

_PLAIN = re.compile(r"[A-Za-z0-9\-._/@^+]+\Z")
#: What stands for control characters, of which there may be many: a table is faster than a look at each.
_CONTROLS = {code: json.dumps(chr(code))[1:-1] for code in range(256) if not chr(code).isprintable()}
_NAMES = {
    LogLevel.debug: "debug",
    LogLevel.info: "info",
    LogLevel.warn: "warning",
    LogLevel.error: "error",
    LogLevel.critical: "fatal",
}
_FAULT = frozenset(("panic", "fatal", "error"))
_SEVERITY = {LogLevel.debug: 0, LogLevel.info: 1, LogLevel.warn: 2, LogLevel.error: 3, LogLevel.critical: 4}
#: What Twisted says of connections that it cannot take, which is more than it makes of it; and what we say.
_REPHRASED = {
    "EMFILE encountered; releasing reserved file descriptor.": (
        LogLevel.error,
        "out of file descriptors: connections are refused; the limit of open files is too low for the load",
    ),
    "EMFILE recovery: Closed socket from {address}": (LogLevel.debug, None),
    "Re-reserving EMFILE recovery file descriptor.": (LogLevel.debug, None),
    "Could not accept new connection ({acceptError})": (LogLevel.error, None),
}
_BY_NAME = {"debug": LogLevel.debug, "info": LogLevel.info, "warn": LogLevel.warn, "error": LogLevel.error}

Fields = Mapping[str, object]


class Formatter(Protocol):
    """Makes a line of what is said, with the place in the code if it is known."""

    def __call__(
        self, when: datetime, level: str, message: str, fields: Fields, where: Caller | None = None
    ) -> str:
        """The line, without its end."""


@frozen(slots=True)
class Entry:
    """
    What one line of the log says.

    :ivar level: as logrus calls it.
    :ivar fault: something broke that nobody had thought of, or the daemon is in danger.
    """

    when: datetime
    level: str
    message: str
    fields: Fields
    fault: bool = False

    @property
    def levels(self) -> frozenset[str]:
        """The levels that it counts as for those who ask for some: a fault is what Go would panic of."""
        return _FAULT if self.fault else frozenset((self.level,))


class Hears(Protocol):
    """Wants some of the entries, beside the log."""

    def hear(self, entry: Entry) -> None:
        """Take *entry*, from any thread, and hold nobody up."""


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".") + "Z"


def _printable(text: str) -> str:
    """*text*, which is JSON, without what a terminal or a reader of lines could take for an order."""
    if text.isprintable() or (text := text.translate(_CONTROLS)).isprintable():
        return text
    return "".join([each if each.isprintable() else encode_basestring_ascii(each)[1:-1] for each in text])


def _quoted(text: str) -> str:
    return _printable(json.dumps(text, ensure_ascii=False))


def shown(value: object) -> str:
    """*value* for people: structures, which only fields of JSON lines can hold, as JSON text."""
    if isinstance(value, bool | dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _text_value(value: object) -> str:
    text = shown(value)
    return text if not text or _PLAIN.match(text) else _quoted(text)


def _beside(own: Fields, fields: Fields) -> dict[str, object]:
    """*fields* under names that none of our *own* has, renamed as logrus does it."""
    return {f"fields.{name}" if name in own else name: value for name, value in fields.items()}


def _place(where: Caller | None) -> dict[str, str]:
    return {} if where is None else {"func": where.func, "file": where.file}


def text_line(when: datetime, level: str, message: str, fields: Fields, where: Caller | None = None) -> str:
    """logrus' text format: ``time="…" level=info msg="…" key=value``, keys sorted."""
    own = {"time": f'"{_stamp(when)}"', "level": level, "msg": _quoted(message)}
    own.update((name, _text_value(value)) for name, value in _place(where).items())
    rest = _beside(own, fields)
    pairs = [*own.items(), *((name, _text_value(rest[name])) for name in sorted(rest))]
    return " ".join(f"{name}={value}" for name, value in pairs)


def _json_line(own: Fields, fields: Fields) -> str:
    document = {**_beside(own, fields), **own}
    return _printable(
        json.dumps(document, separators=(",", ":"), sort_keys=True, default=str, ensure_ascii=False)
    )


def json_line(when: datetime, level: str, message: str, fields: Fields, where: Caller | None = None) -> str:
    """logrus' JSON format: one object, keys sorted."""
    return _json_line({"level": level, "msg": message, "time": _stamp(when), **_place(where)}, fields)


def logstash_line(
    when: datetime, level: str, message: str, fields: Fields, where: Caller | None = None
) -> str:
    """The JSON that logstash reads, as distribution 2.8 writes it."""
    own = {"@timestamp": _stamp(when), "@version": "1", "level": level, "message": message, **_place(where)}
    return _json_line(own, fields)


FORMATTERS: Mapping[str, Formatter] = {"text": text_line, "json": json_line, "logstash": logstash_line}


class Writes(Protocol):
    """Takes lines."""

    def write(self, line: str) -> None:
        """Write *line*."""


@implementer(ILogObserver)
class LineObserver:
    """
    Turns events of :mod:`twisted.logger` into lines.

    :param level: the least severe level that is written: ``debug``, ``info``, ``warn`` or ``error``.
    :param fields: stand in every line.
    :param reportcaller: so does the place in the code that said it.
    :param hooks: hear of all that is written, but of no event with a true ``unheard``.
    """

    def __init__(
        self,
        writer: Writes,
        level: str,
        formatter: Formatter,
        fields: Fields,
        reportcaller: bool = False,
        hooks: Sequence[Hears] = (),
    ) -> None:
        self._writer, self._formatter, self._fields = writer, formatter, fields
        self._reportcaller, self._hooks = reportcaller, hooks
        self.set_level(level)

    def set_level(self, level: str) -> None:
        """Write events of *level*, and more severe ones, from now on."""
        self._threshold = _SEVERITY[_BY_NAME[level]]

    def __call__(self, event: LogEvent) -> None:
        level, text = _REPHRASED.get(event.get("log_format") or "", (event.get("log_level"), None))
        level = level or LogLevel.info
        if _SEVERITY[level] < self._threshold:
            return
        fields, told = dict(self._fields), event.get("fields") or {}
        facts = CURRENT.get()
        # A line that says which request it is about has all of its fields.
        if facts is not None and "http.request.id" not in told:
            fields.update(facts.log_fields())
        fields.update(told)
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            fields["err.message"] = f"{failure.type.__name__ if failure.type else ''}: {failure.value}"
            fields["err.stack"] = failure.getTraceback().rstrip()
        when, message = datetime.fromtimestamp(event["log_time"], UTC), text or formatEvent(event)
        where = caller() if self._reportcaller else None
        self._writer.write(self._formatter(when, _NAMES[level], message, fields, where))
        if self._hooks and not event.get("unheard"):
            broken = isinstance(failure, Failure) and _SEVERITY[level] >= _SEVERITY[LogLevel.error]
            entry = Entry(when, _NAMES[level], message, fields, broken or level is LogLevel.critical)
            for hook in self._hooks:
                hook.hear(entry)
