"""Tests for what is made of a configured Redis."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import InlineWorkers
from txregistry.cache.encryption import Encryption
from txregistry.cache.reaching import redis_link
from txregistry.config.addresses import Address
from txregistry.config.values import RedisConfig, RedisTlsConfig

ADDRESS = (Address("127.0.0.1", 6379),)


class RedisLinkMakingTests(SynchronousTestCase):
    """Addresses."""

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

    def test_sentinels(self) -> None:
        """With a master's name the sentinels are asked, one after the other."""
        config = RedisConfig((*ADDRESS, Address("127.0.0.1", 1)), mastername="m")
        link = redis_link(config, self.reactor, None)
        link.startService()
        self.assertEqual([client[1] for client in self.reactor.tcpClients], [6379])
        link.stopService()

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
