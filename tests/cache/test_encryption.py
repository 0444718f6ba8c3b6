"""Tests for what connections to Redis are encrypted with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL.crypto import X509, PKey
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, CertificateOptions, trustRootFromCertificates
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.certificates import Authority, Credential
from tests.fakes.lines import lines
from tests.fakes.workers import HeldWorkers, InlineWorkers
from txregistry.cache.encryption import Encryption
from txregistry.config.values import RedisTlsConfig
from txregistry.errors import Misconfigured
from txregistry.interfaces import IReloadable, IWorkers

#: A key on the curve secp112r1, which nobody uses, and a certificate for it.
ODD_KEY = """\
-----BEGIN EC PRIVATE KEY-----
MD4CAQEEDrq6+MhPRE8sII2+B+nvoAcGBSuBBAAGoSADHgAEeJoKuselK1PmAtwj
m2eFvQJkJZGitA6ObaJI4w==
-----END EC PRIVATE KEY-----
"""
ODD_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBIDCB7KADAgECAhRVTljKRrOyLeOXafJ69eDBbM518TAKBggqhkjOPQQDAjAM
MQowCAYDVQQDDAF4MB4XDTI2MTEyMTE2NDgzM1oXDTI2MTEzMDE2NDgzM1owDDEK
MAgGA1UEAwwBeDAyMBAGByqGSM49AgEGBSuBBAAGAx4ABHiaCrrHpStT5gLcI5tn
hb0CZCWRorQOjm2iSOOjUzBRMB0GA1UdDgQWBBT1CUu3QYUWoRgRUJdlhzQsiU1Q
jDAfBgNVHSMEGDAWgBT1CUu3QYUWoRgRUJdlhzQsiU1QjDAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCAyMAMCACDi8tRdUUnM0D0yjnUQqdAg58sB2P8QDrXcsw
UQZikw==
-----END CERTIFICATE-----
"""


class Server(Protocol):
    """
    Answers whoever it trusts.

    :ivar seen: the certificate that it was shown.
    """

    seen: Any = None

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        self.seen = transport.getPeerCertificate()
        transport.write(b"PONG")


class Client(Protocol):
    """Asks once."""

    received = b""
    failed: Failure | None = None

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"PING")

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.failed = reason


