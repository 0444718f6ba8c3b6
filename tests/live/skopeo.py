"""The skopeo command, kept apart from the settings of whoever runs the tests."""

from collections.abc import Sequence
from pathlib import Path

from tests.live.processes import Program, require, run, start_client


class Skopeo:
    """
    Runs skopeo.

    :param home: an empty directory for its settings and its output.
    """

    def __init__(self, home: Path) -> None:
        self._program = require("skopeo")
        self._home = home
        (home / "registries.conf").write_text("")
        (home / "policy.json").write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        (home / "auth.json").write_text("{}")
        self._env = {
            "HOME": str(home),
            "XDG_DATA_HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "REGISTRY_AUTH_FILE": str(home / "auth.json"),
            "CONTAINERS_REGISTRIES_CONF": str(home / "registries.conf"),
        }

    def copy(self, source: str, target: str, *options: str, seconds: float = 60) -> None:
        """Copy an image from one place to another."""
        run(self._copy(source, target, options), env=self._env, seconds=seconds)

    def start_copy(self, source: str, target: str, *options: str) -> Program:
        """Begin to copy an image, to be interrupted."""
        return start_client(self._copy(source, target, options), self._home, self._env)

    def say(self, command: str, *arguments: str) -> str:
        """Run a command that asks a registry without TLS, and give what it printed."""
        argv = [self._program, *self._policy, command, "--tls-verify=false", *arguments]
        return run(argv, env=self._env)

    @property
    def _policy(self) -> list[str]:
        return ["--policy", str(self._home / "policy.json")]

    def _copy(self, source: str, target: str, options: Sequence[str]) -> list[str]:
        argv = [self._program, *self._policy, "copy", *options]
        if source.startswith("docker:"):
            argv.append("--src-tls-verify=false")
        if target.startswith("docker:"):
            argv.append("--dest-tls-verify=false")
        return [*argv, source, target]
