"""Clients that are sent elsewhere for blobs, as docker-registry sends them, and get them there."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.live.case import LiveTestCase
from tests.live.images import Layout, layout_blobs, tar_of
from tests.live.processes import Program, free_port
from tests.live.registries import Registry, start_docker_registry, start_txregistry
from tests.live.skopeo import Skopeo
from tests.live.wire import Answer, Wire
from txregistry.model.digest import Digest

CONTENT = b"a layer" * 1000
DIGEST = str(Digest.of(CONTENT))
PATH = f"/v2/a/blobs/{DIGEST}"
UNKNOWN = f"/v2/a/blobs/{Digest.of(b'nobody has this')}"
RANGED: Mapping[str, str] = {"Range": "bytes=0-1", "If-None-Match": f'"{DIGEST}"'}


def redirect(baseurl: str, **more: object) -> dict[str, object]:
    """The middleware ``redirect`` with a base."""
    return {"name": "redirect", "options": {"baseurl": baseurl}, **more}


def seen(answer: Answer) -> tuple[object, ...]:
    """What of an answer decides where a client goes."""
    return answer.status, answer.headers["Location"], answer.headers["Docker-Distribution-Api-Version"]


class RedirectTests(LiveTestCase):
    """Storage middlewares that send clients elsewhere."""

    def start(self, start: Any, storage: Path, uses: Sequence[Mapping[str, object]]) -> Registry:
        """Start a daemon by *start* with storage middlewares."""
        settings = {"middleware": {"storage": list(uses)}}
        registry: Registry = start(storage, self.directory(), settings=settings)
        self.addCleanup(registry.program.terminate)
        return registry

    def test_as_there(self) -> None:
        """Status and address are docker-registry's, for whatever is asked."""
        answers = []
        for start in (start_docker_registry, start_txregistry):
            storage = self.directory() / "storage"
            registry = self.start(start, storage, [redirect("https://cdn.example.com:8443")])
            self.assertEqual(registry.wire.push_blob("a", DIGEST, CONTENT).status, 201)
            asked = [
                (method, path, headers)
                for method in ("GET", "HEAD")
                for path in (PATH, UNKNOWN)
                for headers in ({}, RANGED)
            ]
            answers.append(
                [seen(registry.wire.request(method, path, headers=h)) for method, path, h in asked]
            )
        self.assertEqual(*answers)
        self.assertEqual([status for status, *_ in answers[0]], [307, 307, 404, 404] * 2)

    def test_disabled(self) -> None:
        """One that is disabled is applied all the same there, and not here."""
        for start, status in ((start_docker_registry, 307), (start_txregistry, 200)):
            storage = self.directory() / "storage"
            registry = self.start(start, storage, [redirect("https://cdn.example.com", disabled=True)])
            registry.wire.push_blob("a", DIGEST, CONTENT)
            self.assertEqual(registry.wire.request("GET", PATH).status, status)

    def test_pull(self) -> None:
        """A client that is sent to another server with the same content pulls the whole image from there."""
        storage, work = self.directory() / "storage", self.directory()
        port = free_port()
        argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", str(storage), str(port)]
        storage.mkdir()
        other = Program("http.server", argv, work)
        self.addCleanup(other.terminate)
        wire = Wire("127.0.0.1", port)
        other.wait_until(wire.answers, "answering")
        uses: list[Mapping[str, object]] = [
            redirect("https://nowhere.example.com/base/path"),
            {
                "name": "rewrite",
                "options": {"scheme": "http", "host": f"127.0.0.1:{port}", "trimpathprefix": "/base/path"},
            },
        ]
        registry = self.start(start_txregistry, storage, uses)
        skopeo, layout = Skopeo(self.short_directory()), Layout(work / "source")
        image = layout.image(
            [layout.layer(tar_of({"hello": b"hello"})), layout.layer(tar_of({"a": b"x" * 9999}))]
        )
        skopeo.copy(layout.tag("v1", image.manifest), f"docker://{registry.address}/a/b:v1")
        skopeo.copy(f"docker://{registry.address}/a/b:v1", f"oci:{work}/pulled:v1")
        self.assertEqual(layout_blobs(work / "pulled"), layout_blobs(layout.root))
        fetched = other.stderr.read_text()
        self.assertEqual(fetched.count('"GET /docker/registry/v2/blobs/sha256/'), 3)
        self.assertEqual(fetched.count('/data HTTP/1.1" 200'), 3)
