"""The base of every live test: directories and daemons that go away with the test."""

import shutil
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.live.processes import remove_tree
from tests.live.registries import Registry, start_docker_registry, start_registry


class LiveTestCase(SynchronousTestCase):
    """Starts what a test needs, and ends it in the reverse order."""

    def directory(self) -> Path:
        """Make a directory for large things, on the disk where the tests run."""
        path = Path(self.mktemp()).resolve()
        path.mkdir(parents=True)
        self.addCleanup(remove_tree, path)
        return path

    def short_directory(self) -> Path:
        """Make a directory with a path short enough for the name of a socket in it."""
        path = Path(tempfile.mkdtemp(prefix="live-"))
        self.addCleanup(remove_tree, path)
        return path

    def registry(
        self,
        storage: Path | None = None,
        *,
        port: int | None = None,
        under: Sequence[str] = (),
        settings: Mapping[str, Mapping[str, object]] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Registry:
        """Start our daemon, on new storage by default."""
        storage = storage or self.directory() / "storage"
        registry = start_registry(
            storage, self.directory(), port=port, under=under, settings=settings, tls=tls
        )
        self.addCleanup(registry.program.terminate)
        return registry

    def docker_registry(self, storage: Path | None = None, *, under: Sequence[str] = ()) -> Registry:
        """Start Debian's daemon, on new storage by default."""
        registry = start_docker_registry(
            storage or self.directory() / "storage", self.directory(), under=under
        )
        self.addCleanup(registry.program.terminate)
        return registry

    def assert_free_space(self, path: Path, needed: int) -> None:
        """Fail with a clear word when the disk of *path* has not *needed* bytes left."""
        free = shutil.disk_usage(path).free
        self.assertGreater(free, needed, f"this test needs {needed >> 20} MiB of disk at {path}")
