"""
Mails sent by SMTP.

Importing this module takes the reactor that is installed, as
:mod:`twisted.mail.smtp` does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.mail.smtp import ESMTPSender, ESMTPSenderFactory, SMTPClientError
from twisted.python.failure import Failure

from txregistry.mailing.hook import NotSent

#: Seconds until a mail must be taken.
TIMEOUT = 60.0
#: Seconds that a server gets for its goodbye.
GOODBYE = 2.0
#: How we call ourselves; distribution, too.
IDENTITY = b"localhost"
#: Characters of what a server says that the log is told.
_SHOWN = 200


class SmtpSend:
    """
    Sends mails by the server at *endpoint*, each over a connection of its own.

    The connection is encrypted if the server offers that.  Passwords are told
    only to servers with a good certificate, or on this machine.

    :param host: the server's name, for its certificate.
    :param username: empty where none is asked for.
    :param insecure: any certificate will do.
    :param tls: how to encrypt, instead of what the system trusts.
    """

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        host: str,
        sender: str,
        to: Sequence[str],
        username: str = "",
        password: str = "",
        insecure: bool = False,
        tls: Any = None,
    ) -> None:
        self._clock, self._endpoint = clock, endpoint
        self._sender, self._to = sender, to
        self._username, self._password = username, password
        self._encrypted = bool(username) and not is_loopback(host)
        self._tls = tls or (CertificateOptions() if insecure else _verifying(host))

    async def __call__(self, mail: bytes) -> Sequence[str]:
        """
        Send *mail*.

        :return: a line for each recipient that was refused, while others were not.
        :raises NotSent: nobody will get it.
        """
        timed = Deferred.fromCoroutine(self._send(mail)).addTimeout(TIMEOUT, self._clock)
        try:
            return await timed
        except DeferredTimeout:
            raise NotSent(f"it took longer than {TIMEOUT:g}s") from None

    async def _send(self, mail: bytes) -> Sequence[str]:
        done: Deferred[tuple[int, list[tuple[bytes, int, bytes]]]] = Deferred()
        factory = self._factory(mail, done)
        try:
            sender: Any = await self._endpoint.connect(factory)
        except (ConnectError, DNSLookupError) as error:
            raise NotSent(_one_line(str(error))) from None
        except ConnectingCancelledError:
            raise CancelledError from None
        try:
            _, results = await done
            await _patiently(sender.closed, self._clock)
        except SMTPClientError as error:
            raise NotSent(_said(error.code, error.resp), 500 <= error.code < 600) from None
        finally:
            factory.sendFinished = True
            if not sender.closed.called:
                sender.transport.abortConnection()
        return [f"{to.decode()}: {_said(code, words)}" for to, code, words in results if code // 100 != 2]

    def _factory(self, mail: bytes, done: Deferred[Any]) -> Any:
        factory = _Factory(
            self._username.encode(),
            self._password.encode(),
            self._sender,
            list(self._to),
            BytesIO(mail),
            done,
            retries=0,
            contextFactory=self._tls,
            heloFallback=not self._username,
            requireAuthentication=bool(self._username),
            requireTransportSecurity=self._encrypted,
        )
        factory.domain = IDENTITY
        return factory


class _Sender(ESMTPSender):
    """
    :ivar closed: fires when the connection is gone.
    """

    #: It would keep what was said, passwords too.
    debug = False

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.closed: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        # Nobody else tells it: endpoints do not.
        self.factory.clientConnectionLost(None, reason)
        self.closed.callback(None)


class _Factory(ESMTPSenderFactory):
    protocol = _Sender
    noisy = False


def _verifying(host: str) -> Any:
    """What encrypts, and verifies that it is *host*; nothing, if no certificate can have such a name."""
    try:
        return optionsForClientTLS(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether what is sent to *host* stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def _patiently(closed: Deferred[None], clock: IReactorTime) -> None:
    """Wait for *closed*, not for long."""
    waited: Deferred[None] = Deferred()
    call = clock.callLater(GOODBYE, waited.callback, None)

    def early(_: None) -> None:
        if call.active():
            call.cancel()
            waited.callback(None)

    closed.addCallback(early)
    try:
        await waited
    finally:
        if call.active():
            call.cancel()


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return _one_line(f"{code} {text}" if code > 0 else text)


def _one_line(text: str) -> str:
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
