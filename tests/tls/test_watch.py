"""New certificates while the daemon runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from attrs import evolve
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.certificates import Authority, Credential
from tests.fakes.workers import HeldWorkers, InlineWorkers
from tests.tls.making import Ends, Options, client_context
from txregistry.errors import Misconfigured
from txregistry.interfaces import IWorkers
from txregistry.tls.watch import DAY, INTERVAL, Credentials

PREFIX = "http.tls.certificate: "


class WatchCase(SynchronousTestCase):
    """Files, and a clock that begins now."""

    def setUp(self) -> None:
        self.authority = Authority.root()
        self.clock = Clock()
        self.clock.advance(time.time())
        self.directory = self.mktemp()
        self.events: list[Any] = []

    def write(self, credential: Credential) -> Options:
        return Options.of(credential, self.directory)

    def begin(self, credential: Credential, workers: IWorkers | None = None, **settings: Any) -> Credentials:
        """Credentials that are looked after."""
        self.options = evolve(self.write(credential), **settings)
        made = Credentials(self.options, self.clock, workers or InlineWorkers())
        with capturedLogs() as events:
            made.startService()
        self.events += events
        return made

    def tick(self, times: int = 1) -> list[tuple[str, str]]:
        """Look at the files so often; what was logged."""
        with capturedLogs() as events:
            for _ in range(times):
                self.clock.advance(INTERVAL)
        return self.texts(events)

    def texts(self, events: Any) -> list[tuple[str, str]]:
        """Levels and texts, with the paths left out."""
        self.assertEqual([], [event for event in events if "log_failure" in event])
        return [
            (
                event["log_level"].name,
                event["log_format"]
                .format(**event)
                .replace(self.options.certificate, "CERT")
                .replace(self.options.key, "KEY"),
            )
            for event in events
        ]

    def shown(self, credentials: Credentials) -> int:
        """The serial number of the certificate that new connections are shown."""
        ends = Ends(credentials.contexts)
        ends.shake()
        certificate = ends.tls.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        return int(certificate.serial_number)


class StartTests(WatchCase):
    """What stops the start, and what is only told."""

    def refused(self, credential: Credential) -> tuple[str, ...]:
        options = self.write(credential)
        error = self.assertRaises(Misconfigured, Credentials, options, self.clock, InlineWorkers())
        return tuple(fault.replace(options.certificate, "CERT") for fault in error.faults)

    def test_expired(self) -> None:
        """An expired certificate, or one whose issuer's is, stops the start."""
        [fault] = self.refused(self.authority.server(days=(-9, -1)))
        self.assertRegex(fault, r"^http\.tls\.certificate: CERT expired on [-0-9]{10} [:0-9]{8} UTC$")
        [fault] = self.refused(self.authority.intermediate(days=(-9, -1)).server())
        self.assertRegex(
            fault,
            r"^http\.tls\.certificate: CERT the certificate of its issuer, in the same file, expired on "
            r"[-0-9]{10} [:0-9]{8} UTC$",
        )

    def test_unusable(self) -> None:
        """So do files that cannot be used."""
        self.assertRaises(
            Misconfigured, Credentials, Options("/nowhere", "/nowhere"), self.clock, InlineWorkers()
        )

    def test_good(self) -> None:
        """Nothing is said of what is good, then or later."""
        made = self.begin(self.authority.server())
        self.assertEqual([], self.texts(self.events))
        self.assertEqual([], self.tick(100))
        self.successResultOf(made.stopService())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_oddities(self) -> None:
        """What is odd is told once."""
        self.begin(self.authority.server(days=(1, 90)))
        [(level, text)] = self.texts(self.events)
        self.assertEqual("warn", level)
        self.assertIn("CERT not valid before", text)
        self.assertEqual([], self.tick(100))

    def test_missing_suites(self) -> None:
        """So are cipher suites that OpenSSL has no more."""
        original = SSL.Context.set_cipher_list

        def set_cipher_list(context: SSL.Context, names: bytes) -> None:
            if b"RC4" in names:
                raise SSL.Error([("SSL routines", "", "no cipher match")])
            original(context, names)

        self.patch(SSL.Context, "set_cipher_list", set_cipher_list)
        suites = ("TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA")
        self.begin(self.authority.server(), ciphersuites=suites)
        self.assertEqual(
            [("warn", "http.tls.ciphersuites: OpenSSL has these no more: TLS_RSA_WITH_RC4_128_SHA")],
            self.texts(self.events),
        )

    def test_end_is_near(self) -> None:
        """A certificate that soon expires is warned of at the start and once a day, and when it has."""
        self.begin(self.authority.server(days=(-80, 2.5)))
        [(level, text)] = self.texts(self.events)
        self.assertEqual("warn", level)
        self.assertRegex(text, r"CERT expires on .* UTC, 2 days from now$")
        ticks = int(DAY / INTERVAL)
        self.assertEqual([], self.tick(ticks - 1))
        [[(_, second)], [(_, third)], [(level, fourth)]] = (self.tick(1), self.tick(ticks), self.tick(ticks))
        self.assertIn("one day from now", second)
        self.assertIn("less than a day from now", third)
        self.assertRegex(fourth, r"CERT expired on .* UTC$")
        self.assertEqual("warn", level)

    def test_end_comes_near(self) -> None:
        """It is noticed while the daemon runs."""
        self.begin(self.authority.server(days=(-80, 15)))
        self.assertEqual([], self.texts(self.events))
        logged = self.tick(int(2 * DAY / INTERVAL) - 1)
        self.assertEqual(1, len(logged), logged)


