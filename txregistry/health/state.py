"""What the checks said last, and whether that is bad enough."""

from __future__ import annotations

from collections.abc import Mapping

from zope.interface import implementer

from txregistry.interfaces import IHealth


class Verdict:
    """
    What one check said.

    :param threshold: so many failures in a row make it fail, at least one; one success makes it well again.
    """

    def __init__(self, threshold: int) -> None:
        self._threshold = max(1, threshold)
        self._in_a_row = 0
        #: Why it fails, or ``None`` while it does not.
        self.failure: str | None = None

    def passed(self) -> None:
        """It is well."""
        self._in_a_row = 0
        self.failure = None

    def failed(self, reason: str) -> None:
        """It is not, because of *reason*."""
        self._in_a_row += 1
        if self._in_a_row >= self._threshold:
            self.failure = reason


@implementer(IHealth)
class Health:
    """The verdicts of all checks; well until the first of them fails."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Verdict] = {}

    def add(self, name: str, threshold: int) -> Verdict:
        """A verdict for the check *name*, which no other check has."""
        if name in self._verdicts:
            raise ValueError(f"two checks are called {name}")
        verdict = self._verdicts[name] = Verdict(threshold)
        return verdict

    @property
    def failing(self) -> bool:
        """Whether any check fails now."""
        return any(verdict.failure is not None for verdict in self._verdicts.values())

    def failures(self) -> Mapping[str, str]:
        """The checks that fail now, by name, and why."""
        return {
            name: verdict.failure for name, verdict in self._verdicts.items() if verdict.failure is not None
        }
