"""What a token server is told, as the values that its settings file holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from attrs import asdict, field, frozen

#: By ``type:name``, with the wildcards of a shell: the actions that are allowed.
Rights = Mapping[str, list[str]]

PUBLIC = ""
"""The user who is nobody in particular."""


@frozen
class Settings:
    """
    Who may do what, and how tokens look.

    :ivar port: of 127.0.0.1, where it listens.
    :ivar key: a PEM file with the key that signs, and *certificate* one for it.
    :ivar algorithm: as the header ``alg`` has it.
    :ivar naming: how tokens name their key: ``libtrust``, ``thumbprint``, or ``x5c``.
    :ivar log: the file that gets a line for every request.
    :ivar passwords: by user.
    :ivar rights: by user; what :data:`PUBLIC` may do, everybody may.
    :ivar classes: by ``type:name``, with wildcards: the class that the rights are for.
    :ivar oauth: whether it knows the form that clients post; it answers 405 else.
    :ivar told: for so many seconds clients shall use a token, counted from when it was issued.
    :ivar age: issued tokens are said to be so many seconds old already.
    :ivar early: a token ends so many seconds before what clients are told; registries give them 60 more.
    """

    port: int
    issuer: str
    service: str
    key: str
    certificate: str
    algorithm: str
    naming: str
    log: str
    passwords: Mapping[str, str] = field(factory=dict)
    rights: Mapping[str, Rights] = field(factory=dict)
    classes: Mapping[str, str] = field(factory=dict)
    oauth: bool = True
    told: int = 300
    age: int = 0
    early: int = 0

    def write(self, path: Path) -> None:
        """Write them to a file."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read what :meth:`write` wrote."""
        return cls(**json.loads(path.read_text()))
