"""Real clients fetch tokens from a token server, and show them to a registry that trusts it."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Mapping
from typing import Any

from tests.auth.making import make_key
from tests.live.engines import Containerd, Docker, Podman
from tests.live.guarded import GuardedTestCase, password_forms
from tests.live.images import MIB, Layout, digest_of, docker_archive, large_tar, layout_blobs, tar_of
from tests.live.processes import wait_for
from tests.live.registries import OURS_IS_AWAY, USAGE, Registry, registry_in_vain
from tests.live.skopeo import Skopeo
from tests.live.tokens.running import TokenServer
from tests.live.tokens.settings import PUBLIC, Rights
from tests.live.tree import tree_faults
from tests.live.wire import OCTETS, Answer, Wire, bearer

PASSWORDS = {
    "alice": "Alice's pass:word",
    "bob": "bobs-own-password",
    "carol": "carols-only-word",
    "dave": "daves-word-for-all",
}
WRONG = "not-alices-password"
RIGHTS: Mapping[str, Rights] = {
    PUBLIC: {"repository:public/*": ["pull"]},
    "alice": {"repository:team/*": ["pull", "push"], "repository:public/*": ["push"]},
    "bob": {"repository:team/*": ["pull"]},
    "carol": {"repository:team/a": ["pull", "push"]},
    "dave": {"repository:*": ["*", "pull", "push", "delete"], "registry:catalog": ["*"]},
}
CONTENT = b"what a layer holds" * 100
DIGEST = digest_of(CONTENT)


def creds(user: str) -> str:
    """Give the name and the password of a user as skopeo takes them."""
    return f"{user}:{PASSWORDS[user]}"


class TokenCase(GuardedTestCase):
    """A token server, and a registry that trusts it."""

    def setUp(self) -> None:
        """Prepare places; tests start the programs, each in its own way."""
        super().setUp()
        self.work = self.directory()
        self.servers: list[TokenServer] = []

    def secrets(self) -> set[str]:
        """Give every password, right or wrong, and every token."""
        tokens = {secret for server in self.servers for secret in server.secrets()}
        return tokens | password_forms(PASSWORDS) | {WRONG}

    def start(
        self, kind: str = "P-256", *, keys: str = "rootcertbundle", settings: Any = None, **more: Any
    ) -> Registry:
        """
        Start a token server and a registry.

        :param kind: of the key that signs.
        :param keys: the setting that leads the registry to that key.
        :param settings: what the registry is told besides.
        :param more: what the token server is told besides.
        """
        tokens = TokenServer(self.directory(), make_key(kind), PASSWORDS, RIGHTS, **more)
        self.addCleanup(tokens.program.terminate)
        self.servers.append(tokens)
        tokens.wait_ready()
        return self.guarded({"auth": tokens.auth(keys), **(settings or {})})

    @property
    def tokens(self) -> TokenServer:
        """The token server that was started last."""
        return self.servers[-1]

    def wire(self, server: Registry, user: str, *scopes: str) -> Wire:
        """Give a wire on which each request shows a token for *scopes*."""
        return server.wire.showing(bearer(self.tokens.token(user, *scopes)))

    def lines(self, server: Registry, pattern: str, count: int = 1) -> list[str]:
        """Wait for *count* lines of the registry's output with *pattern* in them, and give all there are."""
        wanted = re.compile(pattern)

        def found() -> list[str]:
            return [line for line in server.output().splitlines() if wanted.search(line)]

        server.program.wait_until(lambda: len(found()) >= count, f"saying {count} times {pattern}")
        return found()


