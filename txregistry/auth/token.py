"""
Tokens that somebody else gives out: JSON Web Tokens, signed by a key that is trusted.

A token goes through four hands.  :mod:`~txregistry.auth.jose` takes its text
apart; :class:`~txregistry.auth.keys.TrustedKeys` or
:mod:`~txregistry.auth.chains` say which key it has to be signed with; PyJWT
verifies the signature, in a thread; :class:`~txregistry.auth.claims.Claims`
say whether it counts here and now, and for what.

What was verified once is remembered, so that only the last of these happens
for each request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import jwt
from attrs import evolve, frozen
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.auth.chains import Leaf, verified_leaf
from txregistry.auth.claims import Claims
from txregistry.auth.jose import TOKEN_LIMIT, Token, read_claims, read_token
from txregistry.auth.keyfiles import KeyFiles
from txregistry.auth.keys import (
    ALGORITHMS,
    PublicKey,
    TrustedKeys,
    UnusableKey,
    algorithms_for,
    numbers_in,
    numbers_of,
)
from txregistry.auth.lines import Lines, line_of
from txregistry.auth.memory import CredentialMemory
from txregistry.auth.refused import TokenRefused, shown
from txregistry.auth.sharing import SharedWork
from txregistry.errors import Misconfigured, Unauthorized
from txregistry.interfaces import Credentials, IAccessController, IReloadable, IWorkers
from txregistry.model.access import Access, Grant, quoted, scopes

#: Tokens that are remembered, and for how many seconds.  A client uses each for minutes.
REMEMBERED, LIFETIME = 4096, 600.0
#: A token of more characters counts for several: what it claims takes eight times their memory.
ORDINARY = 1024
#: Tokens that are verified at one time: most of them wait for a thread, which takes no round of the reactor.
PLACES = 8
#: Seconds that a token may have to wait for its place.
PATIENCE = 1.0

_MALFORMED, _INSUFFICIENT = "invalid_token", "insufficient_scope"


@frozen(slots=True)
class Verified:
    """
    The claims of a token whose signature is good, from *begins* to *ends*.

    :ivar begins: seconds since 1970; other than the claims' times these are those of certificates.
    """

    claims: Claims
    begins: float = float("-inf")
    ends: float = float("inf")


@frozen(slots=True)
class Judged:
    """What was found out about a token, and how many *seconds* that took."""

    found: Verified | TokenRefused
    seconds: float


@frozen
class Verifier:
    """
    Decides whether a token is what it says.

    :ivar algorithms: those that tokens may be signed with.
    """

    keys: TrustedKeys
    algorithms: frozenset[str]

    def key(self, token: Token) -> PublicKey | None:
        """
        The trusted key that *token* names; ``None`` if certificates in it have to say.

        :raises TokenRefused: it names none.
        """
        if token.algorithm not in self.algorithms:
            raise TokenRefused(f"the algorithm {shown(token.algorithm)} is not allowed")
        if not token.signature:
            raise TokenRefused("the token is not signed")
        if token.chain:
            return None
        if token.jwk is not None:
            if token.jwk.get("x5c") is not None:
                return None
            return self._embedded(token.jwk)
        if not token.key_id:
            raise TokenRefused("the token does not say which key it is signed with")
        key = self.keys.by_id.get(token.key_id)
        if key is None:
            raise TokenRefused(f"the token is signed with an unknown key, {shown(token.key_id)}")
        return key

    def verify(self, token: Token, key: PublicKey | None, now: float) -> Verified | TokenRefused:
        """
        Whether *token* is signed with *key*, or else with one that certificates in it vouch for.

        Blocks for what signatures take.  Claims are read only if somebody trusted has made them.

        :return: why not, if it is not: an exception that was not raised.
        """
        try:
            if key is not None:
                self._check_signature(token, key)
                return Verified(read_claims(token.payload))
            leaf = self._leaf(token, now)
            self._check_signature(token, leaf.key)
            return Verified(read_claims(token.payload), leaf.begins, leaf.ends)
        except TokenRefused as refusal:
            return refusal

    def judge(self, token: Token, key: PublicKey | None, now: float) -> Judged:
        """As :meth:`verify`, with the time that it took."""
        began = time.perf_counter()
        found = self.verify(token, key, now)
        return Judged(found, time.perf_counter() - began)

    def _embedded(self, jwk: object) -> PublicKey:
        assert isinstance(jwk, dict)
        try:
            key = self.keys.embedded(jwk)
        except UnusableKey as error:
            raise TokenRefused(f"jwk: {error}") from None
        if key is None:
            raise TokenRefused("jwk: this key, under this id, is not trusted")
        return key

    def _leaf(self, token: Token, now: float) -> Leaf:
        if token.chain:
            return verified_leaf(token.chain, self.keys.roots, now)
        assert token.jwk is not None
        chain = token.jwk["x5c"]
        if not isinstance(chain, list) or not chain or not all(isinstance(text, str) for text in chain):
            raise TokenRefused("jwk: x5c is not a list of certificates")
        leaf = verified_leaf(chain, self.keys.roots, now)
        try:
            if numbers_in(token.jwk) == numbers_of(leaf.key):
                return leaf
        except UnusableKey as error:
            raise TokenRefused(f"jwk: {error}") from None
        raise TokenRefused("jwk: the key is not that of its certificate")

    def _check_signature(self, token: Token, key: PublicKey) -> None:
        if token.algorithm not in algorithms_for(key):
            raise TokenRefused(f"the algorithm {token.algorithm} is not one for keys of this type")
        algorithm = jwt.get_algorithm_by_name(token.algorithm)
        try:
            good = algorithm.verify(token.signed, key, token.signature)
        except ValueError:  # a key too small for a PS512
            good = False
        if not good:
            raise TokenRefused("the signature is wrong")


@frozen
class Challenger:
    """
    Tells clients where to get a token.

    :ivar realm: where, unless *path* is set; the path is one on the host that was asked.
    """

    realm: str
    service: str
    path: str | None = None

    def challenge(self, credentials: Credentials, wanted: Sequence[Access], error: str) -> str:
        """The value of ``WWW-Authenticate`` for whoever lacks the rights *wanted*; *error* may be empty."""
        text = f"Bearer realm={quoted(self._realm(credentials))},service={quoted(self.service)}"
        if wanted:
            text += f",scope={quoted(scopes(wanted))}"
        return f"{text},error={quoted(error)}" if error else text

    def _realm(self, credentials: Credentials) -> str:
        if self.path is None:
            return self.realm
        scheme = (credentials.forwarded_proto or "").strip().lower()
        return f"{scheme if scheme == 'http' else 'https'}://{credentials.host}{self.path}"


@implementer(IAccessController, IReloadable)
class TokenAccess:
    """
    Lets requests pass that have a token of *issuer* for *service* with the rights they need.

    :param read_keys: reads the trusted keys again, which blocks.
    :param now: seconds since 1970.
    """

    _log = Logger()

    def __init__(
        self,
        issuer: str,
        service: str,
        verifier: Verifier,
        challenger: Challenger,
        workers: IWorkers,
        now: Callable[[], float],
        read_keys: Callable[[], TrustedKeys],
    ) -> None:
        self._issuer, self._service, self._now = issuer, service, now
        self._verifier, self._challenger = verifier, challenger
        self._workers, self._read_keys = workers, read_keys
        self._memory: CredentialMemory[Verified] = CredentialMemory(now, LIFETIME, REMEMBERED)
        self._verifying: SharedWork[Judged] = SharedWork(workers, Lines(PLACES, PATIENCE))

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """Let it pass with a token that is good and sufficient."""
        text = _bearer(credentials.authorization)
        if text is None:
            anonymous = not credentials.authorization
            reason = "no credentials" if anonymous else "the credentials are not a bearer token"
            challenge = self._challenger.challenge(credentials, wanted, "")
            raise Unauthorized(challenge, wanted, reason, anonymous=anonymous)
        try:
            claims = (await self._verified(text, credentials.client)).claims
        except TokenRefused as refusal:
            challenge = self._challenger.challenge(credentials, wanted, _MALFORMED)
            raise Unauthorized(challenge, wanted, refusal.reason) from None
        fault = claims.fault(self._issuer, self._service, self._now())
        if fault is not None:
            challenge = self._challenger.challenge(credentials, wanted, _MALFORMED)
            raise Unauthorized(challenge, wanted, fault, claims.grant.user)
        lacking = claims.lacking(wanted)
        if lacking:
            challenge = self._challenger.challenge(credentials, wanted, _INSUFFICIENT)
            raise Unauthorized(challenge, wanted, f"the token lacks {scopes(lacking)}", claims.grant.user)
        return claims.grant

    async def reload(self) -> bool:
        """Trust the keys that the files hold now, and no others; if these cannot be used, those of before."""
        try:
            keys = await self._workers.run(self._read_keys)
        except Misconfigured as error:
            for fault in error.faults:
                self._log.error("{fault}; what was read before stays in use", fault=fault)
            return False
        self._verifier = evolve(self._verifier, keys=keys)
        self._memory.clear()
        return True

    async def _verified(self, text: str, client: str) -> Verified:
        if len(text) > TOKEN_LIMIT:
            raise TokenRefused(f"malformed token: longer than {TOKEN_LIMIT} characters")
        now, memorized = self._now(), self._memory.key(text)
        found = self._memory.get(memorized)
        if found is not None and found.begins <= now <= found.ends:
            return found
        token, verifier = read_token(text), self._verifier
        key = verifier.key(token)
        # What is under way with the keys of before a reload says nothing of the keys of now.
        together = (memorized, verifier.keys)
        line = line_of(client)
        if key is None:
            # They cost most, and anybody can make them up: let nobody behind the same proxy wait for them.
            line += " with certificates"
        judged = await self._verifying.run(together, line, lambda: verifier.judge(token, key, now))
        result = judged.found
        if isinstance(result, TokenRefused):
            raise TokenRefused(result.reason)
        if verifier is self._verifier:
            self._memory.put(memorized, result, 1 + len(text) // ORDINARY)
        return result


def _bearer(authorization: str | None) -> str | None:
    """The token in a header's value; ``None`` if there is none."""
    scheme, _, token = (authorization or "").strip(" \t").partition(" ")
    return token if scheme.lower() == "bearer" and token and " " not in token else None


def build(
    *,
    realm: str,
    issuer: str,
    service: str,
    rootcertbundle: str,
    jwks: str,
    signing_algorithms: Sequence[str],
    autoredirect_path: str | None,
    workers: IWorkers,
    now: Callable[[], float],
) -> TokenAccess:
    """
    Read the keys, and make a controller that trusts them.

    :param autoredirect_path: where on the registry's own host clients get tokens, instead of at *realm*.
    :raises Misconfigured: no token could ever be verified.
    """
    read_keys = partial(_read_keys, rootcertbundle, jwks)
    keys = read_keys()
    algorithms = ALGORITHMS.intersection(signing_algorithms)
    if not algorithms:
        raise Misconfigured(
            "auth.token.signingalgorithms: there must be one that public keys verify, such as RS256 or ES256"
        )
    challenger = Challenger(realm, service, autoredirect_path)
    return TokenAccess(issuer, service, Verifier(keys, algorithms), challenger, workers, now, read_keys)


def _read_keys(rootcertbundle: str, jwks: str) -> TrustedKeys:
    files = KeyFiles()
    keys = files.read(rootcertbundle, jwks)
    log = Logger()
    for warning in files.warnings:
        log.warn("{fault}", fault=warning)
    return keys
