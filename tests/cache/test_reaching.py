"""Tests for what is made of a configured Redis."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.certificates import Authority
from txregistry.cache.reaching import redis_link
from txregistry.config.addresses import Address
from txregistry.config.values import RedisConfig, RedisTlsConfig
from txregistry.errors import Misconfigured

ADDRESS = (Address("127.0.0.1", 6379),)


class RedisLinkMakingTests(SynchronousTestCase):
    """Addresses, and files of certificates."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.directory = Path(self.mktemp()).absolute()
        self.authority = Authority.root()
        self.ca = self.authority.write(self.directory)

    def faults(self, tls: RedisTlsConfig) -> tuple[str, ...]:
        config = RedisConfig(ADDRESS, tls=tls)
        faults: tuple[str, ...] = self.assertRaises(Misconfigured, redis_link, config, self.reactor).faults
        return faults

    def test_connects_when_started(self) -> None:
        """Nothing is opened before the start, and then the address."""
        link = redis_link(RedisConfig(ADDRESS, dialtimeout=3), self.reactor)
        self.assertEqual(self.reactor.tcpClients, [])
        link.startService()
        ((host, port, _, timeout, _),) = self.reactor.tcpClients
        self.assertEqual((host, port, timeout), ("127.0.0.1", 6379, 3))
        link.stopService()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_pipe(self) -> None:
        """A pipe in the place of a file holds up nobody: it is a fault."""
        pipe = str(self.directory / "pipe")
        os.mkfifo(pipe)
        [fault] = self.faults(RedisTlsConfig(rootcas=(pipe,)))
        self.assertEqual(fault, f"redis.tls.rootcas[0]: {pipe}: it is not a regular file")

    def test_sentinels(self) -> None:
        """With a master's name the sentinels are asked, one after the other."""
        link = redis_link(RedisConfig((*ADDRESS, Address("127.0.0.1", 1)), mastername="m"), self.reactor)
        link.startService()
        self.assertEqual([client[1] for client in self.reactor.tcpClients], [6379])
        link.stopService()

    def test_tls(self) -> None:
        """Good files are taken: chains, several authorities, or the system's."""
        intermediate = self.authority.intermediate()
        certificate, key = intermediate.client().write(self.directory, "client")
        for tls in (
            RedisTlsConfig(certificate, key, (self.ca,)),
            RedisTlsConfig(rootcas=(self.ca, self.ca)),
            RedisTlsConfig(),
        ):
            redis_link(RedisConfig(ADDRESS, tls=tls), self.reactor)

    def test_missing_files(self) -> None:
        """A file that cannot be read is a fault."""
        certificate, key = self.authority.client().write(self.directory, "client")
        nowhere = str(self.directory / "nowhere")
        self.assertEqual(
            self.faults(RedisTlsConfig(rootcas=(self.ca, nowhere))),
            (f"redis.tls.rootcas[1]: {nowhere}: No such file or directory",),
        )
        self.assertEqual(
            self.faults(RedisTlsConfig(nowhere, key)),
            (f"redis.tls.certificate: {nowhere}: No such file or directory",),
        )
        self.assertEqual(
            self.faults(RedisTlsConfig(certificate, nowhere)),
            (f"redis.tls.key: {nowhere}: No such file or directory",),
        )

    def test_bad_files(self) -> None:
        """So is one that holds something else."""
        certificate, key = self.authority.client().write(self.directory, "client")
        other, _ = self.authority.client().write(self.directory, "other")
        secret = self.directory / "secret.key"
        secret.write_bytes(self.authority.client().encrypted_key_pem(b"password"))
        self.assertEqual(
            self.faults(RedisTlsConfig(rootcas=(key,))),
            (f"redis.tls.rootcas[0]: {key}: holds no certificate in PEM form",),
        )
        for path in (certificate, str(secret)):
            self.assertEqual(
                self.faults(RedisTlsConfig(certificate, path)),
                (f"redis.tls.key: {path}: holds no unencrypted private key in PEM form",),
            )
        self.assertEqual(
            self.faults(RedisTlsConfig(other, key)), ("redis.tls.key: does not belong to the certificate",)
        )
