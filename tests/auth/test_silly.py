"""Tests for the access control of test set-ups."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.access import AccessControllerContract
from txregistry.auth.silly import SillyAccess
from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import Grant, needed


class SillyAccessTests(AccessControllerContract, SynchronousTestCase):
    """Whoever sends anything passes."""

    def make_controller(self) -> IAccessController:
        return SillyAccess("a realm", 'a "service"')

    def welcome(self) -> Credentials:
        return Credentials("anything", "registry.test")

    def test_name(self) -> None:
        """Everybody has the same name, and may read everything."""
        grant = self.successResultOf(self.make_controller().authorize(self.welcome(), ()))
        self.assertEqual(grant, Grant("silly", reads_everything=True))

    def test_challenge(self) -> None:
        """The challenge has a scope of its own for each right; and none where no right is wanted."""
        for wanted, scope in (
            ((), ""),
            (
                needed("PUT", "a/b", mount_from="c"),
                ',scope="repository:a/b:pull repository:a/b:push repository:c:pull"',
            ),
        ):
            for authorization in (None, ""):
                credentials = Credentials(authorization, "registry.test")
                failure = self.failureResultOf(self.make_controller().authorize(credentials, wanted))
                refusal = failure.value
                assert isinstance(refusal, Unauthorized)
                self.assertEqual(
                    refusal.challenge, f'Bearer realm="a realm",service="a \\"service\\""{scope}'
                )
                self.assertEqual((refusal.wanted, refusal.anonymous), (wanted, True))
