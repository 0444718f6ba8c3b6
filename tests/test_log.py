"""Log lines: their forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txregistry.callers import Caller
from txregistry.log import (
    FORMATTERS,
    Entry,
    LineObserver,
    json_line,
    logstash_line,
    text_line,
)
from txregistry.model.facts import CURRENT

reactor: Any = _reactor

WHEN = datetime(2024, 5, 1, 10, 20, 30, 45000, tzinfo=UTC)
FIELDS: Mapping[str, object] = {
    "b": "two words",
    "a": "plain-1.0/x@y+z^_",
    "n": 5,
    "yes": True,
    "empty": "",
    "quote": 'a"b\\c',
    "line": "a\nlevel=error",
}


class FormatTests(SynchronousTestCase):
    """Golden lines."""

    def test_text(self) -> None:
        """logrus' text."""
        self.assertEqual(
            text_line(WHEN, "info", 'a "message"', FIELDS),
            'time="2024-05-01T10:20:30.045Z" level=info msg="a \\"message\\"" a=plain-1.0/x@y+z^_'
            ' b="two words" empty= line="a\\nlevel=error" n=5 quote="a\\"b\\\\c" yes=true',
        )

    def test_json(self) -> None:
        """logrus' JSON."""
        self.assertEqual(
            json_line(WHEN, "warning", "a message", FIELDS),
            '{"a":"plain-1.0/x@y+z^_","b":"two words","empty":"","level":"warning","line":"a\\nlevel=error",'
            '"msg":"a message","n":5,"quote":"a\\"b\\\\c","time":"2024-05-01T10:20:30.045Z","yes":true}',
        )

    def test_logstash(self) -> None:
        """logstash's JSON."""
        self.assertEqual(
            logstash_line(WHEN, "error", "a message", {"b": 1}),
            '{"@timestamp":"2024-05-01T10:20:30.045Z","@version":"1","b":1,"level":"error",'
            '"message":"a message"}',
        )

    def test_caller(self) -> None:
        """The place in the code stands where logrus puts it; fields of its names stand beside it."""
        where = Caller("a.module.Class.method", "/path/module.py:12")
        self.assertEqual(
            text_line(WHEN, "info", "m", {"func": "x", "a": 1}, where),
            'time="2024-05-01T10:20:30.045Z" level=info msg="m" func=a.module.Class.method'
            ' file="/path/module.py:12" a=1 fields.func=x',
        )
        for formatter in (json_line, logstash_line):
            found = json.loads(formatter(WHEN, "info", "m", {"file": "x"}, where))
            self.assertEqual(
                (found["func"], found["file"], found["fields.file"]), (where.func, where.file, "x")
            )

    def test_whole_seconds(self) -> None:
        """A time without a fraction has none."""
        line = text_line(WHEN.replace(microsecond=0), "info", "", {})
        self.assertEqual(line, 'time="2024-05-01T10:20:30Z" level=info msg=""')

    def test_names(self) -> None:
        """A field with the name of one of ours stands beside it, under the name that logrus gives it."""
        fields = {"level": "x", "msg": "y", "time": "z", "message": "m"}
        self.assertEqual(
            text_line(WHEN, "info", "real", fields),
            'time="2024-05-01T10:20:30.045Z" level=info msg="real" fields.level=x fields.msg=y fields.time=z'
            " message=m",
        )
        found = json.loads(json_line(WHEN, "info", "real", fields))
        self.assertEqual((found["level"], found["msg"], found["fields.level"]), ("info", "real", "x"))
        found = json.loads(logstash_line(WHEN, "info", "real", fields))
        self.assertEqual((found["message"], found["fields.message"], found["msg"]), ("real", "m", "y"))

    def test_escapes(self) -> None:
        """What a terminal or a reader of lines could take for an order is escaped."""
        text = "\x1b[2J\x7f\x85\x9b\u2028\u202e\U000e0001\ud800"
        escaped = "\\u001b[2J\\u007f\\u0085\\u009b\\u2028\\u202e\\udb40\\udc01\\ud800"
        self.assertIn(f'msg="{escaped}"', text_line(WHEN, "info", text, {}))
        self.assertIn(f'a="{escaped}"', text_line(WHEN, "info", "", {"a": text}))
        self.assertIn(f'"msg":"{escaped}"', json_line(WHEN, "info", text, {}))
        self.assertIn('msg="caf\u00e9"', text_line(WHEN, "info", "caf\u00e9", {}))

    @given(
        st.text(
            st.sampled_from('a"\\\n\x1b\x7f\x85\xa0\xad\u00e9\u2028\ud800\udc01\U000e0001') | st.characters()
        )
    )
    def test_each_escape(self, text: str) -> None:
        """What is unprintable is escaped as JSON escapes it, and nothing else is."""
        quoted = json.dumps(text, ensure_ascii=False)
        escaped = "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in quoted)
        self.assertIn(f" msg={escaped} ", text_line(WHEN, "info", text, {"a": 1}))
        self.assertIn(f',"msg":{escaped},', json_line(WHEN, "info", text, {}))

    def test_objects(self) -> None:
        """Values that are no JSON are written as text."""
        found = json.loads(json_line(WHEN, "info", "", {"a": WHEN, "b": {"c": [1]}}))
        self.assertEqual(found["a"], str(WHEN))
        self.assertEqual(found["b"], {"c": [1]})

    def test_structures_in_text(self) -> None:
        """In a text line a structure is quoted JSON."""
        self.assertIn(' a="{\\"n\\": [1, \\"x\\"]}"', text_line(WHEN, "info", "", {"a": {"n": [1, "x"]}}))

    @given(
        st.text(),
        st.dictionaries(st.sampled_from(("a", "b", "c")), st.text() | st.integers() | st.booleans()),
    )
    def test_one_line(self, message: str, fields: dict[str, object]) -> None:
        """Whatever is said, it is one line of printable characters, in every form."""
        for formatter in FORMATTERS.values():
            line = formatter(WHEN, "info", message, fields)
            self.assertEqual(len(line.splitlines()), 1)
            self.assertTrue(line.isprintable(), repr(line))

    @given(st.text(), st.dictionaries(st.sampled_from(("a", "b")), st.text() | st.integers()))
    def test_readable(self, message: str, fields: dict[str, object]) -> None:
        """JSON lines say exactly what was said."""
        found = json.loads(json_line(WHEN, "info", message, fields))
        self.assertEqual(found["msg"], message)
        self.assertEqual({name: found[name] for name in fields}, fields)


