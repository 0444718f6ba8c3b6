"""Real clients and TLS: certificates on both sides, changed while they are in use, or good for nothing."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.certificates import Authority, Credential
from tests.live.engines import Podman
from tests.live.guarded import GuardedTestCase
from tests.live.images import MIB, Layout, digest_of, docker_archive, large_tar, layout_blobs, tar_of
from tests.live.processes import require, run, run_in_vain, wait_for
from tests.live.registries import Registry, registry_in_vain
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults
from tests.live.wire import OCTETS

USAGE = 64
"""The exit code of a daemon that does not like its configuration."""


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
        """Replace both files, the certificate some time before its key, and wait until it is shown."""
        self.assertEqual(self.shown(), self.old.certificate.serial_number)
        (self.files / "server.crt").write_bytes(self.new.certificate_pem)
        for _ in range(10):
            self.assertEqual(self.shown(), self.old.certificate.serial_number)
        (self.files / "server.key").write_bytes(self.new.key_pem)
        wait_for(lambda: self.shown() == self.new.certificate.serial_number, "the new certificate", 5)

    def test_during_download(self) -> None:
        """A download under way ends whole, and its connection serves another request."""
        data = b"".join(large_tar(64 * MIB))
        digest = digest_of(data)
        self.assertEqual(self.server.wire.push_blob("large", digest, data).status, 201)
        connection = self.server.wire.connection()
        self.addCleanup(connection.close)
        connection.request("GET", f"/v2/large/blobs/{digest}")
        answer = connection.getresponse()
        first = answer.read(MIB)
        self.replace()
        self.assertEqual(digest_of(first + answer.read()), digest)
        connection.request("GET", "/v2/")
        self.assertEqual(connection.getresponse().status, 200)

    def test_during_upload(self) -> None:
        """An upload under way is stored whole."""
        data = b"".join(large_tar(32 * MIB))
        location = self.server.wire.start_upload("large")
        connection = self.server.wire.connection()
        self.addCleanup(connection.close)
        connection.putrequest("PATCH", location)
        for key, value in {**OCTETS, "Content-Length": str(len(data))}.items():
            connection.putheader(key, value)
        connection.endheaders(data[: len(data) // 2])
        self.replace()
        connection.send(data[len(data) // 2 :])
        answer = connection.getresponse()
        self.assertEqual((answer.status, len(answer.read())), (202, 0))
        location = answer.headers["Location"].partition(self.server.address)[2]
        self.assertEqual(self.server.wire.finish_upload(location, digest_of(data)).status, 201)
        self.assertEqual(tree_faults(self.server.storage), [])

    def test_during_push(self) -> None:
        """skopeo, which opens connection after connection, notices nothing."""
        layout = Layout(self.directory() / "source")
        layers = [layout.plain_layer(large_tar(16 * MIB, number)) for number in range(8)]
        source = layout.tag("v1", layout.image(layers).manifest)
        skopeo = Skopeo(self.short_directory(), self.trust)
        name = f"docker://{self.server.address}/large:v1"
        pushing = skopeo.start_copy(source, name, "--preserve-digests")
        self.addCleanup(pushing.kill)
        pushing.wait_until(lambda: self.server.uploaded_bytes("large") > MIB, "in its upload")
        self.replace()
        self.assertEqual(pushing.wait(), 0, pushing.stderr.read_text())
        self.assertEqual(tree_faults(self.server.storage), [])


class RefusedStartTests(GuardedTestCase):
    """Certificates and keys with which no registry starts."""

    def refused(self, **tls: object) -> str:
        """Give the one line with which the daemon refuses to start with these settings."""
        code, said = registry_in_vain(self.directory(), {"http": {"tls": tls}})
        self.assertEqual(code, USAGE, said)
        [line] = said.splitlines()
        return line

    def test_faults(self) -> None:
        """Each fault is one line that names the setting and says what is wrong."""
        place = self.directory()
        certificate, key = self.authority.server().write(place)
        other = self.authority.server().write(place, "other")[1]
        late = self.authority.server(days=(-9, -1)).write(place, "late")
        (place / "empty").write_bytes(b"")
        (place / "text").write_text("what is this\n")
        gone, empty, text = (str(place / name) for name in ("gone", "empty", "text"))
        cases: Mapping[str, tuple[Callable[[], str], str]] = {
            "mismatched": (lambda: self.refused(certificate=certificate, key=other), "http.tls.key"),
            "expired": (lambda: self.refused(certificate=late[0], key=late[1]), "http.tls.certificate"),
            "no file": (lambda: self.refused(certificate=gone, key=key), "http.tls.certificate"),
            "no key file": (lambda: self.refused(certificate=certificate, key=gone), "http.tls.key"),
            "empty": (lambda: self.refused(certificate=empty, key=key), "http.tls.certificate"),
            "text": (lambda: self.refused(certificate=certificate, key=text), "http.tls.key"),
            "clients": (
                lambda: self.refused(certificate=certificate, key=key, clientcas=[text]),
                "http.tls.clientcas",
            ),
            "letsencrypt": (
                lambda: self.refused(letsencrypt={"cachefile": gone, "email": "a@example.com"}),
                "http.tls.letsencrypt",
            ),
        }
        for name, (refusal, setting) in cases.items():
            line = refusal()
            self.assertIn(setting, line, name)
            self.assertNotIn("Traceback", line, name)
            self.assertLess(len(line), 400, line)


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
