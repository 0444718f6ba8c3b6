"""Real clients show passwords to a registry behind TLS, which has them in a file."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.live.engines import Docker, Podman
from tests.live.guarded import GuardedTestCase, PasswordFile, password_forms
from tests.live.images import EMPTY_DIGEST, MIB, Layout, docker_archive, large_tar, layout_blobs, tar_of
from tests.live.processes import wait_for
from tests.live.skopeo import Skopeo
from tests.live.tree import tree_faults
from tests.live.wire import basic

PASSWORDS = {"alice": "Alice's pass:word", "bob": "bobs-own-password", "carol": "carol-comes-late"}
WRONG = {"alice": "not-alices-password"}
ALICE = f"alice:{PASSWORDS['alice']}"
DEBIAN = Path("/etc/docker/registry/config.yml")


class HtpasswdCase(GuardedTestCase):
    """A registry behind TLS that knows alice and bob."""

    def setUp(self) -> None:
        """Write a password file, and start a registry that reads it."""
        super().setUp()
        self.work = self.directory()
        self.users = PasswordFile(self.work / "htpasswd")
        for user in ("alice", "bob"):
            self.users.set(user, PASSWORDS[user])
        self.settings: Mapping[str, Mapping[str, object]] = {
            "auth": {"htpasswd": {"realm": "the registry", "path": str(self.users.path)}},
            "http": {"tls": self.tls()},
        }
        self.server = self.guarded(self.settings, storage=self.work / "storage")

    def secrets(self) -> set[str]:
        """Give every password, right or wrong."""
        return password_forms(PASSWORDS) | password_forms(WRONG)

    def status(self, user: str, password: str) -> int:
        """Ask for the base as *user*, and give the status."""
        return self.server.wire.request("GET", "/v2/", headers=basic(user, password)).status


class HtpasswdClientTests(HtpasswdCase):
    """Log in, push, pull, log out."""

    def test_skopeo(self) -> None:
        """skopeo copies, inspects and deletes with the right password, and cannot with another or none."""
        skopeo = Skopeo(self.short_directory(), self.trust)
        source, layout = self.small_image(self.work / "source")
        name = f"docker://{self.server.address}/team/hello:v1"
        said = skopeo.copy_in_vain(source, name)
        self.assertIn("unauthorized", said)
        said = skopeo.copy_in_vain(source, name, f"--dest-creds=alice:{WRONG['alice']}")
        self.assertRegex(said, "unauthorized|invalid username/password")
        self.assertFalse(self.server.repository_path("team/hello").exists(), "something was stored")
        skopeo.copy(source, name, f"--dest-creds={ALICE}")
        seen = json.loads(skopeo.say("inspect", f"--creds={ALICE}", name))
        self.assertEqual(seen["RepoTags"], ["v1"])
        self.assertIn("unauthorized", skopeo.say_in_vain("inspect", name))
        skopeo.copy(name, f"oci:{self.work}/pulled:v1", f"--src-creds={ALICE}")
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(layout.root))
        skopeo.say_in_vain("delete", f"--creds=bob:{WRONG['alice']}", name)
        skopeo.say("delete", f"--creds={ALICE}", name)
        self.assertIn("manifest unknown", skopeo.say_in_vain("inspect", f"--creds={ALICE}", name))

    def test_unknown_authority(self) -> None:
        """A client that does not trust the registry's authority shows it no password."""
        skopeo = Skopeo(self.short_directory(), self.short_directory())
        name = f"docker://{self.server.address}/team/hello:v1"
        said = skopeo.say_in_vain("inspect", f"--creds={ALICE}", name)
        self.assertIn("certificate signed by unknown authority", said)
        self.assertNotIn("/v2/team", self.server.output())

    def test_podman_and_buildah(self) -> None:
        """podman logs in, pushes and pulls until it logs out; buildah pulls with a password of its own."""
        podman = Podman("podman", self.short_directory())
        trust = f"--cert-dir={self.trust}"
        saved = self.work / "saved.tar"
        identity = docker_archive(saved, "localhost/saved:v1", [tar_of({"hello": b"hello"})])
        podman.say("load", "--quiet", "--input", str(saved))
        name = f"{self.server.address}/team/hello:v1"
        login = ["login", trust, "--username=alice"]
        said = podman.say_in_vain(*login, f"--password={WRONG['alice']}", self.server.address)
        self.assertIn("invalid username/password", said)
        said = podman.say_in_vain("push", trust, "localhost/saved:v1", f"docker://{name}")
        self.assertIn("unauthorized", said)
        said = podman.say(*login, f"--password={PASSWORDS['alice']}", self.server.address)
        self.assertIn("Login Succeeded", said)
        podman.say("push", trust, "localhost/saved:v1", f"docker://{name}")
        podman.say("rmi", "--all", "--force")
        podman.say("pull", "--quiet", trust, name)
        self.assertEqual(f"sha256:{podman.image_id(name)}", identity)
        podman.say("logout", self.server.address)
        self.assertIn("unauthorized", podman.say_in_vain("pull", "--quiet", trust, name))

        buildah = Podman("buildah", self.short_directory())
        creds = f"--creds=bob:{PASSWORDS['bob']}"
        self.assertIn("unauthorized", buildah.say_in_vain("pull", "--quiet", trust, f"docker://{name}"))
        pulled = buildah.say("pull", "--quiet", trust, creds, f"docker://{name}")
        self.assertEqual(pulled, identity.removeprefix("sha256:"))

    def test_docker(self) -> None:
        """docker logs in, pushes and pulls until it logs out; a wrong password does not get it in."""
        docker = Docker(self.short_directory())
        self.addCleanup(docker.program.terminate)
        docker.wait_ready()
        saved = self.work / "saved.tar"
        name = f"{self.server.address}/team/hello:v1"
        identity = docker_archive(saved, name, [tar_of({"hello": b"hello"})])
        docker.say("load", "--quiet", "--input", str(saved))
        login = ["login", "--username=alice"]
        said = docker.say_in_vain(*login, f"--password={WRONG['alice']}", self.server.address)
        self.assertRegex(said, "(?i)unauthorized")
        self.assertIn("no basic auth credentials", docker.say_in_vain("push", name))
        said = docker.say(*login, f"--password={PASSWORDS['alice']}", self.server.address)
        self.assertIn("Login Succeeded", said)
        docker.say("push", name)
        docker.say("rmi", "--force", identity)
        docker.say("pull", "--quiet", name)
        self.assertEqual(docker.image_id(name), identity)
        docker.say("logout", self.server.address)
        docker.say_in_vain("pull", name)
        self.assertIn("no basic auth credentials", docker.say_in_vain("push", name))
        self.assertEqual(tree_faults(self.server.storage), [])


