"""How checks connect: without a word in the log."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from txregistry.endpoints import host_endpoint


@implementer(IStreamClientEndpoint)
@frozen
class QuietEndpoint:
    """Connects as *endpoint* does; that a factory starts and stops, at each look, is not told."""

    _endpoint: Any

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        factory: Any = protocolFactory
        factory.noisy = False
        connecting: Deferred[IProtocol] = self._endpoint.connect(factory)
        return connecting


@implementer(IAgentEndpointFactory)
class QuietEndpoints:
    """
    Where web servers are; those of ``https`` must show a certificate that this machine trusts.

    :param patience: seconds after which whoever connects gives up.
    """

    def __init__(self, reactor: Any, patience: float) -> None:
        self._reactor, self._patience = reactor, patience
        self._policy = BrowserLikePolicyForHTTPS()

    def endpointForURI(self, uri: URI) -> QuietEndpoint:
        """Where the server of *uri* is."""
        endpoint: Any = host_endpoint(self._reactor, uri.host.decode("ascii"), uri.port, 2 * self._patience)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), endpoint)
        return QuietEndpoint(endpoint)
