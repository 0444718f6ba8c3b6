"""
The behaviour of the API once more, with every request going through Klein's routes.

:meth:`RegistryApp.shortcut` serves nearly all requests past them; what is
done must be the same.
"""

from __future__ import annotations

from uuid import uuid4

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from tests.web import test_blobs, test_listing, test_manifests, test_mounting, test_routing, test_uploads
from tests.web.registry import Registry
from txregistry.model.digest import Digest
from txregistry.web.app import RegistryApp
from txregistry.web.replies import Reply
from txregistry.web.request import RegistryRequest

DIGEST = Digest.of(b"nothing of the kind")
UUID = uuid4()


class NoRoutes(Resource):
    """Takes the place of the routes, and notes what comes to them."""

    isLeaf = True

    def __init__(self, seen: list[bytes]) -> None:
        super().__init__()
        self._seen = seen

    def render(self, request: RegistryRequest) -> bytes:
        """Answer with nothing."""
        self._seen.append(request.path)
        request.answer(Reply(204))
        return b""


class ShortcutTests(SynchronousTestCase):
    """Which requests go past the routes."""

    def taken(self, method: str, path: str) -> bool:
        registry = Registry()
        registry.push_image("a/b", "t")
        rendered: list[bytes] = []
        registry.site.resource = NoRoutes(rendered)
        registry.ask(method, path, body=b"")
        return not rendered

    def test_plain(self) -> None:
        """Those to a repository, by whatever method."""
        for path in ("manifests/t", f"manifests/{DIGEST}", f"blobs/{DIGEST}", "tags/list?n=1"):
            self.assertTrue(self.taken("GET", f"/v2/a/b/{path}"), path)
        self.assertTrue(self.taken("POST", "/v2/a/b/blobs/uploads/"))
        self.assertTrue(self.taken("PUT", f"/v2/a/b/blobs/uploads/{UUID}"))
        self.assertTrue(self.taken("DELETE", f"/v2/a/b/blobs/{DIGEST}"))

    def test_unusual(self) -> None:
        """Not those to something else, or whose path would have to be looked at twice."""
        for path in (
            *("/v2/", "/v2/_catalog", "/v2/a/b/blobs/uploads", "/v2/a/b/tags/list/", "/v2/a/b/manifests/t/"),
            *("/v2/A.io/b/manifests/t", "/v2/a%2fb/manifests/t", "/v2/a/b/manifests/%74", "/v2/a/b/blobs/"),
        ):
            self.assertFalse(self.taken("GET", path), path)


class Routed(SynchronousTestCase):
    """No shortcuts."""

    def setUp(self) -> None:
        self.patch(RegistryApp, "shortcut", lambda *_: False)
        super().setUp()


def routed(case: type[SynchronousTestCase]) -> type[SynchronousTestCase]:
    """The tests of *case*, through the routes."""
    what = case.__module__.rpartition("_")[2].title()
    about = {"__doc__": case.__doc__, "__module__": __name__}
    return type(f"Routed{what}{case.__name__}", (Routed, case), about)


for _case in (
    *(test_blobs.GetTests, test_blobs.ConditionTests, test_blobs.RangeTests, test_blobs.DeleteTests),
    *(test_manifests.PutTests, test_manifests.GetTests, test_manifests.DeleteTests),
    *(test_uploads.ClientTests, test_uploads.StateTests, test_uploads.ChunkTests, test_uploads.EndTests),
    *(test_uploads.InterruptionTests, test_mounting.MountTests),
    *(test_listing.TagListTests, test_routing.NameTests, test_routing.MethodTests),
):
    _routed = routed(_case)
    globals()[_routed.__name__] = _routed
del _case, _routed
