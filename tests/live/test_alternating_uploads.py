"""Upload sessions that pass between our daemon and Debian's ``docker-registry``."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.images import MIB, digest_of, large_tar
from tests.live.processes import wait_for
from tests.live.registries import Registry
from tests.live.strace import READING_OPTIONS, Call, bytes_read, opened, read_calls
from tests.live.tree import tree_faults

DATA = b"".join(large_tar(3 * MIB))
DIGEST = digest_of(DATA)
SPLIT = 2 * MIB + 13
"""Where the other daemon takes over: not at the border of a block of SHA-256."""


class HandedOverTests(LiveTestCase):
    """An upload that one has begun and the other, watched by strace, brings to its end."""

    def setUp(self) -> None:
        """Think of a storage; the daemons come with the tests."""
        self.storage = self.directory() / "storage"
        self.log = self.directory() / "strace.log"
        self.under = [*READING_OPTIONS, "-o", str(self.log)]

    def test_begun_by_us(self) -> None:
        """docker-registry finishes what we began without reading a byte of it."""
        self.finish_unread(self.registry(self.storage), self.docker_registry(self.storage, under=self.under))

    def test_begun_by_docker_registry(self) -> None:
        """We finish what docker-registry began without reading a byte of it."""
        self.finish_unread(self.docker_registry(self.storage), self.registry(self.storage, under=self.under))

    def test_without_a_state(self) -> None:
        """Where the hash state is lost we have to read what is there, which strace sees, and are right."""
        first, second = self.docker_registry(self.storage), self.registry(self.storage, under=self.under)
        location, data = self.begin(first)
        for state in data.parent.glob("hashstates/sha256/*"):
            state.unlink()
        self.assertEqual(second.wire.finish_upload(location, DIGEST, DATA[SPLIT:]).status, 201)
        self.assertGreaterEqual(bytes_read(self.calls(second), str(data)), SPLIT)
        self.assertEqual(tree_faults(self.storage), [])

    def finish_unread(self, first: Registry, second: Registry) -> None:
        """Begin at *first*, go on and end at *second*, and look at what *second* has read."""
        location, data = self.begin(first)
        middle = SPLIT + 1000
        answer = second.wire.patch(location, DATA[SPLIT:middle])
        self.assertEqual((answer.status, answer.received), (202, middle))
        self.assertEqual(second.wire.finish_upload(answer.location, DIGEST, DATA[middle:]).status, 201)
        for server in (first, second):
            pulled = server.wire.request("GET", f"/v2/shared/blobs/{DIGEST}")
            self.assertEqual((pulled.status, digest_of(pulled.body)), (200, DIGEST))
        calls = self.calls(second)
        self.assertTrue(opened(calls, str(data)), "strace has not seen the upload")
        self.assertEqual(bytes_read(calls, str(data)), 0)
        self.assertGreater(
            bytes_read(calls, str(second.blob_path(DIGEST))), 0, "strace has not seen the pull"
        )
        self.assertEqual(tree_faults(self.storage), [])

    def begin(self, server: Registry) -> tuple[str, Path]:
        """Send the first part in two pieces; where the upload goes on, and where its data is."""
        location = server.wire.patch(server.wire.start_upload("shared"), DATA[:100]).location
        answer = server.wire.patch(location, DATA[100:SPLIT])
        self.assertEqual((answer.status, answer.received), (202, SPLIT))
        [data] = server.repository_path("shared").glob("_uploads/*/data")
        return answer.location, data

    def calls(self, server: Registry) -> list[Call]:
        """End the daemon, and read what strace saw of it to the end."""
        server.program.terminate()
        end = re.compile(rf"^{server.program.pid}\s+\+\+\+ (exited|killed)", re.MULTILINE)
        wait_for(lambda: end.search(self.log.read_text(errors="replace")) is not None, "the end of the log")
        return read_calls(self.log.read_text(errors="replace").splitlines())


class SessionTests(LiveTestCase):
    """What either does to a session that the other knows."""

    def setUp(self) -> None:
        """Start both daemons on the same storage."""
        self.storage = self.directory() / "storage"
        self.ours = self.registry(self.storage)
        self.theirs = self.docker_registry(self.storage)

    def sides(self) -> Sequence[tuple[Registry, Registry]]:
        """Each of the two first."""
        return ((self.ours, self.theirs), (self.theirs, self.ours))

    def test_status(self) -> None:
        """Both say the same of how far an upload has come, whichever has taken it."""
        for first, second in self.sides():
            location = first.wire.start_upload("shared")
            for sender, size in ((second, 1000), (first, 1), (second, 24)):
                location = sender.wire.patch(location, DATA[:size]).location
                told = [server.wire.request("GET", location) for server in (first, second)]
                self.assertEqual([answer.status for answer in told], [204, 204])
                for header in ("Range", "Docker-Upload-UUID"):
                    self.assertEqual(told[0].headers[header], told[1].headers[header])

    def test_many(self) -> None:
        """Several sessions under way at once do not get mixed up, and none is left at the end."""
        contents = [b"%d" % number * 5000 for number in range(8)]
        places = [server.wire.start_upload("shared") for server in (self.ours, self.theirs) * 4]
        for step in range(4):
            for number, content in enumerate(contents):
                server = (self.ours, self.theirs)[(number + step) % 2]
                piece = content[step * 1250 : (step + 1) * 1250]
                places[number] = server.wire.patch(places[number], piece).location
        for number, content in enumerate(contents):
            server = (self.ours, self.theirs)[number % 2]
            self.assertEqual(server.wire.finish_upload(places[number], digest_of(content)).status, 201)
        for server in (self.ours, self.theirs):
            for content in contents:
                pulled = server.wire.request("GET", f"/v2/shared/blobs/{digest_of(content)}")
                self.assertEqual(pulled.body, content)
        self.assertEqual(list(self.ours.repository_path("shared").glob("_uploads/*")), [])

    def test_nothing_sent_yet(self) -> None:
        """A session to which nothing was sent can be ended by the other, with or without content."""
        for content in (b"", b"something"):
            for first, second in self.sides():
                location = first.wire.start_upload("shared")
                self.assertEqual(second.wire.finish_upload(location, digest_of(content), content).status, 201)
        self.assertEqual(tree_faults(self.storage), [])

    def test_cancelled(self) -> None:
        """A session that one has cancelled is over for the other, too."""
        for first, second in self.sides():
            location = first.wire.patch(first.wire.start_upload("shared"), DATA[:1000]).location
            self.assertEqual(second.wire.request("DELETE", location).status, 204)
            for server in (first, second):
                self.assertEqual(server.wire.request("GET", location).status, 404, server.program.name)
                self.assertEqual(server.wire.patch(location, b"more").status, 404, server.program.name)
        left = [
            path for path in self.ours.repository_path("shared").rglob("data") if "_uploads" in path.parts
        ]
        self.assertEqual(left, [])

    def test_wrong_digest(self) -> None:
        """What one has refused for its digest the other still takes by the right one."""
        for first, second in self.sides():
            content = DATA[: 2000 + first.port]
            location = first.wire.patch(first.wire.start_upload("shared"), content).location
            self.assertEqual(first.wire.finish_upload(location, DIGEST).status, 400)
            self.assertEqual(second.wire.finish_upload(location, digest_of(content)).status, 201)
        self.assertEqual(tree_faults(self.storage), [])

    def test_by_sha512(self) -> None:
        """What docker-registry has taken by its SHA-512 and stored by its SHA-256, we serve by both."""
        content = DATA[:5000]
        digest = "sha512:" + hashlib.sha512(content).hexdigest()
        location = self.ours.wire.patch(self.ours.wire.start_upload("shared"), content[:999]).location
        self.assertEqual(self.theirs.wire.finish_upload(location, digest, content[999:]).status, 201)
        for server in (self.ours, self.theirs):
            for known in (digest, digest_of(content)):
                for method in ("HEAD", "GET"):
                    answer = server.wire.request(method, f"/v2/shared/blobs/{known}")
                    self.assertEqual(answer.status, 200, (server.program.name, known))
        self.assertEqual(self.ours.wire.push_blob("shared", digest, content).status, 201)
        for server in (self.ours, self.theirs):
            answer = server.wire.request("GET", f"/v2/shared/blobs/{digest}")
            self.assertEqual(answer.body, content, server.program.name)

    def test_after_our_restart(self) -> None:
        """What both have begun we go on with after a restart, and docker-registry after it."""
        places = [
            server.wire.patch(server.wire.start_upload("shared"), DATA[:1000]).location
            for server in (self.ours, self.theirs)
        ]
        self.ours.program.kill()
        again = self.registry(self.storage)
        for location in places:
            location = again.wire.patch(location, DATA[1000:3000]).location
            content = DATA[:4000]
            self.assertEqual(
                self.theirs.wire.finish_upload(location, digest_of(content), DATA[3000:4000]).status, 201
            )
        self.assertEqual(tree_faults(self.storage), [])
