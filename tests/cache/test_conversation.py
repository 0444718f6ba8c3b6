"""Tests for one connection to Redis."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.redis import FakeRedis
from txregistry.cache.conversation import Conversation, Only, error_of, pack
from txregistry.errors import CacheFailed

PING = pack(b"PING")


class PackTests(SynchronousTestCase):
    """The form of a command."""

    def test_pack(self) -> None:
        """Words are told with their length in bytes."""
        self.assertEqual(pack(b"GET", "é".encode(), b""), b"*3\r\n$3\r\nGET\r\n$2\r\n\xc3\xa9\r\n$0\r\n\r\n")


class ConversationTests(SynchronousTestCase):
    """Questions, answers, and their end."""

    def setUp(self) -> None:
        self.clock, self.server = Clock(), FakeRedis()
        self.conversation = Conversation(self.clock, 2.0)
        self.lost = self.conversation.lost

    def connect(self) -> None:
        self.successResultOf(self.server.connect(Only(self.conversation)))

    def answered_by_hand(self) -> list[bytes]:
        """Connect to somebody who answers only when the test does."""
        written: list[bytes] = []

        class Transport:
            disconnecting = False

            def write(self, data: bytes) -> None:
                written.append(data)

            def abortConnection(self) -> None:
                written.append(b"aborted")

        transport: Any = Transport()
        self.conversation.makeConnection(transport)
        return written

    def test_before(self) -> None:
        """Before there is a connection, nothing can be asked."""
        self.failureResultOf(self.conversation.ask(PING, 1), CacheFailed)

    def test_answers(self) -> None:
        """Replies come back as Redis gave them, errors among them, and digits are no numbers."""
        self.connect()
        self.server.data[b"k"] = {b"f": b"1234"}
        asked = pack(b"HGET", b"k", b"f") + pack(b"HGET", b"k", b"g") + pack(b"WHAT") + PING
        number, nothing, error, pong = self.successResultOf(self.conversation.ask(asked, 4))
        self.assertEqual((number, nothing, pong), (b"1234", None, b"PONG"))
        self.assertEqual(error_of([number, error]), "ERR unknown command 'WHAT'")
        self.assertIsNone(error_of([number, nothing]))

    def test_order(self) -> None:
        """Each question gets its own replies, however they are cut."""
        self.answered_by_hand()
        first, second = self.conversation.ask(PING * 2, 2), self.conversation.ask(PING, 1)
        self.assertEqual(self.conversation.underway, 2)
        for byte in b"+a\r\n$2\r\nbb\r\n:3\r\n":
            self.assertNoResult(second)
            self.conversation.dataReceived(bytes([byte]))
        self.assertEqual(self.successResultOf(first), [b"a", b"bb"])
        self.assertEqual(self.successResultOf(second), [3])
        self.assertEqual(self.conversation.underway, 0)

    def test_cancelled(self) -> None:
        """Who does not wait for the replies leaves the others theirs."""
        self.answered_by_hand()
        first, second = self.conversation.ask(PING, 1), self.conversation.ask(PING, 1)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.conversation.dataReceived(b"+a\r\n+b\r\n")
        self.assertEqual(self.successResultOf(second), [b"b"])

    def test_no_answer(self) -> None:
        """When the oldest question has waited too long, all have."""
        written = self.answered_by_hand()
        first = self.conversation.ask(PING, 1)
        self.clock.advance(1.5)
        second = self.conversation.ask(PING, 1)
        self.clock.advance(0.5)
        self.assertNoResult(first)
        self.clock.advance(0.001)  # the socket was read once more
        for question in (first, second):
            self.failureResultOf(question, CacheFailed)
        self.assertEqual(self.successResultOf(self.lost), "no answer in 2 s")
        self.assertEqual((written[-1], self.conversation.usable), (b"aborted", False))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.failureResultOf(self.conversation.ask(PING, 1), CacheFailed)

    def test_no_time_here(self) -> None:
        """An answer that waited in the socket while this process was busy counts."""
        self.answered_by_hand()
        first, second = self.conversation.ask(PING, 1), self.conversation.ask(PING, 1)
        self.clock.advance(5)
        self.conversation.dataReceived(b"+a\r\n+b\r\n")
        self.clock.advance(0.001)
        self.assertEqual([self.successResultOf(each) for each in (first, second)], [[b"a"], [b"b"]])
        self.assertNoResult(self.lost)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_patience_for_each(self) -> None:
        """A question that is asked while others wait has its own time."""
        self.answered_by_hand()
        self.conversation.ask(PING, 1)
        self.clock.advance(1.5)
        second = self.conversation.ask(PING, 1)
        self.conversation.dataReceived(b"+a\r\n")
        self.clock.pump([0.5, 0.001, 1.4, 0.001])
        self.assertNoResult(second)
        self.clock.pump([0.1, 0.001])
        self.failureResultOf(second, CacheFailed)

    def test_lost(self) -> None:
        """A lost connection answers nobody any more."""
        self.connect()
        self.server.hung = True
        question = self.conversation.ask(PING, 1)
        self.server.stop()
        self.failureResultOf(question, CacheFailed)
        self.assertIn("the connection was lost", self.successResultOf(self.lost))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_redis(self) -> None:
        """Somebody else behind the port is left alone."""
        written = self.answered_by_hand()
        question = self.conversation.ask(PING, 1)
        self.conversation.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.failureResultOf(question, CacheFailed)
        self.assertIn("no Redis answers there", self.successResultOf(self.lost))
        self.assertEqual(written[-1], b"aborted")

    def test_unasked(self) -> None:
        """So is a Redis that speaks unasked: nobody knows which answer is whose."""
        self.answered_by_hand()
        self.conversation.dataReceived(b"+OK\r\n+OK\r\n")
        self.assertIn("nobody had asked", self.successResultOf(self.lost))
