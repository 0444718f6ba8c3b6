"""The base of live tests of access control and TLS: certificates, passwords, and a log without them."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path

from tests.certificates import Authority, Credential
from tests.live.case import LiveTestCase
from tests.live.images import Layout, tar_of
from tests.live.processes import require, run
from tests.live.registries import Registry


def password_forms(passwords: Mapping[str, str]) -> set[str]:
    """Give all forms in which the passwords of users travel."""
    pairs = {base64.b64encode(f"{user}:{word}".encode()).decode() for user, word in passwords.items()}
    return {*passwords.values(), *pairs}


class PasswordFile:
    """
    A password file that is written as operators do it, with Apache's ``htpasswd``.

    :param path: it is made with the first user.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._program = require("htpasswd")

    def set(self, user: str, password: str) -> None:
        """Give *user* a password, a new one if there was another."""
        options = "-Bb" if self.path.exists() else "-cBb"
        run([self._program, options, str(self.path), user, password])

    def remove(self, user: str) -> None:
        """Take *user* out."""
        run([self._program, "-D", str(self.path), user])


class GuardedTestCase(LiveTestCase):
    """
    Starts registries that not everybody may use, and has them tell no secret.

    :ivar authority: signs what registries show; who trusts the directory :attr:`trust`, trusts it.
    """

    def setUp(self) -> None:
        """Give each test an authority, and clients a reason to trust it."""
        self.authority = Authority.root()
        self.trust = self.short_directory()
        self.authority.write(self.trust)

    def secrets(self) -> set[str]:
        """Give what must not stand in the output of a registry; tests that have secrets say which."""
        return set()

    def tls(self, **more: object) -> dict[str, object]:
        """Give a section ``http.tls`` with a certificate of its own, and what else is said."""
        certificate, key = self.authority.server().write(self.directory())
        return {"certificate": certificate, "key": key, **more}

    def context(self, client: Credential | None = None) -> ssl.SSLContext:
        """Give what a client needs that trusts the authority, and shows the certificate *client*."""
        context = ssl.create_default_context(cafile=str(self.trust / "ca.crt"))
        if client is not None:
            context.load_cert_chain(*client.write(self.short_directory(), "client"))
        return context

    def guarded(
        self,
        settings: Mapping[str, Mapping[str, object]],
        *,
        storage: Path | None = None,
        port: int | None = None,
        client: Credential | None = None,
    ) -> Registry:
        """
        Start a registry with *settings*; when the test is over, its output is searched for secrets.

        :param client: what the test's own requests show of themselves.
        """
        tls = self.context(client) if "tls" in settings.get("http", {}) else None
        server = self.registry(storage, port=port, settings=settings, tls=tls)
        self.addCleanup(self.assert_told_nothing, server)
        return server

    def assert_told_nothing(self, server: Registry) -> None:
        """End the registry, and see that no secret stands in what it said."""
        server.program.terminate()
        said = server.output()
        self.assertEqual([], [secret for secret in self.secrets() if secret in said])

    def small_image(self, root: Path, content: bytes = b"hello") -> tuple[str, Layout]:
        """Make an image of one layer; give how clients call it, and the layout that holds it."""
        layout = Layout(root)
        image = layout.image([layout.layer(tar_of({"content": content}))])
        return layout.tag("v1", image.manifest), layout
