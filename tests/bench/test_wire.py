"""Tests for :mod:`bench.wire`."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from bench.errors import BenchFailed
from bench.variants import make_variants
from bench.wire import Connection, parse_head, path_of, with_digest


class ParseHeadTests(SynchronousTestCase):
    """Status line and headers."""

    def test_reads(self) -> None:
        """Names become lower case, values lose their blanks, a reason is not needed."""
        self.assertEqual((201, {"location": "/a:b"}), parse_head(b"HTTP/1.1 201\r\nLocation:  /a:b "))

    def test_refuses(self) -> None:
        """What does not begin as HTTP/1 does is a failure."""
        for head in (b"SSH-2.0 hello", b"HTTP/1.1", b"HTTP/1.1 abc OK"):
            self.assertRaises(BenchFailed, parse_head, head)


class LocationTests(SynchronousTestCase):
    """Where an upload goes on."""

    def test_path_of(self) -> None:
        """An absolute URL loses scheme and host; the query stays."""
        self.assertEqual("/v2/u?_state=x", path_of("http://127.0.0.1:5000/v2/u?_state=x"))
        self.assertEqual("/v2/u", path_of("/v2/u"))

    def test_with_digest(self) -> None:
        """The digest joins a query that is there, or begins one."""
        self.assertEqual("/v2/u?_state=x&digest=d", with_digest("/v2/u?_state=x", "d"))
        self.assertEqual("/v2/u?digest=d", with_digest("http://h/v2/u", "d"))


class ConnectionTests(SynchronousTestCase):
    """Requests and answers over a pair of sockets."""

    def setUp(self) -> None:
        near, self.far = socket.socketpair()
        near.settimeout(5)
        self.addCleanup(self.far.close)
        self.link = Connection(near, "registry.test")
        self.addCleanup(self.link.close)

    def test_request(self) -> None:
        """A small body leaves with its head and its length, and the whole answer is read."""
        self.far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")
        answer = self.link.request("PUT", "/x", {"A": "b"}, b"body")
        self.assertEqual((200, b"yes"), (answer.status, answer.body))
        self.assertEqual(
            b"PUT /x HTTP/1.1\r\nHost: registry.test\r\nA: b\r\nContent-Length: 4\r\n\r\nbody",
            self.far.recv(1000),
        )

    def test_slices(self) -> None:
        """Slices follow the head as they are, under the length that the caller announced."""
        self.far.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        self.link.request("PUT", "/x", {"Content-Length": "4"}, slices=[b"ab", b"cd"])
        self.assertEqual(
            b"PUT /x HTTP/1.1\r\nHost: registry.test\r\nContent-Length: 4\r\n\r\nabcd", self.far.recv(1000)
        )

    def test_head(self) -> None:
        """The length in the answer to a HEAD announces nothing that follows."""
        self.far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
        answer = self.link.request("HEAD", "/x")
        self.assertEqual(("3", b""), (answer.header("content-length"), answer.body))

    def test_chunked(self) -> None:
        """An answer in chunks is put together."""
        self.far.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x\r\ncde\r\n0\r\n\r\n"
        )
        self.assertEqual(b"abcde", self.link.request("GET", "/x").body)

    def test_cut_short(self) -> None:
        """An answer that ends too early is a failure."""
        self.far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        self.far.shutdown(socket.SHUT_WR)
        self.assertRaises(BenchFailed, self.link.request, "GET", "/x")

    def test_too_much(self) -> None:
        """Bytes after the end of an answer are a failure, not the start of the next."""
        self.far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc")
        self.assertRaises(BenchFailed, self.link.request, "GET", "/x")

    def test_unexpected_status(self) -> None:
        """Another status than the expected one is a failure that quotes the answer."""
        self.far.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone")
        answer = self.link.request("GET", "/x")
        failed = self.assertRaises(BenchFailed, answer.expect, 200, "blob GET")
        self.assertIn("gone", str(failed))


class OpenTests(SynchronousTestCase):
    """Connecting to a port of this machine."""

    def setUp(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(5)
        self.addCleanup(self.listening.close)
        self.port: int = self.listening.getsockname()[1]

    def test_source(self) -> None:
        """A connection comes from the address that it is told to come from."""
        with Connection.open(self.port, source="127.0.0.77"):
            accepted, (host, _) = self.listening.accept()
            accepted.close()
        self.assertEqual("127.0.0.77", host)

    def test_encrypted(self) -> None:
        """Over TLS a certificate that nobody vouches for will do, and whole answers are read."""
        files = yaml.safe_load(make_variants(Path(self.mktemp()), "bench/app")["tls"].tls)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["certificate"], files["key"])

        def serve() -> bytes:
            with context.wrap_socket(self.listening.accept()[0], server_side=True) as link:
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")
                return link.recv(1000)

        with ThreadPoolExecutor(1) as threads:
            served = threads.submit(serve)
            with Connection.open(self.port, 5, encrypted=True) as link:
                self.assertEqual(b"yes", link.request("GET", "/x").body)
            self.assertTrue(served.result().startswith(b"GET /x HTTP/1.1\r\n"))
