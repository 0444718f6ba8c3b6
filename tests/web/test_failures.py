"""What clients see when the storage fails, or we do: an answer in the error form, and no details."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.failing import FailingDriver
from tests.web.registry import Registry, expect, image
from tests.web.wire import Answer, request_bytes
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import AccessUndecided, TooManyAttempts, Unauthorized
from txregistry.interfaces import Credentials
from txregistry.model.access import Access, Grant
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.web.body import LINGER

LAYER = b"a layer" * 1000
DIGEST = Digest.of(LAYER)
CONFIG = b"{}"
MANIFEST = image((Digest.of(CONFIG), 2), (DIGEST, len(LAYER)))


class StorageTests(SynchronousTestCase):
    """A storage that fails."""

    def setUp(self) -> None:
        self.driver = FailingDriver(InMemoryDriver())
        self.registry = Registry(self.driver)
        self.registry.push_blob("a", CONFIG)

    def failed(self, answer: Answer, status: int = 500) -> None:
        self.assertEqual((answer.status, answer.codes()), (status, ["UNKNOWN"]))
        for word in (b"Traceback", b"inmemory", b"/docker", b"StorageError"):
            self.assertNotIn(word, answer.body)

    def test_full(self) -> None:
        """A full disk is a 507 at every step of a push, and the push works when there is space again."""
        for space in (0, 100, len(LAYER) - 1):
            self.driver.space = None
            address = self.registry.begin("a")
            self.driver.space = space
            path = address.partition("registry.test")[2]
            self.failed(self.registry.ask("PUT", f"{path}&digest={DIGEST}", body=LAYER), 507)
            self.failed(self.registry.ask("PATCH", path.partition("?")[0], body=LAYER), 507)
            self.assertEqual(self.driver.open_writers, 0)
        self.driver.space = 0
        self.failed(self.registry.ask("POST", "/v2/a/blobs/uploads/"), 507)
        self.driver.space = None
        self.registry.push_blob("a", LAYER)
        self.driver.space = 0
        headers = [("Content-Type", OCI_MANIFEST)]
        self.failed(self.registry.ask("PUT", "/v2/a/manifests/latest", headers, MANIFEST), 507)
        self.assertEqual(self.registry.ask("GET", "/v2/a/manifests/latest").status, 404)
        self.driver.space = None
        self.registry.push_manifest("a", "latest", MANIFEST)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_every_call(self) -> None:
        """Whatever fails below, each request gets its answer and the next one is served."""
        self.registry.push_blob("a", LAYER)
        self.registry.push_manifest("a", "latest", MANIFEST)
        address = self.registry.begin("a").partition("registry.test")[2]
        for call in ("get", "put", "stat", "open", "writer", "move", "delete", "list", "redirect_url"):
            self.driver.failing = {call}
            for method, path, body in (
                ("GET", "/v2/a/manifests/latest", None),
                ("HEAD", f"/v2/a/blobs/{DIGEST}", None),
                ("GET", f"/v2/a/blobs/{DIGEST}", None),
                ("GET", "/v2/a/tags/list", None),
                ("GET", "/v2/_catalog", None),
                ("POST", "/v2/b/blobs/uploads/", None),
                ("GET", address, None),
                ("PATCH", address, b"x"),
                ("PUT", "/v2/a/manifests/latest", MANIFEST),
                ("DELETE", "/v2/a/manifests/nothing", None),
            ):
                with self.subTest(f"{method} {path} without {call}"):
                    headers = [("Content-Type", OCI_MANIFEST)] if path.endswith("latest") else []
                    answer = self.registry.ask(method, path, headers, body)
                    if answer.status >= 500 and method != "HEAD":
                        self.failed(answer)
                    self.assertIn(answer.status, (200, 201, 202, 204, 404, 416, 500))
            self.assertEqual((self.driver.open_readers, self.driver.open_writers), (0, 0), call)
        self.driver.failing = set()
        self.assertEqual(self.registry.ask("GET", f"/v2/a/blobs/{DIGEST}").body, LAYER)
        self.flushLoggedErrors()

    def test_in_the_middle(self) -> None:
        """A disk that fills up while a layer comes in refuses the rest of it early."""
        address = self.registry.begin("a").partition("registry.test")[2]
        self.driver.space = 1 << 20
        connection = self.registry.connect()
        connection.send(request_bytes("PATCH", address, [("Content-Length", str(1 << 30))]))
        for _ in range(40):
            connection.send(b"x" * 65536)
            self.registry.clock.advance(LINGER[1])
        answer = connection.answer()
        self.failed(answer, 507)
        self.assertEqual(answer.header("Connection"), "close")
        self.assertEqual(self.driver.open_writers, 0)
        connection.hang_up()
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])
        self.assertEqual(self.registry.site.budget.held, 0)


class Controller:
    """Lets in who says so, when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Access, ...]] = []
        self.seen: list[Credentials] = []
        self.raising: Exception | None = None
        self.waiting: Deferred[None] | None = None

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        self.asked.append(tuple(wanted))
        self.seen.append(credentials)
        if self.waiting is not None:
            await self.waiting
        if self.raising is not None:
            raise self.raising
        return Grant("alice")


