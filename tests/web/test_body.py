"""Bodies: what their readers get, and how much of them is held."""

from __future__ import annotations

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txregistry.web.body import (
    BATCH,
    CHUNK_OVERHEAD,
    HIGH_WATER,
    LINGER,
    UNWANTED_WATER,
    Body,
    BodyLost,
    BodyMalformed,
    BodyTooLarge,
    Budget,
    NoBody,
)

MIB = 1 << 20


@define
class RecordedFlow:
    """A connection that notes what a body asks of it."""

    calls: list[str] = field(factory=list)

    def body_wanted(self) -> None:
        self.calls.append("wanted")

    def pause_body(self) -> None:
        self.calls.append("pause")

    def resume_body(self) -> None:
        self.calls.append("resume")


class BodyCase(SynchronousTestCase):
    """Bodies without a connection."""

    def setUp(self) -> None:
        self.clock, self.flow, self.budget = Clock(), RecordedFlow(), Budget()

    def body(self, length: int | None = None) -> Body:
        return Body(self.flow, length, self.budget, self.clock)

    def reading(self, body: Body) -> Deferred[list[bytes]]:
        return Deferred.fromCoroutine(body.read())

    def begin(self, body: Body) -> None:
        """Have *body* wanted, while nobody reads on."""
        reading = self.reading(body)
        reading.cancel()
        self.failureResultOf(reading, CancelledError)

    def taken(self, body: Body) -> int:
        """Read once; how many bytes there were."""
        chunks: list[bytes] = self.successResultOf(self.reading(body))
        return len(b"".join(chunks))

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ReadTests(BodyCase):
    """When a read is answered, and with what."""

    def test_batch(self) -> None:
        """At once when a batch is there."""
        body = self.body()
        reading = self.reading(body)
        for _ in range(BATCH // 65536 - 1):
            body.data_received(b"x" * 65536)
        self.assertNoResult(reading)
        body.data_received(b"x" * 65536)
        chunks: list[bytes] = self.successResultOf(reading)
        self.assertEqual(len(b"".join(chunks)), BATCH)

    def test_linger(self) -> None:
        """Else a moment after the first piece, with all that came in it."""
        body = self.body()
        reading = self.reading(body)
        self.clock.advance(1)
        body.data_received(b"a")
        shortest, longest = LINGER
        self.clock.advance(shortest * 0.99)
        body.data_received(b"b")
        self.assertNoResult(reading)
        self.clock.advance(longest - shortest * 0.99)
        self.assertEqual(self.successResultOf(reading), [b"a", b"b"])

    def test_what_waits(self) -> None:
        """What came before the read waits for more just as long."""
        body = self.body()
        body.data_received(b"a")
        reading = self.reading(body)
        self.assertNoResult(reading)
        self.clock.advance(LINGER[1])
        self.assertEqual(self.successResultOf(reading), [b"a"])

    def test_paused(self) -> None:
        """Nobody waits for a fuller batch while the socket is paused: nothing more would come."""
        body = self.body()
        body.data_received(b"x" * UNWANTED_WATER)
        self.assertTrue(body.paused)
        self.assertEqual(len(self.successResultOf(self.reading(body))), 1)
        self.assertFalse(body.paused)

    def test_end(self) -> None:
        """The end answers at once; after it there is nothing, as often as one asks."""
        body = self.body()
        body.data_received(b"a")
        reading = self.reading(body)
        body.end_received()
        self.assertEqual(self.successResultOf(reading), [b"a"])
        for _ in range(2):
            self.assertEqual(self.successResultOf(self.reading(body)), [])

    def test_all_there(self) -> None:
        """A body that came whole is handed over without waiting, and without asking for it."""
        body = self.body()
        body.data_received(b"a")
        body.end_received()
        self.assertEqual(self.successResultOf(self.reading(body)), [b"a"])
        self.assertEqual(self.flow.calls, [])

    def test_wanted_once(self) -> None:
        """The client is asked for the body by the first read only."""
        body = self.body()
        for _ in range(2):
            reading = self.reading(body)
            body.data_received(b"x" * BATCH)
            self.successResultOf(reading)
        self.assertEqual(self.flow.calls, ["wanted"])

    def test_lost(self) -> None:
        """A body that breaks off tells whoever reads, who can have what came, and whoever reads later."""
        for reason in (BodyLost(), BodyMalformed("x")):
            body = self.body()

            async def take_rest(body: Body) -> list[bytes]:
                with self.assertRaises((BodyLost, BodyMalformed)):
                    await body.read()
                return body.take()

            reading = Deferred.fromCoroutine(take_rest(body))
            body.data_received(b"a")
            body.break_off(reason)
            body.data_received(b"b")
            self.assertEqual(self.successResultOf(reading), [b"a"])
            self.failureResultOf(self.reading(body), type(reason))
            self.assertEqual((body.take(), self.budget.held), ([], 0))

    def test_lost_unwanted(self) -> None:
        """What nobody waits for is dropped when the body breaks off."""
        body = self.body()
        body.data_received(b"a")
        body.break_off(BodyLost())
        self.assertEqual((body.take(), self.budget.held), ([], 0))
        self.failureResultOf(self.reading(body), BodyLost)

    def test_lost_when_read(self) -> None:
        """A reader that has had everything does not hear that the connection broke afterwards."""
        body = self.body()
        body.data_received(b"a")
        body.end_received()
        self.successResultOf(self.reading(body))
        body.break_off(BodyLost())
        self.assertEqual(self.successResultOf(self.reading(body)), [])

    def test_lost_unread(self) -> None:
        """One that has not must not take the rest for nothing."""
        body = self.body()
        body.data_received(b"a")
        body.end_received()
        body.break_off(BodyLost())
        self.failureResultOf(self.reading(body), BodyLost)

    def test_cancelled(self) -> None:
        """A read that is cancelled loses nothing: the next one gets it."""
        body = self.body()
        reading = self.reading(body)
        body.data_received(b"a")
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        body.data_received(b"b")
        self.clock.advance(LINGER[1])
        reading = self.reading(body)
        body.end_received()
        self.assertEqual(self.successResultOf(reading), [b"a", b"b"])

    @given(st.lists(st.tuples(st.binary(max_size=300), st.sampled_from(("read", "wait", "cancel", "")))))
    def test_nothing_lost(self, steps: list[tuple[bytes, str]]) -> None:
        """Whatever comes, and however it is read, the reads together are the body."""
        body = self.body()
        got: list[bytes] = []
        reading: Deferred[None] | None = None
        for data, step in steps:
            body.data_received(data)
            if step == "wait":
                self.clock.advance(LINGER[1])
            elif step == "cancel" and reading is not None:
                reading.addErrback(lambda failure: failure.trap(CancelledError) and None)
                reading.cancel()
                reading = None
            elif step == "read" and (reading is None or reading.called):
                reading = self.reading(body).addCallback(got.extend)
        body.end_received()
        self.successResultOf(self.reading(body).addCallback(got.extend))
        self.clock.advance(LINGER[1])
        self.assertEqual(b"".join(got), b"".join(data for data, _ in steps))
        self.assertEqual(self.budget.held, 0)


class WaterTests(BodyCase):
    """How much is held."""

    def test_high_water(self) -> None:
        """The socket is paused when so much waits, and read again when it was taken."""
        body = self.body()
        self.begin(body)
        self.flow.calls.clear()
        while not body.paused:
            body.data_received(b"x" * 65536)
        self.assertEqual(self.flow.calls, ["pause"])
        self.assertLessEqual(self.budget.held, HIGH_WATER + 65536 + CHUNK_OVERHEAD)
        self.assertEqual(self.taken(body), body.received)
        self.assertEqual(self.flow.calls, ["pause", "resume"])
        self.assertEqual(self.budget.held, 0)

    def test_unwanted(self) -> None:
        """Before anybody asks, little is taken."""
        body = self.body()
        body.data_received(b"x" * UNWANTED_WATER)
        self.assertEqual(self.flow.calls, ["pause"])
        self.successResultOf(self.reading(body))
        self.assertEqual(self.flow.calls, ["pause", "wanted", "resume"])

    def test_tiny_chunks(self) -> None:
        """A million chunks of one byte are not a megabyte: each one counts what it costs."""
        body = self.body()
        self.begin(body)
        while not body.paused:
            body.data_received(b"x")
        self.assertLess(body.received, HIGH_WATER // CHUNK_OVERHEAD + 1)

    def test_not_at_the_end(self) -> None:
        """A complete body pauses nothing: the socket carries the next request."""
        body = self.body()
        body.data_received(b"x")
        body.end_received()
        self.successResultOf(self.reading(body))
        self.assertNotIn("pause", self.flow.calls)

    def test_budget(self) -> None:
        """When all bodies together hold too much, each one pauses as soon as it holds anything."""
        self.budget.limit = 3 * MIB
        full = [self.body() for _ in range(2)]
        for body in full:
            self.begin(body)
            body.data_received(b"x" * (HIGH_WATER - CHUNK_OVERHEAD))
        late = self.body()
        reading = self.reading(late)
        self.flow.calls.clear()
        late.data_received(b"x")
        self.assertEqual(self.successResultOf(reading), [b"x"])
        self.assertEqual(self.flow.calls, ["pause", "resume"])
        for body in full:
            self.successResultOf(self.reading(body))
        self.assertEqual(self.budget.held, 0)

    def test_discarded(self) -> None:
        """What is discarded is not held, and neither is what still comes."""
        body = self.body()
        body.data_received(b"x" * UNWANTED_WATER)
        body.discard()
        self.assertEqual((body.paused, self.budget.held), (False, 0))
        body.data_received(b"x" * UNWANTED_WATER)
        self.assertEqual((body.paused, self.budget.held), (False, 0))
        self.assertEqual(body.received, 2 * UNWANTED_WATER)


class ReadAllTests(BodyCase):
    """Bodies that must fit into memory."""

    def test_fits(self) -> None:
        """A body of exactly the limit is had whole."""
        body = self.body()
        reading = Deferred.fromCoroutine(body.read_all(6))
        body.data_received(b"abc")
        self.clock.advance(LINGER[1])
        body.data_received(b"def")
        body.end_received()
        self.assertEqual(self.successResultOf(reading), b"abcdef")

    def test_announced(self) -> None:
        """A length over the limit is refused before the client is asked to send anything."""
        body = self.body(MIB + 1)
        self.failureResultOf(Deferred.fromCoroutine(body.read_all(MIB)), BodyTooLarge)
        self.assertEqual(self.flow.calls, [])

    def test_unannounced(self) -> None:
        """Without a length, not more than the limit and a batch is ever held."""
        body = self.body()
        reading = Deferred.fromCoroutine(body.read_all(MIB))
        while not reading.called:
            body.data_received(b"x" * 65536)
        self.failureResultOf(reading, BodyTooLarge)
        self.assertLessEqual(body.received, MIB + BATCH)

    def test_lost(self) -> None:
        """Half a body is none."""
        body = self.body()
        reading = Deferred.fromCoroutine(body.read_all(MIB))
        body.data_received(b"abc")
        body.break_off(BodyLost())
        self.failureResultOf(reading, BodyLost)


class NoBodyTests(SynchronousTestCase):
    """The body of a request without one."""

    def test_nothing(self) -> None:
        """It is complete, and there is nothing to read."""
        body = NoBody()
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(body.read())), [])
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(body.read_all(0))), b"")
        self.assertEqual((body.length, body.received, body.complete), (0, 0, True))
