"""A plain HTTP client that says exactly what it is told, for what no real client does on request."""

import base64
import http.client
import socket
import ssl
from collections.abc import Mapping
from email.message import Message
from urllib.parse import urlsplit

from attrs import frozen

OCTETS = {"Content-Type": "application/octet-stream"}


@frozen
class Answer:
    """What the registry answered."""

    status: int
    headers: Message
    body: bytes

    @property
    def location(self) -> str:
        """
        The path and the query of the ``Location``, good for any daemon on the same storage.

        :raises AssertionError: there is none.
        """
        value = self.headers["Location"]
        if not isinstance(value, str):
            raise AssertionError(f"no Location in this answer: {self}")
        parts = urlsplit(value)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    @property
    def received(self) -> int:
        """
        How many bytes the ``Range`` of an upload's answer admits to (a 0-0 counts as none).

        :raises AssertionError: there is no such header.
        """
        value = self.headers["Range"]
        if not isinstance(value, str):
            raise AssertionError(f"no Range in this answer: {self}")
        last = int(value.partition("-")[2])
        return last + 1 if last else 0


def basic(user: str, password: str) -> dict[str, str]:
    """Give the header with which a client shows a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """Give the header with which a client shows a token."""
    return {"Authorization": f"Bearer {token}"}


class Wire:
    """
    Requests to one daemon, each on a connection of its own.

    :param tls: what the client of a daemon behind TLS trusts and shows.
    :ivar headers: go with every request.
    """

    def __init__(
        self,
        host: str,
        port: int,
        seconds: float = 60,
        *,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._host, self._port, self._seconds = host, port, seconds
        self._tls, self.headers = tls, dict(headers or {})

    def showing(self, headers: Mapping[str, str]) -> "Wire":
        """Give a wire to the same daemon on which *headers* go with every request."""
        return Wire(self._host, self._port, self._seconds, tls=self._tls, headers=headers)

    def answers(self) -> bool:
        """Say whether the daemon serves; the root is always there, whatever the prefix of the API."""
        try:
            return self.request("GET", "/").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for *target* (a path with its query) and read the whole answer."""
        connection = self.connection()
        try:
            connection.request(method, target, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        """Make a connection, which opens itself with the first request; whoever asked closes it."""
        if self._tls is not None:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self._seconds, context=self._tls
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self._seconds)

    def start_upload(self, name: str) -> str:
        """Begin an upload and give the path where it goes on."""
        answer = self.request("POST", f"/v2/{name}/blobs/uploads/", headers={"Content-Length": "0"})
        if answer.status != 202:
            raise AssertionError(f"an upload to {name} did not start: {answer}")
        return answer.location

    def patch(self, location: str, data: bytes) -> Answer:
        """Send the next bytes of an upload."""
        return self.request("PATCH", location, data, OCTETS)

    def finish_upload(self, location: str, digest: str, data: bytes = b"") -> Answer:
        """Close an upload with its digest, and with its last bytes."""
        joint = "&" if "?" in location else "?"
        return self.request("PUT", f"{location}{joint}digest={digest}", data, OCTETS)

    def push_blob(self, name: str, digest: str, data: bytes) -> Answer:
        """Send a blob whole, in the PUT that closes its upload."""
        return self.finish_upload(self.start_upload(name), digest, data)

    def patch_and_hang_up(self, location: str, data: bytes, announced: int | None) -> None:
        """
        Send *data* as the beginning of a PATCH and hang up.

        :param announced: the Content-Length, larger than what follows; without one the body is sent in
            one chunk of the chunked coding that is not whole either.
        """
        if announced is None:
            length = "Transfer-Encoding: chunked"
            data = f"{len(data) + 1000:x}\r\n".encode() + data
        else:
            length = f"Content-Length: {announced}"
        head = (
            f"PATCH {location} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Content-Type: application/octet-stream\r\n{length}\r\n\r\n"
        )
        with socket.create_connection((self._host, self._port), timeout=self._seconds) as connection:
            connection.sendall(head.encode() + data)
