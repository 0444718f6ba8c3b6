"""What the daemon's log says that it should not."""

import json
from pathlib import Path

from attrs import define, field

__all__ = ["LogWatch", "complaint"]

_EXPECTED = (
    "health check",  # fails on purpose now and then
    "Redis",  # is stopped now and then
    "redis",
    "the registry is out of service",
)
_OUT_OF_SERVICE = 503
_MOST = 20


def complaint(line: str) -> str | None:
    """
    What is bad about a line of the log, if anything is.

    Entries about requests that were refused are not: the daemon calls them errors too.
    """
    try:
        entry = json.loads(line)
    except ValueError:
        return f"no JSON: {line[:500]}"
    status = entry.get("http.response.status")
    if "err.stack" in entry or "Traceback" in line:
        return line[:4000]
    if status is not None:
        number = int(status)
        return line[:1000] if number >= 500 and number != _OUT_OF_SERVICE else None
    message = str(entry.get("msg", entry.get("message", "")))
    severe = entry.get("level") in ("error", "fatal", "panic")
    if severe and "http.request.id" not in entry and not any(word in message for word in _EXPECTED):
        return line[:1000]
    return None


@define
class LogWatch:
    """Reads a growing file, and keeps the first complaints about it."""

    file: Path
    complaints: list[str] = field(factory=list)
    lines: int = 0
    _read: int = field(default=0, init=False)
    _rest: bytes = field(default=b"", init=False)

    def look(self) -> None:
        """Read what has come since the last look."""
        with self.file.open("rb") as log:
            log.seek(self._read)
            data = log.read()
            self._read = log.tell()
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += len(lines)
        for line in lines:
            said = complaint(line.decode(errors="replace")) if line.strip() else None
            if said and len(self.complaints) < _MOST:
                self.complaints.append(said)
