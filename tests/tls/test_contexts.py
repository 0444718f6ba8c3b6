"""What connections are like: versions, cipher suites, protocols, and what is asked of clients."""

from __future__ import annotations

import subprocess
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from tests.certificates import Authority, Credential
from tests.tls.making import Ends, Options, client_context, contexts_of
from txregistry.errors import Misconfigured
from txregistry.model.tls import (
    CLIENT_AUTH,
    DEFAULT_SUITES,
    MODERN_SUITES,
    OLDER_SUITES,
    REQUEST,
    REQUIRE_AND_VERIFY,
    REQUIRE_ANY,
    VERIFY_IF_GIVEN,
)
from txregistry.tls.contexts import Suites, make_context
from txregistry.tls.files import read_identity

TLS10, TLS11, TLS12, TLS13 = SSL.TLS1_VERSION, SSL.TLS1_1_VERSION, SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION
#: Go's names of suites that any OpenSSL has, for the keys that the tests use.
RSA_CBC, ECDHE_CBC = "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"


class ContextCase(SynchronousTestCase):
    """An authority, and connections to a server with a certificate of it."""

    kind = "ec"

    def setUp(self) -> None:
        self.authority = Authority.root()
        self.credential = self.authority.server(kind=self.kind)

    def connect(self, client: SSL.Context, **settings: Any) -> Ends:
        """Connect *client* to a server with these settings, and go as far as it goes."""
        ends = Ends(contexts_of(Options.of(self.credential, self.mktemp(), **settings)), client)
        ends.shake()
        return ends


