"""Where the reading of a configuration notes what is wrong and what has no effect, and goes on."""

from __future__ import annotations

from attrs import define, field

#: Where a value stands: keys, and indexes of lists.
Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """Print *path* as operators write it: ``notifications.endpoints[0].url``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part.isprintable() and part and " " not in part else repr(part)
            text += f".{name}" if text else name
    return text


def quoted(text: str) -> str:
    """Quote a piece of the configuration for a message: one line, not too long."""
    return repr(text if len(text) <= 40 else text[:37] + "…")


@define(eq=False)
class Findings:
    """
    Faults (the daemon must not start) and warnings (something has no effect), one line each.

    A line begins with the key path.  Where the value came from the environment, it ends with the variable.
    """

    faults: list[str] = field(factory=list)
    warnings: list[str] = field(factory=list)
    _origins: dict[Path, str] = field(factory=dict)

    def fault(self, path: Path, text: str) -> None:
        """Note that the value at *path* cannot be used."""
        self.faults.append(self._line(path, text))

    def warn(self, path: Path, text: str) -> None:
        """Note that the value at *path* has no effect, or a surprising one."""
        self.warnings.append(self._line(path, text))

    def came_from(self, path: Path, variable: str) -> None:
        """Remember that *variable* of the environment gave what stands at *path* and below."""
        self._origins[path] = variable

    def _line(self, path: Path, text: str) -> str:
        for length in range(len(path), 0, -1):
            variable = self._origins.get(path[:length])
            if variable is not None:
                return f"{dotted(path)}: {text} (set by {variable})"
        return f"{dotted(path)}: {text}"
