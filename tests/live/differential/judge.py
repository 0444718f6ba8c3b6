"""Compares what two daemons answered, and holds the differences against the table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from attrs import field, frozen

from tests.live.differential.content import variables
from tests.live.differential.seen import FROM_OUTCOME, NOTHING, Seen

_VARIABLE = re.compile(r"\{([^{}]+)\}")


def _pattern(glob: str) -> re.Pattern[str]:
    """Only ``*`` is special in what the table says."""
    return re.compile(".*".join(re.escape(piece) for piece in glob.split("*")), re.DOTALL)


def _value(glob: str, digests: Mapping[str, str] = MappingProxyType(variables())) -> re.Pattern[str]:
    """The pattern of a value, in which names of content in braces stand for their digests."""
    return _pattern(_VARIABLE.sub(lambda match: digests.get(match[1], match[0]), glob))


@frozen
class Difference:
    """
    One *part* of the answers to one *step* differs; a part that is missing is :data:`NOTHING`.

    :ivar outcomes: what the two answers came to, the same or not.
    """

    step: str
    part: str
    theirs: str
    ours: str
    outcomes: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.step}\n    {self.part}\n      theirs {self.theirs}\n      ours   {self.ours}"


def _listed(names: str | Sequence[str]) -> Sequence[str]:
    return (names,) if isinstance(names, str) else tuple(names)


@frozen
class Known:
    """
    A difference that is meant, or cannot be helped.

    :ivar steps: their names; ``*`` stands for any text here and in the values.
    :ivar reason: why they differ; in the words of a page that says it, or enough to write one.
    :ivar parts: by part, what the other daemon says and what ours says.
    :ivar outcomes: of which answers it speaks; by default those with the ``outcome`` in *parts*, or all.
    """

    steps: Sequence[str] = field(converter=_listed)
    reason: str
    parts: Mapping[str, tuple[str, str]]
    outcomes: tuple[str, str] = field()

    @outcomes.default
    def _outcomes(self) -> tuple[str, str]:
        return self.parts.get("outcome", ("*", "*"))


@frozen(eq=False)
class _Row:
    """One part of one :class:`Known`, ready to be matched."""

    known: Known
    part: str
    steps: tuple[re.Pattern[str], ...]
    values: tuple[re.Pattern[str], re.Pattern[str]]
    outcomes: tuple[re.Pattern[str], re.Pattern[str]]

    def explains(self, difference: Difference) -> bool:
        return (
            self.part == difference.part
            and _both(self.values, (difference.theirs, difference.ours))
            and _both(self.outcomes, difference.outcomes)
            and any(pattern.fullmatch(difference.step) for pattern in self.steps)
        )


def _both(patterns: tuple[re.Pattern[str], re.Pattern[str]], texts: tuple[str, str]) -> bool:
    return all(pattern.fullmatch(text) for pattern, text in zip(patterns, texts, strict=True))


def differences(step: str, theirs: Seen, ours: Seen) -> Iterator[Difference]:
    """Compare two answers to *step*."""
    same = theirs.outcome == ours.outcome
    for part in sorted(theirs.parts.keys() | ours.parts.keys()):
        there, here = theirs.parts.get(part, NOTHING), ours.parts.get(part, NOTHING)
        if there != here and (same or part not in FROM_OUTCOME):
            yield Difference(step, part, there, here, (theirs.outcome, ours.outcome))


_CODES = re.compile(r"([1-5])[0-9][0-9] ?([A-Z_]+\b|-)?")
#: What must agree when both daemons do what they were asked.
_FACTS = ("Docker-Content-Digest", "Range", "Content-Range")


def result(outcome: str) -> str:
    """The class of the status, with the first error code, or the word ``text`` for an error without."""
    match = _CODES.match(outcome)
    if match is None:
        return outcome
    return f"{match[1]}xx" if match[1] < "4" else f"{match[1]}xx {match[2] or 'text'}"


def rough_differences(step: str, theirs: Seen, ours: Seen) -> Iterator[Difference]:
    """Compare what two answers come to, by their :func:`result`, and a few facts if that is success."""
    there, here = result(theirs.outcome), result(ours.outcome)
    if there != here:
        yield Difference(step, "result", there, here, (there, here))
    elif there == "2xx":
        content = ("body",) if "Docker-Content-Digest" in ours.parts else ()
        for part in (*_FACTS, *content):
            facts = theirs.parts.get(part, NOTHING), ours.parts.get(part, NOTHING)
            if facts[0] != facts[1]:
                yield Difference(step, part, *facts, (there, here))


class Judge:
    """
    Tells the differences that are known from those that are new.

    :ivar unknown: those that nothing in the table explains.
    """

    def __init__(self, table: Iterable[Known]) -> None:
        self._rows = [
            _Row(
                known,
                part,
                tuple(_pattern(glob) for glob in known.steps),
                (_value(values[0]), _value(values[1])),
                (_pattern(known.outcomes[0]), _pattern(known.outcomes[1])),
            )
            for known in table
            for part, values in known.parts.items()
        ]
        self._used: set[_Row] = set()
        self.unknown: list[Difference] = []
        self.explained = 0

    def judge(self, differences: Iterable[Difference]) -> None:
        """Look each of *differences* up."""
        for difference in differences:
            rows = [row for row in self._rows if row.explains(difference)]
            self._used.update(rows)
            if rows:
                self.explained += 1
            else:
                self.unknown.append(difference)

    def unused(self) -> list[str]:
        """Say which rows of the table explain nothing that was seen."""
        return [
            f"{' or '.join(row.known.steps)}: {row.part}: {row.known.parts[row.part]}"
            for row in self._rows
            if row not in self._used
        ]
