"""
Registry daemons on storage of their own: ours, and Debian's ``docker-registry`` beside it.

The variable ``LIVE_REGISTRY=docker-registry`` puts Debian's daemon in the place of ours in every test,
which shows whether a failing test or our daemon is wrong.
"""

import os
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import txregistry
from tests.live.processes import Program, beside_python, free_port, require
from tests.live.wire import Wire

SECRET = "a secret that both daemons know"
"""The ``http.secret`` of every daemon, so that upload tokens of one are good for the other."""

OURS_IS_AWAY = os.environ.get("LIVE_REGISTRY") == "docker-registry"
"""Debian's daemon stands in the place of ours."""

USAGE = 64
"""The exit code of our daemon when it refuses its configuration."""

SOURCE = Path(txregistry.__file__).resolve().parent.parent
LAYOUT = Path("docker/registry/v2")


class Registry:
    """
    One registry daemon, its storage and the address where it answers.

    :param storage: the root directory of the filesystem driver; another daemon may share it.
    :param tls: what a client of a daemon behind TLS trusts and shows.
    """

    def __init__(self, program: Program, port: int, storage: Path, tls: ssl.SSLContext | None = None) -> None:
        self.program = program
        self.port = port
        self.storage = storage
        self.address = f"127.0.0.1:{port}"
        self.wire = Wire("127.0.0.1", port, tls=tls)

    def output(self) -> str:
        """Give all that the daemon has said so far."""
        return "".join(
            path.read_text(errors="replace") for path in (self.program.stderr, self.program.stdout)
        )

    def blob_path(self, digest: str) -> Path:
        """Say where the data of a blob is stored."""
        algorithm, encoded = digest.split(":")
        return self.storage / LAYOUT / "blobs" / algorithm / encoded[:2] / encoded / "data"

    def repository_path(self, name: str) -> Path:
        """Say where the links, tags and uploads of a repository are stored."""
        return self.storage / LAYOUT / "repositories" / name

    def uploaded_bytes(self, name: str) -> int:
        """Count the bytes that the unfinished uploads of a repository have brought so far."""
        sizes = 0
        for data in self.repository_path(name).glob("_uploads/*/data"):
            try:
                sizes += data.stat().st_size
            except FileNotFoundError:
                continue  # it became a blob meanwhile
        return sizes


def start_registry(
    storage: Path,
    output: Path,
    *,
    port: int | None = None,
    under: Sequence[str] = (),
    settings: Mapping[str, Mapping[str, object]] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Registry:
    """
    Start our daemon and wait until it answers.

    :param storage: the root directory for the filesystem driver.
    :param output: a directory for its configuration file and its output.
    :param port: the port to listen on, a free one by default.
    :param under: a command that runs it, such as strace with its options.
    :param settings: by section, what the configuration says beside or instead of what it says else.
    :param tls: what a client trusts and shows, if the settings ask for TLS.
    """
    start = start_docker_registry if OURS_IS_AWAY else start_txregistry
    return start(storage, output, port=port, under=under, settings=settings, tls=tls)


def start_txregistry(
    storage: Path,
    output: Path,
    *,
    port: int | None = None,
    under: Sequence[str] = (),
    settings: Mapping[str, Mapping[str, object]] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Registry:
    """Start our daemon as :func:`start_registry` does, whatever ``LIVE_REGISTRY`` says."""
    port = port or free_port()
    config = _write_config(storage, output, port, settings or {})
    return _started(_txregistry(config, output, under), port, storage, tls)


def registry_in_vain(output: Path, settings: Mapping[str, Mapping[str, object]]) -> tuple[int, str]:
    """
    Start our daemon with *settings* that it must refuse.

    :return: its exit code, and all that it said.
    """
    config = _write_config(output / "storage", output, free_port(), settings)
    program = _txregistry(config, output)
    try:
        code = program.wait(30)
    finally:
        program.kill()
    return code, program.stderr.read_text() + program.stdout.read_text()


def start_docker_registry(
    storage: Path,
    output: Path,
    *,
    port: int | None = None,
    under: Sequence[str] = (),
    settings: Mapping[str, Mapping[str, object]] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Registry:
    """Start Debian's daemon in the same way."""
    port = port or free_port()
    config = _write_config(storage, output, port, settings or {})
    argv = [require("docker-registry"), "serve", str(config)]
    return _started(Program("docker-registry", [*under, *argv], output), port, storage, tls)


def _txregistry(config: Path, output: Path, under: Sequence[str] = ()) -> Program:
    argv = [beside_python("twistd"), "-n", "--pidfile=", "txregistry", "--config", str(config)]
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {"PYTHONPATH": os.pathsep.join(paths)}
    return Program("txregistry", [*under, *argv], output, env=env)


def _write_config(
    storage: Path, output: Path, port: int, settings: Mapping[str, Mapping[str, object]]
) -> Path:
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"config-{port}.yml"
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": True},
            "cache": {"blobdescriptor": "inmemory"},
        },
        "http": {"addr": f"127.0.0.1:{port}", "secret": SECRET},
    }
    for section, entries in settings.items():
        config[section] = {**config.get(section, {}), **entries}
    path.write_text(yaml.safe_dump(config))
    return path


def _started(program: Program, port: int, storage: Path, tls: ssl.SSLContext | None) -> Registry:
    registry = Registry(program, port, storage, tls)
    try:
        program.wait_until(registry.wire.answers, f"answering on port {port}")
    except AssertionError:
        program.kill()
        raise
    return registry
