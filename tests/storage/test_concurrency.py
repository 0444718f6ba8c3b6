"""Tests for doing several things at once, and things to their end."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.lines import lines
from txregistry.errors import ContentBusy, DigestMismatch, StorageError, UploadUnknown
from txregistry.model.digest import EMPTY
from txregistry.storage.concurrency import KeyedLock, Shield, both, concurrently


class _Broken(Exception):
    """Something failed."""


class BothTests(SynchronousTestCase):
    """Two things at once."""

    def setUp(self) -> None:
        self.gates: tuple[Deferred[int], Deferred[str]] = (Deferred(), Deferred())

    def begin(self) -> Deferred[tuple[int, str]]:
        async def number() -> int:
            return await self.gates[0]

        async def text() -> str:
            return await self.gates[1]

        return Deferred.fromCoroutine(both(number(), text()))

    def test_results(self) -> None:
        """Both results come, in their order, when the later of them is there."""
        result = self.begin()
        self.gates[1].callback("two")
        self.assertNoResult(result)
        self.gates[0].callback(1)
        self.assertEqual(self.successResultOf(result), (1, "two"))

    def test_failure_waits(self) -> None:
        """A failure is raised when the other has ended, not while it is still at work."""
        result = self.begin()
        self.gates[0].errback(_Broken())
        self.assertNoResult(result)
        self.gates[1].callback("two")
        self.failureResultOf(result, _Broken)

    def test_two_failures(self) -> None:
        """Of two failures the first one's is raised, and the other is not left lying about."""
        result = self.begin()
        self.gates[1].errback(ValueError())
        self.gates[0].errback(_Broken())
        self.failureResultOf(result, _Broken)

    def test_cancel(self) -> None:
        """Cancelling cancels both."""
        result = self.begin()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertTrue(all(gate.called for gate in self.gates))


class ConcurrentlyTests(SynchronousTestCase):
    """The same work for many items."""

    def setUp(self) -> None:
        self.gates: dict[int, Deferred[int]] = {}

    async def work(self, item: int) -> int:
        gate = self.gates[item] = Deferred()
        return await gate

    def begin(self, count: int, width: int) -> Deferred[list[int]]:
        return Deferred.fromCoroutine(concurrently(self.work, range(count), width))

    def test_nothing(self) -> None:
        """No items, no results."""
        self.assertEqual(self.successResultOf(self.begin(0, 3)), [])

    def test_width(self) -> None:
        """No more than the width is begun before something ends; results keep the order of the items."""
        result = self.begin(5, 2)
        self.assertEqual(list(self.gates), [0, 1])
        for item in (1, 0, 3, 2, 4):
            self.gates[item].callback(item * 10)
        self.assertEqual(self.successResultOf(result), [0, 10, 20, 30, 40])

    def test_failure(self) -> None:
        """After a failure nothing new begins, and what is under way ends first."""
        result = self.begin(5, 2)
        self.gates[0].errback(_Broken())
        self.assertNoResult(result)
        self.gates[1].callback(1)
        self.failureResultOf(result, _Broken)
        self.assertEqual(list(self.gates), [0, 1])

    def test_cancel(self) -> None:
        """Cancelling cancels what is under way and begins nothing new."""
        result = self.begin(5, 2)
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertEqual(list(self.gates), [0, 1])


class ShieldTests(SynchronousTestCase):
    """Work that outlives its caller."""

    def setUp(self) -> None:
        self.gate: Deferred[int] = Deferred()
        self.ended: list[int] = []
        self.released: list[int] = []

    def begin(self) -> Deferred[int]:
        async def work() -> int:
            result = await self.gate
            self.ended.append(result)
            return result

        async def release(result: int) -> None:
            self.released.append(result)
            if result < 0:
                raise _Broken

        return Deferred.fromCoroutine(Shield().run(work(), release))

    def test_result(self) -> None:
        """Undisturbed, the result comes through and is not released."""
        result = self.begin()
        self.gate.callback(1)
        self.assertEqual(self.successResultOf(result), 1)
        self.assertEqual(self.released, [])

    def test_failure(self) -> None:
        """Undisturbed, a failure comes through."""
        result = self.begin()
        self.gate.errback(_Broken())
        self.failureResultOf(result, _Broken)

    def test_cancelled(self) -> None:
        """The caller leaves at once; the work ends later, and its result is released."""
        result = self.begin()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertFalse(self.gate.called)
        self.gate.callback(1)
        self.assertEqual((self.ended, self.released), ([1], [1]))

    def test_cancelled_then_answered(self) -> None:
        """What would only have been a client's answer is not even logged."""
        for error in (ContentBusy("/a"), UploadUnknown("u"), DigestMismatch(EMPTY)):
            self.gate = Deferred()
            result = self.begin()
            result.cancel()
            self.failureResultOf(result, CancelledError)
            self.gate.errback(error)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_cancelled_then_storage_failed(self) -> None:
        """A failure of the storage that nobody waits for is a line without a traceback."""
        result = self.begin()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        with capturedLogs() as events:
            self.gate.errback(StorageError("broken"))
        self.assertEqual(lines(events), [("error", "work that nobody waits for failed: broken")])

    def test_cancelled_then_failed(self) -> None:
        """A failure that nobody waits for is logged."""
        result = self.begin()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.gate.errback(_Broken())
        self.assertEqual(len(self.flushLoggedErrors(_Broken)), 1)

    def test_release_fails_below(self) -> None:
        """So is a release that fails in the storage."""

        async def work() -> int:
            return await self.gate

        async def release(result: int) -> None:
            raise StorageError("broken")

        result = Deferred.fromCoroutine(Shield().run(work(), release))
        result.cancel()
        self.failureResultOf(result, CancelledError)
        with capturedLogs() as events:
            self.gate.callback(1)
        self.assertEqual(
            lines(events), [("error", "the result of abandoned work could not be released: broken")]
        )

    def test_release_fails(self) -> None:
        """A release that fails is logged."""
        result = self.begin()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.gate.callback(-1)
        self.assertEqual(len(self.flushLoggedErrors(_Broken)), 1)


class KeyedLockTests(SynchronousTestCase):
    """One thing at a time."""

    def setUp(self) -> None:
        self.lock = KeyedLock()
        self.gates: list[Deferred[int]] = []

    def begin(self, key: str) -> Deferred[int]:
        async def work() -> int:
            gate: Deferred[int] = Deferred()
            self.gates.append(gate)
            return await gate

        return Deferred.fromCoroutine(self.lock.run(key, work))

    def test_in_turn(self) -> None:
        """Of one key, the second begins when the first has ended, even by failing."""
        first, second = self.begin("a"), self.begin("a")
        self.assertEqual(len(self.gates), 1)
        self.gates[0].errback(_Broken())
        self.failureResultOf(first, _Broken)
        self.gates[1].callback(2)
        self.assertEqual(self.successResultOf(second), 2)

    def test_keys(self) -> None:
        """Different keys do not wait for each other."""
        first, second = self.begin("a"), self.begin("b")
        self.gates[1].callback(2)
        self.assertEqual(self.successResultOf(second), 2)
        self.assertNoResult(first)

    def test_leaving_the_queue(self) -> None:
        """Who is cancelled while waiting is passed over."""
        self.begin("a")
        waiting, last = self.begin("a"), self.begin("a")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.gates[0].callback(1)
        self.gates[1].callback(3)
        self.assertEqual(self.successResultOf(last), 3)
