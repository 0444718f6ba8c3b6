"""A Redis of the test's own, and sentinels that watch over it."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.live.processes import Program, free_port, require, run, wait_for


class RedisServer:
    """
    One ``redis-server``, which stores nothing.

    :param options: further words of its command line.
    :param client: further words of the command line of those who speak to it.
    """

    def __init__(self, output: Path, options: Sequence[str] = (), client: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._output, self._options, self._client = output, tuple(options), tuple(client)
        self.program = self._start()

    def _start(self) -> Program:
        self._output.mkdir(parents=True, exist_ok=True)
        argv = [require("redis-server"), "--bind", "127.0.0.1", "--dir", str(self._output)]
        argv += ["--port", str(self.port), "--save", "", "--appendonly", "no", *self._options]
        program = Program(f"redis-{self.port}", argv, self._output)
        program.wait_until(self.answers, f"answering on port {self.port}")
        return program

    def restart(self) -> None:
        """Start it again on the same port, empty."""
        self.program = self._start()

    def end(self) -> None:
        """End it, hung or not."""
        self.program.kill()

    def hang(self) -> None:
        """Let it stop in the middle of whatever it does; connections stay."""
        os.kill(self.program.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        os.kill(self.program.pid, signal.SIGCONT)

    def cli(self, *words: str) -> str:
        """Carry out one command."""
        argv = [require("redis-cli"), "-p", str(self.port), "--no-auth-warning", *self._client, *words]
        return run(argv, seconds=10).strip()

    def answers(self) -> bool:
        """Say whether it can be asked."""
        try:
            return self.cli("ping") == "PONG"
        except AssertionError:
            return False

    def keys(self) -> list[str]:
        """List all keys."""
        return sorted(self.cli("keys", "*").split())

    def monitor(self) -> Monitor:
        """Begin to watch which commands come; whoever asked ends it."""
        return Monitor(self, self._output / "monitor")


class Monitor:
    """The commands that a server carries out, as ``MONITOR`` tells them."""

    def __init__(self, server: RedisServer, output: Path) -> None:
        argv = [require("redis-cli"), "-p", str(server.port), *server._client, "monitor"]
        self._server = server
        self._program = Program("monitor", argv, output)
        self._program.wait_until(lambda: "OK" in self._text(), "watching")
        self._marks = 0

    def _text(self) -> str:
        return self._program.stdout.read_text()

    def commands(self) -> list[list[str]]:
        """Give all commands since the last call, as words, without ``PING``."""
        self._marks += 1
        mark = f"mark-{self._marks}"
        self._server.cli("echo", mark)
        wait_for(lambda: f'"{mark}"' in self._text(), "the last command to be told")
        found = [_words(line) for line in self._text().splitlines() if '] "' in line]
        ends = [index for index, words in enumerate(found) if words[0].lower() == "echo"]
        begin = ends[-2] + 1 if len(ends) > 1 else 0
        return [words for words in found[begin : ends[-1]] if words[0].lower() not in ("ping", "command")]

    def end(self) -> None:
        """Watch no longer."""
        self._program.kill()


def _words(line: str) -> list[str]:
    """Take a line of MONITOR apart, in which no word of ours has a quote."""
    return line.partition("] ")[2].strip('"').split('" "')


class Sentinel:
    """One ``redis-sentinel`` that alone decides, and quickly."""

    def __init__(self, output: Path, master: RedisServer, name: str) -> None:
        output.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        config = output / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {output}\n"
            f"sentinel monitor {name} 127.0.0.1 {master.port} 1\n"
            f"sentinel down-after-milliseconds {name} 500\nsentinel failover-timeout {name} 3000\n"
        )
        self.program = Program("sentinel", [require("redis-sentinel"), str(config)], output)
        self.program.wait_until(lambda: self._cli("ping") == "PONG", "answering")

    def _cli(self, *words: str) -> str:
        try:
            return run([require("redis-cli"), "-p", str(self.port), *words], seconds=10).strip()
        except AssertionError:
            return ""

    def replicas(self, name: str) -> int:
        """Count the replicas that could take over."""
        return self._cli("sentinel", "replicas", name).count("runid")

    def master(self, name: str) -> int:
        """Give the port of the master."""
        lines = self._cli("sentinel", "get-master-addr-by-name", name).split()
        return int(lines[1]) if len(lines) == 2 else 0
