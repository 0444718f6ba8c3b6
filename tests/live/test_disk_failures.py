"""A disk that is full, read-only, closed to us or damaged: clean errors for clients; the daemon lives."""

import http.client
import os
import shutil
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.images import MIB, digest_of
from tests.live.processes import as_root, run
from tests.live.registries import Registry
from tests.live.tree import tree_faults
from tests.live.wire import Answer

LAYER = bytes(range(256)) * 1024
CONFIG = b"{}"
TYPE = "application/vnd.oci.image.manifest.v1+json"
MANIFEST = (
    f'{{"schemaVersion":2,"mediaType":"{TYPE}",'
    f'"config":{{"mediaType":"application/vnd.oci.image.config.v1+json",'
    f'"digest":"{digest_of(CONFIG)}","size":{len(CONFIG)}}},'
    f'"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",'
    f'"digest":"{digest_of(LAYER)}","size":{len(LAYER)}}}]}}'
).encode()
LAYER_PATH = f"/v2/a/blobs/{digest_of(LAYER)}"


class DiskCase(LiveTestCase):
    """A registry on storage of its own, with an image in it."""

    server: Registry

    def serve(self, storage: Path, under: Sequence[str] = ()) -> None:
        """Start the daemon; its log must have no fault of ours in it at the end."""
        self.server = self.registry(storage, under=under)
        self.addCleanup(self.check_log, self.server.program.stderr)

    def check_log(self, log: Path) -> None:
        """Fail when the log has a traceback in it."""
        self.assertNotIn("err.stack", log.read_text())

    def push_image(self, tag: str = "v1") -> None:
        """Push the image, all of which must go well."""
        for blob in (LAYER, CONFIG):
            answer = self.server.wire.push_blob("a", digest_of(blob), blob)
            self.assertEqual(answer.status, 201, f"{answer}")
        answer = self.put_manifest(tag)
        self.assertEqual(answer.status, 201, f"{answer}")

    def put_manifest(self, tag: str, body: bytes = MANIFEST) -> Answer:
        return self.server.wire.request("PUT", f"/v2/a/manifests/{tag}", body, {"Content-Type": TYPE})

    def post(self, query: str = "", repository: str = "a") -> Answer:
        target = f"/v2/{repository}/blobs/uploads/{query}"
        return self.server.wire.request("POST", target, headers={"Content-Length": "0"})

    def get(self, target: str) -> Answer:
        return self.server.wire.request("GET", target)

    def assert_refused(self, answer: Answer, status: int, reason: str, path: str = "") -> None:
        """*answer* is an error in the registry's form, and a line of the log gives *reason* and *path*."""
        self.assertEqual(answer.status, status, f"{answer}")
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertTrue(answer.body.startswith(b'{"errors":[{"code":"UNKNOWN"'), answer.body)
        self.assertNotIn(b"docker/registry", answer.body)
        self.server.program.wait_until(lambda: self.logged(reason, path), f"saying {reason!r} of {path!r}", 5)

    def logged(self, reason: str, path: str) -> bool:
        lines = self.server.program.stderr.read_text().splitlines()
        return any("level=error" in line and reason in line and path in line for line in lines)

    def assert_readable(self) -> None:
        """The image can be pulled, and is listed."""
        for target, body in ((LAYER_PATH, LAYER), ("/v2/a/manifests/v1", MANIFEST)):
            answer = self.get(target)
            self.assertEqual((answer.status, answer.body), (200, body))
        self.assertEqual(self.get("/v2/_catalog").body, b'{"repositories":["a"]}\n')
        self.assertIn(b'"v1"', self.get("/v2/a/tags/list").body)

    def assert_whole(self) -> None:
        """Nothing in the storage could be served wrongly, and nothing unfinished lies about."""
        self.assertEqual(tree_faults(self.server.storage), [])
        self.assertEqual(list(self.server.storage.rglob("*.tmp")), [])


