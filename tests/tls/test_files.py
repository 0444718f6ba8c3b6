"""The files of a server's identity."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from tests.certificates import Authority, Credential
from tests.tls.making import Options
from txregistry.errors import Misconfigured
from txregistry.tls.files import Identity, fingerprint, read_identity


class FilesCase(SynchronousTestCase):
    """An authority, and files of what it issued."""

    def setUp(self) -> None:
        self.authority = Authority.root()
        self.directory = self.mktemp()

    def options(self, credential: Credential, *clientcas: str) -> Options:
        return Options.of(credential, self.directory, clientcas=clientcas)

    def write(self, name: str, content: bytes) -> str:
        path = Path(self.directory).absolute() / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def assert_faults(self, options: Options, *faults: str) -> None:
        """The files are refused with *faults*, in which ``{c}`` and ``{k}`` are certificate and key."""
        error = self.assertRaises(Misconfigured, read_identity, options)
        self.assertEqual(
            tuple(fault.format(c=options.certificate, k=options.key) for fault in faults), error.faults
        )


class ReadIdentityTests(FilesCase):
    """What can be used, and what is said of the rest."""

    def test_good(self) -> None:
        """Keys of each common kind are read, with the certificates above and the authorities of clients."""
        for kind in ("ec", "rsa"):
            credential = self.authority.intermediate().server(kind=kind)
            identity = read_identity(self.options(credential, self.authority.write(self.directory)))
            self.assertEqual((credential.certificate, *credential.chain), identity.chain)
            self.assertEqual((self.authority.own.certificate,), identity.authorities)

    def test_bundles(self) -> None:
        """Text and other things around what is looked for do no harm, nor does one file for both."""
        credential = self.authority.server()
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        both = self.write(
            "both", b"subject: x\n" + parameters + credential.key_pem + credential.certificate_pem
        )
        self.assertEqual((credential.certificate,), read_identity(Options(both, both)).chain)

    def test_missing(self) -> None:
        """Each file that cannot be read is told, all of them at once."""
        missing = os.path.abspath(self.mktemp())
        self.assert_faults(
            Options(missing, f"{missing}.key", (f"{missing}.ca", self.authority.write(self.directory))),
            "http.tls.certificate: {c} cannot be read: No such file or directory",
            "http.tls.key: {k} cannot be read: No such file or directory",
            "http.tls.clientcas[0]: {c}.ca cannot be read: No such file or directory",
        )
        self.assert_faults(
            Options(self.directory, "\0"),
            "http.tls.certificate: {c} cannot be read: Is a directory",
            "http.tls.key: {k} cannot be read: embedded null byte",
        )

    def test_no_pem(self) -> None:
        """Files of something else are no certificates, keys or authorities; nor are empty ones."""
        for content in (b"", b"something else", self.authority.own.certificate.public_bytes(Encoding.DER)):
            path = self.write("file", content)
            self.assert_faults(
                Options(path, path, (path,)),
                "http.tls.certificate: {c} holds no certificate in PEM form",
                "http.tls.key: {k} holds no private key in PEM form",
                "http.tls.clientcas[0]: {c} holds no certificate in PEM form",
            )

    def test_swapped(self) -> None:
        """A key in the certificate's place is none, and the other way round."""
        options = self.options(self.authority.server())
        self.assert_faults(
            evolve(options, certificate=options.key, key=options.certificate),
            "http.tls.certificate: {c} holds no certificate in PEM form",
            "http.tls.key: {k} holds no private key in PEM form",
        )

    def test_damaged(self) -> None:
        """What has the frame of PEM and nothing sensible inside is damaged."""
        good = self.authority.server()
        rubbish = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        certificate = self.write("c", good.certificate_pem + rubbish)
        key = self.write("k", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        self.assert_faults(
            Options(certificate, key),
            "http.tls.certificate: {c} is damaged, certificate 2 cannot be understood",
            "http.tls.key: {k} is damaged, its private key cannot be understood",
        )

    def test_cut_short(self) -> None:
        """What has begun and not ended is damaged, as files are that are being written."""
        good = self.authority.server()
        certificate = self.write("c", good.certificate_pem + good.leaf_pem[:200])
        key = self.write("k", good.key_pem[:100])
        self.assert_faults(
            Options(certificate, key),
            "http.tls.certificate: {c} is damaged, certificate 2 cannot be understood",
            "http.tls.key: {k} is damaged, its private key cannot be understood",
        )

    def test_begun_often(self) -> None:
        """Files that begin again and again are not searched again and again."""
        for line in (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN PRIVATE KEY-----"):
            path = self.write("often", line * 100_000)
            self.assertRaises(Misconfigured, read_identity, Options(path, path))

    def test_no_file(self) -> None:
        """A pipe that nobody writes to holds nobody up."""
        path = self.write("pipe", b"")
        os.unlink(path)
        os.mkfifo(path)
        self.assert_faults(
            Options(path, path, (path,)),
            "http.tls.certificate: {c} cannot be read: it is not a regular file",
            "http.tls.key: {k} cannot be read: it is not a regular file",
            "http.tls.clientcas[0]: {c} cannot be read: it is not a regular file",
        )

    def test_too_long(self) -> None:
        """A file beyond all reason is not read to its end."""
        path = self.write("long", b"x" * (4 * 1024 * 1024 + 1))
        self.assert_faults(
            Options(path, path),
            "http.tls.certificate: {c} cannot be read: it is longer than 4194304 bytes",
            "http.tls.key: {k} cannot be read: it is longer than 4194304 bytes",
        )

    def test_encrypted_key(self) -> None:
        """A key behind a password is refused: nobody is asked for it."""
        credential = self.authority.server()
        options = self.options(credential)
        Path(options.key).write_bytes(credential.encrypted_key_pem(b"secret"))
        self.assert_faults(
            options, "http.tls.key: {k} is encrypted, and nobody is there to be asked for the password"
        )

    def test_odd_key(self) -> None:
        """Keys that no TLS server can have are refused."""
        options = self.options(self.authority.server())
        for odd in (dsa.generate_private_key(1024), x25519.X25519PrivateKey.generate()):
            pem = odd.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            Path(options.key).write_bytes(pem)
            self.assert_faults(options, "http.tls.key: {k} is not a key that a TLS server can have")

    def test_mismatch(self) -> None:
        """The key must be that of the first certificate; one that stands further below is told apart."""
        options = self.options(self.authority.server())
        Path(options.key).write_bytes(self.authority.server().key_pem)
        self.assert_faults(options, "http.tls.key: {k} does not belong to the certificate in {c}")
        upside_down = self.authority.intermediate().server()
        options = self.options(upside_down)
        Path(options.certificate).write_bytes(
            upside_down.chain[0].public_bytes(Encoding.PEM) + upside_down.leaf_pem
        )
        self.assert_faults(
            options, "http.tls.key: {k} belongs to certificate 2, which must stand first, of {c}"
        )


class TimeTests(FilesCase):
    """When a certificate is over, and what may become trouble."""

    def setUp(self) -> None:
        super().setUp()
        self.now = datetime.now(UTC)

    def identity(self, credential: Credential, *above: x509.Certificate) -> Identity:
        identity = read_identity(self.options(credential))
        return evolve(identity, chain=identity.chain + above)

    def test_good(self) -> None:
        """Nothing is said of what is good."""
        identity = self.identity(self.authority.intermediate().server())
        self.assertEqual(("", []), (identity.expired(self.now), list(identity.oddities(self.now))))

    def test_expired(self) -> None:
        """A certificate is over at the end of its time, not before."""
        identity = self.identity(self.authority.server(days=(-2, 1)))
        end = identity.chain[0].not_valid_after_utc
        self.assertEqual(end, identity.ends)
        self.assertEqual("", identity.expired(end - timedelta(seconds=1)))
        self.assertEqual(f"expired on {end:%Y-%m-%d %H:%M:%S} UTC", identity.expired(end))

    def test_issuer_expired(self) -> None:
        """So is one whose issuer's certificate, in the same file, is over."""
        identity = self.identity(self.authority.intermediate(days=(-3, -1)).server())
        end = identity.chain[1].not_valid_after_utc
        self.assertEqual(end, identity.ends)
        self.assertEqual(
            f"the certificate of its issuer, in the same file, expired on {end:%Y-%m-%d %H:%M:%S} UTC",
            identity.expired(self.now),
        )

    def test_others_expired(self) -> None:
        """Certificates further above may be over: clients can know a way around them.  It is worth a word."""
        old = Authority.root("Old Root", days=(-9, -1)).own.certificate
        identity = self.identity(self.authority.intermediate().server(), old)
        self.assertEqual("", identity.expired(self.now))
        self.assertEqual(
            [f"certificate 3 of the file expired on {old.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC"],
            list(identity.oddities(self.now)),
        )

    def test_cross_signed_issuer(self) -> None:
        """Of two certificates of its issuer one is enough."""
        issuer = self.authority.intermediate()
        other = Authority.root("Other Root").cross_sign(issuer, days=(-9, -1))
        for above in ((other, issuer.own.certificate), (issuer.own.certificate, other)):
            identity = evolve(self.identity(issuer.server()), chain=(issuer.server().certificate, *above))
            self.assertEqual("", identity.expired(self.now))
            self.assertEqual(1, len(list(identity.oddities(self.now))))

    def test_not_yet(self) -> None:
        """One whose time has not come is odd, not wrong: clocks are, when machines boot."""
        identity = self.identity(self.authority.server(days=(1, 9)))
        begins = identity.chain[0].not_valid_before_utc
        self.assertEqual("", identity.expired(self.now))
        self.assertEqual(
            [f"not valid before {begins:%Y-%m-%d %H:%M:%S} UTC, or the clock is wrong"],
            list(identity.oddities(self.now)),
        )


class FingerprintTests(FilesCase):
    """Whether files changed."""

    def test_changes(self) -> None:
        """Each file counts, even one that comes, goes, or takes another's place with the same length."""
        options = self.options(self.authority.server(), self.authority.write(self.directory))
        seen = [fingerprint(options)]
        self.assertEqual(seen[0], fingerprint(options))
        for path in (options.certificate, options.key, *options.clientcas):
            other = self.write("other", Path(path).read_bytes())
            os.utime(other, ns=(0, os.stat(path).st_mtime_ns))
            os.replace(other, path)
            seen.append(fingerprint(options))
            os.unlink(path)
            seen.append(fingerprint(options))
        self.assertEqual(len(seen), len(set(seen)))

    def test_links(self) -> None:
        """A link that is led elsewhere is a change, wherever on the way it stands."""
        for name in ("a", "b"):
            self.authority.server().write(Path(self.directory) / name)
        link = Path(self.directory).absolute() / "current"
        link.symlink_to("a")
        options = Options(str(link / "server.crt"), str(link / "server.key"))
        before = fingerprint(options)
        link.unlink()
        link.symlink_to("b")
        self.assertNotEqual(before, fingerprint(options))
