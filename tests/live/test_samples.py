"""The files that distribution and Debian ship: the daemon starts with them as they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.live.case import LiveTestCase
from tests.live.processes import Program, beside_python, free_port, require
from tests.live.registries import SOURCE
from tests.live.wire import Wire

DEBIAN = Path("/etc/docker/registry/config.yml")

#: What the source of distribution 3.1 has as its sample.
OF_3_1 = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
  tag:
    concurrencylimit: 8
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
auth:
  htpasswd:
    realm: basic-realm
    path: /etc/registry
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""
#: That of 2.8, which knows no tags.
OF_2_8 = OF_3_1.replace("  tag:\n    concurrencylimit: 8\n", "")
#: What 2.8 and 3.1 have in their images: the same without access control.
OF_IMAGES = OF_2_8.replace("auth:\n  htpasswd:\n    realm: basic-realm\n    path: /etc/registry\n", "")


class SampleTests(LiveTestCase):
    """Files that are not touched; where the test writes and listens, the environment says."""

    def serve(self, path: Path, environ: Mapping[str, str], command: list[str]) -> tuple[Wire, Program]:
        """Run *command* with the file at *path*."""
        work, port = self.directory(), free_port()
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {
            "PYTHONPATH": os.pathsep.join(paths),
            "REGISTRY_HTTP_ADDR": f"127.0.0.1:{port}",
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(work / "storage"),
            **environ,
        }
        program = Program("registry", [*command, str(path)], work, env=env)
        self.addCleanup(program.terminate)
        wire = Wire("127.0.0.1", port)
        program.wait_until(wire.answers, "answering")
        return wire, program

    def assert_served(self, path: Path, environ: Mapping[str, str] | None = None) -> None:
        """Compare the two daemons, and see that ours has nothing to say against the file."""
        twistd = [beside_python("twistd"), "-n", "--pidfile=", "txregistry", "--config"]
        wire, program = self.serve(path, environ or {}, twistd)
        there, _ = self.serve(path, environ or {}, [require("docker-registry"), "serve"])
        for asked in ("/v2/", "/v2/_catalog"):
            ours, theirs = wire.request("GET", asked), there.request("GET", asked)
            for header in ("X-Content-Type-Options", "WWW-Authenticate"):
                self.assertEqual(ours.headers[header], theirs.headers[header])
            self.assertEqual(ours.status, theirs.status)
        self.assertEqual(ours.status, 401 if "auth" in yaml.safe_load(path.read_text()) else 200)
        program.terminate()
        said = program.stderr.read_text()
        self.assertIn("service=registry", said)
        for word in ("has no effect", "no effect,", "unknown key", "ignored", "not supported"):
            self.assertNotIn(word, said)

    def test_debian(self) -> None:
        """The file of Debian's package, at its place."""
        self.assert_served(DEBIAN)

    def test_distribution(self) -> None:
        """Those of distribution, but for the path of the passwords, which are made where there are none."""
        for text in (OF_2_8, OF_IMAGES):
            work = self.directory()
            path = work / "config.yml"
            path.write_text(text)
            passwords = {"REGISTRY_AUTH_HTPASSWD_PATH": str(work / "htpasswd")} if "auth" in text else {}
            self.assert_served(path, passwords)

    def test_distribution_3(self) -> None:
        """That of 3.1, with which 2.8 does not start."""
        work = self.directory()
        path = work / "config.yml"
        path.write_text(OF_3_1)
        twistd = [beside_python("twistd"), "-n", "--pidfile=", "txregistry", "--config"]
        wire, program = self.serve(path, {"REGISTRY_AUTH_HTPASSWD_PATH": str(work / "htpasswd")}, twistd)
        self.assertEqual(wire.request("GET", "/v2/").status, 401)
        program.terminate()
        self.assertNotIn("has no effect", program.stderr.read_text())
