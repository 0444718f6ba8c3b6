"""An access controller for tokens, as tests want it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.auth.making import ISSUER, SERVICE, SigningKey, make_claims, make_key, sign
from tests.fakes.workers import InlineWorkers
from txregistry.auth.table import ACCESS, Means
from txregistry.config.auth import TokenOptions
from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController, IWorkers
from txregistry.model.access import Access, Grant

REALM = "https://auth.example/token"


def key(kind: str = "P-256", number: int = 0) -> SigningKey:
    """A key of *kind* (see :mod:`tests.auth.making`), always the same in one process."""
    return _key(kind, number)


@cache
def _key(kind: str, number: int) -> SigningKey:
    return make_key(kind, f"{kind} {number}")


class TokenTestCase(SynchronousTestCase):
    """Has the time of day, and makes controllers that trust :func:`key`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(key().certificate.not_valid_before_utc.timestamp() + 86400)

    def file(self, *contents: bytes) -> str:
        """The path of a fresh file with *contents*."""
        path = Path(self.mktemp())
        path.write_bytes(b"".join(contents))
        return str(path)

    def controller(self, *keys: SigningKey, workers: IWorkers | None = None, **options: Any) -> Any:
        """
        A controller.

        :param keys: what stands in its bundle; by default the P-256 key, unless *options* say ``jwks``.
        :param options: those of the configuration.
        """
        if not keys and "jwks" not in options:
            keys = (key(),)
        if keys:
            options["rootcertbundle"] = self.file(*(key.certificate_pem for key in keys))
        return build(
            TokenOptions(**{"realm": REALM, "issuer": ISSUER, "service": SERVICE, **options}), self, workers
        )

    def claims(self, *entries: Any, **changed: Any) -> dict[str, Any]:
        """As :func:`~tests.auth.making.make_claims`, now."""
        return make_claims(self.clock.seconds(), *entries, **changed)

    def token(self, *entries: Any, headers: Any = None, **changed: Any) -> str:
        """A good token of the P-256 key."""
        return sign(key(), self.claims(*entries, **changed), headers)

    def passes(self, controller: Any, token: str, *wanted: Access) -> Grant:
        """What the controller grants to *token*; the test fails if it does not."""
        grant: Grant = self.successResultOf(controller.authorize(bearing(token), wanted))
        return grant

    def refused(self, controller: Any, token: str, *wanted: Access) -> Unauthorized:
        """How *token* is refused; the test fails if it passes."""
        failure = self.failureResultOf(controller.authorize(bearing(token), wanted), Unauthorized)
        assert isinstance(failure.value, Unauthorized)
        return failure.value

    def invalid(self, controller: Any, token: str, reason: str) -> None:
        """The *token* is refused as invalid, for the *reason*, with its user unknown."""
        refusal = self.refused(controller, token)
        self.assertIn(reason, refusal.reason)
        self.assertTrue(refusal.challenge.endswith(',error="invalid_token"'), refusal.challenge)
        self.assertEqual((refusal.user, refusal.anonymous), ("", False))


def build(options: TokenOptions, case: TokenTestCase, workers: IWorkers | None = None) -> IAccessController:
    """What the table's row makes of *options*."""
    means = Means(workers or InlineWorkers(), case.clock.seconds, threads=1)
    return ACCESS["token"].build(options, means)


def bearing(token: str) -> Credentials:
    """Credentials with *token*."""
    return Credentials(f"Bearer {token}", "registry.example")
