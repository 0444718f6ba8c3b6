"""Who is let through, and what is asked for when a blob is mounted."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.web.registry import Registry, location
from tests.web.wire import Answer
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import Access, Grant
from txregistry.model.digest import Digest

CONTENT = b"a layer that not everybody may see"
DIGEST = Digest.of(CONTENT)


@implementer(IAccessController)
@define(eq=False)
class Some:
    """
    Lets everybody use *repositories*, and no other one.

    :ivar asked: what was wanted, each time.
    """

    repositories: frozenset[str]
    asked: list[tuple[Access, ...]] = field(factory=list)

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        self.asked.append(tuple(wanted))
        if {access.name for access in wanted} <= self.repositories:
            return Grant("somebody")
        scopes = " ".join(f"{access.name}:{access.action}" for access in wanted)
        raise Unauthorized(f'Test scope="{scopes}"')


class MountTests(SynchronousTestCase):
    """A blob in ``secret``, and clients that may use ``open`` and ``mine``."""

    def setUp(self) -> None:
        driver = InMemoryDriver()
        owner = Registry(driver)
        owner.push_blob("secret", CONTENT)
        owner.push_blob("open", b"known to all")
        self.access = Some(frozenset(("open", "mine")))
        self.registry = Registry(driver, access=self.access)

    def mount(self, name: str, query: str) -> Answer:
        return self.registry.ask("POST", f"/v2/{name}/blobs/uploads/?{query}")

    def test_readable(self) -> None:
        """Who may pull from the source gets the blob from there."""
        digest = Digest.of(b"known to all")
        self.assertEqual(self.mount("mine", f"mount={digest}&from=open").status, 201)
        self.assertIn(Access("repository", "open", "pull"), self.access.asked[-1])

    def test_unreadable(self) -> None:
        """CVE-2024-39897: who may not learns nothing of what is there: it is as if it were nowhere."""
        answers = []
        for digest in (DIGEST, Digest.of(b"nowhere")):
            for query in (f"mount={digest}&from=secret", f"mount={digest}&from=nobody", f"mount={digest}"):
                answer = self.mount("mine", query)
                names = {name for name, _ in answer.headers}
                answers.append((answer.status, answer.body, names, "uploads/" in location(answer)))
        self.assertEqual(answers, answers[:1] * 6)
        self.assertEqual(answers[0][0], 202)
        self.assertEqual(self.registry.ask("HEAD", f"/v2/mine/blobs/{DIGEST}").status, 404)

    def test_from_anywhere(self) -> None:
        """Who may not read everything mounts nothing from just anywhere, even what they could read."""
        self.assertEqual(self.mount("mine", f"mount={Digest.of(b'known to all')}").status, 202)

    def test_target(self) -> None:
        """Who may not push is told to ask for both rights."""
        answer = self.mount("secret", f"mount={DIGEST}&from=open")
        self.assertEqual((answer.status, answer.codes()), (401, ["UNAUTHORIZED"]))
        self.assertEqual(answer.header("WWW-Authenticate"), 'Test scope="secret:pull secret:push open:pull"')

    def test_other_methods(self) -> None:
        """A source that others than a POST name is wanted, too, as distribution has it."""
        self.assertEqual(self.registry.ask("GET", "/v2/mine/tags/list?from=secret").status, 401)