class MountedDiskTests(DiskCase):
    """On a file system of 8 MiB of its own."""

    def setUp(self) -> None:
        """Mount it, push the image, and begin uploads."""
        self.mount = self.directory()
        owner = f"uid={os.geteuid()},gid={os.getegid()}"
        run(as_root(["mount", "-t", "tmpfs", "-o", f"size=8m,mode=700,{owner}", "none", str(self.mount)]))
        self.addCleanup(run, as_root(["umount", "--lazy", str(self.mount)]))
        self.serve(self.mount / "storage")
        self.push_image()

    def fill(self) -> Path:
        """Take all the space there is, and give the file that has it."""
        filler = self.mount / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (MIB, 4096, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue
        return filler

    def test_full(self) -> None:
        """All that stores something is a 507, reading goes on, and uploads do when there is space again."""
        wire, reason = self.server.wire, "No space left on device"
        begun = wire.patch(wire.start_upload("a"), LAYER).location
        fresh = wire.start_upload("a")
        other = LAYER + b"more"
        filler = self.fill()
        for answer, path in (
            (self.post(), "_uploads/"),
            (self.post(repository="new/one"), "/new/one/_uploads/"),
            (self.post(f"?mount={digest_of(LAYER)}&from=a", "new"), "/new/_layers/"),
            (wire.patch(begun, b"x" * 9000), "/data"),
            (wire.finish_upload(begun, digest_of(other), b"more"), "/data"),
            (wire.finish_upload(fresh, digest_of(other), other), "/data"),
            (self.put_manifest("v2", MANIFEST + b" " * 9000), "/blobs/"),
        ):
            self.assert_refused(answer, 507, reason, path)
        self.assert_readable()
        self.assert_whole()
        filler.unlink()
        for _ in range(2):  # the second time it has been finished before
            self.assertEqual(wire.finish_upload(begun, digest_of(other), b"more").status, 201)
        self.assertEqual(self.get(f"/v2/a/blobs/{digest_of(other)}").body, other)
        self.push_image("v2")
        self.assert_whole()

    def test_larger_than_the_disk(self) -> None:
        """A PATCH that fills the disk on its way is a 507; the session can be asked for and dropped."""
        wire = self.server.wire
        location = wire.start_upload("a")
        self.assert_refused(wire.patch(location, bytes(12 * MIB)), 507, "No space left on device")
        status = self.get(location)
        self.assertEqual(status.status, 204)
        self.assertEqual(status.received, self.server.uploaded_bytes("a"))
        self.assertEqual(wire.request("DELETE", location).status, 204)
        self.push_image("v2")

    def test_read_only(self) -> None:
        """On a disk that became read-only all changes are 500s and reading goes on; with time, all does."""
        run(as_root(["mount", "-o", "remount,ro", str(self.mount)]))
        wire, reason = self.server.wire, "Read-only file system"
        self.assert_refused(self.post(), 500, reason, "_uploads")
        self.assert_refused(self.put_manifest("v2"), 500, reason, "link")
        self.assert_refused(wire.request("DELETE", "/v2/a/manifests/v1"), 500, reason, "tags/v1")
        self.assert_refused(wire.request("DELETE", LAYER_PATH), 500, reason, "link")
        self.assert_readable()
        run(as_root(["mount", "-o", "remount,rw", str(self.mount)]))
        self.push_image("v2")
        self.assert_whole()


class PermissionTests(DiskCase):
    """A directory that is not ours to write, or not even to read."""

    def setUp(self) -> None:
        """Start a daemon that the permissions of files apply to: without root's power to pass over them."""
        caps = "-dac_override,-dac_read_search"
        mortal = ["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"] if os.geteuid() == 0 else []
        self.storage = self.directory() / "storage"
        self.addCleanup(self.chmod, 0o700)
        self.serve(self.storage, mortal)
        self.push_image()

    def chmod(self, mode: int) -> None:
        """Give every directory of the storage *mode*."""
        for directory in sorted((path for path in self.storage.rglob("*") if path.is_dir()), reverse=True):
            directory.chmod(mode)
        self.storage.chmod(mode)

    def test_not_writable(self) -> None:
        """What may only be read is served; changes are 500s, until they are allowed again."""
        self.chmod(0o500)
        self.assert_refused(self.post(), 500, "Permission denied", "_uploads")
        self.assert_refused(self.put_manifest("v2"), 500, "Permission denied", "link")
        answer = self.server.wire.request("DELETE", "/v2/a/manifests/v1")
        self.assert_refused(answer, 500, "Permission denied", "tags/v1")
        self.assert_readable()
        self.chmod(0o700)
        self.push_image("v2")
        self.assert_whole()

    def test_not_readable(self) -> None:
        """What may not be read is a 500, not a 404: it is there."""
        self.storage.chmod(0)
        for target in ("/v2/_catalog", "/v2/a/tags/list", "/v2/a/manifests/v1"):
            self.assert_refused(self.get(target), 500, "Permission denied", "/repositories")
        self.assert_refused(self.get(LAYER_PATH), 500, "Permission denied", "/repositories")
        self.assertEqual(self.get("/v2/").status, 200)
        self.storage.chmod(0o700)
        self.assert_readable()


class DamageTests(DiskCase):
    """Files that somebody has spoilt or taken away under the running daemon."""

    def setUp(self) -> None:
        """Push the image."""
        self.serve(self.directory() / "storage")
        self.push_image()
        self.data = self.server.blob_path(digest_of(LAYER))

    def test_spoilt_blob(self) -> None:
        """A blob that is gone or no file is a 404; a push repairs that, and one of another size."""
        for content in (LAYER[:1000], LAYER + b"more"):
            self.data.write_bytes(content)
            self.assertEqual(self.get(LAYER_PATH).body, content)  # whoever pulls compares the digest
            self.push_image()
            self.assert_whole()
        self.data.unlink()
        self.assertEqual(self.get(LAYER_PATH).status, 404)
        os.mkfifo(self.data)
        self.assertEqual(self.get(LAYER_PATH).status, 404)
        self.push_image()
        self.data.unlink()
        self.data.mkdir()
        self.assertEqual(self.get(LAYER_PATH).status, 404)
        push = self.server.wire.push_blob("a", digest_of(LAYER), LAYER)
        self.assert_refused(push, 500, "Is a directory", "/data")
        self.data.rmdir()
        self.push_image()
        self.assert_readable()
        self.assert_whole()

    def test_spoilt_while_served(self) -> None:
        """A blob that gets shorter while it is served cuts the connection: nobody takes it for whole."""
        large = LAYER * 128
        self.assertEqual(self.server.wire.push_blob("a", digest_of(large), large).status, 201)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        self.addCleanup(connection.close)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.request("GET", f"/v2/a/blobs/{digest_of(large)}")
        response = connection.getresponse()
        self.assertEqual(response.read(MIB), large[:MIB])
        os.truncate(self.server.blob_path(digest_of(large)), 2 * MIB)
        self.assertRaises((ConnectionError, http.client.IncompleteRead), response.read)
        self.server.program.wait_until(lambda: self.logged("shorter", digest_of(large)), "saying so", 5)
        self.assert_readable()

    def test_spoilt_links(self) -> None:
        """A link that holds no digest counts as none, with its path in the log; a push repairs it."""
        repository = self.server.repository_path("a")
        tag = repository / "_manifests/tags/v1/current/link"
        revision = repository / f"_manifests/revisions/sha256/{digest_of(MANIFEST)[7:]}/link"
        layer = repository / f"_layers/sha256/{digest_of(LAYER)[7:]}/link"
        for content in (b"", b"junk", b"\xff" * 71, b"x" * 100_000):
            for link, status, answer in (
                (tag, 404, lambda: self.get("/v2/a/manifests/v1")),
                (revision, 404, lambda: self.get(f"/v2/a/manifests/{digest_of(MANIFEST)}")),
                (layer, 202, lambda: self.post(f"?mount={digest_of(LAYER)}&from=a", "b")),
            ):
                link.write_bytes(content)
                self.assertEqual(answer().status, status)
                path = str(link.relative_to(repository))
                named = partial(self.logged, "does not hold a digest", path)
                self.server.program.wait_until(named, f"naming {path}", 5)
            self.push_image()
            self.assert_readable()
        self.assert_whole()

    def test_storage_taken_away(self) -> None:
        """With its directory gone the registry is empty, and can be filled again; not with a file there."""
        shutil.rmtree(self.server.storage)
        self.assertEqual(self.get("/v2/_catalog").body, b'{"repositories":[]}\n')
        self.assertEqual(self.get("/v2/a/manifests/v1").status, 404)
        self.assertEqual(self.get("/v2/a/tags/list").status, 404)
        self.push_image()
        self.assert_readable()
        shutil.rmtree(self.server.storage)
        self.server.storage.touch()
        self.assert_refused(self.post(), 500, "Not a directory", "_uploads")
        self.assertEqual(self.get("/v2/a/manifests/v1").status, 404)
        self.server.storage.unlink()
        self.push_image()
        self.assert_readable()
