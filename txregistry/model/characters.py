"""Sets of characters, as regular expressions name them."""

from __future__ import annotations

from unicodedata import category

from attrs import frozen

#: The last code point.
LAST = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]


@frozen(slots=True)
class Characters:
    """
    One character of a set.

    :ivar ranges: the first and last code point of each run of the set.
    :ivar parts: sets that belong to it as a whole.
    :ivar categories: Unicode's general categories that belong to it, by their beginnings.
    :ivar negated: it is everything else that is meant.
    :ivar folded: the case of letters does not count.
    """

    ranges: Ranges = ()
    parts: tuple[Characters, ...] = ()
    categories: tuple[str, ...] = ()
    negated: bool = False
    folded: bool = False

    def __contains__(self, character: str) -> bool:
        """Whether *character* is in the set."""
        if self.folded:
            lower, upper = character.lower(), character.upper()
            variants = {character, lower, upper, lower.upper(), upper.lower()}
            found = any(self._holds(each) for each in variants if len(each) == 1)
        else:
            found = self._holds(character)
        return found is not self.negated

    def _holds(self, character: str) -> bool:
        code = ord(character)
        return (
            any(first <= code <= last for first, last in self.ranges)
            or any(character in part for part in self.parts)
            or (bool(self.categories) and category(character).startswith(self.categories))
        )


_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
#: What letters behind a backslash stand for.
CLASSES = {
    "d": Characters(((0x30, 0x39),)),
    "s": Characters(((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))),
    "w": Characters(_WORD),
}
CLASSES |= {letter.upper(): Characters(inner.ranges, negated=True) for letter, inner in list(CLASSES.items())}
#: What names between ``[:`` and ``:]`` stand for.
POSIX: dict[str, Ranges] = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": ((0x30, 0x39),),
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": ((0x41, 0x5A),),
    "word": _WORD,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
#: The general categories of Unicode that have names.
CATEGORIES = frozenset(
    major + minor
    for major, minors in (
        ("C", "cfos"),
        ("L", "lmotu"),
        ("M", "cen"),
        ("N", "dlo"),
        ("P", "cdefios"),
        ("S", "ckmo"),
        ("Z", "lps"),
    )
    for minor in ("", *minors)
)
