"""Tests for finding the master."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.redis import FakeRedis, RedisFault
from txregistry.cache.conversation import Conversation, Only
from txregistry.cache.link import Login, RedisLink
from txregistry.cache.sentinel import MasterEndpoint
from txregistry.errors import CacheFailed


class FakeSentinel(FakeRedis):
    """A sentinel that knows of one master."""

    def __init__(self, host: bytes = b"10.0.0.1", port: bytes = b"6379") -> None:
        super().__init__()
        self.master: list[bytes] | None = [host, port]

    def _sentinel(self, question: bytes, name: bytes) -> object:
        if question != b"get-master-addr-by-name":
            raise RedisFault("ERR Unknown sentinel subcommand")
        return self.master if name == b"mymaster" else None


class MasterEndpointTests(SynchronousTestCase):
    """Whose word counts."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sentinels = [FakeSentinel(), FakeSentinel()]
        self.masters = {("10.0.0.1", 6379): FakeRedis(), ("10.0.0.2", 6380): FakeRedis()}

    def endpoint(self, name: str = "mymaster", credentials: tuple[str, str] = ("", "")) -> MasterEndpoint:
        def make(host: str, port: int) -> IStreamClientEndpoint:
            return self.masters[host, port]

        return MasterEndpoint(self.clock, self.sentinels, name, credentials, 1.0, make)

    def connect(self, endpoint: MasterEndpoint) -> Deferred[Conversation]:
        conversation = Conversation(self.clock, 1.0)
        return endpoint.connect(Only(conversation)).addCallback(lambda _: conversation)

    def attempts(self) -> tuple[list[int], list[int]]:
        """How often each sentinel and each master was connected to."""
        return [each.attempts for each in self.sentinels], [each.attempts for each in self.masters.values()]

    def test_first(self) -> None:
        """The first sentinel that answers says where the master is, and is left then."""
        self.assertTrue(self.successResultOf(self.connect(self.endpoint())).usable)
        self.assertEqual(self.attempts(), ([1, 0], [1, 0]))
        self.assertEqual(self.sentinels[0].connections, [])

    def test_next(self) -> None:
        """If one is away, or does not know, another is asked, and asked first from then on."""
        for spoil in ("down", "unknowing", "odd"):
            self.setUp()
            if spoil == "down":
                self.sentinels[0].down = True
            else:
                self.sentinels[0].master = None if spoil == "unknowing" else [b"x"]
            self.sentinels[1].master = [b"10.0.0.2", b"6380"]
            endpoint = self.endpoint()
            for _ in range(2):
                self.assertTrue(self.successResultOf(self.connect(endpoint)).usable)
            self.assertEqual(self.attempts(), ([1, 2], [0, 2]))

    def test_hung(self) -> None:
        """One that does not answer is not waited for long."""
        self.sentinels[0].hung = True
        connecting = self.connect(self.endpoint())
        self.assertNoResult(connecting)
        self.clock.pump([1, 0.001])
        self.successResultOf(connecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody(self) -> None:
        """If none knows, there is no Redis; the reasons are told."""
        self.sentinels[0].down = True
        failure = self.failureResultOf(self.connect(self.endpoint("other")), CacheFailed)
        self.assertIn("no sentinel knows of other: ConnectionRefusedError", str(failure.value))
        self.assertIn("no such master", str(failure.value))

    def test_password(self) -> None:
        """Sentinels may want a password of their own."""
        for sentinel in self.sentinels:
            sentinel.password = b"secret"
        failure = self.failureResultOf(self.connect(self.endpoint()), CacheFailed)
        self.assertIn("NOAUTH", str(failure.value))
        self.successResultOf(self.connect(self.endpoint(credentials=("", "secret"))))
        self.successResultOf(self.connect(self.endpoint(credentials=("user", "secret"))))

    def test_failover(self) -> None:
        """When the master is gone, the new one is found without being told of."""
        link = RedisLink(self.clock, self.endpoint(), Login(), 1.0, random=lambda: 0.5)
        link.startService()
        self.addCleanup(link.stopService)
        self.assertTrue(link.usable)
        self.masters["10.0.0.1", 6379].stop()
        self.assertFalse(link.usable)
        for sentinel in self.sentinels:
            sentinel.master = [b"10.0.0.2", b"6380"]
        self.clock.advance(1)
        self.assertTrue(link.usable)
        self.assertEqual(len(self.masters["10.0.0.2", 6380].connections), 1)
