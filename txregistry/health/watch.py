"""Runs a check again and again."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from txregistry.health.checks import Check, CheckFailed
from txregistry.health.state import Verdict


class Watch(Service):
    """
    Runs *check* every *interval* seconds while it runs itself, for the first time after one interval.

    A check that has not ended when the next one is due is waited for: a dead
    disk gets one thread, not all of them.  It has failed so far if it takes
    longer than *patience* seconds.  Of a check that breaks, the log has one
    traceback until it passes again.

    :param name: the check's, for the log.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        check: Check,
        verdict: Verdict,
        interval: float,
        patience: float,
    ) -> None:
        self._clock, self._name, self._check, self._verdict = clock, name, check, verdict
        self._interval, self._patience = interval, patience
        self._loop: LoopingCall | None = None
        self._round: Deferred[None] | None = None
        self._since = 0.0
        self._told = False

    def startService(self) -> None:
        super().startService()
        self._loop = LoopingCall(self._look)
        self._loop.clock = self._clock
        self._loop.start(self._interval, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._loop is not None:
            self._loop.stop()
            self._loop = None
        if self._round is not None:
            self._round.cancel()

    def _look(self) -> None:
        if self._round is not None:
            taken = self._clock.seconds() - self._since
            if taken >= self._patience:
                self._failed(f"no answer for {taken:.3g}s")
            return
        self._since = self._clock.seconds()
        self._round = Deferred.fromCoroutine(_running(self._check))
        self._round.addCallbacks(self._passed, self._broke)

    def _passed(self, _: None) -> None:
        self._round = None
        if self._verdict.failure is not None:
            self._log.info("health check {name} is well again", name=self._name)
        self._verdict.passed()
        self._told = False

    def _broke(self, failure: Failure) -> None:
        self._round = None
        if not self.running:
            return
        if failure.check(CheckFailed):
            self._failed(str(failure.value))
        else:
            if not self._told:
                self._log.failure("health check {name} broke", failure, LogLevel.error, name=self._name)
            self._told = True
            self._failed(f"{failure.type.__name__ if failure.type else ''}: {failure.value}")

    def _failed(self, reason: str) -> None:
        before = self._verdict.failure
        self._verdict.failed(reason)
        if before is None and self._verdict.failure is not None:
            self._log.error("health check {name} fails: {reason}", name=self._name, reason=reason)


async def _running(check: Check) -> None:
    await check()
