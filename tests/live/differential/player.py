"""Plays steps on one daemon, byte for byte as they are written."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO
from urllib.parse import parse_qs, quote, urlsplit

from attrs import frozen

from tests.live.differential.content import CONTENT, variables
from tests.live.differential.steps import Step

_VARIABLE = re.compile(r"\{([^{}]+)\}")
_BODILESS = frozenset((204, 304))
#: Methods for which a length of nothing is sent, too.
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))


class Unknown(Exception):
    """A step names a variable that no answer has brought."""


@frozen
class Answer:
    """
    What came back.

    :ivar headers: as they were written, in their order.
    :ivar fault: what is wrong with the form of the answer.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fault: str = ""

    def header(self, name: str) -> str | None:
        """Give the first header *name*, in whatever case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Player:
    """
    Plays steps on the daemon at *port*, on one connection as long as that lasts.

    :ivar variables: what steps can name.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.variables = variables()
        self._connection: socket.socket | None = None
        self._file: BinaryIO | None = None

    def close(self) -> None:
        """Leave the daemon."""
        if self._connection is not None and self._file is not None:
            self._file.close()
            self._connection.close()
        self._connection = self._file = None

    def knows(self, step: Step) -> bool:
        """Say whether all variables that *step* names have come."""
        texts = [step.target, *(value for _, value in step.headers)]
        return all(name in self.variables for text in texts for name in _VARIABLE.findall(text))

    def play(self, step: Step) -> Answer:
        """
        Send the request and read the answer.

        :raises Unknown: it names a variable that nobody knows.
        """
        request = b"".join(self._request(step))
        answer = self._exchange(request, step.method)
        location = answer.header("Location")
        if step.keep:
            self.forget(step.keep)
            if location is not None and answer.status < 300:
                self._keep(step.keep, location)
        return answer

    def forget(self, name: str) -> None:
        """Drop a variable that was kept."""
        for key in (name, *(f"{name}.{part}" for part in ("path", "uuid", "state"))):
            self.variables.pop(key, None)

    def _keep(self, name: str, location: str) -> None:
        parts = urlsplit(location)
        state = parse_qs(parts.query).get("_state", [""])[0]
        self.variables |= {
            name: f"{parts.path}?{parts.query}" if parts.query else parts.path,
            f"{name}.path": parts.path,
            f"{name}.uuid": parts.path.rsplit("/", 1)[-1],
            f"{name}.state": quote(state, safe=""),
        }

    # --- writing ---

    def filled(self, text: str) -> str:
        """
        Put in what variables stand for.

        :raises Unknown: nobody knows one of them.
        """

        def value(match: re.Match[str]) -> str:
            try:
                return self.variables[match[1]]
            except KeyError:
                raise Unknown(match[1]) from None

        return _VARIABLE.sub(value, text)

    def _request(self, step: Step) -> Iterator[bytes]:
        given = {name.lower() for name, _ in step.headers}
        body = CONTENT[step.body] if isinstance(step.body, str) else step.body
        lines = [f"{step.method} {self.filled(step.target)} HTTP/1.1"]
        if "host" not in given:
            lines.append(f"Host: 127.0.0.1:{self.port}")
        lines += [f"{name}: {self.filled(value)}" for name, value in step.headers]
        if step.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif body is not None or step.method in _WITH_BODY:
            lines.append(f"Content-Length: {len(body or b'')}")
        yield "\r\n".join([*lines, "", ""]).encode("utf-8")
        if not step.chunked:
            yield body or b""
            return
        for begin in range(0, len(body or b""), step.chunked):
            piece = (body or b"")[begin : begin + step.chunked]
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    # --- reading ---

    def _exchange(self, request: bytes, method: str) -> Answer:
        """Send and read; once more on a new connection if the old one was closed meanwhile."""
        if self._connection is not None:
            try:
                return self._once(request, method)
            except (EOFError, ConnectionError):
                self.close()
        try:
            return self._once(request, method)
        except (EOFError, ConnectionError):
            self.close()
            return Answer(0, "no answer", (), b"")

    def _once(self, request: bytes, method: str) -> Answer:
        if self._connection is None:
            self._connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._file = self._connection.makefile("rb")
        with suppress(ConnectionError):  # it may be answered all the same
            self._connection.sendall(request)
        answer = self._read(method)
        if (answer.header("Connection") or "").lower() == "close" or answer.fault:
            self.close()
        return answer

    def _read(self, method: str) -> Answer:
        assert self._file is not None
        while True:
            line = self._line()
            _, status, reason = line.split(" ", 2)
            headers = []
            while line := self._line():
                name, _, value = line.partition(":")
                headers.append((name, value.strip()))
            if int(status) >= 200:
                break
        answer = Answer(int(status), reason, tuple(headers), b"")
        if method == "HEAD" or answer.status in _BODILESS:
            return answer
        body, fault = self._body(answer)
        return Answer(answer.status, answer.reason, answer.headers, body, fault)

    def _body(self, answer: Answer) -> tuple[bytes, str]:
        assert self._file is not None
        if (answer.header("Transfer-Encoding") or "").lower() == "chunked":
            pieces = []
            while size := int(self._line(), 16):
                pieces.append(self._file.read(size))
                self._line()
            self._line()
            return b"".join(pieces), ""
        length = answer.header("Content-Length")
        if length is None:
            return self._file.read(), "a body without a length"
        body = self._file.read(int(length))
        return body, "" if len(body) == int(length) else f"{len(body)} bytes of {length}"

    def _line(self) -> str:
        assert self._file is not None
        line = self._file.readline()
        if not line:
            raise EOFError
        return line.decode("latin-1").rstrip("\r\n")
