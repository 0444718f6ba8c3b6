"""How a configured Redis is reached: addresses, sentinels and encryption."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint

from txregistry.cache.encryption import Encryption
from txregistry.cache.link import Login, RedisLink
from txregistry.cache.sentinel import MakeEndpoint, MasterEndpoint
from txregistry.endpoints import host_endpoint


def redis_link(options: Any, reactor: Any, encryption: Encryption | None) -> RedisLink:
    """
    Make the way to the Redis that *options* describe; nothing is opened yet.

    :param options: of the configuration: an object with the attributes read here.
    :param encryption: of its connections, and those to its sentinels.
    """
    make = _endpoints(options, reactor, encryption)
    patience = options.readtimeout + options.writetimeout
    endpoints = [make(address.host, address.port) for address in options.addrs]
    endpoint = endpoints[0]
    if options.mastername:
        credentials = (options.sentinelusername, options.sentinelpassword)
        endpoint = MasterEndpoint(reactor, endpoints, options.mastername, credentials, patience, make)
    login = Login(options.username, options.password, options.db, options.clientname)
    return RedisLink(reactor, endpoint, login, patience, options.underway)


def _endpoints(options: Any, reactor: Any, encryption: Encryption | None) -> MakeEndpoint:
    def make(host: str, port: int) -> IStreamClientEndpoint:
        plain = host_endpoint(reactor, host, port, options.dialtimeout)
        return plain if encryption is None else wrapClientTLS(encryption.towards(host), plain, reactor)

    return make
