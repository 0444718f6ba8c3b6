"""What can be checked: the storage, files, other web servers, other ports."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from hyperlink import URL
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.web.client import Agent, HTTPConnectionPool, RedirectAgent
from twisted.web.http_headers import Headers

from txregistry.endpoints import host_endpoint
from txregistry.errors import PathNotFound, StorageError
from txregistry.health.connecting import QuietEndpoint, QuietEndpoints
from txregistry.interfaces import IStorageDriver, IWorkers

#: The most characters of an error that are told.
LONGEST_REASON = 300
#: Ends when all is well, or raises :class:`CheckFailed`.
Check = Callable[[], Awaitable[None]]


class CheckFailed(Exception):
    """What is wrong; the text is for ``/debug/health`` and the log."""


def storage_check(driver: IStorageDriver) -> Check:
    """*driver* can be asked what it holds.  Nothing at all is fine."""

    async def check() -> None:
        try:
            await driver.list("/", limit=1)
        except PathNotFound:
            return
        except StorageError as error:
            raise CheckFailed(str(error)) from None

    return check


def file_check(path: str, workers: IWorkers) -> Check:
    """There is no file at *path*: an operator makes one to take the registry out of service."""

    async def check() -> None:
        try:
            await workers.run(os.stat, path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise CheckFailed(f"stat {path}: {getattr(error, 'strerror', None) or error}") from None
        raise CheckFailed("file exists")

    return check


def http_check(
    reactor: Any, uri: str, status: int, headers: Sequence[tuple[str, Sequence[str]]], timeout: float
) -> Check:
    """HEAD of *uri*, redirects followed, is answered with *status* within *timeout* seconds."""
    endpoints, pool = QuietEndpoints(reactor, timeout), HTTPConnectionPool(reactor, persistent=False)
    agent = RedirectAgent(Agent.usingEndpointFactory(reactor, endpoints, pool))
    sent = Headers({name: list(values) for name, values in headers})
    where = _in_ascii(uri)

    async def check() -> None:
        try:
            response = await _within(timeout, reactor, agent.request(b"HEAD", where, sent))
        except Exception as error:
            raise CheckFailed(f"{uri}: error while checking: {_reason(error)}") from None
        if response.code != status:
            raise CheckFailed(f"{uri}: downstream service returned unexpected status: {response.code}")

    return check


def tcp_check(reactor: Any, host: str, port: int, timeout: float) -> Check:
    """Somebody accepts connections at *port* of *host* within *timeout* seconds."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    endpoint = QuietEndpoint(host_endpoint(reactor, host, port, 2 * timeout))

    async def check() -> None:
        connecting: Deferred[Any] = endpoint.connect(Factory.forProtocol(Protocol))
        try:
            connection = await _within(timeout, reactor, connecting)
        except (ConnectError, DNSLookupError, TimeoutError, OSError, ValueError) as error:
            raise CheckFailed(f"{shown}: connection failed: {_reason(error)}") from None
        connection.transport.abortConnection()

    return check


def _in_ascii(uri: str) -> bytes:
    """*uri* as it is sent.  A host with a name that docker gave it, which IDNA forbids, keeps that."""
    url = URL.from_text(uri)
    try:
        encoded = url.to_uri()
    except UnicodeError:
        encoded = url.replace(host="").to_uri().replace(host=url.host)
    return encoded.to_text().encode("ascii")


def _within(seconds: float, clock: IReactorTime, waiting: Deferred[Any]) -> Deferred[Any]:
    """What *waiting* gives within so many *seconds*, whatever it makes of being cancelled."""

    def late(_: object, __: float) -> None:
        raise TimeoutError(f"no answer within {seconds:g}s")

    return waiting.addTimeout(seconds, clock, late)


def _reason(error: BaseException) -> str:
    """*error* in one line, with what is wrapped in it; of what another server has written, the beginning."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        return "; ".join(_reason(failure.value) for failure in reasons)
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"
