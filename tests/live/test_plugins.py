"""The example plug-in of the documentation: installed as its reader would, and used by a real daemon."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.live.case import LiveTestCase
from tests.live.processes import run
from tests.live.registries import SOURCE, USAGE, Registry, registry_in_vain
from txregistry.model.digest import Digest

EXAMPLE = SOURCE / "docs" / "examples" / "immutable-tags"
CONFIG = str(Digest.of(b"{}"))
TYPE = "application/vnd.oci.image.manifest.v1+json"


def manifest(config: str, note: str) -> bytes:
    """An image without layers, and a note to tell it from others."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": TYPE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [],
            "annotations": {"note": note},
        }
    ).encode()


class PluginTests(LiveTestCase):
    """A plug-in in a directory of its own, which the daemon finds by ``PYTHONPATH``."""

    def setUp(self) -> None:
        """Install the example, from a copy, without asking any index."""
        super().setUp()
        work = self.directory()
        self.installed = work / "installed"
        shutil.copytree(EXAMPLE, work / "source", ignore=shutil.ignore_patterns("__pycache__"))
        options = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
        argv = [sys.executable, "-m", "pip", "install", "--quiet", *options]
        run([*argv, "--target", str(self.installed), str(work / "source")], seconds=300)
        paths = filter(None, [str(self.installed), os.environ.get("PYTHONPATH")])
        self.patch(os, "environ", {**os.environ, "PYTHONPATH": os.pathsep.join(paths)})

    def settings(self, options: dict[str, Any]) -> dict[str, Any]:
        """The plug-in with *options*."""
        return {"middleware": {"repository": [{"name": "immutabletags", "options": options}]}}

    def put(self, registry: Registry, tag: str, note: str) -> tuple[int, bytes]:
        """Push an image that *note* makes, and give the status and the body of the answer."""
        body = manifest(CONFIG, note)
        self.assertEqual(registry.wire.push_blob("a/b", CONFIG, b"{}").status, 201)
        answer = registry.wire.request("PUT", f"/v2/a/b/manifests/{tag}", body, {"Content-Type": TYPE})
        return answer.status, answer.body

    def test_immutable_tags(self) -> None:
        """Tags stay where they are but for those that may move; the installation stays as it was."""
        before = files(self.installed) | files(SOURCE / "txregistry" / "plugins")
        registry = self.registry(settings=self.settings({"movable": ["latest", "n-*"]}))
        self.assertEqual(self.put(registry, "1.0", "first")[0], 201)
        self.assertEqual(self.put(registry, "1.0", "first")[0], 201)
        status, body = self.put(registry, "1.0", "second")
        self.assertEqual(status, 403)
        [error] = json.loads(body)["errors"]
        self.assertEqual(
            (error["code"], error["message"]), ("DENIED", "the tag 1.0 exists, and stays where it is")
        )
        answer = registry.wire.request("GET", "/v2/a/b/manifests/1.0", headers={"Accept": TYPE})
        self.assertEqual(json.loads(answer.body)["annotations"], {"note": "first"})
        digest = answer.headers["docker-content-digest"]
        for reference in ("1.0", digest):
            self.assertEqual(registry.wire.request("DELETE", f"/v2/a/b/manifests/{reference}").status, 405)
        for tag in ("latest", "n-1"):
            for note in ("first", "second"):
                self.assertEqual(self.put(registry, tag, note)[0], 201)
        self.assertEqual(registry.wire.request("DELETE", "/v2/a/b/manifests/n-1").status, 202)
        self.assertIn("somebody, at 127.0.0.1, tried to move the tag 1.0 of a/b", registry.output())
        after = files(self.installed) | files(SOURCE / "txregistry" / "plugins")
        self.assertEqual(after, before)

    def test_options(self) -> None:
        """Faults and unknown keys of its options are told like others."""
        code, said = registry_in_vain(self.directory(), self.settings({"movable": "latest", "movabel": []}))
        self.assertEqual(code, USAGE)
        place = "middleware.repository[0].options.movable"
        self.assertIn(f"{place}: must be a list of patterns such as [latest, 'nightly-*']\n", said)
        registry = self.registry(settings=self.settings({"movabel": []}))
        self.assertIn("middleware.repository[0].options.movabel: unknown key, ignored", registry.output())

    def test_broken(self) -> None:
        """One that cannot be imported is a line; the daemon starts unless its name is used."""
        (self.installed / "txregistry_immutable_tags.py").unlink()
        told = (
            "txregistry.plugins.immutable_tags: this plug-in cannot be imported: "
            "ModuleNotFoundError: No module named 'txregistry_immutable_tags'"
        )
        code, said = registry_in_vain(self.directory(), self.settings({}))
        self.assertEqual(code, USAGE)
        self.assertIn("middleware.repository[0].name: unknown repository middleware 'immutabletags'", said)
        self.assertIn(f"warning: {told}", said)
        self.assertNotIn("Traceback", said)
        registry = self.registry()
        self.assertNotIn("immutable", registry.output())


def files(directory: Path) -> set[Path]:
    """All files below *directory*, but for what Python compiles."""
    return {path for path in directory.rglob("*") if "__pycache__" not in path.parts}
