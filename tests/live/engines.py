"""The container engines, each with a store of its own that goes away with the test."""

from collections.abc import Mapping
from pathlib import Path

from tests.live.processes import Program, as_root, require, run, run_in_vain


class Podman:
    """
    podman or buildah, run as root on a private store.

    :param program: ``podman`` or ``buildah``; they share a store's format.
    :param home: an empty directory for the store and the settings.
    """

    def __init__(self, program: str, home: Path) -> None:
        self._home = home
        (home / "registries.conf").write_text("")
        (home / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{home}/root"\nrunroot = "{home}/runroot"\n'
        )
        (home / "auth.json").write_text("{}")
        self._env = {
            "HOME": str(home),
            "REGISTRY_AUTH_FILE": str(home / "auth.json"),
            "CONTAINERS_REGISTRIES_CONF": str(home / "registries.conf"),
            "CONTAINERS_STORAGE_CONF": str(home / "storage.conf"),
        }
        self._argv = [require(program)]
        if program == "podman":
            self._argv += [f"--tmpdir={home}/tmp", "--cgroup-manager=cgroupfs", "--events-backend=none"]

    def say(self, *arguments: str) -> str:
        """Run a command and give what it printed."""
        return run(as_root([*self._argv, *arguments], self._env)).strip()

    def say_in_vain(self, *arguments: str) -> str:
        """Run a command that must fail, and give what it printed."""
        return run_in_vain(as_root([*self._argv, *arguments], self._env))

    def image_id(self, name: str) -> str:
        """Give the id of an image in the store, which is the digest of its configuration."""
        return self.say("inspect", "--type=image", "--format={{.Id}}", name)


class Docker:
    """
    dockerd and its client, on a private socket; without networks, which pushes and pulls do not need.

    :param home: an empty directory with a short path, for the daemon's data, state and socket.
    """

    def __init__(self, home: Path) -> None:
        self._client = require("docker")
        self._socket = home / "d.sock"
        self._env = {"HOME": str(home), "DOCKER_HOST": f"unix://{self._socket}"}
        (home / "daemon.json").write_text("{}")
        self.program = Program(
            "dockerd",
            [
                require("dockerd"),
                f"--config-file={home}/daemon.json",
                "--storage-driver=vfs",
                "--insecure-registry=127.0.0.0/8",
                f"--data-root={home}/data",
                f"--exec-root={home}/exec",
                f"--host=unix://{self._socket}",
                f"--pidfile={home}/pid",
                "--iptables=false",
                "--ip6tables=false",
                "--bridge=none",
            ],
            home,
            root=True,
        )

    def wait_ready(self) -> None:
        """Wait until the daemon listens; :raises AssertionError: it does not come up."""
        self.program.wait_until(self._socket.exists, "listening", 60)

    def say(self, *arguments: str) -> str:
        """Run a client command and give what it printed."""
        return run(as_root([self._client, *arguments], self._env), seconds=120).strip()

    def say_in_vain(self, *arguments: str) -> str:
        """Run a client command that must fail, and give what it printed."""
        return run_in_vain(as_root([self._client, *arguments], self._env))

    def image_id(self, name: str) -> str:
        """Give the id of an image in the store, which is the digest of its configuration."""
        return self.say("inspect", "--type=image", "--format={{.Id}}", name)


class Containerd:
    """
    containerd and ctr, on a private socket.

    :param home: an empty directory with a short path.
    """

    def __init__(self, home: Path) -> None:
        self._socket = home / "c.sock"
        self._client = [require("ctr"), f"--address={self._socket}"]
        self._env: Mapping[str, str] = {"HOME": str(home)}
        (home / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        self.program = Program(
            "containerd",
            [
                require("containerd"),
                f"--config={home}/config.toml",
                f"--root={home}/root",
                f"--state={home}/state",
                f"--address={self._socket}",
            ],
            home,
            root=True,
        )

    def wait_ready(self) -> None:
        """Wait until the daemon listens; :raises AssertionError: it does not come up."""
        self.program.wait_until(self._socket.exists, "listening", 60)

    def say(self, *arguments: str) -> str:
        """Run a client command and give what it printed."""
        return run(as_root([*self._client, *arguments], self._env), seconds=120).strip()

    def say_in_vain(self, *arguments: str) -> str:
        """Run a client command that must fail, and give what it printed."""
        return run_in_vain(as_root([*self._client, *arguments], self._env))

    def content(self) -> set[str]:
        """Give the digests of everything in the content store."""
        return set(self.say("content", "ls", "--quiet").split())
