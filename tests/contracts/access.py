"""What every ``IAccessController`` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import CATALOG, Access, Grant, needed

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Base
else:
    _Base = object

WANTED: tuple[tuple[Access, ...], ...] = (
    (),
    CATALOG,
    needed("GET", "a/b"),
    needed("POST", "a/b", mount_from="c"),
    needed("DELETE", "a/b"),
)

STRANGE = (None, "", "Basic", "Basic !!!", "Basic Og==", "Bearer", "Bearer a.b.c", "\0", "é" * 9999)


class AccessControllerContract(_Base):
    """Mix in beside a ``SynchronousTestCase``."""

    def make_controller(self) -> IAccessController:
        """A controller that lets :meth:`welcome` do everything in :data:`WANTED`."""
        raise NotImplementedError

    def welcome(self) -> Credentials:
        """Credentials that suffice."""
        raise NotImplementedError

    def test_provides(self) -> None:
        """The controller declares and keeps the ``IAccessController`` signatures."""
        self.assertTrue(verifyObject(IAccessController, self.make_controller()))

    def test_lets_pass(self) -> None:
        """Who may, passes, whatever is wanted, and is named in a text."""
        controller = self.make_controller()
        for wanted in WANTED:
            grant = self.successResultOf(controller.authorize(self.welcome(), wanted))
            self.assertIsInstance(grant, Grant)
            self.assertIsInstance(grant.user, str)

    def test_strangers(self) -> None:
        """Hostile or missing credentials pass or are challenged; nothing else comes out."""
        controller = self.make_controller()
        for authorization in STRANGE:
            for wanted in WANTED:
                results: list[object] = []
                call = controller.authorize(Credentials(authorization, "registry.test"), wanted)
                Deferred.fromCoroutine(call).addBoth(results.append)
                (result,) = results
                if isinstance(result, Failure):
                    self.assertIsInstance(result.value, Unauthorized)
                    self.assertTrue(getattr(result.value, "challenge", ""))
                else:
                    self.assertIsInstance(result, Grant)
