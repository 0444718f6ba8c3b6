"""Tests for taking over a changed configuration."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.reading import Reading
from txregistry.config.values import Config
from txregistry.errors import NotRunning
from txregistry.reloading import Reloader


class ReloaderTests(SynchronousTestCase):
    """A daemon that runs with the least configuration."""

    def setUp(self) -> None:
        self.applied: list[Config] = []
        self.reading: Reading | Exception = read(LEAST)
        self.reloader = Reloader(self.read, read(LEAST), self.apply)

    async def read(self) -> Reading:
        if isinstance(self.reading, Exception):
            raise self.reading
        return self.reading

    async def apply(self, config: Config) -> None:
        self.applied.append(config)

    def reload(self, text: str) -> list[tuple[str, str]]:
        """The log's lines of a reload after the file changed to *text*."""
        self.reading = read(text)
        with capturedLogs() as events:
            self.successResultOf(Deferred.fromCoroutine(self.reloader.reload()))
        return [(event["log_level"].name, formatEvent(event)) for event in events]

    def test_taken_over(self) -> None:
        """What can change while the daemon runs is taken over, again and again."""
        for level in ("debug", "error"):
            lines = self.reload(f"{LEAST}log: {{level: {level}}}\n")
            self.assertEqual(lines, [("info", "the configuration was read again")])
            self.assertEqual(self.applied[-1].log.level, level)
        text = LEAST.replace(
            "storage: inmemory", "storage: {inmemory: , maintenance: {readonly: {enabled: on}}}"
        )
        self.reload(text)
        self.assertTrue(self.applied[-1].storage.readonly)

    def test_asked_too_often(self) -> None:
        """Who asks while one waits for its turn shares that one: a storm of signals makes no queue."""
        held: list[Deferred[None]] = []
        told: list[str] = []

        async def apply(config: Config) -> None:
            held.append(Deferred())
            await held[-1]

        reloader = Reloader(
            self.read, read(LEAST), apply, lambda: told.append("begun"), lambda: told.append("ended")
        )
        asked = [Deferred.fromCoroutine(reloader.reload()) for _ in range(9)]
        self.assertEqual((len(held), told), (1, ["begun"]))
        held[0].callback(None)
        self.assertEqual((len(held), told), (2, ["begun", "ended", "begun"]))
        held[1].callback(None)
        for each in asked:
            self.successResultOf(each)
        self.assertEqual((len(held), told), (2, ["begun", "ended"] * 2))

    def test_stopped(self) -> None:
        """One that the daemon's stop overtakes is no failure."""
        self.reading = NotRunning("too late")
        with capturedLogs() as events:
            self.successResultOf(Deferred.fromCoroutine(self.reloader.reload()))
        self.assertEqual([event["log_level"].name for event in events], ["info"])
        self.assertEqual(len(self.reload(LEAST)), 1)

    def test_unchanged(self) -> None:
        """One that did not change is taken over too: files that it names may have."""
        self.reload(LEAST)
        self.assertEqual(len(self.applied), 1)

    def test_needs_a_restart(self) -> None:
        """What cannot be taken over is named, each time until there was a restart."""
        text = LEAST.replace(":5000", ":5001") + "log: {level: warn, formatter: json}\n"
        for _ in range(2):
            lines = self.reload(text)
            self.assertEqual(
                lines[:-1],
                [
                    ("warn", "http.addr has changed, which takes effect after a restart"),
                    ("warn", "log.formatter has changed, which takes effect after a restart"),
                ],
            )
        self.assertEqual(self.applied[-1].log.level, "warn")
        self.assertEqual(len(self.reload(LEAST)), 1)

    def test_beside_readonly(self) -> None:
        """What stands beside the one key of maintenance that is taken over needs a restart."""
        purging = "storage: {inmemory: , maintenance: {uploadpurging: {dryrun: on}}}"
        lines = self.reload(LEAST.replace("storage: inmemory", purging))
        self.assertEqual([level for level, _ in lines], ["warn", "info"])
        self.assertIn("storage.maintenance.uploadpurging", lines[0][1])

    def test_faults(self) -> None:
        """One with faults changes nothing; each of them is told."""
        lines = self.reload("version: 0.1\nstorage: nowhere\nlog: {level: loud}\nhttp: {addr: ':1'}\n")
        self.assertEqual(self.applied, [])
        self.assertEqual([level for level, _ in lines], ["error"] * 3)
        self.assertTrue(any("log.level" in text for _, text in lines), lines)
        self.assertEqual(len(self.reload(LEAST)), 1)

    def test_warnings(self) -> None:
        """Warnings are told as at the start."""
        self.assertIn(("warn", "colour: unknown key, ignored"), self.reload(f"{LEAST}colour: red\n"))

    def test_failure(self) -> None:
        """A failure of ours is logged, and the next time it is tried again."""
        self.reading = ZeroDivisionError()
        self.successResultOf(Deferred.fromCoroutine(self.reloader.reload()))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.reload(LEAST)
        self.assertEqual(len(self.applied), 1)

    def test_always_ends(self) -> None:
        """Whatever becomes of a reload, its end is told: systemd waits for that."""
        told: list[str] = []
        self.reloader = Reloader(
            self.read, read(LEAST), self.apply, lambda: told.append("begun"), lambda: told.append("ended")
        )
        for reading in (ZeroDivisionError(), NotRunning("too late"), read("version: 0.1\n"), read(LEAST)):
            self.reading = reading
            told.clear()
            self.successResultOf(Deferred.fromCoroutine(self.reloader.reload()))
            self.assertEqual(told, ["begun", "ended"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
