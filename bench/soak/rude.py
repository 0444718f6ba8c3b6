"""A client without manners: malformed requests, wrong passwords, connections left in every state."""

import base64
import contextlib
import random
from collections import deque

from bench.errors import BenchFailed
from bench.soak.errors import Fault
from bench.soak.pieces import Piece
from bench.soak.session import Session, leave
from bench.soak.setting import SHARED, Setting
from bench.wire import Connection

__all__ = ["Rude", "malformed"]

_KEPT = 24
"""So many connections stay open in whatever state they are in, until the client is killed."""
_WAIT = 2.0
_NO_SESSION = "11111111-2222-4333-8444-555555555555"
_ELSEWHERE = 20
"""Passwords are guessed from so many addresses, none of which is that of the other clients."""


def malformed(authorization: str) -> list[bytes]:
    """Requests that must be refused, each whole."""
    head = f"Host: h\r\nAuthorization: {authorization}\r\n"
    upload = f"/v2/{SHARED}/blobs/uploads/"
    whole = f"{upload}?digest=sha256:{'0' * 64}"
    return [
        text.encode("latin-1")
        for text in (
            "GARBAGE\r\n\r\n",
            f"GET /v2/ HTTP/9.9\r\n{head}\r\n",
            f"GET /v2/../../etc/passwd HTTP/1.1\r\n{head}\r\n",
            f"GET /v2/{SHARED}/blobs/sha256:xyz HTTP/1.1\r\n{head}\r\n",
            f"GET /v2/{SHARED}/manifests/{'x' * 200} HTTP/1.1\r\n{head}\r\n",
            f"GET /v2/UPPER/tags/list HTTP/1.1\r\n{head}\r\n",
            f"GET /v2/_catalog?n=minus HTTP/1.1\r\n{head}\r\n",
            f"BREW /v2/{SHARED}/tags/list HTTP/1.1\r\n{head}\r\n",
            f"PUT /v2/{SHARED}/manifests/bad HTTP/1.1\r\n{head}Content-Length: 9\r\n\r\nnot json!",
            f"PUT /v2/{SHARED}/manifests/bad HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}",
            f"POST {whole} HTTP/1.1\r\n{head}Content-Length: 3\r\n\r\nabc",
            f"PATCH {upload}{_NO_SESSION} HTTP/1.1\r\n{head}Content-Length: 1\r\n\r\nx",
            f"PATCH {upload}not-a-session HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            f"DELETE /v2/{SHARED}/manifests/no-such-tag HTTP/1.1\r\n{head}\r\n",
            f"DELETE /v2/{SHARED}/blobs/sha256:{'1' * 64} HTTP/1.1\r\n{head}\r\n",
            f"GET /v2/soak/none/tags/list HTTP/1.1\r\n{head}\r\n",
            f"GET /v2/{SHARED}/tags/list HTTP/1.1\r\n{head}X: {'x' * 2_000_000}\r\n\r\n",
            f"POST {upload} HTTP/1.1\r\n{head}Content-Length: -1\r\n\r\n",
            f"POST {whole} HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        )
    ]


class Rude:
    """Does one bad thing after another; none of them may cost the registry anything."""

    def __init__(self, setting: Setting, name: str, dice: random.Random) -> None:
        self._setting, self._name, self._dice = setting, name, dice
        self._session = Session(setting, dice)
        self._kept: deque[Connection] = deque()

    def step(self) -> str:
        """Do one thing and say what."""
        name, work = self._dice.choice(
            [
                ("malformed request", self._malformed),
                ("password guessed", self._guess),
                ("request left halfway", self._halfway),
                ("request left halfway", self._halfway),
                ("answers not read", self._greedy),
                ("noise sent", self._noise),
            ]
        )
        work()
        return name

    def finish(self) -> None:
        """Leave everything as it is."""

    def close(self) -> None:
        """Leave the registry, whatever is under way."""
        while self._kept:
            leave(self._kept.popleft(), self._dice)
        self._session.close()

    def _malformed(self) -> None:
        request = self._dice.choice(malformed(self._setting.authorization))
        self._refused(request, f"{request[:80]!r} … {request[-60:]!r}", self._session.connect())

    def _guess(self) -> None:
        """From another address than the other clients': whoever guesses has to wait, and they must not."""
        wrong = base64.b64encode(f"soak:{self._dice.random()}".encode()).decode()
        request = f"GET /v2/ HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {wrong}\r\n\r\n".encode()
        try:
            link = Connection.open(
                self._setting.port,
                encrypted=self._setting.encrypted,
                source=f"127.0.7.{self._dice.randint(1, _ELSEWHERE)}",
            )
        except OSError as failed:
            raise Fault(f"cannot connect: {failed}") from None
        self._refused(request, "a wrong password", link)

    def _refused(self, request: bytes, what: str, link: Connection) -> None:
        """A redirection, a 4xx, or silence and a closed connection; never more."""
        link.socket.settimeout(_WAIT * 5)
        try:
            link.send(request)
            status = link.receive("GET").status
        except (BenchFailed, OSError):
            return
        finally:
            leave(link, self._dice)
        if not 300 <= status < 500 and status not in (501, 505):
            raise self._session.failure(f"{what} was answered with {status}", status)

    def _halfway(self) -> None:
        """A part of a request that would change something, or bring something; the connection stays."""
        head = f"Host: h\r\nAuthorization: {self._setting.authorization}\r\n"
        repository = f"soak/left/{self._name}"
        piece = Piece("halfway", 1 << 20)
        body = piece.read(0, 300_000).decode("latin-1")
        text = self._dice.choice(
            [
                f"GET /v2/{SHARED}/tags/list HTTP/1.1\r\n{head}\r\n",
                f"POST /v2/{repository}/blobs/uploads/ HTTP/1.1\r\n{head}\r\n",
                f"POST /v2/{repository}/blobs/uploads/?digest={piece.digest} HTTP/1.1\r\n{head}"
                f"Content-Length: {piece.size}\r\n\r\n{body}",
                f"POST /v2/{repository}/blobs/uploads/?digest={piece.digest} HTTP/1.1\r\n{head}"
                f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n",
                f"PUT /v2/{repository}/manifests/t HTTP/1.1\r\n{head}Content-Length: 100000\r\n\r\n"
                + "x" * 50_000,
                f"PUT /v2/{repository}/manifests/t HTTP/1.1\r\n{head}Expect: 100-continue\r\n"
                "Content-Length: 100000\r\n\r\n",
            ]
        )
        data = text.encode("latin-1")
        self._keep(data[: self._dice.randint(1, len(data))])

    def _greedy(self) -> None:
        """Many requests behind one another, whose answers nobody reads."""
        path = self._dice.choice(["tags/list", f"blobs/{self._setting.images[0].pieces[-1].digest}"])
        head = f"GET /v2/{SHARED}/{path} HTTP/1.1\r\nHost: h\r\n"
        self._keep(f"{head}Authorization: {self._setting.authorization}\r\n\r\n".encode() * 20)

    def _noise(self) -> None:
        self._keep(self._dice.randbytes(self._dice.randint(1, 5000)))

    def _keep(self, data: bytes) -> None:
        link = self._session.connect()
        link.socket.settimeout(_WAIT)
        with contextlib.suppress(OSError, BenchFailed):
            link.send(data)
        self._kept.append(link)
        if len(self._kept) > _KEPT:
            leave(self._kept.popleft(), self._dice)