class VersionTests(ContextCase):
    """Which versions are spoken."""

    kind = "rsa"

    def newest(self, version: int, **settings: Any) -> str:
        """The version agreed on with a client that knows nothing newer than *version*; empty for none."""
        suites = b"ALL:@SECLEVEL=0" if version < TLS12 else b""
        ends = self.connect(client_context(oldest=TLS10, newest=version, suites=suites), **settings)
        return ends.tls.get_protocol_version_name() if ends.works else ""

    def test_minimum(self) -> None:
        """Nothing older than the minimum is spoken; everything newer is."""
        old = {"ciphersuites": (ECDHE_CBC, RSA_CBC)}
        for minimum, others, spoken in (
            ("tls1.2", {}, ["", "", "TLSv1.2", "TLSv1.3"]),
            ("tls1.3", {}, ["", "", "", "TLSv1.3"]),
            ("tls1.0", old, ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
            ("tls1.1", old, ["", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
        ):
            self.assertEqual(
                spoken,
                [self.newest(version, minimum=minimum, **others) for version in (TLS10, TLS11, TLS12, TLS13)],
                minimum,
            )

    def test_only_modern_suites(self) -> None:
        """If all suites that are named are of TLS 1.3, nothing older is spoken."""
        suites = ("TLS_AES_256_GCM_SHA384",)
        self.assertEqual(
            ["", "TLSv1.3"], [self.newest(version, ciphersuites=suites) for version in (TLS12, TLS13)]
        )


class SuiteTests(ContextCase):
    """Which cipher suites are used."""

    kind = "rsa"

    def chosen(self, client: SSL.Context, *suites: str) -> str | None:
        return self.connect(client, ciphersuites=suites).tls.get_cipher_name()

    def test_default(self) -> None:
        """Without names, those that are good today, AES of 128 bits first, whatever the client prefers."""
        self.assertEqual("TLS_AES_128_GCM_SHA256", self.chosen(client_context()))
        older = b"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:AES128-GCM-SHA256"
        client = client_context(newest=TLS12, suites=older)
        self.assertEqual("ECDHE-RSA-AES128-GCM-SHA256", self.chosen(client))
        for weak in (b"AES128-GCM-SHA256", b"ECDHE-RSA-AES128-SHA256", b"ECDHE-RSA-AES256-SHA"):
            self.assertIsNone(self.chosen(client_context(newest=TLS12, suites=weak)), weak)

    def test_order(self) -> None:
        """The order of the names is the order of preference, in TLS 1.3 too."""
        suites = ("TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", RSA_CBC, DEFAULT_SUITES[1])
        self.assertEqual("TLS_CHACHA20_POLY1305_SHA256", self.chosen(client_context(), *suites))
        self.assertEqual("AES128-SHA", self.chosen(client_context(newest=TLS12), *suites))

    def test_older_alone(self) -> None:
        """Names of older suites alone leave TLS 1.3 as it is."""
        self.assertEqual("TLS_AES_128_GCM_SHA256", self.chosen(client_context(), RSA_CBC))

    def test_translation(self) -> None:
        """Each of Go's names leads to its suite, as far as OpenSSL has it."""
        for name, ours in OLDER_SUITES.items():
            try:
                suites = Suites.of([name])
            except Misconfigured:
                self.assertTrue("RC4" in name or "3DES" in name, name)
                continue
            self.assertEqual(((ours,), MODERN_SUITES), (suites.older, suites.modern))
        self.assertEqual(6, len(Suites.of(()).older))

    def test_names(self) -> None:
        """Go's names are those of the standard, and OpenSSL says which suites of its own they mean."""
        command = ("openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        theirs = {(words := line.split())[0]: words[2] for line in listed.splitlines()}
        found = {name: theirs[name] for name in OLDER_SUITES if name in theirs}
        self.assertEqual({name: OLDER_SUITES[name] for name in found}, found)
        self.assertGreater(len(found), 15)
        self.assertLessEqual(set(MODERN_SUITES), set(theirs))

    def test_missing(self) -> None:
        """A suite that OpenSSL has no more is left out; if no other remains, that is a fault."""
        self.patch(SSL.Context, "set_cipher_list", _without("RC4", SSL.Context.set_cipher_list))
        suites = Suites.of(["TLS_RSA_WITH_RC4_128_SHA", RSA_CBC])
        self.assertEqual((("AES128-SHA",), ("TLS_RSA_WITH_RC4_128_SHA",)), (suites.older, suites.missing))
        error = self.assertRaises(Misconfigured, Suites.of, ["TLS_RSA_WITH_RC4_128_SHA"])
        self.assertEqual(
            ("http.tls.ciphersuites: OpenSSL has none of them any more: TLS_RSA_WITH_RC4_128_SHA",),
            error.faults,
        )


def _without(word: str, original: Any) -> Any:
    """OpenSSL without the suites that have *word* in their names."""

    def set_cipher_list(context: SSL.Context, names: bytes) -> None:
        if word.encode() in names:
            raise SSL.Error([("SSL routines", "", "no cipher match")])
        original(context, names)

    return set_cipher_list


class SafetyTests(ContextCase):
    """What nobody has to choose."""

    def test_chain(self) -> None:
        """Clients that know the root alone are shown the way to it."""
        self.credential = self.authority.intermediate().server()
        ends = self.connect(client_context(self.authority))
        self.assertTrue(ends.works, ends.error)

    def test_authorities_stay_inside(self) -> None:
        """The authorities of clients are not sent as part of the server's chain."""
        authority = self.authority.write(self.mktemp())
        ends = self.connect(client_context(), clientcas=(authority,), clientauth=REQUEST)
        self.assertEqual(1, len(ends.tls.get_peer_cert_chain() or ()))

    def test_protocols(self) -> None:
        """HTTP/1.1 is all that is spoken; clients that offer nothing may; those of HTTP/2 alone may not."""
        for offered, chosen in (
            ((b"h2", b"http/1.1"), b"http/1.1"),
            ((b"http/1.1",), b"http/1.1"),
            ((), b""),
        ):
            ends = self.connect(client_context(protocols=offered))
            self.assertTrue(ends.works)
            self.assertEqual(chosen, ends.tls.get_alpn_proto_negotiated())
        ends = self.connect(client_context(protocols=(b"h2",)))
        self.assertIn("no application protocol", str(ends.error))

    def test_idle(self) -> None:
        """Connections on which nothing happens have no buffers."""
        context = contexts_of(Options.of(self.credential, self.mktemp())).context
        self.assertTrue(context.set_mode(0) & SSL.MODE_RELEASE_BUFFERS)

    def test_renegotiation(self) -> None:
        """A client cannot make the server shake hands again and again."""
        ends = self.connect(client_context(newest=TLS12))
        self.assertTrue(ends.tls.renegotiate())
        ends.shake()
        self.assertEqual(0, ends.tls.total_renegotiations() - 1)
        self.assertIn("no renegotiation", str(ends.error))

    def resumed(self, **settings: Any) -> bool:
        """Whether a client that comes again goes on with the session that it had."""
        contexts = contexts_of(Options.of(self.credential, self.mktemp(), **settings))
        client = client_context(credential=self.authority.client(), newest=TLS12)
        first = Ends(contexts, client)
        self.assertTrue(first.works)
        session = first.tls.get_session()
        assert session is not None
        second = Ends(contexts, client)
        second.tls.set_session(session)
        self.assertTrue(second.works, second.error)
        return first.tls.master_key() == second.tls.master_key()

    def test_resumption(self) -> None:
        """A session goes on with a ticket."""
        self.assertTrue(self.resumed())

    def test_resumption_of_clients(self) -> None:
        """Where certificates of clients are judged, each time they are: tickets would let expired ones in."""
        authorities = (self.authority.write(self.mktemp()),)
        for clientauth, resumed in (
            ("require-and-verify-client-cert", False),
            ("verify-client-cert-if-given", False),
            ("require-any-client-cert", True),
            ("request-client-cert", True),
        ):
            self.assertEqual(resumed, self.resumed(clientcas=authorities, clientauth=clientauth), clientauth)

    def test_weak_key(self) -> None:
        """What OpenSSL finds too weak is told in one line."""
        weak = self.authority.server(kind="weak")
        options = Options.of(weak, self.mktemp())
        error = self.assertRaises(Misconfigured, make_context, read_identity(options), options)
        self.assertEqual(("http.tls.certificate: OpenSSL does not take it: ee key too small",), error.faults)


class ClientAuthTests(ContextCase):
    """What is asked of clients, and who gets in."""

    def setUp(self) -> None:
        super().setUp()
        self.ours = Authority.root("Clients")
        self.path = self.ours.write(self.mktemp())
        foreign = Authority.root("Foreign")
        self.clients: dict[str, Credential | None] = {
            "good": self.ours.client(),
            "by intermediate": self.ours.intermediate().client(),
            "none": None,
            "foreign": foreign.client(),
            "same name": Authority.root("Clients").client(),
            "expired": self.ours.client(days=(-2, -1)),
            "not yet": self.ours.client(days=(1, 2)),
            "a server's": self.ours.server(),
        }

    def let_in(self, **settings: Any) -> set[str]:
        """Who is let in, which is the same in each version."""
        found = []
        for version in (TLS12, TLS13):
            clients = {
                name: client_context(credential=credential, newest=version)
                for name, credential in self.clients.items()
            }
            found.append({name for name, client in clients.items() if self.connect(client, **settings).works})
        self.assertEqual(found[0], found[1])
        return found[0]

    def test_modes(self) -> None:
        """Each mode lets in whom its name says."""
        everybody = set(self.clients)
        verified = {"good", "by intermediate"}
        for mode, expected in (
            (REQUEST, everybody),
            (REQUIRE_ANY, everybody - {"none"}),
            (VERIFY_IF_GIVEN, verified | {"none"}),
            (REQUIRE_AND_VERIFY, verified),
        ):
            self.assertEqual(expected, self.let_in(clientcas=(self.path,), clientauth=mode), mode)

    def test_no_authorities(self) -> None:
        """Without authorities, nobody is asked, whatever the mode."""
        for mode in CLIENT_AUTH:
            self.assertEqual(set(self.clients), self.let_in(clientauth=mode))

    def test_several(self) -> None:
        """The authorities of all files count, each of those in one file."""
        others = [Authority.root(name) for name in ("Second", "Third")]
        self.clients = {name: Authority.client(one) for name, one in zip("ab", others, strict=True)}
        bundle = self.mktemp()
        with open(bundle, "wb") as file:
            file.write(b"".join(one.pem for one in others))
        self.assertEqual({"a", "b"}, self.let_in(clientcas=(self.path, bundle)))

    def test_not_a_root(self) -> None:
        """What stands in the files is trusted, even if it is no root: an intermediate, or one client."""
        issuer = self.ours.intermediate()
        one = Authority.root("Elsewhere").client("the one")
        self.clients = {"issued": issuer.client(), "the one": one, "other": self.ours.client()}
        directory = self.mktemp()
        path = one.write(directory, "one")[0]
        self.assertEqual(
            {"issued", "the one"}, self.let_in(clientcas=(issuer.write(directory, "issuer"), path))
        )

    def test_names_are_sent(self) -> None:
        """Clients are told whose certificates are wanted: some send none otherwise."""
        ends = self.connect(client_context(newest=TLS12), clientcas=(self.path,), clientauth=REQUEST)
        [name] = ends.tls.get_client_ca_list()
        self.assertEqual("Clients", name.commonName)
