"""Holes in HTTP servers, one test each, named after the advisory; and slow clients."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred

from tests.storage.making import tree
from tests.web.oci import NAME, NOBODYS, SpecCase, descriptor, manifest
from tests.web.registry import Registry
from tests.web.wire import Connection, request_bytes
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.web.body import LINGER
from txregistry.web.channel import HEADER_TIMEOUT, REQUESTS_IN_TURN
from txregistry.web.site import IDLE_TIMEOUT


class Cve202344487Tests(SpecCase):
    """CVE-2023-44487, as far as HTTP/1.1 has it: requests that were given up cost more than to send them."""

    def test_given_up(self) -> None:
        """A thousand uploads that are asked for in one packet, by a client that leaves, are not all begun."""
        connection = self.registry.connect()
        connection.send(request_bytes("POST", f"/v2/{NAME}/blobs/uploads/", body=b"") * 1000)
        connection.hang_up()
        self.registry.clock.pump([1.0] * 100)
        begun = [path for path in tree(self.registry.driver) if path.endswith("/startedat")]
        self.assertLessEqual(len(begun), REQUESTS_IN_TURN)
        self.assertLessEqual(len(self.registry.access), REQUESTS_IN_TURN)
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])

    def test_unread(self) -> None:
        """Of a client that takes no answers only a few requests are served."""
        digest = self.push_blob(b"x" * 100_000)
        served = len(self.registry.access)
        connection = self.registry.connect()
        opened = self.registry.driver.open

        async def filling(path: str) -> Any:
            connection.channel.pauseProducing()  # as the transport says it when its buffer is full
            return await opened(path)

        self.patch(self.registry.driver, "open", filling)
        connection.send(request_bytes("GET", f"/v2/{NAME}/blobs/{digest}") * 1000)
        self.registry.clock.pump([0.1] * 100)
        self.assertLessEqual(len(self.registry.access) - served, 1)
        connection.channel.resumeProducing()
        self.registry.clock.pump([0.1] * 100)
        self.assertIn(len(self.registry.access) - served, (1, 2))
        connection.hang_up()
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])


class Cve202441671Tests(SpecCase):
    """CVE-2024-41671, CVE-2023-46137 of Twisted: answers to pipelined requests changed places."""

    def test_order(self) -> None:
        """A slow answer is waited for by the fast ones behind it; nobody gets what another one asked for."""
        slow, fast = self.push_blob(b"the slow one"), self.push_blob(b"the fast one")
        held: list[Deferred[None]] = []
        original = self.registry.driver.open

        async def waiting(path: str) -> Any:
            if slow.encoded in path:
                held.append(Deferred())
                await held[-1]
            return await original(path)

        self.patch(self.registry.driver, "open", waiting)
        connection = self.registry.connect()
        asked = (slow, fast, slow, fast)
        connection.send(b"".join(request_bytes("GET", f"/v2/{NAME}/blobs/{digest}") for digest in asked))
        self.assertEqual((connection.received(), len(held)), (b"", 1))
        held[0].callback(None)
        self.registry.clock.advance(0)
        connection.deliver()
        self.assertEqual(len(held), 2)
        self.assertEqual([answer.body for answer in connection.answers()], [b"the slow one", b"the fast one"])
        held[1].callback(None)
        self.registry.clock.advance(0)
        connection.deliver()
        bodies = [answer.body for answer in connection.answers()]
        self.assertEqual(bodies, [b"the slow one", b"the fast one"] * 2)


class Cve202224801Tests(SpecCase):
    """CVE-2022-24801 of Twisted: a request was hidden in the body of another one."""

    def setUp(self) -> None:
        super().setUp()
        self.push_image("latest")
        self.hidden = request_bytes("DELETE", f"/v2/{NAME}/manifests/latest")

    def refused_whole(self, headers: str, body: bytes) -> None:
        """A push whose framing can be read in two ways is refused, and nothing behind it is looked at."""
        connection = self.registry.connect()
        head = f"PATCH {self.begin()} HTTP/1.1\r\nHost: registry.test\r\n{headers}\r\n\r\n"
        connection.send(head.encode("latin-1") + body)
        self.registry.clock.pump([LINGER[1]] * 3)
        connection.deliver()
        answers = connection.answers()
        self.assertEqual([answer.status for answer in answers], [400], headers)
        self.assertTrue(connection.closing)
        self.assertEqual(self.status("GET", "manifests/latest"), 200)
        connection.hang_up()

    def test_both_lengths(self) -> None:
        """A length and chunks at once."""
        for headers in (
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
        ):
            self.refused_whole(headers, b"0\r\n\r\n" + self.hidden)

    def test_lengths(self) -> None:
        """Two lengths, and one that is no number."""
        for headers in (
            "Content-Length: 0\r\nContent-Length: 5",
            "Content-Length: 0, 5",
            "Content-Length: +0",
            "Content-Length: -0",
            "Content-Length: 0x0",
            "Content-Length: 0_0",
            "Content-Length: ",
            "Content-Length: \xb2",
        ):
            self.refused_whole(headers, self.hidden)

    def test_codings(self) -> None:
        """Transfer codings that somebody may overlook."""
        for coding in (
            "xchunked",
            "chunked, identity",
            "gzip, chunked",
            "identity",
            "\x0bchunked",
            "chunked\x00",
        ):
            self.refused_whole(f"Transfer-Encoding: {coding}", b"0\r\n\r\n" + self.hidden)
        self.refused_whole("Transfer-Encoding : chunked", b"0\r\n\r\n" + self.hidden)

    def test_chunk_sizes(self) -> None:
        """Sizes of chunks that are none."""
        for size in (
            b"0x0",
            b"+0",
            b"-0",
            b"0_0",
            b" 0",
            b"",
            b"0 0",
            b"g",
            b"0\n\r\n",
            b"\xb2",
            b"f" * 17,
            b"0;\n",
        ):
            self.refused_whole("Transfer-Encoding: chunked", size + b"\r\n\r\n" + self.hidden)

    def test_line_ends(self) -> None:
        """Line ends that somebody may take for one."""
        for headers in ("X: a\nContent-Length: 5", "X: a\rContent-Length: 5", "X: a\n\n", "X\x00: a"):
            self.refused_whole(headers, self.hidden)


class Cve202557804Tests(SpecCase):
    """CVE-2025-57804 of h2, as far as HTTP/1.1 has it: line ends in what a client gave split an answer."""

    EVIL = "%0d%0aX-Evil:%20yes%0d%0a%0d%0a"

    def test_split(self) -> None:
        """Whatever a client says, no line of an answer begins with it."""
        self.push_image("latest", "next")
        session = self.begin().partition("?")[0]
        payload = manifest(annotations={"\r\nX-Evil": "yes"})
        typed = [("Content-Type", OCI_MANIFEST)]
        for method, path, body in (
            ("GET", f"tags/list?n=1&last={self.EVIL}", None),
            ("GET", f"manifests/{self.EVIL}", None),
            ("GET", f"/v2/{self.EVIL}/tags/list/", None),
            ("GET", f"/v2//{self.EVIL}", None),
            ("GET", f"/v2/_catalog?n=1&last={self.EVIL}", None),
            ("GET", f"referrers/{NOBODYS}?artifactType={self.EVIL}", None),
            ("GET", f"{session}?_state={self.EVIL}", None),
            ("PATCH", f"{session}{self.EVIL}", b"x"),
            ("PUT", f"{session}?digest={self.EVIL}", b"x"),
            ("POST", f"blobs/uploads/?mount={NOBODYS}&from={self.EVIL}", b""),
            ("POST", f"blobs/uploads?{self.EVIL}", b""),
            ("PUT", f"manifests/{Digest.of(payload)}?tag={self.EVIL}", payload),
            ("PUT", f"manifests/{Digest.of(payload)}?tag=good&tag=good{self.EVIL}", payload),
            ("PUT", f"manifests/latest?tag={self.EVIL}", payload),
            ("DELETE", f"manifests/{self.EVIL}", b""),
        ):
            with self.subTest(f"{method} {path}"):
                answer = self.ask(method, path, typed, body)
                self.assertLess(answer.status, 500)
                self.assertEqual(answer.all("X-Evil"), [])
                self.assertNotIn("OCI-Tag", dict(answer.headers))
                self.assertNotIn("\n", "".join(value for _, value in answer.headers))

    def test_link(self) -> None:
        """A page's address, in which what the client asked for stands again, is one word."""
        kind = 'a\r\nX-Evil: yes\r\n\r\n<>"; \u00e9'
        for number in range(2):
            subject = descriptor(OCI_MANIFEST, b"somebody")
            self.push_blob(b"{}")
            self.push(manifest(subject=subject, artifactType=kind, annotations={"number": str(number)}))
        self.registry = Registry(self.registry.driver, referrers=1)
        answer = self.ask("GET", f"referrers/{Digest.of(b'somebody')}?artifactType={quote(kind)}")
        self.assertEqual((answer.status, answer.all("X-Evil")), (200, []))
        found = re.match(r'<([!#-;=?-~]+)>; rel="next"\Z', answer.header("Link") or "")
        assert found is not None
        self.assertEqual(len(json.loads(self.ask("GET", found[1]).body)["manifests"]), 1)

    def test_forwarded(self) -> None:
        """Nor does what a proxy, or who says to be one, says of the host."""
        for name in ("Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"):
            for value in (
                'host="a\\\r\\\nX-Evil: yes"',
                "a X-Evil: yes",
                "a\tb",
                "javascript",
                "h\x85b",
                "a\\b",
            ):
                connection = self.registry.connect()
                head = f"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: h\r\n{name}: {value}\r\n\r\n"
                connection.send(head.encode("latin-1"))
                answer = connection.answer()
                self.assertEqual(answer.all("X-Evil"), [])
                target = answer.header("Location") or "/"
                self.assertRegex(target, r"\A(?:[a-z]+://[!-~]+)?/[!-~]*\Z")
                self.assertNotIn("\\", target)


