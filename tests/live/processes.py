"""
Real programs: daemons that a test starts and ends, and client commands that it runs.

Everything here blocks.  The live tests are synchronous on purpose: what they watch lives in other
processes, and no reactor of ours must take part in it.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TAIL = 25
"""How many of the last lines of a program's output a failure shows."""

PACKAGES = {
    "buildah": "buildah",
    "containerd": "containerd",
    "ctr": "containerd",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "curl": "curl",
    "dockerd": "docker.io",
    "htpasswd": "apache2-utils",
    "podman": "podman",
    "redis-cli": "redis-tools",
    "redis-sentinel": "redis-sentinel",
    "redis-server": "redis-server",
    "skopeo": "skopeo",
    "strace": "strace",
    "sudo": "sudo",
    "wrk": "wrk",
}
"""Which Debian package brings each program that the live tests use."""

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def require(program: str) -> str:
    """
    Say where *program* is installed.

    :raises AssertionError: it is not; the message names the package that brings it.
    """
    found = shutil.which(program, path=PATH)
    if found is None:
        raise AssertionError(f"{program} is not installed: run apt-get install {PACKAGES[program]}")
    return found


def as_root(argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
    """Turn *argv* into a command that runs as root with *env* added, through sudo where we are not root."""
    settings = [f"{key}={value}" for key, value in (env or {}).items()]
    return [*_sudo(), "env", *settings, *argv]


def tail(text: str) -> str:
    """Give the end of a program's output, for a failure message."""
    return "\n".join(text.splitlines()[-TAIL:])


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None, seconds: float = 60) -> str:
    """
    Run a client command to its end.

    :param env: variables added to our own environment.
    :return: what it wrote to stdout.
    :raises AssertionError: it failed, or was not done after *seconds*; the message holds its last words.
    """
    done = _done(argv, env, seconds)
    if done.returncode != 0:
        words = f"{tail(done.stdout)}\n{tail(done.stderr)}"
        raise AssertionError(f"exit code {done.returncode} from: {' '.join(argv)}\n{words}")
    return done.stdout


def run_in_vain(argv: Sequence[str], *, env: Mapping[str, str] | None = None, seconds: float = 60) -> str:
    """
    Run a client command that must fail.

    :return: all that it wrote.
    :raises AssertionError: it succeeded, or was not done after *seconds*.
    """
    done = _done(argv, env, seconds)
    words = f"{done.stdout}\n{done.stderr}"
    if done.returncode == 0:
        raise AssertionError(f"this should have failed: {' '.join(argv)}\n{tail(words)}")
    return words


def free_port() -> int:
    """
    Find a port of 127.0.0.1 that nobody listens on.

    It lies below the range from which the kernel takes the ports of outgoing connections, so that no
    client can take it before the daemon does.
    """
    for _ in range(200):
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port found between 20000 and 32000")


def remove_tree(path: Path) -> None:
    """Remove *path* with all that is in it, as root where the clients that filled it ran as root."""
    if path.exists():
        subprocess.run([*_sudo_if_foreign(path), "rm", "-rf", "--one-file-system", str(path)], check=False)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """
    Ask *condition* again and again until it holds.

    :raises AssertionError: *seconds* went by; the message says *what* was waited for.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


def start_client(argv: Sequence[str], output: Path, env: Mapping[str, str] | None = None) -> "Program":
    """Start a client command without waiting for its end; its output goes to files in *output*."""
    return Program(Path(argv[0]).name, argv, output, env=env)


class Program:
    """
    A program running beside the test: a daemon, or a client that will be interrupted.

    Starting it is making the object; whoever made it ends it with :meth:`terminate` or :meth:`kill`.
    Both may be called when it has ended already.

    :param output: a directory, made if missing, for the files ``NAME.stdout`` and ``NAME.stderr``; a
        program started again appends to them.
    :param root: run as root, through sudo where we are not.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        output: Path,
        *,
        env: Mapping[str, str] | None = None,
        root: bool = False,
    ) -> None:
        self.name = name
        output.mkdir(parents=True, exist_ok=True)
        self.stdout = output / f"{name}.stdout"
        self.stderr = output / f"{name}.stderr"
        self._root = root
        with self.stdout.open("ab") as out, self.stderr.open("ab") as err:
            self._process = subprocess.Popen(
                as_root(argv, env) if root else argv,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id; of sudo, for a root program started by somebody else."""
        return self._process.pid

    def running(self) -> bool:
        """Say whether it still runs."""
        return self._process.poll() is None

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
        """
        Ask *condition* again and again until it holds.

        :raises AssertionError: the program ended first, or *seconds* went by; the message says *what*
            was waited for and shows the program's last words.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            try:
                self._process.wait(timeout=0.01)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise self.failure(f"not {what} after {seconds} s") from None
            else:
                if condition():
                    return
                raise self.failure(f"ended with {self._process.returncode} before it was {what}")

    def wait(self, seconds: float = 60) -> int:
        """
        Wait for its end.

        :return: the exit code; a negative number is the signal that ended it.
        :raises AssertionError: it still runs after *seconds*.
        """
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise self.failure(f"still running after {seconds} s") from None

    def kill(self) -> None:
        """End it with SIGKILL: no chance to tidy up."""
        self._signal(signal.SIGKILL)
        self.wait()

    def terminate(self, seconds: float = 30) -> None:
        """End it with SIGTERM; if it does not go within *seconds*, with SIGKILL and a failure."""
        self._signal(signal.SIGTERM)
        try:
            self.wait(seconds)
        except AssertionError:
            self.kill()
            raise

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, such as those that hold it and let it go on."""
        self._signal(number)

    def peak_memory(self) -> int:
        """Give the highest resident memory that it has had so far, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise self.failure("without a VmHWM line in /proc")

    def bytes_read(self) -> int:
        """Give the number of bytes that its read calls have brought so far, from the page cache too."""
        for line in Path(f"/proc/{self.pid}/io").read_text().splitlines():
            if line.startswith("rchar:"):
                return int(line.split()[1])
        raise self.failure("without an rchar line in /proc")

    def failure(self, what: str) -> AssertionError:
        """Make the failure that says what went wrong, with the program's last words."""
        words = tail(self.stderr.read_text(errors="replace")) or tail(self.stdout.read_text(errors="replace"))
        return AssertionError(f"{self.name} (pid {self.pid}) {what}; its last words:\n{words}")

    def _signal(self, number: signal.Signals) -> None:
        if not self.running():
            return
        if self._root and os.geteuid() != 0:
            # sudo relays what can be relayed; SIGKILL must go to the whole group.
            target = f"-{self.pid}" if number is signal.SIGKILL else str(self.pid)
            subprocess.run([*_sudo(), "kill", f"-{number.value}", "--", target], check=False)
        else:
            os.kill(self.pid, number)


def beside_python(script: str) -> str:
    """Give the path of a console script installed beside the running interpreter."""
    path = Path(sys.executable).parent / script
    if not path.exists():
        raise AssertionError(f"{script} is not installed beside {sys.executable}")
    return str(path)


def _done(
    argv: Sequence[str], env: Mapping[str, str] | None, seconds: float
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"not done after {seconds} s: {' '.join(argv)}") from error


def _sudo() -> list[str]:
    return [] if os.geteuid() == 0 else [require("sudo"), "-n"]


def _sudo_if_foreign(path: Path) -> list[str]:
    foreign = any(entry.lstat().st_uid != os.geteuid() for entry in [path, *path.rglob("*")])
    return _sudo() if foreign else []
