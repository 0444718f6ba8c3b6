"""What several of the modules here must agree on."""

from __future__ import annotations

#: Largest manifest, in bytes (OCI distribution-spec asks for at least this much).
MANIFEST_LIMIT = 4 * 1024 * 1024


def unheard(*_: object) -> None:
    """Nobody counts."""