class TokenClientTests(TokenCase):
    """Clients with rights, clients with fewer, and clients with none."""

    def test_skopeo(self) -> None:
        """skopeo does what its user may do in each repository, and nothing else."""
        server = self.start()
        skopeo = Skopeo(self.short_directory())
        source, layout = self.small_image(self.work / "source")
        at = f"docker://{server.address}"
        skopeo.copy(source, f"{at}/team/a:v1", f"--dest-creds={creds('alice')}")
        skopeo.copy(f"{at}/team/a:v1", f"oci:{self.work}/pulled:v1", f"--src-creds={creds('bob')}")
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(layout.root))
        for name, user in (
            ("team/a", "bob"),  # may only pull
            ("team/b", "carol"),  # may push, but not here
            ("other", "alice"),
            ("public/a", "bob"),
        ):
            said = skopeo.copy_in_vain(source, f"{at}/{name}:v2", f"--dest-creds={creds(user)}")
            self.assertRegex(said, "denied|unauthorized", (name, user))
            self.assertFalse((server.repository_path(name) / "_manifests" / "tags" / "v2").exists())
        skopeo.copy(source, f"{at}/team/a:v3", f"--dest-creds={creds('carol')}")
        self.assertIn("unauthorized", skopeo.say_in_vain("inspect", f"{at}/team/a:v1"))
        said = skopeo.say_in_vain("inspect", f"--creds=alice:{WRONG}", f"{at}/team/a:v1")
        self.assertRegex(said, "(?i)unauthorized|invalid username/password")
        skopeo.say_in_vain("delete", f"--creds={creds('alice')}", f"{at}/team/a:v1")
        skopeo.say("delete", f"--creds={creds('dave')}", f"{at}/team/a:v1")
        self.assertIn("repository:team/a:pull", self.asked("bob"))
        self.assertEqual(tree_faults(server.storage), [])

    def asked(self, user: str) -> set[str]:
        """Give every scope that *user* asked for."""
        requests = [request for request in self.tokens.requests() if request.user == user]
        return {scope for request in requests for scope in request.scopes}

    def test_public_repository(self) -> None:
        """Anybody pulls from a public repository, and pushes nothing to it."""
        server = self.start()
        skopeo = Skopeo(self.short_directory())
        source, layout = self.small_image(self.work / "source")
        name = f"docker://{server.address}/public/hello:v1"
        skopeo.copy(source, name, f"--dest-creds={creds('alice')}")
        skopeo.copy(name, f"oci:{self.work}/pulled:v1")
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(layout.root))
        self.assertRegex(skopeo.copy_in_vain(source, name), "denied|unauthorized")
        podman = Podman("podman", self.short_directory())
        podman.say("pull", "--quiet", "--tls-verify=false", name)
        self.assertEqual(
            {request.granted for request in self.tokens.requests() if not request.user},
            {("repository:public/hello:pull",)},
        )

    def test_podman(self) -> None:
        """podman logs in, pushes and pulls where it may, with tokens that carry a certificate."""
        server = self.start("RSA", naming="x5c")
        podman = Podman("podman", self.short_directory())
        saved = self.work / "saved.tar"
        identity = docker_archive(saved, "localhost/saved:v1", [tar_of({"hello": b"hello"})])
        podman.say("load", "--quiet", "--input", str(saved))
        plain = "--tls-verify=false"
        login = ["login", plain, "--username=carol"]
        podman.say_in_vain(*login, f"--password={WRONG}", server.address)
        podman.say(*login, f"--password={PASSWORDS['carol']}", server.address)
        at = f"{server.address}/team"
        podman.say("push", plain, "localhost/saved:v1", f"docker://{at}/a:v1")
        said = podman.say_in_vain("push", plain, "localhost/saved:v1", f"docker://{at}/b:v1")
        self.assertRegex(said, "denied|unauthorized")
        podman.say("rmi", "--all", "--force")
        podman.say("pull", "--quiet", plain, f"{at}/a:v1")
        self.assertEqual(f"sha256:{podman.image_id(f'{at}/a:v1')}", identity)
        podman.say("logout", server.address)
        podman.say_in_vain("pull", "--quiet", plain, f"{at}/a:v1")

    def test_docker(self) -> None:
        """docker logs in, pushes and pulls where its user may."""
        server = self.start("RSA")
        docker = Docker(self.short_directory())
        self.addCleanup(docker.program.terminate)
        docker.wait_ready()
        saved = self.work / "saved.tar"
        allowed, denied = (f"{server.address}/team/{name}:v1" for name in "ab")
        identity = docker_archive(saved, allowed, [tar_of({"hello": b"hello"})])
        docker.say("load", "--quiet", "--input", str(saved))
        docker.say("tag", allowed, denied)
        login = ["login", "--username=carol"]
        said = docker.say_in_vain(*login, f"--password={WRONG}", server.address)
        self.assertRegex(said, "(?i)unauthorized")
        docker.say(*login, f"--password={PASSWORDS['carol']}", server.address)
        docker.say("push", allowed)
        self.assertIn("denied", docker.say_in_vain("push", denied))
        docker.say("rmi", "--force", identity)
        docker.say("pull", "--quiet", allowed)
        self.assertEqual(docker.image_id(allowed), identity)
        docker.say("logout", server.address)
        docker.say_in_vain("pull", allowed)
        self.mount(server, docker)
        grants = {request.grant for request in self.tokens.requests() if request.user == "carol"}
        self.assertIn("refresh_token", grants)

    def mount(self, server: Registry, docker: Docker) -> None:
        """Push an image to further repositories: docker mounts what the user may read, and sends the rest."""
        first, second, third = (f"{server.address}/team/{name}:v2" for name in ("first", "second", "a"))
        saved = self.work / "mounted.tar"
        identity = docker_archive(saved, first, [tar_of({"bye": b"bye"})])
        docker.say("load", "--quiet", "--input", str(saved))
        mounting = r'"POST /v2/{}/blobs/uploads/\?\S*mount=sha256\S* HTTP/1\.1" {} '
        docker.say("login", "--username=alice", f"--password={PASSWORDS['alice']}", server.address)
        docker.say("push", first)
        docker.say("tag", first, second)
        self.assertIn("Mounted from team/first", docker.say("push", second))
        self.lines(server, mounting.format("team/second", 201))

        docker.say("login", "--username=carol", f"--password={PASSWORDS['carol']}", server.address)
        docker.say("tag", first, third)
        self.assertNotIn("Mounted", docker.say("push", third))
        self.lines(server, mounting.format("team/a", 202))
        docker.say("rmi", "--force", identity)
        docker.say("pull", "--quiet", third)
        self.assertEqual(docker.image_id(third), identity)
        self.assertEqual(tree_faults(server.storage), [])

    def test_containerd(self) -> None:
        """ctr pushes and pulls with tokens that it posts a form for, or asks for where there is no form."""
        containerd = Containerd(self.short_directory())
        self.addCleanup(containerd.program.terminate)
        containerd.wait_ready()
        _, layout = self.small_image(self.work / "source")
        layout.archive(self.work / "source.tar")
        archive = str(self.work / "source.tar")
        # Debian's daemon knows neither what RFC 7638 calls a key, nor sets of keys.
        naming, keys = ("libtrust", "rootcertbundle") if OURS_IS_AWAY else ("thumbprint", "jwks")
        for oauth, method in ((True, "POST"), (False, "GET")):
            server = self.start("P-384", keys=keys, naming=naming, oauth=oauth)
            containerd.say("images", "import", "--no-unpack", "--base-name=local", archive)
            name = f"{server.address}/team/hello:v1"
            plain = ["--plain-http", f"--user={creds('alice')}"]
            said = containerd.say_in_vain(
                "images", "push", "--plain-http", f"--user={creds('bob')}", name, "local:v1"
            )
            self.assertRegex(said, "(?i)insufficient_scope|denied|unauthorized")
            containerd.say("images", "push", *plain, name, "local:v1")
            containerd.say("images", "rm", "--sync", *containerd.say("images", "ls", "--quiet").split())
            containerd.say("images", "pull", *plain, "--snapshotter=native", name)
            self.assertEqual(containerd.content(), layout_blobs(layout.root))
            containerd.say("images", "rm", "--sync", name)
            used = {request.method for request in self.tokens.requests() if request.user == "alice"}
            self.assertEqual(used, {method})