class AuthorizationTests(SynchronousTestCase):
    """What is asked for before anything is done."""

    def setUp(self) -> None:
        self.controller = Controller()
        access: Any = self.controller
        self.registry = Registry(access=access, headers=((b"X-Configured", b"yes"),))

    def asked(self, method: str, path: str) -> list[str]:
        self.controller.asked.clear()
        self.registry.ask(method, path, body=b"" if method in ("PUT", "PATCH") else None)
        [wanted] = self.controller.asked
        return [f"{each.type}:{each.name}:{each.action}" for each in wanted]

    def test_rights(self) -> None:
        """Each request needs the rights that distribution asks for."""
        pull, push = "repository:a/b:pull", "repository:a/b:push"
        for method, path, wanted in (
            ("GET", "/v2/", []),
            ("GET", "/v2/_catalog", ["registry:catalog:*"]),
            ("GET", "/v2/a/b/tags/list", [pull]),
            ("GET", "/v2/a/b/manifests/latest", [pull]),
            ("HEAD", f"/v2/a/b/blobs/{DIGEST}", [pull]),
            ("PUT", "/v2/a/b/manifests/latest", [pull, push]),
            ("DELETE", "/v2/a/b/manifests/latest", ["repository:a/b:delete"]),
            ("DELETE", f"/v2/a/b/blobs/{DIGEST}", ["repository:a/b:delete"]),
            ("POST", "/v2/a/b/blobs/uploads/", [pull, push]),
            ("PATCH", "/v2/a/b/blobs/uploads/x", [pull, push]),
        ):
            self.assertEqual(self.asked(method, path), wanted, f"{method} {path}")

    def test_mount(self) -> None:
        """A mount needs the right to read its source."""
        wanted = self.asked("POST", f"/v2/a/b/blobs/uploads/?mount={DIGEST}&from=c")
        self.assertEqual(wanted[-1], "repository:c:pull")

    def test_credentials(self) -> None:
        """The controller sees what the client said of itself."""
        headers = [("Authorization", "Bearer x"), ("X-Forwarded-Proto", "https")]
        self.registry.ask("GET", "/v2/", headers)
        [seen] = self.controller.seen
        self.assertEqual(seen, Credentials("Bearer x", "registry.test", "https", seen.client))
        self.assertTrue(seen.client)

    def test_twice(self) -> None:
        """Of two headers with credentials the first one counts, as with distribution."""
        self.registry.ask("GET", "/v2/", [("Authorization", "Bearer x"), ("Authorization", "Bearer y")])
        self.assertEqual([seen.authorization for seen in self.controller.seen], ["Bearer x"])

    def test_rights_wanted(self) -> None:
        """The detail of a 401 lists the rights that were wanted, ``null`` if it was nothing in particular."""
        wanted = (Access("repository", "a", "pull"), Access("repository", "a", "push"))
        expected = [
            {"Type": "repository", "Class": "", "Name": "a", "Action": action} for action in ("pull", "push")
        ]
        for rights, detail in ((wanted, expected), ((), None)):
            self.controller.raising = Unauthorized('Basic realm="here"', rights)
            answer = self.registry.ask("GET", "/v2/a/tags/list")
            self.assertEqual(
                json.loads(answer.body)["errors"],
                [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": detail}],
            )

    def test_undecided(self) -> None:
        """When nobody can tell, nobody passes, and the client is not asked for other credentials."""
        self.controller.raising = AccessUndecided("the file is gone")
        answer = self.registry.ask("GET", "/v2/a/tags/list")
        self.assertEqual((answer.status, answer.header("WWW-Authenticate")), (400, None))
        self.assertNotIn(b"gone", answer.body)

    def test_too_many(self) -> None:
        """Who would have to wait too long is told when to come again."""
        self.controller.raising = TooManyAttempts(7)
        answer = self.registry.ask("GET", "/v2/a/tags/list")
        self.assertEqual((answer.status, answer.codes()), (429, ["TOOMANYREQUESTS"]))
        self.assertEqual(answer.header("Retry-After"), "7")

    def test_refused(self) -> None:
        """Without the right, the answer is the challenge, on every route, before anything was read."""
        self.controller.raising = Unauthorized('Basic realm="here"')
        for method, path in (
            ("GET", "/v2/"),
            ("GET", "/v2/_catalog"),
            ("GET", "/v2/a/manifests/latest"),
            ("PUT", "/v2/a/manifests/latest"),
            ("GET", "/v2/NO/manifests/latest"),
            ("WHATEVER", "/v2/a/tags/list"),
        ):
            connection = self.registry.connect()
            connection.send(
                request_bytes(method, path, [("Content-Length", "10"), ("Expect", "100-continue")])
            )
            answer = connection.answer()
            self.assertEqual((answer.status, answer.codes(), answer.continues), (401, ["UNAUTHORIZED"], 0))
            self.assertEqual(answer.header("WWW-Authenticate"), 'Basic realm="here"')
            self.assertEqual(answer.header("X-Configured"), "yes")

    def test_user(self) -> None:
        """Who was let in is in the access log."""
        self.registry.ask("GET", "/v2/")
        self.assertIn(" - alice [", self.registry.access[0])

    def test_while_it_decides(self) -> None:
        """A body that comes meanwhile is held back, little of it in memory; a client that leaves ends it."""
        self.controller.waiting = Deferred()
        connection = self.registry.connect()
        connection.send(request_bytes("PUT", "/v2/a/manifests/b", [("Content-Length", str(1 << 20))]))
        for _ in range(16):
            connection.send(b"x" * 65536)
        self.assertLess(self.registry.site.budget.held, 1 << 17)
        self.assertGreater(connection.untaken, 1 << 19)
        connection.hang_up()
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])
        self.assertIn('" 499 ', self.registry.access[0])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_fault(self) -> None:
        """A controller that breaks is a 500, in the log with its traceback, for the client without."""
        self.controller.raising = ZeroDivisionError("a secret")
        for path in ("/v2/", "/v2/a/manifests/b", "/v2/Example.com/a/manifests/b"):
            answer = self.registry.ask("GET", path)
            self.assertEqual((answer.status, answer.codes()), (500, ["UNKNOWN"]))
            self.assertNotIn(b"secret", answer.body)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1, path)
        self.controller.raising = None
        expect(self.registry.ask("GET", "/v2/"), 200)
