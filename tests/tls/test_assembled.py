"""TLS in the whole registry."""

from __future__ import annotations

import http.client
import ssl
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from tests.certificates import Authority
from tests.config.texts import read
from txregistry.assembly import assemble
from txregistry.config.values import Config
from txregistry.errors import Misconfigured

reactor: Any = _reactor


def config_of(http: str, auth: str = "none") -> Config:
    """A configuration that listens on a port of the kernel's choice."""
    return read(
        f"version: 0.1\nstorage: inmemory\nhttp: {{addr: '127.0.0.1:0', secret: s, {http}}}\nauth: {auth}\n"
        "log: {accesslog: {disabled: true}}\n"
    ).require()


class AssembledTests(TestCase):
    """From the configuration to a port that speaks TLS."""

    timeout = 60

    async def test_serves(self) -> None:
        """The files of the configuration are used, and links begin with https."""
        authority = Authority.root()
        certificate, key = authority.server().write(self.mktemp())
        with capturedLogs() as events:
            daemon = assemble(config_of(f"tls: {{certificate: {certificate}, key: {key}}}"), reactor)
            daemon.privilegedStartService()
            daemon.startService()
            self.addCleanup(maybeDeferred, daemon.stopService)
        address: Any = daemon.listener.ports[0].getHost()
        shown = [event["where"] for event in events if "where" in event]
        self.assertEqual([f"127.0.0.1:{address.port}, tls"], shown)

        def begin_upload() -> str:
            context = ssl.create_default_context(cadata=authority.pem.decode())
            client = http.client.HTTPSConnection("localhost", address.port, context=context, timeout=20)
            try:
                client.request("POST", "/v2/a/blobs/uploads/")
                return client.getresponse().headers["Location"]
            finally:
                client.close()

        location = await deferToThread(begin_upload)
        self.assertTrue(location.startswith(f"https://localhost:{address.port}/v2/a/blobs/"), location)

    def test_all_faults(self) -> None:
        """What is wrong with certificates and with access control is told together."""
        config = config_of(
            "tls: {certificate: /nowhere/c, key: /nowhere/k}",
            "{token: {realm: r, service: s, issuer: i, rootcertbundle: /nowhere/b}}",
        )
        error = self.assertRaises(Misconfigured, assemble, config, reactor)
        self.assertEqual(
            ["auth.token.rootcertbundle", "http.tls.certificate", "http.tls.key"],
            [fault.split(":")[0] for fault in error.faults],
        )
