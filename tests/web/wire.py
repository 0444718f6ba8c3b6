"""Connections without a network: a transport that keeps what is written, and a reader of HTTP answers."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from txregistry.web.channel import StreamingChannel

PEER = IPv4Address("TCP", "192.0.2.7", 40000)
_BODILESS = (204, 304)


@frozen
class Answer:
    """One answer as a client reads it: *headers* in order, and how many 100 Continue came before."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    continues: int = 0

    def all(self, name: str) -> list[str]:
        """The values of every header *name*."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of the header *name*, which must not come twice."""
        values = self.all(name)
        if len(values) > 1:
            raise AssertionError(f"{name} came {len(values)} times: {values}")
        return values[0] if values else None

    def json(self) -> Any:
        """The body, read as JSON."""
        if not (self.header("Content-Type") or "").endswith(("/json", "+json")):
            raise AssertionError(f"the answer is {self.header('Content-Type')}, not JSON: {self.body!r}")
        return json.loads(self.body)

    def codes(self) -> list[str]:
        """The codes in the error envelope."""
        return [error["code"] for error in self.json()["errors"]]


def read_answers(data: bytes, methods: Sequence[str] = ()) -> list[Answer]:
    """
    Read all of *data* as answers, in the strict way of a client.

    :param methods: those of the requests, in order, where one of them is HEAD.
    :raises AssertionError: something is left over, cut short or not framed by a length.
    """
    found: list[Answer] = []
    continues = 0
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            raise AssertionError(f"an answer's head is cut short: {data!r}")
        lines = head.decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        if version != "HTTP/1.1":
            raise AssertionError(f"not an answer: {lines[0]!r}")
        if status == "100":
            continues, data = continues + 1, rest
            continue
        pairs = [line.split(": ", 1) for line in lines[1:]]
        answer = Answer(int(status), tuple((name, value) for name, value in pairs), b"", continues)
        length = answer.header("Content-Length")
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        if answer.status in _BODILESS:
            if length is not None:
                raise AssertionError(f"{status} with a length")
            size = 0
        elif length is None:
            raise AssertionError(f"an answer without length: {head!r}")
        else:
            size = 0 if method == "HEAD" else int(length)
        if len(rest) < size:
            raise AssertionError(f"a body is cut short: {len(rest)} bytes of {size}")
        found.append(Answer(answer.status, answer.headers, rest[:size], continues))
        data, continues = rest[size:], 0
    if continues:
        raise AssertionError("100 Continue, and then nothing")
    return found


class Wire(StringTransport):
    """
    A plain TCP transport without a socket.

    As a real one, it hands nothing on while it is paused.

    :ivar half_closed: the server has sent its last byte, and still takes what comes.
    :ivar aborted: the server broke the connection.
    """

    half_closed = False
    aborted = False
    bufferSize = 65536

    def __init__(self) -> None:
        super().__init__(peerAddress=PEER, lenient=True)

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        # A real one knows nothing of ``disconnecting`` here, and loses the connection in the next turn.
        self.aborted = True

    def write(self, data: bytes) -> None:
        if not self.half_closed and not self.aborted:
            super().write(data)


class Connection:
    """
    A client's end.

    :ivar channel: the server's end.
    """

    def __init__(self, channel: StreamingChannel) -> None:
        self.channel = channel
        self.wire = Wire()
        self._waiting: deque[bytes] = deque()
        channel.makeConnection(self.wire)

    def send(self, data: bytes) -> None:
        """Send *data*, as far as the server takes it now."""
        if data:
            self._waiting.append(data)
        self.deliver()

    def send_each(self, pieces: Iterable[bytes]) -> None:
        """Send *pieces*, each in a packet of its own."""
        for piece in pieces:
            self.send(piece)

    def deliver(self) -> None:
        """Hand on what the server did not take before."""
        while self._waiting and self.takes:
            self.channel.dataReceived(self._waiting.popleft())

    @property
    def takes(self) -> bool:
        """The server reads from its socket."""
        wire = self.wire
        return wire.producerState == "producing" and not wire.disconnecting and not wire.aborted

    @property
    def untaken(self) -> int:
        """How many bytes the server has not taken."""
        return sum(map(len, self._waiting))

    @property
    def closing(self) -> bool:
        """The server will send nothing more."""
        return bool(self.wire.disconnecting or self.wire.half_closed or self.wire.aborted)

    def received(self) -> bytes:
        """What the server has written so far."""
        data: bytes = self.wire.value()
        return data

    def answers(self, *methods: str) -> list[Answer]:
        """What the server has answered so far; see :func:`read_answers`."""
        return read_answers(self.received(), methods)

    def answer(self, method: str = "GET") -> Answer:
        """The one answer that came."""
        answers = self.answers(method)
        if len(answers) != 1:
            raise AssertionError(f"{len(answers)} answers: {answers}")
        return answers[0]

    def hang_up(self) -> None:
        """The client is gone."""
        self.wire.connected = False
        # As a real transport does it: the producer first, then the protocol.
        if self.wire.producer is not None:
            self.wire.producer.stopProducing()
            self.wire.producer = None
        self.channel.connectionLost(Failure(ConnectionDone()))


def request_bytes(
    method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None
) -> bytes:
    """A request with a Host header and, if there is a *body*, a length."""
    lines = [f"{method} {path} HTTP/1.1", "Host: registry.test"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def chunked(*pieces: bytes) -> bytes:
    """*pieces* in chunked coding, with the end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
