"""
The way to Redis: kept open, given up at the first doubt, and looked for again.

Whoever asks never waits for a connection.  Either there is one that answered
a moment ago, or the storage is asked at once.

A connection counts once Redis has shown that it can be asked, that it takes
deletions (a replica, or a full disk behind Redis, does not), and that it has
forgotten what it was to forget: meanwhile, and lately, since a Redis that
comes back from its last snapshot, or a replica that takes its place, may not
know of that any more.  So a Redis that comes back never says what was
deleted while it was away, and one that remembers but does not forget is not
used at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from random import random as at_random

from attrs import field, frozen
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from txregistry.cache import entries
from txregistry.cache.clearings import COST, Clearings, Entry
from txregistry.cache.conversation import Conversation, Only, Reply, error_of, pack
from txregistry.errors import CacheFailed

#: Seconds before the first new attempt; each further one waits twice as long, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
#: Seconds that a connection must have lived for the pauses to begin anew.
SETTLED = 30.0
#: Seconds after which Redis is asked whether it is there, if nobody else asks.
KEEPALIVE = 5.0
#: Seconds after which an entry is cleared once more: longer than another instance may take from its look at
#: the storage, before a deletion, to the entry that it makes of it.
ONCE_MORE = 2.0
#: How many entries wait for that at most, more than can be deleted until then, and how many go at a time.
WAITING, AT_A_TIME = 20_000, 500
#: Seconds between lines of the log about single entries that Redis refuses.
COMPLAINTS = 60.0
#: How many entries are cleared with one question.
_AT_ONCE = 200
#: Errors that are about one key, or about memory, and leave the other commands as good as they are.
_HARMLESS = ("WRONGTYPE", "OOM")


@frozen
class Login:
    """Who we are to Redis, and which of its databases is meant."""

    username: str = ""
    password: str = field(default="", repr=False)
    db: int = 0
    name: str = ""

    def commands(self) -> list[bytes]:
        """What is said first on each connection.  Of the last one, the name, the answer does not matter."""
        said = []
        if self.password:
            user = [self.username.encode()] if self.username else []
            said.append(pack(b"AUTH", *user, self.password.encode()))
        if self.db:
            said.append(pack(b"SELECT", b"%d" % self.db))
        return said


class RedisLink(Service):
    """
    Asks Redis while that works.

    :param endpoint: leads to Redis.
    :param patience: seconds that Redis may take for an answer.
    :param underway: so many questions may wait for answers; another is refused.
    :param random: gives numbers from 0 to 1, so that instances do not come back all at once.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        login: Login,
        patience: float,
        underway: int = 1000,
        random: Callable[[], float] = at_random,
    ) -> None:
        self._clock, self._endpoint, self._login = clock, endpoint, login
        self._patience, self._limit, self._random = patience, underway, random
        self._conversation: Conversation | None = None
        self._clearings = Clearings()
        self._once_more: dict[Entry, float] = {}
        self._repeating: Deferred[None] | None = None
        self._told: bool | None = None
        self._complained = float("-inf")
        self._running: Deferred[None] | None = None
        self._pulse = LoopingCall(self._beat)
        self._pulse.clock = clock

    @property
    def used(self) -> int:
        """Bytes of what is to be forgotten, and was of late, by estimate."""
        return self._clearings.used + COST * len(self._once_more)

    # --- the service ---

    def startService(self) -> None:
        """Look for Redis."""
        super().startService()
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._stopped)

    def stopService(self) -> None:
        """Leave Redis."""
        super().stopService()
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
        if self._clearings:
            self._log.error(
                "Redis could not be told of deletions and remembers what is gone: remove the keys {keys} "
                "from it before it is used again",
                keys=entries.ALL_SETS.decode(),
            )

    def _stopped(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("the descriptor cache ended", failure)

    # --- questions ---

    @property
    def usable(self) -> bool:
        """Redis can be asked."""
        return self._conversation is not None and self._conversation.usable

    def ask(self, commands: bytes, count: int) -> Deferred[list[Reply]]:
        """
        Send *count* packed *commands*.

        :return: fires with the replies; fails as :meth:`Conversation.ask` does.
        :raises CacheFailed: Redis is away, or has too many questions to answer.
        """
        conversation = self._conversation
        if conversation is None or not conversation.usable:
            raise CacheFailed("Redis is away")
        if conversation.underway >= self._limit:
            raise CacheFailed("too many questions wait for Redis")
        return conversation.ask(commands, count)

    def tell(self, commands: bytes, count: int) -> Deferred[list[Reply] | None]:
        """Send *commands* that write entries; whoever does not get there is no loss."""
        try:
            return self.ask(commands, count).addCallbacks(self._wrote, self._lost)
        except CacheFailed:
            return succeed(None)

    async def clear(self, entry: Entry) -> None:
        """
        Have Redis forget *entry*: now, or before it is asked for anything again.

        Once this is called, that is sure, whatever becomes of the caller.
        """
        self._once_more.pop(entry, None)  # the last deletion counts, and goes to the end
        self._once_more[entry] = self._clock.seconds()
        if len(self._once_more) > WAITING:
            del self._once_more[next(iter(self._once_more))]
        conversation = self._conversation
        if conversation is None or not conversation.usable:
            self._clearings.add([entry])
            return
        answered: Deferred[None] = Deferred()  # of its own, for the caller may leave before
        self._clear(conversation, [entry]).addCallback(lambda _: answered.callback(None))
        await answered

    def _clear(self, conversation: Conversation, cleared: Sequence[Entry]) -> Deferred[None]:
        """Have Redis forget the entries to be *cleared*, and keep them if it does not."""

        def answered(replies: list[Reply]) -> None:
            error = _unforgotten(replies)
            if error is None:
                self._clearings.done(cleared)
            else:
                self._clearings.add(cleared)
                conversation.give_up(f"Redis does not forget: {error}")

        def unanswered(failure: Failure) -> None:
            self._clearings.add(cleared)
            failure.trap(CacheFailed)

        return conversation.ask(*entries.clearings(cleared)).addCallbacks(answered, unanswered)

    def _lost(self, failure: Failure) -> None:
        failure.trap(CacheFailed, CancelledError)

    def _wrote(self, replies: list[Reply]) -> list[Reply]:
        error = error_of(replies)
        if error is not None:
            self.doubt(error)
        return replies

    def doubt(self, error: str) -> None:
        """Hear of an *error* that Redis answered with: leave it, unless the error is about one entry only."""
        if not error.startswith(_HARMLESS):
            if self._conversation is not None:
                self._conversation.give_up(f"Redis answers {error}")
        elif self._clock.seconds() - self._complained >= COMPLAINTS:
            self._complained = self._clock.seconds()
            self._log.warn("Redis refuses an entry of the descriptor cache: {error}", error=error)

    # --- the connection ---

    async def _run(self) -> None:
        """Connect, again and again."""
        failures = 0
        while self.running:
            began = self._clock.seconds()
            try:
                reason = await self._once()
            except CacheFailed as error:
                reason = str(error)
            except Exception as error:  # whatever an endpoint fails with, being cancelled included
                reason = f"{type(error).__name__}: {error}"
            if not self.running:
                return
            self._say_away(reason)
            if self._clock.seconds() - began > SETTLED:
                failures = 0
            pause = min(FIRST_PAUSE * 2.0 ** min(failures, 30), LONGEST_PAUSE)
            failures += 1
            await deferLater(self._clock, pause * (0.75 + self._random() / 2))

    async def _once(self) -> str:
        """Connect, and stay connected; the reason why not any more."""
        conversation = Conversation(self._clock, self._patience)
        lost = conversation.lost
        await self._endpoint.connect(Only(conversation))
        try:
            await self._greet(conversation)
            await self._deliver(conversation)
            self._conversation = conversation
            self._say_back()
            self._pulse.start(KEEPALIVE, now=False)
            return await lost
        finally:
            self._conversation = None
            if self._pulse.running:
                self._pulse.stop()
            conversation.give_up("no longer wanted")

    async def _greet(self, conversation: Conversation) -> None:
        """
        Log in, and try what will be asked for, on an entry that nobody can have.

        :raises CacheFailed: some of it is refused.
        """
        login = self._login.commands()
        probes = entries.lookup("", ""), entries.clearing("", "")
        count = len(login) + entries.LOOKUP + entries.CLEARING
        error = error_of(await conversation.ask(b"".join((*login, *probes)), count))
        if error is not None:
            raise CacheFailed(f"Redis answers {error}")
        if self._login.name:
            await conversation.ask(pack(b"CLIENT", b"SETNAME", self._login.name.encode()), 1)

    async def _deliver(self, conversation: Conversation) -> None:
        """
        Have Redis forget what it was to forget while it was away.

        :raises CacheFailed: it does not, and is still to do so.
        """
        self._clearings.again()
        while self._clearings:
            if self._clearings.all:
                await self._clear_all(conversation)
                continue
            taken = self._clearings.take(_AT_ONCE)
            try:
                error = _unforgotten(await conversation.ask(*entries.clearings(taken)))
                if error is not None:
                    raise CacheFailed(f"Redis does not forget: {error}")
            except BaseException:
                self._clearings.add(taken)
                raise
            self._clearings.done(taken)

    async def _clear_all(self, conversation: Conversation) -> None:
        self._log.warn("more was deleted than is kept: all repositories' entries in Redis are removed")
        self._clearings.all = False
        try:
            cursor = b"0"
            while True:
                replies = await conversation.ask(entries.scan(cursor), 1)
                match replies:
                    case [[bytes(cursor), list(keys)]]:
                        pass
                    case _:
                        raise CacheFailed(f"Redis does not list its keys: {error_of(replies)}")
                if keys and (error := error_of(await conversation.ask(entries.removal(keys), 1))):
                    raise CacheFailed(f"Redis does not forget: {error}")
                if cursor == b"0":
                    return
        except BaseException:
            self._clearings.add_all()
            raise

    def _beat(self) -> None:
        """Ask for a sign of life if nobody else does, and clear once more what was cleared a moment ago."""
        conversation = self._conversation
        if conversation is None or not conversation.usable:
            return
        if not conversation.underway:
            conversation.ask(pack(b"PING"), 1).addErrback(self._lost)
        if self._repeating is None:
            self._repeating = Deferred.fromCoroutine(self._repeat(conversation))
            self._repeating.addBoth(self._repeated)

    async def _repeat(self, conversation: Conversation) -> None:
        """Clear once more all that is due, some at a time."""
        until = self._clock.seconds() - ONCE_MORE
        while conversation.usable:
            due: list[Entry] = []
            for entry, cleared in islice(self._once_more.items(), AT_A_TIME):
                if cleared > until:
                    break
                due.append(entry)
            if not due:
                return
            for entry in due:
                del self._once_more[entry]
            await self._clear(conversation, due)

    def _repeated(self, result: object) -> None:
        self._repeating = None
        if isinstance(result, Failure):
            self._log.failure("what was deleted could not be cleared once more", result)

    # --- the log ---

    def _say_away(self, reason: str) -> None:
        if self._told is not False:
            self._told = False
            self._log.warn(
                "the descriptor cache is not used, the storage is asked until Redis is back: {reason}",
                reason=reason,
            )

    def _say_back(self) -> None:
        if self._told is False:
            self._log.info("Redis is back: the descriptor cache is used again")
        elif self._told is None:
            self._log.info("using redis blob descriptor cache")
        self._told = True


def _unforgotten(replies: list[Reply]) -> str | None:
    """The error that shows that an entry was not cleared.  A key that somebody uses otherwise holds none."""
    return error_of([reply for reply in replies if not str(reply).startswith("WRONGTYPE")])
