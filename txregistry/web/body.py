"""
The body of one request, as it arrives.

A :class:`Body` stands between the channel, which hands it chunks as they
come off the socket, and the route, which reads them when it can.  When the
route is slower, the socket is paused: memory holds a bounded part of the
body, whatever its size.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import uniform
from typing import Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: A read is answered when this many bytes have come, after :data:`LINGER`, at a pause, or at the end.
BATCH = 1024 * 1024
#: Seconds that a read waits for a fuller batch once something has come: something between these two,
#: so that slow bodies that began together are not all written at the same time for ever.
LINGER = (1.5, 3.0)
#: The socket is paused when this much of a body waits for its reader.
HIGH_WATER = 2 * 1024 * 1024
#: The same, before anybody has asked for the body.
UNWANTED_WATER = 64 * 1024
#: A body that is read as a whole and has more bytes than this needs room for it first.
MODEST = 64 * 1024
#: What a chunk costs beside its bytes, so that a million chunks of one byte count as what they are.
CHUNK_OVERHEAD = 100


class BodyLost(Exception):
    """The client went away before the end of the body."""


class BodyMalformed(Exception):
    """The framing of the body is wrong; nothing more can be read from this connection."""


class BodyTooSlow(Exception):
    """The client sends less than the least rate."""


class BodyTooLarge(Exception):
    """The body exceeds *limit* bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


@define(eq=False)
class Budget:
    """Bytes that all bodies of a process may hold together; beyond, each pauses as soon as it holds any."""

    limit: int = 64 * 1024 * 1024
    held: int = field(default=0, init=False)


class NoBody:
    """The body of a request that has none."""

    length = received = 0
    complete = True

    def take(self) -> list[bytes]:
        """Nothing has come."""
        return []

    async def read(self) -> list[bytes]:
        """Nothing, ever."""
        return []

    async def read_all(self, limit: int, room: object = None) -> bytes:
        """Nothing at all."""
        return b""

    def break_off(self, reason: Exception) -> None:
        """Nobody waits for it."""

    def discard(self) -> None:
        """There is nothing to drop."""


class Flow(Protocol):
    """The connection that a body comes from."""

    def body_wanted(self) -> None:
        """Somebody reads: tell the client to go on (100 Continue), and mind how long it takes."""

    def pause_body(self) -> None:
        """Take nothing more from the socket."""

    def resume_body(self) -> None:
        """Go on taking."""


class Body:
    """
    One request's body.

    :ivar length: what the client announced, in bytes; ``None`` when chunked.
    :ivar received: bytes that have arrived so far.
    :ivar complete: all of it has arrived.
    :ivar wanted: somebody has begun to read it.
    :ivar paused: the socket is not read, because enough waits here.
    """

    def __init__(self, flow: Flow, length: int | None, budget: Budget, clock: IReactorTime) -> None:
        self.length = length
        self.received = 0
        self.complete = False
        self.wanted = False
        self.paused = False
        self._flow, self._budget, self._clock = flow, budget, clock
        self._chunks: list[bytes] = []
        self._held = 0
        self._discarding = False
        self._broken: Exception | None = None
        self._waiting: Deferred[None] | None = None
        self._linger: IDelayedCall | None = None

    # --- the reading side ---

    async def read(self) -> list[bytes]:
        """
        The next chunks, in order; an empty list at the end.

        One read at a time.  Cancelling it loses nothing.

        :raises BodyLost: the client is gone.
        :raises BodyMalformed: the framing broke.
        """
        if not self.wanted:
            self.wanted = True
            if not self.complete and self._broken is None:
                self._flow.body_wanted()
                self._mind_the_mark()
        if not (self.complete or self._held >= BATCH or self.paused or self._broken is not None):
            if self._held:
                self._start_lingering()
            self._waiting = Deferred(self._forget_waiting)
            await self._waiting
        if self._broken is not None:
            raise self._broken
        return self.take()

    def take(self) -> list[bytes]:
        """What has come and was not read, without waiting; perhaps nothing."""
        chunks, self._chunks = self._chunks, []
        self._release()
        return chunks

    async def read_all(self, limit: int, room: Callable[[], Awaitable[object]] | None = None) -> bytes:
        """
        The whole body, which must fit into *limit* bytes.

        :param room: awaited once if there are more than :data:`MODEST` bytes, before they are all in memory.
        :raises BodyTooLarge: it does not, or says so beforehand; not more than
            *limit* and one batch are ever held.
        """
        if self.length is not None and self.length > limit:
            raise BodyTooLarge(limit)
        expected = self.length or 0
        # One piece: lists of small ones take many times their size.
        whole = bytearray()
        while True:
            if room is not None and max(expected, len(whole)) > MODEST:
                await room()
                room = None
            chunks = await self.read()
            if not chunks:
                return bytes(whole)
            if len(whole) + sum(map(len, chunks)) > limit:
                raise BodyTooLarge(limit)
            for chunk in chunks:
                whole += chunk

    # --- the receiving side, called by the channel ---

    def data_received(self, chunk: bytes) -> None:
        """*chunk* came off the socket."""
        self.received += len(chunk)
        if self._discarding:
            return
        self._chunks.append(chunk)
        cost = len(chunk) + CHUNK_OVERHEAD
        self._held += cost
        self._budget.held += cost
        self._mind_the_mark()
        if self._waiting is not None:
            if self._held >= BATCH or self.paused:
                self._wake()
            else:
                self._start_lingering()

    def end_received(self) -> None:
        """The last chunk has come."""
        self.complete = True
        self._wake()

    def break_off(self, reason: Exception) -> None:
        """
        No more is to be had, because of *reason*, which the reader is told unless it has everything.

        One who waits may :meth:`take` what has come as soon as it is told; else that is dropped.
        """
        if self._chunks or not self.complete:
            self._broken = reason
        self._discarding = True
        self._wake()
        self.discard()

    def discard(self) -> None:
        """Drop what waits and what is still to come; nobody will read it."""
        self._discarding = True
        self._chunks = []
        self._release()

    # --- inside ---

    def _mind_the_mark(self) -> None:
        mark = HIGH_WATER if self.wanted else UNWANTED_WATER
        full = self._held >= mark or (self._held > 0 and self._budget.held > self._budget.limit)
        if full and not self.paused and not self.complete:
            self.paused = True
            self._flow.pause_body()

    def _release(self) -> None:
        self._budget.held -= self._held
        self._held = 0
        if self.paused and self._broken is None:
            self.paused = False
            self._flow.resume_body()

    def _start_lingering(self) -> None:
        if self._linger is None:
            self._linger = self._clock.callLater(uniform(*LINGER), self._lingered)

    def _stop_lingering(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _lingered(self) -> None:
        self._linger = None
        self._wake()

    def _wake(self) -> None:
        self._stop_lingering()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def _forget_waiting(self, _: Deferred[None]) -> None:
        self._stop_lingering()
        self._waiting = None