class TokenRightsTests(TokenCase):
    """What a token allows, to the letter."""

    def test_mount(self) -> None:
        """skopeo mounts what its user may read, and sends again what another user read for it."""
        server = self.start()
        skopeo = Skopeo(self.short_directory())
        source, layout = self.small_image(self.work / "source")
        at = f"docker://{server.address}"
        skopeo.copy(source, f"{at}/team/from:v1", f"--dest-creds={creds('alice')}")
        skopeo.copy(
            f"{at}/team/from:v1",
            f"{at}/team/to:v1",
            f"--src-creds={creds('alice')}",
            f"--dest-creds={creds('alice')}",
        )
        mounting = r'"POST /v2/{}/blobs/uploads/\?\S*mount=sha256\S* HTTP/1\.1" {} '
        self.lines(server, mounting.format("team/to", 201))
        # skopeo asks the source first, and does not try what it will not get.
        skopeo.copy(
            f"{at}/team/from:v1",
            f"{at}/team/a:v1",
            f"--src-creds={creds('alice')}",
            f"--dest-creds={creds('carol')}",
        )
        skopeo.copy(f"{at}/team/a:v1", f"oci:{self.work}/pulled:v1", f"--src-creds={creds('carol')}")
        self.assertEqual(layout_blobs(self.work / "pulled"), layout_blobs(layout.root))
        self.assertEqual(tree_faults(server.storage), [])

    def test_mount_tells_nothing(self) -> None:
        """Who may not read a repository cannot learn from a mount, or a HEAD, whether it has a blob."""
        server = self.start()
        writer = self.wire(server, "alice", "repository:team/secret:pull,push")
        self.assertEqual(writer.push_blob("team/secret", DIGEST, CONTENT).status, 201)
        carol = self.wire(server, "carol", "repository:team/a:pull,push", "repository:team/secret:pull")
        answers = []
        for digest in (DIGEST, digest_of(b"nowhere")):
            for name in ("team/secret", "team/nowhere"):
                mount = f"/v2/team/a/blobs/uploads/?mount={digest}&from={name}"
                answer = carol.request("POST", mount, headers={"Content-Length": "0"})
                self.assertEqual(carol.request("DELETE", answer.location).status, 401)
                self.assertEqual(carol.request("HEAD", f"/v2/{name}/blobs/{digest}").status, 401)
                kept = {
                    key: value
                    for key, value in answer.headers.items()
                    if key.lower() not in ("location", "docker-upload-uuid", "date")
                }
                answers.append((answer.status, kept, answer.body))
        self.assertEqual(answers[0][0], 202)
        self.assertEqual(answers, [answers[0]] * len(answers))
        self.assertEqual(carol.request("HEAD", f"/v2/team/a/blobs/{DIGEST}").status, 404)
        both = "repository:team/a:pull,push", "repository:team/secret:pull"
        nobody = server.wire.request("POST", f"/v2/team/a/blobs/uploads/?mount={DIGEST}&from=team/secret")
        self.assertEqual(nobody.status, 401)
        for scope in both:
            self.assertIn(scope.rpartition(":")[0], nobody.headers["WWW-Authenticate"])

    def test_delete_and_catalog(self) -> None:
        """To delete takes the right to delete, and to list all repositories the right to the catalog."""
        server = self.start()
        source, _ = self.small_image(self.work / "source")
        name = f"docker://{server.address}/team/a:v1"
        Skopeo(self.short_directory()).copy(source, name, f"--dest-creds={creds('alice')}")
        pushed = "repository:team/a:pull,push"
        alice = self.wire(server, "alice", f"{pushed},delete", "registry:catalog:*")
        self.assertEqual(alice.push_blob("team/a", DIGEST, CONTENT).status, 201)
        blob = f"/v2/team/a/blobs/{DIGEST}"
        for method, target, scope in (
            ("DELETE", blob, "repository:team/a:delete"),
            ("GET", "/v2/_catalog", "registry:catalog:*"),
        ):
            answer = alice.request(method, target)
            self.assertEqual(answer.status, 401, target)
            challenge = answer.headers["WWW-Authenticate"]
            self.assertIn(f'scope="{scope}"', challenge)
            self.assertIn('error="insufficient_scope"', challenge)
        dave = self.wire(server, "dave", "repository:team/a:delete", "registry:catalog:*")
        self.assertEqual(json.loads(dave.request("GET", "/v2/_catalog").body), {"repositories": ["team/a"]})
        self.assertEqual(dave.request("DELETE", blob).status, 202)
        self.assertEqual(alice.request("HEAD", blob).status, 404)
        all_of_it = self.wire(server, "dave", "repository:team/b:*")
        self.assertEqual(all_of_it.push_blob("team/b", DIGEST, CONTENT).status, 201)
        self.assertEqual(all_of_it.request("GET", blob).status, 401)

    def test_classes(self) -> None:
        """Rights for one class of content are no rights for another."""
        server = self.start(
            settings={"policy": {"repository": {"classes": ["image", "plugin"]}}},
            classes={"repository:team/plugin": "plugin"},
        )
        skopeo = Skopeo(self.short_directory())
        source, _ = self.small_image(self.work / "source")
        at, alice = f"docker://{server.address}/team", f"--dest-creds={creds('alice')}"
        skopeo.copy(source, f"{at}/image:v1", alice)
        self.assertIn("not authorized for image", skopeo.copy_in_vain(source, f"{at}/plugin:v1", alice))


