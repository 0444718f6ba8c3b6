"""All servers of one run: both programs in each variant that is needed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from attrs import define, field

from bench.content import Content, seed
from bench.servers import PEER, Server
from bench.variants import OPEN, Variant
from bench.workloads import Target

__all__ = ["Fleet"]


@define(eq=False)
class Fleet:
    """
    The servers, as a context at the end of which none of them runs.

    Each program's variants share the storage that its open one was filled through.

    :ivar peer_command: ``None`` leaves the peer out.
    :ivar fill: puts content into the registry at a port.
    """

    ours_command: str
    peer_command: str | None
    directory: Path
    variants: Mapping[str, Variant]
    fill: Callable[[int], Content] = seed
    _servers: list[Server] = field(factory=list, init=False)
    _targets: dict[str, list[Target]] = field(factory=dict, init=False)

    @property
    def peer_name(self) -> str:
        """What the peer is called in tables."""
        if self.peer_command is None:
            return "no peer"
        return "docker-registry" if self.peer_command == PEER else "other"

    def start(self, names: Iterable[str]) -> None:
        """
        Start the variants with these *names*, and the open one, through which storage is filled.

        :raises BenchFailed: one did not start, or answered wrongly.
        """
        opened = [Target(each, self.fill(each.port)) for each in self._start(OPEN, [None, None])]
        self._targets[OPEN.name] = opened
        roots = [target.server.storage for target in opened]
        for name in sorted({*names} - {OPEN.name}):
            beside = zip(self._start(self.variants[name], roots), opened, strict=True)
            self._targets[name] = [Target(server, target.content) for server, target in beside]

    def targets(self, name: str) -> list[Target]:
        """Our server in the variant *name*, and after it the peer's, if there is one."""
        return self._targets[name]

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop()
        for server in self._servers:
            server.remove()

    def _start(self, variant: Variant, roots: Sequence[Path | None]) -> list[Server]:
        started = []
        sides = (("txregistry", self.ours_command, "ours"), (self.peer_name, self.peer_command, "peer"))
        for (name, command, side), root in zip(sides, roots, strict=False):
            if command is None:
                continue
            where = self.directory / f"{side}-{variant.name}"
            server = Server(name, command, where, variant, root)
            self._servers.append(server)
            server.start()
            started.append(server)
        return started
