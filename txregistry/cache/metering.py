"""Who hears of a cache when nobody wants to."""

from __future__ import annotations

from zope.interface import implementer

from txregistry.interfaces import ICacheMeter


@implementer(ICacheMeter)
class Unmetered:
    """Counts nothing."""

    def hit(self) -> None:
        """Do nothing."""

    def missed(self) -> None:
        """Do nothing."""

    def failed(self) -> None:
        """Do nothing."""

    def took(self, operation: str, seconds: float) -> None:
        """Do nothing."""
