"""Tests for chains of certificates."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto
from twisted.trial.unittest import SynchronousTestCase

from tests.auth.controllers import key
from tests.auth.making import AUTHORITY, KINDS, SigningKey, issue, make_certificate, make_key
from txregistry.auth.chains import CHAIN_LIMIT, Leaf, verified_leaf
from txregistry.auth.keys import numbers_of
from txregistry.auth.refused import TokenRefused

NO_AUTHORITY = ((x509.BasicConstraints(ca=False, path_length=None), True),)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
SIGNS = x509.KeyUsage(False, False, False, False, False, True, False, False, False)


class VerifiedLeafTests(SynchronousTestCase):
    """From the certificates in a token to a key."""

    def setUp(self) -> None:
        self.now = datetime.now(UTC).timestamp()
        self.root = make_key(name="root", extensions=AUTHORITY)
        self.middle = issue(self.root, "P-384", "middle", extensions=AUTHORITY)
        self.leaf = issue(self.middle, name="leaf")

    def verify(self, chain: Sequence[SigningKey], *roots: SigningKey, now: float = 0) -> Leaf:
        texts = [each.certificate_base64 for each in chain]
        return verified_leaf(texts, [root.certificate for root in roots], now or self.now)

    def refused(self, reason: str, chain: Sequence[SigningKey], *roots: SigningKey, now: float = 0) -> None:
        refusal = self.assertRaises(TokenRefused, self.verify, chain, *roots, now=now)
        self.assertTrue(refusal.reason.startswith("x5c: "))
        self.assertIn(reason, refusal.reason)

    def refused_texts(self, reason: str, *chain: str) -> None:
        refusal = self.assertRaises(TokenRefused, verified_leaf, chain, [self.root.certificate], self.now)
        self.assertIn(reason, refusal.reason)

    def test_trusted_itself(self) -> None:
        """A certificate of the bundle vouches for itself, self-signed or not, without any extension."""
        for kind in KINDS:
            found = self.verify([key(kind)], key("Ed25519", 1), key(kind))
            self.assertEqual(numbers_of(found.key), numbers_of(key(kind).public))
        self.assertEqual(numbers_of(self.verify([self.leaf], self.leaf).key), numbers_of(self.leaf.public))

    def test_chain(self) -> None:
        """Certificates in between lead to the root, in any order, with it or without."""
        for rest in ([self.middle], [self.middle, self.root], [self.root, self.middle]):
            found = self.verify([self.leaf, *rest], key(), self.root)
            self.assertEqual(numbers_of(found.key), numbers_of(self.leaf.public))

    def test_kinds(self) -> None:
        """Keys of any kind may vouch for keys of any other."""
        for kind in KINDS:
            root = make_key(kind, "root", extensions=AUTHORITY)
            for other in ("RSA", "Ed25519"):
                self.verify([issue(root, other)], root)

    def test_any_use(self) -> None:
        """What certificates are meant for does not matter."""
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        self.verify([issue(self.root, extensions=[(usage, True), (SIGNS, True)])], self.root)

    def test_root_in_between(self) -> None:
        """The bundle may name an authority in the middle."""
        self.verify([self.leaf], self.middle)

    def test_expired_root_beside(self) -> None:
        """A certificate of the bundle is good although the one that signed it has expired."""
        old = make_key(extensions=AUTHORITY, begins=datetime(2000, 1, 1), ends=datetime(2001, 1, 1))
        leaf = issue(old)
        self.refused("expired", [leaf], old)
        self.verify([leaf], old, leaf)

    def test_strangers(self) -> None:
        """Nobody else's certificates lead to the bundle."""
        twin = make_key(name="root", extensions=AUTHORITY)
        self.refused("self-signed", [key()], self.root)
        self.refused("unable to get local issuer", [self.leaf], self.root)
        self.refused("signature failure", [issue(twin)], self.root)
        self.refused("signature failure", [issue(twin), twin], self.root)
        self.refused("no root", [key()])

    def test_order(self) -> None:
        """The first certificate is the one whose key counts."""
        found = self.verify([self.middle, self.leaf], self.root)
        self.assertEqual(numbers_of(found.key), numbers_of(self.middle.public))

    def test_times(self) -> None:
        """All certificates have to be valid now; the answer says how long they are."""
        ends = datetime(2101, 1, 1, tzinfo=UTC)
        root = make_key(extensions=AUTHORITY, begins=datetime(2000, 1, 1), ends=ends)
        leaf = issue(root, begins=datetime(2001, 1, 1), ends=datetime(2102, 1, 1))
        found = self.verify([leaf], root)
        self.assertEqual(found.begins, datetime(2001, 1, 1, tzinfo=UTC).timestamp())
        self.assertEqual(found.ends, ends.timestamp())
        self.verify([leaf], root, now=found.begins)
        self.verify([leaf], root, now=found.ends)
        self.refused("not yet valid", [leaf], root, now=found.begins - 1)
        self.refused("expired", [leaf], root, now=found.ends + 1)

    def test_no_authority(self) -> None:
        """Only who says that it is an authority vouches for others."""
        for extensions, reason in (
            ((), "invalid CA"),
            (NO_AUTHORITY, "invalid CA"),
            (((SIGNS, True),), ""),
        ):
            root = make_key(name="root", extensions=extensions)
            self.refused(reason or "not an authority", [issue(root)], root)
            middle = issue(self.root, name="middle", extensions=extensions)
            self.refused(reason, [issue(middle, name="leaf"), middle], self.root)

    def test_every_issuer(self) -> None:
        """Each of those that sign has to be one: OpenSSL forgives it also far from the leaf."""
        root = make_key(name="root", extensions=((SIGNS, True),))
        middle = issue(root, name="middle", extensions=AUTHORITY)
        self.refused("not an authority", [issue(middle), middle], root)

    def test_version_1(self) -> None:
        """A root of version 1 could not say it, and is trusted all the same."""
        root = self._version_1()
        self.assertIs(root.certificate.version, x509.Version.v1)
        leaf = issue(root)
        self.assertEqual(numbers_of(self.verify([leaf], root).key), numbers_of(leaf.public))
        middle = issue(root, name="middle", extensions=AUTHORITY)
        self.verify([issue(middle), middle], root)

    def _version_1(self) -> SigningKey:
        """A key with a certificate of its own in the oldest form."""
        made = make_key(name="root")
        certificate = crypto.X509.from_cryptography(made.certificate)
        certificate.set_version(0)
        certificate.sign(crypto.PKey.from_cryptography_key(made.private), "sha256")
        return SigningKey(made.private, certificate.to_cryptography(), made.algorithm)

    def test_path_length(self) -> None:
        """An authority says how many others may be below it."""
        root = make_key(extensions=((x509.BasicConstraints(ca=True, path_length=0), True),))
        self.verify([issue(root)], root)
        middle = issue(root, name="middle", extensions=AUTHORITY)
        self.refused("path length", [issue(middle), middle], root)

    def test_critical(self) -> None:
        """A critical extension that nobody knows makes a certificate useless; another one does not."""
        self.verify([issue(self.root, extensions=[(UNKNOWN, False)])], self.root)
        self.refused("critical extension", [issue(self.root, extensions=[(UNKNOWN, True)])], self.root)

    def test_broken_hash(self) -> None:
        """A signature over SHA-1 vouches for nobody; that of a root does not matter."""
        leaf, root = self._sha1(self.root), self._sha1(None)
        self.assertIsInstance(leaf.certificate.signature_hash_algorithm, SHA1)
        self.refused("SHA-1", [leaf], self.root)
        self.verify([root], root)

    def _sha1(self, parent: SigningKey | None) -> SigningKey:
        """A key with a certificate that *parent*, by default its own key, signed over SHA-1."""
        made = make_key("RSA") if parent is None else issue(parent, "RSA")
        certificate = crypto.X509.from_cryptography(made.certificate)
        certificate.sign(crypto.PKey.from_cryptography_key((parent or made).private), "sha1")
        return SigningKey(made.private, certificate.to_cryptography(), "RS256")

    def test_limits(self) -> None:
        """So many certificates and such large keys are looked at, and no more."""
        others = [key()] * (CHAIN_LIMIT - 1)
        self.verify([self.root, *others], self.root)
        self.refused(f"more than {CHAIN_LIMIT}", [self.root, *others, key()], self.root)
        for large in (
            rsa.RSAPublicNumbers(65537, (1 << 8199) + 1),
            rsa.RSAPublicNumbers((1 << 31) + 1, (1 << 2047) + 1),
        ):
            certificate = make_certificate(large.public_key(), "large", signed_by=self.root.private)
            text = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
            self.refused_texts("too large", text)
            self.refused_texts("too large", self.leaf.certificate_base64, text)

    def test_unusable_keys(self) -> None:
        """Keys that sign no tokens are refused wherever they stand."""
        public = ec.generate_private_key(ec.SECP256K1()).public_key()
        certificate = make_certificate(public, "odd", signed_by=self.root.private)
        text = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
        self.refused_texts("secp256k1", text)
        self.refused_texts("secp256k1", self.leaf.certificate_base64, text)

    def test_no_certificates(self) -> None:
        """What is no certificate is refused, in either alphabet of base64."""
        good = self.leaf.certificate_base64
        for text in (
            "",
            "AAAA",
            "é",
            "!",
            good[:-4],
            good.replace("M", "-", 1),
            f" {good}",
            good + "AAAA",
            good[:9],
        ):
            self.refused_texts("no certificate", text)
            self.refused_texts("no certificate", good, text)

    def test_malformed(self) -> None:
        """What only one of the libraries takes for a certificate is refused, wherever it stands."""
        good = self.leaf.certificate_base64
        der = self.leaf.certificate.public_bytes(Encoding.DER)
        version, name = b"\xa0\x03\x02\x01\x02", b"\x0c\x04leaf"
        for old, new in ((version, b"\xa0\x03\x02\x01\x2f"), (name, b"\x0c\x04\xff\xff\xff\xff")):
            self.assertIn(old, der)
            text = base64.b64encode(der.replace(old, new)).decode()
            self.refused_texts("no certificate", text)
            self.refused_texts("no certificate", good, text)

    def test_lines(self) -> None:
        """The base64 may be broken into lines."""
        text = "\r\n".join(
            self.root.certificate_base64[at : at + 64]
            for at in range(0, len(self.root.certificate_base64), 64)
        )
        verified_leaf([text], [self.root.certificate], self.now)

    def test_changed(self) -> None:
        """No certificate with a changed byte, of those that a signature covers, leads to the root."""
        leaf = issue(self.root)
        der = leaf.certificate.public_bytes(Encoding.DER)
        begin = der.index(leaf.certificate.tbs_certificate_bytes)
        for at in range(begin, begin + len(leaf.certificate.tbs_certificate_bytes), 3):
            changed = der[:at] + bytes([der[at] ^ 1]) + der[at + 1 :]
            self.refused_texts("x5c: ", base64.b64encode(changed).decode())