class SlowLorisTests(SpecCase):
    """Clients that hold connections by being slow."""

    def trickled(self, connection: Connection, data: bytes, seconds: float) -> float:
        """Send a byte of *data* each second; when the registry had enough of it."""
        clock = self.registry.clock
        began: float = clock.seconds()
        for at in range(len(data)):
            if connection.closing or clock.seconds() - began > seconds:
                break
            connection.send(data[at : at + 1])
            clock.advance(1)
        self.assertTrue(connection.closing, "the registry waits for ever")
        connection.hang_up()
        self.assertEqual(clock.getDelayedCalls(), [])
        taken: float = clock.seconds() - began
        return taken

    def test_head(self) -> None:
        """A head that comes a byte a second is given up in its time, be it steady."""
        data = request_bytes("GET", "/v2/", [("X", "x" * 1000)])
        connection = self.registry.connect()
        self.assertLessEqual(self.trickled(connection, data, 1000), HEADER_TIMEOUT + 1)
        self.assertEqual(connection.answer().status, 408)

    def test_body(self) -> None:
        """So is a body, of a blob and of a manifest, with a length and in chunks."""
        blob = self.begin().removeprefix("http://registry.test")
        for path in (blob, f"/v2/{NAME}/manifests/latest"):
            framings = (
                (("Content-Length", "60000"), b"x"),
                (("Transfer-Encoding", "chunked"), b"1\r\nx\r\n"),
            )
            for framing, piece in framings:
                connection = self.registry.connect()
                connection.send(request_bytes("PUT", path, [("Content-Type", OCI_MANIFEST), framing]))
                seconds = self.trickled(connection, piece * 1000, 1000)
                self.assertLessEqual(seconds, IDLE_TIMEOUT + 2, path)
                self.assertEqual(self.registry.site.budget.held, 0)

    def test_silence(self) -> None:
        """One that connects, and says nothing, is sent away."""
        connection = self.registry.connect()
        self.registry.clock.pump([1.0] * int(IDLE_TIMEOUT + 1))
        self.assertTrue(connection.closing)
        connection.hang_up()
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])

    def test_others(self) -> None:
        """Meanwhile everybody else is served."""
        slow = [self.registry.connect() for _ in range(100)]
        for connection in slow:
            connection.send(
                request_bytes("PUT", f"/v2/{NAME}/manifests/x", [("Content-Length", "60000")]) + b"x"
            )
        self.push_image("latest")
        self.assertEqual(self.status("GET", "manifests/latest"), 200)
        for connection in slow:
            connection.hang_up()