class Lines:
    """Keeps lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)


class Heard:
    """Keeps entries."""

    def __init__(self, entries: list[Entry]) -> None:
        self.hear = entries.append


class Facts:
    """What is known of a request."""

    def log_fields(self) -> Mapping[str, object]:
        return {"http.request.id": "some-id", "service": "overridden"}


class LineObserverTests(SynchronousTestCase):
    """From events to lines."""

    def logged(self, log: Callable[[Logger], object], level: str = "info", form: str = "json") -> list[str]:
        """The lines that *log* makes."""
        lines = Lines()
        fields = {"service": "registry"}
        observer = LineObserver(lines, level, FORMATTERS[form], fields)
        log(Logger("a.namespace", observer=LogPublisher(observer)))
        return lines.lines

    def test_levels(self) -> None:
        """Only what is severe enough is written, each level by logrus' name."""

        def log(logger: Logger) -> None:
            for level in LogLevel.iterconstants():
                logger.emit(level, "x")

        names = ["debug", "info", "warning", "error", "fatal"]
        for threshold, first in (("debug", 0), ("info", 1), ("warn", 2), ("error", 3)):
            found = [json.loads(line)["level"] for line in self.logged(log, threshold)]
            self.assertEqual(found, names[first:])

    def test_message(self) -> None:
        """The message is the event's text, with its values."""
        [line] = self.logged(lambda log: log.info("stored {digest}", digest="sha256:x"))
        found = json.loads(line)
        self.assertEqual((found["msg"], found["service"]), ("stored sha256:x", "registry"))

    def test_fields(self) -> None:
        """An event may bring fields of its own."""
        [line] = self.logged(lambda log: log.info("x", fields={"http.response.status": 200}))
        self.assertEqual(json.loads(line)["http.response.status"], 200)

    def test_request(self) -> None:
        """What is logged while a request is served names it."""
        token = CURRENT.set(Facts())
        try:
            [line] = self.logged(lambda log: log.info("x"))
        finally:
            CURRENT.reset(token)
        self.assertEqual(json.loads(line)["http.request.id"], "some-id")
        [line] = self.logged(lambda log: log.info("x"))
        self.assertNotIn("http.request.id", json.loads(line))

    def test_other_facts(self) -> None:
        """A line about a request has nothing of the request that is served where it is written."""

        class Facts:
            def log_fields(self) -> Mapping[str, object]:
                return {"http.request.id": "some-id", "vars.name": "some-name"}

        token = CURRENT.set(Facts())
        try:
            [line] = self.logged(lambda log: log.info("x", fields={"http.request.id": "another"}))
        finally:
            CURRENT.reset(token)
        found = json.loads(line)
        self.assertEqual(found["http.request.id"], "another")
        self.assertNotIn("vars.name", found)

    def test_failure(self) -> None:
        """A failure is one line, with its traceback as a field."""

        def log(logger: Logger) -> None:
            try:
                raise ZeroDivisionError("by nothing\nat all")
            except ZeroDivisionError:
                logger.failure("it failed")

        for form in FORMATTERS:
            [line] = self.logged(log, form=form)
            self.assertNotIn("\n", line)
        found = json.loads(self.logged(log)[0])
        self.assertEqual(found["msg"], "it failed")
        self.assertEqual(found["err.message"], "ZeroDivisionError: by nothing\nat all")
        self.assertIn("test_log.py", found["err.stack"])

    def test_unformattable(self) -> None:
        """An event that cannot be formatted is a line all the same, and so is one with a broken value."""

        class Broken:
            def __repr__(self) -> str:
                raise ValueError

        for log in (
            lambda logger: logger.info("{nothing}"),
            lambda logger: logger.info("{a.b.c}", a=1),
            lambda logger: logger.info("{a}", a=Broken()),
            lambda logger: logger.info("{"),
        ):
            self.assertEqual(len(self.logged(log)), 1)

    def test_legacy(self) -> None:
        """Events of Twisted's old logging become lines, too."""
        lines = Lines()
        observer = LineObserver(lines, "info", FORMATTERS["json"], {})
        observer({"log_time": 0.0, "log_format": "{log_text}", "log_text": "old", "isError": 0})
        found = json.loads(lines.lines[0])
        self.assertEqual(
            (found["msg"], found["time"], found["level"]), ("old", "1970-01-01T00:00:00Z", "info")
        )

    def test_hooks(self) -> None:
        """Hooks hear of each entry that is written, with the level and the fields of its line."""
        heard: list[Entry] = []
        lines = Lines()
        observer = LineObserver(lines, "info", FORMATTERS["json"], {"a": 1}, hooks=(Heard(heard),))
        log = Logger("a.namespace", observer=LogPublisher(observer))
        log.debug("not written")
        log.warn("w {n}", n=1, fields={"b": 2})
        log.info("told to nobody", unheard=True)
        self.assertEqual(len(lines.lines), 2)
        [entry] = heard
        self.assertEqual((entry.level, entry.message, entry.fields), ("warning", "w 1", {"a": 1, "b": 2}))
        self.assertEqual((entry.fault, entry.levels), (False, {"warning"}))

    def test_faults(self) -> None:
        """What broke unforeseen, and what is critical, counts as panic, fatal and error."""
        heard: list[Entry] = []
        observer = LineObserver(Lines(), "info", FORMATTERS["text"], {}, hooks=(Heard(heard),))
        log = Logger("a.namespace", observer=LogPublisher(observer))
        broken = Failure(ZeroDivisionError("by nothing"))
        log.failure("x", broken, LogLevel.error)
        log.failure("x", broken, LogLevel.warn)
        log.critical("x")
        log.error("x")
        self.assertEqual([entry.fault for entry in heard], [True, False, True, False])
        self.assertEqual([entry.level for entry in heard], ["error", "warning", "fatal", "error"])
        self.assertEqual(heard[0].levels, {"panic", "fatal", "error"})

    def test_refused_connections(self) -> None:
        """That no connection can be taken is an error, in words for operators, and said once."""
        texts = (
            "EMFILE encountered; releasing reserved file descriptor.",
            "EMFILE recovery: Closed socket from {address}",
            "Re-reserving EMFILE recovery file descriptor.",
        )

        def refuse(log: Logger) -> None:
            for text in texts:
                log.info(text, address="x")

        [line] = self.logged(refuse)
        found = json.loads(line)
        self.assertEqual(found["level"], "error")
        self.assertIn("out of file descriptors", found["msg"])
        [line] = self.logged(
            lambda log: log.info("Could not accept new connection ({acceptError})", acceptError="ENFILE"),
            "error",
        )
        self.assertEqual(json.loads(line)["msg"], "Could not accept new connection (ENFILE)")
