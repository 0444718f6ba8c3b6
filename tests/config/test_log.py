"""The section ``log``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.values import FieldValue, LogConfig


def log(text: str) -> LogConfig:
    """Read a log section."""
    reading = read(LEAST + text)
    assert not reading.warnings, reading.warnings
    return reading.require().log


class ReadLogTests(SynchronousTestCase):
    """What is logged."""

    def test_defaults(self) -> None:
        """Text from level info on, with access lines."""
        for text in ("", "log:\n", "log: {}\n", "log: {level: , fields: , accesslog: }\n"):
            self.assertEqual(LogConfig("info", "text", {}, accesslog_disabled=False), log(text))

    def test_all(self) -> None:
        """Each key has its field."""
        self.assertEqual(
            LogConfig("debug", "logstash", {"service": "r"}, accesslog_disabled=True),
            log(
                "log: {level: Debug, formatter: logstash, fields: {service: r}, accesslog: {disabled: yes}}\n"
            ),
        )

    def test_legacy_level(self) -> None:
        """``loglevel`` counts where ``log.level`` says nothing."""
        self.assertEqual("warn", log("loglevel: WARN\n").level)
        self.assertEqual("error", log("loglevel: warn\nlog: {level: error}\n").level)

    def test_fields(self) -> None:
        """Fields keep the type of scalars, lists and mappings become JSON, empty ones go."""
        fields = log("log: {fields: {a: 1, b: yes, c: 1.5, d: x, e: , f: [1, é], g: {h: null}}}\n").fields
        self.assertEqual(
            {"a": 1, "b": True, "c": 1.5, "d": "x", "f": '[1, "é"]', "g": '{"h": null}'}, dict(fields)
        )

    def test_fields_are_copied(self) -> None:
        """Changing the mapping that fields were made of does not change them."""
        given: dict[str, FieldValue] = {"a": 1}
        config = LogConfig(fields=given)
        given["b"] = 2
        self.assertEqual({"a": 1}, dict(config.fields))

    def test_faults(self) -> None:
        """Unknown levels, wherever, and unknown formatters are faults."""
        self.assertEqual(
            (
                "log.level: must be one of error, warn, info, debug, not 'warning'",
                "loglevel: must be one of error, warn, info, debug, not ''",
                "log.formatter: must be one of text, json, logstash, not 'xml'",
            ),
            read(LEAST + "log: {level: warning, formatter: xml}\nloglevel: ''\n").faults,
        )
