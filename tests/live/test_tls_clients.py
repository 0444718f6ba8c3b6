"""Real clients and TLS: certificates on both sides, changed while they are in use, or good for nothing."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.certificates import Authority, Credential
from tests.live.engines import Podman
from tests.live.guarded import GuardedTestCase
from tests.live.images import MIB, Layout, digest_of, docker_archive, large_tar, layout_blobs, tar_of
from tests.live.processes import require, run, run_in_vain, wait_for
from tests.live.registries import USAGE, Registry, registry_in_vain
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults
from tests.live.wire import OCTETS, Answer


class ClientCertificateTests(GuardedTestCase):
    """A registry that wants to see a client's certificate."""

    def setUp(self) -> None:
        """Start a registry that trusts clients of an authority of their own."""
        super().setUp()
        self.work = self.directory()
        self.clients = Authority.root("Clients")
        self.member = self.clients.client("alice")
        tls = self.tls(clientcas=[self.clients.write(self.directory(), "clients")])
        self.server = self.guarded({"http": {"tls": tls}}, client=self.member)

    def showing(self, credential: Credential | None) -> Path:
        """Make a directory for ``--cert-dir`` of a client that shows *credential*, or nothing."""
        directory = self.short_directory()
        self.authority.write(directory)
        if credential is not None:
            (directory / "client.cert").write_bytes(credential.certificate_pem)
            (directory / "client.key").write_bytes(credential.key_pem)
        return directory

    def test_skopeo(self) -> None:
        """skopeo gets in with a certificate that the registry trusts, and not with another or none."""
        source, layout = self.small_image(self.work / "source")
        name = f"docker://{self.server.address}/team/hello:v1"
        for credential in (None, self.authority.client("alice"), self.clients.client("late", (-9, -1))):
            skopeo = Skopeo(self.short_directory(), self.showing(credential))
            self.assertRegex(skopeo.copy_in_vain(source, name), "tls: |reset by peer|broken pipe")
        self.assertNotIn("/v2/", self.server.output())
        skopeo = Skopeo(self.short_directory(), self.showing(self.member))
        skopeo.copy(source, name)
        skopeo.copy(name, f"oci:{self.work}/pulled:v1")
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(layout.root))

    def test_podman(self) -> None:
        """podman pushes and pulls with a certificate, and cannot without."""
        podman = Podman("podman", self.short_directory())
        saved = self.work / "saved.tar"
        identity = docker_archive(saved, "localhost/saved:v1", [tar_of({"hello": b"hello"})])
        podman.say("load", "--quiet", "--input", str(saved))
        name = f"{self.server.address}/team/hello:v1"
        push = ["push", "localhost/saved:v1", f"docker://{name}"]
        podman.say_in_vain(*push, f"--cert-dir={self.showing(None)}")
        trust = f"--cert-dir={self.showing(self.member)}"
        podman.say(*push, trust)
        podman.say("rmi", "--all", "--force")
        podman.say("pull", "--quiet", trust, name)
        self.assertEqual(f"sha256:{podman.image_id(name)}", identity)


class ReplacedCertificateTests(GuardedTestCase):
    """The certificate and its key are replaced while the registry runs."""

    def setUp(self) -> None:
        """Start a registry with a certificate that will be replaced."""
        super().setUp()
        self.files = self.directory()
        self.old, self.new = self.authority.server(), self.authority.server()
        certificate, key = self.old.write(self.files)
        self.server = self.guarded({"http": {"tls": {"certificate": certificate, "key": key}}})

    def shown(self) -> int:
        """Connect, and give the serial number of the certificate that the registry shows."""
        connection = self.server.wire.connection()
        connection.connect()
        try:
            seen = connection.sock.getpeercert() if isinstance(connection.sock, ssl.SSLSocket) else None
            return int(str((seen or {})["serialNumber"]), 16)
        finally:
            connection.close()

    def replace(self) -> None:
        """
        Replace both files, and wait until the new certificate is shown.

        Between the one and the other the registry is given the time to find that they do not match.
        """
        self.assertEqual(self.shown(), self.old.certificate.serial_number)
        (self.files / "server.crt").write_bytes(self.new.certificate_pem)
        self.server.program.wait_until(
            lambda: "http.tls.key" in self.server.output(), "finding that the files do not match"
        )
        self.assertEqual(self.shown(), self.old.certificate.serial_number)
        (self.files / "server.key").write_bytes(self.new.key_pem)
        wait_for(lambda: self.shown() == self.new.certificate.serial_number, "the new certificate")

    def test_in_use(self) -> None:
        """Downloads, uploads and pushes under way end whole; new connections see the new certificate."""
        download, upload, push = self.begin_download(), self.begin_upload(), self.begin_push()
        self.replace()
        for ended in (download, upload, push):
            ended()
        self.assertEqual(tree_faults(self.server.storage), [])

    def begin_download(self) -> Callable[[], None]:
        """Begin a download; give what ends it, and uses its connection once more."""
        data = b"".join(large_tar(64 * MIB))
        digest = digest_of(data)
        self.assertEqual(self.server.wire.push_blob("down", digest, data).status, 201)
        connection = self.connection()
        connection.request("GET", f"/v2/down/blobs/{digest}")
        answer = connection.getresponse()
        first = answer.read(MIB)

        def end() -> None:
            self.assertEqual(digest_of(first + answer.read()), digest)
            connection.request("GET", "/v2/")
            self.assertEqual(connection.getresponse().status, 200)

        return end

    def begin_upload(self) -> Callable[[], None]:
        """Begin to upload a blob; give what ends that."""
        data = b"".join(large_tar(32 * MIB))
        half = len(data) // 2
        location = self.server.wire.start_upload("up")
        connection = self.connection()
        connection.putrequest("PATCH", location)
        for key, value in {**OCTETS, "Content-Length": str(len(data))}.items():
            connection.putheader(key, value)
        connection.endheaders(data[:half])

        def end() -> None:
            connection.send(data[half:])
            answer = connection.getresponse()
            patched = Answer(answer.status, answer.headers, answer.read())
            self.assertEqual(patched.status, 202)
            closed = self.server.wire.finish_upload(patched.location, digest_of(data))
            self.assertEqual(closed.status, 201)

        return end

    def begin_push(self) -> Callable[[], None]:
        """Have skopeo begin a push of many layers, and hold it; give what lets it go on to its end."""
        layout = Layout(self.directory() / "source")
        layers = [layout.plain_layer(large_tar(16 * MIB, number)) for number in range(8)]
        source = layout.tag("v1", layout.image(layers).manifest)
        skopeo = Skopeo(self.short_directory(), self.trust)
        name = f"docker://{self.server.address}/pushed:v1"
        pushing = skopeo.start_copy(source, name, "--preserve-digests")
        self.addCleanup(pushing.kill)
        pushing.wait_until(lambda: self.server.uploaded_bytes("pushed") > MIB, "in its upload")
        pushing.send(signal.SIGSTOP)

        def end() -> None:
            pushing.send(signal.SIGCONT)
            self.assertEqual(pushing.wait(), 0, pushing.stderr.read_text())

        return end

    def connection(self) -> http.client.HTTPConnection:
        """Make a connection that goes away with the test."""
        connection = self.server.wire.connection()
        self.addCleanup(connection.close)
        return connection


