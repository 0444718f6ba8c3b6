"""When mails go out, and what becomes of those that cannot."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.mailing.making import WHEN, entry, parsed
from txregistry.mailing.hook import PATIENCE, RETRIES, MailHook, NotSent
from txregistry.mailing.pace import HOURLY


@define(eq=False)
class Post:
    """
    A mail server that answers when the test says so, or at once what it was given.

    :ivar mails: what it was given, in order.
    :ivar waiting: the ends of those that it holds.
    """

    answer: Any = None
    held: bool = False
    mails: list[bytes] = field(factory=list)
    waiting: list[Deferred[None]] = field(factory=list)
    cancelled: int = 0

    async def __call__(self, mail: bytes) -> Sequence[str]:
        self.mails.append(mail)
        if self.held:
            turn: Deferred[None] = Deferred(self._cancel)
            self.waiting.append(turn)
            await turn
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or ()

    def _cancel(self, _: Deferred[None]) -> None:
        self.cancelled += 1

    def subjects(self) -> list[str]:
        return [str(parsed(mail)["Subject"]).removeprefix("[error] host: ") for mail in self.mails]


class Threads(Clock):
    """A clock that keeps what other threads want done."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[Any] = []

    def callFromThread(self, call: Any) -> None:
        self.turns.append(call)