class ReloadTests(WatchCase):
    """Files that change."""

    def test_new(self) -> None:
        """New connections get the new certificate, with one line in the log; old ones keep theirs."""
        first, second = self.authority.server(), self.authority.server()
        made = self.begin(first)
        old = Ends(made.contexts, client_context(self.authority))
        self.assertTrue(old.works)
        self.write(second)
        self.assertEqual(first.certificate.serial_number, self.shown(made))
        [(level, text)] = self.tick()
        self.assertEqual("info", level)
        self.assertRegex(text, "^new connections use the certificate in CERT, which is good until .* UTC$")
        self.assertEqual(second.certificate.serial_number, self.shown(made))
        self.assertTrue(old.works)
        self.assertEqual([], self.tick(10))

    def test_new_and_odd(self) -> None:
        """What is odd about a new one is told at once, and so is its end if it is near."""
        self.begin(self.authority.server(days=(-80, 2.5)))
        self.assertEqual(1, len(self.events))
        for days, told in (
            ((-80, 3.5), r"CERT expires on .* UTC, 3 days from now$"),
            ((1, 90), "not valid before"),
        ):
            self.write(self.authority.server(days=days))
            [(first, _), (second, text)] = self.tick()
            self.assertEqual(("info", "warn"), (first, second))
            self.assertRegex(text, told)

    def test_half_written(self) -> None:
        """Between the two files of a pair the old ones stay in use, and a fault is told once."""
        first, second = self.authority.server(), self.authority.server()
        made = self.begin(first)
        Path(self.options.certificate).write_bytes(second.certificate_pem)
        self.assertEqual(
            [
                (
                    "error",
                    "http.tls.key: KEY does not belong to the certificate in CERT; "
                    "what was read before stays in use",
                )
            ],
            self.tick(10),
        )
        self.assertEqual(first.certificate.serial_number, self.shown(made))
        Path(self.options.key).write_bytes(second.key_pem)
        [(level, _)] = self.tick()
        self.assertEqual("info", level)
        self.assertEqual(second.certificate.serial_number, self.shown(made))

    def test_distinct_faults(self) -> None:
        """Each new fault is told, and the same one again after all was good."""
        first = self.authority.server()
        self.begin(first)
        Path(self.options.key).write_bytes(b"")
        self.assertEqual(["error"], [level for level, _ in self.tick(3)])
        Path(self.options.certificate).write_bytes(b"")
        [(level, text)] = self.tick(3)
        self.assertEqual("error", level)
        self.assertIn("CERT holds no certificate", text)
        self.write(first)
        self.assertEqual(["info"], [level for level, _ in self.tick(3)])
        Path(self.options.key).write_bytes(b"")
        self.assertEqual(["error"], [level for level, _ in self.tick(3)])

    def test_once_more(self) -> None:
        """What failed is tried once more, should it have been read while it was written; then no more."""
        workers = InlineWorkers()
        self.begin(self.authority.server(), workers)
        Path(self.options.key).write_bytes(b"")
        calls = []
        for _ in range(4):
            before = workers.calls
            self.tick()
            calls.append(workers.calls - before)
        self.assertEqual([2, 2, 1, 1], calls)

    def test_gone(self) -> None:
        """Files that are gone change nothing but the log."""
        first = self.authority.server()
        made = self.begin(first)
        Path(self.options.certificate).unlink()
        [(level, text)] = self.tick(3)
        self.assertEqual("error", level)
        self.assertIn("CERT cannot be read", text)
        self.assertEqual(first.certificate.serial_number, self.shown(made))

    def test_expired(self) -> None:
        """An expired certificate does not replace a good one, but one that has expired, too."""
        first, late = self.authority.server(days=(-9, 1)), self.authority.server(days=(-9, -1))
        made = self.begin(first)
        self.tick()
        self.write(late)
        [(level, text)] = self.tick()
        self.assertEqual("error", level)
        self.assertRegex(text, "CERT expired on .*; what was read before stays in use$")
        self.assertEqual(first.certificate.serial_number, self.shown(made))
        self.clock.advance(DAY)
        later = self.authority.server(days=(-9, -0.5))
        self.write(later)
        levels = [level for level, _ in self.tick()]
        self.assertIn("info", levels)
        self.assertEqual(later.certificate.serial_number, self.shown(made))

    def test_authorities(self) -> None:
        """The authorities of clients are read anew, too."""
        old, new = Authority.root("Old"), Authority.root("New")
        path = old.write(self.directory, "clients")
        made = self.begin(self.authority.server(), clientcas=(path,))

        def lets_in(authority: Authority) -> bool:
            return Ends(made.contexts, client_context(credential=authority.client())).works

        self.assertEqual((True, False), (lets_in(old), lets_in(new)))
        new.write(self.directory, "clients")
        self.tick()
        self.assertEqual((False, True), (lets_in(old), lets_in(new)))

    def test_swapped_links(self) -> None:
        """Directories that are exchanged behind a link, as Kubernetes does it, are seen."""
        first, second = self.authority.server(), self.authority.server()
        made = self.begin(first)
        where = Path(self.directory).absolute()
        for name, credential in (("one", first), ("two", second)):
            credential.write(where / name)
        for path in (self.options.certificate, self.options.key):
            Path(path).unlink()
            Path(path).symlink_to(where / "data" / Path(path).name)
        (where / "data").symlink_to("one")
        self.tick()
        (where / "fresh").symlink_to("two")
        (where / "fresh").rename(where / "data")
        self.tick()
        self.assertEqual(second.certificate.serial_number, self.shown(made))

    def test_asked(self) -> None:
        """Who asks for it need not wait for the next look, and hears what came of it."""
        first, second = self.authority.server(), self.authority.server()
        made = self.begin(first)
        self.write(second)
        self.assertTrue(self.successResultOf(made.reload()))
        self.assertEqual(second.certificate.serial_number, self.shown(made))
        Path(self.options.key).write_bytes(b"")
        for _ in range(2):
            with capturedLogs() as events:
                self.assertFalse(self.successResultOf(made.reload()))
            self.assertIn("holds no private key", formatEvent(events[0]))
        self.assertEqual(second.certificate.serial_number, self.shown(made))

    def test_in_turn(self) -> None:
        """One look at a time, however slow the disk is, and the end waits for it."""
        workers = HeldWorkers()
        made = self.begin(self.authority.server(), workers)
        self.clock.advance(INTERVAL)
        self.clock.advance(INTERVAL)
        self.assertEqual(1, len(workers.waiting))
        stopped = made.stopService()
        self.assertNoResult(stopped)
        workers.step()
        self.successResultOf(stopped)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_survives(self) -> None:
        """A failure that nobody thought of is logged, and does not end the looking."""

        class Failing(InlineWorkers):
            fails = False

            def run(self, work: Any, *arguments: Any) -> Any:
                if self.fails:
                    raise RuntimeError("no threads")
                return super().run(work, *arguments)

        first, second = self.authority.server(), self.authority.server()
        workers = Failing()
        made = self.begin(first, workers)
        workers.fails = True
        self.clock.advance(INTERVAL)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        workers.fails = False
        self.write(second)
        self.tick()
        self.assertEqual(second.certificate.serial_number, self.shown(made))
