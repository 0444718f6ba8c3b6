"""What listens to the log, and has mails sent about some of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger, LogLevel

from txregistry.log import Entry
from txregistry.mailing.batch import Batch
from txregistry.mailing.letter import letter
from txregistry.mailing.pace import Pace

#: Seconds that entries are gathered before the first mail.
GATHER = 1.0
#: Seconds until a mail that could not be sent is tried again; then it is given up.
RETRIES = (60.0, 120.0, 600.0, 1800.0)
#: Seconds that a stop waits for the last mail.
PATIENCE = 2.0


class NotSent(Exception):
    """
    A mail was not taken.

    :ivar reason: why, in one line without secrets.
    :ivar final: there is no use in trying it again.
    """

    def __init__(self, reason: str, final: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.final = reason, final


class Send(Protocol):
    """Sends mails."""

    async def __call__(self, mail: bytes) -> Sequence[str]:
        """
        Send *mail*.  Cancelling breaks the connection.

        :return: a line for each recipient that was refused, while others were not.
        :raises NotSent: nobody will get it.
        """


class MailHook(Service):
    """
    Mails entries of *levels*, never many mails.

    The first mail goes out when entries were gathered for a moment.  What
    comes then waits for the next one, by the rules of :class:`Pace`.  What
    cannot be sent is tried again, together with what came meanwhile, and in
    the end given up; the log says so in lines that are not mailed.  At the
    stop, what waits is tried once more, for a moment.

    :param reactor: provides ``IReactorTime`` and ``IReactorFromThreads``.
    :param host: stands in subjects.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        levels: frozenset[str],
        host: str,
        sender: str,
        to: Sequence[str],
        send: Send,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reactor, self._levels, self._send, self._now = reactor, levels, send, now
        self._host, self._sender, self._to = host, sender, to
        self._heard: deque[Entry] = deque()
        self._batch = Batch()
        self._pace = Pace()
        self._tries = 0
        self._last_tried = False
        self._owner = 0
        self._call: IDelayedCall | None = None
        self._sending: Deferred[None] | None = None
        self._closed = False

    def hear(self, entry: Entry) -> None:
        """Mail *entry* if it is of interest."""
        if self._closed or entry.levels.isdisjoint(self._levels):
            return
        self._heard.append(entry)
        if not self.running:
            return
        if threading.get_ident() == self._owner:
            self._take()
        else:
            self._reactor.callFromThread(self._take)

    def startService(self) -> None:
        super().startService()
        self._closed = self._last_tried = False
        self._tries = 0
        self._owner = threading.get_ident()
        self._take()

    def stopService(self) -> Deferred[None]:
        """Fires when the last mail is sent, or was waited for long enough."""
        super().stopService()
        self._cancel_call()
        return Deferred.fromCoroutine(self._stop())

    def _take(self) -> None:
        while self._heard:
            self._batch.add(self._heard.popleft())
        if self.running and self._batch and self._call is None and self._sending is None:
            self._plan(GATHER)

    def _plan(self, least: float) -> None:
        wait = max(least, self._pace.wait(self._reactor.seconds()))
        self._call = self._reactor.callLater(wait, self._begin)

    def _cancel_call(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _begin(self) -> None:
        self._call = None
        if self._sending is None:
            self._start()
            if self._sending is None:
                self._take()

    def _start(self) -> None:
        sending = Deferred.fromCoroutine(self._mail())
        self._sending = None if sending.called else sending

    async def _mail(self) -> None:
        """Send what there is; whatever becomes of it, decide how it goes on."""
        batch, self._batch = self._batch, Batch()
        self._pace.sent(self._reactor.seconds())
        try:
            refused = await self._send(letter(batch, self._host, self._sender, self._to, self._now()))
        except CancelledError:
            self._put_back(batch)
        except NotSent as error:
            self._failed(batch, error)
        except Exception:
            self._log.failure("a mail about the log failed", level=LogLevel.error, unheard=True)
            self._failed(batch, NotSent("a fault of ours", final=True))
        else:
            self._tries = 0
            for line in refused:
                self._log.warn("mail about the log refused for {line}", line=line, unheard=True)
        if self._sending is not None:
            self._sending = None
            self._take()

    def _put_back(self, batch: Batch) -> None:
        batch.extend(self._batch)
        self._batch = batch

    def _failed(self, batch: Batch, error: NotSent) -> None:
        if not self.running:
            self._put_back(batch)
            self._last_tried = True
            self._log.warn("mail about the log not sent: {reason}", reason=error.reason, unheard=True)
            return
        if error.final or self._tries == len(RETRIES):
            self._tries = 0
            self._log.warn(
                "mail about {count} entries of the log given up: {reason}",
                count=batch.total,
                reason=error.reason,
                unheard=True,
            )
            return
        wait = RETRIES[self._tries]
        self._tries += 1
        self._put_back(batch)
        self._plan(wait)
        self._log.warn(
            "mail about the log not sent, tried again soon: {reason}", reason=error.reason, unheard=True
        )

    async def _stop(self) -> None:
        deadline = self._reactor.seconds() + PATIENCE
        await self._ended(deadline)
        self._take()
        now = self._reactor.seconds()
        if self._batch and not self._last_tried and now < deadline and not self._pace.wait(now, 0):
            self._start()
            await self._ended(deadline)
        self._closed = True
        if self._batch:
            self._log.warn(
                "{count} entries of the log are not mailed: the registry stops",
                count=self._batch.total,
                unheard=True,
            )
            self._batch = Batch()

    def _ended(self, deadline: float) -> Deferred[None]:
        """Fires when no mail is being sent any more; at *deadline* it is broken off."""
        sending = self._sending
        if sending is None:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        sending.addTimeout(max(0.0, deadline - self._reactor.seconds()), self._reactor)
        sending.addBoth(lambda _: ended.callback(None))
        return ended
