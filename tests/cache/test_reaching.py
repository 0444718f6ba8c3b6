"""Tests for what is made of a configured Redis."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import InlineWorkers
from txregistry.cache.conversation import pack
from txregistry.cache.encryption import Encryption
from txregistry.cache.link import RedisLink
from txregistry.cache.reaching import redis_link
from txregistry.config.addresses import Address
from txregistry.config.values import RedisConfig, RedisTlsConfig
from txregistry.errors import CacheFailed

ADDRESS = (Address("127.0.0.1", 6379),)
#: What Redis answers to the greeting of who needs no login.
GREETED = b":0\r\n" + b"*3\r\n" + b"$-1\r\n" * 4 + b":0\r\n" * 3
PING = pack(b"PING")


class RedisLinkMakingTests(SynchronousTestCase):
    """Addresses, and what is said there."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def test_connects_when_started(self) -> None:
        """Nothing is opened before the start, and then the address."""
        link = redis_link(RedisConfig(ADDRESS, dialtimeout=3), self.reactor, None)
        self.assertEqual(self.reactor.tcpClients, [])
        link.startService()
        ((host, port, _, timeout, _),) = self.reactor.tcpClients
        self.assertEqual((host, port, timeout), ("127.0.0.1", 6379, 3))
        link.stopService()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def started(self, config: RedisConfig) -> RedisLink:
        """What is made of it, looking for Redis."""
        link = redis_link(config, self.reactor, None)
        link.startService()
        self.addCleanup(link.stopService)
        return link

    def connected(self, number: int) -> tuple[IProtocol, StringTransport]:
        """Let one of the connections begin: our end of it, and what carries it."""
        protocol = self.reactor.tcpClients[number][2].buildProtocol(IPv4Address("TCP", "127.0.0.1", 6379))
        assert protocol is not None
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def test_sentinels(self) -> None:
        """With a master's name the sentinels are asked, with their own credentials, the first one first."""
        link = self.started(
            RedisConfig(
                (*ADDRESS, Address("127.0.0.1", 1)),
                mastername="m",
                username="user",
                password="word",
                sentinelusername="guard",
                sentinelpassword="secret",
            )
        )
        self.assertEqual([client[1] for client in self.reactor.tcpClients], [6379])
        protocol, sentinel = self.connected(0)
        question = pack(b"SENTINEL", b"get-master-addr-by-name", b"m")
        self.assertEqual(sentinel.value(), pack(b"AUTH", b"guard", b"secret") + question)
        protocol.dataReceived(b"+OK\r\n*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6380\r\n")
        self.assertEqual([client[1] for client in self.reactor.tcpClients], [6379, 6380])
        _, master = self.connected(1)
        self.assertTrue(master.value().startswith(pack(b"AUTH", b"user", b"word")))
        self.assertFalse(link.usable)

    def test_login(self) -> None:
        """User, password, database and name are told to Redis."""
        self.started(RedisConfig(ADDRESS, username="user", password="word", db=3, clientname="name"))
        protocol, redis = self.connected(0)
        login = pack(b"AUTH", b"user", b"word") + pack(b"SELECT", b"3")
        self.assertTrue(redis.value().startswith(login))
        redis.clear()
        protocol.dataReceived(b"+OK\r\n+OK\r\n" + GREETED)
        self.assertEqual(redis.value(), pack(b"CLIENT", b"SETNAME", b"name"))

    def test_patience(self) -> None:
        """Redis, or a sentinel, has for an answer what the configuration gives for reading and writing."""
        for mastername in ("", "m"):
            self.reactor = MemoryReactorClock()
            self.started(RedisConfig(ADDRESS, readtimeout=2, writetimeout=3, mastername=mastername))
            _, transport = self.connected(0)
            self.reactor.pump([4.5, 0.4])
            self.assertFalse(transport.disconnected)
            self.reactor.pump([0.1, 0.01])
            self.assertTrue(transport.disconnected)

    def test_underway(self) -> None:
        """So many questions may wait for an answer as the configuration says."""
        link = self.started(RedisConfig(ADDRESS, underway=2))
        protocol, _ = self.connected(0)
        protocol.dataReceived(GREETED)
        self.assertTrue(link.usable)
        for _ in range(2):
            link.ask(PING, 1).addErrback(lambda failure: failure.trap(CacheFailed))
        self.assertRaises(CacheFailed, link.ask, PING, 1)

    def test_encrypted(self) -> None:
        """Whatever is connected to is to be encrypted, a host that the sentinels name later, too."""
        encryption = Encryption(RedisTlsConfig(), InlineWorkers())
        link = redis_link(RedisConfig(ADDRESS), self.reactor, encryption)
        link.startService()
        ((_, _, factory, _, _),) = self.reactor.tcpClients
        protocol, transport = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 6379)), StringTransport()
        assert protocol is not None
        protocol.makeConnection(transport)
        self.assertEqual(transport.value()[:2], b"\x16\x03")  # a handshake of TLS
        link.stopService()
