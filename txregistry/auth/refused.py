"""Why a token is not taken."""

from __future__ import annotations

from txregistry.model.access import quoted


class TokenRefused(Exception):
    """A token is not taken; *reason*, for the log, has no part of it that is secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def shown(text: str) -> str:
    """What the log is told of *text* out of a token that anybody may have made up."""
    return quoted(text if len(text) <= 100 else f"{text[:100]}...")
