"""Clients that get in each other's way, or leave when they like: promises hold, and nothing is left."""

import json
import os
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.live.case import LiveTestCase
from tests.live.images import MANIFEST, MIB, canonical_json, digest_of
from tests.live.processes import wait_for
from tests.live.registries import Registry
from tests.live.tree import tree_faults
from tests.live.wire import Answer

T = TypeVar("T")

SMALL, LARGE = b"{}", random.Random(1).randbytes(2 * MIB)


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all *calls* at the same moment, each in a thread of its own, and give what they returned."""
    start = threading.Barrier(len(calls))

    def call(each: Callable[[], T]) -> T:
        start.wait(30)
        return each()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    """Count the statuses of *answers*."""
    return Counter(answer.status for answer in answers)


class _StormTestCase(LiveTestCase):
    """Storms against one daemon, and what must be true after each."""

    def setUp(self) -> None:
        """Start the daemon."""
        self.server: Registry = self.registry()
        self.wire = self.server.wire

    def assert_calm(self) -> None:
        """Storage is whole, nothing stays open, and no fault is in the log."""
        self.assertEqual(tree_faults(self.server.storage), [])
        wait_for(lambda: not self.open_files(), "the daemon to close its files")
        log = self.server.program.stderr.read_text()
        self.assertEqual(
            [line for line in log.splitlines() if "err.stack" in line or " level=fatal" in line], []
        )

    def open_files(self) -> list[str]:
        """The files of the storage that the daemon has open."""
        found = []
        for entry in Path(f"/proc/{self.server.program.pid}/fd").iterdir():
            try:
                found.append(os.readlink(entry))
            except FileNotFoundError:
                continue
        return [path for path in found if path.startswith(str(self.server.storage))]

    def sessions(self, name: str) -> list[str]:
        """The unfinished uploads of a repository, as storage has them."""
        uploads = self.server.repository_path(name) / "_uploads"
        return [path.name for path in uploads.iterdir()] if uploads.exists() else []


class CompetingClientsTests(_StormTestCase):
    """Clients that do the same thing at the same time."""

    def test_same_blob(self) -> None:
        """All who push a blob are told that it is there, it is there, and none of their uploads remains."""
        for data in (b"", b"x", LARGE):
            digest = digest_of(data)
            pushed = at_once([partial(self.wire.push_blob, "same", digest, data)] * 20)
            self.assertEqual(statuses(pushed), {201: 20})
            self.assertEqual(self.wire.request("GET", f"/v2/same/blobs/{digest}").body, data)
        self.assertEqual(self.sessions("same"), [])
        self.assert_calm()

    def test_one_session(self) -> None:
        """Of those who write to a session at once the first is heard; others may say the same, no more."""
        for number in range(10):
            location = self.wire.start_upload("one")
            bodies = [b"%d" % each + LARGE for each in range(3)] * 2
            patched = at_once([partial(self.wire.patch, location, body) for body in bodies])
            self.assertEqual(statuses(patched), {202: 2, 416: 4})
            self.assertEqual({answer.received for answer in patched}, {len(LARGE) + 1})
            heard = next(place for place, answer in enumerate(patched) if answer.status == 202)
            data = bodies[heard] + b"%d" % number
            location, digest = patched[heard].location, digest_of(data)
            ended = at_once([partial(self.wire.finish_upload, location, digest, b"%d" % number)] * 3)
            self.assertEqual(statuses(ended), {201: 3})
            self.assertEqual(self.server.blob_path(digest).read_bytes(), data)
        self.assertEqual(self.sessions("one"), [])
        self.assert_calm()

    def test_two_digests(self) -> None:
        """A session that is closed with a wrong and with the right digest becomes the right blob, or none."""
        for number in range(10):
            data = b"%d" % number * 100_000
            right, wrong = digest_of(data), digest_of(data + b"x")
            location = self.wire.start_upload("two")
            good, bad = at_once(
                [
                    partial(self.wire.finish_upload, location, right, data),
                    partial(self.wire.finish_upload, location, wrong, data),
                ]
            )
            self.assertIn(good.status, (201, 416))
            self.assertIn(bad.status, (400, 404, 416))
            self.assertEqual(self.server.blob_path(right).exists(), good.status == 201)
        self.assert_calm()

    def test_deleted_meanwhile(self) -> None:
        """Pushes, mounts, deletions and manifests of one blob: each 201 that nothing undid still holds."""
        for number in range(30):
            data = b"blob %d" % number
            digest = digest_of(data)
            config = {"mediaType": "application/vnd.test", "digest": digest, "size": len(data)}
            manifest = canonical_json(
                {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
            )
            self.wire.push_blob("from", digest, data)
            blob = f"/v2/from/blobs/{digest}"
            ask = self.wire.request
            mount = f"/v2/to/blobs/uploads/?mount={digest}&from=from"
            _, mounted, tagged, again = at_once(
                [
                    partial(ask, "DELETE", blob),
                    partial(ask, "POST", mount, b""),
                    partial(ask, "PUT", "/v2/from/manifests/t", manifest, {"Content-Type": MANIFEST}),
                    partial(self.wire.push_blob, "from", digest, data),
                ]
            )
            self.assertIn(mounted.status, (201, 202))
            self.assertIn(tagged.status, (201, 400))
            self.assertEqual(again.status, 201)
            if mounted.status == 201:
                self.assertEqual(self.wire.request("GET", f"/v2/to/blobs/{digest}").body, data)
            if tagged.status == 201:
                self.assertEqual(self.wire.request("GET", "/v2/from/manifests/t").body, manifest)
            link = self.server.repository_path("from") / "_layers" / "sha256" / digest[7:] / "link"
            self.assertEqual(self.wire.request("HEAD", blob).status == 200, link.exists())
        self.assert_calm()


class LeavingClientsTests(_StormTestCase):
    """Clients that leave at any byte, with and without a word."""

    def test_leave(self) -> None:
        """Whatever they had begun is as it was before, or done; memory is as it was."""
        blob = digest_of(LARGE)
        self.wire.push_blob("left", blob, LARGE)
        before = self.server.program.peak_memory()
        dice = random.Random(7)
        for number in range(200):
            request = self.some_request(dice, blob, number)
            self.send_and_leave(request[: dice.choice([len(request), dice.randrange(len(request))])], dice)
        self.assert_calm()
        self.assertLess(self.server.program.peak_memory() - before, 40 * MIB)
        self.assertEqual(self.wire.request("GET", f"/v2/left/blobs/{blob}").body, LARGE)
        wait_for(lambda: self.connections() <= 1, "the daemon to drop its connections")

    def some_request(self, dice: random.Random, blob: str, number: int) -> bytes:
        """One of the things that clients ask for."""
        data = b"%d" % number * 50_000
        digest, lines = digest_of(data), ""
        if number % 2:
            lines, body = f"Content-Length: {len(data)}\r\n", data
        else:
            lines, body = "Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
        head, content = dice.choice(
            [
                (f"GET /v2/left/blobs/{blob}", b""),
                ("GET /v2/left/tags/list", b""),
                (f"PATCH {self.wire.start_upload('left')}", body),
                (f"PUT {self.wire.start_upload('left')}&digest={digest}", body),
                (f"POST /v2/left/blobs/uploads/?digest={digest}", body),
                ("PUT /v2/left/manifests/t", body),
                (f"DELETE {self.wire.start_upload('left')}", b""),
            ]
        )
        return f"{head} HTTP/1.1\r\nHost: h\r\n{lines if content else ''}\r\n".encode() + content

    def send_and_leave(self, data: bytes, dice: random.Random) -> None:
        """Send *data*; then reset the connection, close it, or say that nothing more comes and close it."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
            connection.sendall(data)
            way = dice.randrange(4)
            if way == 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif way == 1:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(0.01)
                try:
                    connection.recv(1)
                except OSError:
                    return

    def connections(self) -> int:
        """How many sockets the daemon has open, its port among them."""
        found = 0
        for entry in Path(f"/proc/{self.server.program.pid}/fd").iterdir():
            try:
                found += os.readlink(entry).startswith("socket:")
            except FileNotFoundError:
                continue
        return found


class GreedyClientTests(_StormTestCase):
    """A client that asks for much and takes nothing."""

    def test_unread(self) -> None:
        """It costs little memory, and nobody else has to wait for it."""
        config = {"mediaType": "application/vnd.test", "digest": digest_of(SMALL), "size": len(SMALL)}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
        manifest = json.dumps(document | {"annotations": {"a": "x" * MIB}}).encode()
        self.wire.push_blob("much", config["digest"], SMALL)  # type: ignore[arg-type]
        pushed = self.wire.request("PUT", "/v2/much/manifests/t", manifest, {"Content-Type": MANIFEST})
        self.assertEqual(pushed.status, 201)
        before = self.server.program.peak_memory()
        request = b"GET /v2/much/manifests/t HTTP/1.1\r\nHost: h\r\n\r\n"
        clients = [socket.create_connection(("127.0.0.1", self.server.port), timeout=20) for _ in range(40)]
        try:
            for client in clients:
                client.sendall(request * 1000)
            for _ in range(50):
                self.assertEqual(self.wire.request("GET", "/v2/").status, 200)
            self.assertLess(self.server.program.peak_memory() - before, 60 * MIB)
        finally:
            for client in clients:
                client.close()
        self.assert_calm()
