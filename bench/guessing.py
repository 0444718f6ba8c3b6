"""Clients that guess passwords, and do not mind being told to wait."""

import select
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

from attrs import define, field

from bench.errors import BenchFailed
from bench.outcome import Outcome, say_ready
from bench.variants import basic
from bench.wire import Connection, parse_head

__all__ = ["guess"]

_EXPECTED = (401, 429)


def guess(
    port: int, repository: str, path: str, user: str, connections: int, seconds: float, same: bool = False
) -> Outcome:
    """
    Ask with wrong passwords of *user*, one request outstanding on each of *connections*, for *seconds*.

    Each client has a loopback address of its own, and connects again when it is hung up on.

    :param path: what follows the repository's name in the path.
    :param same: show one wrong password again and again, not another one each time.
    :raises BenchFailed: an answer was neither 401 nor 429.
    """
    passwords = _passwords(same)

    def asking() -> dict[str, str]:
        return {"Authorization": basic(user, next(passwords))}

    clients = [
        _Client(port, f"127.0.0.{2 + at}", f"/v2/{repository}/{path}", asking) for at in range(connections)
    ]
    waiting = {client.connect(): client for client in clients}
    poll = select.epoll()
    seen: Counter[int] = Counter()
    say_ready()
    begin = time.monotonic()
    for number, client in waiting.items():
        poll.register(number, select.EPOLLIN)
        client.ask()
    while time.monotonic() < begin + seconds:
        for number, _ in poll.poll(seconds):
            client = waiting[number]
            status = client.hear()
            if status:
                seen[status] += 1
            if client.gone:
                del waiting[number]  # a closed socket leaves the poll by itself
                number = client.connect()
                waiting[number] = client
                poll.register(number, select.EPOLLIN)
            if status or client.gone:
                client.ask()
    elapsed = time.monotonic() - begin
    poll.close()
    for client in clients:
        client.close()
    odd = {status: many for status, many in seen.items() if status not in _EXPECTED}
    if odd:
        raise BenchFailed(f"wrong passwords got other answers than 401 and 429: {odd}")
    return Outcome(seen.total(), 0, elapsed, seen[401], seen[429])


def _passwords(same: bool) -> Iterator[str]:
    return (f"wrong-{0 if same else number}" for number in count())


@define(eq=False)
class _Client:
    """One of those who guess: at most one request is outstanding on its one connection."""

    port: int
    source: str
    url: str
    headers: Callable[[], dict[str, str]]
    gone: bool = False
    _link: Connection | None = None
    _heard: bytes = field(default=b"", init=False)

    def connect(self) -> int:
        """Connect, afresh if need be, and give the socket's number."""
        self.close()
        self._link = Connection.open(self.port, source=self.source)
        self._heard = b""
        return self._link.socket.fileno()

    def ask(self) -> None:
        """Send a guess."""
        self.gone = False
        link = self._linked()
        link.send(link.head("GET", self.url, self.headers()))

    def hear(self) -> int:
        """
        Read what has come, and give the status of the answer if it is complete, or 0.

        Afterwards :attr:`gone` says whether the server has hung up, or will.
        """
        try:
            got = self._linked().socket.recv(65536)
        except ConnectionResetError:
            got = b""
        self.gone = not got
        self._heard += got
        head, blank, body = self._heard.partition(b"\r\n\r\n")
        if not blank:
            return 0
        status, headers = parse_head(head)
        if len(body) < int(headers.get("content-length", "0")):
            return 0
        self._heard = b""
        self.gone = self.gone or headers.get("connection", "").lower() == "close"
        return status

    def close(self) -> None:
        """Hang up."""
        if self._link is not None:
            self._link.close()

    def _linked(self) -> Connection:
        if self._link is None:
            raise BenchFailed("a client that is not connected was to speak")
        return self._link
