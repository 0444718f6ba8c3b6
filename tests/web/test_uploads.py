"""Upload sessions, as the various clients use them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from tests.fakes.failing import FailingDriver
from tests.fakes.lines import lines
from tests.storage.faulty import FaultyDriver
from tests.storage.making import tree
from tests.web.pushing import (
    CHUNKED,
    CONTENT,
    DIGEST,
    UUID,
    HeldWrites,
    UploadCase,
    state_of,
    without_host,
    without_state,
)
from tests.web.registry import OCTETS, Registry, location
from tests.web.wire import Answer, chunked, request_bytes
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.model.digest import EMPTY, Digest
from txregistry.model.upload import UploadState
from txregistry.web.body import LINGER


class ClientTests(UploadCase):
    """Whole pushes, each as one client does it."""

    def test_docker(self) -> None:
        """docker: a PATCH in chunks, without a type, and a PUT of nothing."""
        pieces = chunked(CONTENT[:100], CONTENT[100:])
        path = without_host(self.begin())
        answer = self.registry.send(request_bytes("PATCH", path, [CHUNKED]) + pieces)
        address = self.accepted(answer, 202, len(CONTENT))
        self.created(self.finish(address, b""))
        self.assertEqual(self.sessions(), 0)

    def test_containerd(self) -> None:
        """containerd: a PUT of everything."""
        self.created(self.finish(self.begin(), CONTENT))
        self.assertEqual(self.sessions(), 0)

    def test_regctl(self) -> None:
        """regctl: pieces with their range, the last one in the PUT."""
        address = self.begin()
        for start in (0, 1000, 2000):
            headers = [OCTETS, ("Content-Range", f"{start}-{start + 999}")]
            answer = self.ask("PATCH", address, headers, CONTENT[start : start + 1000])
            address = self.accepted(answer, 202, start + 1000)
        address = self.accepted(self.ask("GET", address), 204, 3000)
        last = [("Content-Range", f"3000-{len(CONTENT) - 1}")]
        self.created(self.ask("PUT", f"{address}&digest={DIGEST}", last, CONTENT[3000:]))

    def test_single_post(self) -> None:
        """One POST with everything, in either framing; an empty blob too."""
        path = f"/v2/a/blobs/uploads/?digest={DIGEST}"
        self.created(self.ask("POST", path, [OCTETS], CONTENT))
        other = CONTENT + b"x"
        path = f"/v2/a/blobs/uploads/?digest={Digest.of(other)}"
        self.created(self.registry.send(request_bytes("POST", path, [CHUNKED]) + chunked(other)), other)
        self.created(self.ask("POST", f"/v2/a/blobs/uploads/?digest={EMPTY}", body=b""), b"")
        self.assertEqual(self.sessions(), 0)

    def test_single_post_without_content(self) -> None:
        """A POST that names a digest and sends nothing begins a session."""
        self.accepted(self.ask("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}"), 202, 0)

    def test_single_post_fails(self) -> None:
        """One that storage has no room for leaves no session, whatever it is that fails."""
        for call, part in (("write", "/data"), ("commit", "/blobs/"), ("put", "/_layers/")):
            driver = FaultyDriver(InMemoryDriver())
            registry = Registry(driver)
            driver.broken = {(call, part)}
            answer = registry.ask("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", body=CONTENT)
            self.assertEqual(answer.status, 507)
            self.assertEqual([path for path in tree(driver) if "/_uploads/" in path], [])
            self.assertEqual(registry.ask("HEAD", f"/v2/a/blobs/{DIGEST}").status, 404)

    def test_single_post_fails_twice(self) -> None:
        """If the session cannot be removed either, the log has that in one line, without a traceback."""
        driver = FaultyDriver(InMemoryDriver())
        registry = Registry(driver)
        driver.broken = {("commit", "/blobs/"), ("cancel", "/data")}
        with capturedLogs() as events:
            answer = registry.ask("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", body=CONTENT)
        self.assertEqual(answer.status, 507)
        [(level, text)] = lines(events)
        self.assertEqual(level, "error")
        self.assertRegex(text, "^upload [^ ]+, which nobody knows, could not be cancelled: cancel /")

    def test_algorithm(self) -> None:
        """A POST may say which algorithm the digest will have; one that is unknown is refused at once."""
        for algorithm in ("sha256", "sha384", "sha512", ""):
            self.accepted(self.ask("POST", f"/v2/a/blobs/uploads/?digest-algorithm={algorithm}"), 202, 0)
        before = self.sessions()
        for algorithm in ("md5", "SHA256", "sha256,sha512", "sha256:"):
            answer = self.ask("POST", f"/v2/a/blobs/uploads/?digest-algorithm={algorithm}")
            self.refused(answer, 400, "DIGEST_INVALID")
        self.assertEqual(self.sessions(), before)

    def test_single_post_wrong(self) -> None:
        """Content that is not what it should be is refused, and no session is left of it."""
        path = f"/v2/a/blobs/uploads/?digest={DIGEST}"
        self.refused(self.ask("POST", path, body=b"something else"), 400, "DIGEST_INVALID")
        self.refused(self.ask("POST", "/v2/a/blobs/uploads/?digest=x", body=b"abc"), 400, "DIGEST_INVALID")
        self.assertEqual(self.sessions(), 0)

    def test_empty(self) -> None:
        """A blob of no bytes, by a PUT without anything, and after a PATCH of nothing."""
        self.created(self.finish(self.begin(), b"", EMPTY), b"")
        address = self.accepted(self.ask("PATCH", self.begin(), body=b""), 202, 0)
        self.created(self.finish(address, None, EMPTY), b"")

    def test_form(self) -> None:
        """A body that calls itself a form is a body."""
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
        content = b"digest=sha256:x&_state=y"
        address = self.begin()
        self.created(self.ask("PUT", f"{address}&digest={Digest.of(content)}", headers, content), content)

    def test_sha512(self) -> None:
        """A blob that is pushed by another algorithm is found under it."""
        digest = Digest.of(CONTENT, "sha512")
        answer = self.finish(self.begin(), CONTENT, digest)
        self.assertEqual(answer.status, 201)
        self.assertEqual(self.ask("GET", location(answer)).body, CONTENT)
        self.assertEqual(self.ask("GET", f"/v2/a/blobs/{digest}").body, CONTENT)

    @settings(max_examples=30)
    @given(st.lists(st.binary(max_size=200), max_size=6), st.booleans())
    def test_any_pieces(self, pieces: list[bytes], in_chunks: bool) -> None:
        """However a blob is cut, it comes out whole."""
        self.setUp()
        address, content = self.begin(), b"".join(pieces)
        size = 0
        for piece in pieces[:-1]:
            head = [CHUNKED] if in_chunks else [("Content-Length", str(len(piece)))]
            body = chunked(*[piece] * bool(piece)) if in_chunks else piece
            answer = self.registry.send(request_bytes("PATCH", without_host(address), head) + body)
            size += len(piece)
            address = self.accepted(answer, 202, size)
        self.created(self.finish(address, b"".join(pieces[-1:]), Digest.of(content)), content)


class StateTests(UploadCase):
    """The state that clients carry."""

    def test_lost(self) -> None:
        """A client that keeps only the path goes on all the same."""
        address = without_state(self.begin())
        self.accepted(self.ask("PATCH", address, body=CONTENT[:9]), 202, 9)
        self.accepted(self.ask("GET", address), 204, 9)
        self.accepted(self.ask("HEAD", address), 204, 9)
        self.created(self.ask("PUT", f"{address}?digest={DIGEST}", body=CONTENT[9:]))

    def test_forged(self) -> None:
        """A state that is not ours is refused, by every method."""
        address = self.begin()
        token = UploadState("a", address.split("/")[-1].split("?")[0], 0).pack(b"another secret")
        for state in ("x", "AAAA", token, token[:-4], "%00", "%ff"):
            for method in ("GET", "HEAD", "PATCH", "PUT", "DELETE"):
                answer = self.ask(
                    method, f"{without_state(address)}?_state={state}&digest={DIGEST}", body=b"x"
                )
                self.assertEqual(answer.status, 404, state)
                if method != "HEAD":
                    self.assertEqual(answer.codes(), ["BLOB_UPLOAD_INVALID"])
        self.created(self.finish(address, CONTENT))

    def test_foreign(self) -> None:
        """So is one of ours that is for another session or another repository."""
        mine, other = self.begin(), self.begin()
        elsewhere = location(self.ask("POST", "/v2/b/blobs/uploads/"))
        for stranger in (other, elsewhere):
            state = stranger.partition("?")[2]
            for method in ("GET", "PATCH", "PUT", "DELETE"):
                answer = self.ask(method, f"{without_state(mine)}?{state}&digest={DIGEST}", body=b"x")
                self.refused(answer, 404, "BLOB_UPLOAD_INVALID")

    def test_unknown(self) -> None:
        """Sessions that are not there, or cannot be, are unknown."""
        gone = self.begin()
        self.ask("DELETE", gone)
        for address in (
            gone,
            without_state(gone),
            "/v2/a/blobs/uploads/0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11",
            "/v2/a/blobs/uploads/nothing",
            "/v2/a/blobs/uploads/a=b",
            "/v2/a/blobs/uploads/" + "a" * 129,
            "/v2/a/blobs/uploads/%2e%2e",
            "/v2/b/blobs/uploads/" + gone.split("/")[-1].split("?")[0],
        ):
            for method in ("GET", "PATCH", "PUT", "DELETE"):
                question = "&" if "?" in address else "?"
                answer = self.ask(method, f"{address}{question}digest={DIGEST}", body=b"x")
                self.refused(answer, 404, "BLOB_UPLOAD_UNKNOWN")


class ChunkTests(UploadCase):
    """Chunks that do not fit."""

    def patch_range(self, address: str, content_range: str, body: bytes) -> Answer:
        return self.ask("PATCH", address, [("Content-Range", content_range)], body)

    def test_out_of_order(self) -> None:
        """A chunk that begins elsewhere is a 416 that says where to go on; nothing is stored."""
        address = self.accepted(self.ask("PATCH", self.begin(), body=b"x" * 10), 202, 10)
        for content_range in ("0-4", "11-15", "9-13", "bytes 0-4/*"):
            for method in ("PATCH", "PUT"):
                answer = self.ask(
                    method, f"{address}&digest={DIGEST}", [("Content-Range", content_range)], b"12345"
                )
                self.refused(answer, 416, "RANGE_INVALID")
                self.assertEqual(answer.header("Range"), "0-9")
                self.assertEqual(state_of(location(answer)).offset, 10)
        self.accepted(self.ask("GET", address), 204, 10)

    def test_wrong_length(self) -> None:
        """A range that is not as long as the body is a 400."""
        self.refused(self.patch_range(self.begin(), "0-9", b"12345"), 400, "SIZE_INVALID")

    def test_malformed(self) -> None:
        """A range that is none is a 416."""
        for content_range in ("a-b", "5", "-", "0-", "5-4", ""):
            answer = self.patch_range(self.begin(), content_range, b"12345")
            self.refused(answer, 416, "RANGE_INVALID")

    def test_unread(self) -> None:
        """A chunk that does not fit is refused before it has come."""
        connection = self.registry.connect()
        path = without_host(self.begin())
        headers = [("Content-Range", "5-9"), ("Content-Length", "5"), ("Expect", "100-continue")]
        connection.send(request_bytes("PATCH", path, headers))
        answer = connection.answer()
        self.assertEqual((answer.status, answer.continues), (416, 0))

    def test_forms_of_range(self) -> None:
        """A range may be written as RFC 9110 has it."""
        address = self.accepted(self.patch_range(self.begin(), "bytes 0-4/*", b"12345"), 202, 5)
        self.accepted(self.patch_range(address, "5-9", b"67890"), 202, 10)


class EndTests(UploadCase):
    """How sessions end."""

    def test_digest_missing(self) -> None:
        """A PUT must name a digest that is one; otherwise the session is as before."""
        address = self.begin()
        for query in ("", "&digest=", "&digest=latest", "&digest=sha256:abc", "&digest=md5:" + "0" * 32):
            self.refused(self.ask("PUT", address + query, body=CONTENT), 400, "DIGEST_INVALID")
        self.created(self.finish(address, CONTENT))

    def test_mismatch(self) -> None:
        """Content with another digest is refused; the session is kept for another try."""
        address = self.begin()
        self.refused(self.finish(address, CONTENT + b"x"), 400, "DIGEST_INVALID")
        self.assertEqual(self.ask("HEAD", f"/v2/a/blobs/{DIGEST}").status, 404)
        address = self.accepted(self.ask("GET", address), 204, len(CONTENT) + 1)
        self.created(self.finish(address, b"", Digest.of(CONTENT + b"x")), CONTENT + b"x")

    def test_again(self) -> None:
        """A closing PUT that is repeated, because its answer was lost, gets that answer again and again."""
        address = self.begin()
        for _ in range(3):
            self.created(self.finish(address, CONTENT))
        self.created(self.ask("PUT", f"{without_state(address)}?digest={DIGEST}"))
        self.assertEqual(self.sessions(), 0)

    def test_again_with_old_state(self) -> None:
        """So does one that was in pieces, with any of its states, with the body or without."""
        first = self.begin()
        second = self.accepted(self.ask("PATCH", first, body=CONTENT[:9]), 202, 9)
        self.created(self.finish(second, CONTENT[9:]))
        for address, body in ((first, CONTENT), (second, CONTENT[9:]), (first, b""), (second, None)):
            self.created(self.finish(address, body))
        last = [("Content-Range", f"9-{len(CONTENT) - 1}")]
        self.created(self.ask("PUT", f"{second}&digest={DIGEST}", last, CONTENT[9:]))

    def test_again_without_blob(self) -> None:
        """Not if the blob is not there."""
        address = self.begin()
        self.ask("DELETE", address)
        self.refused(self.finish(address, CONTENT), 404, "BLOB_UPLOAD_UNKNOWN")

    def test_cancelled(self) -> None:
        """A session that is given up is gone."""
        address = self.accepted(self.ask("PATCH", self.begin(), body=b"x"), 202, 1)
        answer = self.ask("DELETE", address)
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertRegex(answer.header("Docker-Upload-Uuid") or "", UUID)
        self.refused(self.ask("GET", address), 404, "BLOB_UPLOAD_UNKNOWN")
        self.assertEqual(self.sessions(), 0)

    def test_twice_the_same_blob(self) -> None:
        """A blob that is there already can be pushed again."""
        for _ in range(2):
            self.created(self.finish(self.begin(), CONTENT))


class InterruptionTests(UploadCase):
    """Clients that leave, and clients that come twice."""

    def interrupted(self, method: str, address: str, sent: bytes, length: int) -> None:
        connection = self.registry.connect()
        query = f"&digest={DIGEST}" if method == "PUT" else ""
        head = request_bytes(method, without_host(address) + query, [("Content-Length", str(length))])
        connection.send(head)
        connection.send(sent[:600])
        self.registry.clock.advance(LINGER[1])
        connection.send(sent[600:])  # still in memory when the client leaves
        connection.hang_up()
        self.assertEqual(connection.received(), b"")
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.registry.site.budget.held, 0)

    def test_patch(self) -> None:
        """What came is kept, and the client goes on from there."""
        address = self.begin()
        self.interrupted("PATCH", address, CONTENT[:1000], len(CONTENT))
        self.assertIn('" 499 ', self.registry.access[-1])
        address = self.accepted(self.ask("GET", address), 204, 1000)
        self.created(self.finish(address, CONTENT[1000:]))

    def test_put(self) -> None:
        """The same in a closing PUT: nothing is committed."""
        address = self.begin()
        self.interrupted("PUT", address, CONTENT[:1000], len(CONTENT))
        self.assertEqual(self.ask("HEAD", f"/v2/a/blobs/{DIGEST}").status, 404)
        address = self.accepted(self.ask("GET", address), 204, 1000)
        self.created(self.finish(address, CONTENT[1000:]))

    def test_full_while_leaving(self) -> None:
        """What was being written does not fit: what came behind it is not kept in its place."""
        full = FailingDriver(InMemoryDriver())
        held = HeldWrites(full)
        self.registry = Registry(held)
        self.ask = self.registry.ask
        address = self.begin()
        full.space = 500
        connection = self.registry.connect()
        connection.send(request_bytes("PATCH", without_host(address), [("Content-Length", "2000")]))
        connection.send(CONTENT[:600])
        self.registry.clock.advance(LINGER[1])
        connection.send(CONTENT[600:1000])
        connection.hang_up()
        with capturedLogs() as events:
            held.go_on.callback(None)
        [(level, text)] = lines(events)
        self.assertEqual(level, "error")
        self.assertRegex(text, "^work that nobody waits for failed: inmemory: no space")
        self.accepted(self.ask("GET", address), 204, 0)
        self.assertEqual(self.registry.site.budget.held, 0)

    def test_post(self) -> None:
        """A monolithic POST leaves no session: nobody would know its address."""
        connection = self.registry.connect()
        path = f"/v2/a/blobs/uploads/?digest={DIGEST}"
        connection.send(request_bytes("POST", path, [("Content-Length", "100")]) + b"x" * 50)
        connection.hang_up()
        self.assertEqual(self.sessions(), 0)
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_malformed_chunk(self) -> None:
        """A body that breaks in the middle is a 400, and what came before is kept."""
        address = self.begin()
        answer = self.registry.send(
            request_bytes("PATCH", without_host(address), [CHUNKED]) + b"3\r\nabc\r\nnonsense\r\n"
        )
        self.assertEqual((answer.status, len(answer.codes())), (400, 1))
        self.accepted(self.ask("GET", address), 204, 3)

    def test_busy(self) -> None:
        """While one client writes, another waits some time, and is then told to come back."""
        address = self.begin()
        first = self.registry.connect()
        first.send(request_bytes("PATCH", without_host(address), [("Content-Length", "10")]) + b"12345")
        self.registry.clock.advance(LINGER[1])
        second = self.registry.connect()
        second.send(request_bytes("PATCH", without_state(without_host(address)), body=b"x"))
        self.registry.clock.pump([0.1] * 100)
        answer = second.answer()
        self.assertEqual((answer.status, answer.codes()), (503, ["UNAVAILABLE"]))
        self.assertIsNotNone(answer.header("Retry-After"))
        first.send(b"67890")
        self.accepted(first.answer(), 202, 10)

    def test_busy_for_a_moment(self) -> None:
        """If the first one ends in that time, the second is judged by what is there then."""
        address = self.begin()
        first = self.registry.connect()
        first.send(request_bytes("PATCH", without_host(address), [("Content-Length", "10")]) + b"12345")
        self.registry.clock.advance(LINGER[1])
        second = self.registry.connect()
        second.send(request_bytes("PATCH", without_host(address), [("Content-Range", "0-0")], b"x"))
        third = self.registry.connect()
        third.send(request_bytes("PATCH", without_state(without_host(address)), body=b"x"))
        first.send(b"67890")
        self.registry.clock.pump([0.1] * 10)
        self.accepted(first.answer(), 202, 10)
        self.refused(second.answer(), 416, "RANGE_INVALID")
        self.accepted(third.answer(), 202, 11)
