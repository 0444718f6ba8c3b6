"""Tests for :mod:`bench.redis`."""

import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.errors import BenchFailed
from bench.redis import NOWHERE, Redis
from bench.servers import free_port
from bench.wire import Connection


class RedisTests(SynchronousTestCase):
    """The Redis of a run."""

    def test_nowhere(self) -> None:
        """Nobody listens where nobody is to listen."""
        port = int(NOWHERE.rpartition(":")[2])
        self.assertRaises((OSError, BenchFailed), Connection.open, port, 1.0)

    def test_port_taken(self) -> None:
        """One that cannot listen is a failure in one line, and does not stay."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            redis = Redis(taken.getsockname()[1], Path(self.mktemp()).absolute())
            self.assertRaises(BenchFailed, redis.__enter__)

    def test_ends(self) -> None:
        """It answers, and is gone at the end."""
        with Redis(free_port(), Path(self.mktemp()).absolute()) as redis:
            with socket.create_connection(("127.0.0.1", redis.port)) as client:
                client.sendall(b"PING\r\n")
                self.assertEqual(client.recv(100), b"+PONG\r\n")
            self.assertEqual(redis.address, f"127.0.0.1:{redis.port}")
        self.assertRaises((OSError, BenchFailed), Connection.open, redis.port, 1.0)
