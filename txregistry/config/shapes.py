"""The words in which :mod:`txregistry.config.schema` describes a configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen


class Kind(Enum):
    """What a single value must be; the value of a member names it in messages."""

    #: Any scalar; its text counts, not its meaning, so that a password may look like a number.
    TEXT = "text"
    BOOLEAN = "true or false"
    INTEGER = "an integer"
    #: A Go duration, or a bare number of nanoseconds; becomes seconds.
    DURATION = "a duration such as 30s"
    #: A name of a log level, in any case.
    LEVEL = "one of error, warn, info, debug"
    #: Whatever YAML makes of it.  Its reader checks it.
    ANYTHING = "anything"


@frozen
class ListOf:
    """A list of equally shaped items."""

    item: Shape


@frozen
class MapOf:
    """A mapping with keys that the operator chooses."""

    value: Shape


@frozen
class NameOrMap:
    """A mapping of names to parameters, or a single name alone."""

    map: MapOf


@frozen
class Field:
    """One known key of a section, and what the environment calls it."""

    shape: Shape
    variable: str


@frozen
class Section:
    """
    A mapping with known keys; others have no effect.

    :ivar fields: the keys.
    :ivar parts: names by which the environment can speak of some of them.  They are no levels of the file.
    """

    fields: Mapping[str, Field]
    parts: Mapping[str, Section] = field(factory=dict)


Shape = Kind | ListOf | MapOf | NameOrMap | Section


def section(fields: Mapping[str, Shape | Field], parts: Mapping[str, Section] | None = None) -> Section:
    """Describe a section.  A key that names no variable has its own name in upper case for one."""
    return Section(
        {
            key: shape if isinstance(shape, Field) else Field(shape, key.upper())
            for key, shape in fields.items()
        },
        parts or {},
    )
