"""A configuration for both daemons, with the files that it names, and what is played under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.live.differential.steps import Chapter

Sections = Mapping[str, Mapping[str, object]]
#: In a setting, the directory with its files.
FILES = "{files}"


@frozen
class Provision:
    """
    What a daemon needs besides its configuration, made anew for each run.

    :ivar files: by name; ``None`` stands for a directory.
    :ivar variables: what the steps can name, besides what they always can.
    """

    files: Mapping[str, bytes | None] = {}
    variables: Mapping[str, str] = {}


@frozen
class Setting:
    """
    A configuration, and what is played on daemons that have it.

    :ivar sections: by section, what it says beside or instead of what all say; :data:`FILES` in a text
        becomes the directory with the files of *provide*.
    :ivar again: they run on the storage that the daemons of the main script have filled.
    :ivar provide: makes what else is needed, the same for both daemons.
    """

    sections: Sections
    chapters: tuple[Chapter, ...]
    again: bool = False
    provide: Callable[[], Provision] = Provision


def placed(sections: Sections, provision: Provision, place: Path) -> Sections:
    """Write the files of *provision* to the new directory *place*, and make *sections* name it."""
    place.mkdir(parents=True)
    for name, content in provision.files.items():
        if content is None:
            (place / name).mkdir()
        else:
            (place / name).write_bytes(content)
    found: Sections = _placed(sections, str(place))
    return found


def _placed(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _placed(each, place) for key, each in value.items()}
    return value.replace(FILES, place) if isinstance(value, str) else value
