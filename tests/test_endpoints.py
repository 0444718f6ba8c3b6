"""Tests for the ways to other servers."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txregistry.endpoints import host_endpoint


class HostEndpointTests(SynchronousTestCase):
    """Which names are connected to."""

    def connected(self, host: str) -> tuple[str, int, float]:
        """Where the reactor is told to connect to, with which timeout."""
        reactor: Any = MemoryReactorClock()
        host_endpoint(reactor, host, 6379, timeout=7).connect(Factory.forProtocol(Protocol))
        reactor.advance(1)  # addresses are tried one after the other
        [(address, port, _, timeout, _)] = reactor.tcpClients
        return address, port, timeout

    def test_address(self) -> None:
        """An address needs no look-up."""
        self.assertEqual(self.connected("127.0.0.1"), ("127.0.0.1", 6379, 7))

    def test_docker(self) -> None:
        """Names that docker gives to containers, and odd ones, are handed on as they are."""
        for name in ("project_redis_1", "redis_1.example", "ab--c", "r3---sn.example"):
            self.assertEqual(self.connected(name), (name, 6379, 7))

    def test_international(self) -> None:
        """International names are written as name servers know them."""
        for name in ("bücher.example", "xn--bcher-kva.example", "XN--bcher-kva.example"):
            self.assertIn("_hostBytes=b'xn--bcher-kva.example'", shown(name).replace("XN", "xn"))


def shown(host: str) -> str:
    """What an endpoint looks for."""
    endpoint: Any = host_endpoint(MemoryReactorClock(), host, 1)
    return f"_hostBytes={endpoint._hostBytes!r}"