class RefusedStartTests(GuardedTestCase):
    """Certificates and keys with which no registry starts."""

    def test_faults(self) -> None:
        """Each fault is one line that names the setting and says what is wrong."""
        place = self.directory()
        certificate, key = self.authority.server().write(place)
        other = self.authority.server().write(place, "other")[1]
        late = self.authority.server(days=(-9, -1)).write(place, "late")
        (place / "empty").write_bytes(b"")
        (place / "text").write_text("what is this\n")
        gone, empty, text = (str(place / name) for name in ("gone", "empty", "text"))
        good = {"certificate": certificate, "key": key}
        cases: list[tuple[dict[str, object], str, str]] = [
            ({**good, "key": other}, "key", "does not belong to"),
            ({"certificate": late[0], "key": late[1]}, "certificate", "expired"),
            ({**good, "certificate": gone}, "certificate", "No such file"),
            ({**good, "key": gone}, "key", "No such file"),
            ({**good, "certificate": empty}, "certificate", "holds no certificate"),
            ({**good, "key": text}, "key", "holds no private key"),
            ({**good, "clientcas": [text]}, "clientcas", "holds no certificate"),
            ({"letsencrypt": {"cachefile": gone, "email": "a@example.com"}}, "letsencrypt", "not supported"),
        ]
        with ThreadPoolExecutor(4) as threads:
            refusals = threads.map(
                registry_in_vain,
                [self.directory() for _ in cases],
                [{"http": {"tls": tls}} for tls, _, _ in cases],
            )
        for (_, setting, word), (code, said) in zip(cases, refusals, strict=True):
            [line] = said.splitlines()
            self.assertEqual(code, USAGE, line)
            self.assertTrue(line.startswith(f"http.tls.{setting}"), line)
            self.assertIn(word, line)


class HandshakeTests(GuardedTestCase):
    """What a client and the registry agree on."""

    def test_protocols(self) -> None:
        """HTTP/1.1 is offered and nothing else, whatever a client can; versions below the minimum are not."""
        server = self.guarded({"http": {"tls": self.tls(minimumtls="tls1.3")}})
        for offered, agreed in (
            (["h2", "http/1.1"], "http/1.1"),
            (["http/1.1"], "http/1.1"),
            ([], None),
        ):
            self.assertEqual(self.agreed(server, offered), (agreed, "TLSv1.3"), offered)
        old = self.context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises(ssl.SSLError):
            self.connect(server, old)
        curl = [require("curl"), "--silent", "--cacert", str(self.trust / "ca.crt")]
        url = f"https://{server.address}/v2/"
        written = run([*curl, "--http2", "--write-out", "%{http_version} %{http_code}", url])
        self.assertEqual(written, "{}1.1 200")
        run_in_vain([*curl, "--tls-max", "1.2", url])

    def test_plain_request(self) -> None:
        """A plain request on the port of TLS gets no page, and disturbs nobody."""
        server = self.guarded({"http": {"tls": self.tls()}})
        said = run_in_vain([require("curl"), "--silent", "--fail", f"http://{server.address}/v2/"])
        self.assertNotIn("{}", said)
        self.assertEqual(json.loads(server.wire.request("GET", "/v2/").body), {})
        self.assertNotIn("Traceback", server.output())

    def agreed(self, server: Registry, offered: list[str]) -> tuple[str | None, str | None]:
        """Offer protocols, and give the one that was chosen with the version of TLS."""
        context = self.context()
        if offered:
            context.set_alpn_protocols(offered)
        return self.connect(server, context)

    def connect(self, server: Registry, context: ssl.SSLContext) -> tuple[str | None, str | None]:
        """Connect, and give what was agreed on."""
        with (
            socket.create_connection(("127.0.0.1", server.port), 10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            return connection.selected_alpn_protocol(), connection.version()