class MailHookTests(SynchronousTestCase):
    """A hook for errors."""

    def setUp(self) -> None:
        self.clock = Threads()
        self.post = Post()
        self.hook = MailHook(
            self.clock, frozenset(("error",)), "host", "from@x", ["to@x"], self.post, lambda: WHEN
        )
        captured = capturedLogs()
        self.events: list[LogEvent] = captured.__enter__()  # type: ignore[assignment]
        self.addCleanup(captured.__exit__, None, None, None)
        self.hook.startService()

    def warnings(self) -> list[str]:
        """What the log was told; none of it must become mail."""
        for event in self.events:
            self.assertTrue(event.get("unheard"), event)
        return [f"{event['log_level'].name}: {formatEvent(event)}" for event in self.events]

    def stopped(self) -> bool:
        """Stop the hook; whether it is stopped at once."""
        self.ended = self.hook.stopService()
        return bool(self.ended.called)

    def test_one(self) -> None:
        """The first mail goes out after a second, and then there is nothing left to do."""
        self.hook.hear(entry("a"))
        self.clock.advance(0.9)
        self.assertEqual(self.post.mails, [])
        self.clock.advance(0.1)
        self.assertEqual(self.post.subjects(), ["a"])
        self.assertEqual((self.clock.getDelayedCalls(), self.warnings()), ([], []))

    def test_levels(self) -> None:
        """Only what was asked for is mailed; faults count as errors."""
        for level in ("panic", "fatal", "warning", "info", "debug"):
            self.hook.hear(entry(level, level=level))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.hook.hear(entry("a fault", level="fatal", fault=True))
        self.clock.advance(1)
        self.assertEqual(self.post.subjects(), ["[fatal] host: a fault"])

    def test_burst(self) -> None:
        """A thousand at once are one mail."""
        for number in range(1000):
            self.hook.hear(entry("a", err__detail=f"{number}"))
        self.clock.advance(1)
        self.clock.pump([60] * 60)
        self.assertEqual(self.post.subjects(), ["a (and 999 more)"])

    def test_later(self) -> None:
        """What comes within a minute waits until it is over, and goes together."""
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        for number in range(50):
            self.hook.hear(entry(f"b{number}"))
            self.clock.advance(1)
        self.assertEqual(self.post.subjects(), ["a"])
        self.clock.advance(10)
        self.assertEqual(self.post.subjects(), ["a", "b0 (and 49 more)"])

    def test_hourly(self) -> None:
        """An hour of errors is a dozen mails."""
        for _ in range(3599):
            self.hook.hear(entry("a"))
            self.clock.advance(1)
        self.assertEqual(len(self.post.mails), HOURLY)
        self.clock.advance(2)
        self.assertEqual(len(self.post.mails), HOURLY + 1)

    def test_slow(self) -> None:
        """While a mail is on its way, what comes waits, and nobody else does."""
        self.post.held = True
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.hook.hear(entry("b"))
        self.clock.advance(500)
        self.assertEqual(self.post.subjects(), ["a"])
        self.post.waiting[0].callback(None)
        self.clock.advance(1)
        self.assertEqual(self.post.subjects(), ["a", "b"])

    def test_retries(self) -> None:
        """What cannot be sent now is tried again, with what came meanwhile, then given up and told so."""
        self.post.answer = NotSent("refused")
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.hook.hear(entry("b"))
        for number, wait in enumerate(RETRIES):
            self.assertEqual(len(self.post.mails), number + 1)
            self.clock.advance(wait - 0.1)
            self.assertEqual(len(self.post.mails), number + 1)
            self.clock.advance(0.1)
        self.assertEqual(self.post.subjects(), ["a"] + ["a (and 1 more)"] * len(RETRIES))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(
            self.warnings(),
            ["warn: mail about the log not sent, tried again soon: refused"] * len(RETRIES)
            + ["warn: mail about 2 entries of the log given up: refused"],
        )
        self.post.answer = None
        self.hook.hear(entry("c"))
        self.clock.advance(60)
        self.assertEqual(self.post.subjects()[-1], "c")

    def test_given_up(self) -> None:
        """After one was given up, what fails next is tried again as often."""
        self.post.answer = NotSent("refused")
        for message in ("a", "b"):
            before = len(self.post.mails)
            self.hook.hear(entry(message))
            self.clock.pump([1, 60, *RETRIES])
            self.assertEqual(self.post.subjects()[before:], [message] * (1 + len(RETRIES)))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_recovers(self) -> None:
        """When it can be sent again nothing is lost, and retries begin anew."""
        self.post.answer = NotSent("refused")
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.post.answer = None
        self.clock.advance(RETRIES[0])
        self.assertEqual(self.post.subjects(), ["a", "a"])
        self.post.answer = NotSent("refused")
        self.hook.hear(entry("b"))
        self.clock.advance(60)
        self.clock.advance(RETRIES[0])
        self.assertEqual(self.post.subjects()[2:], ["b", "b"])

    def test_final(self) -> None:
        """What the server will never take is not tried again."""
        self.post.answer = NotSent("550 no such user", final=True)
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(
            self.warnings(), ["warn: mail about 1 entries of the log given up: 550 no such user"]
        )

    def test_some_refused(self) -> None:
        """Recipients that were refused are told of, in the log."""
        self.post.answer = ["x@y: 550 no"]
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.assertEqual(self.warnings(), ["warn: mail about the log refused for x@y: 550 no"])

    def test_fault(self) -> None:
        """A fault of ours while sending is no end, and no mail."""
        self.post.answer = ZeroDivisionError("by nothing")
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.warnings()), 2)
        self.post.answer = None
        self.hook.hear(entry("b"))
        self.clock.advance(60)
        self.assertEqual(self.post.subjects(), ["a", "b"])

    def test_no_loop(self) -> None:
        """A hook for warnings that cannot send does not mail its own warnings."""
        hook = MailHook(self.clock, frozenset(("warning",)), "host", "f@x", ["t@x"], self.post, lambda: WHEN)
        hook.startService()
        self.post.answer = NotSent("refused", final=True)
        hook.hear(entry("a", level="warning"))
        self.clock.advance(1)
        self.assertEqual(len(self.warnings()), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_threads(self) -> None:
        """Other threads may be heard: their entries come with the reactor's next turn."""
        for message in ("a", "b"):
            speaker = Thread(target=self.hook.hear, args=[entry(message)])
            speaker.start()
            speaker.join()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for turn in self.clock.turns:
            turn()
        self.clock.advance(1)
        self.assertEqual(self.post.subjects(), ["a (and 1 more)"])

    def test_before_the_start(self) -> None:
        """What is said before the start is mailed after it."""
        hook = MailHook(self.clock, frozenset(("error",)), "host", "f@x", ["t@x"], self.post, lambda: WHEN)
        hook.hear(entry("early"))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        hook.startService()
        self.clock.advance(1)
        self.assertEqual(self.post.subjects(), ["early"])

    def test_stop(self) -> None:
        """At the stop what waits is sent, also what is said meanwhile."""
        self.hook.hear(entry("a"))
        self.post.held = True
        self.assertFalse(self.stopped())
        self.assertEqual(self.post.subjects(), ["a"])
        self.post.waiting[0].callback(None)
        self.successResultOf(self.ended)
        self.assertEqual((self.clock.getDelayedCalls(), self.warnings()), ([], []))
        self.hook.hear(entry("b"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_with_nothing(self) -> None:
        """With nothing to mail a stop does not wait."""
        self.assertTrue(self.stopped())
        self.assertEqual(self.post.mails, [])

    def test_stop_while_sending(self) -> None:
        """A mail on its way gets some time; what came meanwhile gets the rest of it."""
        self.post.held = True
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.hook.hear(entry("b"))
        self.assertFalse(self.stopped())
        self.clock.advance(PATIENCE / 2)
        self.post.waiting[0].callback(None)
        self.assertEqual(self.post.subjects(), ["a", "b"])
        self.clock.advance(PATIENCE / 2)
        self.successResultOf(self.ended)
        self.assertEqual(self.post.cancelled, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.warnings(), ["warn: 1 entries of the log are not mailed: the registry stops"])

    def test_stop_without_answer(self) -> None:
        """A server that does not answer holds nobody up for longer than two seconds."""
        self.post.held = True
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.assertFalse(self.stopped())
        self.clock.advance(PATIENCE)
        self.successResultOf(self.ended)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.warnings(), ["warn: 1 entries of the log are not mailed: the registry stops"])
        self.assertEqual(self.post.subjects(), ["a"], "there was no time left for another try")

    def test_stop_while_failing(self) -> None:
        """A mail on its way that fails while the registry stops was the one try."""
        self.post.held = True
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.assertFalse(self.stopped())
        self.post.waiting[0].errback(NotSent("refused"))
        self.successResultOf(self.ended)
        self.assertEqual(self.post.subjects(), ["a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(
            self.warnings(),
            [
                "warn: mail about the log not sent: refused",
                "warn: 1 entries of the log are not mailed: the registry stops",
            ],
        )

    def test_stop_before_the_last_try(self) -> None:
        """What would be tried once more is so at the stop; after a new start all is tried as often again."""
        self.post.answer = NotSent("refused")
        self.hook.hear(entry("a"))
        self.clock.pump([1, *RETRIES[:-1]])
        before = len(self.post.mails)
        self.assertEqual(before, len(RETRIES))
        self.assertTrue(self.stopped())
        self.assertEqual(len(self.post.mails), before + 1)
        self.hook.startService()
        self.hook.hear(entry("b"))
        self.clock.advance(60)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_after_the_stop(self) -> None:
        """What is said after the stop is not kept."""
        self.assertTrue(self.stopped())
        self.hook.hear(entry("a"))
        self.hook.startService()
        self.clock.advance(1)
        self.assertEqual(self.post.mails, [])

    def test_stop_refused(self) -> None:
        """At the stop there is one try, also for what was tried before."""
        self.post.answer = NotSent("refused")
        self.hook.hear(entry("a"))
        self.clock.advance(1)
        self.assertTrue(self.stopped())
        self.assertEqual(len(self.post.mails), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.warnings()), 3)

    def test_stop_after_many(self) -> None:
        """The limit for an hour holds at the stop, too."""
        for _ in range(HOURLY):
            self.hook.hear(entry("a"))
            self.clock.advance(61)
        self.hook.hear(entry("b"))
        self.assertTrue(self.stopped())
        self.assertEqual(len(self.post.mails), HOURLY)
