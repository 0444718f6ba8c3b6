"""What the log will say of a request that was not let in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen


@frozen
class Refused:
    """
    Why a request was not let in.

    :ivar level: how bad that is, one of :class:`twisted.logger.LogLevel`.
    :ivar text: the message, in which ``{reason}`` stands for *reason*.
    :ivar fields: what the line says beside what each line about a request says.
    """

    level: Any
    text: str
    reason: str
    fields: Mapping[str, object]