class EncryptionCase(SynchronousTestCase):
    """Files of certificates."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.authority = Authority.root()
        self.ca = self.authority.write(self.directory)

    def talk(self, encryption: Encryption, credential: Credential, clients: Authority) -> Any:
        """
        Connect to a server that is *credential* and trusts *clients*.

        :return: the certificate that it was shown; ``None`` if they did not come to terms.
        """
        server, client, clock = Server(), Client(), Clock()
        terms = CertificateOptions(
            privateKey=PKey.from_cryptography_key(credential.private_key),
            certificate=X509.from_cryptography(credential.certificate),
            trustRoot=trustRootFromCertificates([Certificate.loadPEM(clients.pem)]),
        )
        ends = []
        for is_client, protocol, creator in (
            (False, server, terms),
            (True, client, encryption.towards("127.0.0.1")),
        ):
            factory: Any = Factory()
            factory.buildProtocol = lambda _, protocol=protocol: protocol
            end: Any = TLSMemoryBIOFactory(creator, is_client, factory, clock).buildProtocol(None)
            ends += [end, FakeTransport(end, isServer=not is_client)]
        pump = connect(*ends)
        for _ in range(3):  # each side writes what it has to say in a turn of its own
            clock.advance(1)
            pump.flush()
        if client.received:
            self.assertEqual((client.received, client.failed), (b"PONG", None))
            return server.seen.to_cryptography()
        self.assertIsNotNone(client.failed)
        return None


class ReloadTests(EncryptionCase):
    """New files."""

    def setUp(self) -> None:
        super().setUp()
        self.old, self.new = self.authority, Authority.root("Another Root")
        self.old_client, self.new_client = self.old.client(), self.new.client()
        certificate, key = self.old_client.write(self.directory, "client")
        self.files = RedisTlsConfig(certificate, key, (self.ca,))

    def made(self, workers: IWorkers) -> Encryption:
        encryption = Encryption(self.files, workers)
        self.assertTrue(verifyObject(IReloadable, encryption))
        self.towards = encryption.towards("127.0.0.1")
        return encryption

    def renew(self) -> None:
        """Write new files in the places of the old ones."""
        self.new.write(self.directory)
        self.new_client.write(self.directory, "client")

    def assertOld(self, encryption: Encryption) -> None:
        """Connections are made as the old files say."""
        self.assertEqual(self.talk(encryption, self.old.server(), self.old), self.old_client.certificate)
        self.assertIsNone(self.talk(encryption, self.new.server(), self.old))

    def assertNew(self, encryption: Encryption) -> None:
        """Connections are made as the new files say."""
        self.assertEqual(self.talk(encryption, self.new.server(), self.new), self.new_client.certificate)
        self.assertIsNone(self.talk(encryption, self.old.server(), self.new))

    def test_new_files(self) -> None:
        """What the files hold counts from a reload on, for whoever is trusted and for what is shown."""
        workers = HeldWorkers()
        encryption = self.made(workers)
        self.assertOld(encryption)
        self.renew()
        self.assertOld(encryption)
        reloading = Deferred.fromCoroutine(encryption.reload())
        self.assertOld(encryption)
        with capturedLogs() as events:
            workers.step()
        self.assertTrue(self.successResultOf(reloading))
        self.assertEqual(
            lines(events),
            [("info", "the next connection to Redis uses what the files of redis.tls hold now")],
        )
        self.assertNew(encryption)

    def test_unusable(self) -> None:
        """Files that cannot be used change nothing, and the log says why."""
        encryption = self.made(InlineWorkers())
        self.renew()
        Path(self.files.key).write_bytes(self.old_client.key_pem)  # as in the middle of a renewal
        with capturedLogs() as events:
            self.assertFalse(self.successResultOf(Deferred.fromCoroutine(encryption.reload())))
            os.unlink(self.ca)
            self.assertFalse(self.successResultOf(Deferred.fromCoroutine(encryption.reload())))
        kept = "what was read before stays in use"
        self.assertEqual(
            lines(events),
            [
                ("error", f"redis.tls.key: does not belong to the certificate; {kept}"),
                ("error", f"redis.tls.rootcas[0]: {self.ca}: No such file or directory; {kept}"),
            ],
        )
        self.assertOld(encryption)
        self.renew()
        self.assertTrue(self.successResultOf(Deferred.fromCoroutine(encryption.reload())))
        self.assertNew(encryption)


class FilesTests(EncryptionCase):
    """What is good, and what is a fault."""

    def faults(self, tls: RedisTlsConfig) -> tuple[str, ...]:
        faults: tuple[str, ...] = self.assertRaises(Misconfigured, Encryption, tls, InlineWorkers()).faults
        return faults

    def test_pipe(self) -> None:
        """A pipe in the place of a file holds up nobody: it is a fault."""
        pipe = str(self.directory / "pipe")
        os.mkfifo(pipe)
        [fault] = self.faults(RedisTlsConfig(rootcas=(pipe,)))
        self.assertEqual(fault, f"redis.tls.rootcas[0]: {pipe}: it is not a regular file")

    def test_tls(self) -> None:
        """Good files are taken: chains, several authorities, or the system's."""
        intermediate = self.authority.intermediate()
        certificate, key = intermediate.client().write(self.directory, "client")
        for tls in (
            RedisTlsConfig(certificate, key, (self.ca,)),
            RedisTlsConfig(rootcas=(self.ca, self.ca)),
            RedisTlsConfig(),
        ):
            Encryption(tls, InlineWorkers())

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

    def test_odd(self) -> None:
        """So is one that holds a key, or a certificate for one, of a kind that nobody knows."""
        certificate, key = self.authority.client().write(self.directory, "client")
        odd_key, odd = self.directory / "odd.key", self.directory / "odd.crt"
        odd_key.write_text(ODD_KEY)
        odd.write_text(ODD_CERTIFICATE)
        for files, fault in (
            ((certificate, str(odd_key)), f"redis.tls.key: {odd_key}: is of an unknown kind"),
            ((str(odd), key), f"redis.tls.certificate: {odd}: is for a key of an unknown kind"),
        ):
            self.assertEqual(self.faults(RedisTlsConfig(*files)), (fault,))

    def test_no_signatures(self) -> None:
        """So is one for a key that only agrees on secrets, and signs nothing."""
        private, issuer = X25519PrivateKey.generate(), self.authority.client()
        own = (
            x509.CertificateBuilder(issuer.certificate.issuer, issuer.certificate.subject)
            .public_key(private.public_key())
            .serial_number(1)
            .not_valid_before(issuer.certificate.not_valid_before_utc)
            .not_valid_after(issuer.certificate.not_valid_after_utc)
            .sign(issuer.private_key, SHA256())
        )
        key, certificate = self.directory / "x.key", self.directory / "x.crt"
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        certificate.write_bytes(own.public_bytes(Encoding.PEM))
        self.assertEqual(
            self.faults(RedisTlsConfig(str(certificate), str(key))),
            (f"redis.tls.key: {key}: is of a kind that TLS does not know",),
        )

    def test_names(self) -> None:
        """Names that docker gives, and that no certificate can be for, are told when they are named."""
        encryption = Encryption(RedisTlsConfig(), InlineWorkers())
        for host in ("project_redis_1", "ab--c", "xn--a"):
            error = self.assertRaises(Misconfigured, encryption.towards, host)
            self.assertEqual(error.faults, (f"redis.addr(s): no certificate can be good for {host!r}",))
        encryption.towards("redis.example.com")

    def test_weak(self) -> None:
        """So is a certificate that OpenSSL does not take."""
        certificate, key = self.authority.client(kind="weak").write(self.directory, "weak")
        self.assertEqual(
            self.faults(RedisTlsConfig(certificate, key)),
            ("redis.tls.certificate: OpenSSL does not take it: ee key too small",),
        )
