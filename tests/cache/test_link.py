"""Tests for the way to Redis."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.redis import FakeRedis
from txregistry.cache import entries
from txregistry.cache.clearings import Clearings
from txregistry.cache.conversation import pack
from txregistry.cache.link import (
    AT_A_TIME,
    KEEPALIVE,
    LONGEST_PAUSE,
    ONCE_MORE,
    SETTLED,
    Login,
    RedisLink,
)
from txregistry.errors import CacheFailed
from txregistry.model.digest import OCTET_STREAM, Descriptor, Digest
from txregistry.model.names import RepositoryName

NAME, DIGEST = RepositoryName("here"), Digest.of(b"x")
PING = pack(b"PING")


class RedisLinkTests(SynchronousTestCase):
    """When Redis is asked, and when not."""

    def setUp(self) -> None:
        self.clock, self.server = Clock(), FakeRedis()
        self.lines: list[str] = []
        observer: Any = self.note
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def note(self, event: LogEvent) -> None:
        if event.get("log_namespace") == "txregistry.cache.link.RedisLink":
            self.lines.append(formatEvent(event))

    def link(self, login: Login | None = None, **more: Any) -> RedisLink:
        """One that runs; attempts come after exactly the pauses that the rule says."""
        link = RedisLink(self.clock, self.server, login or Login(), 1.0, random=lambda: 0.5, **more)
        link.startService()
        self.addCleanup(link.stopService)
        return link

    def remember(self, link: RedisLink, name: str = "here") -> None:
        link.tell(entries.write(name, str(DIGEST), Descriptor(OCTET_STREAM, DIGEST, 1)), entries.WRITE)

    def remembered(self, name: str = "here") -> bool:
        """Whether Redis has the entry, by the set that every reader asks first."""
        return str(DIGEST).encode() in self.server.data.get(f"repository::{name}::blobs".encode(), ())

    def forget(self, link: RedisLink) -> None:
        self.successResultOf(link.clear((NAME, DIGEST)))

    # --- coming and going ---

    def test_comes(self) -> None:
        """It connects when it starts, and says so once."""
        link = RedisLink(self.clock, self.server, Login(), 1.0)
        self.assertEqual(self.server.attempts, 0)
        link.startService()
        self.assertTrue(link.usable)
        self.assertEqual(self.lines, ["using redis blob descriptor cache"])
        link.stopService()
        self.assertFalse(link.usable)
        self.assertEqual((self.server.connections, self.clock.getDelayedCalls()), ([], []))
        self.assertEqual(len(self.lines), 1)

    def test_stopped_while_away(self) -> None:
        """Stopping ends the search, too."""
        self.server.down = True
        link = self.link()
        link.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_away(self) -> None:
        """Without Redis nobody waits, and the log has one line when it goes, and one when it is back."""
        link = self.link()
        self.server.stop()
        for _ in range(50):
            self.assertRaises(CacheFailed, link.ask, PING, 1)
            self.clock.advance(1)
        self.assertEqual(len(self.lines), 2)
        self.assertTrue(self.lines[1].startswith("the descriptor cache is not used, the storage is asked"))
        self.server.down = False
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(self.lines[2:], ["Redis is back: the descriptor cache is used again"])
        self.assertEqual(self.successResultOf(link.ask(PING, 1)), [b"PONG"])

    def test_pauses(self) -> None:
        """Attempts come at growing intervals, up to a bound, however many requests there are."""
        self.server.down = True
        link = self.link()
        attempts = []
        for tick in range(1000):
            before = self.server.attempts
            self.clock.advance(0.05)
            if self.server.attempts > before:
                attempts.append((tick + 1) / 20)
            self.assertRaises(CacheFailed, link.ask, PING, 1)
        gaps = [round(b - a, 2) for a, b in zip([0.0, *attempts], attempts, strict=False)]
        for gap, pause in zip(gaps, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_PAUSE], strict=False):
            self.assertLess(abs(gap - pause), 0.06)  # a tick of the loop above
        self.assertLessEqual(max(gaps), LONGEST_PAUSE + 0.1)

    def test_jitter(self) -> None:
        """Instances do not all come at the same time."""
        self.server.down = True
        pauses = []
        for number in (0.0, 0.5, 1.0):
            clock = Clock()
            link = RedisLink(clock, self.server, Login(), 1.0, random=partial(float, number))
            link.startService()
            pauses.append(round(clock.getDelayedCalls()[0].getTime(), 3))
            link.stopService()
        self.assertEqual(pauses, [0.075, 0.1, 0.125])

    def test_restarted(self) -> None:
        """A Redis that was there for a while is looked for again at once."""
        link = self.link()
        for _ in range(20):
            self.clock.advance(SETTLED + 1)
            self.server.stop()
            self.server.down = False
            self.assertFalse(link.usable)
            self.clock.advance(0.1)
            self.assertTrue(link.usable)

    def test_flutter(self) -> None:
        """One that comes and goes is looked for less and less often."""
        self.link()
        for _ in range(1000):
            self.server.stop()
            self.server.down = False
            self.clock.advance(0.1)
        self.assertLess(self.server.attempts, 30)

    def test_hung(self) -> None:
        """When an answer does not come in time, all go to the storage, and nobody waits from then on."""
        link = self.link()
        self.server.hung = True
        questions = [link.ask(PING, 1) for _ in range(3)]
        self.clock.advance(0.9)
        for question in questions:
            self.assertNoResult(question)
        self.clock.pump([0.1, 0.001])
        for question in questions:
            self.failureResultOf(question, CacheFailed)
        for _ in range(100):
            self.assertRaises(CacheFailed, link.ask, PING, 1)
            self.clock.advance(0.5)
            self.assertLessEqual(len(self.server.connections), 1)  # that of one attempt, which waits
        self.server.wake()
        self.clock.pump([1, 0.001, LONGEST_PAUSE, LONGEST_PAUSE])
        self.assertTrue(link.usable)
        self.assertEqual(len(self.lines), 3)

    def test_hung_unnoticed(self) -> None:
        """A Redis that hangs while nobody asks is noticed before somebody does."""
        link = self.link()
        self.server.hung = True
        self.clock.pump([KEEPALIVE, 1, 0.001])
        self.assertFalse(link.usable)

    def test_busy(self) -> None:
        """Beyond the limit nothing is asked, but deletions are told."""
        link = self.link(underway=2)
        self.server.hung = True
        questions = [link.ask(PING, 1) for _ in range(2)]
        self.assertRaises(CacheFailed, link.ask, PING, 1)
        self.assertIsNone(self.successResultOf(link.tell(PING, 1)))
        clearing = Deferred.fromCoroutine(link.clear((NAME, DIGEST)))
        self.assertNoResult(clearing)
        self.server.wake()
        self.successResultOf(clearing)
        for question in questions:
            self.successResultOf(question)
        self.assertEqual(self.successResultOf(link.ask(PING, 1)), [b"PONG"])

    # --- refusals ---

    def test_login(self) -> None:
        """The password and the database are told first, and the name last."""
        self.server.password = b"secret"
        link = self.link(Login(password="secret", db=3, name="registry"))
        self.assertTrue(link.usable)
        self.assertEqual(self.server.log[:3], ["AUTH", "SELECT", "SISMEMBER"])
        self.assertEqual(self.server.log[-1], "CLIENT")

    def test_secret(self) -> None:
        """A password is not shown."""
        self.assertNotIn("secret", repr(Login("user", "secret")))

    def test_refused(self) -> None:
        """A Redis that refuses anything that is needed is not used, until it does not any more."""
        refusals = {
            "NOAUTH Authentication required.": "*",
            "LOADING Redis is loading the dataset in memory": "*",
            "NOPERM this user has no permissions": "HGET",
            "READONLY You can't write against a read only replica.": "SREM",
            "MISCONF Redis is configured to save RDB snapshots": "DEL",
        }
        for error, command in refusals.items():
            self.server, self.lines = FakeRedis(), []
            self.server.refused[command] = error
            link = self.link()
            for _ in range(60):
                self.assertRaises(CacheFailed, link.ask, PING, 1)
                self.clock.advance(1)
            self.assertEqual(len(self.lines), 1)
            self.assertIn(error, self.lines[0])
            self.server.refused.clear()
            self.clock.advance(LONGEST_PAUSE)
            self.assertTrue(link.usable)
            link.stopService()

    def test_wrong_password(self) -> None:
        """So with a wrong password, or a database that there is not."""
        self.server.password = b"secret"
        for login in (Login(), Login(password="wrong"), Login(password="secret", db=99)):
            link = self.link(login)
            self.assertFalse(link.usable)
            link.stopService()

    def test_becomes_a_replica(self) -> None:
        """A master that takes no more writes is left at the first one."""
        link = self.link()
        for command in FakeRedis.WRITES:
            self.server.refused[command] = "READONLY You can't write against a read only replica."
        self.remember(link)
        self.assertFalse(link.usable)

    def test_complaints(self) -> None:
        """Entries that Redis has no room for are in the log once in a while."""
        link = self.link()
        self.server.refused["SADD"] = "OOM command not allowed when used memory > 'maxmemory'."
        for _ in range(100):
            self.remember(link)
            self.clock.advance(1)
        self.assertTrue(link.usable)
        self.assertEqual(len(self.lines), 1 + 2)

    # --- deletions ---

    def test_clear(self) -> None:
        """A deletion is told at once."""
        link = self.link()
        self.remember(link)
        self.assertTrue(self.remembered())
        self.forget(link)
        self.assertFalse(self.remembered())

    def test_once_more(self) -> None:
        """An entry that another instance made of what it saw before a deletion goes a few seconds later."""
        link = self.link()
        self.forget(link)
        self.remember(link)  # as the other does
        self.clock.advance(ONCE_MORE - 0.1)
        self.assertTrue(self.remembered())
        self.clock.advance(KEEPALIVE)
        self.assertFalse(self.remembered())
        self.remember(link)  # since somebody pushed it again
        self.clock.pump([KEEPALIVE] * 3)
        self.assertTrue(self.remembered())

    def test_many_once_more(self) -> None:
        """However many were deleted, each is forgotten once more, and soon."""
        link = self.link()
        digests = [Digest.of(b"%d" % number) for number in range(3 * AT_A_TIME + 1)]
        for digest in [*digests, *digests]:  # before the storage's deletion, and after it
            self.successResultOf(link.clear((NAME, digest)))
        for digest in digests:
            link.tell(entries.write("here", str(digest), Descriptor(OCTET_STREAM, digest, 1)), entries.WRITE)
        self.assertEqual(len(self.server.data[b"repository::here::blobs"]), len(digests))
        self.clock.pump([KEEPALIVE, ONCE_MORE])
        self.assertFalse(self.server.data.get(b"repository::here::blobs"))

    def test_again_and_again(self) -> None:
        """Of two deletions of one blob the last counts."""
        link = self.link()
        self.clock.advance(KEEPALIVE - ONCE_MORE)
        self.forget(link)
        self.clock.advance(ONCE_MORE - 0.1)
        self.forget(link)
        self.remember(link)
        self.clock.advance(0.1)
        self.assertTrue(self.remembered())
        self.clock.advance(KEEPALIVE)
        self.assertFalse(self.remembered())

    def test_cleared_later(self) -> None:
        """What was deleted while Redis was away is forgotten before it is asked again."""
        link = self.link()
        self.remember(link)
        self.server.stop()
        self.forget(link)
        self.assertTrue(self.remembered())
        self.server.down = False
        self.server.refused["SREM"] = "LOADING"
        self.clock.advance(LONGEST_PAUSE)
        self.assertFalse(link.usable)
        self.server.refused.clear()
        self.clock.advance(LONGEST_PAUSE)
        self.assertTrue(link.usable)
        self.assertFalse(self.remembered())

    def spoil(self, command: str, end: bytes, how: str) -> None:
        """From the next *command* on, whose first argument ends so, the server refuses it, hangs, or ends."""

        def heard(name: str, words: list[bytes]) -> None:
            if name != command or not words[0].endswith(end):
                return
            self.server.heard = lambda name, words: None
            if how == "refused":
                self.server.refused[command] = "MISCONF Redis is configured to save RDB snapshots"
            elif how == "hung":
                self.server.hung = True
            else:
                self.server.stop()

        self.server.heard = heard

    def recover(self) -> None:
        """The server goes on without whatever was wrong; what it had not carried out is lost."""
        self.server.down = self.server.hung = False
        self.server.refused.clear()
        self.server.left.clear()
        self.clock.pump([1, 0.001, LONGEST_PAUSE, LONGEST_PAUSE])

    def test_delivery_fails(self) -> None:
        """A deletion whose delivery is refused, not answered or cut off is delivered again."""
        for how in ("refused", "hung", "ended"):
            self.server = FakeRedis()
            link = self.link()
            self.remember(link)
            self.server.stop()
            self.forget(link)
            self.server.down = False
            self.spoil("SREM", b"::here::blobs", how)
            self.clock.pump([LONGEST_PAUSE, 1, 0.001])
            self.assertFalse(link.usable, how)
            self.assertTrue(self.remembered(), how)
            self.recover()
            self.assertTrue(link.usable, how)
            self.assertFalse(self.remembered(), how)
            link.stopService()

    def test_delivered_and_lost(self) -> None:
        """What was delivered late is told again, too, to a Redis that comes back without it."""
        link = self.link()
        self.remember(link)
        snapshot = {key: value.copy() for key, value in self.server.data.items()}
        self.server.stop()
        self.forget(link)
        self.recover()
        self.assertFalse(self.remembered())
        self.server.stop()
        self.server.data = snapshot
        self.recover()
        self.assertTrue(link.usable)
        self.assertFalse(self.remembered())

    def test_lost_while_clearing(self) -> None:
        """A deletion that was told and not confirmed is told again; its caller does not wait for that."""
        link = self.link()
        self.remember(link)
        self.server.hung = True
        clearing = Deferred.fromCoroutine(link.clear((NAME, DIGEST)))
        self.clock.pump([1, 0.001])
        self.successResultOf(clearing)
        self.server.left.clear()
        self.server.wake()
        self.assertTrue(self.remembered())
        self.clock.pump([LONGEST_PAUSE, LONGEST_PAUSE])
        self.assertTrue(link.usable)
        self.assertFalse(self.remembered())

    def test_caller_left_while_clearing(self) -> None:
        """The same if the caller has left."""
        link = self.link()
        self.remember(link)
        self.server.hung = True
        clearing = Deferred.fromCoroutine(link.clear((NAME, DIGEST)))
        clearing.cancel()
        self.failureResultOf(clearing, CancelledError)
        self.server.stop()
        self.server.left.clear()
        self.server.down = self.server.hung = False
        self.clock.advance(LONGEST_PAUSE)
        self.assertTrue(link.usable)
        self.assertFalse(self.remembered())

    def test_refused_while_clearing(self) -> None:
        """A Redis that does not forget is left, and told again."""
        link = self.link()
        self.remember(link)
        self.server.refused["SREM"] = "READONLY You can't write against a read only replica."
        self.forget(link)
        self.assertFalse(link.usable)
        self.server.refused.clear()
        self.clock.advance(LONGEST_PAUSE)
        self.assertFalse(self.remembered())

    def test_snapshot(self) -> None:
        """A Redis that comes back without what it was told lately is told again."""
        link = self.link()
        self.remember(link)
        snapshot = {key: value.copy() for key, value in self.server.data.items()}
        self.forget(link)
        self.server.stop()
        self.server.data, self.server.down = snapshot, False
        self.assertTrue(self.remembered())
        self.clock.advance(LONGEST_PAUSE)
        self.assertTrue(link.usable)
        self.assertFalse(self.remembered())

    def test_many(self) -> None:
        """So with some thousand deletions."""
        link = self.link()
        self.server.stop()
        digests = [Digest.of(b"%d" % number) for number in range(1001)]
        for digest in digests:
            self.server.data.setdefault(b"repository::here::blobs", set()).add(str(digest).encode())
            self.successResultOf(link.clear((NAME, digest)))
        self.server.down = False
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(self.server.data[b"repository::here::blobs"], set())

    def test_too_many(self) -> None:
        """With more than can be kept, all repositories forget all."""
        link = self.link()
        link._clearings = Clearings(3)
        names = [f"n{number}" for number in range(9)]
        for name in names:
            self.remember(link, name)
        self.server.data[b"of::others"] = {b"x"}
        self.server.stop()
        for number in range(4):
            self.successResultOf(link.clear((NAME, Digest.of(b"%d" % number))))
        self.server.down = False
        self.server.refused["SCAN"] = "LOADING"
        self.clock.advance(LONGEST_PAUSE)
        self.assertFalse(link.usable)
        self.server.refused.clear()
        self.clock.advance(LONGEST_PAUSE)
        self.assertTrue(link.usable)
        self.assertEqual([name for name in names if self.remembered(name)], [])
        self.assertIn(b"of::others", self.server.data)

    def test_too_many_fails(self) -> None:
        """If that is refused, not answered or cut off, it is begun anew."""
        for how in ("refused", "hung", "ended"):
            self.server = FakeRedis()
            link = self.link()
            link._clearings = Clearings(0)
            for name in ("a", "b", "c"):
                self.remember(link, name)
            self.server.stop()
            self.forget(link)
            self.server.down = False
            self.spoil("DEL", b"::blobs", how)
            self.clock.pump([LONGEST_PAUSE, 1, 0.001])
            self.assertFalse(link.usable, how)
            self.assertTrue(self.remembered("a"), how)
            self.recover()
            self.assertTrue(link.usable, how)
            self.assertEqual([name for name in ("a", "b", "c") if self.remembered(name)], [], how)
            link.stopService()

    def test_all_told(self) -> None:
        """One that could tell it everything says nothing when it stops."""
        link = self.link()
        self.forget(link)
        self.server.stop()
        self.forget(link)
        self.recover()
        before = list(self.lines)
        link.stopService()
        self.assertEqual(self.lines, before)

    def test_never_told(self) -> None:
        """A registry that stops before Redis is back says what it could not tell it."""
        link = self.link()
        self.server.stop()
        self.forget(link)
        link.stopService()
        self.assertIn("remove the keys repository::*::blobs from it", self.lines[-1])
