"""The section ``auth``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.auth import SIGNING_ALGORITHMS, HtpasswdOptions, SillyOptions, TokenOptions
from txregistry.config.values import AuthConfig

TOKEN = "realm: 'https://auth.test/token', issuer: i, service: s, rootcertbundle: /bundle.pem"


class AuthTests(SynchronousTestCase):
    """What is read."""

    def read(self, text: str) -> AuthConfig:
        reading = read(f"{LEAST}auth: {text}\n")
        self.assertEqual((reading.faults, reading.warnings), ((), ()), text)
        return reading.require().auth

    def test_none(self) -> None:
        """Without a kind, or with ``none`` in any case, everybody may do everything."""
        for text in ("", "none", "{None: {}}", "{}", "{none: }"):
            self.assertEqual(self.read(text), AuthConfig("none", None), text)

    def test_silly(self) -> None:
        """Both texts are kept, empty ones too."""
        self.assertEqual(
            self.read("{silly: {realm: r, service: ''}}"), AuthConfig("silly", SillyOptions("r", ""))
        )

    def test_htpasswd(self) -> None:
        """Realm and path are kept."""
        expected = AuthConfig("htpasswd", HtpasswdOptions("basic realm", "/auth/htpasswd"))
        self.assertEqual(self.read("{htpasswd: {realm: basic realm, path: /auth/htpasswd}}"), expected)

    def test_token(self) -> None:
        """What is not said has distribution's default."""
        expected = TokenOptions(
            "https://auth.test/token", "i", "s", "/bundle.pem", "", SIGNING_ALGORITHMS, False, "/auth/token"
        )
        self.assertEqual(self.read(f"{{token: {{{TOKEN}}}}}"), AuthConfig("token", expected))

    def test_token_of_31(self) -> None:
        """The keys of 3.1."""
        text = f"{TOKEN}, jwks: /keys, signingalgorithms: [RS256, EdDSA], autoredirect: yes"
        for path in ("/a/b", "a/b"):
            options = self.read(f"{{token: {{{text}, autoredirectpath: {path}}}}}").options
            assert isinstance(options, TokenOptions)
            self.assertEqual(
                (options.jwks, options.signing_algorithms, options.autoredirect, options.autoredirect_path),
                ("/keys", ("RS256", "EdDSA"), True, "/a/b"),
            )

    def test_faults(self) -> None:
        """What cannot be used is told, each with its path."""
        for text, *faults in (
            ("mine", "auth.mine: unknown kind of access control"),
            ("{none: , token: }", "auth: must name exactly one kind, not 'none' and 'token'"),
            ("htpasswd", "auth.htpasswd.realm: must be given", "auth.htpasswd.path: must be given"),
            ("{silly: {realm: 5, service: }}", "auth.silly.realm: must be text, not '5'", "?"),
            ("{silly: []}", "auth.silly: must be a mapping, not a list", "?", "?"),
            (f"{{token: {{{TOKEN}, autoredirect: 'yes'}}}}", "?"),
            (f"{{token: {{{TOKEN}, signingalgorithms: RS256}}}}", "?"),
            (
                f"{{token: {{{TOKEN}, signingalgorithms: [RS256, none, 7]}}}}",
                "auth.token.signingalgorithms[1]: no signing algorithm is called 'none'",
                "?",
            ),
            ("{token: {realm: r, issuer: i, service: s}}", "?"),
        ):
            found = read(f"{LEAST}auth: {text}\n").faults
            self.assertEqual(len(found), len(faults), (text, found))
            for one, expected in zip(found, faults, strict=True):
                self.assertTrue(expected in ("?", one), (one, expected))
                self.assertTrue(one.startswith("auth"), one)

    def test_unknown_keys(self) -> None:
        """A key that nobody reads is a warning."""
        reading = read(f"{LEAST}auth: {{htpasswd: {{realm: r, path: p, file: q}}}}\n")
        self.assertEqual(
            (reading.faults, reading.warnings), ((), ("auth.htpasswd.file: unknown key, ignored",))
        )
