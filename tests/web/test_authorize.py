"""Who is let through, and what is asked for when a blob is mounted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.web.registry import Registry, image, location
from tests.web.wire import Answer
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import AccessUndecided, TooManyAttempts, Unauthorized
from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import Access, Grant, needed
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.model.policy import ClassPolicy
from txregistry.storage.namespace import Rules
from txregistry.web.completion import CompletionLog

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
    classes: Mapping[str, frozenset[str]] = field(factory=dict)
    user: str = "somebody"

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        self.asked.append(tuple(wanted))
        if {access.name for access in wanted} <= self.repositories:
            return Grant(self.user, classes=self.classes)
        scopes = " ".join(f"{access.name}:{access.action}" for access in wanted)
        raise Unauthorized(f'Test scope="{scopes}"', wanted, "not his", "mallory")


@implementer(IAccessController)
@define(eq=False)
class Raising:
    """Lets nobody in, by raising *error*."""

    error: Exception

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        raise self.error


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


class AuditTests(SynchronousTestCase):
    """What the log has of refusals."""

    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def refusals(self, error: Exception, method: str = "GET", path: str = "/v2/a/tags/list") -> list[str]:
        registry = Registry(access=Raising(error))
        registry.site.tell(CompletionLog(registry.clock, quiet=False))
        registry.ask(method, path, [("Authorization", "Basic c2VjcmV0OnBhc3N3b3Jk")])
        lines = []
        for event in self.events:
            level, fields = event["log_level"].name, event.get("fields", {})
            kept = {name: value for name, value in fields.items() if name.startswith("auth.")}
            lines.append(f"{level} {formatEvent(event)} {kept}")
        self.assertNotIn("c2VjcmV0", repr(self.events))
        return lines

    def test_refused(self) -> None:
        """Who was refused what, and why."""
        wanted = needed("PUT", "a")
        line = (
            "warn error authorizing context: wrong password "
            "{'auth.wanted': 'repository:a:pull,push', 'auth.user.name': 'mallory'}"
        )
        self.assertEqual(self.refusals(Unauthorized("Basic", wanted, "wrong password", "mallory")), [line])

    def test_anonymous(self) -> None:
        """Who shows no credentials, as clients do at first, is no warning."""
        line = "info error authorizing context: no credentials {'auth.wanted': 'authentication'}"
        refusal = Unauthorized("Basic", (), "no credentials", anonymous=True)
        self.assertEqual(self.refusals(refusal, path="/v2/"), [line])

    def test_long_name(self) -> None:
        """A client cannot fill the log with a name."""
        [line] = self.refusals(Unauthorized("Basic", (), "no such user", "m" * 90_000))
        self.assertLess(len(line), 400)

    def test_undecided(self) -> None:
        """What is wrong with the registry is an error, and says what."""
        [line] = self.refusals(AccessUndecided("the file is gone"))
        what = "{'auth.wanted': 'repository:a:pull'}"
        self.assertEqual(line, f"error error checking authorization: the file is gone {what}")

    def test_too_many(self) -> None:
        """Who was sent away is told, as far as it is known."""
        for user, told in (("mallory", ", 'auth.user.name': 'mallory'"), ("", "")):
            del self.events[:]
            [line] = self.refusals(TooManyAttempts(3, user))
            self.assertTrue(line.startswith("warn error authorizing context: too many"), line)
            self.assertTrue(line.endswith("{'auth.wanted': 'repository:a:pull'" + told + "}"), line)

    def test_mount(self) -> None:
        """A mount from what is not to be read becomes an upload, and the log knows that it was wanted."""
        registry = Registry(access=Some(frozenset(("mine",))))
        registry.ask("POST", f"/v2/mine/blobs/uploads/?mount={DIGEST}&from=secret")
        [event] = self.events
        self.assertIn("repository:secret:pull", event["fields"]["auth.wanted"])

    def test_access_line(self) -> None:
        """The access log names who was let in, and nobody else."""
        registry = Registry(access=Some(frozenset(("mine",))))
        for name in ("mine", "secret"):
            registry.ask("GET", f"/v2/{name}/tags/list")
        users = [line.split(" ")[2] for line in registry.access]
        self.assertEqual(users, ["somebody", "-"])

    def test_odd_name(self) -> None:
        """A name has one place in the line, whatever it is made of."""
        odd = 'a - - [1/Jan/2026] "GET /" 200\n\u202e\u3000é'
        registry = Registry(access=Some(frozenset(("mine",)), user=odd))
        registry.ask("GET", "/v2/mine/tags/list")
        [line] = registry.access
        user = r"a\x20-\x20-\x20[1/Jan/2026]\x20\"GET\x20/\"\x20200\n\u202e\u3000é"
        self.assertEqual(line.split(" ")[2], user)
        self.assertTrue(line.isprintable())


class ClassTests(SynchronousTestCase):
    """Rights that are limited to classes of content, where ``policy.repository.classes`` is set."""

    def put(self, classes: Mapping[str, frozenset[str]]) -> Answer:
        """Push an image to ``mine``, with rights limited to *classes*."""
        access = Some(frozenset(("mine",)), classes=classes)
        registry = Registry(access=access, rules=Rules(policy=ClassPolicy(frozenset(("image", "plugin")))))
        registry.push_blob("mine", b"{}")
        payload = image((Digest.of(b"{}"), 2))
        headers = [("Content-Type", OCI_MANIFEST)]
        return registry.ask("PUT", "/v2/mine/manifests/latest", headers, payload)

    def test_limited(self) -> None:
        """A manifest of another class is refused; what holds for other repositories does not count."""
        for classes, status in (
            ({}, 201),
            ({"other": frozenset(("plugin",))}, 201),
            ({"mine": frozenset(("image", "plugin"))}, 201),
            ({"mine": frozenset(("plugin",))}, 403),
        ):
            answer = self.put(classes)
            self.assertEqual(answer.status, status, classes)
        self.assertEqual(
            answer.json()["errors"],
            [{"code": "DENIED", "message": "repository not authorized for image manifest"}],
        )
