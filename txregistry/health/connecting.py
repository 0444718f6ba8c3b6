"""How checks connect: without a word in the log, and to servers that may mean no good."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger, LogPublisher
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from txregistry.endpoints import host_endpoint

#: The most bytes of an answer: the head is all that is wanted of it.
MOST = 64 * 1024
#: Says nothing of the answers before the answer (100 to 199), which may be many.
_SILENT = Logger(observer=LogPublisher())


class TooMuch(Exception):
    """The server has sent more than anybody wants to know."""


class _Bounded(ProtocolWrapper):
    """Lets :data:`MOST` bytes through, and then ends the connection, for that reason."""

    _received = 0

    def dataReceived(self, data: bytes) -> None:
        if self._received > MOST:
            return  # what is on its way still
        self._received += len(data)
        if self._received > MOST:
            transport: Any = self.transport
            transport.abortConnection()
        else:
            if (parser := getattr(self.wrappedProtocol, "_parser", None)) is not None:
                parser._log = _SILENT
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = Failure(TooMuch())) -> None:  # noqa: B008
        if self._received > MOST:
            reason = Failure(TooMuch(f"more than {MOST} bytes were received"))
        super().connectionLost(reason)


class _BoundedFactory(WrappingFactory[_Bounded]):
    noisy = False
    protocol = _Bounded


@implementer(IStreamClientEndpoint)
@frozen
class QuietEndpoint:
    """
    Connects as *endpoint* does, to whom no more than :data:`MOST` bytes are listened.

    That a factory starts and stops, at each look, is not told.
    """

    _endpoint: Any

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        factory: Any = protocolFactory
        factory.noisy = False
        connecting: Deferred[Any] = self._endpoint.connect(_BoundedFactory(factory))
        return connecting.addCallback(lambda bounded: bounded.wrappedProtocol)


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
