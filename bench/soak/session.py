"""Requests of a client that must be answered as they should."""

import contextlib
import hashlib
import random
import socket
import struct
from collections.abc import Iterable, Mapping

from bench.errors import BenchFailed
from bench.soak.errors import Fault, Interrupted
from bench.soak.setting import Setting
from bench.wire import Connection, Response

__all__ = ["ACCEPT", "Session", "sha256"]

ACCEPT = {
    "Accept": ", ".join(
        [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.index.v1+json",
        ]
    )
}
_CLOSE_AFTER = 0.1


def sha256(data: bytes) -> str:
    """The digest of *data*."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Session:
    """
    One connection at a time, used for a while, and left with or without a word.

    :ivar dice: decides; a session with the same dice asks the same.
    """

    def __init__(self, setting: Setting, dice: random.Random) -> None:
        self.setting, self.dice = setting, dice
        self._link: Connection | None = None

    def ask(
        self,
        method: str,
        path: str,
        expected: Iterable[int],
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        slices: Iterable[bytes] | None = None,
    ) -> Response:
        """
        Ask, and see that the status is one of *expected*.

        :raises Fault: it is not, or no whole answer came.
        :raises Interrupted: the same, while the registry is out of service.
        """
        given = {"Authorization": self.setting.authorization, **(headers or {})}
        try:
            answer = self._connected().request(method, path, given, body, slices)
        except (BenchFailed, OSError) as failed:
            self.close()
            raise self.failure(f"{method} {path}: {type(failed).__name__} {failed}") from None
        if answer.status not in expected:
            self.close()
            raise self.failure(f"{method} {path}: {answer.status} {answer.body[:300]!r}", answer.status)
        if answer.headers.get("connection", "").lower() == "close" or self.dice.random() < _CLOSE_AFTER:
            self.close()
        return answer

    def stream(
        self, path: str, headers: Mapping[str, str] | None = None, status: int = 200
    ) -> tuple[Connection, int, bytes]:
        """
        Begin to read a blob on a connection of its own, which the caller closes.

        :return: it, the announced length, and the bytes that came with the head.
        """
        link = self.connect()
        try:
            link.send(
                link.head("GET", path, {"Authorization": self.setting.authorization, **(headers or {})})
            )
            got, said, rest = link.receive_head()
        except (BenchFailed, OSError) as failed:
            link.close()
            raise self.failure(f"GET {path}: {type(failed).__name__} {failed}") from None
        if got != status:
            link.close()
            raise self.failure(f"GET {path}: {got} {rest[:300]!r}", got)
        return link, int(said["content-length"]), rest

    def connect(self) -> Connection:
        """
        A connection of its own.

        :raises Fault: the registry took none.
        """
        try:
            return Connection.open(self.setting.port, encrypted=self.setting.encrypted)
        except OSError as failed:
            raise Fault(f"cannot connect: {type(failed).__name__} {failed}") from None

    def failure(self, what: str, status: int = 503) -> Fault | Interrupted:
        """What to raise for *what*: only the refusals of a registry out of service are no fault."""
        if status == 503 and self.setting.out_of_service.exists():
            return Interrupted(what)
        return Fault(what)

    def close(self) -> None:
        """Leave; the next request takes a new connection."""
        link, self._link = self._link, None
        if link is not None:
            leave(link, self.dice)

    def _connected(self) -> Connection:
        if self._link is None:
            self._link = self.connect()
        return self._link


def leave(link: Connection, dice: random.Random) -> None:
    """Close a connection, one time in three by a reset."""
    with contextlib.suppress(OSError):
        if dice.random() < 1 / 3:
            link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
