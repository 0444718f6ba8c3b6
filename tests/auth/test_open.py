"""Tests for open access."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.access import AccessControllerContract
from txregistry.auth.open import OpenAccess
from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import CATALOG, Grant


class OpenAccessTests(AccessControllerContract, SynchronousTestCase):
    """Everybody passes."""

    def make_controller(self) -> IAccessController:
        return OpenAccess()

    def welcome(self) -> Credentials:
        return Credentials(None, "registry.test")

    def test_nobody_in_particular(self) -> None:
        """Credentials are not looked at, and give no name; whoever it is may read everything."""
        grant = Grant(user="", reads_everything=True)
        credentials = Credentials("Basic d3Jvbmc6d3Jvbmc=", "registry.test")
        self.assertEqual(self.successResultOf(OpenAccess().authorize(credentials, CATALOG)), grant)
