"""Finding the Redis that is the master now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from zope.interface import implementer

from txregistry.cache.conversation import Conversation, Only, Reply, error_of, pack
from txregistry.errors import CacheFailed

#: Makes the endpoint for a host and a port.
MakeEndpoint = Callable[[str, int], IStreamClientEndpoint]


@implementer(IStreamClientEndpoint)
class MasterEndpoint:
    """
    Leads to the master of which one of *sentinels* knows, asking anew for each connection.

    The one that answered last is asked first.  A master that is none any more takes no deletions, and so is
    left when it is first spoken to.

    :param name: what the sentinels call the master.
    :param credentials: a user, who may be empty, and a password, if the sentinels want one.
    """

    def __init__(
        self,
        clock: IReactorTime,
        sentinels: Sequence[IStreamClientEndpoint],
        name: str,
        credentials: tuple[str, str],
        patience: float,
        endpoint: MakeEndpoint,
    ) -> None:
        self._clock, self._sentinels, self._name = clock, list(sentinels), name
        self._credentials, self._patience, self._endpoint = credentials, patience, endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Ask where the master is, and connect to it."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        reasons = []
        for sentinel in tuple(self._sentinels):
            try:
                host, port = await self._master(sentinel)
            except CacheFailed as error:
                reasons.append(str(error))
                continue
            self._sentinels.remove(sentinel)
            self._sentinels.insert(0, sentinel)
            return await self._endpoint(host, port).connect(factory)
        raise CacheFailed(f"no sentinel knows of {self._name}: {'; '.join(reasons)}")

    async def _master(self, sentinel: IStreamClientEndpoint) -> tuple[str, int]:
        """:raises CacheFailed: this sentinel does not tell."""
        conversation = Conversation(self._clock, self._patience)
        try:
            await sentinel.connect(Only(conversation))
        except Exception as error:  # whatever an endpoint fails with
            raise CacheFailed(f"{type(error).__name__}: {error}") from error
        try:
            return self._read(await conversation.ask(*self._question()))
        finally:
            conversation.give_up("answered")

    def _question(self) -> tuple[bytes, int]:
        asked = pack(b"SENTINEL", b"get-master-addr-by-name", self._name.encode())
        user, password = self._credentials
        if not password:
            return asked, 1
        return pack(b"AUTH", *([user.encode()] if user else []), password.encode()) + asked, 2

    @staticmethod
    def _read(replies: list[Reply]) -> tuple[str, int]:
        match replies:
            case [*_, [bytes(host), bytes(port)]] if port.isdigit():
                return host.decode("ascii", "replace"), int(port)
            case _:
                raise CacheFailed(error_of(replies) or "no such master")
