"""Tests for new keys while the daemon runs."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from tests.auth.controllers import TokenTestCase, bearing, key
from tests.auth.making import AUTHORITY, issue, make_key, sign
from tests.fakes.workers import HeldWorkers
from txregistry.errors import Unauthorized
from txregistry.interfaces import IReloadable


class ReloadTests(TokenTestCase):
    """A controller whose bundle the test changes."""

    def setUp(self) -> None:
        super().setUp()
        self.bundle = Path(self.file(key().certificate_pem))
        self.access = self.controller(jwks="", rootcertbundle=str(self.bundle))
        self.old = self.token()
        self.new = sign(key("P-256", 1), self.claims())

    def reload(self) -> bool:
        return bool(self.successResultOf(Deferred.fromCoroutine(self.access.reload())))

    def test_new_keys(self) -> None:
        """After a reload the keys of the file count, those from before do not, tokens remembered or not."""
        self.assertTrue(verifyObject(IReloadable, self.access))
        self.passes(self.access, self.old)
        self.refused(self.access, self.new)
        self.bundle.write_bytes(key("P-256", 1).certificate_pem)
        self.passes(self.access, self.old)
        self.assertTrue(self.reload())
        self.refused(self.access, self.old)
        self.passes(self.access, self.new)

    def test_unusable(self) -> None:
        """A file that cannot be used changes nothing, and the log says why."""
        for content in (b"", b"no certificate", None):
            if content is None:
                self.bundle.unlink()
            else:
                self.bundle.write_bytes(content)
            with capturedLogs() as events:
                self.assertFalse(self.reload())
            self.assertEqual([event["log_level"].name for event in events], ["error"])
            self.assertIn("auth.token.rootcertbundle", formatEvent(events[0]))
            self.passes(self.access, self.old)

    def test_meanwhile(self) -> None:
        """What was begun with the keys of before lets in nobody who brings the same token after a reload."""
        middle = make_key(name="token signing", extensions=AUTHORITY)
        leaf = issue(middle)
        token = sign(leaf, self.claims(), {"x5c": [leaf.certificate_base64]})
        workers = HeldWorkers()
        self.bundle.write_bytes(middle.certificate_pem)
        access = self.controller(workers=workers, jwks="", rootcertbundle=str(self.bundle))
        before = Deferred.fromCoroutine(access.authorize(bearing(token), ()))
        self.bundle.write_bytes(key().certificate_pem)
        reloaded = Deferred.fromCoroutine(access.reload())
        workers.step(1)
        self.assertTrue(self.successResultOf(reloaded))
        after = Deferred.fromCoroutine(access.authorize(bearing(token), ()))
        workers.step()
        workers.step()
        self.successResultOf(before)
        self.failureResultOf(after, Unauthorized)
        again = Deferred.fromCoroutine(access.authorize(bearing(token), ()))
        workers.step()
        self.failureResultOf(again, Unauthorized)