class ExpiredTokenTests(TokenCase):
    """Tokens that end while they are in use."""

    def test_skopeo(self) -> None:
        """A push that outlives its token goes on with a new one; what was under way is not cut off."""
        # The client takes a new one after a second, the registry refuses the old one after three.
        server = self.start(told=60, age=59, early=58)
        skopeo = Skopeo(self.short_directory())
        layout = Layout(self.work / "source")
        source = layout.tag("v1", layout.image([layout.plain_layer(large_tar(64 * MIB))]).manifest)
        name = f"docker://{server.address}/team/large:v1"
        pushing = skopeo.start_copy(source, name, f"--dest-creds={creds('alice')}", "--preserve-digests")
        self.addCleanup(pushing.kill)
        pushing.wait_until(lambda: server.uploaded_bytes("team/large") > 4 * MIB, "in its upload")
        pushing.send(signal.SIGSTOP)
        before = len(self.tokens.requests())
        time.sleep(4)
        pushing.send(signal.SIGCONT)
        self.assertEqual(pushing.wait(), 0, pushing.stderr.read_text())
        self.assertGreater(len(self.tokens.requests()), before)
        skopeo.copy(name, f"dir:{self.work}/pulled", f"--src-creds={creds('bob')}")
        self.assertEqual(tree_faults(server.storage), [])

    def test_wire(self) -> None:
        """A request is judged when it comes: one under way ends well, the next needs another token."""
        server = self.start(told=60, early=118)
        scope = "repository:team/a:pull,push"
        old = self.wire(server, "alice", scope)
        location = old.start_upload("team/a")
        connection = old.connection()
        connection.putrequest("PATCH", location)
        for key, value in {**OCTETS, **old.headers, "Content-Length": str(len(CONTENT))}.items():
            connection.putheader(key, value)
        connection.endheaders(CONTENT[:10])
        wait_for(lambda: old.request("GET", "/v2/").status == 401, "the token to end", 10)
        connection.send(CONTENT[10:])
        patched = connection.getresponse()
        self.assertEqual(patched.status, 202)
        location = Answer(patched.status, patched.headers, patched.read()).location
        connection.close()
        refused = old.finish_upload(location, DIGEST)
        self.assertEqual(refused.status, 401)
        self.assertIn('error="invalid_token"', refused.headers["WWW-Authenticate"])
        new = self.wire(server, "alice", scope)
        status = new.request("GET", location)
        self.assertEqual((status.status, status.received), (204, len(CONTENT)))
        self.assertEqual(new.finish_upload(status.location, DIGEST).status, 201)


