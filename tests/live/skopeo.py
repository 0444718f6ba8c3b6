"""The skopeo command, kept apart from the settings of whoever runs the tests."""

from collections.abc import Sequence
from pathlib import Path

from tests.live.processes import Program, require, run, run_in_vain, start_client


class Skopeo:
    """
    Runs skopeo.

    :param home: an empty directory for its settings and its output.
    :param certificates: a directory with what it trusts and shows; without one it wants no TLS.
    """

    def __init__(self, home: Path, certificates: Path | None = None) -> None:
        self._program = require("skopeo")
        self._home = home
        self._tls = "tls-verify=false" if certificates is None else f"cert-dir={certificates}"
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

    def copy_in_vain(self, source: str, target: str, *options: str) -> str:
        """Try a copy that must fail, and give what skopeo says."""
        return run_in_vain(self._copy(source, target, options), env=self._env)

    def start_copy(self, source: str, target: str, *options: str) -> Program:
        """Begin to copy an image, to be interrupted."""
        return start_client(self._copy(source, target, options), self._home, self._env)

    def say(self, command: str, *arguments: str) -> str:
        """Run a command that asks a registry, and give what it printed."""
        return run(self._command(command, arguments), env=self._env)

    def say_in_vain(self, command: str, *arguments: str) -> str:
        """Run a command that must fail, and give what it printed."""
        return run_in_vain(self._command(command, arguments), env=self._env)

    @property
    def _policy(self) -> list[str]:
        return ["--policy", str(self._home / "policy.json")]

    def _command(self, command: str, arguments: Sequence[str]) -> list[str]:
        return [self._program, *self._policy, command, f"--{self._tls}", *arguments]

    def _copy(self, source: str, target: str, options: Sequence[str]) -> list[str]:
        argv = [self._program, *self._policy, "copy", *options]
        if source.startswith("docker:"):
            argv.append(f"--src-{self._tls}")
        if target.startswith("docker:"):
            argv.append(f"--dest-{self._tls}")
        return [*argv, source, target]
