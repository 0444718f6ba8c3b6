"""Tests for the files with keys."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from tests.auth.controllers import key
from tests.auth.making import KINDS, b64url, jwk
from txregistry.auth.keyfiles import KeyFiles
from txregistry.auth.keys import TrustedKeys, thumbprints
from txregistry.errors import Misconfigured


def useless_certificate() -> bytes:
    """A certificate, in PEM, for a key that no token can be signed with."""
    private = ec.generate_private_key(ec.SECP256K1())
    builder = x509.CertificateBuilder(
        x509.Name([]),
        x509.Name([]),
        private.public_key(),
        1,
        key().certificate.not_valid_before_utc,
        key().certificate.not_valid_after_utc,
    )
    return builder.sign(private, SHA256()).public_bytes(Encoding.PEM)


class KeyFilesTests(SynchronousTestCase):
    """What is read, and what is wrong."""

    def file(self, content: bytes | Any) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    def read(self, bundle: Any = None, jwks: Any = None) -> TrustedKeys:
        self.files = KeyFiles()
        return self.files.read(*("" if content is None else self.file(content) for content in (bundle, jwks)))

    def faults(self, bundle: Any = None, jwks: Any = None) -> tuple[str, ...]:
        faults: tuple[str, ...] = self.assertRaises(Misconfigured, self.read, bundle, jwks).faults
        return faults

    def test_bundle(self) -> None:
        """The key of each certificate has all its ids; other blocks, and text between them, are skipped."""
        keys = [key(kind) for kind in KINDS]
        parts = [b"".join((b"# a key\n", each.private_pem, each.certificate_pem)) for each in keys]
        trusted = self.read(b"\n".join(parts))
        expected = {id for each in keys for id in (each.libtrust_id, *thumbprints(each.public))}
        self.assertEqual(set(trusted.by_id), expected)
        self.assertEqual(trusted.roots, tuple(each.certificate for each in keys))
        self.assertEqual(self.files.warnings, [])

    def test_bundle_line_ends(self) -> None:
        """Lines may end as on other systems."""
        self.assertEqual(len(self.read(key().certificate_pem.replace(b"\n", b"\r\n")).roots), 1)

    def test_useless_certificate(self) -> None:
        """A certificate with a key of no use is warned about, and still a root."""
        trusted = self.read(useless_certificate() + key().certificate_pem)
        self.assertEqual(set(trusted.by_id), {key().libtrust_id, *thumbprints(key().public)})
        self.assertEqual(len(trusted.roots), 2)
        (warning,) = self.files.warnings
        self.assertIn("auth.token.rootcertbundle: certificate 1 is of no use: ", warning)

    def test_jwks(self) -> None:
        """Each key of a set has the id that stands there; one without has those that it has by nature."""
        keys = [key("RSA"), key("P-384"), key("Ed25519"), key("P-256")]
        members = [jwk(each.public, kid=f"key {number}") for number, each in enumerate(keys[:3])]
        trusted = self.read(jwks={"keys": [*members, jwk(keys[3].public)], "more": 1})
        expected = {"key 0", "key 1", "key 2", keys[3].libtrust_id, *thumbprints(keys[3].public)}
        self.assertEqual(set(trusted.by_id), expected)
        self.assertEqual((self.files.warnings, trusted.roots), ([], ()))

    def test_private_parts(self) -> None:
        """Of a private key in a set, the public part is taken."""
        private = key("P-256").private
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        number = b64url(private.private_numbers().private_value.to_bytes(32, "big"))
        trusted = self.read(jwks={"keys": [jwk(private.public_key(), kid="x", d=number)]})
        self.assertIsInstance(trusted.by_id["x"], ec.EllipticCurvePublicKey)

    def test_skipped(self) -> None:
        """Keys of a set that cannot be used are skipped, each with a warning; so are shared secrets."""
        useless: list[Any] = [{"kty": "oct", "k": "AAAA", "kid": "secret"}, 7, None, {}]
        useless += [
            jwk(key().public, kid=7),
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "off"},
        ]
        trusted = self.read(jwks={"keys": [*useless, jwk(key().public, kid="good")]})
        self.assertEqual(set(trusted.by_id), {"good"})
        self.assertEqual(len(self.files.warnings), len(useless))
        self.assertIn("auth.token.jwks: key 1 is of no use: it is a shared secret", self.files.warnings[0])
        self.assertNotIn("AAAA", "".join(self.files.warnings))

    def test_both(self) -> None:
        """Bundle and set add up."""
        trusted = self.read(key("RSA").certificate_pem, {"keys": [jwk(key().public, kid="other")]})
        self.assertEqual(set(trusted.by_id), {key("RSA").libtrust_id, key("RSA").thumbprint, "other"})

    def test_same_id(self) -> None:
        """A key that takes another's id is warned about."""
        members = [jwk(key().public, kid="x"), jwk(key("RSA").public, kid="x")]
        trusted = self.read(jwks={"keys": members})
        self.assertEqual(list(trusted.by_id.values()), [trusted.by_id["x"]])
        (warning,) = self.files.warnings
        self.assertIn("key 2 takes the place of another one", warning)

    def test_missing(self) -> None:
        """Files that cannot be read are named, all of them, each with its key."""
        missing, folder = self.mktemp(), self.mktemp()
        os.mkdir(folder)
        faults = self.assertRaises(Misconfigured, KeyFiles().read, missing, folder).faults
        self.assertEqual(
            [fault.partition(": cannot be read: ")[0] for fault in faults],
            ["auth.token.rootcertbundle", "auth.token.jwks"],
        )
        self.assertIn(missing, faults[0])
        self.assertRaises(Misconfigured, KeyFiles().read, "a\0b", "")

    def test_pipe(self) -> None:
        """A pipe that nobody writes to holds nobody up."""
        pipe = self.mktemp()
        os.mkfifo(pipe)
        faults = self.assertRaises(Misconfigured, KeyFiles().read, pipe, pipe).faults
        expected = f"cannot be read: it is not a regular file: {pipe!r}"
        self.assertEqual(faults, (f"auth.token.rootcertbundle: {expected}", f"auth.token.jwks: {expected}"))

    def test_no_file(self) -> None:
        """With neither file there is nothing to verify tokens with."""
        (fault,) = self.faults()
        self.assertIn("auth.token.rootcertbundle: ", fault)

    def test_broken(self) -> None:
        """What is wrong with a file is said in one line that begins with its key."""
        broken = key().certificate_pem.replace(b"MII", b"AAA", 1)
        for bundle, text in (
            (b"", "no certificate"),
            (key().private_pem, "no certificate"),
            (broken, "cannot be read"),
            (key().certificate_pem[:200], "cannot be read"),
            (useless_certificate(), "no key"),
        ):
            (fault,) = self.faults(bundle)
            self.assertTrue(fault.startswith("auth.token.rootcertbundle: "), fault)
            self.assertIn(text, fault)
            self.assertNotIn("\n", fault)
        for jwks, text in (
            (b"", "not JSON"),
            (b"\xff", "not UTF-8"),
            (b'{"keys": [], "keys": []}', "twice"),
            (b"[" * 9999, "deep"),
            ([], "not a JSON object"),
            ({}, 'no list "keys"'),
            ({"keys": {}}, 'no list "keys"'),
            ({"keys": []}, "no key"),
            ({"keys": [{"kty": "oct", "k": "AAAA"}]}, "no key"),
        ):
            (fault,) = self.faults(jwks=jwks)
            self.assertTrue(fault.startswith("auth.token.jwks: "), fault)
            self.assertIn(text, fault)
            self.assertNotIn("\n", fault)
