"""Bytes that no client should send, to a daemon that must serve on and hold nothing that it should not."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.fuzzing import (
    BLOB,
    DATA,
    INDEX_DOCUMENT,
    NAME,
    Conversation,
    Fuzzer,
    read_statuses,
)
from tests.live.images import INDEX, MIB, digest_of
from tests.live.processes import wait_for
from tests.live.tree import tree_faults

SEEDS = int(os.environ.get("FUZZ_SEEDS", "3"))
"""How many seeds there are; ``make fuzz SEEDS=n`` sets it."""

CONVERSATIONS = 300
"""With each seed."""

GROWTH = 16 * MIB
"""Memory that may be needed more after than before: what the allocator keeps, and caches of fixed size."""

GOOD = b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n"
VICTIM = b"DELETE /v2/kept/manifests/a HTTP/1.1\r\nHost: h\r\n\r\n"


def put(*headers: str, body: bytes = b"") -> bytes:
    """A push with these *headers* and raw *body*."""
    return (
        "\r\n".join((f"PUT /v2/{NAME}/manifests/a HTTP/1.1", "Host: h", *headers, "", "")).encode("latin-1")
        + body
    )


CHUNKED = "Transfer-Encoding: chunked"
LENGTH = "Content-Length: 5"

REFUSED = {
    "HTTP/0.9": b"GET /v2/\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "HTTP/3.0": b"GET /v2/ HTTP/3.0\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "SOCKS": b"\x05\x01\x00\r\n\r\n",
    "noise": bytes(range(256)) * 10 + b"\r\n\r\n",
    "zeros": bytes(5000) + b"\r\n\r\n",
    "a bare LF": b"GET /v2/ HTTP/1.1\nHost: h\n\n\r\n\r\n",
    "a NUL in the line": b"GET /v2/\0 HTTP/1.1\r\nHost: h\r\n\r\n",
    "a NUL in a header": put("X: a\0b"),
    "a CR in a header": put("X: a\rb"),
    "an LF in a header": put("X: a\nb"),
    "both lengths": put(LENGTH, CHUNKED, body=b"0\r\n\r\n"),
    "both lengths, turned": put(CHUNKED, LENGTH, body=b"0\r\n\r\n"),
    "two lengths": put(LENGTH, "Content-Length: 6", body=b"hello"),
    "one length twice": put(LENGTH, LENGTH, body=b"hello"),
    "a negative length": put("Content-Length: -5", body=b"hello"),
    "a length of many digits": put("Content-Length: " + "9" * 4000),
    "a folded length": put("Content-Length:\r\n 5", "X: y\r\n 6", CHUNKED, body=b"hello"),
    "a name with a space": put("Content-Length : 5", body=b"hello"),
    "no name": put(": 5", body=b"hello"),
    "no colon": put("nonsense", body=b"hello"),
    "another coding": put("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "hidden coding": put("Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "a bad chunk size": put(CHUNKED, body=b"zz\r\nhello\r\n0\r\n\r\n"),
    "a negative chunk": put(CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with a prefix": put(CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a huge chunk size": put(CHUNKED, body=b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    "a short chunk": put(CHUNKED, body=b"6\r\nhello\r\n0\r\n\r\n"),
    "a long chunk": put(CHUNKED, body=b"4\r\nhello\r\n0\r\n\r\n"),
    "an LF behind a chunk size": put(CHUNKED, body=b"5\nhello\r\n0\r\n\r\n"),
    "an endless extension": put(CHUNKED, body=b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n"),
    "an endless trailer": put(CHUNKED, body=b"0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"),
    "a huge header": put("X: " + "y" * 200_000),
    "many headers": put(*["X: y"] * 20_000),
    "a huge line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "no host": b"GET /v2/ HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a bad host": b'GET /v2/ HTTP/1.1\r\nHost: a b"<\r\n\r\n',
}
"""What is refused, with one answer."""

KEPT_OPEN = frozenset(("no host", "two hosts", "a bad host"))
"""Those of them whose end is beyond doubt, so that the connection can go on."""


class FuzzTests(LiveTestCase):
    """One daemon, with an image in it that must be there at the end."""

    def setUp(self) -> None:
        """Start it."""
        self.server = self.registry()
        self.wire = self.server.wire
        self.assertEqual(self.wire.push_blob("kept", BLOB, DATA).status, 201)
        self.assertEqual(self.wire.push_blob(NAME, BLOB, DATA).status, 201)
        pushed = self.wire.request("PUT", "/v2/kept/manifests/a", INDEX_DOCUMENT, {"Content-Type": INDEX})
        self.assertEqual(pushed.status, 201)
        self.play(Fuzzer(10_000, self.begin).conversations(40))
        self.descriptors = self.open_descriptors()
        self.memory = self.resident()

    def assert_unharmed(self) -> None:
        """It serves, what it held is there, and it holds nothing else."""
        self.assertEqual(self.wire.request("GET", "/v2/kept/manifests/a").body, INDEX_DOCUMENT)
        self.assertEqual(self.wire.request("GET", f"/v2/kept/blobs/{BLOB}").body, DATA)
        wait_for(lambda: self.open_descriptors() <= self.descriptors, "the daemon to close what it opened")
        self.assertLess(self.resident() - self.memory, GROWTH)
        self.assertEqual(tree_faults(self.server.storage), [])
        self.end_sessions()
        log = self.server.program.stderr.read_text() + self.server.program.stdout.read_text()
        wrong = ("err.stack", "Traceback", "level=fatal", "response.status=5", "Unhandled")
        self.assertEqual([line for line in log.splitlines() if any(each in line for each in wrong)], [])

    # --- tests ---

    def test_random(self) -> None:
        """Requests changed at random, in packets cut at random, from clients that leave in any way."""
        for seed in range(SEEDS):
            self.play(Fuzzer(seed, self.begin).conversations(CONVERSATIONS))
        self.assert_unharmed()

    def test_refused(self) -> None:
        """What is no request gets one answer, what is before it is served, and what is behind it is not."""
        for why, data in REFUSED.items():
            goes_on = why in KEPT_OPEN
            for before, behind in ((b"", b""), (b"", VICTIM), (GOOD, VICTIM), (GOOD * 20, VICTIM * 20)):
                if goes_on:
                    behind = behind.replace(VICTIM, GOOD)
                received = Conversation((before, data, behind), origin=why).play(self.server.port)
                self.assertIsNotNone(received, why)
                statuses = read_statuses(received or b"")
                count = len(before) // len(GOOD)
                self.assertEqual(statuses[:count], [200] * count, why)
                self.assertIn(statuses[count], (400, 413, 414, 431, 505), why)
                self.assertEqual(statuses[count + 1 :], [200] * (len(behind) // len(GOOD) * goes_on), why)
        self.assert_unharmed()

    def test_cut(self) -> None:
        """A stream of requests that is cut in two packets at any byte gets the same answers."""
        stream = (
            GOOD
            + put(f"Content-Type: {INDEX}", f"Content-Length: {len(INDEX_DOCUMENT)}", body=INDEX_DOCUMENT)
            + put(f"Content-Type: {INDEX}", CHUNKED, body=b"2\r\n{}\r\n0\r\nX: y\r\n\r\n")
            + f"GET /v2/kept/blobs/{BLOB} HTTP/1.1\r\nHost: h\r\nRange: bytes=3-5\r\n\r\n".encode()
            + b"HEAD /v2/kept/manifests/a HTTP/1.0\r\n\r\n"
        )
        with ThreadPoolExecutor(4) as threads:
            answers = threads.map(
                lambda cut: Conversation((stream[:cut], stream[cut:])).play(self.server.port),
                range(len(stream) + 1),
            )
            statuses = {tuple(read_statuses(received or b"")) for received in answers}
        self.assertEqual(statuses, {(200, 201, 400, 206, 200)})
        each = [stream[at : at + 1] for at in range(len(stream))]
        received = Conversation(each).play(self.server.port)
        self.assertEqual(read_statuses(received or b""), [200, 201, 400, 206, 200])
        self.assert_unharmed()

    def test_aborted(self) -> None:
        """Of an upload in one request nothing is left, whenever its client leaves."""
        digest = digest_of(DATA)
        head = f"POST /v2/aborted/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: h\r\n"
        whole = f"{head}Content-Length: {len(DATA)}\r\n\r\n".encode() + DATA
        cuts = range(0, len(whole), 3)
        self.play(
            [Conversation((whole[:cut],), ending) for cut in cuts for ending in ("drain", "close", "reset")]
        )
        self.assertEqual(self.wire.request("HEAD", f"/v2/aborted/blobs/{digest}").status, 404)
        wait_for(lambda: not self.sessions("aborted"), "the sessions to be removed, which nobody knows")
        self.assert_unharmed()

    # --- tools ---

    def begin(self) -> str:
        """Begin an upload."""
        return self.wire.start_upload(NAME)

    def play(self, conversations: list[Conversation]) -> None:
        """Have all *conversations*, some at a time."""
        with ThreadPoolExecutor(4) as threads:
            faults = [
                each
                for found in threads.map(lambda each: each.faults(self.server.port), conversations)
                for each in found
            ]
        self.assertEqual(faults, [])

    def sessions(self, name: str) -> list[str]:
        """The unfinished uploads of a repository, as storage has them."""
        uploads = self.server.repository_path(name) / "_uploads"
        return [path.name for path in uploads.iterdir()] if uploads.exists() else []

    def end_sessions(self) -> None:
        """Every session that is left can be asked for, and ended: nobody holds it."""
        names = {path.parent.parent for path in self.server.storage.rglob("_uploads/*")}
        for repository in names:
            name = str(repository.relative_to(self.server.repository_path("")))
            for id in self.sessions(name):
                path = f"/v2/{name}/blobs/uploads/{id}"
                self.assertEqual(self.wire.request("GET", path).status, 204)
                self.assertEqual(self.wire.request("DELETE", path).status, 204)
            self.assertEqual(self.sessions(name), [])

    def open_descriptors(self) -> int:
        """How many descriptors the daemon has."""
        return len(os.listdir(f"/proc/{self.server.program.pid}/fd"))

    def resident(self) -> int:
        """The daemon's memory now, in bytes."""
        pages = Path(f"/proc/{self.server.program.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
