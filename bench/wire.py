"""
A small HTTP client on a raw blocking socket.

The load generator must cost as little as it can, because it shares the processors with what it
measures; ``http.client`` builds message objects that cost more than a registry's whole answer.
"""

import socket as sockets
import ssl
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from attrs import define, field, frozen

from bench.errors import BenchFailed

__all__ = ["Connection", "Response", "parse_head", "path_of", "with_digest"]

_RECEIVE = 256 * 1024
_LONGEST_HEAD = 64 * 1024


@frozen
class Response:
    """An answer: *headers* has lower-case names, *body* is empty where it was discarded."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def expect(self, status: int, what: str) -> "Response":
        """
        Give the answer back, if it is the one hoped for.

        :raises BenchFailed: the status is another one.
        """
        if self.status != status:
            raise BenchFailed(f"{what}: expected {status}, got {self.status} {self.body[:300]!r}")
        return self

    def header(self, name: str) -> str:
        """
        One header, by its lower-case name.

        :raises BenchFailed: the answer lacks it.
        """
        try:
            return self.headers[name]
        except KeyError:
            raise BenchFailed(f"answer {self.status} lacks the header {name}") from None


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """
    Read a status line and header lines.

    :raises BenchFailed: they are not HTTP/1.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise BenchFailed(f"not an HTTP answer: {first[:100]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


def path_of(location: str) -> str:
    """Turn a Location, absolute or not, into what a request line needs."""
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def with_digest(location: str, digest: str) -> str:
    """The target of the closing PUT of an upload."""
    path = path_of(location)
    return f"{path}{'&' if '?' in path else '?'}digest={digest}"


@define(eq=False)
class Connection:
    """
    One keep-alive connection; use it as a context to have it closed.

    :ivar socket: blocking, for those who speak to it themselves.
    """

    socket: sockets.socket
    host: str
    _buffer: bytearray = field(init=False, factory=lambda: bytearray(_RECEIVE))

    @classmethod
    def open(
        cls, port: int, timeout: float = 60.0, encrypted: bool = False, source: str = ""
    ) -> "Connection":
        """
        Connect to a port of this machine; *timeout* seconds bound each single wait.

        :param encrypted: speak TLS, and ask nobody whether the certificate is good.
        :param source: come from this loopback address.
        """
        opened = sockets.create_connection(("127.0.0.1", port), timeout, (source, 0) if source else None)
        opened.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        if encrypted:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            opened = context.wrap_socket(opened)
        return cls(opened, f"127.0.0.1:{port}")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def send(self, data: bytes | memoryview) -> None:
        """Write all of *data*."""
        self.socket.sendall(data)

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """The bytes of a request up to its body."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        slices: Iterable[bytes | memoryview] | None = None,
        keep: bool = True,
    ) -> Response:
        """
        Ask, and read the whole answer.

        :param body: sent in one write with the head, for small bodies; its length is announced.
        :param slices: sent after the head as they are: the caller announces their length or coding.
        :param keep: ``False`` reads the answer's body and counts it, but throws it away.
        :raises BenchFailed: the server hung up, or sent less than it announced.
        """
        given = dict(headers or {})
        if slices is None and (body or method in ("POST", "PUT", "PATCH")):
            given.setdefault("Content-Length", str(len(body)))
        self.send(self.head(method, path, given) + body)
        try:
            for data in slices or ():
                self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            answer = self.receive(method)
            raise BenchFailed(
                f"{method} {path}: refused with {answer.status} {answer.body[:300]!r}"
            ) from None
        return self.receive(method, keep)

    def receive(self, method: str, keep: bool = True) -> Response:
        """Read the answer to a request with *method* that has been sent."""
        status, headers, rest = self.receive_head()
        if method == "HEAD" or status in (204, 304):
            return Response(status, headers)
        if headers.get("transfer-encoding") == "chunked":
            return Response(status, headers, self._chunks(rest))
        length = int(headers.get("content-length", "0"))
        if len(rest) > length:
            raise BenchFailed(f"{len(rest) - length} bytes more than announced after {method}")
        body = bytearray(rest) if keep else bytearray()
        left = length - len(rest)
        while left:
            piece = self.receive_some(left)
            if keep:
                body += piece
            left -= len(piece)
        return Response(status, headers, bytes(body))

    def receive_some(self, most: int) -> memoryview:
        """
        Read up to *most* bytes; the view is valid until the next read.

        :raises BenchFailed: the server hung up.
        """
        size = self.socket.recv_into(self._buffer, min(most, _RECEIVE))
        if not size:
            raise BenchFailed(f"hung up with {most} bytes of an answer outstanding")
        return memoryview(self._buffer)[:size]

    def receive_head(self) -> tuple[int, dict[str, str], bytes]:
        """Read status and headers of an answer, and what came with them of its body."""
        seen = b""
        while b"\r\n\r\n" not in seen:
            if len(seen) > _LONGEST_HEAD:
                raise BenchFailed("endless header")
            seen += self.receive_some(_RECEIVE)
        head, _, rest = seen.partition(b"\r\n\r\n")
        return *parse_head(head), rest

    def _chunks(self, seen: bytes) -> bytes:
        """Decode a short body in chunks, of which *seen* has come."""
        body = b""
        while True:
            while b"\r\n" not in seen:
                seen += self.receive_some(_RECEIVE)
            line, _, seen = seen.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            while len(seen) < size + 2:
                seen += self.receive_some(_RECEIVE)
            body += seen[:size]
            seen = seen[size + 2 :]
            if not size:
                return body