class TokenLogTests(TokenCase):
    """What the registry says of tokens."""

    def test_log(self) -> None:
        """The access log names the user; the log names who was refused what, and why."""
        server = self.start()
        bob = self.wire(server, "bob", "repository:team/a:pull,push")
        bob.request("GET", "/v2/team/a/tags/list")
        bob.request("POST", "/v2/team/a/blobs/uploads/", headers={"Content-Length": "0"})
        token = self.tokens.token("alice", "repository:team/a:pull")
        head, payload, signature = token.split(".")
        server.wire.request("GET", "/v2/", headers=bearer(".".join([head, payload, signature[::-1]])))
        access = self.lines(server, r'"(GET|POST) /v2/\S* HTTP/1\.1" (404|401) ', 3)
        self.assertEqual([line.split()[2] for line in access], ["bob", "-", "-"])
        [denied, forged] = self.lines(server, "error authorizing context", 2)
        self.assertIn("auth.user.name=bob", denied)
        self.assertIn("auth.wanted=repository:team/a:pull,push", denied.replace('"', ""))
        self.assertNotIn("alice", forged)
        self.assertNotIn(payload, server.output())


class RefusedStartTests(TokenCase):
    """Files with which no registry can verify a token."""

    def test_faults(self) -> None:
        """Each fault is one line that names the setting and says what is wrong."""
        place = self.directory()
        (place / "text").write_text("what is this\n")
        gone, text = str(place / "gone"), str(place / "text")
        names = {"realm": "https://auth.example/token", "issuer": "a", "service": "b"}
        for setting, path, word in (
            ("rootcertbundle", gone, "No such file"),
            ("rootcertbundle", text, "certificate"),
            ("jwks", text, "JSON"),
        ):
            auth = {"auth": {"token": {**names, setting: path}}}
            code, said = registry_in_vain(self.directory(), auth)
            [line] = said.splitlines()
            self.assertEqual(code, USAGE, line)
            self.assertTrue(line.startswith(f"auth.token.{setting}"), line)
            self.assertIn(word, line)
