"""Clients that leave, and handlers that fail: nothing is kept, and nothing stays scheduled."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.web.serving import Held, Server, body_of, echo
from tests.web.wire import Connection, request_bytes
from txregistry.web.body import HIGH_WATER, BodyLost
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest

HEAD = request_bytes("PUT", "/a", [("Content-Length", str(1 << 30))])


class Reader:
    """
    Reads a body as an upload does.

    :ivar told: what ended the reading.
    :ivar closed: the ``finally`` of it ran to its end.
    """

    def __init__(self) -> None:
        self.told: list[type[BaseException]] = []
        self.closed = 0
        self.size = 0
        self.slow: Deferred[None] | None = None

    async def __call__(self, request: RegistryRequest) -> None:
        try:
            while chunks := await request.body.read():
                self.size += sum(map(len, chunks))
                if self.slow is not None:
                    await self.slow
            request.answer(Reply(201))
        except BaseException as error:
            self.told.append(type(error))
            raise
        finally:
            await self._close()
            self.closed += 1

    async def _close(self) -> None:
        await Deferred.fromCoroutine(_nothing())


async def _nothing() -> None:
    """Takes no time."""


class HangUpTests(SynchronousTestCase):
    """At each point of a request."""

    def left(self, serve: Callable[[RegistryRequest], object], *pieces: bytes) -> tuple[Server, Connection]:
        """Send *pieces*, hang up, and check what must hold whatever was under way."""
        server = Server(serve)  # type: ignore[arg-type]  # what serves is a coroutine function
        connection = server.connect()
        connection.send_each(pieces)
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])
        self.assertEqual(server.held(), 0)
        self.assertEqual(server.site.connections, set())
        self.assertEqual(self.flushLoggedErrors(), [])
        return server, connection

    def test_idle(self) -> None:
        """Before anything was asked, and after an answer."""
        server, _ = self.left(echo)
        self.assertEqual(server.ended, [])
        server, _ = self.left(echo, request_bytes("GET", "/a"))
        self.assertEqual(server.ended, [("/a", 200)])

    def test_in_the_head(self) -> None:
        """In the middle of a head: nobody hears of it."""
        for end in (3, len(HEAD) - 2):
            server, connection = self.left(echo, HEAD[:end])
            self.assertEqual((server.served, server.ended, connection.received()), ([], [], b""))

    def test_reading(self) -> None:
        """While the handler waits for more: it is cancelled, and its clean-up runs."""
        reader = Reader()
        server, connection = self.left(reader, HEAD, b"x" * 1000)
        self.assertEqual((reader.told, reader.closed), ([CancelledError], 1))
        self.assertEqual(server.ended, [("/a", 499)])
        self.assertIn('" 499 0 "', server.access[0])
        self.assertEqual(connection.received(), b"")

    def test_lingering(self) -> None:
        """In the moment in which a read waits for a fuller batch."""
        reader = Reader()
        server = Server(reader)
        connection = server.connect()
        connection.send_each([HEAD, b"x" * 1000])
        self.assertEqual(len(server.clock.getDelayedCalls()), 2)  # the linger, and the body's least rate
        connection.hang_up()
        self.assertEqual(server.clock.getDelayedCalls(), [])
        self.assertEqual(reader.told, [CancelledError])

    def test_paused(self) -> None:
        """While the socket is paused, because the handler is busy with what it has."""
        reader = Reader()
        reader.slow = Deferred()
        server = Server(reader)
        connection = server.connect()
        connection.send(HEAD)
        for _ in range(5):
            connection.send(b"x" * HIGH_WATER)
        self.assertTrue(body_of(server.requests[0]).paused)
        connection.hang_up()
        self.assertEqual((reader.told, reader.closed), ([CancelledError], 1))
        self.assertEqual(server.clock.getDelayedCalls(), [])
        self.assertEqual(server.held(), 0)

    def test_not_asked_for(self) -> None:
        """While the handler waits for something else, with and without a body to come."""
        for pieces in ([HEAD, b"x" * 1000], [HEAD], [request_bytes("GET", "/a")]):
            held = Held()
            server, _ = self.left(held, *pieces)
            self.assertEqual(held.cancelled, 1)
            self.assertEqual(server.ended, [("/a", 499)])

    def test_pipelined(self) -> None:
        """With requests waiting behind the one that is served: they are dropped unheard."""
        held = Held()
        server, _ = self.left(held, request_bytes("GET", "/a") * 3)
        self.assertEqual((held.cancelled, server.served), (1, ["GET /a"]))

    def test_deaf_handler(self) -> None:
        """A handler that ignores its cancelling hears that the body is lost; its answer is dropped."""
        seen: list[object] = []

        async def stubborn(request: RegistryRequest) -> None:
            with contextlib.suppress(CancelledError):
                await request.body.read()
            try:
                seen.append(await request.body.read())
            except BodyLost:
                seen.append(BodyLost)
            request.answer(Reply(201))

        _, connection = self.left(stubborn, HEAD, b"x" * 1000)
        self.assertEqual(seen, [BodyLost])
        self.assertEqual(connection.received(), b"")

    def test_slow_clean_up(self) -> None:
        """A clean-up that takes its time outlives the connection."""
        cleaning: Deferred[None] = Deferred()
        cleaned: list[bool] = []

        async def serve(request: RegistryRequest) -> None:
            try:
                await request.body.read()
            finally:
                await cleaning
                cleaned.append(True)

        self.left(serve, HEAD)
        self.assertEqual(cleaned, [])
        cleaning.callback(None)
        self.assertEqual(cleaned, [True])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_after_half_an_answer(self) -> None:
        """While an answer is under way, it is logged with the status that the client saw."""

        async def serve(request: RegistryRequest) -> None:
            request.begin_answer(200, ((b"Content-Length", b"10"),), b"half")
            await Deferred()

        server, _ = self.left(serve, request_bytes("GET", "/a"))
        self.assertEqual(server.ended, [("/a", 200)])
        self.assertIn('" 200 4 "', server.access[0])

    def test_failing_late(self) -> None:
        """A handler that fails for another reason when its client is gone is heard in the log, once."""

        async def serve(request: RegistryRequest) -> None:
            try:
                await Deferred()
            finally:
                raise ZeroDivisionError

        server = Server(serve)
        connection = server.connect()
        connection.send(request_bytes("GET", "/a"))
        connection.hang_up()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(connection.received(), b"")


class FailureTests(SynchronousTestCase):
    """Handlers that fail while the client is there."""

    def test_before_the_answer(self) -> None:
        """The client gets a 500 in the registry's form, and no traceback; the connection lives."""

        async def serve(request: RegistryRequest) -> None:
            if request.path == b"/a":
                raise ZeroDivisionError("a secret")
            request.answer(Reply(200))

        server = Server(serve)
        connection = server.connect()
        connection.send(request_bytes("GET", "/a") + request_bytes("GET", "/b"))
        first, second = connection.answers()
        self.assertEqual((first.status, first.codes()), (500, ["UNKNOWN"]))
        self.assertNotIn(b"secret", first.body)
        self.assertEqual(second.status, 200)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_within_the_answer(self) -> None:
        """An answer that has begun is cut off, so that it cannot look whole."""

        async def serve(request: RegistryRequest) -> None:
            request.begin_answer(200, ((b"Content-Length", b"10"),), b"half")
            raise ZeroDivisionError

        server = Server(serve)
        connection = server.connect()
        connection.send(request_bytes("GET", "/a") + request_bytes("GET", "/b"))
        self.assertTrue(connection.wire.aborted)
        self.assertTrue(connection.received().endswith(b"\r\n\r\nhalf"))
        self.assertEqual(server.served, ["GET /a"], "nothing else is executed on a broken connection")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
