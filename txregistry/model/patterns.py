"""
The regular expressions of a configuration, in the language that distribution reads them in.

That is RE2's (Go's): Python's own differs where it hurts (``$``, ``\\d``, flags
in the middle), and may take exponential time, which whoever pushes a
manifest would choose.  RE2 takes time in proportion to the text.
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class InvalidPattern(ValueError):
    """The text is no regular expression that can be used; *reason* says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Patterns:
    """
    Regular expressions of which any may be found, anywhere in a text.

    :raises InvalidPattern: one of *expressions* is none, or they are too large together.
    """

    def __init__(self, expressions: Sequence[str]) -> None:
        try:
            for each in expressions:
                re2.compile(each, _OPTIONS)  # so that no parenthesis is closed by another expression
            self._compiled = re2.compile("|".join(f"(?:{each})" for each in expressions), _OPTIONS)
        except re2.error as e:
            raise InvalidPattern(e.args[0].decode("utf-8", "replace")) from None

    def search(self, text: str) -> bool:
        """Whether one of the expressions is found in *text*."""
        return self._compiled.search(text) is not None
