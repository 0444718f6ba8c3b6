"""
Certificates for tests, made on the spot.

An :class:`Authority` signs; what it signs is a :class:`Credential`, which
knows its own PEM texts and writes them to files.  Times are counted from now
in days, so that nothing in here ever expires by itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import define, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

#: How a server on this machine may be called.
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
#: Days that a certificate is good for, unless a test says otherwise.
DAYS = (-1.0, 90.0)


@frozen
class Credential:
    """
    A certificate with its key, and the certificates above it that belong into its file.

    :ivar chain: intermediate certificates, the issuer of the certificate first.
    """

    certificate: x509.Certificate
    private_key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def leaf_pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate and what stands above it."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        """The private key, in PKCS#8."""
        return self._key(NoEncryption())

    def encrypted_key_pem(self, password: bytes) -> bytes:
        """The private key behind *password*."""
        return self._key(BestAvailableEncryption(password))

    def _key(self, encryption: KeySerializationEncryption) -> bytes:
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def write(self, directory: str | Path, name: str = "server") -> tuple[str, str]:
        """Write ``name.crt`` and ``name.key`` into *directory*, which is made if needed; their paths."""
        where = Path(directory).absolute()
        where.mkdir(parents=True, exist_ok=True)
        certificate, key = where / f"{name}.crt", where / f"{name}.key"
        certificate.write_bytes(self.certificate_pem)
        key.write_bytes(self.key_pem)
        return str(certificate), str(key)


@define(eq=False)
class Authority:
    """
    Signs certificates.

    :ivar own: its own certificate and key; a root's chain is empty, as roots are not sent.
    """

    own: Credential

    @classmethod
    def root(cls, name: str = "Test Root", days: tuple[float, float] = DAYS) -> Authority:
        """One that signs itself."""
        key = _private_key("ec")
        subject = _named(name)
        certificate = _authority(subject, subject, key, days).sign(key, hashes.SHA256())
        return cls(Credential(certificate, key))

    def intermediate(self, name: str = "Test Intermediate", days: tuple[float, float] = DAYS) -> Authority:
        """One whose certificate this one signs; it belongs into the files of what it signs."""
        key = _private_key("ec")
        builder = _authority(_named(name), self.own.certificate.subject, key, days)
        certificate = builder.sign(self.own.private_key, hashes.SHA256())
        return Authority(Credential(certificate, key, self.own.chain))

    def cross_sign(self, other: Authority, days: tuple[float, float] = DAYS) -> x509.Certificate:
        """Another certificate for the key and the name of *other*, issued by this one."""
        builder = _authority(
            other.own.certificate.subject, self.own.certificate.subject, other.own.private_key, days
        )
        return builder.sign(self.own.private_key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """Its certificate, for those who shall trust it."""
        return self.own.leaf_pem

    def write(self, directory: str | Path, name: str = "ca") -> str:
        """Write ``name.crt`` into *directory*, which is made if needed; the path."""
        where = Path(directory).absolute()
        where.mkdir(parents=True, exist_ok=True)
        path = where / f"{name}.crt"
        path.write_bytes(self.pem)
        return str(path)

    def server(
        self,
        names: Sequence[str] = LOCAL_NAMES,
        days: tuple[float, float] = DAYS,
        kind: str = "ec",
    ) -> Credential:
        """
        A server's certificate.

        :param names: host names and addresses that it is good for; the first is its common name.
        :param days: from when until when, counted from now.
        :param kind: ``ec`` or ``rsa``, or ``weak`` for a key that nobody should use.
        """
        return self._issue(names[0], names, ExtendedKeyUsageOID.SERVER_AUTH, days, kind)

    def client(self, name: str = "client", days: tuple[float, float] = DAYS, kind: str = "ec") -> Credential:
        """A client's certificate, good for nothing else."""
        return self._issue(name, (), ExtendedKeyUsageOID.CLIENT_AUTH, days, kind)

    def _issue(
        self,
        name: str,
        names: Sequence[str],
        usage: x509.ObjectIdentifier,
        days: tuple[float, float],
        kind: str,
    ) -> Credential:
        key = _private_key(kind)
        builder = (
            _certificate(_named(name), self.own.certificate.subject, key, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_alternative(one) for one in names])
            builder = builder.add_extension(alternatives, critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.own.private_key.public_key()),
            critical=False,
        )
        certificate = builder.sign(self.own.private_key, hashes.SHA256())
        above = (self.own.certificate, *self.own.chain)
        return Credential(certificate, key, () if _is_root(self.own.certificate) else above)


def _is_root(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _private_key(kind: str) -> PrivateKey:
    if kind != "ec":
        return rsa.generate_private_key(public_exponent=65537, key_size=1024 if kind == "weak" else 2048)
    return ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey,
    days: tuple[float, float],
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey,
    days: tuple[float, float],
) -> x509.CertificateBuilder:
    return (
        _certificate(subject, issuer, key, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
