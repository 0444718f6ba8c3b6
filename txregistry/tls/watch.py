"""New certificates while the daemon runs: when the files change, new connections get what they hold then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from OpenSSL import SSL
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.errors import Misconfigured
from txregistry.interfaces import IReloadable, IWorkers
from txregistry.tls.contexts import CurrentContext, Suites, Terms, make_context
from txregistry.tls.files import Identity, Paths, fingerprint, read_identity, shown

#: Seconds between two looks at the files.
INTERVAL = 5.0
#: A certificate that expires in so many seconds is warned of, once a day.
SOON = 14 * 86400.0
DAY = 86400.0


class Options(Paths, Terms, Protocol):
    """What the configuration says."""


@implementer(IReloadable)
class Credentials(Service):
    """
    What connections are encrypted with.

    Made with what the files hold now, which blocks; once it runs, it looks at
    them in threads.  Files that cannot be used change nothing: those who
    replace two files are seen between the two.

    :ivar contexts: makes OpenSSL's part of each connection.
    :raises Misconfigured: they cannot be used, or their certificate has expired.
    """

    _log = Logger()

    def __init__(self, options: Options, clock: IReactorTime, workers: IWorkers) -> None:
        self._options, self._clock, self._workers = options, clock, workers
        self._seen = fingerprint(options)
        self._identity, context = _load(options)
        over = self._identity.expired(self._now())
        if over:
            raise Misconfigured(f"http.tls.certificate: {options.certificate} {over}")
        self.contexts = CurrentContext(context)
        self._told: tuple[str, ...] = ()
        self._once_more = False
        self._warned: float | None = None
        self._lock = DeferredLock()
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self._look()))
        self._loop.clock = clock

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.seconds(), UTC)

    # --- the service ---

    def startService(self) -> None:
        """Begin to look at the files, and say what is odd about them."""
        super().startService()
        missing = Suites.of(self._options.ciphersuites).missing
        if missing:
            self._log.warn(
                "http.tls.ciphersuites: OpenSSL has these no more: {suites}", suites=", ".join(missing)
            )
        self._mention_oddities()
        self._mind_the_end()
        self._finished = self._loop.start(INTERVAL, now=False)

    def stopService(self) -> Deferred[LoopingCall]:
        """Fires when nothing is looked at any more."""
        super().stopService()
        self._loop.stop()
        return self._finished

    # --- looking ---

    async def reload(self) -> bool:
        """Take what the files hold now, changed or not; whether that could be used."""
        await self._lock.acquire()
        try:
            self._told = ()  # whoever asks is answered, if only with the same again
            return await self._read(await self._workers.run(fingerprint, self._options))
        finally:
            self._lock.release()

    async def _look(self) -> None:
        await self._lock.acquire()
        try:
            self._mind_the_end()
            seen = await self._workers.run(fingerprint, self._options)
            if seen != self._seen or self._once_more:
                await self._read(seen)
        except CancelledError:
            raise
        except Exception:  # a LoopingCall would end here for good
            self._log.failure("could not look at the files of http.tls")
        finally:
            self._lock.release()

    async def _read(self, seen: tuple[object, ...]) -> bool:
        changed, self._seen = seen != self._seen, seen
        try:
            identity, context = await self._workers.run(_load, self._options)
            self._mind_expired(identity)
        except Misconfigured as error:
            # They may have been half written, so a first failure is not the last word.
            self._once_more = changed
            self._complain(error.faults)
            return False
        self._once_more, self._told, self._warned = False, (), None
        self._identity, self.contexts.context = identity, context
        self._log.info(
            "new connections use the certificate in {path}, which is good until {end}",
            path=self._options.certificate,
            end=shown(identity.ends),
        )
        self._mention_oddities()
        self._mind_the_end()
        return True

    def _mind_expired(self, identity: Identity) -> None:
        """An expired certificate is better than none, but not better than one that is good."""
        now = self._now()
        over = identity.expired(now)
        if over and not self._identity.expired(now):
            raise Misconfigured(f"http.tls.certificate: {self._options.certificate} {over}")

    # --- telling ---

    def _complain(self, faults: tuple[str, ...]) -> None:
        for fault in faults:
            if fault not in self._told:
                self._log.error("{fault}; what was read before stays in use", fault=fault)
        self._told = faults

    def _mention_oddities(self) -> None:
        for oddity in self._identity.oddities(self._now()):
            self._warn(oddity)

    def _mind_the_end(self) -> None:
        """Once a day, warn of a certificate that is about to expire, or has."""
        now = self._clock.seconds()
        left = self._identity.ends.timestamp() - now
        if left > SOON or (self._warned is not None and now - self._warned < DAY):
            return
        self._warned = now
        self._warn(
            self._identity.expired(self._now())
            or f"expires on {shown(self._identity.ends)}, {_in_days(left)} from now"
        )

    def _warn(self, what: str) -> None:
        self._log.warn("http.tls.certificate: {path} {what}", path=self._options.certificate, what=what)


def _in_days(seconds: float) -> str:
    days = int(seconds // DAY)
    return {0: "less than a day", 1: "one day"}.get(days, f"{days} days")


def _load(options: Options) -> tuple[Identity, SSL.Context]:
    """
    Read, check and prepare, all of which blocks.

    :raises Misconfigured: something cannot be used.
    """
    identity = read_identity(options)
    return identity, make_context(identity, options)
