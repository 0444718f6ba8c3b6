"""A mail server that keeps what it is sent, on twisted.mail; it knows one user and one password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import succeed
from twisted.internet.protocol import ServerFactory
from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials
from twisted.mail.interfaces import IMessageDelivery, IMessageSMTP
from twisted.mail.smtp import ESMTP, SMTPBadRcpt
from zope.interface import implementer

USER, PASSWORD = "registry", "a-very-secret-word"


@define
class Mail:
    """One mail, from its envelope to its end; *user* is who sent it, if somebody said."""

    sender: str
    to: list[str]
    content: bytes
    secure: bool
    user: str = ""


@define(eq=False)
class MailServer:
    """
    Builds the server's end of connections.

    :ivar mails: what came.
    :ivar refused: recipients that nobody knows.
    :ivar tls: a context factory, if it can encrypt.
    :ivar login: mail is taken only from who shows the password.
    :ivar arrived: told of each mail.
    """

    mails: list[Mail] = field(factory=list)
    refused: frozenset[str] = frozenset()
    tls: Any = None
    login: bool = False
    arrived: Callable[[Mail], object] = lambda mail: None

    def factory(self) -> ServerFactory:
        """For a port."""
        factory = ServerFactory()
        factory.noisy = False
        factory.buildProtocol = lambda addr: self.protocol()  # type: ignore[method-assign]
        return factory

    def protocol(self) -> Any:
        """For one connection."""
        schemes = {b"LOGIN": LOGINCredentials, b"PLAIN": PLAINCredentials} if self.login else {}
        protocol: Any = ESMTP(schemes, self.tls)
        protocol.timeout = None
        if self.login:
            checker = InMemoryUsernamePasswordDatabaseDontUse()
            checker.addUser(USER.encode(), PASSWORD.encode())
            protocol.portal = Portal(_Realm(self, protocol), [checker])
        else:
            protocol.delivery = _Delivery(self, protocol, "")
        return protocol


@implementer(IRealm)
class _Realm:
    def __init__(self, server: MailServer, protocol: Any) -> None:
        self._server, self._protocol = server, protocol

    def requestAvatar(self, user: Any, _: object, *interfaces: Any) -> Any:
        return IMessageDelivery, _Delivery(self._server, self._protocol, user.decode()), lambda: None


@implementer(IMessageDelivery)
class _Delivery:
    def __init__(self, server: MailServer, protocol: Any, user: str) -> None:
        self._server, self._protocol = server, protocol
        self.mail = Mail("", [], b"", False, user)

    def receivedHeader(self, *_: object) -> bytes:
        return b""

    def validateFrom(self, _: object, origin: Any) -> Any:
        self.mail.sender = str(origin)
        return origin

    def validateTo(self, user: Any) -> Callable[[], Any]:
        if str(user.dest) in self._server.refused:
            raise SMTPBadRcpt(user)
        self.mail.to.append(str(user.dest))
        first = len(self.mail.to) == 1
        return lambda: _Message(self._server, self._protocol, self.mail, first)


@implementer(IMessageSMTP)
class _Message:
    """What one recipient gets; the first one keeps it for all."""

    def __init__(self, server: MailServer, protocol: Any, mail: Mail, first: bool) -> None:
        self._server, self._protocol, self._mail, self._first = server, protocol, mail, first
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self._lines.append(line)

    def eomReceived(self) -> Any:
        if self._first:
            self._mail.content = b"\n".join(self._lines) + b"\n"
            self._mail.secure = self._protocol.startedTLS
            self._server.mails.append(self._mail)
            self._server.arrived(self._mail)
        return succeed(None)

    def connectionLost(self) -> None:
        self._lines = []
