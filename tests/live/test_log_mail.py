"""The log's mails: a daemon with broken storage, and mail servers of several kinds."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Mapping
from typing import Any

from tests.certificates import Authority
from tests.fakes.smtp import PASSWORD, USER
from tests.live.case import LiveTestCase
from tests.live.mailbox import Mailbox
from tests.live.processes import free_port
from tests.live.registries import LAYOUT, Registry

MORE = re.compile(r" \(and (\d+) more\)$")


def hook(port: int, levels: tuple[str, ...] = ("error",), **smtp: object) -> Mapping[str, Mapping[str, Any]]:
    """Settings with a hook that mails to *port*."""
    options = {
        "smtp": {"addr": f"127.0.0.1:{port}", **smtp},
        "from": "registry@example.com",
        "to": ["a@example.com", "b@example.com"],
    }
    return {"log": {"hooks": [{"type": "mail", "levels": list(levels), "options": options}]}}


class MailTests(LiveTestCase):
    """Errors, and who hears of them."""

    def start(self, settings: Mapping[str, Mapping[str, Any]], trust: str = "") -> Registry:
        """Start a daemon on storage in which no upload to ``broken`` can begin."""
        storage = self.directory() / "storage"
        repository = storage / LAYOUT / "repositories" / "broken"
        repository.mkdir(parents=True)
        (repository / "_uploads").write_text("no directory")
        under = ["env", f"SSL_CERT_FILE={trust}"] if trust else []
        return self.registry(storage, settings=settings, under=under)

    def mailbox(self, certificate: tuple[str, str] | None = None) -> Mailbox:
        box = Mailbox(self.directory(), certificate)
        self.addCleanup(box.program.terminate)
        return box

    def fail_once(self, registry: Registry) -> None:
        """Have the storage fail for one request."""
        answer = registry.wire.request("POST", "/v2/broken/blobs/uploads/", headers={"Content-Length": "0"})
        self.assertEqual(answer.status, 500)

    def test_one(self) -> None:
        """One failure of the storage is one mail to all, with what its line says; successes are none."""
        box = self.mailbox()
        registry = self.start(hook(box.port))
        self.assertEqual(registry.wire.request("GET", "/v2/").status, 200)
        self.fail_once(registry)
        [letter] = box.wait(1)
        self.assertEqual(letter.to, ["a@example.com", "b@example.com"])
        self.assertEqual(letter.subject, "[error] 127.0.0.1: response completed with error")
        lines = letter.text.splitlines()
        self.assertEqual((lines[0], lines[2]), ("response completed with error", "level: error"))
        for line in (
            "http.response.status: 500",
            "http.request.method: POST",
            "vars.name: broken",
            "err.code: unknown",
        ):
            self.assertIn(line, lines)
        self.assertRegex(letter.text, r"err\.detail: .*broken/_uploads/.*: Not a directory")
        time.sleep(2)
        self.assertEqual(len(box.letters()), 1)

    def test_burst(self) -> None:
        """A thousand errors are one mail, and at the stop one with the rest; each error is counted."""
        box = self.mailbox()
        registry = self.start(hook(box.port))
        connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=30)
        for number in range(1000):
            connection.request("GET", f"/v2/a/manifests/tag{number}")
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 404)
        connection.close()
        box.wait(1)
        time.sleep(2)
        self.assertEqual(len(box.letters()), 1)
        registry.program.terminate()
        letters = box.letters()
        self.assertLessEqual(len(letters), 2)
        told = 0
        for letter in letters:
            more = MORE.search(letter.subject)
            told += 1 + (int(more[1]) if more else 0)
            self.assertLess(len(letter.text), 300_000)
        self.assertEqual(told, 1000)

    def test_panic(self) -> None:
        """Who asks for panics only does not hear of each 404."""
        box = self.mailbox()
        registry = self.start(hook(box.port, ("panic",)))
        self.assertEqual(registry.wire.request("GET", "/v2/a/manifests/none").status, 404)
        self.fail_once(registry)
        registry.program.terminate()
        self.assertEqual(box.letters(), [])

    def test_password(self) -> None:
        """A server that wants TLS and a password gets both; the password is told to nobody else."""
        authority, directory = Authority.root(), self.directory()
        box = self.mailbox(authority.server().write(directory))
        settings = hook(box.port, username=USER, password=PASSWORD)
        registry = self.start(settings, authority.write(directory))
        self.fail_once(registry)
        [letter] = box.wait(1)
        self.assertEqual((letter.user, letter.secure), (USER, True))
        self.assertNotIn(PASSWORD, registry.output() + letter.text)

    def test_strange_certificate(self) -> None:
        """A server with a certificate of somebody else gets nothing, unless any certificate will do."""
        directory = self.directory()
        box = self.mailbox(Authority.root().server().write(directory))
        settings = hook(box.port, username=USER, password=PASSWORD)
        registry = self.start(settings, Authority.root().write(directory))
        self.fail_once(registry)
        self.wait_for_words(registry, "certificate verify failed")
        self.assertEqual(box.letters(), [])
        self.assertNotIn(PASSWORD, registry.output())
        registry = self.start(hook(box.port, username=USER, password=PASSWORD, insecure=True))
        self.fail_once(registry)
        [letter] = box.wait(1)
        self.assertTrue(letter.secure)

    def test_no_server(self) -> None:
        """Without a mail server the daemon says so once in a while, serves on, and stops at once."""
        registry = self.start(hook(free_port(), ("error", "warning")))
        self.fail_once(registry)
        self.wait_for_words(registry, "mail about the log not sent")
        time.sleep(2)
        self.assertEqual(registry.output().count("mail about the log"), 1)
        self.fail_once(registry)
        self.assert_stops(registry)

    def test_silent_server(self) -> None:
        """A mail server that accepts and says nothing holds up no client, and the end not for long."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            registry = self.start(hook(listening.getsockname()[1]))
            self.fail_once(registry)
            connection, _ = listening.accept()
            with connection:
                for _ in range(20):
                    self.fail_once(registry)
                self.assert_stops(registry)
        self.assertIn("21 entries of the log are not mailed", registry.output())

    def wait_for_words(self, registry: Registry, words: str) -> None:
        registry.program.wait_until(lambda: words in registry.output(), f"saying {words!r}")

    def assert_stops(self, registry: Registry) -> None:
        """The daemon ends well on SIGTERM, long before a mail server's time would be over."""
        began = time.monotonic()
        registry.program.terminate()
        self.assertEqual(registry.program.wait(), 0)
        self.assertLess(time.monotonic() - began, 20)
