"""Tests for access by tokens."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
from attrs import evolve
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel, capturedLogs

from tests.auth.controllers import REALM, TokenTestCase, bearing, key
from tests.auth.making import (
    AUTHORITY,
    KINDS,
    SERVICE,
    SigningKey,
    access,
    b64url,
    forge,
    issue,
    jwk,
    make_certificate,
    make_key,
    make_private,
    sign,
    sign_raw,
)
from tests.contracts.access import AccessControllerContract
from tests.fakes.workers import HeldWorkers, InlineWorkers
from txregistry.auth.token import LIFETIME, ORDINARY, PLACES, REMEMBERED
from txregistry.config.auth import AUTOREDIRECT_PATH
from txregistry.errors import Misconfigured, TooManyAttempts, Unauthorized
from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import CATALOG, needed

PULL, PUSH = needed("GET", "a/b"), needed("PUT", "a/b")
ALGORITHMS = [
    *(("RSA", name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
    *((kind, name) for kind, name in KINDS.items() if kind != "RSA"),
]


class TokenAccessContractTests(AccessControllerContract, TokenTestCase):
    """The contract of all access controllers."""

    def make_controller(self) -> IAccessController:
        controller: IAccessController = self.controller()
        return controller

    def welcome(self) -> Credentials:
        entries = [access(name, "pull", "push", "delete") for name in ("a/b", "c")]
        return bearing(self.token(*entries, access("catalog", "*", type="registry")))


class KeyChoiceTests(TokenTestCase):
    """How a token says which key it is signed with."""

    def setUp(self) -> None:
        super().setUp()
        self.access = self.controller(*(key(kind) for kind in KINDS))

    def test_algorithms(self) -> None:
        """Every algorithm for public keys is taken, with the ids of both generations."""
        for kind, algorithm in ALGORITHMS:
            for kid in (key(kind).thumbprint, key(kind).libtrust_id):
                token = sign(key(kind), self.claims(access("a/b", "pull")), {"kid": kid}, algorithm)
                self.assertEqual(self.passes(self.access, token, *PULL).user, "alice")

    def test_own_ids(self) -> None:
        """The keys of a set have the ids that stand there."""
        controller = self.controller(
            jwks=self.file(json.dumps({"keys": [jwk(key().public, kid="my key")]}).encode())
        )
        self.passes(controller, self.token(headers={"kid": "my key"}))
        self.invalid(controller, self.token(), "unknown key")

    def test_unknown(self) -> None:
        """A key that nobody knows, and none at all, is refused; ids are compared letter by letter."""
        for kid in ("x", key().thumbprint.lower(), key().libtrust_id.lower(), key("P-256", 1).thumbprint):
            self.invalid(self.access, self.token(headers={"kid": kid}), "unknown key")
        for headers in ({}, {"kid": ""}):
            self.invalid(self.access, self.token(headers=headers), "does not say which key")

    def test_other_key(self) -> None:
        """A token that names one trusted key and is signed with another is refused."""
        forged = sign(key("P-256", 1), self.claims(), {"kid": key().thumbprint})
        self.invalid(self.access, forged, "the signature is wrong")
        self.invalid(
            self.access, self.token(headers={"kid": key("P-384").thumbprint}), "not one for keys of this type"
        )

    def test_chain(self) -> None:
        """Certificates that lead to the bundle say the key; what the header says besides does not matter."""
        root = make_key(extensions=AUTHORITY)
        leaf = issue(root, "RSA")
        for headers in (
            {"x5c": [leaf.certificate_base64]},
            {"x5c": [leaf.certificate_base64, root.certificate_base64], "kid": "x", "jwk": jwk(key().public)},
            {"jwk": jwk(leaf.public, x5c=[leaf.certificate_base64])},
            {"jwk": jwk(leaf.public, x5c=[leaf.certificate_base64], kid="x"), "kid": "x", "x5c": []},
        ):
            token = sign(leaf, self.claims(), headers)
            self.passes(self.controller(root), token)
            self.invalid(self.access, token, "x5c: ")

    def test_chain_is_final(self) -> None:
        """With a chain that leads nowhere no other way is tried."""
        stranger = make_key()
        for chain in ([stranger.certificate_base64], ["AAAA"], [""]):
            headers = {"x5c": chain, "kid": key().thumbprint, "jwk": jwk(key().public)}
            self.invalid(self.access, self.token(headers=headers), "x5c: ")
            headers = {"jwk": jwk(key().public, x5c=chain), "kid": key().thumbprint}
            self.invalid(self.access, self.token(headers=headers), "x5c: ")

    def test_chain_without_bundle(self) -> None:
        """Where there is no bundle, no chain leads anywhere."""
        controller = self.controller(jwks=self.file(json.dumps({"keys": [jwk(key().public)]}).encode()))
        self.passes(controller, self.token())
        self.invalid(controller, self.token(headers={"x5c": [key().certificate_base64]}), "no root")

    def test_chain_of_another(self) -> None:
        """The key of the chain's first certificate is the one that counts, in a JSON Web Key, too."""
        chain = [key("RSA").certificate_base64]
        self.invalid(self.access, self.token(headers={"x5c": chain}), "not one for keys of this type")
        embedded = jwk(key().public, x5c=chain)
        self.invalid(self.access, self.token(headers={"jwk": embedded}), "not that of its certificate")
        odds: tuple[Any, ...] = ([], "x", {}, 7, [1], [None])
        for odd in odds:
            embedded = jwk(key().public, x5c=odd)
            self.invalid(self.access, self.token(headers={"jwk": embedded}), "not a list of certificates")
        for odd_key in ({"kty": "oct"}, {"kty": "RSA"}, {}):
            embedded = {**odd_key, "x5c": chain}
            self.invalid(self.access, self.token(headers={"jwk": embedded}), "jwk: ")

    def test_embedded(self) -> None:
        """A trusted key may be embedded, under any of its ids."""
        ids: tuple[dict[str, str], ...] = ({}, {"kid": key().thumbprint}, {"kid": key().libtrust_id})
        for more in ids:
            self.passes(self.access, self.token(headers={"jwk": jwk(key().public, **more)}))
        self.invalid(self.access, self.token(headers={"jwk": jwk(key().public, kid="x")}), "not trusted")
        for wrong in ({}, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA", "n": 1}, {"kid": key().thumbprint}):
            self.invalid(self.access, self.token(headers={"jwk": wrong, "kid": key().thumbprint}), "jwk: ")

    def test_CVE_2025_24976(self) -> None:
        """A key of the attacker's is not trusted although it calls itself by a trusted id."""
        own = make_key()
        for kid in (key().thumbprint, key().libtrust_id):
            for headers in ({"jwk": jwk(own.public, kid=kid)}, {"jwk": jwk(own.public, kid=kid), "kid": kid}):
                self.invalid(self.access, sign(own, self.claims(), headers), "not trusted")

    def test_CVE_2026_48524(self) -> None:
        """Ids that nobody knows cost no thread and no file, and the keys that there are stay known."""
        workers = InlineWorkers()
        controller = self.controller(workers=workers)
        for number in range(500):
            self.invalid(controller, self.token(headers={"kid": f"random {number}"}), "unknown key")
        self.assertEqual(workers.calls, 0)
        self.passes(controller, self.token())


class AlgorithmTests(TokenTestCase):
    """What a token must not be signed with."""

    def test_configured(self) -> None:
        """Only the algorithms that the configuration names are taken."""
        controller = self.controller(key("RSA"), key(), signing_algorithms=("RS384", "ES256", "HS256"))
        for kind, algorithm in ALGORITHMS[:7]:
            token = sign(key(kind), self.claims(), algorithm=algorithm)
            if algorithm in ("RS384", "ES256"):
                self.passes(controller, token)
            else:
                self.invalid(controller, token, f'"{algorithm}" is not allowed')

    def test_none(self) -> None:
        """A token without a signature is none, however it says so."""
        controller = self.controller(key("RSA"), key())
        header = {"kid": key().thumbprint}
        unsigned = jwt.encode(self.claims(), "", algorithm="none", headers=header)
        self.invalid(controller, unsigned, '"none" is not allowed')
        good = self.token().rpartition(".")[0]
        for name in ("none", "None", "NONE", "nOnE", "", "es256", "ES256 "):
            head = b64url(json.dumps({**header, "alg": name}).encode())
            for signature in ("", self.token().rpartition(".")[2]):
                token = f"{head}.{good.partition('.')[2]}.{signature}"
                self.invalid(controller, token, "is not allowed")
        self.invalid(controller, f"{good}.", "is not signed")

    def test_public_key_as_secret(self) -> None:
        """What anybody may know, a public key or certificate in any form, is no secret to sign with."""
        for kind in KINDS:
            controller = self.controller(key(kind))
            public = key(kind).public
            secrets = [key(kind).certificate_pem, key(kind).certificate.public_bytes(Encoding.DER), b""]
            secrets += [
                public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
                for form in (Encoding.PEM, Encoding.DER)
            ]
            for name in ("HS256", "HS384", "HS512"):
                algorithm: Any = jwt.get_algorithm_by_name(name)
                for secret in secrets:
                    signed = forge({"alg": name, "kid": key(kind).thumbprint}, self.claims(), b"").rpartition(
                        "."
                    )[0]
                    token = f"{signed}.{b64url(algorithm.sign(signed.encode(), secret))}"
                    self.invalid(controller, token, f'"{name}" is not allowed')

    def test_shared_secrets(self) -> None:
        """A key of a set that is a shared secret verifies nothing."""
        secret = b"0123456789abcdef0123456789abcdef"
        member = {"kty": "oct", "k": b64url(secret), "kid": "secret"}
        keys = {"keys": [member, jwk(key().public, kid="x")]}
        controller = self.controller(jwks=self.file(json.dumps(keys).encode()))
        token = jwt.encode(self.claims(), secret, algorithm="HS256", headers={"kid": "secret"})
        self.invalid(controller, token, '"HS256" is not allowed')

    def test_small_key(self) -> None:
        """A key that is too small for an algorithm verifies nothing with it."""
        private = make_private("RSA", 1024)
        certificate = make_certificate(private.public_key(), "small", signed_by=private)
        small = SigningKey(private, certificate, "RS256")
        controller = self.controller(small)
        signed = forge({"alg": "PS512", "kid": small.thumbprint}, self.claims(), b"x" * 128)
        self.invalid(controller, signed, "the signature is wrong")


class RefusalTests(TokenTestCase):
    """What is said of tokens that do not count, and of whom."""

    def test_claims(self) -> None:
        """Who is known by a good signature stands in the log, with the reason."""
        controller, now = self.controller(), int(self.clock.seconds())
        for changed, reason in (
            ({"iss": "x"}, 'the token\'s issuer is "x", not the one configured'),
            ({"aud": ["x", "y"]}, 'the token is for "x", "y", not for this service'),
            ({"exp": now - 90}, "the token expired 90 s ago"),
            ({"exp": None}, "the token has no exp"),
            ({"nbf": now + 90}, "the token becomes valid in 90 s"),
        ):
            refusal = self.refused(controller, self.token(access("a/b", "pull"), **changed), *PULL)
            self.assertEqual((refusal.reason, refusal.user, refusal.anonymous), (reason, "alice", False))
            self.assertTrue(refusal.challenge.endswith(',scope="repository:a/b:pull",error="invalid_token"'))

    def test_forged(self) -> None:
        """Who is named in a token with a wrong signature is not believed to be that."""
        forged = sign(make_key(), self.claims(sub="admin"), {"kid": key().thumbprint})
        self.invalid(self.controller(), forged, "the signature is wrong")

    def test_scope(self) -> None:
        """A good token without the right gets a challenge for it; the log says what it lacks."""
        refusal = self.refused(self.controller(), self.token(access("a/b", "pull")), *PUSH)
        self.assertEqual(refusal.reason, "the token lacks repository:a/b:push")
        self.assertEqual((refusal.user, refusal.wanted), ("alice", PUSH))
        expected = f'Bearer realm="{REALM}",service="{SERVICE}",scope="repository:a/b:pull,push"'
        self.assertEqual(refusal.challenge, expected + ',error="insufficient_scope"')

    def test_malformed_claims(self) -> None:
        """Claims are looked at when the signature is known to be good, and not before."""
        kid = {"alg": "ES256", "kid": key().thumbprint}
        for payload in (
            b"",
            b"[]",
            b"{",
            b"\xff",
            b'{"exp":1.5}',
            b'{"access":[null]}',
            b'{"iss":1,"iss":"x"}',
        ):
            self.invalid(self.controller(), sign_raw(key(), kid, payload), "malformed token: ")
            self.invalid(self.controller(), forge(kid, payload, bytes(64)), "the signature is wrong")

    def test_malformed(self) -> None:
        """What is no token is refused as an invalid one."""
        for text in ("x", "a.b.c", "..", "é.é.é", "x" * 90_000, forge(b"[", b"", b"")):
            self.invalid(self.controller(), text, "malformed token: ")

    def test_no_secrets(self) -> None:
        """No reason holds a signature, a token, or more of what a stranger made up than a few words."""
        controller, long = self.controller(), "x" * 3000
        good = self.token()
        tokens = [
            good + "A",
            good[:-1],
            self.token(iss=long),
            self.token(aud=long),
            self.token(aud=[long] * 4),
        ]
        tokens += [self.token(headers={"kid": long}), sign_raw(key(), {"alg": long}, b"{}")]
        for token in tokens:
            reason = self.refused(controller, token).reason
            self.assertLess(len(reason), 500)
            self.assertNotIn(token.rpartition(".")[2][:20], reason)

    def test_reasons_are_lines(self) -> None:
        """Whatever is in a token, a reason is one line of plain characters."""
        for headers, changed in (({"kid": "a\nb\x1b[2J\u202e"}, {}), (None, {"iss": "a\nb\x1b[2J\u202e"})):
            reason = self.refused(self.controller(), self.token(headers=headers, **changed)).reason
            self.assertTrue(reason.isprintable() and reason.isascii(), reason)


class GrantTests(TokenTestCase):
    """What a good token gives."""

    def test_grant(self) -> None:
        """The user is the subject, who does not read everything; classes come from the entries."""
        entry = access("a/b", "pull", **{"class": "plugin"})
        grant = self.passes(self.controller(), self.token(entry), *PULL)
        self.assertEqual((grant.user, grant.reads_everything), ("alice", False))
        self.assertEqual(dict(grant.classes), {"a/b": frozenset(("plugin",))})

    def test_nobody(self) -> None:
        """A subject need not be said."""
        self.assertEqual(self.passes(self.controller(), self.token(sub=None)).user, "")

    def test_base(self) -> None:
        """Where no right is needed, a good token will do; the catalog has a right of its own."""
        controller = self.controller()
        self.passes(controller, self.token(access=None))
        self.passes(controller, self.token(access("catalog", "*", type="registry")), *CATALOG)
        self.refused(controller, self.token(access("catalog", "*")), *CATALOG)


class ChallengeTests(TokenTestCase):
    """Where a client is sent, to the letter."""

    def challenge(self, controller: Any, credentials: Credentials, wanted: Any = ()) -> str:
        refusal = self.failureResultOf(controller.authorize(credentials, wanted), Unauthorized).value
        assert isinstance(refusal, Unauthorized)
        return refusal.challenge

    def test_no_token(self) -> None:
        """Without a token the challenge has no error; only who sends nothing is anonymous."""
        controller, good = self.controller(), self.token()
        expected = f'Bearer realm="{REALM}",service="{SERVICE}"'
        for authorization in (None, "", "Bearer", "Bearer ", "bearer\t", "Basic eDp5", good, f"Token {good}"):
            credentials = Credentials(authorization, "registry.example")
            self.assertEqual(self.challenge(controller, credentials), expected)
            call = controller.authorize(credentials, ())
            refusal = self.failureResultOf(call, Unauthorized).value
            self.assertEqual((refusal.anonymous, refusal.user), (not authorization, ""))

    def test_header_form(self) -> None:
        """There is one blank before the token, and none in it; the scheme may be in any case."""
        controller, good = self.controller(), self.token()
        for form in ("Bearer {}", "bearer {}", "BEARER {}", " Bearer {} "):
            credentials = Credentials(form.format(good), "registry.example")
            self.successResultOf(controller.authorize(credentials, ()))
        for form in ("Bearer  {}", "Bearer {} x", "Bearer\t{}", "Bearer{}", "Bearer, {}"):
            credentials = Credentials(form.format(good), "registry.example")
            self.assertNotIn("error=", self.challenge(controller, credentials))

    def test_scopes(self) -> None:
        """The rights of a request are merged by resource, in its order."""
        wanted = needed("POST", "foo", mount_from="bar")
        scope = "repository:foo:pull,push repository:bar:pull"
        self.assertEqual(
            self.challenge(self.controller(), Credentials(None, ""), wanted),
            f'Bearer realm="{REALM}",service="{SERVICE}",scope="{scope}"',
        )
        self.assertIn(
            'scope="registry:catalog:*"', self.challenge(self.controller(), Credentials(None, ""), CATALOG)
        )

    def test_quoted(self) -> None:
        """Nothing in a name or in the options breaks out of its quotes."""
        controller = self.controller(realm='a"b\\c', service="d\ne")
        self.assertEqual(
            self.challenge(controller, Credentials(None, ""), needed("GET", 'x",error="é')),
            'Bearer realm="a\\"b\\\\c",service="d\\ne",scope="repository:x\\",error=\\"\\u00e9:pull"',
        )

    def test_autoredirect(self) -> None:
        """With ``autoredirect`` clients go to the host that they asked, by the scheme that a proxy names."""
        for path in (AUTOREDIRECT_PATH, "/x/y"):
            controller = self.controller(autoredirect=True, autoredirect_path=path)
            for proto, scheme in (
                (None, "https"),
                ("http", "http"),
                ("https", "https"),
                ("HTTP", "http"),
                ("https, http", "https"),
                ("javascript", "https"),
                ("", "https"),
            ):
                credentials = Credentials(None, "host.example:5000", proto)
                self.assertEqual(
                    self.challenge(controller, credentials),
                    f'Bearer realm="{scheme}://host.example:5000{path}",service="{SERVICE}"',
                )

    def test_autoredirect_host(self) -> None:
        """A host of any form stays inside its quotes."""
        controller = self.controller(autoredirect=True)
        challenge = self.challenge(controller, Credentials(None, 'x",error="'))
        self.assertEqual(challenge, f'Bearer realm="https://x\\",error=\\"/auth/token",service="{SERVICE}"')


class MemoryTests(TokenTestCase):
    """A signature is verified once."""

    def setUp(self) -> None:
        super().setUp()
        self.workers = InlineWorkers()
        self.access = self.controller(workers=self.workers)

    def test_once(self) -> None:
        """A signature is verified once, however often; rights are looked at each time."""
        token = self.token(access("a/b", "pull"))
        for _ in range(5):
            self.passes(self.access, token, *PULL)
            self.assertIn("lacks", self.refused(self.access, token, *PUSH).reason)
        self.assertEqual(self.workers.calls, 1)

    def test_times(self) -> None:
        """A remembered token expires as any other, and one that is early becomes good."""
        now = int(self.clock.seconds())
        token = self.token(nbf=now + 90, exp=now + 120)
        self.assertIn("becomes valid", self.refused(self.access, token).reason)
        self.clock.advance(30)
        self.passes(self.access, token)
        self.clock.advance(150)
        self.passes(self.access, token)
        self.clock.advance(1)
        refusal = self.refused(self.access, token)
        self.assertEqual((refusal.reason, refusal.user), ("the token expired 61 s ago", "alice"))
        self.assertEqual(self.workers.calls, 1)

    def test_wrong_is_not_remembered(self) -> None:
        """What was refused leaves nothing behind, and takes nobody's place."""
        good = self.token()
        self.passes(self.access, good)
        wrong = good.rpartition(".")[0] + "." + b64url(bytes(64))
        for _ in range(3):
            self.invalid(self.access, wrong, "signature")
        self.passes(self.access, good)
        self.assertEqual(self.workers.calls, 4)

    def test_certificates(self) -> None:
        """A token with a chain is not good for longer than its certificates."""
        ends = datetime.fromtimestamp(int(self.clock.seconds()) + 100, UTC)
        root = make_key(extensions=AUTHORITY, begins=datetime(2020, 1, 1), ends=datetime(2120, 1, 1))
        leaf = issue(root, begins=datetime(2020, 1, 1), ends=ends)
        controller = self.controller(root)
        token = sign(leaf, self.claims(exp=1 << 40), {"x5c": [leaf.certificate_base64]})
        self.passes(controller, token)
        self.clock.advance(100)
        self.passes(controller, token)
        self.clock.advance(1)
        self.invalid(controller, token, "x5c: certificate has expired")

    def test_bounded(self) -> None:
        """Only so many are remembered, and not for ever."""
        memory = self.access._memory
        first = self.token(jti="first")
        self.passes(self.access, first)
        for number in range(REMEMBERED):
            memory.put(memory.key(f"other {number}"), memory.get(memory.key(first)) or self.fail())
        self.assertEqual(len(memory), REMEMBERED)
        self.passes(self.access, first)
        self.assertEqual(self.workers.calls, 2)
        again = self.token(exp=1 << 40)
        self.passes(self.access, again)
        self.clock.advance(LIFETIME + 1)
        self.passes(self.access, again)
        self.assertEqual(self.workers.calls, 4)

    def test_large(self) -> None:
        """Large tokens take the place of several each."""
        memory = self.access._memory
        small, large = self.token(), self.token(*(access(f"some/repository-{n}", "pull") for n in range(60)))
        self.passes(self.access, small)
        verified = memory.get(memory.key(small)) or self.fail()
        self.passes(self.access, large)
        for number in range(REMEMBERED - 2 - len(large) // ORDINARY):
            memory.put(memory.key(f"other {number}"), verified)
        self.assertIsNotNone(memory.get(memory.key(small)))
        memory.put(memory.key("one more"), verified)
        self.assertIsNone(memory.get(memory.key(small)))

    def test_key_is_hashed(self) -> None:
        """The memory holds no token that could be shown by whoever reads it."""
        token = self.token()
        self.passes(self.access, token)
        self.assertNotIn(token.rpartition(".")[2], repr(vars(self.access._memory)))


class WaitingTests(TokenTestCase):
    """Signatures are verified in threads, and not too many at a time."""

    def setUp(self) -> None:
        super().setUp()
        self.workers = HeldWorkers()
        self.access = self.controller(workers=self.workers)

    def ask(self, token: str, client: str = "") -> Deferred[Any]:
        return Deferred.fromCoroutine(self.access.authorize(evolve(bearing(token), client=client), ()))

    def test_together(self) -> None:
        """A new token that comes many times at once is verified once; who leaves takes nothing along."""
        token = self.token()
        waiting = [self.ask(token) for _ in range(200)]
        self.assertEqual(len(self.workers.waiting), 1)
        waiting[0].cancel()
        self.failureResultOf(waiting[0], CancelledError)
        self.workers.step()
        for each in waiting[1:]:
            self.assertEqual(self.successResultOf(each).user, "alice")
        self.successResultOf(self.ask(token))

    def test_wrong_together(self) -> None:
        """All who show the same wrong token are refused, each on its own."""
        token = self.token().rpartition(".")[0] + "." + b64url(bytes(64))
        waiting = [self.ask(token) for _ in range(3)]
        self.workers.step()
        refusals = [self.failureResultOf(each, Unauthorized).value for each in waiting]
        self.assertEqual({refusal.reason for refusal in refusals}, {"the signature is wrong"})
        self.assertEqual(len(set(map(id, refusals))), 3)

    def test_full(self) -> None:
        """In a flood new tokens are sent away for a moment; known and malformed ones are not."""
        known = self.token()
        first = self.ask(known)
        self.workers.step()
        self.successResultOf(first)
        waiting = self.flood("10.0.0.1")
        refusal = self.failureResultOf(waiting.pop(), TooManyAttempts).value
        assert isinstance(refusal, TooManyAttempts)
        self.assertEqual((refusal.retry_after, refusal.user), (1, ""))
        self.successResultOf(self.ask(known, "10.0.0.1"))
        self.failureResultOf(self.ask("x.y.z", "10.0.0.1"), Unauthorized)
        while self.workers.waiting:
            self.assertLessEqual(len(self.workers.waiting), PLACES)
            self.workers.step()
        for each in waiting:
            self.failureResultOf(each, Unauthorized)

    def test_flood(self) -> None:
        """A flood from one address keeps nobody else waiting."""
        flood = self.flood("10.0.0.1")
        good = self.ask(self.token(), "10.0.0.2")
        for _ in range(PLACES + 2):
            self.workers.step()
        self.successResultOf(good)
        for each in flood:
            each.addErrback(lambda failure: failure.trap(Unauthorized, TooManyAttempts))

    def test_flood_of_chains(self) -> None:
        """Made-up certificates hold up no token without them, though it comes from the same address."""
        chain = {"x5c": [key("P-256", 1).certificate_base64]}
        flood = self.flood("10.0.0.1", chain)
        good = self.ask(self.token(), "10.0.0.1")
        for _ in range(PLACES + 2):
            self.workers.step()
        self.successResultOf(good)
        for each in flood:
            each.addErrback(lambda failure: failure.trap(Unauthorized, TooManyAttempts))

    def flood(self, client: str, headers: Any = None) -> list[Deferred[Any]]:
        """Forged tokens from one address, until the first is sent away."""
        header = self.token(headers=headers).partition(".")[0]
        waiting: list[Deferred[Any]] = []
        for number in range(2000):  # more than may ever wait
            forged = f"{header}.{b64url(b'%d' % number)}.{b64url(bytes(64))}"
            waiting.append(self.ask(forged, client))
            if waiting[-1].called:
                return waiting
        self.fail("nobody is sent away")


class BuildTests(TokenTestCase):
    """What the configuration may say."""

    def test_faults(self) -> None:
        """What makes every token useless is a fault, with the path of its key."""
        for options, path in (
            ({"rootcertbundle": self.mktemp(), "jwks": ""}, "auth.token.rootcertbundle: cannot be read: "),
            ({"jwks": self.file(b"x")}, "auth.token.jwks: not JSON"),
        ):
            (fault,) = self.assertRaises(Misconfigured, self.controller, **options).faults
            self.assertTrue(fault.startswith(path), fault)
        secrets = ("HS256", "HS512")
        (fault,) = self.assertRaises(Misconfigured, self.controller, signing_algorithms=secrets).faults
        self.assertTrue(fault.startswith("auth.token.signingalgorithms: "), fault)

    def test_warnings(self) -> None:
        """What is skipped is warned about."""
        member = {"kty": "oct", "k": base64.urlsafe_b64encode(b"secret!").decode().rstrip("=")}
        keys = self.file(json.dumps({"keys": [member, jwk(key().public)]}).encode())
        with capturedLogs() as events:
            self.controller(jwks=keys)
        (event,) = events
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertIn("auth.token.jwks: key 1 is of no use", event["fault"])
        self.assertNotIn(member["k"], event["fault"])
