"""The section ``log``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.values import HOOK_LEVELS, FieldValue, LogConfig, MailHookConfig


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

    def test_caller(self) -> None:
        """Places in the code are named on demand."""
        self.assertTrue(log("log: {reportcaller: true}\n").reportcaller)
        self.assertFalse(log("log: {reportcaller: false}\n").reportcaller)


SMTP = "smtp: {addr: 'mail.example.com:25'}"
TO = "from: registry@example.com, to: [a@example.com, root]"


def hook(options: str = f"{SMTP}, {TO}", levels: str = "[error]") -> str:
    """A log section with one hook."""
    return f"log: {{hooks: [{{type: mail, levels: {levels}, options: {{{options}}}}}]}}\n"


class MailHookTests(SynchronousTestCase):
    """``log.hooks``."""

    def test_least(self) -> None:
        """A server, who sends, who gets it, and for what."""
        config = MailHookConfig(
            frozenset(("error",)), "mail.example.com", 25, "registry@example.com", ("a@example.com", "root")
        )
        self.assertEqual(log(hook()).hooks, (config,))

    def test_all(self) -> None:
        """Each key has its field, and the password is not shown."""
        smtp = "smtp: {addr: '[::1]:submission', username: me, password: pa55, insecure: yes}"
        [config] = log(hook(f"{smtp}, {TO}")).hooks
        self.assertEqual((config.host, config.port), ("::1", 587))
        self.assertEqual((config.username, config.password, config.insecure), ("me", "pa55", True))
        self.assertNotIn("pa55", repr(config))

    def test_levels(self) -> None:
        """All levels of logrus, in any case, and both names of one."""
        levels = "[panic, FATAL, Error, warn, warning, info, debug, trace]"
        [config] = log(hook(levels=levels)).hooks
        self.assertEqual(config.levels, frozenset(HOOK_LEVELS))

    def test_several(self) -> None:
        """Any number of them; those that are switched off do not count, whatever else they say."""
        text = (
            "log:\n  hooks:\n"
            f"  - {{type: mail, levels: [error], options: {{{SMTP}, {TO}}}}}\n"
            "  - {type: mail, disabled: true, levels: [x]}\n"
            f"  - {{type: mail, levels: [panic], options: {{{SMTP}, {TO}}}}}\n"
        )
        self.assertEqual([set(each.levels) for each in log(text).hooks], [{"error"}, {"panic"}])
        self.assertEqual(log("log: {hooks: []}\n").hooks, ())

    def test_warnings(self) -> None:
        """What will not do what somebody may think is warned of."""
        for text, warning in (
            ("log: {hooks: [{type: pager}]}\n", "log.hooks[0].type: no hook is called 'pager', ignored"),
            (hook(levels="[]"), "log.hooks[0].levels: names none, so nothing is mailed"),
            (
                hook(f"smtp: {{addr: 'm:25', password: p}}, {TO}"),
                "log.hooks[0].options.smtp.password: has no effect without a username",
            ),
        ):
            reading = read(LEAST + text)
            reading.require()
            self.assertEqual(reading.warnings, (warning,))

    def test_faults(self) -> None:
        """What cannot work is a fault, all of it at once."""
        place = "log.hooks[0]"
        self.assertEqual(
            read(LEAST + hook("", "[error, loud]")).faults,
            (
                f"{place}.options.smtp.addr: must be host:port, not ''",
                f"{place}.levels[1]: must be one of {', '.join(HOOK_LEVELS)}, not 'loud'",
                f"{place}.options.from: must be an address such as registry@example.com, not ''",
                f"{place}.options.to: must name somebody who gets the mail",
            ),
        )
        for addr in (
            "mail.example.com",
            ":25",
            "mail.example.com:",
            "mail.example.com:x",
            "::1:25",
            "a b:25",
        ):
            [fault] = read(LEAST + hook(f"smtp: {{addr: '{addr}'}}, {TO}")).faults
            self.assertIn(f"{place}.options.smtp.addr: ", fault)
        for address in ("a b@c", "A <a@b>", "a@b, c@d", "a@b\\r\\nRCPT TO:<c@d>", "ä@b", "a@b@c", "<a@b>"):
            [fault] = read(LEAST + hook(f'{SMTP}, from: a@b, to: [c@d, "{address}"]')).faults
            self.assertIn(f"{place}.options.to[1]: must be an address", fault)
            [fault] = read(LEAST + hook(f'{SMTP}, from: "{address}", to: [c@d]')).faults
            self.assertIn(f"{place}.options.from: must be an address", fault)
        [fault] = read(LEAST + hook(f"smtp: {{addr: 'm:25', username: u}}, {TO}")).faults
        self.assertEqual(fault, f"{place}.options.smtp.password: must be given with a username")
