"""A Redis in memory, reached without a network, that can be made to fail in the ways of a real one."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import hiredis
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer


class RedisFault(Exception):
    """The text of an error that Redis answers with."""


def _encoded(reply: object) -> bytes:
    match reply:
        case RedisFault():
            return b"-%b\r\n" % str(reply).encode()
        case None:
            return b"$-1\r\n"
        case str():
            return b"+%b\r\n" % reply.encode()
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case list():
            return b"*%d\r\n" % len(reply) + b"".join(map(_encoded, reply))
        case _:
            raise TypeError(reply)


@implementer(IStreamClientEndpoint)
class FakeRedis:
    """
    The server, and the endpoint that leads to it.

    :ivar data: what is stored, by key: sets and mappings.
    :ivar log: the commands that were carried out, without their arguments.
    :ivar down: refuses connections.
    :ivar hung: takes commands and leaves them; those of :ivar:`left` are carried out by :meth:`wake`.
    :ivar refused: the error that each of these commands gets; ``"*"`` stands for all.
    :ivar heard: told of each command and its arguments before anything becomes of it.
    """

    WRITES = ("SADD", "HMSET", "HSETNX", "HSET", "SREM", "DEL", "HDEL")

    def __init__(self) -> None:
        self.data: dict[bytes, Any] = {}
        self.log: list[str] = []
        self.down = self.hung = False
        self.left: list[Callable[[], None]] = []
        self.refused: dict[str, str] = {}
        self.heard: Callable[[str, list[bytes]], object] = lambda name, words: None
        self.connections: list[_Connection] = []
        self.password: bytes | None = None
        self.attempts = 0
        self._second_half: list[bytes] = []

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, at once."""
        self.attempts += 1
        if self.down:
            return fail(ConnectionRefusedError())
        protocol: Any = protocolFactory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 6379))
        connection = _Connection(self, protocol)
        self.connections.append(connection)
        protocol.makeConnection(connection)
        return succeed(protocol)

    def stop(self) -> None:
        """End all connections, and take no more."""
        self.down = True
        for connection in list(self.connections):
            connection.lose()

    def wake(self) -> None:
        """Go on after having hung."""
        self.hung = False
        left, self.left = self.left, []
        for each in left:
            each()

    def carry_out(self, connection: _Connection, name: str, words: list[bytes]) -> object:
        """One command."""
        self.log.append(name)
        error = self.refused.get(name) or self.refused.get("*")
        if error is not None:
            raise RedisFault(error)
        if self.password is not None and not connection.trusted and name != "AUTH":
            raise RedisFault("NOAUTH Authentication required.")
        method = getattr(self, f"_{name.lower()}", None)
        if method is None:
            raise RedisFault(f"ERR unknown command '{name}'")
        if name in ("AUTH", "SELECT"):
            return method(connection, *words)
        return method(*words)

    def _auth(self, connection: _Connection, *words: bytes) -> object:
        if words[-1] != self.password:
            raise RedisFault("WRONGPASS invalid username-password pair or user is disabled.")
        connection.trusted = True
        return "OK"

    def _select(self, connection: _Connection, database: bytes) -> object:
        if int(database) > 15:
            raise RedisFault("ERR DB index is out of range")
        return "OK"

    def _ping(self) -> object:
        return "PONG"

    def _sismember(self, key: bytes, member: bytes) -> object:
        return int(member in self._of(key, set))

    def _hmget(self, key: bytes, *fields: bytes) -> object:
        return [self._of(key, dict).get(field) for field in fields]

    def _hget(self, key: bytes, field: bytes) -> object:
        return self._of(key, dict).get(field)

    def _sadd(self, key: bytes, member: bytes) -> object:
        self._of(key, set)
        members = self.data.setdefault(key, set())
        new = member not in members
        members.add(member)
        return int(new)

    def _hmset(self, key: bytes, *pairs: bytes) -> object:
        self._of(key, dict)
        self.data.setdefault(key, {}).update(zip(pairs[::2], pairs[1::2], strict=True))
        return "OK"

    def _hset(self, key: bytes, field: bytes, value: bytes) -> object:
        self._hmset(key, field, value)
        return 1

    def _hsetnx(self, key: bytes, field: bytes, value: bytes) -> object:
        if field in self._of(key, dict):
            return 0
        return self._hset(key, field, value)

    def _srem(self, key: bytes, member: bytes) -> object:
        members = self._of(key, set)
        there = member in members
        members.discard(member)
        return int(there)

    def _del(self, *keys: bytes) -> object:
        return sum(self.data.pop(key, None) is not None for key in keys)

    def _hdel(self, key: bytes, *fields: bytes) -> object:
        mapping = self._of(key, dict)
        return sum(mapping.pop(field, None) is not None for field in fields)

    def _scan(self, cursor: bytes, match: bytes, pattern: bytes, count: bytes, number: bytes) -> object:
        if cursor == b"7":
            return [b"0", self._second_half]
        keys = [key for key in self.data if fnmatchcase(key.decode(), pattern.decode())]
        half = len(keys) // 2
        self._second_half = keys[half:]
        return [b"7", keys[:half]]

    def _of(self, key: bytes, kind: type) -> Any:
        value = self.data.get(key, kind())
        if not isinstance(value, kind):
            raise RedisFault("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value


class _Connection:
    """The transport that the client writes to."""

    disconnecting = False

    def __init__(self, server: FakeRedis, client: Any) -> None:
        self._server, self._client = server, client
        self._reader = hiredis.Reader()
        self.trusted = False

    def write(self, data: bytes) -> None:
        """Take commands."""
        self._reader.feed(data)
        while (words := self._reader.gets()) is not False:
            self._server.heard(words[0].decode().upper(), words[1:])
            if self not in self._server.connections:
                return
            if self._server.hung:
                self._server.left.append(partial(self._answer, words))
            else:
                self._answer(words)

    def _answer(self, words: list[bytes]) -> None:
        name, arguments = words[0].decode().upper(), words[1:]
        try:
            reply = self._server.carry_out(self, name, arguments)
        except RedisFault as fault:
            reply = fault
        if self in self._server.connections:
            self._client.dataReceived(_encoded(reply))

    def lose(self) -> None:
        """End the connection, from the server's side."""
        if self in self._server.connections:
            self._server.connections.remove(self)
            self._client.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        """End the connection, from the client's side."""
        self.lose()

    def loseConnection(self) -> None:
        """The same."""
        self.lose()
