"""What a daemon takes over of files that have changed since it started."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

from cryptography import x509
from twisted.internet import reactor as _reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.auth.controllers import REALM, key
from tests.auth.making import ISSUER, SERVICE, SigningKey, make_claims, sign
from tests.certificates import Authority, Credential
from tests.live.wire import Wire, bearer
from tests.test_assembly import config_of
from tests.test_observing import NoLog
from txregistry.assembly import assemble

reactor: Any = _reactor


class FilesTests(TestCase):
    """A daemon with tokens and TLS, whose keys and certificate are exchanged."""

    timeout = 60

    def setUp(self) -> None:
        self.authority = Authority.root()
        self.directory = Path(self.mktemp()).absolute()
        self.first, self.second = self.authority.server(), self.authority.server()
        certificate, private = self.first.write(self.directory)
        self.bundle = self.directory / "bundle.pem"
        self.bundle.write_bytes(key().certificate_pem)
        self.config = config_of(
            http=f"tls: {{certificate: {certificate}, key: {private}}}",
            rest=f"auth: {{token: {{realm: '{REALM}', issuer: {ISSUER}, service: {SERVICE}, "
            f"rootcertbundle: {self.bundle}}}}}\nlog: {{accesslog: {{disabled: true}}}}",
        )
        self.daemon = assemble(self.config, reactor, NoLog(), NoLog())
        self.daemon.privilegedStartService()
        self.daemon.startService()
        self.addCleanup(maybeDeferred, self.daemon.stopService)
        address: Any = self.daemon.listener.ports[0].getHost()
        self.port: int = address.port
        self.context = ssl.create_default_context(cadata=self.authority.pem.decode())

    async def status(self, signer: SigningKey) -> int:
        """What a token of *signer* is answered."""
        token = sign(signer, make_claims(time.time()))
        wire = Wire("localhost", self.port, tls=self.context)
        answer = await deferToThread(wire.request, "GET", "/v2/", headers=bearer(token))
        return answer.status

    async def shown(self) -> x509.Certificate:
        """The certificate that a new connection sees."""

        def look() -> bytes:
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain,
                self.context.wrap_socket(plain, server_hostname="localhost") as connection,
            ):
                return connection.getpeercert(binary_form=True) or b""

        return x509.load_der_x509_certificate(await deferToThread(look))

    async def seen(self) -> tuple[int, int, Credential]:
        """What a token of the old and of the new key is answered, and which certificate is shown."""
        certificate = await self.shown()
        used = next(each for each in (self.first, self.second) if each.certificate == certificate)
        return await self.status(key()), await self.status(key("P-256", 1)), used

    async def test_exchanged(self) -> None:
        """Keys and certificate count when they are taken over, and not before."""
        before = (200, 401, self.first)
        self.assertEqual(await self.seen(), before)
        self.second.write(self.directory)
        self.bundle.write_bytes(key("P-256", 1).certificate_pem)
        self.assertEqual(await self.seen(), before)
        await self.daemon.take_over(self.config)
        self.assertEqual(await self.seen(), (401, 200, self.second))