class HtpasswdGuardTests(HtpasswdCase):
    """What the file says, holds for every request, at once."""

    def test_nothing_without_password(self) -> None:
        """Whatever is asked for without credentials, there or not, is answered by the same challenge."""
        source, layout = self.small_image(self.work / "source")
        name = f"docker://{self.server.address}/team/hello:v1"
        Skopeo(self.short_directory(), self.trust).copy(source, name, f"--dest-creds={ALICE}")
        known = self.server.wire.showing(basic("alice", PASSWORDS["alice"]))
        location = known.start_upload("team/hello")
        blob = next(iter(layout_blobs(layout.root)))
        upload = "/v2/team/hello/blobs/uploads/"
        asked = [
            *[
                (method, f"/v2/{path}")
                for path in (
                    "",
                    "_catalog",
                    "team/hello/tags/list",
                    "team/hello/manifests/v1",
                    f"team/hello/blobs/{blob}",
                    f"team/hello/blobs/{EMPTY_DIGEST}",
                    f"team/hello/referrers/{blob}",
                    "no/such/tags/list",
                )
                for method in ("GET", "HEAD")
            ],
            *[(method, location) for method in ("GET", "PATCH", "PUT", "DELETE")],
            *[("DELETE", f"/v2/team/hello/{what}") for what in ("manifests/v1", f"blobs/{blob}")],
            ("PUT", "/v2/team/hello/manifests/v1"),
            ("POST", upload),
            ("POST", f"{upload}?mount={blob}&from=team/hello"),
        ]
        for method, target in asked:
            answer = self.server.wire.request(method, target)
            self.assertEqual(
                (answer.status, answer.headers["WWW-Authenticate"]),
                (401, 'Basic realm="the registry"'),
                (method, target),
            )
            if method != "HEAD":
                [problem] = json.loads(answer.body)["errors"]
                self.assertEqual(problem["code"], "UNAUTHORIZED")
        self.assertEqual(known.request("GET", "/v2/team/hello/manifests/v1").status, 200)
        self.assertEqual(known.request("GET", location).status, 204)

    def test_changed_file(self) -> None:
        """Who is added is in at once; who is taken out or has another password is out in two seconds."""
        self.assertEqual([self.status(user, word) for user, word in PASSWORDS.items()], [200, 200, 401])
        self.users.set("carol", PASSWORDS["carol"])
        self.assertEqual(self.status("carol", PASSWORDS["carol"]), 200)
        self.assertEqual(self.status("carol", PASSWORDS["carol"]), 200)
        self.users.remove("bob")
        self.within(2, lambda: self.status("bob", PASSWORDS["bob"]) == 401)
        self.users.set("carol", WRONG["alice"])
        self.assertEqual(self.status("carol", WRONG["alice"]), 200)
        self.within(2, lambda: self.status("carol", PASSWORDS["carol"]) == 401)
        self.assertEqual(self.status("alice", PASSWORDS["alice"]), 200)
        self.assertTrue(self.server.program.running())

    def test_broken_file(self) -> None:
        """A file that is spoilt locks nobody out who was in; without the file, nobody gets in."""
        self.assertEqual(self.status("alice", PASSWORDS["alice"]), 200)
        good = self.users.path.read_text()
        self.users.path.write_text("what is this\n" + good)
        self.within(2, lambda: re.search("has no colon|invalid entry", self.server.output()), self.base)
        self.assertEqual(self.base(), 200)
        self.users.path.unlink()
        self.within(2, lambda: self.base() == 400)
        self.users.path.write_text(good)
        self.within(2, lambda: self.base() == 200)

    def base(self) -> int:
        """Ask for the base as alice."""
        return self.status("alice", PASSWORDS["alice"])

    def within(self, seconds: float, condition: Any, also: Any = None) -> None:
        """Do *also* and ask *condition* until it holds, which must be before *seconds* are over."""

        def asked() -> bool:
            if also is not None:
                also()
            return bool(condition())

        began = time.monotonic()
        wait_for(asked, "the change to be seen", seconds)
        self.assertLess(time.monotonic() - began, seconds + 0.5)

    def test_killed_during_push(self) -> None:
        """The daemon killed during a push with a password and restarted takes the same push again."""
        self.assert_free_space(self.work, 1024 * MIB)
        layout = Layout(self.work / "source")
        image = layout.image([layout.plain_layer(large_tar(96 * MIB))])
        source = layout.tag("v1", image.manifest)
        skopeo = Skopeo(self.short_directory(), self.trust)
        name, creds = f"docker://{self.server.address}/large:v1", f"--dest-creds={ALICE}"
        pushing = skopeo.start_copy(source, name, creds, "--preserve-digests")
        self.addCleanup(pushing.kill)
        pushing.wait_until(lambda: self.server.uploaded_bytes("large") > 8 * MIB, "in its upload")
        self.server.program.kill()
        self.assertNotEqual(pushing.wait(), 0, "the push was over before the daemon was killed")
        again = self.guarded(self.settings, storage=self.server.storage, port=self.server.port)
        skopeo.copy(source, name, creds, "--preserve-digests")
        skopeo.copy(name, f"oci:{self.work}/pulled:v1", f"--src-creds={ALICE}", "--preserve-digests")
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(layout.root))
        self.assertEqual(tree_faults(again.storage), [])

    def test_log(self) -> None:
        """The access log names the user; the log names who was refused what, and why."""
        self.status("alice", PASSWORDS["alice"])
        self.server.wire.request("GET", "/v2/")
        wrong = basic("alice", WRONG["alice"])
        self.server.wire.request("POST", "/v2/team/hello/blobs/uploads/", headers=wrong)
        self.server.program.terminate()
        lines = self.server.output().splitlines()
        access = [line for line in lines if re.search(r'"(GET|POST) /v2/\S* HTTP/1\.1" (200|401) ', line)]
        self.assertEqual([line.split()[2] for line in access], ["alice", "-", "-"])
        [nobody, refused] = [line for line in lines if "error authorizing context" in line]
        self.assertIn("auth.wanted=authentication", nobody)
        self.assertIn("auth.user.name=alice", refused)
        self.assertIn("auth.wanted=repository:team/hello:pull,push", refused.replace('"', ""))

    def test_debian_configuration(self) -> None:
        """With the configuration of Debian's package, whose path is a directory, nobody gets in."""
        debian: dict[str, Any] = yaml.safe_load(DEBIAN.read_text())
        del debian["version"], debian["storage"], debian["http"]["addr"]
        self.assertTrue(Path(debian["auth"]["htpasswd"]["path"]).is_dir())
        server = self.guarded(debian)
        for credentials, status in (
            ({}, 401),
            (basic("alice", PASSWORDS["alice"]), 400),
            (basic("docker", ""), 400),
        ):
            wire = server.wire.showing(credentials)
            for method, path in (("GET", ""), ("GET", "_catalog"), ("POST", "a/blobs/uploads/")):
                self.assertEqual(wire.request(method, f"/v2/{path}").status, status, (credentials, path))
        self.assertFalse(server.repository_path("a").exists())
