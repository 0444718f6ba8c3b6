"""Tests for :mod:`bench.variants`."""

import base64
import ssl
import time
from pathlib import Path
from typing import Any

import bcrypt
import jwt
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from bench.variants import LATECOMERS, OPEN, USER, basic, libtrust_id, make_variants


def key_of(file: Path) -> ec.EllipticCurvePublicKey:
    """The public key of the certificate in *file*."""
    key = x509.load_pem_x509_certificate(file.read_bytes()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


class BasicTests(SynchronousTestCase):
    """The header of a user with a password."""

    def test_pair(self) -> None:
        """Name and password are joined by a colon, in base64."""
        self.assertEqual(b"me:pass", base64.b64decode(basic("me", "pass").removeprefix("Basic ")))


class LibtrustIdTests(SynchronousTestCase):
    """The key id of distribution 2.8."""

    def test_known(self) -> None:
        """A key has the id that docker-registry looks for."""
        x = int.from_bytes(base64.urlsafe_b64decode("IynAXWaj3_2OE4JzXBb-Ubo5XSfiTtxILfU7t42OVCU="))
        y = int.from_bytes(base64.urlsafe_b64decode("z43i2P3WsjenBrkp4b0HVGgsDfbj_9lhmVkn4pwXVsQ="))
        self.assertEqual(
            "MYHI:DOP6:3WFD:6FRX:L4WR:AS7V:XISM:3NWA:B4IE:DDV6:DEND:QNOS",
            libtrust_id(ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()),
        )


class MakeVariantsTests(SynchronousTestCase):
    """What the variants say, and the files that they name."""

    def setUp(self) -> None:
        self.variants = make_variants(Path(self.mktemp()), "bench/app")

    def auth(self, name: str) -> Any:
        """What the section ``auth`` of a variant says about its kind."""
        return yaml.safe_load(self.variants[name].auth)["auth"][name]

    def test_names(self) -> None:
        """Each is found by its own name, and the open one among them is as it always is."""
        self.assertEqual({"open", "htpasswd", "token", "tls", "redis", "redis-away"}, set(self.variants))
        self.assertEqual([*self.variants], [variant.name for variant in self.variants.values()])
        self.assertIs(OPEN, self.variants["open"])

    def test_passwords(self) -> None:
        """The password that requests show is everybody's, at bcrypt's cost 10."""
        shown = self.variants["htpasswd"].headers["Authorization"].removeprefix("Basic ")
        user, _, password = base64.b64decode(shown).decode().partition(":")
        lines = Path(self.auth("htpasswd")["path"]).read_text().splitlines()
        users = dict(line.split(":") for line in lines)
        self.assertEqual(USER, user)
        self.assertEqual({USER, *(f"late-{number}" for number in range(LATECOMERS))}, set(users))
        self.assertEqual(1, len(set(users.values())))
        self.assertEqual("$2b$10$", users[user][:7])
        self.assertTrue(bcrypt.checkpw(password.encode(), users[user].encode()))

    def test_token(self) -> None:
        """The token verifies against the bundle, under the key id of 2.8, and outlasts every run."""
        options = self.auth("token")
        key = key_of(Path(options["rootcertbundle"]))
        token = self.variants["token"].headers["Authorization"].removeprefix("Bearer ")
        said = jwt.decode(
            token, key, ["ES256"], audience=options["service"], issuer=options["issuer"], leeway=0
        )
        self.assertEqual(libtrust_id(key), jwt.get_unverified_header(token)["kid"])
        self.assertEqual([{"type": "repository", "name": "bench/app", "actions": ["pull"]}], said["access"])
        self.assertGreater(said["exp"], time.time() + 24 * 3600)

    def test_tls(self) -> None:
        """The certificate and the key belong together."""
        files = yaml.safe_load(self.variants["tls"].tls)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["certificate"], files["key"])
        self.assertEqual("", self.variants["tls"].auth)
